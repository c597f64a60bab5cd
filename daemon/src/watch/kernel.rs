//! The inotify queue and the table of what is watched in it (Linux).
//!
//! Why not through `notify`, which serves macOS: measured here with 20,000 folders
//! watched, letting go of one takes its thread 2 ms (it looks through all of them),
//! so that after 5,000 of them were deleted it is busy for 5 s (13 s on a loaded
//! machine) while the kernel's queue fills up; this table has caught up after 4 ms.
//! And where notify believes that it holds a path, it answers "yes" without asking
//! the kernel. Here each request reaches the kernel, in 10 microseconds, and a watch
//! takes 160 bytes.
//!
//! The table is right by these rules: a descriptor belongs to an inode, so a folder
//! that answers with a known descriptor under a new path has moved there; the
//! kernel's `IGNORED` is the only word on a descriptor's end; descriptor numbers
//! are never given twice.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::event::{Purpose, Seen, What};
use super::polled::{lies_under, path_of};
use crate::scan::sort_key;

/// Bytes read at a time: some 800 events, half a millisecond of work.
const BUFFER_BYTES: usize = 32 * 1024;

/// What is asked of a directory on the way to a watched folder: does a name in it
/// come or go? (Its files' contents are nobody's business.)
const WAY: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// What is asked of a directory within a watched folder. Not `OPEN` and not
/// `CLOSE_NOWRITE`: our own reading would flood the queue.
const WITHIN: WatchFlags = WAY
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CLOSE_WRITE);

/// The queue and its table.
pub(super) struct Kernel {
    fd: Arc<OwnedFd>,
    by_wd: HashMap<i32, Held>,
    /// By [`sort_key`], so that all below a directory stands together.
    by_path: BTreeMap<Arc<[u8]>, i32>,
    within: u64,
}

struct Held {
    key: Arc<[u8]>,
    purpose: Purpose,
}

/// The queue's descriptor, to wait on without the table's lock.
pub(super) struct Queue(Arc<OwnedFd>);

impl AsRawFd for Queue {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Kernel {
    pub(super) fn open() -> Result<Kernel, Errno> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Kernel {
            fd: Arc::new(fd),
            by_wd: HashMap::new(),
            by_path: BTreeMap::new(),
            within: 0,
        })
    }

    /// What to wait on for [`Kernel::read`].
    pub(super) fn queue(&self) -> Queue {
        Queue(self.fd.clone())
    }

    /// Directories held that lie within a watched folder.
    pub(super) fn within(&self) -> u64 {
        self.within
    }

    /// Whether `dir` is held as lying within a watched folder.
    pub(super) fn holds(&self, dir: &Path) -> bool {
        self.by_path
            .get(sort_key(dir).as_slice())
            .and_then(|wd| self.by_wd.get(wd))
            .is_some_and(|held| held.purpose.within)
    }

    /// Directories held within watched folders, at and below `dir`.
    pub(super) fn count_under(&self, dir: &Path) -> u64 {
        self.under(dir)
            .filter(|(_, wd)| self.by_wd.get(wd).is_some_and(|held| held.purpose.within))
            .count() as u64
    }

    /// Watches `dir` for a purpose besides those that it has. `follow`: it may be a
    /// symbolic link (a watched folder itself, or the way there).
    pub(super) fn add(&mut self, dir: &Path, purpose: Purpose, follow: bool) -> Result<(), Errno> {
        let key: Arc<[u8]> = sort_key(dir).into();
        let mut wanted = purpose;
        if let Some(held) = self.by_path.get(&key).and_then(|wd| self.by_wd.get(wd)) {
            wanted.within |= held.purpose.within;
            wanted.way |= held.purpose.way;
        }
        let mut flags = mask(wanted) | WatchFlags::ONLYDIR;
        if !follow {
            flags |= WatchFlags::DONT_FOLLOW;
        }
        let wd = inotify::add_watch(&*self.fd, dir, flags)?;
        match self.by_wd.get(&wd) {
            // Another directory stood under this path, or this one under another.
            Some(held) if held.key != key => {
                let old = held.key.clone();
                self.by_path.remove(&old);
                self.drop_held(wd);
            }
            Some(_) => self.drop_held(wd),
            None => {}
        }
        if let Some(stale) = self
            .by_path
            .insert(key.clone(), wd)
            .filter(|&old| old != wd)
        {
            self.drop_held(stale);
            // It fails where the directory is gone, and its watch with it.
            let _ = inotify::remove_watch(&*self.fd, stale);
        }
        self.within += u64::from(wanted.within);
        let held = Held {
            key,
            purpose: wanted,
        };
        self.by_wd.insert(wd, held);
        Ok(())
    }

    /// Lets go of `dir` and all below it, but for what is on the way to a folder.
    pub(super) fn remove_under(&mut self, dir: &Path) {
        let held: Vec<(Arc<[u8]>, i32)> = self
            .under(dir)
            .map(|(key, &wd)| (key.clone(), wd))
            .collect();
        for (key, wd) in held {
            self.give_up(&key, wd, |purpose| purpose.within = false);
        }
    }

    /// Lets go of what is only on the way to a folder.
    pub(super) fn remove_way(&mut self, dir: &Path) {
        let key: Arc<[u8]> = sort_key(dir).into();
        if let Some(&wd) = self.by_path.get(&key) {
            self.give_up(&key, wd, |purpose| purpose.way = false);
        }
    }

    /// Lets go of `dir` and all below it, for whatever purpose: the paths are stale.
    pub(super) fn forget_under(&mut self, dir: &Path) {
        let held: Vec<(Arc<[u8]>, i32)> = self
            .under(dir)
            .map(|(key, &wd)| (key.clone(), wd))
            .collect();
        for (key, wd) in held {
            self.give_up(&key, wd, |purpose| *purpose = Purpose::default());
        }
    }

    /// Whether the watch held under `dir` is that of the directory that stands there.
    pub(super) fn is_stale(&self, dir: &Path) -> bool {
        let Some(&wd) = self.by_path.get(sort_key(dir).as_slice()) else {
            return true;
        };
        let Some(held) = self.by_wd.get(&wd) else {
            return true;
        };
        // Asking for what is held changes nothing, and the answer names the inode.
        let flags = mask(held.purpose) | WatchFlags::ONLYDIR;
        match inotify::add_watch(&*self.fd, dir, flags | WatchFlags::MASK_ADD) {
            Ok(found) if found == wd => false,
            Ok(other) => {
                if !self.by_wd.contains_key(&other) {
                    let _ = inotify::remove_watch(&*self.fd, other);
                }
                true
            }
            Err(_) => true,
        }
    }

    /// Takes what is in the queue, up to a buffer full; empty when there is nothing.
    pub(super) fn read(&mut self) -> Result<Vec<Seen>, Errno> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES].into_boxed_slice();
        let fd = self.fd.clone();
        let mut reader = inotify::Reader::new(fd.as_fd(), &mut buffer);
        let mut found = Vec::new();
        loop {
            let (wd, flags, cookie, name) = match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_bytes().to_vec());
                    (event.wd(), event.events(), event.cookie(), name)
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Ok(found),
                Err(error) => return Err(error),
            };
            let name = name.filter(|name| !name.is_empty()).map(OsString::from_vec);
            found.extend(self.seen(wd, flags, cookie, name));
            if flags.contains(ReadFlags::IGNORED) {
                self.ended(wd);
            }
            // Never more than one read: a writer in a hurry must not keep us here.
            if reader.is_buffer_empty() {
                return Ok(found);
            }
        }
    }

    fn seen(&self, wd: i32, flags: ReadFlags, cookie: u32, name: Option<OsString>) -> Option<Seen> {
        let held = self.by_wd.get(&wd);
        let what = if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            What::Overflow
        } else {
            held?;
            meaning(flags)?
        };
        Some(Seen {
            what,
            is_dir: flags.contains(ReadFlags::ISDIR),
            cookie,
            dir: held.map(|held| path_of(&held.key)).unwrap_or_default(),
            purpose: held.map(|held| held.purpose).unwrap_or_default(),
            name,
        })
    }

    fn under(&self, dir: &Path) -> impl Iterator<Item = (&Arc<[u8]>, &i32)> {
        let start: Arc<[u8]> = sort_key(dir).into();
        self.by_path
            .range(start.clone()..)
            .take_while(move |(key, _)| lies_under(key, &start))
    }

    fn give_up(&mut self, key: &Arc<[u8]>, wd: i32, change: impl Fn(&mut Purpose)) {
        let Some(held) = self.by_wd.get_mut(&wd) else {
            self.by_path.remove(key);
            return;
        };
        let before = held.purpose;
        change(&mut held.purpose);
        let after = held.purpose;
        self.within -= u64::from(before.within && !after.within);
        if after == Purpose::default() {
            self.by_wd.remove(&wd);
            self.by_path.remove(key);
            let _ = inotify::remove_watch(&*self.fd, wd);
        } else if after != before {
            // Narrow the watch; if the directory is gone, its end is on the way.
            let _ = inotify::add_watch(&*self.fd, path_of(key), mask(after) | WatchFlags::ONLYDIR);
        }
    }

    /// The kernel let go of a watch.
    fn ended(&mut self, wd: i32) {
        if let Some(held) = self.by_wd.get(&wd) {
            if self.by_path.get(&held.key) == Some(&wd) {
                let key = held.key.clone();
                self.by_path.remove(&key);
            }
            self.drop_held(wd);
        }
    }

    fn drop_held(&mut self, wd: i32) {
        if let Some(held) = self.by_wd.remove(&wd) {
            self.within -= u64::from(held.purpose.within);
        }
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The kernel sets one of these in each event.
fn meaning(flags: ReadFlags) -> Option<What> {
    const MEANINGS: &[(ReadFlags, What)] = &[
        (ReadFlags::MODIFY, What::Written),
        (ReadFlags::CLOSE_WRITE, What::Closed),
        (ReadFlags::CREATE, What::Created),
        (ReadFlags::DELETE, What::Deleted),
        (ReadFlags::DELETE_SELF, What::Deleted),
        (ReadFlags::MOVED_FROM, What::MovedFrom),
        (ReadFlags::MOVED_TO, What::MovedTo),
        (ReadFlags::MOVE_SELF, What::DirMoved),
        (ReadFlags::ATTRIB, What::Rights),
        (ReadFlags::UNMOUNT, What::Unmounted),
    ];
    MEANINGS
        .iter()
        .find(|(flag, _)| flags.contains(*flag))
        .map(|&(_, what)| what)
}

fn mask(purpose: Purpose) -> WatchFlags {
    if purpose.within { WITHIN } else { WAY }
}
