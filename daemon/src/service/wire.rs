//! What goes over the socket: the requests and answers of `/v1`, one type each.
//!
//! The daemon writes these types and the command line reads them, so that the two cannot drift;
//! `openapi.json` is compared with them by a test. Promises: an absent value is `null`, never a
//! missing name (a program may index without asking first); names are only ever added; paths are
//! text, with the replacement character where a path is not UTF-8; times of day are RFC 3339 in
//! the local zone; requests refuse names that they do not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much of what is on the disk is not yet (or will not be) in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fresh {
    /// Files that are known to have changed and are not searchable yet.
    pub pending: u64,
    /// Files that were tried and failed; `hippo why PATH` tells the reason.
    pub failed: u64,
}

// ---------------------------------------------------------------- search

/// `POST /v1/search`, and the same names as parameters of `GET /v1/search`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchRequest {
    /// The question, in the syntax of `hippo search --help`.
    pub q: String,
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
    /// Only these legs: `words`, `passage`. All when empty.
    pub legs: Vec<String>,
    /// The asker's working directory, from which relative folders are read.
    pub cwd: Option<String>,
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
    /// Legs that took no part though they were asked for, and why.
    pub missing_legs: Vec<MissingLeg>,
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
    /// `body`, `ocr`, `tags`, `speech`, `transcript`, `caption`.
    pub source: String,
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
    /// What each leg gave before fusion; null where the leg did not find the segment.
    pub legs: Legs,
    /// When the file was last changed.
    pub changed_at: Option<String>,
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
    /// `words`, `passage` or `joint`.
    pub leg: String,
    /// Why, in words.
    pub reason: String,
}

// ---------------------------------------------------------------- status

/// The answer to `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// The socket that it answers on.
    pub socket: String,
    /// Where its data lies.
    pub home: String,
    /// What it is at.
    pub state: State,
    /// How fresh an answer would be.
    pub fresh: Fresh,
    /// The watched folders.
    pub folders: Vec<Folder>,
    /// Files by state and by kind.
    pub counts: Counts,
    /// Searchable segments.
    pub segments: u64,
    /// Files that are being read at this moment.
    pub at_work: Vec<AtWork>,
    /// The latest failures, newest first.
    pub recent_failures: Vec<Failure>,
    /// The models.
    pub models: Models,
    /// What holds the worker.
    pub sandbox: Sandbox,
    /// How changes are noticed.
    pub watch: Watch,
    /// The table.
    pub index: Index,
    /// What waits, and for what; one sentence each.
    pub waits: Vec<String>,
    /// The daemon's memory.
    pub memory: Memory,
}

/// What the daemon is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Comparing folders with the catalog.
    Scanning,
    /// Reading what has changed.
    Syncing,
    /// All that is known is searchable.
    Idle,
    /// Something keeps it from working; `waits` says what.
    Paused,
}

impl State {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Scanning => "scanning",
            State::Syncing => "syncing",
            State::Idle => "idle",
            State::Paused => "paused",
        }
    }
}

/// A watched folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Where it is.
    pub path: String,
    /// How it stands.
    pub state: FolderState,
    /// Why it stands so, where that needs a word.
    pub why: Option<String>,
    /// Files known below it.
    pub files: u64,
    /// Files that are searchable.
    pub done: u64,
    /// Files that still have to be read.
    pub pending: u64,
    /// Files that could not be read.
    pub failed: u64,
    /// Files that are left out on purpose.
    pub skipped: u64,
    /// When a scan of it last came to its end.
    pub last_scan: Option<String>,
}

/// How a folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FolderState {
    /// Every change is noticed at once.
    Live,
    /// It cannot be watched (all of it, or a part): it is looked at every few seconds.
    Polled,
    /// It is being compared with the catalog.
    Scanning,
    /// Its file system is not mounted, or it may not be read: what was known of it is kept.
    Unavailable,
    /// It is not there: what was known of it is kept.
    Missing,
}

impl FolderState {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            FolderState::Live => "live",
            FolderState::Polled => "polled",
            FolderState::Scanning => "scanning",
            FolderState::Unavailable => "unavailable",
            FolderState::Missing => "missing",
        }
    }
}

/// Files counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By state: `done`, `pending`, `extracting`, `failed`, `skipped` and so on.
    pub by_state: BTreeMap<String, u64>,
    /// By kind: `text`, `pdf` and so on; searchable files only.
    pub by_kind: BTreeMap<String, u64>,
}

/// A file that is being read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AtWork {
    /// Which.
    pub path: String,
    /// How far: `decode`, `pdf page 7`, `embedding`.
    pub stage: String,
    /// Of `total`, in the stage's own unit.
    pub done: u64,
    /// 0 when it is not known.
    pub total: u64,
    /// Seconds since it began.
    pub seconds: f64,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub path: String,
    /// Where it failed.
    pub stage: String,
    /// Why.
    pub reason: String,
}

/// The models by role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Models {
    /// Text to vectors, for passages.
    pub passage: ModelStatus,
}

/// How a model stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelStatus {
    /// Its name in the settings; null when none is configured.
    pub name: Option<String>,
    /// `ready`, `absent`, `not configured` or `failed`.
    pub state: String,
    /// Why, where it is not ready.
    pub reason: Option<String>,
    /// Segments that have its vector.
    pub covered: u64,
    /// Segments that should have one.
    pub total: u64,
}

impl Default for ModelStatus {
    fn default() -> Self {
        ModelStatus {
            name: None,
            state: "not configured".to_owned(),
            reason: None,
            covered: 0,
            total: 0,
        }
    }
}

/// What holds the worker that reads untrusted files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// `full`, `partial`, `none`, or `unknown` before the first worker started.
    pub landlock: String,
    /// The same for the system call filter.
    pub seccomp: String,
    /// Whether memory, files and processes are limited.
    pub rlimits: bool,
    /// What this system lacks; one sentence each.
    pub missing: Vec<String>,
}

/// How changes are noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Directories whose changes arrive at once.
    pub watched_dirs: u64,
    /// Directories that are looked at every few seconds.
    pub polled_dirs: u64,
    /// What is worth knowing; one sentence each.
    pub notes: Vec<String>,
}

/// The table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Rows in it.
    pub rows: u64,
    /// Rows that a search still has to scan, for no index holds them yet.
    pub unindexed: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Versions kept.
    pub versions: u64,
    /// When maintenance last ended.
    pub last_maintenance: Option<String>,
}

/// The daemon's memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident bytes.
    pub rss_bytes: u64,
}

// ---------------------------------------------------------------- the rest

/// The answer to `GET /v1/why?path=`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Which.
    pub path: String,
    /// `done`, `dirty`, `extracting`, `embedding`, `committing`, `failed`, `skipped`, `missing`,
    /// `ignored`, `not watched` or `not found`.
    pub state: String,
    /// The stage that failed or is at work.
    pub stage: Option<String>,
    /// Why it failed or was left out.
    pub reason: Option<String>,
    /// What it is.
    pub kind: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// How often it was committed.
    pub revision: Option<u64>,
    /// Segments made of it.
    pub segments: Option<u64>,
    /// Its title.
    pub title: Option<String>,
    /// Which engine read it.
    pub extractor: Option<String>,
    /// By which extractor and models its rows were made.
    pub generation: Option<String>,
    /// BLAKE3 of its bytes, hex.
    pub content: Option<String>,
    /// The rule's file, where a rule leaves it out.
    pub ignored_by: Option<String>,
    /// When it was last changed.
    pub changed_at: Option<String>,
    /// When it was last made searchable.
    pub done_at: Option<String>,
    /// How often it was tried since its last change.
    pub attempts: Option<u64>,
    /// All of this in one plain sentence.
    pub explanation: String,
}

/// `POST /v1/wait`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaitRequest {
    /// How long to wait at most; 60 s when absent, an hour at most.
    pub timeout_ms: Option<u64>,
}

/// The answer to `POST /v1/wait`: all that existed at the call is searchable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// How long it took.
    pub waited_ms: u64,
    /// Always 0; more is a timeout error.
    pub pending: u64,
}

/// The answer to `GET /v1/folders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folders {
    /// The watched folders.
    pub folders: Vec<Folder>,
}

/// `POST /v1/folders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderRequest {
    /// The folder to watch, absolute.
    pub path: String,
}

/// The answer to `DELETE /v1/folders?path=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The folder that is no longer watched.
    pub path: String,
}

/// `POST /v1/retry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryRequest {
    /// Only failures at or below this path; all when absent.
    pub path: Option<String>,
}

/// The answer to `POST /v1/retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Files that will be tried again.
    pub files: u64,
}

/// The answer to `POST /v1/shutdown`: the daemon is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// The process that ends.
    pub pid: u32,
}

/// One server-sent event of `GET /v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which file or folder.
    pub path: Option<String>,
    /// At which stage.
    pub stage: Option<String>,
    /// Of `total`, in the stage's own unit.
    pub done: Option<u64>,
    /// Null when it is not known.
    pub total: Option<u64>,
    /// Files that are not searchable yet.
    pub pending: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A file has come further.
    Progress,
    /// A file is searchable.
    Done,
    /// A file failed.
    Failed,
    /// Nothing is left to do.
    Idle,
    /// A scan began or ended.
    Scan,
}

impl EventKind {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            EventKind::Progress => "progress",
            EventKind::Done => "done",
            EventKind::Failed => "failed",
            EventKind::Idle => "idle",
            EventKind::Scan => "scan",
        }
    }
}

/// Every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What went wrong.
    pub error: ProblemBody,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// Stable, for programs: `bad_query`, `unknown_parameter`, `busy`, `timeout` and so on.
    pub code: String,
    /// What happened, and to what.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
