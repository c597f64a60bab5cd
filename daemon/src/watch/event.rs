//! What the system told, in words that do not depend on which system it is.

use std::ffi::OsString;
use std::path::PathBuf;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Events were lost.
    Overflow,
    /// A name came, by creation or as a hard link.
    Created,
    /// Content was written; the writer has the file open.
    Written,
    /// A writer closed the file.
    Closed,
    /// Rights, times or the number of links changed.
    Rights,
    /// A name went (or, without a name, the directory itself).
    Deleted,
    /// A name went by renaming.
    MovedFrom,
    /// A name came by renaming.
    MovedTo,
    /// The directory itself was renamed, or one on the way to it.
    DirMoved,
    /// The directory's file system was unmounted (Linux alone says so).
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    Unmounted,
}

/// Why a directory is watched; both may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Purpose {
    /// It lies within a watched folder.
    pub(super) within: bool,
    /// It lies on the way from `/` to a watched folder.
    pub(super) way: bool,
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) what: What,
    /// Whether it concerns a directory.
    pub(super) is_dir: bool,
    /// The same for the two ends of a rename.
    pub(super) cookie: u32,
    /// The watched directory that it came from.
    pub(super) dir: PathBuf,
    pub(super) purpose: Purpose,
    /// The entry in it; `None` when it concerns the directory itself.
    pub(super) name: Option<OsString>,
}

impl Seen {
    /// The path that it concerns.
    pub(super) fn path(&self) -> PathBuf {
        match &self.name {
            Some(name) => self.dir.join(name),
            None => self.dir.clone(),
        }
    }
}
