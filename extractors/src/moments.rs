//! Lines with times into moments.
//!
//! A line is too short to be found by what it means; an episode is too long to point at. A
//! moment is in between: 20 to 60 seconds or a passage's length, cut at pauses and sentence
//! ends, never across a speaker, a chapter or a long pause, with its times kept. Subtitles and speech
//! that was recognised are cut alike.
//!
//! Promises: every word of every line stands in one moment, in order; times are those of the
//! lines, which a moment keeps, and a line that is a monologue is shared out over its own time;
//! a line without a name goes on with the speaker before it, unless that was another scene.

use std::collections::VecDeque;

use crate::extraction::LineStart;
use crate::passage::{Gap, MAX_WEIGHT, MIN_WEIGHT, Packer, Shape, weight};
use crate::weight::is_cjk;

/// A moment of at least this length ends at the next pause or sentence.
pub const MOMENT_MIN_MS: u64 = 20_000;
/// No moment is longer than this, single lines aside.
pub const MOMENT_MAX_MS: u64 = 60_000;
/// A silence of this length is a pause in the talk.
const PAUSE_MS: u64 = 1_500;
/// A silence of this length ends a moment however short it is: another scene.
pub const SILENCE_MS: u64 = 15_000;
/// Lines of at most so many characters are single words (word-level transcripts).
const WORD_MAX_CHARS: usize = 3;

/// Somebody says something from one time to another.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// When it begins, in milliseconds.
    pub t0_ms: u64,
    /// When it ends.
    pub t1_ms: u64,
    /// Who says it, where that is known.
    pub speaker: Option<&'a str>,
    /// The words.
    pub text: &'a str,
}

/// What an answer points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When it begins, in milliseconds.
    pub t0_ms: u64,
    /// When it ends.
    pub t1_ms: u64,
    /// Who speaks, where that is known.
    pub speaker: Option<String>,
    /// The words; the speaker's name stands before them, but not in the later pieces of a line
    /// that was cut.
    pub text: String,
    /// Its lines; none where one line was cut into several moments.
    pub lines: Vec<LineStart>,
}

/// Cuts lines into moments: feed it with [`Cutter::push`], take what is ready with
/// [`Cutter::pop`], end it with [`Cutter::finish`].
#[derive(Debug, Default)]
pub struct Cutter {
    open: Open,
    ready: VecDeque<Moment>,
    chapters: Vec<u64>,
}

impl Cutter {
    /// Before the first line.
    pub fn new() -> Cutter {
        Cutter::default()
    }

    /// Before the first line of a recording whose chapters begin at these times, in order.
    pub fn of_chapters(chapters: Vec<u64>) -> Cutter {
        Cutter {
            chapters,
            ..Cutter::default()
        }
    }

    /// The next line.
    pub fn push(&mut self, line: Line<'_>) {
        let line_weight = weight(line.text);
        let mut speaker = line.speaker.map(str::to_owned);
        let chapter = |ms: u64| self.chapters.partition_point(|begins| *begins <= ms);
        if !self.open.moment.text.is_empty()
            && chapter(self.open.moment.t0_ms) != chapter(line.t0_ms)
        {
            self.finish();
        } else if self.open.ends_before(line, line_weight) {
            speaker = speaker.or_else(|| self.open.goes_on(line));
            self.finish();
        }
        self.open.add(line, speaker, line_weight);
    }

    /// The next moment that is complete.
    pub fn pop(&mut self) -> Option<Moment> {
        self.ready.pop_front()
    }

    /// The end: what is open is complete. One that is too heavy (a line of a whole monologue)
    /// comes in pieces, each with its share of the time.
    pub fn finish(&mut self) {
        let Open {
            moment,
            weight: total,
        } = std::mem::take(&mut self.open);
        if moment.text.is_empty() {
            return;
        }
        if total <= MAX_WEIGHT {
            self.ready.push_back(moment);
            return;
        }
        let mut packer = Packer::new();
        packer.push(Shape::Prose, Gap::Line, &moment.text);
        packer.flush();
        let length_ms = (moment.t1_ms - moment.t0_ms) as f64;
        let at =
            |said: usize| moment.t0_ms + (length_ms * (said as f64 / total as f64).min(1.0)) as u64;
        let mut said = 0;
        while let Some(piece) = packer.pop() {
            let fresh = weight(&piece.text[piece.overlap_bytes..]);
            self.ready.push_back(Moment {
                t0_ms: at(said),
                t1_ms: at(said + fresh),
                speaker: moment.speaker.clone(),
                text: piece.text,
                lines: Vec::new(),
            });
            said += fresh;
        }
    }
}

/// The moment that is being put together.
#[derive(Debug)]
struct Open {
    moment: Moment,
    weight: usize,
}

impl Default for Open {
    fn default() -> Open {
        Open {
            moment: Moment {
                t0_ms: 0,
                t1_ms: 0,
                speaker: None,
                text: String::new(),
                lines: Vec::new(),
            },
            weight: 0,
        }
    }
}

impl Open {
    /// Whether the moment ends before this line.
    fn ends_before(&self, line: Line<'_>, line_weight: usize) -> bool {
        let Moment {
            t0_ms,
            t1_ms,
            speaker,
            text,
            ..
        } = &self.moment;
        if text.is_empty() {
            return false;
        }
        if line.speaker.is_some() && line.speaker != speaker.as_deref() {
            return true;
        }
        let pause_ms = line.t0_ms.saturating_sub(*t1_ms);
        let grown_ms = line.t1_ms.saturating_sub(*t0_ms);
        if pause_ms >= SILENCE_MS
            || grown_ms > MOMENT_MAX_MS
            || self.weight + line_weight > MAX_WEIGHT
        {
            return true;
        }
        let long_enough =
            t1_ms.saturating_sub(*t0_ms) >= MOMENT_MIN_MS || self.weight >= MIN_WEIGHT;
        let sentence_ended = text
            .trim_end()
            .ends_with(['.', '!', '?', '。', '！', '？', '…']);
        long_enough && (pause_ms >= PAUSE_MS || sentence_ended)
    }

    /// The speaker, where this line follows soon enough to be theirs.
    fn goes_on(&self, line: Line<'_>) -> Option<String> {
        let pause_ms = line.t0_ms.saturating_sub(self.moment.t1_ms);
        let speaker = self.moment.speaker.clone();
        speaker.filter(|_| pause_ms < SILENCE_MS)
    }

    fn add(&mut self, line: Line<'_>, speaker: Option<String>, line_weight: usize) {
        let moment = &mut self.moment;
        let mut at = 0;
        if moment.text.is_empty() {
            moment.t0_ms = line.t0_ms;
            if let Some(speaker) = &speaker {
                moment.text = format!("{speaker}: ");
                self.weight = weight(&moment.text);
            }
            moment.speaker = speaker;
        } else {
            let joint = joint(&moment.text, line.text);
            moment.text.push_str(joint);
            at = moment.text.len() as u32;
        }
        let t0_ms = line.t0_ms;
        moment.lines.push(LineStart { at, t0_ms });
        moment.text.push_str(line.text);
        self.weight += line_weight;
        moment.t1_ms = moment.t1_ms.max(line.t1_ms);
    }
}

/// What stands between two lines: nothing between the characters of a Chinese word-by-word
/// transcript, a line's end between Chinese utterances (which carry no full stops), a space
/// otherwise.
fn joint(before: &str, after: &str) -> &'static str {
    let meet =
        before.chars().next_back().is_some_and(is_cjk) && after.chars().next().is_some_and(is_cjk);
    if !meet {
        " "
    } else if after.chars().nth(WORD_MAX_CHARS).is_none() {
        ""
    } else {
        "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = (u64, u64, Option<&'static str>, String);

    #[test]
    fn a_chapter_begins_a_moment() {
        let mut cutter = Cutter::of_chapters(vec![0, 4_000]);
        for (t0_ms, text) in [
            (0, "One"),
            (2_000, "two"),
            (4_000, "three"),
            (5_000, "four"),
        ] {
            cutter.push(Line {
                t0_ms,
                t1_ms: t0_ms + 1_000,
                speaker: None,
                text,
            });
        }
        cutter.finish();
        let texts: Vec<String> = std::iter::from_fn(|| cutter.pop())
            .map(|m| m.text)
            .collect();
        assert_eq!(texts, ["One two", "three four"]);
    }

    fn cut(lines: &[Owned]) -> Vec<Moment> {
        let mut cutter = Cutter::new();
        let mut moments = Vec::new();
        for (t0_ms, t1_ms, speaker, text) in lines {
            cutter.push(Line {
                t0_ms: *t0_ms,
                t1_ms: *t1_ms,
                speaker: *speaker,
                text,
            });
            moments.extend(std::iter::from_fn(|| cutter.pop()));
        }
        cutter.finish();
        moments.extend(std::iter::from_fn(|| cutter.pop()));
        moments
    }

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    #[test]
    fn a_line_with_a_name_ends_another_speaker() {
        let moments = cut(&[
            (0, 2_000, Some("Ada"), "One".to_owned()),
            (2_000, 4_000, None, "two".to_owned()),
            (4_000, 6_000, Some("Bob"), "three".to_owned()),
        ]);
        let texts: Vec<_> = moments.iter().map(|moment| moment.text.as_str()).collect();
        assert_eq!(texts, ["Ada: One two", "Bob: three"]);
        let speakers: Vec<_> = moments.iter().map(|m| m.speaker.as_deref()).collect();
        assert_eq!(speakers, [Some("Ada"), Some("Bob")]);
    }

    #[test]
    fn a_speaker_goes_on_over_a_cut_and_ends_with_the_scene() {
        let said = |at_s: u64, speaker, text: &str| {
            let at_ms = at_s * 1_000;
            (at_ms, at_ms + 30_000, speaker, text.to_owned())
        };
        let moments = cut(&[
            said(0, Some("厚明"), "你好。"),
            said(32, None, "再见。"),
            said(90, None, "Music."),
        ]);
        let told: Vec<_> = moments
            .iter()
            .map(|m| (m.speaker.as_deref(), m.text.as_str()))
            .collect();
        let ming = Some("厚明");
        assert_eq!(
            told,
            [
                (ming, "厚明: 你好。"),
                (ming, "厚明: 再见。"),
                (None, "Music.")
            ]
        );
    }

    #[test]
    fn every_piece_of_a_monologue_has_its_speaker() {
        let text = "A sentence of six words here. ".repeat(100);
        let moments = cut(&[(0, 100_000, Some("Ada"), text)]);
        assert!(moments.len() >= 3);
        let is_ada = |moment: &Moment| moment.speaker.as_deref() == Some("Ada");
        assert!(moments.iter().all(is_ada), "{moments:?}");
    }

    #[test]
    fn moments_know_their_lines() {
        let moments = cut(&[
            (1_000, 3_000, Some("Ada"), "One".to_owned()),
            (3_500, 4_000, None, "two.".to_owned()),
        ]);
        let lines: Vec<_> = moments[0]
            .lines
            .iter()
            .map(|line| (line.at, line.t0_ms))
            .collect();
        assert_eq!(lines, [(0, 1_000), (9, 3_500)]);
        assert_eq!(&moments[0].text[9..], "two.");
    }

    proptest! {
        /// Nothing is lost and the bounds hold, whatever is said and whenever.
        #[test]
        fn nothing_is_lost_and_bounds_hold(
            lines in prop::collection::vec((0_u64..40_000, 100_u64..30_000, 1_usize..60, any::<bool>()), 1..120)
        ) {
            let mut at = 0;
            let mut count = 0;
            let lines: Vec<Owned> = lines
                .into_iter()
                .map(|(pause, length, said, ends)| {
                    let t0 = at + pause;
                    at = t0 + length;
                    let mut text = (count..count + said).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
                    count += said;
                    if ends { text.push('.'); }
                    (t0, at, None, text)
                })
                .collect();
            let moments = cut(&lines);
            let all: Vec<String> = lines.iter().flat_map(|line| words(&line.3)).map(str::to_owned).collect();
            let kept: Vec<String> = moments.iter().flat_map(|moment| words(&moment.text)).map(str::to_owned).collect();
            prop_assert_eq!(kept, all);
            let mut before = 0;
            for moment in &moments {
                prop_assert!(before <= moment.t0_ms && moment.t0_ms <= moment.t1_ms);
                prop_assert!(moment.t1_ms - moment.t0_ms <= MOMENT_MAX_MS);
                prop_assert!(weight(&moment.text) <= MAX_WEIGHT);
                before = moment.t1_ms;
            }
            for pair in lines.windows(2) {
                if pair[1].0 - pair[0].1 >= SILENCE_MS {
                    let across = moments.iter().any(|m| m.t0_ms < pair[0].1 && m.t1_ms > pair[1].0);
                    prop_assert!(!across, "a moment lies across a long pause");
                }
            }
            // Short ones have their reason: a long pause, a limit, or the end.
            for (nth, moment) in moments.iter().enumerate().take(moments.len() - 1) {
                let next = &moments[nth + 1];
                let long = moment.t1_ms - moment.t0_ms >= MOMENT_MIN_MS || weight(&moment.text) >= MIN_WEIGHT;
                let first_of_next = lines.iter().find(|line| line.0 == next.t0_ms);
                let reason = next.t0_ms - moment.t1_ms >= SILENCE_MS
                    || first_of_next.is_none_or(|line| {
                        line.1 - moment.t0_ms > MOMENT_MAX_MS
                            || weight(&moment.text) + weight(&line.3) > MAX_WEIGHT
                    });
                prop_assert!(long || reason, "{moment:?} before {next:?}");
            }
        }
    }
}
