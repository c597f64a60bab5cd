//! Waiting until all that existed at the call is searchable and heard.
//!
//! The watcher tells of everything dirty in the order in which it happened, so a file of hippo's
//! own (a cookie) that is touched now is told of after all that was there before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Handle;
use crate::engine::driver::Event;
use crate::engine::rest::{Work, rests};
use crate::engine::shared::blocking;
use crate::engine::{EngineError, ear, status};
use crate::journal::now_ms;
use crate::service::wire;
use crate::watch::Watched;

/// The file that `wait` touches in the run folder: when the watcher tells of it, it has told
/// of everything before it.
const COOKIES: &str = "cookies";

impl Handle {
    /// Returns when all that existed at the call is searchable and heard, or recorded as failed
    /// or skipped: the watcher has told of everything that happened before, what it told has been
    /// looked at, and what waited then has been worked on. While that rests, it says so at once.
    pub async fn wait(&self, timeout: Duration) -> Result<wire::Waited, EngineError> {
        let started = Instant::now();
        match tokio::time::timeout(timeout, self.all_until_now()).await {
            Ok(result) => result.map(|()| wire::Waited {
                waited_ms: started.elapsed().as_millis() as u64,
                pending: 0,
            }),
            Err(_) => Err(EngineError::WaitTimedOut {
                pending: self.freshness().pending + self.unheard().await?,
            }),
        }
    }

    async fn all_until_now(&self) -> Result<(), EngineError> {
        self.cookie().await?;
        let (reply, recorded) = oneshot::channel();
        let _ = self.shared.driver.send(Event::Barrier(reply)).await;
        let _ = recorded.await;
        let until = now_ms();
        let mut pulse = self.shared.pulse.subscribe();
        loop {
            pulse.mark_unchanged();
            let shared = Arc::clone(&self.shared);
            let pending = blocking(move || Ok(shared.journal.pending_until(until)?)).await?;
            let unheard = self.unheard().await?;
            if pending == 0 && unheard == 0 {
                self.shared.refresh();
                return Ok(());
            }
            let work = if pending > 0 { Work::Files } else { Work::Bulk };
            if let Some(rest) = rests(&self.shared, work) {
                let (pending, why) = (pending + unheard, rest.in_words());
                return Err(EngineError::Resting { pending, why });
            }
            if pulse.changed().await.is_err() {
                return Err(EngineError::Refused("hippo is stopping".into()));
            }
        }
    }

    /// Recordings that wait to be heard; none where nobody can hear them.
    async fn unheard(&self) -> Result<u64, EngineError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || ear::unheard(&shared)).await
    }

    /// Touches a file in a watched folder of hippo's own and waits until the watcher has told
    /// of it: it tells of everything dirty before it first.
    async fn cookie(&self) -> Result<(), EngineError> {
        let settle = Duration::from_millis(self.settings().watch.settle_ms);
        let folders = self.shared.folders();
        let polled: Vec<_> = match status::polled(&self.shared) {
            polled if polled.is_empty() => Vec::new(),
            polled => folders
                .iter()
                .filter(|f| polled.contains(&f.path))
                .collect(),
        };
        for folder in polled {
            let (folder, why) = (Some(folder.path.clone()), "a client waits".to_owned());
            let _ = self.shared.driver.send(Event::Scan { folder, why }).await;
        }
        if let Some(told) = self
            .shared
            .cookies
            .bake(&self.shared.paths.run_dir.join(COOKIES))
        {
            // Without a working watch nothing is told; scans find it all the same.
            let _ = tokio::time::timeout(settle * 8 + Duration::from_secs(1), told).await;
        }
        Ok(())
    }

    /// Watches the folder of the cookies.
    pub(in crate::engine) fn watch_cookies(&self) {
        let dir = self.shared.paths.run_dir.join(COOKIES);
        if let Err(error) = std::fs::create_dir_all(&dir) {
            tracing::warn!(%error, dir = %dir.display(), "no cookies: wait relies on scans");
            return;
        }
        if let Watched::Exhausted | Watched::Unsupported(_) =
            self.shared.watcher.watch_cookies(&dir)
        {
            self.shared.cookies.give_up();
        }
    }
}
