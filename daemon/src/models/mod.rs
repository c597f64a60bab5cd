//! Models on this machine: fetched, checked, imported, removed.
//!
//! Promises: a model's folder is whole or not there. Files are gathered in `<name>.new`
//! beside it, each one checked against its size and SHA-256, and the folder is exchanged in
//! one step; whatever stops hippo in between leaves the old model as it was, and what was
//! fetched so far for the next try. Nothing is sent but the requests for the files.
//!
//! `hf-hub` would be the client to prefer. It is not used since it speaks to the hub alone:
//! it asks for the headers `ETag` and `X-Repo-Commit`, which no plain file server sends;
//! takes the ETag for the file's identity and hashes nothing; starts over where a download
//! to a folder was cut; and keeps a cache of symbolic links, behind which ONNX Runtime does
//! not find a graph's external data. What remains is a GET with a range, which is here.

pub mod check;
mod fetch;
mod import;
mod pull;
mod source;
mod store;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use fetch::{FetchError, Patience, Why};
pub use import::{Found, import, recognise};
pub use pull::{Outcome, Puller};
pub use source::Sources;
pub use store::Store;

/// How a file comes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is fetched or copied; so many of its bytes are here already.
    Starts {
        /// Bytes that are here.
        have: u64,
        /// Bytes in all, where that is known.
        total: Option<u64>,
    },
    /// So many bytes more.
    Brings(u64),
    /// The connection failed; it is tried again after a while.
    Waits {
        /// What happened.
        why: String,
        /// Until the next try.
        wait: std::time::Duration,
    },
    /// It is whole, and hashed.
    Checks,
    /// It is what it should be.
    Done,
}

/// Who wants to know: called with the file's name.
pub type Report<'a> = dyn Fn(&str, Step) + Sync + 'a;

/// Why a model did not come. Each says all of it: none has a source that says more.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The system refused.
    #[error("cannot {doing} {}: {error}", path.display())]
    Io {
        /// "read", "write".
        doing: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else changes models.
    #[error(
        "another `hippo models` is at work in {}: wait until it ends, then try again",
        .0.display()
    )]
    Busy(PathBuf),
    /// The disk is too full.
    #[error(
        "no room for {model}: {} needs {} free, and has {}; make room, then try again \
         (what was fetched so far is kept)",
        dir.display(), megabytes(*needs), megabytes(*has)
    )]
    NoRoom {
        /// The model.
        model: String,
        /// The folder of models.
        dir: PathBuf,
        /// Bytes.
        needs: u64,
        /// Bytes.
        has: u64,
    },
    /// Its manifest does not say where from.
    #[error(
        "{model}: nobody publishes {} at an address that hippo knows; bring them with \
         `hippo models import DIR`",
        files.join(", ")
    )]
    NoAddress {
        /// The model.
        model: String,
        /// Files.
        files: Vec<String>,
    },
    /// An address that is none.
    #[error("{address} is no address: {reason}")]
    BadAddress {
        /// What stands there.
        address: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A file did not come.
    #[error("{model}/{error}")]
    Fetch {
        /// The model.
        model: String,
        /// Which, and why.
        error: FetchError,
    },
    /// The client could not be set up.
    #[error("the network cannot be used: {0}")]
    Client(String),
    /// A folder that holds no model.
    #[error("{}: {reason}", dir.display())]
    NoModel {
        /// The folder.
        dir: PathBuf,
        /// What was looked for and not found.
        reason: String,
    },
    /// Files that are not what they should be.
    #[error("{}: {}; nothing was changed", dir.display(), problems.join("; "))]
    Damaged {
        /// Where they lie.
        dir: PathBuf,
        /// Each with what is wrong.
        problems: Vec<String>,
    },
    /// A manifest that cannot be used.
    #[error("{0}")]
    Manifest(hippo_config::ManifestError),
}

impl ModelsError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ModelsError {
        let path = path.to_owned();
        move |error| ModelsError::Io { doing, path, error }
    }
}

/// `412 MB`, as publishers count; never 0 of something.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
