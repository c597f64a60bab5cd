//! What the table says about itself: at open, on request, and after each step of care.

use std::path::PathBuf;

/// What had to be done to open the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// There was no table: a fresh one was made.
    pub created: bool,
    /// So many unreadable head versions were set aside. What was acknowledged in them is
    /// lost: compare the census with the catalog and queue what is missing.
    pub stepped_back: u32,
    /// Nothing of the table could be read: it lies here now, untouched, and a fresh one was
    /// made.
    pub set_aside: Option<PathBuf>,
    /// Spaces that had no column and have an empty one now: nothing is embedded in them, even
    /// if it was once.
    pub spaces_added: Vec<String>,
}

/// The table at a glance, from its manifest alone: no row is read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Segments.
    pub rows: u64,
    /// Segments that the full-text index does not cover yet; they are searched all the same,
    /// only more slowly.
    pub unindexed: u64,
    /// Names of the indexes.
    pub indexes: Vec<String>,
    /// Spaces whose vectors are searched through an approximate index.
    pub spaces_indexed: Vec<String>,
    /// Data fragments.
    pub fragments: u64,
    /// Bytes on disk, all versions.
    pub bytes: u64,
    /// Versions kept.
    pub versions: u64,
}

/// A step of maintenance. Each is bounded, fails alone and is reported alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Merge small fragments, drop deleted rows from those that have many and vectors of
    /// dropped spaces from those that still hold them.
    Compact,
    /// Remove old versions and what only they refer to from the disk.
    Prune,
    /// Take new rows into the indexes; merge the indexes' parts where there are many alike.
    Index,
    /// Merge the indexes' parts until each has more than twice the rows of all newer ones.
    Merge,
}

/// What a step of maintenance did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// How long it took.
    pub took_ms: u64,
    /// Whether it changed anything.
    pub changed: bool,
    /// In a few words, for the log.
    pub detail: String,
}
