//! Hints that a path on the disk is dirty; never more than hints.
//!
//! Promises: the callback never blocks; every queue is bounded, and a full one
//! becomes one [`Hint::Rescan`], so that nothing is lost silently; a file that is
//! being written is told of when its writer closes it, when it has been calm for
//! `settle_ms`, and at the latest after `max_wait_ms`; nothing polls while all is
//! calm, but for the folders that cannot be watched; and [`Watcher::coverage`]
//! never claims more than is watched.
//!
//! Linux watches directories one by one, so the walk asks for each
//! ([`Watcher::watch_dir`]) before it lists the entries: what is made before the
//! watch is found by the walk, what is made after it by the watch.

mod coverage;
mod event;
#[cfg(target_os = "macos")]
#[path = "fsevents.rs"]
mod kernel;
#[cfg(target_os = "linux")]
mod kernel;
pub mod mounts;
mod polled;
mod ready;
mod settle;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod writers;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hippo_config::WatchSettings;
use tokio::task::JoinHandle;

pub use coverage::{Coverage, Covered, FolderCoverage};
use task::Shared;

/// What the engine is asked to look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hint {
    /// Look at this path now: a file or a folder (with all below it), which may
    /// be gone. Both ends of a rename arrive next to each other in the channel.
    Path(PathBuf),
    /// Walk this watched folder, or all of them.
    Rescan {
        /// `None`: all folders.
        folder: Option<PathBuf>,
        /// For the log and `hippo status`.
        why: String,
    },
}

/// Whether a directory is watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Watched {
    /// The kernel tells of its changes.
    Yes,
    /// No watch is left (the system's limit or `watch.max_watches`): it is polled.
    Exhausted,
    /// Cannot be watched, and why: it is polled.
    Unsupported(String),
}

/// Why watching could not start.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The kernel's notification queue could not be opened.
    #[error(
        "cannot open a queue for file changes: {0} (on Linux, fs.inotify.max_user_instances may be used up)"
    )]
    Start(#[source] std::io::Error),
    /// Called outside a tokio runtime.
    #[error("the watcher needs a running tokio runtime")]
    NoRuntime,
}

/// Watches directories and turns what the kernel tells into [`Hint`]s.
///
/// Cheap to clone (all clones are the same watcher); it stops when the last is
/// dropped, or when nobody receives its hints any more.
#[derive(Clone)]
pub struct Watcher {
    shared: Arc<Shared>,
    #[allow(dead_code, reason = "it is there to be dropped")]
    task: Arc<Running>,
}

/// Stops the task with the last clone of its watcher.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    /// Starts watching nothing yet. Must be called within a tokio runtime.
    pub fn start(
        settings: &WatchSettings,
        hints: tokio::sync::mpsc::Sender<Hint>,
    ) -> Result<Watcher, WatchError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| WatchError::NoRuntime)?;
        let shared = Arc::new(Shared::open(settings).map_err(WatchError::Start)?);
        let task = runtime.spawn(task::supervise(shared.clone(), hints));
        Ok(Watcher {
            shared,
            task: Arc::new(Running(task)),
        })
    }

    /// Takes a watched folder in: finds out whether its file system can be
    /// watched (`Unsupported`: it is polled), and watches the way there, so that
    /// its deletion, return or mounting is told as a hint for the folder. Call it
    /// before the folder's first walk; it need not exist.
    pub fn add_root(&self, folder: &Path) -> Watched {
        self.shared.with(|state| state.add_root(folder))
    }

    /// Lets go of a watched folder and all below it. Folders inside it that are
    /// watched on their own account are told of as to be walked anew.
    pub fn remove_root(&self, folder: &Path) {
        self.shared.with(|state| state.remove_root(folder));
    }

    /// Watches one directory, not what is below it. To be called by the walk for
    /// each directory before its entries are listed. Calling it again is harmless,
    /// and right: it always asks the kernel.
    pub fn watch_dir(&self, dir: &Path) -> Watched {
        self.shared.with(|state| state.watch_dir(dir))
    }

    /// Watches the directory of the cookies: who has written a file there and closed
    /// it gets a hint for it, and that after hints for all that changed before,
    /// whether it rested or not (but for what is half copied).
    pub fn watch_cookies(&self, dir: &Path) -> Watched {
        self.shared.with(|state| state.watch_cookies(dir))
    }

    /// Lets go of `dir` and all below it.
    pub fn unwatch_under(&self, dir: &Path) {
        self.shared.with(|state| state.unwatch_under(dir));
    }

    /// What is covered now.
    pub fn coverage(&self) -> Coverage {
        self.shared.with(|state| state.coverage())
    }
}
