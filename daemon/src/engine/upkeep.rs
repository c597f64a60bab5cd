//! The care of the table: three bounded steps, one at a time, off the write path.
//!
//! It looks whether something is due after commits, at most every few seconds while there is
//! work and once more when it is calm; while nothing is written it sleeps.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::shared::Shared;
use crate::journal::now_ms;

/// Between looks while rows are being written: often enough that queries never scan many
/// unindexed rows, seldom enough that versions do not pile up on small deltas.
const WHILE_BUSY: Duration = Duration::from_secs(3);

/// Old versions may be read by a query that began before; a last look after this frees them.
const LAST_LOOK: Duration = Duration::from_secs(90);

pub(super) async fn run(shared: Arc<Shared>) {
    let mut pulse = shared.pulse.subscribe();
    let mut shutdown = shared.shutdown.subscribe();
    loop {
        tokio::select! {
            changed = pulse.changed() => if changed.is_err() { return },
            () = asked_to_end(&mut shutdown) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(WHILE_BUSY) => {}
            () = asked_to_end(&mut shutdown) => return,
        }
        pulse.mark_unchanged();
        care(&shared).await;
        // Calm: one last look once old versions may go.
        tokio::select! {
            _ = pulse.changed() => pulse.mark_changed(),
            () = tokio::time::sleep(LAST_LOOK) => care(&shared).await,
            () = asked_to_end(&mut shutdown) => return,
        }
    }
}

async fn asked_to_end(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|down| *down).await;
}

/// Does what is due. A step that fails is said and does not keep the others from theirs.
pub(super) async fn care(shared: &Arc<Shared>) {
    for step in shared.store.due().await {
        match shared.store.maintain(step).await {
            Ok(report) => {
                tracing::debug!(
                    ?step,
                    took_ms = report.took_ms,
                    detail = report.detail,
                    "upkeep"
                );
            }
            Err(error) => tracing::warn!(?step, %error, "upkeep failed; it is tried again"),
        }
    }
    shared
        .maintained_at
        .store(now_ms() as u64, Ordering::Relaxed);
}
