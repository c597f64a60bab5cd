//! Subtitles and transcripts with times: SRT, WebVTT, LRC, Podcasting 2.0 JSON.
//!
//! What people have is rarely what the formats ask for: missing hours, full stops for
//! commas, numbers that repeat, cues without a blank line between them, styling tags,
//! rolling captions that repeat the line before. All of that reads as it was meant.
//! `cues` packs the result into moments.

use serde::Deserialize;

use super::voices;

/// Somebody says something from one time to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cue {
    pub(crate) t0_ms: u64,
    pub(crate) t1_ms: u64,
    pub(crate) speaker: Option<String>,
    pub(crate) text: String,
}

/// What a file of cues says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) title: Option<String>,
    pub(crate) author: Option<String>,
    pub(crate) lang: Option<String>,
    pub(crate) cues: Vec<Cue>,
}

/// A line of lyrics without a successor lasts so long.
const LRC_LAST_MS: u64 = 5_000;
/// A line of lyrics lasts at most so long: then the singer rests.
const LRC_LINE_MAX_MS: u64 = 15_000;
/// Captions roll over so many lines at most.
const ROLLING_MAX_LINES: usize = 8;
/// Hours beyond this are no times but noise: a year of sound.
const HOURS_MAX: u64 = 8_760;

/// Whether a text begins like SRT: a timing line among the first lines, with a number
/// before it.
pub(crate) fn looks_like_srt(head: &str) -> bool {
    let mut lines = head
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let number = lines
        .next()
        .is_some_and(|line| line.len() <= 6 && line.bytes().all(|b| b.is_ascii_digit()));
    number && lines.next().is_some_and(|line| timing(line).is_some())
}

/// "01:02:03,450", "02:03.45", "62.5" in milliseconds.
fn clock(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, fraction) = match text.rfind([',', '.']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let mut parts = whole.split(':').rev();
    let number = |part: &str| part.trim().parse::<u64>().ok();
    let seconds = number(parts.next()?)?;
    let minutes = parts.next().map_or(Some(0), number)?;
    let hours = parts.next().map_or(Some(0), number)?;
    if parts.next().is_some()
        || hours > HOURS_MAX
        || minutes > HOURS_MAX * 60
        || seconds > HOURS_MAX * 3600
    {
        return None;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut millis = 0;
    for place in 0..3 {
        millis = millis * 10
            + fraction
                .as_bytes()
                .get(place)
                .map_or(0, |digit| u64::from(digit - b'0'));
    }
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

/// "00:01,000 --> 00:02,000 align:start" as its two times.
fn timing(line: &str) -> Option<(u64, u64)> {
    let (start, end) = line.split_once("-->")?;
    let start = clock(start)?;
    let end = clock(end.split_whitespace().next()?)?;
    Some((start, end.max(start)))
}

/// SRT and WebVTT, which differ in what is between the cues.
pub(crate) fn timed_text(text: &str, vtt: bool) -> Script {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let starts: Vec<(usize, (u64, u64))> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, timing(line)?)))
        .collect();
    let mut script = Script {
        lang: lines
            .iter()
            .take(12)
            .find_map(|line| line.strip_prefix("Language:"))
            .map(|lang| lang.trim().to_owned()),
        ..Script::default()
    };
    let mut shown: Vec<String> = Vec::new();
    for (nth, (at, (t0_ms, t1_ms))) in starts.iter().enumerate() {
        let next = starts.get(nth + 1).map_or(lines.len(), |(next, _)| *next);
        let body = body_of(&lines[at + 1..next], vtt, nth + 1 < starts.len());
        let parts = voices::parts(body);
        // Rolling captions show the line before once more.
        let rolling = vtt && shown.len() <= ROLLING_MAX_LINES;
        for part in &parts {
            let fresh = part
                .said
                .iter()
                .filter(|line| !(rolling && shown.contains(line)));
            let fresh: Vec<&str> = fresh.map(String::as_str).collect();
            if !fresh.is_empty() {
                script.cues.push(Cue {
                    t0_ms: *t0_ms,
                    t1_ms: *t1_ms,
                    speaker: part.speaker.clone(),
                    text: fresh.join("\n"),
                });
            }
        }
        shown = parts.into_iter().flat_map(|part| part.said).collect();
    }
    in_order(script)
}

/// The lines of a cue, out of all up to the next timing line.
fn body_of<'a>(lines: &'a [&'a str], vtt: bool, more_follow: bool) -> &'a [&'a str] {
    if vtt && let Some(blank) = lines.iter().position(|line| line.is_empty()) {
        return &lines[..blank];
    }
    match lines {
        // The number of the next cue.
        [body @ .., number]
            if more_follow && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            body
        }
        _ => lines,
    }
}

/// LRC: `[mm:ss.xx]` before a line, several of them for a refrain, tags for the song.
pub(crate) fn lyrics(text: &str) -> Script {
    let mut script = Script::default();
    let mut offset_ms = 0_i64;
    let mut lines: Vec<(u64, String)> = Vec::new();
    for line in text.lines() {
        let mut rest = line.trim();
        let mut stamps = Vec::new();
        while let Some((tag, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            if let Some(stamp) = clock(tag).filter(|_| tag.contains(':')) {
                stamps.push(stamp);
            } else if let Some((key, value)) = tag.split_once(':').filter(|_| stamps.is_empty()) {
                let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
                match key.trim().to_ascii_lowercase().as_str() {
                    "ti" => script.title = value,
                    "ar" => script.author = value,
                    "offset" => offset_ms = value.and_then(|value| value.parse().ok()).unwrap_or(0),
                    _ => {}
                }
            } else {
                break;
            }
            rest = after.trim_start();
        }
        let said = voices::words(rest);
        lines.extend(stamps.into_iter().map(|stamp| (stamp, said.clone())));
    }
    script.cues = stamped(lines, offset_ms);
    script
}

/// Lines of which only the beginning is known, in any order, as cues: each lasts until the next
/// one. A positive offset shows them sooner.
pub(crate) fn stamped(mut lines: Vec<(u64, String)>, offset_ms: i64) -> Vec<Cue> {
    let shift = |stamp: u64| stamp.saturating_add_signed(offset_ms.saturating_neg());
    lines.sort_by_key(|(stamp, _)| *stamp);
    let mut cues = Vec::new();
    for (nth, (stamp, said)) in lines.iter().enumerate() {
        let lasts = lines
            .get(nth + 1)
            .map_or(LRC_LAST_MS, |(next, _)| (next - stamp).min(LRC_LINE_MAX_MS));
        if !said.is_empty() {
            cues.push(Cue {
                t0_ms: shift(*stamp),
                t1_ms: shift(stamp + lasts),
                speaker: None,
                text: said.clone(),
            });
        }
    }
    cues
}

/// Podcasting 2.0 JSON (`startTime`, `endTime`, `body`, `speaker`, in seconds) and the
/// JSON that Whisper's tools write (`start`, `end`, `text`). `None`: it is neither.
pub(crate) fn transcript_json(text: &str) -> Option<Script> {
    #[derive(Deserialize)]
    struct File {
        segments: Vec<Part>,
        #[serde(default)]
        title: Option<String>,
        #[serde(default)]
        language: Option<String>,
    }
    #[derive(Deserialize)]
    struct Part {
        #[serde(alias = "start")]
        #[serde(rename = "startTime")]
        start: f64,
        #[serde(alias = "end")]
        #[serde(rename = "endTime")]
        end: Option<f64>,
        #[serde(alias = "text")]
        body: String,
        #[serde(default)]
        speaker: Option<String>,
    }
    if !text.contains("\"segments\"") {
        return None;
    }
    let file: File = serde_json::from_str(text).ok()?;
    let millis =
        |seconds: f64| (seconds.clamp(0.0, HOURS_MAX as f64 * 3600.0) * 1000.0).round() as u64;
    let mut script = Script {
        title: file.title,
        lang: file.language,
        ..Script::default()
    };
    for part in file.segments {
        let t0_ms = millis(part.start);
        let said = part.body.trim();
        if said.is_empty() {
            continue;
        }
        let written = part.speaker.unwrap_or_default();
        let speaker = voices::name_of(&written);
        // What is too long for a name is said all the same.
        let text = match speaker {
            None if !written.trim().is_empty() => format!("{}: {said}", written.trim()),
            _ => said.to_owned(),
        };
        script.cues.push(Cue {
            t0_ms,
            t1_ms: part.end.map_or(t0_ms, millis).max(t0_ms),
            speaker,
            text,
        });
    }
    Some(in_order(script))
}

fn in_order(mut script: Script) -> Script {
    script.cues.sort_by_key(|cue| cue.t0_ms);
    script
}

#[cfg(test)]
#[allow(clippy::needless_raw_string_hashes, clippy::format_push_string)] // as expect-test writes; as tests read best
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(script: &Script, expect: &Expect) {
        let mut shown = String::new();
        for cue in &script.cues {
            let speaker = cue.speaker.as_deref().unwrap_or("-");
            shown += &format!("{} {} {speaker} {:?}\n", cue.t0_ms, cue.t1_ms, cue.text);
        }
        expect.assert_eq(&shown);
    }

    #[test]
    fn srt_as_people_have_it() {
        let text = "\u{feff}1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i> there\nsecond line\n\n1\n00:03.5 --> 00:04.25  X1:0\n{\\an8}你好 &amp; 再见\n3\n1:00:00,000 --> 0:59:59,000\nback to front\n\nwith a gap\n\n4\n00:00:02,000 --> 00:00:03,000\nout of order\n";
        check(
            &timed_text(text.trim_start_matches('\u{feff}'), false),
            &expect![[r#"
                1000 2500 - "Hello there\nsecond line"
                2000 3000 - "out of order"
                3500 4250 - "你好 & 再见"
                3600000 3600000 - "back to front\nwith a gap"
            "#]],
        );
    }

    #[test]
    fn vtt_with_voices_notes_and_rolling_lines() {
        let text = "WEBVTT\nLanguage: zh-CN\n\nNOTE\nnot said 1 --> 2\n\nSTYLE\n::cue{}\n\nintro\n00:01.000 --> 00:02.000 line:0\n<v Ada>Well <00:01.500><c>now</c>\n\n00:02.000 --> 00:03.000\n<v.loud Bob Smith>1 < 2\n\n00:03.000 --> 00:04.000\n1 < 2\nnew words\n";
        let script = timed_text(text, true);
        assert_eq!(script.lang.as_deref(), Some("zh-CN"));
        check(
            &script,
            &expect![[r#"
                1000 2000 Ada "Well now"
                2000 3000 Bob Smith "1 < 2"
                3000 4000 - "new words"
            "#]],
        );
    }

    #[test]
    fn a_cue_of_two_voices_is_two_cues() {
        let text = "WEBVTT\n\n00:01.000 --> 00:03.000\n<v 厚明>你好</v>\n<v Ada>Hello\n\n\
                    00:03.000 --> 00:04.000\n<v Ada>Hello\nagain\n";
        check(
            &timed_text(text, true),
            &expect![[r#"
                1000 3000 厚明 "你好"
                1000 3000 Ada "Hello"
                3000 4000 Ada "again"
            "#]],
        );
    }

    #[test]
    fn lyrics_with_refrains_and_an_offset() {
        let text = "[ti:童年]\n[ar:罗大佑]\n[offset:+500]\n[00:01.00][00:20.00]池塘边的榕树上\n[00:04.5]知了在声声叫着夏天\n[00:08]\n[03:00.00]<03:00.10>last\n";
        let script = lyrics(text);
        assert_eq!(script.title.as_deref(), Some("童年"));
        assert_eq!(script.author.as_deref(), Some("罗大佑"));
        check(
            &script,
            &expect![[r#"
                500 4000 - "池塘边的榕树上"
                4000 7500 - "知了在声声叫着夏天"
                19500 34500 - "池塘边的榕树上"
                179500 184500 - "last"
            "#]],
        );
    }

    #[test]
    fn transcripts_in_json() {
        let podcasting = r#"{"version":"1.0.0","segments":[
            {"speaker":"Ada","startTime":0.5,"endTime":1.25,"body":"Hello"},
            {"startTime":1.25,"body":"there"}]}"#;
        check(
            &transcript_json(podcasting).unwrap(),
            &expect![[r#"
                500 1250 Ada "Hello"
                1250 1250 - "there"
            "#]],
        );
        let whisper = r#"{"text":"x","segments":[{"id":0,"start":1.0,"end":2.0,"text":" hi "}],"language":"en"}"#;
        check(
            &transcript_json(whisper).unwrap(),
            &expect![[r#"
                1000 2000 - "hi"
            "#]],
        );
        let odd = format!(
            r#"{{"segments":[{{"speaker":" 厚\n明 ","start":1,"text":"好"}},
            {{"speaker":"{}","start":2,"text":"x"}},{{"speaker":" ","start":3,"text":"y"}}]}}"#,
            "long ".repeat(100)
        );
        let odd = transcript_json(&odd).unwrap().cues;
        assert_eq!(odd[0].speaker.as_deref(), Some("厚 明"));
        assert_eq!((&odd[1].speaker, &odd[2].speaker), (&None, &None));
        assert!(odd[1].text.starts_with("long long") && odd[1].text.ends_with("long: x"));
        assert_eq!(odd[2].text, "y");
        assert_eq!(transcript_json(r#"{"segments":[1,2]}"#), None);
        assert_eq!(transcript_json(r#"{"a":1}"#), None);
    }

    #[test]
    fn srt_is_known_by_its_beginning() {
        assert!(looks_like_srt("1\n00:00:01,000 --> 00:00:02,000\nx"));
        assert!(!looks_like_srt("1\n2\n3\n"));
        assert!(!looks_like_srt("a --> b\n"));
    }
}
