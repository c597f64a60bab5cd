//! The words that extraction speaks: segments, metadata, refusals.
//!
//! Plain data, serialisable, because it crosses the pipe between the sandboxed worker
//! and the daemon. Names written to disk or shown to a user (`as_str`) are stable.

use std::fmt;

use hippo_config::PictureSpec;
use serde::{Deserialize, Serialize};

/// Grows whenever the same bytes would give other segments than before, so that files
/// are extracted anew. Part of every segment's id.
pub const EXTRACTOR_VERSION: u32 = 9;

/// What a file is, as a user would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text in any dress: notes, web pages, source code, tables, subtitles.
    Text,
    /// A PDF document.
    Pdf,
    /// A picture.
    Image,
    /// A recording.
    Audio,
    /// A film; its sound track is what is heard.
    Video,
}

impl Kind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Kind; 5] = [Kind::Text, Kind::Pdf, Kind::Image, Kind::Audio, Kind::Video];

    /// The name in the table, the filters and the answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Pdf => "pdf",
            Kind::Image => "image",
            Kind::Audio => "audio",
            Kind::Video => "video",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a segment's text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The document's own text.
    Body,
    /// Read off pixels.
    Ocr,
    /// Words for what a picture shows.
    Tags,
    /// Heard by the speech model.
    Speech,
    /// A publisher's transcript or subtitles.
    Transcript,
    /// A caption written for a picture.
    Caption,
}

impl Source {
    /// The name in the table and the answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Body => "body",
            Source::Ocr => "ocr",
            Source::Tags => "tags",
            Source::Speech => "speech",
            Source::Transcript => "transcript",
            Source::Caption => "caption",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The smallest thing that a hit can point at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its place in the file: 0, 1, 2, ... without a gap.
    pub ordinal: u32,
    /// The page, counted from 1; none where a file has no pages.
    pub page: Option<u32>,
    /// When it begins, in milliseconds; none where a file has no times.
    pub t0_ms: Option<u64>,
    /// When it ends, in milliseconds.
    pub t1_ms: Option<u64>,
    /// Where its text came from.
    pub source: Source,
    /// The text as it is shown. Never empty but for a picture, which may have none.
    pub text: String,
    /// Whether it is a picture: then its pixels go with it, as [`Wants`] asks for them.
    pub picture: bool,
    /// ISO 639-1 ("zh", "en", "ja", ...); none where it cannot be told.
    pub lang: Option<String>,
    /// Of a moment: who speaks, where a transcript names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// Of a moment: its lines, in order; none where nothing tells when they are said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineStart>,
}

/// Where a line of a moment begins, in its text and in the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineStart {
    /// Bytes of the text before it.
    pub at: u32,
    /// In milliseconds.
    pub t0_ms: u64,
}

/// Decoded pixels: sRGB, upright, on white where they were transparent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue; rows from top to bottom: `3 * width * height` bytes.
    pub rgb: Vec<u8>,
}

/// Pixels that writing is to be read off: upright, on white where they were transparent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The page, counted from 1; none for a picture.
    pub page: Option<u32>,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// How light each is; rows from top to bottom: `width * height` bytes. Writing has no
    /// colour that matters, and a page takes a third of the room so.
    pub grey: Vec<u8>,
}

/// How light a colour is (ITU-R BT.601, whose weights sum to 1000).
pub(crate) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    ((red * 299 + green * 587 + blue * 114 + 500) / 1000) as u8
}

/// Scans of one file at most. At about a second each, a file holds its place for some
/// minutes and no longer.
pub const SCANS_MAX: u32 = 200;

/// What an extraction gives besides text, because a model waits for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wants {
    /// Every picture, once for each of these.
    pub pictures: Vec<PictureSpec>,
    /// The samples of recordings.
    pub sound: bool,
    /// Of a recording its cover, as a picture, and nothing else.
    #[serde(default)]
    pub cover: bool,
    /// Pictures, and pages without text, as [`Scan`]s of at most so many pixels on their
    /// longest side. None are made larger than they are.
    #[serde(default)]
    pub scans: Option<u32>,
}

/// When, where and with what a picture was taken, as far as it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shot {
    /// ISO 8601 by the camera's clock, `2024-05-17T14:03:22`, with the zone where it is
    /// known: `2024-05-17T14:03:22+08:00`.
    pub time: Option<String>,
    /// Maker and model.
    pub camera: Option<String>,
    /// Latitude and longitude in degrees, north and east positive: `52.51630, 13.37770`.
    pub position: Option<String>,
    /// What it is called there, from the town to the country, in English and Chinese.
    #[serde(default)]
    pub place: Option<String>,
}

/// What is known of a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// What the bytes are (a lying name does not count).
    pub kind: Kind,
    /// Media type, such as `text/markdown`.
    pub mime: String,
    /// The document's own title.
    pub title: Option<String>,
    /// The document's own author.
    pub author: Option<String>,
    /// ISO 639-1 of most of the text.
    pub lang: Option<String>,
    /// How many pages it has, where it has pages.
    pub pages: Option<u32>,
    /// Of a picture or a film: when, where and with what it was taken.
    pub shot: Option<Shot>,
    /// Of a picture: a perceptual hash, of which few bits differ between pictures that look alike.
    #[serde(default)]
    pub looks: Option<u64>,
    /// What read it: "text", "pdfium", "pdf-extract", "image", ...
    pub engine: String,
    /// What a user may want to know: pages without text, what a limit cut off.
    pub notes: Vec<String>,
    /// What is known of a recording or a film; none of other kinds.
    #[serde(default)]
    pub sound: Option<Sound>,
    /// Of a podcast's feed: the files that it names.
    #[serde(default)]
    pub feed: Option<Feed>,
    /// Pages, or the one picture, whose writing is in their pixels alone: what a model for
    /// OCR has to look at.
    #[serde(default)]
    pub in_pixels: u32,
}

/// A recording's or a film's own account of itself, beside title and author.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// How long it plays, in milliseconds; none where nothing tells.
    pub duration_ms: Option<u64>,
    /// The podcast, series or album that it belongs to.
    pub show: Option<String>,
    /// Its number there, as written.
    pub episode: Option<String>,
    /// When it was published or recorded, as written: "2024", "2024-05-01", ...
    pub date: Option<String>,
    /// Its chapters, in order of time.
    pub chapters: Vec<Chapter>,
}

/// A named stretch of a recording; it ends where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// When it begins, in milliseconds.
    pub t0_ms: u64,
    /// What it is called.
    pub title: String,
}

/// Files that one feed names, at most: an episode a week for twenty years, with names and
/// titles of the longest within a worker's frame.
pub const EPISODES_MAX: usize = 1_000;

/// What a podcast's feed says of the files of its episodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// The podcast.
    pub show: Option<String>,
    /// In the feed's order: newest first.
    pub episodes: Vec<Episode>,
}

/// What a feed says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// The file's name, without folders.
    pub file: String,
    /// The episode's title.
    pub title: Option<String>,
    /// When it was published, as written: RFC 2822 or RFC 3339.
    pub date: Option<String>,
}

impl Metadata {
    /// Metadata that knows only what the file is and what read it.
    pub fn new(kind: Kind, mime: &str, engine: &str) -> Metadata {
        Metadata {
            kind,
            mime: mime.to_owned(),
            title: None,
            author: None,
            lang: None,
            pages: None,
            shot: None,
            looks: None,
            engine: engine.to_owned(),
            notes: Vec::new(),
            sound: None,
            feed: None,
            in_pixels: 0,
        }
    }
}

/// How a file ends that gives no segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is wrong with it; hippo does not read it (yet).
    Skipped,
    /// It should have been readable and was not.
    Failed,
}

/// Why a file gives no segments: a recorded result, not a mere log line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Skipped or failed.
    pub verdict: Verdict,
    /// How far it came: "name", "sniff", "decode", "pdf page 7", ...
    pub stage: String,
    /// One plain sentence, without a full stop.
    pub reason: String,
}

impl Refusal {
    /// A file that hippo leaves alone.
    pub fn skipped(stage: &str, reason: impl Into<String>) -> Refusal {
        Refusal {
            verdict: Verdict::Skipped,
            stage: stage.to_owned(),
            reason: reason.into(),
        }
    }

    /// A file that could not be read.
    pub fn failed(stage: &str, reason: impl Into<String>) -> Refusal {
        Refusal {
            verdict: Verdict::Failed,
            stage: stage.to_owned(),
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_those_of_as_str() {
        for kind in Kind::ALL {
            let wire = serde_json::to_string(&kind).unwrap();
            assert_eq!(wire, format!("\"{kind}\""));
        }
        for source in [
            Source::Body,
            Source::Ocr,
            Source::Tags,
            Source::Speech,
            Source::Transcript,
            Source::Caption,
        ] {
            let wire = serde_json::to_string(&source).unwrap();
            assert_eq!(wire, format!("\"{source}\""));
        }
    }
}
