//! What is covered and what is not, told without claiming more than is so.

use std::path::PathBuf;

use super::state::State;

/// What the watcher covers, for `hippo status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Directories with a watch of their own.
    pub watched_dirs: u64,
    /// Directories that are only looked at every `poll_seconds`.
    pub polled_dirs: u64,
    /// Each folder given to [`Watcher::add_root`], in order.
    pub folders: Vec<FolderCoverage>,
    /// Plain sentences on what is not covered and what to do about it.
    pub notes: Vec<String>,
}

/// How one folder is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderCoverage {
    /// The folder.
    pub path: PathBuf,
    /// How.
    pub state: Covered,
}

/// How well a folder is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covered {
    /// Each of its directories is watched.
    Live,
    /// None of it is watched.
    Polled {
        /// The reason.
        why: String,
    },
    /// Some of it is watched, the rest polled.
    Partial {
        /// Directories watched.
        watched: u64,
        /// Directories polled.
        polled: u64,
        /// The reason.
        why: String,
    },
}

impl State {
    /// What is covered now.
    pub(super) fn coverage(&self) -> Coverage {
        let mut notes = Vec::new();
        let mut folders = Vec::new();
        for root in self.roots.keys() {
            let watched = self.kernel.count_under(root);
            let (polled, why) = self.polled.under(root);
            let state = match (watched, why) {
                (0, None) if root.is_dir() => Covered::Partial {
                    watched,
                    polled,
                    why: "it has not been walked yet".to_owned(),
                },
                (0, None) => Covered::Polled {
                    why: "it is not there; its return is watched for".to_owned(),
                },
                (0, Some(why)) => Covered::Polled {
                    why: why.to_string(),
                },
                (_, Some(why)) => Covered::Partial {
                    watched,
                    polled,
                    why: why.to_string(),
                },
                (_, None) => Covered::Live,
            };
            if let Covered::Polled { why } | Covered::Partial { why, .. } = &state {
                let every = self.poll_every.as_secs();
                notes.push(match polled {
                    0 => format!("{}: {why}", root.display()),
                    _ => format!(
                        "{}: {polled} of {} folders are looked at every {every} s only: {why}",
                        root.display(),
                        polled + watched
                    ),
                });
            }
            folders.push(FolderCoverage {
                path: root.clone(),
                state,
            });
        }
        Coverage {
            watched_dirs: self.watched(),
            polled_dirs: self.polled.len(),
            folders,
            notes,
        }
    }
}
