//! The engine: what turns a dirty path into rows, and keeps the table in step with the disk.
//!
//! [`start`] opens everything in the order in which it may be needed, mends what a crash left
//! behind ([`recover`]), and sets five tasks going: the loop that decides ([`driver`]), the
//! only writer ([`commit`]), the care of the table ([`upkeep`]), the completion of rows when
//! models change ([`generations`]) and the hearing of recordings ([`listening`]). [`Handle`] is what the service sees of it.
//!
//! Invariants:
//! - Work is in the journal before it begins and leaves it after the table is durable.
//! - No lock is held while a file is read, a vector made or a row written.
//! - Every channel is bounded; a full one holds back who fills it, never an answer.

mod about;
mod announced;
mod beside;
mod bytes;
mod chosen;
mod commit;
mod complete;
mod cookies;
mod driver;
mod ear;
mod embedder;
mod eyes;
pub(crate) mod ffmpeg;
mod generations;
mod handle;
mod heap;
mod hear;
mod heard;
mod job;
mod lanes;
mod lineup;
mod listening;
mod looking;
mod looks;
mod model;
mod model_status;
mod models;
mod pixels;
mod place;
mod power;
mod published;
mod reader;
mod recover;
mod rest;
mod scale;
mod shared;
mod slots;
mod status;
mod survey;
mod sweep;
mod tags;
mod tesseract;
mod thumbnails;
mod transcript;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hippo_config::{Paths, Settings};
use hippo_index::{IndexError, Options, Store};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::journal::{Journal, JournalError};
use crate::scan::RulesError;
use crate::watch::{WatchError, Watcher};
use crate::worker::{Pool, PoolConfig};

pub use crate::journal::Live as LiveFile;
use driver::Event;
pub(crate) use eyes::Wanted as Reads;
pub use handle::Handle;
pub use looks::Liked as LikedFile;
use models::Models;
use rest::Pause;
use shared::{Parts, Shared};

/// Events waiting for the loop. Only the engine's own tasks send them, a handful each.
const EVENT_CAPACITY: usize = 1_024;

/// Files read and waiting for the writer. With a batch in its hands as well, it is what a
/// crash makes hippo read again.
const COMMIT_CAPACITY: usize = 256;

/// How long the writer may take to finish at shutdown; the journal makes leaving safe.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// What the engine can fail with.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The table.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The ignore rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The watcher.
    #[error(transparent)]
    Watch(#[from] WatchError),
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
    /// The request cannot be met; what to do is in the words.
    #[error("{0}")]
    Refused(String),
    /// A folder of hippo's own.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A bug: a task panicked.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The engine's tasks; [`Engine::stop`] ends them in the order of the flow.
pub struct Engine {
    handle: Handle,
    driver: JoinHandle<()>,
    writer: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    generations: JoinHandle<()>,
    listening: JoinHandle<()>,
}

/// Starts the engine. Must be called within the runtime that is to carry it.
pub async fn start(paths: Paths, settings: Settings) -> Result<Engine, EngineError> {
    for dir in [&paths.data_dir, &paths.cache_dir, &paths.run_dir] {
        private_dir(dir)?;
    }
    let journal_path = paths.journal();
    let journal = shared::blocking(move || Ok(Journal::open(&journal_path)?)).await?;
    let models = Models::open(&paths, &settings, &journal)?;
    let pause = Pause::load(&journal)?;
    let lineup = models.lineup();
    let usable = lineup.wanted().filter(|space| space.embedder.is_ok());
    let options = Options {
        uri: settings.index.uri.clone(),
        spaces: usable.map(|space| space.space.clone()).collect(),
        vector_index_rows: settings.index.vector_index_rows,
        cache_mib: settings.index.cache_mib,
    };
    let (store, opened) = Store::open(&paths.table_dir(), options).await?;
    recover::recover(&journal, &store, &opened, &job::extractor_name()).await?;
    models.reread(&paths, &settings, &journal)?;

    let (hint_sender, hints) = mpsc::channel(settings.watch.hint_capacity);
    let (event_sender, events) = mpsc::channel(EVENT_CAPACITY);
    let (commit_sender, commits) = mpsc::channel(COMMIT_CAPACITY);
    let watcher = Watcher::start(&settings.watch, hint_sender)?;
    let pdfium = paths.find_library("pdfium");
    let mut workers = PoolConfig::new(&settings.worker, &settings.limits, pdfium);
    // One more than heavy files may fill, so that a note never waits for two long PDFs, and one
    // for the recording that is heard.
    workers.count += 2;
    let pool = Pool::new(workers);
    let shared = Arc::new(Shared::new(Parts {
        paths,
        settings: Arc::new(settings),
        journal,
        store,
        pool,
        watcher,
        models,
        pause,
        driver: event_sender,
    }));
    shared.listening.choose(&shared.paths, &shared.settings());
    let handle = Handle::new(Arc::clone(&shared));
    handle.bring_folders_in_step().await?;
    eyes::settle(&shared).await?;
    ffmpeg::settle(&shared).await?;
    shared.refresh();

    let driver = tokio::spawn(driver::run(
        Arc::clone(&shared),
        events,
        hints,
        commit_sender.clone(),
    ));
    let generations = tokio::spawn(generations::run(Arc::clone(&shared), commit_sender));
    let listening = tokio::spawn(listening::run(Arc::clone(&shared)));
    let writer = tokio::spawn(commit::run(Arc::clone(&shared), commits));
    let upkeep = tokio::spawn(upkeep::run(Arc::clone(&shared)));
    handle.watch_cookies();
    let why = "hippo started".to_owned();
    let _ = shared.driver.send(Event::Scan { folder: None, why }).await;
    let _ = shared.driver.send(Event::Depart).await;
    Ok(Engine {
        handle,
        driver,
        writer,
        upkeep,
        generations,
        listening,
    })
}

impl Engine {
    /// What the service sees.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends everything downstream, within [`SHUTDOWN_GRACE`]. What is left undone is in the
    /// journal.
    pub async fn stop(self) {
        let shared = self.handle.into_shared();
        shared.shutdown.send_replace(true);
        let _ = shared.driver.send(Event::Shutdown).await;
        let finished = async {
            let _ = self.driver.await;
            let _ = self.upkeep.await;
            let _ = self.generations.await;
            let _ = self.listening.await;
            // They held the writer's channel: it ends after what it holds.
            let _ = self.writer.await;
        };
        let clean = tokio::time::timeout(SHUTDOWN_GRACE, finished).await.is_ok();
        shared.pool.shutdown().await;
        let clean = clean && shared::lock(&shared.paused).is_none();
        if clean && let Err(error) = shared.journal.set_number(recover::CLEAN, 1) {
            tracing::error!(%error, "the clean end could not be recorded");
        }
        tracing::info!(clean, "stopped");
    }
}

/// Makes a folder of hippo's own, for this user alone.
fn private_dir(dir: &std::path::Path) -> Result<(), EngineError> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let fail = |source| EngineError::Io {
        path: dir.to_owned(),
        source,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(fail)?;
    let mut rights = std::fs::metadata(dir).map_err(fail)?.permissions();
    if rights.mode() & 0o077 != 0 {
        rights.set_mode(0o700);
        std::fs::set_permissions(dir, rights).map_err(fail)?;
    }
    Ok(())
}
