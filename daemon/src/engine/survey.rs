//! One look at the disk: walk a folder or a part of it, compare with the catalog, record the
//! difference. The only way in which anything gets into the queue.
//!
//! What it promises:
//! - Watches are set on each directory before its entries are listed, so nothing falls between
//!   the walk and the watch.
//! - A folder counts as scanned only after the last of its changes is recorded.
//! - A file that looks gone is looked for once more before it is given up, and a file that
//!   looks new may be a known one that moved here from elsewhere.
//! - A folder that is not there, or lies on another file system than before, loses nothing.

use std::cell::{Cell, RefCell};
use std::path::Path;

use super::EngineError;
use super::shared::{FolderRuntime, Shared, lock};
use crate::journal::{Applied, now_ms};
use crate::scan::{
    CatalogFact, Change, DiskFact, Parents, RuleVerdict, Rules, Walk, WalkItem, disk_fact,
    reconcile_into,
};
use crate::watch::mounts;

/// Changes recorded in one transaction: short enough (some 10 ms) that a saved note's own
/// transaction does not wait noticeably behind a scan's.
const APPLY_BATCH: usize = 1_000;

/// At most so many unreadable directories are named in `status`.
const NAMED_UNREADABLE: usize = 5;

/// Surveys `root`, which is the folder itself or anything below it. `saved_now` says that the
/// user changed it a moment ago.
pub(super) fn survey(
    shared: &Shared,
    folder: &FolderRuntime,
    root: &Path,
    saved_now: bool,
) -> Result<Applied, EngineError> {
    let whole = root == folder.path;
    let rules = &folder.rules;
    let parents = Parents::new(&folder.path);
    let unreadable = RefCell::new(Vec::new());
    let met = Cell::new(false);
    let disk = disk_items(shared, rules, root, &parents, &unreadable).inspect(|_| met.set(true));

    let mut sink = Recorder::new(shared, folder, saved_now);
    shared.journal.with_catalog(root, |catalog| {
        reconcile_into(
            disk,
            catalog,
            |path| parents.fsid(path),
            |change| sink.take(change),
        );
    })?;
    // Nothing lies here but what lay here is on a file system that is not mounted now.
    let unmounted = !met.get() && sink.unavailable > 0;
    let applied = sink.finish()?;
    if whole {
        conclude(shared, folder, unreadable.into_inner(), unmounted)?;
    }
    Ok(applied)
}

/// A folder's state after a whole scan.
fn conclude(
    shared: &Shared,
    folder: &FolderRuntime,
    mut unreadable: Vec<String>,
    unmounted: bool,
) -> Result<(), EngineError> {
    unreadable.truncate(NAMED_UNREADABLE);
    *lock(&folder.unreadable) = unreadable;
    let root = std::fs::read_dir(&folder.path).and_then(|_| mounts::fsid_of(&folder.path));
    let problem = root.as_ref().err().map(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "it is not there; what was read from it is kept".to_owned(),
        _ => format!("{error}; what was read from it is kept"),
    });
    let problem = problem.or_else(|| {
        unmounted
            .then(|| "its file system is not mounted; what was read from it is kept".to_owned())
    });
    let there = problem.is_none();
    *lock(&folder.unavailable) = problem;
    if there {
        shared
            .journal
            .folder_scanned(folder.id, root.unwrap_or(0), now_ms())?;
        shared.listening.take_up_all();
    }
    Ok(())
}

/// The files at and below `root` that the rules keep, in the walk's order.
fn disk_items<'a>(
    shared: &'a Shared,
    rules: &'a Rules,
    root: &'a Path,
    parents: &'a Parents,
    unreadable: &'a RefCell<Vec<String>>,
) -> Box<dyn Iterator<Item = DiskFact> + 'a> {
    // A plain file is its own walk; its rules are asked for once.
    if std::fs::symlink_metadata(root).is_ok_and(|stat| !stat.is_dir()) {
        let kept = rules.verdict(root, false).is_keep();
        return Box::new(
            kept.then(|| disk_fact(root).ok().flatten())
                .flatten()
                .into_iter(),
        );
    }
    Box::new(Walk::new(rules, root).filter_map(move |item| match item {
        Ok(WalkItem::Dir(dir)) => {
            shared.watcher.watch_dir(&dir);
            None
        }
        Ok(WalkItem::File(fact)) => Some(fact),
        Err(error) => {
            tracing::warn!(%error, "a directory could not be read");
            parents.unreadable(&error.path);
            unreadable.borrow_mut().push(error.to_string());
            None
        }
    }))
}

/// Takes changes as they become certain and records them in batches.
struct Recorder<'a> {
    shared: &'a Shared,
    folder: &'a FolderRuntime,
    saved_now: bool,
    batch: Vec<Change>,
    applied: Applied,
    /// Files whose file system is not mounted.
    unavailable: u64,
    failed: Option<EngineError>,
}

impl<'a> Recorder<'a> {
    fn new(shared: &'a Shared, folder: &'a FolderRuntime, saved_now: bool) -> Recorder<'a> {
        Recorder {
            shared,
            folder,
            saved_now,
            batch: Vec::with_capacity(APPLY_BATCH),
            applied: Applied::default(),
            unavailable: 0,
            failed: None,
        }
    }

    fn take(&mut self, change: Change) {
        if self.failed.is_some() {
            return;
        }
        self.unavailable += u64::from(matches!(change, Change::Unavailable { .. }));
        match self.refine(change) {
            Ok(change) => self.batch.extend(change),
            Err(error) => self.failed = Some(error),
        }
        if self.batch.len() >= APPLY_BATCH {
            self.record();
        }
    }

    /// What only the whole catalog or one more look can tell.
    fn refine(&self, change: Change) -> Result<Option<Change>, EngineError> {
        match change {
            Change::New(disk) => {
                let known = self.shared.journal.by_identity(disk.fsid, disk.ino)?;
                let moved = known.into_iter().find(|known| is_moved(known, &disk));
                Ok(Some(match moved {
                    Some(known) => Change::Moved {
                        id: known.id,
                        touched: known.mtime_ns != disk.mtime_ns,
                        disk,
                    },
                    None => Change::New(disk),
                }))
            }
            Change::Gone { id } => {
                let path = self.shared.journal.place_of(id)?.map(|(path, _)| path);
                let there = path.is_some_and(|path| {
                    std::fs::symlink_metadata(&path).is_ok_and(|stat| stat.is_file())
                        && matches!(self.folder.rules.verdict(&path, false), RuleVerdict::Keep)
                });
                // It came back since the walk passed: its own hint tells of it.
                Ok((!there).then_some(Change::Gone { id }))
            }
            other => Ok(Some(other)),
        }
    }

    fn record(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() || self.failed.is_some() {
            return;
        }
        match self
            .shared
            .journal
            .apply(self.folder.id, &batch, now_ms(), self.saved_now)
        {
            Ok(applied) => {
                self.applied.queued += applied.queued;
                self.applied.moved += applied.moved;
                self.applied.missing += applied.missing;
            }
            Err(error) => self.failed = Some(error.into()),
        }
    }

    fn finish(mut self) -> Result<Applied, EngineError> {
        self.record();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.applied),
        }
    }
}

/// Whether a known file is the one that now stands elsewhere: the same inode and size, and no
/// longer where it was.
fn is_moved(known: &CatalogFact, disk: &DiskFact) -> bool {
    known.size == disk.size
        && known.path != disk.path
        && !std::fs::symlink_metadata(&known.path)
            .is_ok_and(|stat| std::os::unix::fs::MetadataExt::ino(&stat) == disk.ino)
}
