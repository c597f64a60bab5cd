//! Evidence for a language model.

use serde::{Deserialize, Serialize};

use super::{Correction, Fresh, MissingLeg, SearchRequest};

/// `POST /v1/context`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextRequest {
    /// The question, in the syntax of `hippo search --help`.
    pub q: String,
    /// A picture that is the question, by itself or beside words: its path.
    pub like: Option<String>,
    /// Tokens that the spans may take together, 100 to 32000; 4000 when absent.
    pub tokens: Option<usize>,
    /// Only these kinds: `text`, `pdf`, `image`, `audio`, `video`.
    pub kind: Vec<String>,
    /// Only below these folders.
    #[serde(rename = "in")]
    pub within: Vec<String>,
    /// Only files changed before this day.
    pub before: Option<String>,
    /// Only files changed on or after this day.
    pub after: Option<String>,
    /// Only segments in these languages (`en`, `zh`).
    pub lang: Vec<String>,
    /// Only pictures by these cameras; a part of the name is enough.
    pub camera: Vec<String>,
    /// Only pictures and films taken at these places; a part of the name, in English or Chinese, is enough.
    pub place: Vec<String>,
    /// Only recordings of these podcasts, series or albums; a part of the name is enough.
    pub show: Vec<String>,
    /// Only what these say, where a transcript names who speaks; a part of the name is enough.
    pub speaker: Vec<String>,
    /// Only these legs: `words`, `passage`, `joint`, `names`. All when empty.
    pub legs: Vec<String>,
    /// The quality below which hits are left out, 0 to 1; 0.3 when absent, 0 leaves out nothing.
    pub min_quality: Option<f64>,
    /// The asker's working directory, from which relative folders are read.
    pub cwd: Option<String>,
}

impl ContextRequest {
    /// The search that finds the evidence.
    pub fn search(&self) -> SearchRequest {
        SearchRequest {
            q: self.q.clone(),
            like: self.like.clone(),
            kind: self.kind.clone(),
            within: self.within.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            lang: self.lang.clone(),
            camera: self.camera.clone(),
            place: self.place.clone(),
            show: self.show.clone(),
            speaker: self.speaker.clone(),
            legs: self.legs.clone(),
            min_quality: self.min_quality,
            cwd: self.cwd.clone(),
            ..SearchRequest::default()
        }
    }
}

/// The evidence, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// The question as it was asked.
    pub question: String,
    /// Tokens that the spans take as Markdown, headings and all: an estimate on the safe side,
    /// never above the budget.
    pub tokens: usize,
    /// Tokens that they might have taken.
    pub budget: usize,
    /// What was found.
    pub spans: Vec<Span>,
    /// Whether something was found, but no good match: `min_quality` 0 takes the nearest.
    pub no_match: bool,
    /// Words that no file has, and the ones that were looked for in their place.
    pub corrected: Vec<Correction>,
    /// Legs that took no part though they were asked for, and why.
    pub missing: Vec<MissingLeg>,
    /// How fresh the evidence is.
    pub fresh: Fresh,
}

/// Neighbouring segments of one file, as one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Its number, by which an answer can cite it; from 1.
    pub n: usize,
    /// Where the file is.
    pub path: String,
    /// The place as a link: `file:///a/b.pdf#page=3`, `file:///a/b.mp3#t=1843` in seconds.
    pub link: String,
    /// The document's title, where it has one.
    pub title: Option<String>,
    /// `text`, `pdf`, `image`, `audio`, `video`.
    pub kind: String,
    /// The page, counted from 1; null where there are none.
    pub page: Option<u32>,
    /// Where the moment begins, in milliseconds; null where there is no time.
    pub t0_ms: Option<u64>,
    /// Where the moment ends, in milliseconds.
    pub t1_ms: Option<u64>,
    /// The text; empty for a picture that has none.
    pub text: String,
    /// Tokens that it takes as Markdown, with its heading.
    pub tokens: usize,
    /// The score of the best hit in it, from 0 to 1; comparable within one answer only.
    pub score: f64,
}
