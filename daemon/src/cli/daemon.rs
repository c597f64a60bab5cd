//! `hippo run`: the daemon itself, from its lock to its end.
//!
//! Order: settings, lock, log, socket, engine, service. What fails before the log is open goes
//! to standard error, which `hippo up --detach` keeps and shows. At the end the socket goes
//! first, so that nobody asks a daemon that is leaving; the lock goes last.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Context as _;
use hippo_config::{Paths, Settings};
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use crate::{engine, log, service};

/// Threads for requests and commits; files are read in other processes.
const MAX_RUNTIME_THREADS: usize = 4;
/// Threads for SQLite and the disk. Each keeps an allocator's heap of its own: with 64 the
/// daemon's memory was twice what it is with these.
const MAX_BLOCKING_THREADS: usize = 16;

pub(super) fn run(paths: Paths, detached: bool) -> anyhow::Result<Exit> {
    if detached {
        // Fails only for a group's leader, which a child of `hippo up` is not.
        let _ = rustix::process::setsid();
    }
    // Everything that the daemon makes is for its user alone: journal, table, log, socket.
    umask(Mode::from_raw_mode(0o077));
    raise_descriptor_limit();
    let settings = Settings::load(&paths.config_file)?;
    service::socket::private_folder(&paths.run_dir)?;
    let _lock = lock(&paths)?;
    let _log = log::init(&paths.log_dir, &settings.log, !detached)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(2, MAX_RUNTIME_THREADS))
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_name("hippo")
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve(paths, settings, detached));
    if let Err(error) = &result {
        tracing::error!("hippo ends: {error:#}");
    }
    result
}

async fn serve(paths: Paths, settings: Settings, detached: bool) -> anyhow::Result<Exit> {
    let claimed = service::claim(&paths.socket()).await?;
    let mut signals = Signals::new()?;
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, pid = std::process::id(), socket = %paths.socket().display(), "hippo starts");
    let engine = tokio::select! {
        engine = engine::start(paths, settings) => engine.context("hippo cannot start")?,
        // A long recovery can be broken off; the journal makes it safe.
        () = signals.any() => return Ok(Exit::Done),
    };
    let handle = engine.handle();
    if !detached {
        eprintln!("hippo runs; Ctrl-C stops it");
    }
    let stopper = handle.clone();
    let watch_signals = tokio::spawn(async move {
        signals.any().await;
        tracing::info!("asked to end by a signal");
        stopper.shutdown();
    });
    service::serve(&claimed.listener, handle.clone()).await;
    drop(claimed);
    watch_signals.abort();
    drop(handle);
    engine.stop().await;
    Ok(Exit::Done)
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// One daemon for one home. The lock is the kernel's: a crash gives it back.
fn lock(paths: &Paths) -> anyhow::Result<File> {
    let path = paths.lock_file();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .with_context(|| format!("cannot open the lock {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut pid = [0; 20];
        let length = file.read(&mut pid).unwrap_or(0);
        let pid = String::from_utf8_lossy(&pid[..length]);
        let pid = pid.trim();
        let who = if pid.is_empty() {
            String::new()
        } else {
            format!(", pid {pid}")
        };
        anyhow::bail!("hippo already runs{who}; `hippo status` shows how it stands");
    }
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// The table keeps many files open; the usual soft limit of 1,024 is for programs that use
/// `select`, which this one does not.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where it is refused (macOS caps it), the old limit stays.
    let _ = setrlimit(Resource::Nofile, raised);
}
