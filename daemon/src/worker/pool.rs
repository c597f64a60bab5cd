//! Keeps workers, gives each one file at a time, and outlives them all.
//!
//! Promises: no more than `count` workers; a dead one costs its file and nothing else; none
//! serves longer than `files_per_worker` files or with more than half its memory in use;
//! none stays longer than `idle` without work; a program that does not start is tried ever more
//! rarely. Dropping the future of [`Pool::extract`] kills its worker.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hippo_config::{Limits, WorkerSettings};
use hippo_extractors::{Refusal, Scan, Wants};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;

use super::protocol::Job;
use super::sandbox::SandboxReport;
use super::session::{Greeting, Session, Told, Verdict};
use super::{Outcome, Progress};

/// How long a worker waits for its next file before it is let go. Long enough that saving
/// a note now and then finds a warm worker, short enough that an idle daemon holds none.
pub const IDLE: Duration = Duration::from_secs(30);

/// Workers at most when the settings leave the number open: parsing saturates the disk and
/// the table's writer well before this.
const COUNT_MAX: usize = 8;

/// First and longest wait after a worker that did not start. It doubles between: a broken
/// installation costs one process a minute.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_LONGEST: Duration = Duration::from_mins(1);

/// Fresh workers that may die before they take a job. The first may have been killed
/// between two files; if a new one dies too, something is wrong with this machine.
const ATTEMPTS: u32 = 2;

/// How a pool is made.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// The program that serves: this one.
    pub program: PathBuf,
    /// Its arguments: `worker`.
    pub args: Vec<OsString>,
    /// How many at once.
    pub count: usize,
    /// What each may add to the memory of its program, in MiB.
    pub memory_max_mib: u64,
    /// Without a sign of life for so long a worker is killed.
    pub stall_ms: u64,
    /// After so many files a worker is replaced.
    pub files_per_worker: u64,
    /// After so long without work a worker is let go.
    pub idle: Duration,
    /// What a file may hold.
    pub limits: Limits,
    /// The PDFium library.
    pub pdfium: Option<PathBuf>,
}

impl PoolConfig {
    /// A pool of this program, as the settings want it.
    pub fn new(settings: &WorkerSettings, limits: &Limits, pdfium: Option<PathBuf>) -> PoolConfig {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = match settings.count {
            0 => cores.min(COUNT_MAX),
            count => count,
        };
        PoolConfig {
            program: settings.program.clone().unwrap_or_else(this_program),
            args: vec![OsString::from("worker")],
            count,
            memory_max_mib: settings.memory_max_mib,
            stall_ms: settings.stall_ms,
            files_per_worker: settings.files_per_worker,
            idle: IDLE,
            limits: limits.clone(),
            pdfium,
        }
    }
}

/// The running program itself, even after an upgrade has replaced its file.
pub fn this_program() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && link.exists() {
        return link;
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("hippo"))
}

/// A set of workers. Clones share it.
#[derive(Debug, Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: PoolConfig,
    starter: super::process::Starter,
    seats: Semaphore,
    idle: Mutex<Idle>,
    /// One start at a time; what went wrong with the last ones.
    gate: tokio::sync::Mutex<Backoff>,
    report: Mutex<SandboxReport>,
    closed: watch::Sender<bool>,
    next_job: AtomicU64,
}

/// Workers without work, the longest idle first.
#[derive(Debug, Default)]
struct Idle {
    workers: VecDeque<(Session, Instant)>,
    /// Whether a task looks after them.
    watched: bool,
}

#[derive(Debug, Default)]
struct Backoff {
    wait: Duration,
    not_before: Option<Instant>,
}

impl Pool {
    /// A pool without workers yet: they start when files come.
    pub fn new(config: PoolConfig) -> Pool {
        let program = super::process::Program {
            path: config.program.clone(),
            args: config.args.clone(),
        };
        let shared = Shared {
            starter: super::process::Starter::new(program),
            seats: Semaphore::new(config.count.max(1)),
            idle: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            report: Mutex::default(),
            closed: watch::channel(false).0,
            next_job: AtomicU64::new(1),
            config,
        };
        Pool {
            shared: Arc::new(shared),
        }
    }

    /// How many files can be read at once.
    pub fn size(&self) -> usize {
        self.shared.config.count.max(1)
    }

    /// What holds the workers; known after the first has started.
    pub fn sandbox(&self) -> SandboxReport {
        lock(&self.shared.report).clone()
    }

    /// Starts one worker, so that [`sandbox`](Pool::sandbox) is known and the first file
    /// finds it warm. An error says why none can start.
    pub async fn warm(&self) -> Result<(), String> {
        let session = self.shared.worker().await?;
        Shared::put_back(&self.shared, session);
        Ok(())
    }

    /// Reads one file. `file` is read-only and at its beginning; `wants` is what is to be
    /// given besides text. What the worker reports on its way goes to `progress`. Dropping
    /// the future kills the worker.
    pub async fn extract(
        &self,
        file: File,
        name: String,
        size: u64,
        wants: Wants,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Outcome {
        self.extract_with_scans(file, name, size, wants, progress, None)
            .await
    }

    /// The same; scans go to `scans` one by one as they come. While there is no room for the
    /// next, the worker waits.
    pub async fn extract_with_scans(
        &self,
        file: File,
        name: String,
        size: u64,
        wants: Wants,
        progress: impl Fn(Progress) + Send + Sync,
        scans: Option<mpsc::Sender<Scan>>,
    ) -> Outcome {
        let told = Told {
            progress: &progress,
            sound: None,
            scans: scans.as_ref(),
        };
        self.read(file, (name, size, wants), told).await
    }

    /// Decodes a recording: its sound, 16 kHz mono, goes to `sound` as it comes. A full channel
    /// holds the worker back. Dropping the future kills the worker.
    pub async fn listen(
        &self,
        file: File,
        name: String,
        size: u64,
        sound: mpsc::Sender<Vec<i16>>,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Outcome {
        let wants = Wants {
            sound: true,
            ..Wants::default()
        };
        let told = Told {
            progress: &progress,
            sound: Some(&sound),
            scans: None,
        };
        self.read(file, (name, size, wants), told).await
    }

    async fn read(
        &self,
        file: File,
        job: (String, u64, Wants),
        told: Told<'_, impl Fn(Progress) + Send + Sync>,
    ) -> Outcome {
        if let Some(refusal) = writable(&file) {
            return Outcome::Refused(refusal);
        }
        let shared = &self.shared;
        let mut closed = shared.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => unavailable("hippo is shutting down"),
            outcome = Shared::extract(shared, &file, job, told) => outcome,
        }
    }

    /// Ends all workers. Files at work end as unavailable.
    pub async fn shutdown(&self) {
        self.shared.closed.send_replace(true);
        let workers = std::mem::take(&mut lock(&self.shared.idle).workers);
        for (session, _) in workers {
            session.leave().await;
        }
    }
}

impl Shared {
    async fn extract(
        shared: &Arc<Shared>,
        file: &File,
        (name, size, wants): (String, u64, Wants),
        told: Told<'_, impl Fn(Progress) + Send + Sync>,
    ) -> Outcome {
        let Ok(_seat) = shared.seats.acquire().await else {
            return unavailable("hippo is shutting down");
        };
        let id = shared.next_job.fetch_add(1, Ordering::Relaxed);
        let job = Job {
            id,
            name,
            size,
            wants,
        };
        let config = &shared.config;
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let mut session = match shared.worker().await {
                Ok(session) => session,
                Err(reason) => return Outcome::Unavailable { reason },
            };
            match session.run(config, &job, file, told).await {
                Verdict::Ended(outcome) => {
                    if session.fit(config) {
                        Shared::put_back(shared, session);
                    }
                    return outcome;
                }
                Verdict::Fallen(outcome) => return outcome,
                Verdict::NeverTaken(reason) => last = reason,
            }
        }
        shared.gate.lock().await.failed();
        Outcome::Unavailable {
            reason: format!("workers die before they take a file: {last}"),
        }
    }

    /// A worker that lives: an idle one, or a new one.
    async fn worker(&self) -> Result<Session, String> {
        loop {
            let popped = lock(&self.idle).workers.pop_back();
            match popped {
                Some((session, _)) if session.alive() => return Ok(session),
                Some(_) => {}
                None => break,
            }
        }
        let mut gate = self.gate.lock().await;
        if let Some(not_before) = gate.not_before {
            tokio::time::sleep_until(not_before).await;
        }
        match Session::start(&self.starter, &self.config).await {
            Greeting::Ready(session, report) => {
                *gate = Backoff::default();
                *lock(&self.report) = report;
                Ok(*session)
            }
            Greeting::Failed(reason) => {
                gate.failed();
                let program = self.config.program.display();
                Err(format!("no worker can be started ({program}): {reason}"))
            }
        }
    }

    fn put_back(shared: &Arc<Shared>, session: Session) {
        let mut idle = lock(&shared.idle);
        if *shared.closed.borrow() {
            return;
        }
        idle.workers.push_back((session, Instant::now()));
        if !idle.watched {
            idle.watched = true;
            tokio::spawn(let_go(Arc::downgrade(shared), shared.config.idle));
        }
    }
}

/// Lets workers go that had no work for too long; ends when none is left, so that an idle
/// daemon has no timer running.
async fn let_go(shared: Weak<Shared>, idle: Duration) {
    let mut until = Instant::now() + idle;
    loop {
        tokio::time::sleep_until(until).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let (gone, next) = lock(&shared.idle).expire(Instant::now(), idle);
        for session in gone {
            session.leave().await;
        }
        match next {
            Some(next) => until = next,
            None => return,
        }
    }
}

impl Idle {
    /// Takes out who waited long enough, and says when to look again. With nobody left,
    /// nobody looks, until the next worker comes back.
    fn expire(&mut self, now: Instant, after: Duration) -> (Vec<Session>, Option<Instant>) {
        let mut gone = Vec::new();
        while let Some((session, since)) = self.workers.pop_front() {
            if now.duration_since(since) < after {
                self.workers.push_front((session, since));
                return (gone, Some(since + after));
            }
            gone.push(session);
        }
        self.watched = false;
        (gone, None)
    }
}

impl Backoff {
    fn failed(&mut self) {
        self.wait = (self.wait * 2).clamp(BACKOFF_FIRST, BACKOFF_LONGEST);
        self.not_before = Some(Instant::now() + self.wait);
    }
}

fn unavailable(reason: &str) -> Outcome {
    let reason = reason.to_owned();
    Outcome::Unavailable { reason }
}

/// A descriptor that can write must never reach a worker: the sandbox cannot take that
/// back. A mistake of ours, if ever.
fn writable(file: &File) -> Option<Refusal> {
    use rustix::fs::OFlags;

    let flags = rustix::fs::fcntl_getfl(file).ok()?;
    let mode = flags & OFlags::RWMODE;
    (mode != OFlags::RDONLY).then(|| {
        Refusal::failed(
            "open",
            "the file was opened for writing; this is a bug of hippo",
        )
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_that_fail_are_tried_ever_more_rarely() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        for _ in 0..9 {
            backoff.failed();
            waits.push(backoff.wait.as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
