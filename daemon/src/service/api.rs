//! What the service needs of the daemon: the one seam between sockets and the engine.
//!
//! The engine's handle stands behind it in the program (`bridge`), a double in the tests.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use hippo_index::SpaceRole;
use tokio::sync::broadcast;

use super::wire;
use crate::query::Memory;
use crate::transcript::Transcript;

/// All that a request can ask for.
pub trait Api: Memory {
    /// How everything stands.
    fn status(&self) -> impl Future<Output = Result<wire::Status, ApiError>> + Send;
    /// How one file stands.
    fn why(&self, path: PathBuf) -> impl Future<Output = Result<wire::Why, ApiError>> + Send;
    /// What was said in one file.
    fn transcript(
        &self,
        path: PathBuf,
    ) -> impl Future<Output = Result<Transcript, ApiError>> + Send;
    /// A small JPEG of a picture.
    fn thumbnail(&self, path: PathBuf) -> impl Future<Output = Result<Vec<u8>, ApiError>> + Send;
    /// Returns when all that existed at the call is searchable.
    fn wait(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<wire::Waited, ApiError>> + Send;
    /// The watched folders.
    fn folders(&self) -> impl Future<Output = Result<Vec<wire::Folder>, ApiError>> + Send;
    /// Watches a folder from now on.
    fn add_folder(
        &self,
        path: PathBuf,
    ) -> impl Future<Output = Result<wire::Folder, ApiError>> + Send;
    /// Watches it no longer and forgets what was in it.
    fn remove_folder(&self, path: PathBuf) -> impl Future<Output = Result<(), ApiError>> + Send;
    /// Lets background work rest, for so long or until it is resumed.
    fn pause(
        &self,
        time: Option<Duration>,
    ) -> impl Future<Output = Result<wire::Paused, ApiError>> + Send;
    /// Lets it go on.
    fn resume(&self) -> impl Future<Output = Result<wire::Paused, ApiError>> + Send;
    /// Tries failures again; the number of files.
    fn retry(&self, under: Option<PathBuf>) -> impl Future<Output = Result<u64, ApiError>> + Send;
    /// Makes this model (none: no model) the one of its role.
    fn use_model(
        &self,
        role: SpaceRole,
        name: Option<String>,
    ) -> impl Future<Output = Result<wire::ModelStatus, ApiError>> + Send;
    /// Uses models that have come.
    fn look_for_models(&self) -> impl Future<Output = Result<wire::Models, ApiError>> + Send;
    /// Drops the vectors of the model that a role had before.
    fn forget_model(
        &self,
        role: SpaceRole,
    ) -> impl Future<Output = Result<wire::ModelStatus, ApiError>> + Send;
    /// What happens from now on.
    fn events(&self) -> broadcast::Receiver<wire::Event>;
    /// Resolves when the daemon is to end.
    fn ending(&self) -> impl Future<Output = ()> + Send;
    /// Lets the daemon end.
    fn shutdown(&self);
}

/// Why the daemon could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Not everything became searchable in time.
    #[error("{pending} files are not searchable yet")]
    WaitTimedOut {
        /// How many.
        pending: u64,
    },
    /// What is waited for rests.
    #[error("{pending} files are not searchable yet, and {why}")]
    Resting {
        /// How many.
        pending: u64,
        /// What it rests for, in words.
        why: String,
    },
    /// It cannot be done as asked; the words say what to do.
    #[error("{0}")]
    Refused(String),
    /// Something of the daemon's own failed.
    #[error("{0}")]
    Internal(String),
}
