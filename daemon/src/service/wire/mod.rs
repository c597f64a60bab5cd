//! What goes over the socket: the requests and answers of `/v1`, one type each.
//!
//! The daemon writes these types and the command line reads them, so that the two cannot drift;
//! `openapi.json` is compared with them by a test. Promises: an absent value is `null`, never a
//! missing name (a program may index without asking first); names are only ever added; paths are
//! text, with the replacement character where a path is not UTF-8; times of day are RFC 3339 in
//! the local zone; requests refuse names that they do not know.

mod context;
mod search;
mod status;

use serde::{Deserialize, Serialize};

pub use context::{Context, ContextRequest, Span};
pub use search::{Answer, Correction, Group, Hit, Legs, MissingLeg, Neighbour, SearchRequest};
pub use status::{
    AtWork, Counts, Failure, Folder, FolderState, Index, Memory, ModelStatus, Models, Paused,
    Sandbox, SpaceStatus, SpeechStatus, State, Status, Watch,
};

/// The header of `GET /v1/transcript` that says whose words these are: its formats have no place
/// for that.
pub const TRANSCRIPT_BY: &str = "hippo-transcript-by";

/// How much of what is on the disk is not yet (or will not be) in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fresh {
    /// Files that are known to have changed and are not searchable yet.
    pub pending: u64,
    /// Files that were tried and failed; `hippo why PATH` tells the reason.
    pub failed: u64,
}

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
    /// When it was taken, recorded or published, by its own account.
    pub dated_at: Option<String>,
    /// The camera that took it.
    pub camera: Option<String>,
    /// Where it was taken: latitude and longitude in degrees.
    pub position: Option<String>,
    /// Where it was taken, from the town to the country.
    pub place: Option<String>,
    /// The podcast, series or album that it belongs to.
    pub show: Option<String>,
    /// Who speaks in it, where a transcript names them, in order of their names.
    pub speakers: Vec<String>,
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

/// `POST /v1/pause`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PauseRequest {
    /// How many seconds, a year at most; until `POST /v1/resume` when absent.
    pub for_s: Option<u64>,
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

/// `POST /v1/models/use`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseModelRequest {
    /// `passage` or `joint`.
    pub role: String,
    /// The model's name, that of its folder; null for none.
    pub name: Option<String>,
}

/// `POST /v1/models/forget`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetModelRequest {
    /// `passage` or `joint`.
    pub role: String,
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
