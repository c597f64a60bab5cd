//! Disk facts and catalog facts in, changes out; no clock, no disk, no database.
//!
//! Both sides come in the order of [`super::sort_key`] and are merged as they
//! stream by; only what found no partner under its own path is held, to be matched
//! by identity (file system, inode, size) once both sides have been seen. So 100k
//! unchanged files cost no memory, and a renamed folder costs its files.
//!
//! How two facts under one path compare:
//!
//! | same | verdict |
//! |---|---|
//! | file system, inode, size, mtime, ctime | nothing to tell |
//! | all but the file system | [`Change::Identity`]: a remount |
//! | file system and inode, but not all the rest | [`Change::Changed`] (to be hashed; a mere chmod then ends there) |
//! | the path alone | another file now: perhaps [`Change::Moved`], else [`Change::Changed`] |
//!
//! A catalog path without a file is [`Change::Unavailable`] when its file system is
//! not where it was, and [`Change::Gone`] only when the directory that should hold
//! it is there, readable, and on the file system on which the file was.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use super::{CatalogFact, Change, DiskFact, cmp_paths};
use crate::watch::mounts::fsid_of;

/// All changes between `disk` and `catalog`, both sorted by [`super::sort_key`].
///
/// `parent_fsid` tells for a path that is not on the disk on which file system the
/// nearest directory above it lies that is there; `None` when the watched folder
/// itself is away or the place cannot be read ([`Parents`] does this).
pub fn reconcile(
    disk: impl Iterator<Item = DiskFact>,
    catalog: impl Iterator<Item = CatalogFact>,
    parent_fsid: impl Fn(&Path) -> Option<u64>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    reconcile_into(disk, catalog, parent_fsid, |change| changes.push(change));
    changes
}

/// As [`reconcile`], but gives each change to `sink` as soon as it is certain: new
/// files at once when the catalog has nothing left that could have moved there, so
/// that a first scan of a large folder needs no memory for it.
pub fn reconcile_into(
    disk: impl Iterator<Item = DiskFact>,
    catalog: impl Iterator<Item = CatalogFact>,
    parent_fsid: impl Fn(&Path) -> Option<u64>,
    mut sink: impl FnMut(Change),
) {
    let mut disk = disk.peekable();
    let mut catalog = catalog.peekable();
    let mut open = Unmatched::default();
    loop {
        let order = match (disk.peek(), catalog.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(new), Some(old)) => cmp_paths(&new.path, &old.path),
        };
        let new = if order == Ordering::Greater {
            None
        } else {
            disk.next()
        };
        let old = if order == Ordering::Less {
            None
        } else {
            catalog.next()
        };
        match (new, old) {
            (Some(new), Some(old)) => open.same_path(new, old, &mut sink),
            (Some(new), None) if open.old.is_empty() && catalog.peek().is_none() => {
                sink(Change::New(new));
            }
            (new, old) => {
                open.new.extend(new.map(|new| (new, None)));
                open.old.extend(old);
            }
        }
    }
    open.settle(parent_fsid, sink);
}

/// What found no partner under its own path.
#[derive(Default)]
struct Unmatched {
    /// Files, and the catalog's entry under the same path where another file stood.
    new: Vec<(DiskFact, Option<CatalogFact>)>,
    /// Catalog entries whose path holds no file.
    old: Vec<CatalogFact>,
    /// File systems that are known to be the same under another identity: the
    /// recorded one, and those that it was met under in this scan.
    renamed: BTreeMap<u64, BTreeSet<u64>>,
}

impl Unmatched {
    fn same_path(&mut self, new: DiskFact, old: CatalogFact, sink: &mut impl FnMut(Change)) {
        let same_inode = new.ino == old.ino;
        let same_times =
            new.size == old.size && new.mtime_ns == old.mtime_ns && new.ctime_ns == old.ctime_ns;
        let same_fs = new.fsid == old.fsid;
        if same_inode && same_times && !same_fs {
            self.renamed.entry(old.fsid).or_default().insert(new.fsid);
        }
        if !same_inode || (!same_fs && !same_times) {
            self.new.push((new, Some(old)));
        } else if old.missing {
            sink(Change::Returned {
                id: old.id,
                touched: !same_times,
                disk: new,
            });
        } else if !same_times {
            sink(Change::Changed {
                id: old.id,
                disk: new,
            });
        } else if !same_fs {
            sink(Change::Identity {
                id: old.id,
                disk: new,
            });
        }
    }

    /// Moves by identity first, then what remains under its own path, then the rest.
    fn settle(self, parent_fsid: impl Fn(&Path) -> Option<u64>, mut sink: impl FnMut(Change)) {
        let Unmatched { new, old, renamed } = self;
        let mut homeless: HashMap<(u64, u64, u64), VecDeque<&CatalogFact>> = HashMap::new();
        for fact in old
            .iter()
            .chain(new.iter().filter_map(|(_, old)| old.as_ref()))
        {
            let met_as = renamed.get(&fact.fsid).into_iter().flatten();
            for &fsid in met_as.chain([&fact.fsid]) {
                let key = (fsid, fact.ino, fact.size);
                homeless.entry(key).or_default().push_back(fact);
            }
        }
        let mut moved = HashSet::new();
        let mut rest = Vec::new();
        for (disk, under) in &new {
            let key = (disk.fsid, disk.ino, disk.size);
            let found = homeless.get_mut(&key).and_then(|facts| {
                // Several are hard links: the one with the same mtime is the better match.
                facts.retain(|fact| !moved.contains(&fact.id));
                let best = facts
                    .iter()
                    .position(|fact| fact.mtime_ns == disk.mtime_ns)
                    .unwrap_or(0);
                facts.remove(best)
            });
            if let Some(fact) = found {
                moved.insert(fact.id);
                sink(moved_to(fact, disk.clone()));
            } else {
                rest.push((disk, under));
            }
        }
        let mut kept = HashSet::new();
        for (disk, under) in rest {
            match under.as_ref().filter(|old| !moved.contains(&old.id)) {
                Some(old) => {
                    kept.insert(old.id);
                    sink(changed_to(old, disk.clone()));
                }
                None => sink(Change::New(disk.clone())),
            }
        }
        let leftover = old
            .iter()
            .chain(new.iter().filter_map(|(_, old)| old.as_ref()));
        for fact in leftover.filter(|fact| !moved.contains(&fact.id) && !kept.contains(&fact.id)) {
            let here = parent_fsid(&fact.path);
            let mounted = here.is_some_and(|fsid| {
                fsid == fact.fsid
                    || renamed
                        .get(&fact.fsid)
                        .is_some_and(|met_as| met_as.contains(&fsid))
            });
            if mounted {
                sink(Change::Gone { id: fact.id });
            } else if !fact.missing {
                sink(Change::Unavailable { id: fact.id });
            }
        }
    }
}

fn moved_to(old: &CatalogFact, disk: DiskFact) -> Change {
    let touched = disk.mtime_ns != old.mtime_ns;
    if disk.path != old.path {
        return Change::Moved {
            id: old.id,
            disk,
            touched,
        };
    }
    // The same path on a file system known under another name, with another ctime.
    changed_to(old, disk)
}

fn changed_to(old: &CatalogFact, disk: DiskFact) -> Change {
    if old.missing {
        return Change::Returned {
            id: old.id,
            touched: true,
            disk,
        };
    }
    Change::Changed { id: old.id, disk }
}

/// Answers `parent_fsid` for [`reconcile`] from the disk, with the directories that
/// the walk could not read taken out. Each directory is asked about once.
pub struct Parents {
    root: PathBuf,
    unreadable: RefCell<HashSet<PathBuf>>,
    known: RefCell<HashMap<PathBuf, Option<u64>>>,
}

impl Parents {
    /// For the files below the watched folder `root`.
    pub fn new(root: &Path) -> Parents {
        Parents {
            root: root.to_owned(),
            unreadable: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// The walk failed here: nothing at or below `path` can be called deleted.
    pub fn unreadable(&self, path: &Path) {
        self.unreadable.borrow_mut().insert(path.to_owned());
    }

    /// The file system of the nearest directory above `path` that is there.
    pub fn fsid(&self, path: &Path) -> Option<u64> {
        let unreadable = self.unreadable.borrow();
        if !unreadable.is_empty() && path.ancestors().any(|above| unreadable.contains(above)) {
            return None;
        }
        self.dir(path.parent()?)
    }

    fn dir(&self, dir: &Path) -> Option<u64> {
        if !dir.starts_with(&self.root) {
            return None;
        }
        if let Some(&known) = self.known.borrow().get(dir) {
            return known;
        }
        // Only the folder itself may be a link: below it none is followed.
        let there = dir == self.root && dir.is_dir()
            || dir.symlink_metadata().is_ok_and(|found| found.is_dir());
        let answer = if there {
            fsid_of(dir).ok()
        } else {
            dir.parent().and_then(|above| self.dir(above))
        };
        self.known.borrow_mut().insert(dir.to_owned(), answer);
        answer
    }
}
