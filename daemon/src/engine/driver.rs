//! The engine's loop: one task, one closed set of events, and every decision in one place.
//!
//! ```text
//! hints ──> survey (of paths)  ─┐
//! timers ─> scan (of folders)  ─┴─> journal ─> plan ─> jobs ─> commit ─> Committed
//! ```
//!
//! The loop itself never blocks: it starts surveys, scans and jobs and hears of their end.
//! One survey and one scan run at a time; while one runs, what else is asked for is gathered
//! and answered by the next. Nothing wakes the loop while there is nothing to do.

mod dispatch;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::EngineError;
use super::commit::Work;
use super::looking::{scan_folders, survey_paths};
use super::place::Turns;
use super::shared::{Shared, blocking, lock};
use crate::journal::{Applied, now_ms};
use crate::scan::is_rules_file;
use crate::schedule::Places;
use crate::service::wire::EventKind;
use crate::watch::Hint;

/// Light files in work at once: enough to keep the workers busy while others are hashed and
/// claimed. A note saved a moment ago waits behind these at most, some 50 ms.
const LIGHT_PLACES: usize = 24;

/// Light files are claimed when so many places are free: a claim is synced to the disk before
/// work begins, which took longer than the work while every file was claimed by itself.
const CLAIM_TOGETHER: usize = 8;

/// How long a file that vanished stays in the table, out of answers: a move seen in two halves
/// (its old end first, its new end in another folder's scan) costs no extraction within it.
const GRACE_MS: i64 = 10_000;

/// After a look at the disk that could not be recorded (a full disk), all is looked at again
/// this much later, and so on until it can be.
const LOOK_ANEW: Duration = Duration::from_secs(5);

/// Hints answered by one survey; more become the next one's.
const HINTS_AT_ONCE: usize = 4_096;

/// All that the loop hears of.
pub(super) enum Event {
    /// The watcher says that something is dirty.
    Hint(Hint),
    /// The survey of the latest hints has ended.
    Surveyed(Result<Applied, EngineError>),
    /// The scan of folders has ended.
    Scanned(Result<Applied, EngineError>),
    /// A file has been read, a light one also handed to commit: its place is free.
    Read { heavy: bool },
    /// The writer has recorded these files; those of `again` are to be looked at once more.
    Committed { ids: Vec<u64>, again: Vec<PathBuf> },
    /// Something was queued by hand: look at the queue.
    Queued,
    /// Scan these folders (all when `None`).
    Scan {
        folder: Option<PathBuf>,
        why: String,
    },
    /// Answer when all hints and scans asked for before this have been recorded.
    Barrier(oneshot::Sender<()>),
    /// Files were marked missing by hand: no grace.
    Depart,
    /// End.
    Shutdown,
}

/// Someone who waits for surveys and scans that were asked for before.
struct Waiter {
    surveys: u64,
    scans: u64,
    reply: oneshot::Sender<()>,
}

struct Driver {
    shared: Arc<Shared>,
    commits: mpsc::Sender<Work>,
    jobs: JoinSet<()>,
    busy: HashSet<u64>,
    free: Places,
    /// The places that there are.
    all: Places,
    turns: Turns,
    hints: Vec<PathBuf>,
    surveys_begun: u64,
    surveys_ended: u64,
    wanted: BTreeSet<PathBuf>,
    scans_asked: u64,
    scan_covers: u64,
    scans_ended: u64,
    scanning: bool,
    waiters: Vec<Waiter>,
    look_again: Option<Instant>,
    depart_at: Option<Instant>,
    look_anew: Option<Instant>,
    /// Something that was seen is not in the journal: nobody who waits may be told that it is.
    unrecorded: bool,
    was_idle: bool,
}

/// Runs until `Event::Shutdown`. Returns when no job is at work any more.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut events: mpsc::Receiver<Event>,
    mut hints: mpsc::Receiver<Hint>,
    commits: mpsc::Sender<Work>,
) {
    // The pool has a seat more for light files and one for the recording that is heard.
    let heavy = shared.pool.size().saturating_sub(2).max(1);
    let all = Places {
        light: LIGHT_PLACES,
        heavy,
    };
    let mut driver = Driver {
        shared,
        commits,
        jobs: JoinSet::new(),
        busy: HashSet::new(),
        free: all,
        all,
        turns: Turns::default(),
        hints: Vec::new(),
        surveys_begun: 0,
        surveys_ended: 0,
        wanted: BTreeSet::new(),
        scans_asked: 0,
        scan_covers: 0,
        scans_ended: 0,
        scanning: false,
        waiters: Vec::new(),
        look_again: None,
        depart_at: None,
        look_anew: None,
        unrecorded: false,
        was_idle: false,
    };
    loop {
        let timer = [driver.look_again, driver.depart_at, driver.look_anew]
            .into_iter()
            .flatten()
            .min();
        let event = tokio::select! {
            Some(event) = events.recv() => event,
            Some(hint) = hints.recv(), if driver.hints.len() < HINTS_AT_ONCE => Event::Hint(hint),
            () = until(timer) => { driver.timer().await; continue }
            Some(_) = driver.jobs.join_next() => continue,
            else => break,
        };
        if matches!(event, Event::Shutdown) {
            break;
        }
        driver.handle(event, &mut hints).await;
    }
    driver.jobs.shutdown().await;
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Driver {
    async fn handle(&mut self, event: Event, hints: &mut mpsc::Receiver<Hint>) {
        let only_one_place = matches!(event, Event::Read { heavy: false });
        match event {
            Event::Hint(hint) => {
                self.take_hint(hint);
                // Both ends of a rename arrive next to each other: look at them together.
                while self.hints.len() < HINTS_AT_ONCE
                    && let Ok(hint) = hints.try_recv()
                {
                    self.take_hint(hint);
                }
            }
            Event::Surveyed(result) => {
                self.surveys_ended = self.surveys_begun;
                self.recorded(result).await;
            }
            Event::Scanned(result) => {
                self.scanning = false;
                self.scans_ended = self.scan_covers;
                self.shared.scans_running.store(0, Ordering::Relaxed);
                self.recorded(result).await;
                self.shared.emit(EventKind::Scan, None, Some("ended"), None);
            }
            Event::Read { heavy: true } => self.free.heavy += 1,
            Event::Read { heavy: false } => self.free.light += 1,
            Event::Committed { ids, again } => {
                for id in ids {
                    self.busy.remove(&id);
                }
                self.hints.extend(again);
            }
            Event::Queued => self.shared.refresh(),
            Event::Scan { folder, why } => self.ask_scan(folder, &why),
            Event::Barrier(reply) => self.waiters.push(Waiter {
                surveys: self.surveys_begun + u64::from(!self.hints.is_empty()),
                scans: self.scans_asked,
                reply,
            }),
            Event::Depart => self.depart_at = Some(Instant::now()),
            Event::Shutdown => {}
        }
        self.begin_survey();
        self.begin_scan();
        self.answer_waiters();
        if !only_one_place || self.free.light >= CLAIM_TOGETHER {
            self.dispatch().await;
        }
        self.notice_idle();
    }

    fn take_hint(&mut self, hint: Hint) {
        match hint {
            Hint::Path(path) if self.shared.cookies.take(&path) => {}
            Hint::Path(path) if is_rules_file(&path) => {
                if let Some(folder) = self.shared.folder_of(&path) {
                    self.ask_scan(Some(folder.path.clone()), "its ignore rules changed");
                }
                self.hints.push(path);
            }
            Hint::Path(path) => self.hints.push(path),
            Hint::Rescan { folder, why } => self.ask_scan(folder, &why),
        }
    }

    fn ask_scan(&mut self, folder: Option<PathBuf>, why: &str) {
        tracing::info!(folder = ?folder, why, "scan asked for");
        self.scans_asked += 1;
        match folder {
            Some(path) => self
                .wanted
                .extend(self.shared.folder_of(&path).map(|f| f.path.clone())),
            None => self
                .wanted
                .extend(self.shared.folders().iter().map(|f| f.path.clone())),
        }
    }

    /// Looks at the paths that hints named, existing ones first: a moved file is then met at
    /// its new place before it is missed at its old one.
    fn begin_survey(&mut self) {
        if self.hints.is_empty() || self.surveys_begun > self.surveys_ended {
            return;
        }
        self.surveys_begun += 1;
        let mut paths = std::mem::take(&mut self.hints);
        paths.sort();
        paths.dedup();
        let shared = Arc::clone(&self.shared);
        let driver = self.shared.driver.clone();
        tokio::spawn(async move {
            let result = blocking(move || survey_paths(&shared, paths)).await;
            let _ = driver.send(Event::Surveyed(result)).await;
        });
    }

    fn begin_scan(&mut self) {
        if self.scanning || self.wanted.is_empty() {
            // A scan of nothing (the folder has gone) has ended as soon as it is asked for.
            if !self.scanning {
                self.scans_ended = self.scans_asked;
            }
            return;
        }
        self.scanning = true;
        self.scan_covers = self.scans_asked;
        self.shared.scans_running.store(1, Ordering::Relaxed);
        self.shared.emit(EventKind::Scan, None, Some("began"), None);
        let folders = std::mem::take(&mut self.wanted);
        let shared = Arc::clone(&self.shared);
        let driver = self.shared.driver.clone();
        tokio::spawn(async move {
            let result = blocking(move || scan_folders(&shared, folders)).await;
            let _ = driver.send(Event::Scanned(result)).await;
        });
    }

    async fn recorded(&mut self, result: Result<Applied, EngineError>) {
        match result {
            Ok(applied) => {
                if self.unrecorded && self.look_anew.is_none() {
                    self.unrecorded = false;
                    *lock(&self.shared.paused) = None;
                }
                if applied.moved > 0 {
                    let _ = self.commits.send(Work::Moves).await;
                }
                if applied.missing > 0 {
                    let grace = Duration::from_millis(GRACE_MS as u64 + 1);
                    self.depart_at = Some(Instant::now() + grace);
                }
            }
            Err(error) => {
                // What was seen is lost: look at all of it again rather than forget it.
                let reason = error.to_string();
                tracing::error!(reason, "a look at the disk could not be recorded");
                *lock(&self.shared.paused) = Some(reason);
                self.unrecorded = true;
                self.look_anew = Some(Instant::now() + LOOK_ANEW);
            }
        }
        self.shared.refresh();
    }

    async fn timer(&mut self) {
        let now = Instant::now();
        if self.depart_at.is_some_and(|at| at <= now) {
            self.depart_at = None;
            if self.scanning {
                // What is missed here may yet be met there.
                self.depart_at = Some(now + Duration::from_millis(GRACE_MS as u64));
            } else {
                let until = now_ms() - GRACE_MS;
                let _ = self.commits.send(Work::Departures { until }).await;
                self.await_departure(until).await;
            }
        }
        if self.look_anew.is_some_and(|at| at <= now) {
            self.look_anew = None;
            self.ask_scan(None, "what was seen could not be recorded");
            self.begin_scan();
        }
        if self.look_again.is_some_and(|at| at <= now) {
            self.look_again = None;
            self.dispatch().await;
        }
    }

    /// Sets the timer for the first of the files whose grace is not over yet.
    async fn await_departure(&mut self, after: i64) {
        let shared = Arc::clone(&self.shared);
        let next = blocking(move || Ok(shared.journal.first_missing(after)?)).await;
        match next {
            Ok(next) => {
                self.depart_at = next.map(|at| {
                    let grace = (at + GRACE_MS - now_ms()).max(0) as u64;
                    Instant::now() + Duration::from_millis(grace + 1)
                });
            }
            Err(error) => tracing::error!(%error, "missing files could not be listed"),
        }
    }

    fn answer_waiters(&mut self) {
        if self.unrecorded {
            return;
        }
        let (surveys, scans) = (self.surveys_ended, self.scans_ended);
        for waiter in self
            .waiters
            .extract_if(.., |w| w.surveys <= surveys && w.scans <= scans)
        {
            let _ = waiter.reply.send(());
        }
    }

    fn notice_idle(&mut self) {
        let idle = self.busy.is_empty()
            && !self.unrecorded
            && !self.scanning
            && self.surveys_begun == self.surveys_ended
            && self.shared.fresh().pending == 0;
        if idle && !self.was_idle {
            self.shared.emit(EventKind::Idle, None, None, None);
        }
        self.was_idle = idle;
    }
}
