//! The directories that cannot be watched and are looked at by the clock.
//!
//! Only the topmost of them are told of, for a hint means all below. A round
//! forgets what lies below those: the walk that follows asks for each directory
//! again, so that what vanished or became watchable leaves the set by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::scan::sort_key;

/// The set, with the reason of each.
#[derive(Default)]
pub(super) struct Polled {
    dirs: BTreeMap<Vec<u8>, Arc<str>>,
    /// The reasons in use: a few strings serve many directories.
    reasons: BTreeSet<Arc<str>>,
}

impl Polled {
    /// Takes `dir` in.
    pub(super) fn insert(&mut self, dir: &Path, why: &str) {
        let known = self.reasons.get(why).cloned();
        let why = known.unwrap_or_else(|| why.into());
        self.reasons.insert(why.clone());
        self.dirs.insert(sort_key(dir), why);
    }

    /// Lets `dir` go: it is watched.
    pub(super) fn remove(&mut self, dir: &Path) {
        if !self.dirs.is_empty() {
            self.dirs.remove(&sort_key(dir));
        }
    }

    /// Lets `dir` and all below it go.
    pub(super) fn remove_under(&mut self, dir: &Path) {
        for key in self.keys_under(dir) {
            self.dirs.remove(&key);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.dirs.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.dirs.len() as u64
    }

    /// How many lie at or below `dir`, and the reason of the first.
    pub(super) fn under(&self, dir: &Path) -> (u64, Option<Arc<str>>) {
        let mut count = 0;
        let mut first = None;
        for (_, why) in self.range(dir) {
            count += 1;
            first.get_or_insert_with(|| why.clone());
        }
        (count, first)
    }

    /// The directories to look at in this round: those above which none is polled.
    pub(super) fn round(&mut self) -> Vec<PathBuf> {
        let mut top: Vec<Vec<u8>> = Vec::new();
        self.dirs.retain(|key, _| {
            if top.last().is_some_and(|above| lies_under(key, above)) {
                return false;
            }
            top.push(key.clone());
            true
        });
        top.into_iter().map(path_of).collect()
    }

    fn keys_under(&self, dir: &Path) -> Vec<Vec<u8>> {
        self.range(dir).map(|(key, _)| key.clone()).collect()
    }

    fn range(&self, dir: &Path) -> impl Iterator<Item = (&Vec<u8>, &Arc<str>)> {
        let start = sort_key(dir);
        self.dirs
            .range(start.clone()..)
            .take_while(move |(key, _)| lies_under(key, &start))
    }
}

/// Whether the directory of `key` is that of `above` or below it.
pub(super) fn lies_under(key: &[u8], above: &[u8]) -> bool {
    key.strip_prefix(above)
        .is_some_and(|rest| rest.first().is_none_or(|&byte| byte == 0) || above.ends_with(&[0]))
}

/// The path of a key.
pub(super) fn path_of(key: impl AsRef<[u8]>) -> PathBuf {
    let bytes = key
        .as_ref()
        .iter()
        .map(|&byte| if byte == 0 { b'/' } else { byte });
    PathBuf::from(OsString::from_vec(bytes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_tells_of_the_topmost_and_forgets_what_is_below() {
        let mut polled = Polled::default();
        for dir in ["/a/b", "/a", "/ab", "/a.b", "/c/d/e", "/c/d"] {
            polled.insert(Path::new(dir), "network");
        }
        assert_eq!(polled.under(Path::new("/a")).0, 2);
        assert_eq!(polled.under(Path::new("/")).0, 6);
        let top = ["/a", "/a.b", "/ab", "/c/d"].map(PathBuf::from);
        assert_eq!(polled.round(), top);
        assert_eq!(polled.len(), 4);
        polled.remove_under(Path::new("/c"));
        polled.remove(Path::new("/ab"));
        assert_eq!(polled.len(), 2);
    }
}
