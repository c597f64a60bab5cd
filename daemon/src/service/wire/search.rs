//! A question and its answer.

use serde::{Deserialize, Serialize};

use super::Fresh;

/// `POST /v1/search`, and the same names as parameters of `GET /v1/search`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchRequest {
    /// The question, in the syntax of `hippo search --help`.
    pub q: String,
    /// A picture that is the question, by itself or beside words: its path.
    pub like: Option<String>,
    /// Hits wanted; the setting `search.limit` when absent.
    pub limit: Option<usize>,
    /// Hits to pass over first.
    pub offset: usize,
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
    /// What comes first: `best` (when absent), `newest` or `oldest`.
    pub sort: Option<String>,
    /// Only these legs: `words`, `passage`, `joint`, `names`. All when empty.
    pub legs: Vec<String>,
    /// The quality below which hits are left out, 0 to 1; 0.3 when absent, 0 leaves out nothing.
    pub min_quality: Option<f64>,
    /// The asker's working directory, from which relative folders are read.
    pub cwd: Option<String>,
    /// Show pictures that look alike each by itself.
    pub all: bool,
    /// The last word is still being typed: it stands for all that it may become.
    pub as_you_type: bool,
    /// Segments wanted before and after each hit, at most 10.
    pub context: usize,
}

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The question as it was asked.
    pub query: String,
    /// Time from the request's arrival to the answer, in milliseconds.
    pub took_ms: f64,
    /// The hits, best first: `limit` of them from `offset` on.
    pub hits: Vec<Hit>,
    /// The same hits by file, best file first.
    pub groups: Vec<Group>,
    /// How fresh the answer is.
    pub fresh: Fresh,
    /// Whether more hits follow after these.
    pub more: bool,
    /// Whether something was found, but no good match: `min_quality` 0 shows the nearest.
    pub no_match: bool,
    /// Words that no file has, and the ones that were looked for in their place.
    pub corrected: Vec<Correction>,
    /// Legs that took no part though they were asked for, and why.
    pub missing_legs: Vec<MissingLeg>,
}

/// A word that was taken for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// As it stands in the question.
    pub typed: String,
    /// As it stands in the files.
    pub meant: String,
}

/// One segment that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Where the file is.
    pub path: String,
    /// Other places where the same content lies.
    pub also_at: Vec<String>,
    /// The file's number in the catalog; the same for all hits of one file.
    pub file: u64,
    /// `text`, `pdf`, `image`, `audio`, `video`.
    pub kind: String,
    /// The document's title, where it has one.
    pub title: Option<String>,
    /// The segment's language, where it is known.
    pub lang: Option<String>,
    /// The page, counted from 1; null where there are none.
    pub page: Option<u32>,
    /// Where the moment begins, in milliseconds; null where there is no time.
    pub t0_ms: Option<u64>,
    /// Where the moment ends, in milliseconds.
    pub t1_ms: Option<u64>,
    /// Where the line of the moment that answers begins, in milliseconds; null where no word of
    /// the question stands in it, or nothing tells when its lines are said.
    pub at_ms: Option<u64>,
    /// `body`, `ocr`, `tags`, `speech`, `transcript`, `caption`.
    pub source: String,
    /// Of a recording with a publisher's transcript: `beside` where that is a file beside it,
    /// `inside` where it is the lyrics in its tags.
    pub transcript: Option<String>,
    /// The whole segment.
    pub text: String,
    /// The part of the text that answers, on one line: `<mark>` and `</mark>` stand around what
    /// matched, nothing else is escaped, `…` stands where the text goes on.
    pub snippet: String,
    /// What matched: `[start, end)` pairs in characters (Unicode scalar values) of `snippet`
    /// without its `<mark>` and `</mark>`.
    pub marks: Vec<[usize; 2]>,
    /// From 0 to 1; comparable within one answer only.
    pub score: f64,
    /// How much of the question it answers against the best hit, 0 to 1; see `min_quality`.
    pub quality: f64,
    /// What each leg gave before fusion; null where the leg did not find the segment.
    pub legs: Legs,
    /// When the file was last changed.
    pub changed_at: Option<String>,
    /// When it was taken, recorded or published, by its own account; null where it has none.
    pub dated_at: Option<String>,
    /// Of a picture: the camera.
    pub camera: Option<String>,
    /// Of a picture or a film: where it was taken, from the town to the country.
    pub place: Option<String>,
    /// Of a recording: the podcast, series or album that it belongs to.
    pub show: Option<String>,
    /// Of a moment: who speaks, where a transcript names them. Their name begins the text, too.
    pub speaker: Option<String>,
    /// Of a picture: others that look alike and were found too; see `all`.
    pub alike: Vec<String>,
    /// The place as a link: `file:///a/b.pdf#page=3`, `file:///a/b.mp3#t=1843` in seconds: of
    /// `at_ms` where it is known, or else of `t0_ms`.
    pub link: String,
    /// What stands before it in the file, in the file's order; empty unless `context` asked.
    pub before: Vec<Neighbour>,
    /// What stands after it.
    pub after: Vec<Neighbour>,
}

/// A segment beside a hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The whole segment.
    pub text: String,
    /// The page, counted from 1; null where there are none.
    pub page: Option<u32>,
    /// Where the moment begins, in milliseconds; null where there is no time.
    pub t0_ms: Option<u64>,
    /// Where the moment ends, in milliseconds.
    pub t1_ms: Option<u64>,
}

/// What each leg gave, in its own unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Legs {
    /// BM25.
    pub words: Option<f32>,
    /// Cosine similarity in the passage space.
    pub passage: Option<f32>,
    /// Similarity in the joint space.
    pub joint: Option<f32>,
    /// The share of the question that stands in the file's name and title, 0 to 1.
    pub names: Option<f32>,
}

/// The hits of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Where the file is.
    pub path: String,
    /// The file's number in the catalog.
    pub file: u64,
    /// The file's kind.
    pub kind: String,
    /// The document's title, where it has one.
    pub title: Option<String>,
    /// The best hit's score.
    pub score: f64,
    /// Places in the answer's `hits`, best first.
    pub hits: Vec<usize>,
}

/// A leg that took no part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingLeg {
    /// `words`, `passage`, `joint` or `names`.
    pub leg: String,
    /// Why, in words.
    pub reason: String,
}
