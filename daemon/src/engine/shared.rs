//! What the engine's tasks share: the journal, the table, the workers, the watcher, and the
//! few live facts that `status` shows and nobody needs to keep.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hippo_config::{FolderSettings, IgnoreSettings, Paths, Settings};
use hippo_index::Store;
use tokio::sync::{broadcast, mpsc, watch};

use super::EngineError;
use super::cookies::Cookies;
use super::driver::Event;
use super::ear::Listening;
use super::eyes::Chosen;
use super::generations::Pace;
use super::models::Models;
use super::rest::Pause;
use crate::journal::Journal;
use crate::scan::Rules;
use crate::service::wire;
use crate::watch::Watcher;
use crate::worker::Pool;

/// Events that a slow listener may fall behind by before it misses some; it is told so.
const EVENT_BACKLOG: usize = 256;

/// One watched folder while the daemon runs.
pub(super) struct FolderRuntime {
    pub(super) id: u64,
    pub(super) path: PathBuf,
    /// What is passed over. Ignore files are read anew by each walk.
    pub(super) rules: Rules,
    /// Why the folder cannot be scanned, when it cannot.
    pub(super) unavailable: Mutex<Option<String>>,
    /// Directories in it that cannot be read.
    pub(super) unreadable: Mutex<Vec<String>>,
}

impl FolderRuntime {
    /// `own` are hippo's own folders, which are never read.
    pub(super) fn new(
        id: u64,
        settings: &FolderSettings,
        ignore: &IgnoreSettings,
        own: [PathBuf; 4],
    ) -> Result<FolderRuntime, EngineError> {
        Ok(FolderRuntime {
            id,
            path: settings.path.clone(),
            rules: Rules::new(settings, ignore)?.never(own),
            unavailable: Mutex::default(),
            unreadable: Mutex::default(),
        })
    }
}

/// A file that is being worked on.
#[derive(Debug, Clone)]
pub(super) struct AtWork {
    pub(super) path: PathBuf,
    pub(super) stage: String,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) since: Instant,
}

/// Contents that are being read: others of the same content wait for them. The sender is
/// dropped with the guard, which wakes who waits.
type Reading = Mutex<HashMap<([u8; 32], String), watch::Receiver<()>>>;

/// Shared by all tasks of the engine.
pub(super) struct Shared {
    pub(super) paths: Paths,
    pub(super) settings: RwLock<Arc<Settings>>,
    pub(super) journal: Journal,
    pub(super) store: Store,
    pub(super) pool: Pool,
    pub(super) watcher: Watcher,
    pub(super) models: Models,
    /// Who reads what is written in pixels.
    pub(super) ocr: RwLock<Chosen>,
    /// Who hears recordings.
    pub(super) listening: Listening,
    /// How many thumbnails are kept, where that is known.
    pub(super) thumbnails: Mutex<Option<usize>>,
    /// How fast rows get vectors that they lacked.
    pub(super) filling: Mutex<Pace>,
    pub(super) folders: RwLock<Vec<Arc<FolderRuntime>>>,
    pub(super) at_work: Mutex<BTreeMap<u64, AtWork>>,
    pub(super) reading: Reading,
    pub(super) cookies: Cookies,
    pub(super) scans_running: AtomicU64,
    /// Whether somebody asked background work to rest.
    pub(super) pause: Pause,
    /// Why ingestion is paused (a full disk), when it is.
    pub(super) paused: Mutex<Option<String>>,
    pub(super) maintained_at: AtomicU64,
    /// Rows of deleted files may still be on the disk, in old versions of the table, and what
    /// was heard of them in the journal.
    pub(super) deleted: AtomicBool,
    pub(super) started: Instant,
    pub(super) driver: mpsc::Sender<Event>,
    pub(super) events: broadcast::Sender<wire::Event>,
    /// Grows whenever something that a waiter may wait for has happened.
    pub(super) pulse: watch::Sender<u64>,
    pub(super) shutdown: watch::Sender<bool>,
    pending: AtomicU64,
    failed: AtomicU64,
}

/// What [`Shared`] is made from.
pub(super) struct Parts {
    pub(super) paths: Paths,
    pub(super) settings: Arc<Settings>,
    pub(super) journal: Journal,
    pub(super) store: Store,
    pub(super) pool: Pool,
    pub(super) watcher: Watcher,
    pub(super) models: Models,
    pub(super) pause: Pause,
    pub(super) driver: mpsc::Sender<Event>,
}

impl Shared {
    pub(super) fn new(parts: Parts) -> Shared {
        Shared {
            paths: parts.paths,
            settings: RwLock::new(parts.settings),
            journal: parts.journal,
            store: parts.store,
            pool: parts.pool,
            watcher: parts.watcher,
            models: parts.models,
            ocr: RwLock::default(),
            listening: Listening::default(),
            thumbnails: Mutex::default(),
            filling: Mutex::default(),
            folders: RwLock::default(),
            at_work: Mutex::default(),
            reading: Mutex::default(),
            cookies: Cookies::default(),
            scans_running: AtomicU64::new(0),
            pause: parts.pause,
            paused: Mutex::default(),
            maintained_at: AtomicU64::new(0),
            deleted: AtomicBool::new(true),
            started: Instant::now(),
            driver: parts.driver,
            events: broadcast::Sender::new(EVENT_BACKLOG),
            pulse: watch::Sender::new(0),
            shutdown: watch::Sender::new(false),
            pending: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who reads what is written in pixels, now.
    pub(super) fn ocr(&self) -> Chosen {
        let chosen = self.ocr.read();
        chosen.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn folders(&self) -> Vec<Arc<FolderRuntime>> {
        self.folders
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The watched folder that `path` belongs to.
    pub(super) fn folder_of(&self, path: &Path) -> Option<Arc<FolderRuntime>> {
        self.folders()
            .into_iter()
            .find(|folder| path.starts_with(&folder.path))
    }

    /// Takes the counts afresh from the journal and wakes whoever waits for a change.
    pub(super) fn refresh(&self) {
        match self.journal.counts() {
            Ok(counts) => {
                self.pending.store(counts.pending, Ordering::Relaxed);
                self.failed.store(counts.failed, Ordering::Relaxed);
            }
            Err(error) => tracing::error!(%error, "counting failed"),
        }
        self.pulse.send_modify(|n| *n += 1);
    }

    pub(super) fn fresh(&self) -> wire::Fresh {
        wire::Fresh {
            pending: self.pending.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Tells the listeners of `/v1/events`, if there are any.
    pub(super) fn emit(
        &self,
        kind: wire::EventKind,
        path: Option<&Path>,
        stage: Option<&str>,
        progress: Option<(u64, u64)>,
    ) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let _ = self.events.send(wire::Event {
            kind,
            path: path.map(|p| p.display().to_string()),
            stage: stage.map(str::to_owned),
            done: progress.map(|(done, _)| done),
            total: progress.map(|(_, total)| total).filter(|&total| total > 0),
            pending: self.fresh().pending,
        });
    }

    /// Notes how far the work on a file is.
    pub(super) fn note(&self, id: u64, path: &Path, stage: &str, done: u64, total: u64) {
        {
            let mut at_work = lock(&self.at_work);
            let entry = at_work.entry(id).or_insert_with(|| AtWork {
                path: path.to_owned(),
                stage: String::new(),
                done,
                total,
                since: Instant::now(),
            });
            entry.done = done;
            entry.total = total;
            if entry.stage != stage {
                stage.clone_into(&mut entry.stage);
            }
        }
        self.emit(
            wire::EventKind::Progress,
            Some(path),
            Some(stage),
            Some((done, total)),
        );
    }

    /// Claims the reading of a content, or says whom to wait for.
    pub(super) fn begin_reading(
        self: &Arc<Self>,
        content: [u8; 32],
        class: &str,
    ) -> Result<ReadingGuard, watch::Receiver<()>> {
        let key = (content, class.to_owned());
        let mut reading = lock(&self.reading);
        if let Some(other) = reading.get(&key) {
            return Err(other.clone());
        }
        let (done, waits) = watch::channel(());
        reading.insert(key.clone(), waits);
        Ok(ReadingGuard {
            shared: Arc::clone(self),
            key,
            _done: done,
        })
    }
}

/// Held from before a content is read until its rows are committed.
pub(super) struct ReadingGuard {
    shared: Arc<Shared>,
    key: ([u8; 32], String),
    _done: watch::Sender<()>,
}

impl Drop for ReadingGuard {
    fn drop(&mut self) {
        lock(&self.shared.reading).remove(&self.key);
    }
}

/// What a task of the background waits for before it looks again.
pub(super) enum Next {
    /// Nothing: there may be more.
    More,
    /// Something changes.
    Change,
    /// That, or so much time.
    Time(Duration),
}

/// Sleeps for so long; for ever without a time.
pub(super) async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs blocking work (the journal, a walk, a hash) off the event loop.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(EngineError::Internal(panic.to_string())))
}
