//! Cues into moments.
//!
//! A cue is a line on a screen, too short to be found by what it means; an episode is too
//! long to point at. A moment is in between: 20 to 60 seconds or a passage's length, cut
//! at pauses and sentence ends, never across a speaker, with its times kept.

use super::subtitle::{Cue, Script};
use super::writer::{Place, Writer};
use crate::passage::{Gap, MAX_WEIGHT, MIN_WEIGHT, Packer, Shape, weight};
use crate::weight::is_cjk;

/// A moment of at least this length ends at the next pause or sentence.
const MOMENT_MIN_MS: u64 = 20_000;
/// No moment is longer than this, single cues aside.
const MOMENT_MAX_MS: u64 = 60_000;
/// A silence of this length is a pause in the talk.
const PAUSE_MS: u64 = 1_500;
/// A silence of this length ends a moment however short it is: another scene.
const SILENCE_MS: u64 = 15_000;
/// Cues of at most so many characters are single words (word-level transcripts).
const WORD_CUE_MAX_CHARS: usize = 3;

/// The moment that is being put together.
#[derive(Default)]
struct Moment {
    text: String,
    weight: usize,
    t0_ms: u64,
    t1_ms: u64,
    speaker: Option<String>,
}

impl Moment {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether the moment ends before this cue.
    fn ends_before(&self, cue: &Cue, cue_weight: usize) -> bool {
        if self.is_empty() {
            return false;
        }
        // A cue without a name goes on with the speaker before it.
        if cue.speaker.is_some() && cue.speaker != self.speaker {
            return true;
        }
        let pause_ms = cue.t0_ms.saturating_sub(self.t1_ms);
        let grown_ms = cue.t1_ms.saturating_sub(self.t0_ms);
        if pause_ms >= SILENCE_MS
            || grown_ms > MOMENT_MAX_MS
            || self.weight + cue_weight > MAX_WEIGHT
        {
            return true;
        }
        let long_enough =
            self.t1_ms.saturating_sub(self.t0_ms) >= MOMENT_MIN_MS || self.weight >= MIN_WEIGHT;
        let sentence_ended = self
            .text
            .trim_end()
            .ends_with(['.', '!', '?', '。', '！', '？', '…']);
        long_enough && (pause_ms >= PAUSE_MS || sentence_ended)
    }

    fn add(&mut self, cue: &Cue, cue_weight: usize) {
        if self.is_empty() {
            self.t0_ms = cue.t0_ms;
            self.speaker.clone_from(&cue.speaker);
            if let Some(speaker) = &cue.speaker {
                self.text = format!("{speaker}: ");
                self.weight = weight(&self.text);
            }
        } else {
            self.text.push_str(joint(&self.text, &cue.text));
        }
        self.text.push_str(&cue.text);
        self.weight += cue_weight;
        self.t1_ms = self.t1_ms.max(cue.t1_ms);
    }
}

/// What stands between two cues: nothing between the characters of a Chinese
/// word-by-word transcript, a line's end between Chinese utterances (which carry no full
/// stops), a space otherwise.
fn joint(before: &str, after: &str) -> &'static str {
    let meet =
        before.chars().next_back().is_some_and(is_cjk) && after.chars().next().is_some_and(is_cjk);
    if !meet {
        " "
    } else if after.chars().nth(WORD_CUE_MAX_CHARS).is_none() {
        ""
    } else {
        "\n"
    }
}

/// Writes a script as moments.
pub(crate) fn write(script: &Script, writer: &mut Writer<'_>) {
    let total = script.cues.len() as u64;
    let mut moment = Moment::default();
    for (nth, cue) in script.cues.iter().enumerate() {
        if writer.closed() {
            return;
        }
        if nth % 1024 == 0 {
            writer.progress(nth as u64, total, "transcript");
        }
        let cue_weight = weight(&cue.text);
        if moment.ends_before(cue, cue_weight) {
            end(&mut moment, writer);
        }
        moment.add(cue, cue_weight);
    }
    end(&mut moment, writer);
}

/// Writes the moment; one that is too heavy (a cue of a whole monologue) in pieces, each
/// with its share of the time.
fn end(moment: &mut Moment, writer: &mut Writer<'_>) {
    let done = std::mem::take(moment);
    if done.weight <= MAX_WEIGHT {
        writer.put(&done.text, Place::moment(done.t0_ms, done.t1_ms));
        return;
    }
    let mut packer = Packer::new();
    packer.push(Shape::Prose, Gap::Line, &done.text);
    packer.flush();
    let total = done.weight as f64;
    let length_ms = (done.t1_ms - done.t0_ms) as f64;
    let mut said = 0;
    while let Some(piece) = packer.pop() {
        let at = |weight: usize| done.t0_ms + (length_ms * (weight as f64 / total).min(1.0)) as u64;
        let fresh = weight(&piece.text[piece.overlap_bytes..]);
        writer.put(&piece.text, Place::moment(at(said), at(said + fresh)));
        said += fresh;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Segment;
    use crate::format::tests::limits;
    use crate::parse::writer::tests::Kept;

    fn moments(cues: Vec<Cue>) -> Vec<Segment> {
        let script = Script {
            cues,
            ..Script::default()
        };
        let limits = limits();
        let mut kept = Kept::default();
        write(&script, &mut Writer::new(&mut kept, &limits));
        kept.segments
    }

    fn cue(t0_s: u64, t1_s: u64, speaker: Option<&str>, text: &str) -> Cue {
        Cue {
            t0_ms: t0_s * 1000,
            t1_ms: t1_s * 1000,
            speaker: speaker.map(str::to_owned),
            text: text.to_owned(),
        }
    }

    #[test]
    fn cues_become_moments_of_decent_length() {
        let cues = (0..200)
            .map(|n| cue(n * 3, n * 3 + 3, None, "some words that are said"))
            .collect();
        let moments = moments(cues);
        for moment in &moments {
            let length_ms = moment.t1_ms.unwrap() - moment.t0_ms.unwrap();
            assert!(length_ms <= MOMENT_MAX_MS);
            assert!(moment.source == crate::Source::Transcript);
        }
        assert!((10..=30).contains(&moments.len()), "{}", moments.len());
        assert_eq!(moments[0].t0_ms, Some(0));
        assert_eq!(moments.last().unwrap().t1_ms, Some(600_000));
    }

    #[test]
    fn a_moment_has_one_speaker() {
        let moments = moments(vec![
            cue(0, 2, Some("Ada"), "One"),
            cue(2, 4, None, "two"),
            cue(4, 6, Some("Bob"), "three"),
        ]);
        let texts: Vec<_> = moments.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, ["Ada: One two", "Bob: three"]);
        assert_eq!(
            (moments[1].t0_ms, moments[1].t1_ms),
            (Some(4000), Some(6000))
        );
    }

    #[test]
    fn words_and_utterances_are_joined_as_they_are_read() {
        let words = moments(vec![
            cue(0, 1, None, "训练"),
            cue(1, 2, None, "成本"),
            cue(2, 3, None, "下降"),
        ]);
        assert_eq!(words[0].text, "训练成本下降");
        let lines = moments(vec![
            cue(0, 1, None, "今天是这样的"),
            cue(1, 2, None, "我们来聊一聊"),
        ]);
        assert_eq!(lines[0].text, "今天是这样的\n我们来聊一聊");
    }

    #[test]
    fn a_monologue_in_one_cue_is_shared_out() {
        let moments = moments(vec![cue(
            0,
            100,
            None,
            &"A sentence of six words here. ".repeat(100),
        )]);
        assert!(moments.len() >= 3);
        assert_eq!(moments[0].t0_ms, Some(0));
        assert_eq!(moments.last().unwrap().t1_ms, Some(100_000));
        for pair in moments.windows(2) {
            assert_eq!(pair[0].t1_ms, pair[1].t0_ms);
        }
    }
}
