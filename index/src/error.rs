//! What can go wrong with the table, in words a person can act upon.

use std::path::PathBuf;

/// An error of the table.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file system cannot hold a table.
    #[error(
        "the index folder {} is on a file system that {lack}; LanceDB commits by hard link: \
         move the data folder (HIPPO_HOME or XDG_DATA_HOME) to a local disk",
        path.display()
    )]
    FileSystem {
        /// The index folder.
        path: PathBuf,
        /// What the file system lacks.
        lack: String,
    },
    /// A file or folder of the table could not be read, written, renamed or synced.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The disk is full: writing can go on once there is space again.
    #[error(
        "the disk that holds the index is full ({action}): free some space, hippo goes on by itself"
    )]
    DiskFull {
        /// What was tried.
        action: &'static str,
    },
    /// LanceDB refused or failed.
    #[error("the index could not {action}: {source}")]
    Table {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<lancedb::Error>,
    },
    /// The table is not one of hippo's, or one of a newer hippo's.
    #[error("the table in {} is not one that this version can use: {reason}", path.display())]
    Schema {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller's mistake: a vector of another length, rows of another revision.
    #[error("{0}")]
    Invalid(String),
    /// A search in a space that the table does not have.
    #[error("the index holds no vectors of {space}, so there is nothing to compare one with")]
    NoSpace {
        /// The space's name.
        space: String,
    },
}

impl IndexError {
    /// Whether the same call may succeed later without anything being mended: a full disk,
    /// an input or output error, a commit conflict.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            IndexError::DiskFull { .. } | IndexError::Io { .. } | IndexError::Table { .. }
        )
    }

    /// Wraps an error of LanceDB with what was tried; recognises a full disk.
    pub(crate) fn table(action: &'static str) -> impl Fn(lancedb::Error) -> IndexError {
        move |source| {
            if is_disk_full(&source) {
                IndexError::DiskFull { action }
            } else {
                IndexError::Table {
                    action,
                    source: Box::new(source),
                }
            }
        }
    }

    /// Wraps an error of lance itself.
    pub(crate) fn lance(action: &'static str) -> impl Fn(lance::Error) -> IndexError {
        move |source| IndexError::table(action)(lancedb::Error::from(source))
    }

    /// Wraps an error of the file system.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> IndexError {
        let path = path.into();
        move |source| {
            if source.kind() == std::io::ErrorKind::StorageFull {
                IndexError::DiskFull { action }
            } else {
                IndexError::Io {
                    action,
                    path,
                    source,
                }
            }
        }
    }
}

/// A full disk is buried under several layers of object store errors.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(e) = cause {
        if let Some(io) = e.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::StorageFull
        {
            return true;
        }
        if e.to_string().contains("No space left on device") {
            return true;
        }
        cause = e.source();
    }
    false
}
