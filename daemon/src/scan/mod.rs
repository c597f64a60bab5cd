//! What is on the disk: which paths count, what stands there, and how that
//! differs from the catalog.
//!
//! Three parts that know nothing of each other's callers: [`Rules`] says which
//! paths are passed over and why, [`Walk`] lists what is left in a fixed order,
//! [`reconcile`] turns two such lists into changes. Nothing here writes, and
//! nothing here keeps state between scans: losing a hint is harmless because a
//! scan is always the whole truth about its folder.
//!
//! The fixed order is that of memcmp over paths whose `/` are replaced by NUL
//! ([`sort_key`]): no name can contain NUL, so it sorts component by component,
//! and a walk that sorts each directory's names produces it for nothing.

mod builds;
mod reconcile;
mod rules;
#[cfg(test)]
mod tests;
mod walk;

use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use reconcile::{Parents, reconcile, reconcile_into};
pub use rules::{RuleVerdict, Rules, RulesError, is_rules_file};
pub use walk::{Walk, WalkError, WalkItem, disk_fact};

/// A regular file as the disk has it now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DiskFact {
    /// Absolute path.
    pub path: PathBuf,
    /// Identity of the file system (never `st_dev`, which changes with each mount).
    pub fsid: u64,
    /// Inode number.
    pub ino: u64,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// Last change of content, name or rights, nanoseconds since the epoch.
    pub ctime_ns: i64,
}

/// A file as the catalog remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CatalogFact {
    /// The catalog's key.
    pub id: u64,
    /// Absolute path.
    pub path: PathBuf,
    /// As in [`DiskFact::fsid`], when last seen.
    pub fsid: u64,
    /// As in [`DiskFact::ino`], when last seen.
    pub ino: u64,
    /// Bytes, when last seen.
    pub size: u64,
    /// As in [`DiskFact::mtime_ns`], when last seen.
    pub mtime_ns: i64,
    /// As in [`DiskFact::ctime_ns`], when last seen.
    pub ctime_ns: i64,
    /// Its file system was away when last looked for ([`Change::Unavailable`]).
    pub missing: bool,
}

/// One difference between disk and catalog.
///
/// The changes of one call are a set, to be applied together: moves may swap two
/// paths or go round in a ring, and a path freed by one change may be taken by
/// another. Where paths are unique keys, free all old paths first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// A path that the catalog does not have, and no file moved there.
    New(DiskFact),
    /// The same path, and something about it differs: hash it again. (The same
    /// hash means that nothing needs to be extracted.)
    Changed {
        /// The catalog's key.
        id: u64,
        /// What stands there now.
        disk: DiskFact,
    },
    /// The same file under another path. It may have been marked missing.
    Moved {
        /// The catalog's key.
        id: u64,
        /// Where and what it is now.
        disk: DiskFact,
        /// Its mtime differs too: hash it again. (A move with another size is
        /// told as `Gone` and `New`: an inode number that was used again.)
        touched: bool,
    },
    /// Nothing changed but the identity of its file system or inode's home, as
    /// after a remount: write the new identity down, and do nothing else.
    Identity {
        /// The catalog's key.
        id: u64,
        /// The new identity.
        disk: DiskFact,
    },
    /// Deleted, or left out by the rules.
    Gone {
        /// The catalog's key.
        id: u64,
    },
    /// Not there, but neither is its file system (or its folder cannot be read):
    /// keep all of it and mark it missing. Told once, not at each scan.
    Unavailable {
        /// The catalog's key.
        id: u64,
    },
    /// Marked missing, and back under its path.
    Returned {
        /// The catalog's key.
        id: u64,
        /// What stands there now.
        disk: DiskFact,
        /// Size or times differ from before: hash it again.
        touched: bool,
    },
}

/// The bytes that sort as a walk does: the path with NUL for each `/`.
pub fn sort_key(path: &Path) -> Vec<u8> {
    path.as_os_str()
        .as_bytes()
        .iter()
        .map(|&byte| if byte == b'/' { 0 } else { byte })
        .collect()
}

/// Compares two paths as their [`sort_key`]s compare, without making these.
pub fn cmp_paths(left: &Path, right: &Path) -> Ordering {
    let (left, right) = (left.as_os_str().as_bytes(), right.as_os_str().as_bytes());
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let byte = |side: &[u8]| {
        side.get(same)
            .map(|&byte| if byte == b'/' { 0 } else { byte })
    };
    byte(left).cmp(&byte(right))
}
