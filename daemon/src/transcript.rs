//! What was said in a recording, in the formats that players and editors read.
//!
//! - `txt`: a line an utterance, without times;
//! - `srt`: SubRip;
//! - `vtt`: WebVTT (W3C), with what would be markup escaped;
//! - `json`: the Podcast Namespace's JSON transcripts (version 1.0.0), times in seconds.
//!
//! Who speaks has a place of its own in the last two; in the others the name stands before the
//! words where somebody else begins.
//!
//! Pure. Times are in milliseconds of the recording; an empty transcript is a valid file.

use std::fmt::Write as _;

use serde_json::json;

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it begins.
    pub t0_ms: u64,
    /// When it ends.
    pub t1_ms: u64,
    /// Who speaks, where that is known.
    pub speaker: Option<String>,
    /// The words, without the name.
    pub text: String,
}

/// Who says what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A recogniser, which heard it.
    Speech,
    /// A publisher's transcript that lies beside the recording.
    Beside,
    /// The lyrics in the recording's tags.
    Inside,
    /// The file, which is a transcript.
    Itself,
}

impl By {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            By::Speech => "speech",
            By::Beside => "beside",
            By::Inside => "inside",
            By::Itself => "itself",
        }
    }

    /// The same for people.
    pub fn in_words(name: &str) -> Option<&'static str> {
        Some(match name {
            "speech" => "as a speech model heard it",
            "beside" => "by the transcript beside it",
            "inside" => "by the lyrics inside it",
            _ => return None,
        })
    }

    /// What stands in the generation of rows that were made so.
    pub fn mark(self, timed: bool) -> String {
        let what = if timed { "times" } else { "text" };
        format!("~{}:{what}", self.as_str())
    }

    /// Which publisher's transcript gave a recording's rows their words, by their generation.
    pub fn published(generation: &str) -> Option<By> {
        let extractor = generation.split('+').next().unwrap_or_default();
        let marked = |by: &By| extractor.contains(&format!("~{}:", by.as_str()));
        [By::Beside, By::Inside].into_iter().find(marked)
    }
}

/// What was said, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// Who says so.
    pub by: By,
    /// In order of time.
    pub lines: Vec<Line>,
}

/// How a transcript is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text alone.
    Txt,
    /// SubRip.
    Srt,
    /// WebVTT.
    Vtt,
    /// Podcasting 2.0.
    Json,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [Format::Txt, Format::Srt, Format::Vtt, Format::Json];

    /// Its name, which is also the ending of its files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Txt => "txt",
            Format::Srt => "srt",
            Format::Vtt => "vtt",
            Format::Json => "json",
        }
    }

    /// The format of this name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.as_str() == name)
    }

    /// Its media type.
    pub const fn mime(self) -> &'static str {
        match self {
            Format::Txt => "text/plain; charset=utf-8",
            Format::Srt => "application/x-subrip; charset=utf-8",
            Format::Vtt => "text/vtt; charset=utf-8",
            Format::Json => "application/json",
        }
    }
}

/// Writes lines, which are in order of time.
pub fn write(lines: &[Line], format: Format) -> String {
    match format {
        Format::Txt => behind_names(lines).map(|line| line + "\n").collect(),
        Format::Srt => srt(lines),
        Format::Vtt => vtt(lines),
        Format::Json => {
            let segments: Vec<_> = lines.iter().map(segment).collect();
            let document = json!({ "version": "1.0.0", "segments": segments });
            format!("{document:#}\n")
        }
    }
}

fn segment(line: &Line) -> serde_json::Value {
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let mut segment = json!({
        "startTime": seconds(line.t0_ms),
        "endTime": seconds(line.t1_ms),
        "body": one_line(&line.text),
    });
    if let Some(speaker) = &line.speaker {
        segment["speaker"] = json!(speaker);
    }
    segment
}

fn srt(lines: &[Line]) -> String {
    let mut out = String::new();
    for (at, (line, text)) in lines.iter().zip(behind_names(lines)).enumerate() {
        let (from, to) = (clock(line.t0_ms, ','), clock(line.t1_ms, ','));
        // An arrow would be taken for times.
        let text = text.replace("-->", "→");
        let _ = write!(out, "{}\n{from} --> {to}\n{text}\n\n", at + 1);
    }
    out
}

fn vtt(lines: &[Line]) -> String {
    let mut out = "WEBVTT\n\n".to_owned();
    for line in lines {
        let (from, to) = (clock(line.t0_ms, '.'), clock(line.t1_ms, '.'));
        let escaped = |text: &str| one_line(text).replace('&', "&amp;").replace('<', "&lt;");
        let name = line.speaker.as_deref().map(escaped);
        // The name ends where its tag is closed.
        let voice = name.map(|name| format!("<v {}>", name.replace('>', "&gt;")));
        let voice = voice.unwrap_or_default();
        // An arrow would be taken for times.
        let text = escaped(&line.text).replace("-->", "--&gt;");
        let _ = write!(out, "{from} --> {to}\n{voice}{text}\n\n");
    }
    out
}

/// The words of each line, behind the name where somebody else begins to speak.
fn behind_names(lines: &[Line]) -> impl Iterator<Item = String> {
    let speakers = lines.iter().map(|line| line.speaker.as_deref());
    let before = std::iter::once(None).chain(speakers);
    lines.iter().zip(before).map(|(line, before)| {
        let words = one_line(&line.text);
        match line.speaker.as_deref() {
            Some(name) if before != Some(name) => format!("{name}: {words}"),
            _ => words,
        }
    })
}

/// A blank line would end a cue.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn clock(ms: u64, mark: char) -> String {
    let (s, rest) = (ms / 1_000, ms % 1_000);
    format!(
        "{:02}:{:02}:{:02}{mark}{rest:03}",
        s / 3_600,
        s / 60 % 60,
        s % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Line> {
        let line = |t0_ms, t1_ms, text: &str| Line {
            t0_ms,
            t1_ms,
            speaker: None,
            text: text.to_owned(),
        };
        vec![
            line(250, 2_000, "Cats & dogs\n\n<live> --> here."),
            line(3_661_005, 3_662_000, "训练成本每年下降。"),
        ]
    }

    #[test]
    fn generations_tell_whose_words_they_hold() {
        for by in [By::Beside, By::Inside] {
            for timed in [true, false] {
                let made = format!("x5~whisper-tiny-01{}+3", by.mark(timed));
                assert_eq!(By::published(&made), Some(by), "{made}");
            }
        }
        assert_eq!(By::published("x5~whisper-tiny-01+3+o="), None);
        assert_eq!(By::published("x5+~beside:"), None);
    }

    #[test]
    fn text_is_a_line_an_utterance() {
        assert_eq!(
            write(&lines(), Format::Txt),
            "Cats & dogs <live> --> here.\n\
             训练成本每年下降。\n"
        );
    }

    #[test]
    fn subrip_counts_its_cues_and_has_commas() {
        assert_eq!(
            write(&lines(), Format::Srt),
            "1\n\
             00:00:00,250 --> 00:00:02,000\n\
             Cats & dogs <live> → here.\n\
             \n\
             2\n\
             01:01:01,005 --> 01:01:02,000\n\
             训练成本每年下降。\n\
             \n"
        );
    }

    #[test]
    fn webvtt_escapes_what_would_be_markup() {
        assert_eq!(
            write(&lines(), Format::Vtt),
            "WEBVTT\n\
             \n\
             00:00:00.250 --> 00:00:02.000\n\
             Cats &amp; dogs &lt;live> --&gt; here.\n\
             \n\
             01:01:01.005 --> 01:01:02.000\n\
             训练成本每年下降。\n\
             \n"
        );
    }

    #[test]
    fn podcast_json_has_seconds() {
        let written = write(&lines(), Format::Json);
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["version"], "1.0.0");
        assert_eq!(read["segments"][1]["startTime"], 3_661.005);
        assert_eq!(read["segments"][1]["body"], "训练成本每年下降。");
    }

    #[test]
    fn speakers_stand_where_each_format_has_them() {
        let said = |t0_ms, speaker: Option<&str>, text: &str| Line {
            t0_ms,
            t1_ms: t0_ms + 500,
            speaker: speaker.map(str::to_owned),
            text: text.to_owned(),
        };
        let ming = Some("厚明");
        let lines = [
            said(0, ming, "你好。"),
            said(1_000, ming, "欢迎。"),
            said(2_000, Some("R&D <x> --> y"), "Hi."),
            said(3_000, None, "Music."),
        ];
        assert_eq!(
            write(&lines, Format::Txt),
            "厚明: 你好。\n欢迎。\nR&D <x> --> y: Hi.\nMusic.\n"
        );
        assert!(write(&lines, Format::Srt).starts_with(
            "1\n00:00:00,000 --> 00:00:00,500\n厚明: 你好。\n\n\
             2\n00:00:01,000 --> 00:00:01,500\n欢迎。\n\n\
             3\n00:00:02,000 --> 00:00:02,500\nR&D <x> → y: Hi.\n\n"
        ));
        assert!(write(&lines, Format::Vtt).ends_with(
            "00:00:00.000 --> 00:00:00.500\n<v 厚明>你好。\n\n\
             00:00:01.000 --> 00:00:01.500\n<v 厚明>欢迎。\n\n\
             00:00:02.000 --> 00:00:02.500\n<v R&amp;D &lt;x&gt; --&gt; y>Hi.\n\n\
             00:00:03.000 --> 00:00:03.500\nMusic.\n\n"
        ));
        let read: serde_json::Value = serde_json::from_str(&write(&lines, Format::Json)).unwrap();
        let segments = &read["segments"];
        assert_eq!(
            (&segments[0]["speaker"], &segments[0]["body"]),
            (&json!("厚明"), &json!("你好。"))
        );
        assert_eq!(segments[3].get("speaker"), None);
    }
}
