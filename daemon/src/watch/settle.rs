//! Which paths are dirty, and when each has come to rest. Pure: time is passed in.
//!
//! A path is told of
//! - soon after its writer closed it (`CLOSE_GRACE`, so that an editor's "write a
//!   temporary file, rename it over" is one piece of news and not two),
//! - when it has been quiet for `settle_ms`,
//! - and after `max_wait_ms` though it never rests: a log that grows for ever is
//!   indexed too.
//!
//! Two refinements keep the promise that a slow copy is read once and a busy log
//! costs little. When a file that nobody closed falls due, the caller looks who is
//! writing it ([`super::writers`]): a program that writes it from start to end (a
//! copy, a download, a recording) gets time until it closes the file or stalls, at
//! most `COPY_MAX_WAIT`; one that appends does not. And a path that is told of again
//! and again waits twice as long each time, up to `max_wait_ms`.
//!
//! The set is bounded. When it is full it is thrown away for one rescan, as it is
//! when the kernel says that it lost events.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hippo_config::WatchSettings;

use super::Hint;

/// What a rename needs to follow the close of a temporary file; not felt by a person.
const CLOSE_GRACE: Duration = Duration::from_millis(20);

/// Paths due within this time of each other are told of together: fewer wake-ups.
const SLACK: Duration = Duration::from_millis(5);

/// How long a copy may write before it is read unfinished: twice the five minutes
/// that a slow copy over a network was seen to take.
const COPY_MAX_WAIT: Duration = Duration::from_mins(10);

/// Paths whose last telling is remembered, for the doubling of their wait.
const RECENT_MAX: usize = 4_096;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// It was written to, and its writer has it open still.
    Writing,
    /// Its writer closed it.
    Closed,
    /// Something else changed (rights, times): let it settle.
    Settle,
    /// Its name went away. It often comes back at once: let it settle.
    Gone,
    /// A rename, a new folder: tell of it in this turn.
    Now,
}

/// The set of dirty paths.
pub(super) struct Dirty {
    settle: Duration,
    max_wait: Duration,
    capacity: usize,
    entries: HashMap<Arc<Path>, Entry>,
    /// By due time, then by order of arrival: the two ends of a rename stay together.
    queue: BTreeSet<(Instant, u64)>,
    by_seq: HashMap<u64, Arc<Path>>,
    next_seq: u64,
    recent: HashMap<Arc<Path>, Recent>,
    /// Rescans to be told of before anything else, with their reasons.
    rescans: Vec<(Option<PathBuf>, String)>,
    /// One of them stands for all that is dirty.
    lost: bool,
    /// To be told of after all that was dirty when they came.
    cookies: Vec<PathBuf>,
}

struct Entry {
    first: Instant,
    last: Instant,
    due: Instant,
    seq: u64,
    writing: bool,
    /// Somebody writes it from start to end.
    copying: bool,
    /// A client waits: it is due whether it rests or not.
    hurried: bool,
}

struct Recent {
    at: Instant,
    wait: Duration,
}

/// What fell due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// To be told of now, in order.
    pub(super) hints: Vec<Hint>,
    /// Due, but open for writing: ask who writes, then [`Dirty::judged`].
    pub(super) writing: Vec<Arc<Path>>,
    /// To be told of after all these.
    pub(super) cookies: Vec<Hint>,
}

impl Dirty {
    pub(super) fn new(settings: &WatchSettings) -> Dirty {
        let settle = Duration::from_millis(settings.settle_ms);
        Dirty {
            settle,
            max_wait: Duration::from_millis(settings.max_wait_ms).max(settle),
            capacity: settings.hint_capacity.max(1),
            entries: HashMap::new(),
            queue: BTreeSet::new(),
            by_seq: HashMap::new(),
            next_seq: 0,
            recent: HashMap::new(),
            rescans: Vec::new(),
            lost: false,
            cookies: Vec::new(),
        }
    }

    /// Notes that `path` changed.
    pub(super) fn touch(&mut self, path: &Path, touch: Touch, now: Instant) {
        if self.lost {
            return; // The walk to come sees it.
        }
        let due = match touch {
            Touch::Now => now,
            Touch::Closed => self.floor(path, now, now + CLOSE_GRACE),
            Touch::Writing | Touch::Settle => self.floor(path, now, now + self.settle),
            // What was deleted must leave the answers, however often it was saved.
            Touch::Gone => now + self.settle,
        };
        if let Some(entry) = self.entries.get_mut(path) {
            entry.last = now;
            entry.writing = touch == Touch::Writing || (entry.writing && touch == Touch::Settle);
            entry.copying &= entry.writing;
            // Never later, lest a file that is saved without end is never due. What
            // is due too early is put off when it falls due.
            if matches!(touch, Touch::Now | Touch::Closed | Touch::Gone) {
                self.reschedule(path, due, touch == Touch::Now);
            }
            return;
        }
        if self.entries.len() >= self.capacity {
            let why = format!("more than {} paths changed at once", self.capacity);
            self.lost(&why);
            return;
        }
        let entry = Entry {
            first: now,
            last: now,
            due,
            seq: self.next_seq,
            writing: touch == Touch::Writing,
            copying: false,
            hurried: false,
        };
        self.next_seq += 1;
        let path: Arc<Path> = path.into();
        self.queue.insert((due, entry.seq));
        self.by_seq.insert(entry.seq, path.clone());
        self.entries.insert(path, entry);
    }

    /// Notes that changes went by unseen: everything must be walked, and until that
    /// is told there is nothing worth remembering.
    pub(super) fn lost(&mut self, why: &str) {
        self.clear(|_| true);
        self.lost = true;
        self.rescans.clear();
        self.rescans.push((None, why.to_owned()));
    }

    /// Asks for a walk of `folder`, or of all, besides what is dirty.
    pub(super) fn ask(&mut self, folder: Option<&Path>, why: &str) {
        let asked = |known: &Option<PathBuf>| known.is_none() || known.as_deref() == folder;
        if !self.rescans.iter().any(|(known, _)| asked(known)) {
            let folder = folder.map(Path::to_owned);
            self.rescans.push((folder, why.to_owned()));
        }
    }

    /// When to call [`Dirty::due`] next; `None` while nothing is dirty.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.queue.first().map(|&(due, _)| due)
    }

    /// Whether a rescan waits to be told of.
    pub(super) fn urgent(&self) -> bool {
        !self.rescans.is_empty() || !self.cookies.is_empty()
    }

    /// Takes what fell due.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let mut found = Due::default();
        self.lost = false;
        for (folder, why) in self.rescans.drain(..) {
            found.hints.push(Hint::Rescan { folder, why });
        }
        while let Some(&(due, seq)) = self.queue.first()
            && due <= now + SLACK
        {
            self.queue.pop_first();
            let Some(path) = self.by_seq.get(&seq).cloned() else {
                continue;
            };
            let Some(entry) = self.entries.get_mut(&path) else {
                continue;
            };
            let latest = entry.first + self.max_wait;
            let rested = if entry.hurried {
                due
            } else if entry.copying {
                (entry.last + self.max_wait).min(entry.first + COPY_MAX_WAIT)
            } else if entry.writing {
                (entry.last + self.settle).min(latest)
            } else {
                due
            };
            if rested > now + SLACK {
                entry.due = rested;
                self.queue.insert((rested, seq));
            } else if entry.writing && !entry.copying {
                // Asked for anew, should the caller's answer never come.
                entry.due = now + self.max_wait;
                entry.hurried = false;
                self.queue.insert((entry.due, seq));
                found.writing.push(path);
            } else {
                found.hints.push(self.tell(&path, now));
            }
        }
        let told = self.cookies.drain(..).map(Hint::Path);
        found.cookies.extend(told);
        found
    }

    /// A client waits for all that came before this: whatever is dirty is due now,
    /// but for what is known to be half copied, and `cookie` is told of after it.
    pub(super) fn cookie(&mut self, cookie: &Path, now: Instant) {
        self.queue.clear();
        for entry in self.entries.values_mut() {
            if !entry.copying {
                entry.hurried = true;
                entry.due = entry.due.min(now);
            }
            self.queue.insert((entry.due, entry.seq));
        }
        if self.cookies.len() < self.capacity {
            self.cookies.push(cookie.to_owned());
        }
    }

    /// The answer for a path of [`Due::writing`]: is it being copied? If not, it is due.
    pub(super) fn judged(&mut self, path: &Path, copying: bool, now: Instant) -> Option<Hint> {
        let entry = self.entries.get_mut(path)?;
        if !entry.writing {
            return None; // Closed meanwhile: it has its own time.
        }
        if copying {
            entry.copying = true;
            let stalled = entry.last + self.max_wait;
            self.reschedule(path, stalled, false);
            return None;
        }
        let path: Arc<Path> = path.into();
        Some(self.tell(&path, now))
    }

    /// Forgets what is dirty below `dir`.
    pub(super) fn forget_under(&mut self, dir: &Path) {
        self.clear(|path| path.starts_with(dir));
    }

    fn clear(&mut self, which: impl Fn(&Path) -> bool) {
        let Dirty {
            entries,
            queue,
            by_seq,
            ..
        } = self;
        entries.retain(|path, entry| {
            let goes = which(path);
            if goes {
                queue.remove(&(entry.due, entry.seq));
                by_seq.remove(&entry.seq);
            }
            !goes
        });
    }

    /// Makes `path` due at `due` at the latest; `behind` puts it behind all others.
    fn reschedule(&mut self, path: &Path, due: Instant, behind: bool) {
        let Some(entry) = self.entries.get_mut(path) else {
            return;
        };
        self.queue.remove(&(entry.due, entry.seq));
        if behind && let Some(path) = self.by_seq.remove(&entry.seq) {
            entry.seq = self.next_seq;
            self.next_seq += 1;
            self.by_seq.insert(entry.seq, path);
        }
        entry.due = entry.due.min(due);
        self.queue.insert((entry.due, entry.seq));
    }

    /// `due`, put off for a path that was told of just before.
    fn floor(&self, path: &Path, now: Instant, due: Instant) -> Instant {
        match self.recent.get(path) {
            Some(recent) if now < recent.at + recent.wait * 2 => due.max(recent.at + recent.wait),
            _ => due,
        }
    }

    fn tell(&mut self, path: &Arc<Path>, now: Instant) -> Hint {
        if let Some(entry) = self.entries.remove(path) {
            self.queue.remove(&(entry.due, entry.seq));
            self.by_seq.remove(&entry.seq);
        }
        let again = self
            .recent
            .get(path)
            .filter(|recent| now < recent.at + recent.wait * 2);
        let wait = again.map_or(self.settle, |recent| (recent.wait * 2).min(self.max_wait));
        if self.recent.len() >= RECENT_MAX {
            self.recent
                .retain(|_, recent| now < recent.at + recent.wait * 2);
        }
        if self.recent.len() < RECENT_MAX {
            self.recent.insert(path.clone(), Recent { at: now, wait });
        }
        Hint::Path(path.to_path_buf())
    }
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
