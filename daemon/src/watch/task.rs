//! The task that waits: for the kernel, for the next time that something is due,
//! for room in the channel. It is the only one that sends hints.
//!
//! While the receiver is slow, events go on being read into the bounded set of
//! dirty paths, and a full set becomes one rescan; so the kernel's own queue is
//! drained whatever the engine does. Should the queue break or the task panic, it
//! is started anew with a fresh queue and a rescan, for events went by unseen.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hippo_config::WatchSettings;
use tokio::io::Interest;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep_until;

use super::kernel::Kernel;
use super::ready::{Mounts, register};
use super::settle::Due;
use super::state::State;
use super::{Hint, writers};

/// Buffers read from the kernel before hints get their turn again.
const BUFFERS_AT_ONCE: usize = 32;

/// The longest pause before another attempt to open the kernel's queue.
const RESTART_MAX: Duration = Duration::from_mins(1);

/// What the task and the callers of the watcher share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Rung when a deadline may have come nearer.
    wake: Notify,
}

impl Shared {
    pub(super) fn open(settings: &WatchSettings) -> io::Result<Shared> {
        let kernel = Kernel::open()?;
        Ok(Shared {
            state: Mutex::new(State::new(settings, kernel, Instant::now())),
            wake: Notify::new(),
        })
    }

    /// Does something under the lock, then lets the task look at its deadlines.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let (answer, sooner) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let before = (state.deadline(), state.dirty.urgent());
            let answer = act(&mut state);
            (answer, (state.deadline(), state.dirty.urgent()) != before)
        };
        if sooner {
            self.wake.notify_one();
        }
        answer
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the task and starts it anew when it breaks, until nobody receives.
pub(super) async fn supervise(shared: Arc<Shared>, hints: Sender<Hint>) {
    let mut pause = Duration::ZERO;
    loop {
        // Dropped with this future, and the task with it.
        let mut running = JoinSet::new();
        running.spawn(run(shared.clone(), hints.clone()));
        let began = Instant::now();
        let why = match running.join_next().await {
            Some(Ok(Ok(()))) | None => return,
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(error)) => error.to_string(),
        };
        tracing::warn!(%why, "watching for file changes broke off and starts anew");
        if began.elapsed() > RESTART_MAX {
            pause = Duration::ZERO;
        }
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).clamp(Duration::from_secs(1), RESTART_MAX);
            match Kernel::open() {
                Ok(kernel) => {
                    let why = format!("watching broke off and started anew ({why})");
                    shared.lock().restart(kernel, &why);
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue for file changes cannot be opened; trying again");
                }
            }
        }
    }
}

/// `Ok` when nobody receives any more.
async fn run(shared: Arc<Shared>, hints: Sender<Hint>) -> io::Result<()> {
    let queue = shared.lock().kernel.queue();
    let queue = register(queue, Interest::READABLE)?;
    let mounts = Mounts::open();
    let mut out: VecDeque<Hint> = VecDeque::new();
    loop {
        if out.is_empty() {
            out.extend(gather(&shared).await);
        }
        let deadline = shared.lock().deadline();
        let room = out.len().min(hints.max_capacity());
        tokio::select! {
            ready = queue.readable() => {
                let mut ready = ready?;
                if drain(&shared)? {
                    ready.clear_ready();
                }
            }
            permits = hints.reserve_many(room), if !out.is_empty() => {
                let Ok(permits) = permits else { return Ok(()) };
                for permit in permits {
                    if let Some(hint) = out.pop_front() {
                        permit.send(hint);
                    }
                }
            }
            () = sleep_until(deadline.into()), if out.is_empty() => {}
            () = shared.wake.notified() => {}
            () = mounts.changed() => shared.lock().mounts_changed(),
            () = hints.closed() => return Ok(()),
        }
    }
}

/// Takes what is due; files that are due though nobody closed them only if they
/// are not being copied.
async fn gather(shared: &Shared) -> Vec<Hint> {
    let Due {
        mut hints,
        writing,
        cookies,
    } = shared.lock().turn(Instant::now());
    if !writing.is_empty() {
        let asked = writing.clone();
        // A panic in there means no answer: then all count as logs.
        let copied = spawn_blocking(move || writers::being_copied(&asked))
            .await
            .unwrap_or_default();
        let mut state = shared.lock();
        let now = Instant::now();
        for path in writing {
            let copying = copied.contains(&path);
            hints.extend(state.dirty.judged(&path, copying, now));
        }
    }
    hints.extend(cookies);
    hints
}

/// Reads the kernel's queue; `true` when it is empty.
fn drain(shared: &Shared) -> io::Result<bool> {
    for _ in 0..BUFFERS_AT_ONCE {
        let mut state = shared.lock();
        let events = state.kernel.read()?;
        if events.is_empty() {
            return Ok(true);
        }
        let now = Instant::now();
        for event in &events {
            state.event(event, now);
        }
    }
    Ok(false)
}
