//! Cookies: files in a watched folder of hippo's own, by which a client learns that the
//! watcher has told of everything that happened before (Watchman's idea).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::oneshot;

use super::shared::lock;

/// The cookies that are out.
#[derive(Default)]
pub(super) struct Cookies {
    next: AtomicU64,
    useless: AtomicBool,
    out: Mutex<HashMap<PathBuf, oneshot::Sender<()>>>,
}

impl Cookies {
    /// Their folder cannot be watched: none are baked.
    pub(super) fn give_up(&self) {
        self.useless.store(true, Ordering::Relaxed);
    }

    /// Writes one and returns what resolves when the watcher has told of it.
    pub(super) fn bake(&self, dir: &Path) -> Option<oneshot::Receiver<()>> {
        if self.useless.load(Ordering::Relaxed) {
            return None;
        }
        let path = dir.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let (told, waits) = oneshot::channel();
        lock(&self.out).insert(path.clone(), told);
        match std::fs::write(&path, b"") {
            Ok(()) => Some(waits),
            Err(error) => {
                tracing::debug!(%error, path = %path.display(), "no cookie");
                lock(&self.out).remove(&path);
                None
            }
        }
    }

    /// Whether the hint was about a cookie; whoever waits for it is told.
    pub(super) fn take(&self, path: &Path) -> bool {
        let told = lock(&self.out).remove(path);
        if let Some(told) = told {
            let _ = std::fs::remove_file(path);
            let _ = told.send(());
            return true;
        }
        false
    }
}
