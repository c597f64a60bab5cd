//! The same interface as on Linux over FSEvents (macOS): one stream for each watched
//! folder, which tells of all below it, also of its own deletion and return.
//!
//! The callback runs on a thread of FSEvents: it puts what it is told into a bounded
//! list, rings, and returns. The heartbeat of that thread is the system's own: it
//! says `Rescan` when it dropped events, which comes out as [`What::Overflow`].
// The interface is that of the other kernel.
#![allow(clippy::unused_self, clippy::unnecessary_wraps)]

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{Config, Event, EventKind, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::Errno;

use super::event::{Purpose, Seen, What};
use super::polled::lies_under;
use crate::scan::sort_key;

/// Events held between the callback and the task; more become one overflow.
const INBOX_MAX: usize = 65_536;

#[derive(Default)]
struct Inbox {
    seen: Vec<Seen>,
    lost: bool,
}

/// The streams and what they cover.
pub(super) struct Kernel {
    watcher: RecommendedWatcher,
    inbox: Arc<Mutex<Inbox>>,
    bell: UnixStream,
    /// The same end of the pair again, for the task.
    wait_on: Arc<OwnedFd>,
    streams: Vec<PathBuf>,
    within: BTreeSet<Vec<u8>>,
}

/// What to wait on.
pub(super) struct Queue(Arc<OwnedFd>);

impl AsRawFd for Queue {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Kernel {
    pub(super) fn open() -> Result<Kernel, Errno> {
        let failed = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let (bell, ringer) = UnixStream::pair().map_err(failed)?;
        bell.set_nonblocking(true).map_err(failed)?;
        ringer.set_nonblocking(true).map_err(failed)?;
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let theirs = inbox.clone();
        let config = Config::default()
            .with_follow_symlinks(false)
            .with_event_kinds(EventKindMask::CORE | EventKindMask::ACCESS_CLOSE);
        let told = move |event: notify::Result<Event>| {
            take(
                &mut theirs.lock().unwrap_or_else(PoisonError::into_inner),
                event,
            );
            // A full pipe rings already.
            let _ = (&ringer).write(&[1]);
        };
        let watcher = RecommendedWatcher::new(told, config).map_err(|_| Errno::IO)?;
        Ok(Kernel {
            watcher,
            inbox,
            wait_on: Arc::new(bell.try_clone().map_err(failed)?.into()),
            bell,
            streams: Vec::new(),
            within: BTreeSet::new(),
        })
    }

    pub(super) fn queue(&self) -> Queue {
        Queue(self.wait_on.clone())
    }

    pub(super) fn within(&self) -> u64 {
        self.within.len() as u64
    }

    pub(super) fn holds(&self, dir: &Path) -> bool {
        self.within.contains(&sort_key(dir))
    }

    pub(super) fn count_under(&self, dir: &Path) -> u64 {
        self.under(dir).len() as u64
    }

    /// One stream for the topmost directory; what is below it costs nothing.
    pub(super) fn add(&mut self, dir: &Path, purpose: Purpose, _follow: bool) -> Result<(), Errno> {
        if !purpose.within {
            return Ok(());
        }
        if !self.streams.iter().any(|above| dir.starts_with(above)) {
            self.watcher
                .watch(dir, RecursiveMode::Recursive)
                .map_err(|error| match error.kind {
                    notify::ErrorKind::PathNotFound => Errno::NOENT,
                    notify::ErrorKind::MaxFilesWatch => Errno::NOSPC,
                    _ => Errno::IO,
                })?;
            self.streams.push(dir.to_owned());
        }
        self.within.insert(sort_key(dir));
        Ok(())
    }

    pub(super) fn remove_under(&mut self, dir: &Path) {
        self.forget_under(dir);
        let (gone, kept) = std::mem::take(&mut self.streams)
            .into_iter()
            .partition(|stream| stream.starts_with(dir));
        self.streams = kept;
        let gone: Vec<PathBuf> = gone;
        for stream in gone {
            // It fails where it had ended by itself.
            let _ = self.watcher.unwatch(&stream);
        }
    }

    /// Streams go by path: there is nothing on the way.
    pub(super) fn remove_way(&mut self, _dir: &Path) {}

    /// The directories are gone from under `dir`; its stream stays to see them return.
    pub(super) fn forget_under(&mut self, dir: &Path) {
        for key in self.under(dir) {
            self.within.remove(&key);
        }
    }

    /// Streams go by path: never.
    pub(super) fn is_stale(&self, _dir: &Path) -> bool {
        false
    }

    pub(super) fn read(&mut self) -> Result<Vec<Seen>, Errno> {
        let mut rings = [0; 256];
        while (&self.bell).read(&mut rings).is_ok_and(|bytes| bytes > 0) {}
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = std::mem::take(&mut inbox.seen);
        if std::mem::take(&mut inbox.lost) {
            seen = vec![made(What::Overflow, Path::new("/"), false)];
        }
        Ok(seen)
    }

    fn under(&self, dir: &Path) -> Vec<Vec<u8>> {
        let start = sort_key(dir);
        self.within
            .range(start.clone()..)
            .take_while(|key| lies_under(key, &start))
            .cloned()
            .collect()
    }
}

fn take(inbox: &mut Inbox, event: notify::Result<Event>) {
    let Ok(event) = event else {
        inbox.lost = true;
        return;
    };
    if event.need_rescan() || inbox.seen.len() + event.paths.len() > INBOX_MAX {
        inbox.lost = true;
        inbox.seen.clear();
        return;
    }
    for path in &event.paths {
        let there = path.symlink_metadata();
        let is_dir = there.as_ref().map_or(
            matches!(event.kind, EventKind::Remove(RemoveKind::Folder)),
            std::fs::Metadata::is_dir,
        );
        let what = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => What::Closed,
            EventKind::Create(CreateKind::Folder) => What::Created,
            EventKind::Create(_) if is_dir => What::Created,
            // Renames come one end at a time and do not say which.
            EventKind::Modify(ModifyKind::Name(_)) if there.is_ok() => What::MovedTo,
            EventKind::Modify(ModifyKind::Name(_)) => What::MovedFrom,
            EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Any | EventKind::Other => {
                What::Rights
            }
            EventKind::Create(_) | EventKind::Modify(_) => What::Written,
            EventKind::Remove(_) => What::Deleted,
            EventKind::Access(_) => continue,
        };
        inbox.seen.push(made(what, path, is_dir));
    }
}

fn made(what: What, path: &Path, is_dir: bool) -> Seen {
    Seen {
        what,
        is_dir,
        cookie: 0,
        dir: path.parent().unwrap_or(path).to_owned(),
        purpose: Purpose {
            within: true,
            way: false,
        },
        name: path.file_name().map(ToOwned::to_owned),
    }
}
