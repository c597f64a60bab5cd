//! How everything stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Fresh;

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
    /// Whether background work rests.
    pub paused: Paused,
    /// What waits, and for what; one sentence each.
    pub waits: Vec<String>,
    /// The daemon's memory.
    pub memory: Memory,
}

/// Whether background work rests: the answer to `POST /v1/pause` and `POST /v1/resume` too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// `asked` (somebody paused it), `battery`; null where it does not rest.
    pub by: Option<String>,
    /// When it goes on by itself; null where it does not.
    pub until: Option<String>,
    /// Files that are not searchable yet.
    pub pending: u64,
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Models {
    /// Text to vectors, for passages.
    pub passage: ModelStatus,
    /// Text and pictures to vectors that compare.
    pub joint: ModelStatus,
    /// What is written in pictures and on scanned pages to text; it has no vectors.
    pub ocr: ModelStatus,
    /// Speech to text.
    pub speech: SpeechStatus,
}

/// How the hearing of recordings stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeechStatus {
    /// The recogniser; null when none is configured.
    pub name: Option<String>,
    /// `ready`, `absent`, `not configured` or `failed`.
    pub state: String,
    /// Why it does not hear, where it does not.
    pub reason: Option<String>,
    /// Recordings that wait to be heard.
    pub waiting: u64,
}

/// How the model of a role stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelStatus {
    /// Its name in the settings; null when none is configured.
    pub name: Option<String>,
    /// `ready`, `absent`, `not configured` or `failed`.
    pub state: String,
    /// Why it does not answer, where it does not.
    pub reason: Option<String>,
    /// Segments that can be found by it.
    pub covered: u64,
    /// Segments that should be.
    pub total: u64,
    /// The generation of vectors that answers.
    pub active: Option<SpaceStatus>,
    /// The one that is made in the background to take its place.
    pub building: Option<SpaceStatus>,
    /// The one that answered before; `use` of its model goes back at once.
    pub kept: Option<SpaceStatus>,
}

/// A generation of vectors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SpaceStatus {
    /// The model's name in the settings.
    pub model: String,
    /// The model and all that changes its vectors.
    pub space: String,
    /// Segments that have been through it.
    pub covered: u64,
    /// Segments that are to go through it.
    pub total: u64,
    /// How long that takes, by what was measured here; null before anything was.
    pub eta_s: Option<u64>,
    /// What its vectors take on the disk when it is whole, about.
    pub bytes: u64,
    /// What runs the model; null before it was first loaded.
    pub provider: Option<String>,
    /// Whether the model is in memory now.
    pub loaded: bool,
    /// How much memory it took when it was loaded, about.
    pub memory_bytes: Option<u64>,
    /// Texts that it makes vectors of in a second.
    pub texts_per_s: Option<f64>,
    /// Of a joint space: the cosines at which a picture begins to answer, and surely does, as the
    /// pictures that there are show it; null before there were enough.
    pub picture_scale: Option<[f32; 2]>,
    /// Why the model cannot be used, where it cannot.
    pub reason: Option<String>,
}

impl Default for ModelStatus {
    fn default() -> Self {
        ModelStatus {
            name: None,
            state: "not configured".to_owned(),
            reason: None,
            covered: 0,
            total: 0,
            active: None,
            building: None,
            kept: None,
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
