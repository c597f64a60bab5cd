//! The care of the table: bounded steps, one at a time, off the write path.
//!
//! It looks whether something is due after commits, a few times a second at most while there is
//! work, and does what can wait when it is calm; while nothing is written it sleeps.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hippo_index::Step;
use tokio::sync::watch;

use super::shared::{Shared, blocking};
use super::{scale, thumbnails};
use crate::journal::now_ms;

/// Between looks while rows are being written: a question reads every row that is in no index yet.
const WHILE_BUSY: Duration = Duration::from_millis(250);

/// Nothing was written for so long: what could wait is done, and what was deleted leaves the disk.
const CALM: Duration = Duration::from_secs(15);

/// The table keeps versions younger than some seconds for readers that began before; what a
/// compaction left behind can go this much later.
const BEFORE_PRUNING: Duration = Duration::from_secs(6);

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
        tokio::select! {
            _ = pulse.changed() => pulse.mark_changed(),
            () = tokio::time::sleep(CALM) => {
                settle(&shared, &mut pulse).await;
            }
            () = asked_to_end(&mut shutdown) => return,
        }
    }
}

async fn asked_to_end(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|down| *down).await;
}

/// Does all that makes questions quicker, until rows are written again, takes what was deleted off
/// the disk, and prunes what both replaced. Every row is in the indexes then, and its words in the
/// vocabulary.
async fn settle(shared: &Arc<Shared>, pulse: &mut watch::Receiver<u64>) {
    let mut changed = false;
    loop {
        // Indexes before fragments: those that different segments cover cannot be merged.
        let indexed = step(shared, Step::Index).await;
        let merged = step(shared, Step::Merge).await;
        let cared = care(shared).await;
        changed |= indexed || merged || cared;
        if !cared || pulse.has_changed().unwrap_or(true) {
            break;
        }
    }
    if let Err(error) = scale::renew(shared).await {
        tracing::warn!(%error, "what similarities mean was not measured");
    }
    let deleted = shared.deleted.swap(false, Ordering::Relaxed);
    let erased = !deleted || erase(shared).await;
    if changed || deleted {
        let pruned = prune(shared, pulse, deleted).await;
        if deleted && !(erased && pruned) {
            shared.deleted.store(true, Ordering::Relaxed);
        }
    }
}

/// Takes the text and the vectors of deleted files out of all that is current, however few they
/// are, and says whether all of it is; what it leaves is tried again.
async fn erase(shared: &Arc<Shared>) -> bool {
    let mut whole = true;
    let forgetting = Arc::clone(shared);
    let forgotten = blocking(move || Ok(forgetting.journal.forget_unowned_hearings()?)).await;
    if let Err(error) = forgotten {
        tracing::warn!(%error, "what was heard of deleted files is still on the disk");
        whole = false;
    }
    if let Err(error) = thumbnails::forget_unowned(shared).await {
        tracing::warn!(%error, "thumbnails of deleted files are still on the disk");
        whole = false;
    }
    for step in [Step::Compact, Step::Index] {
        if let Err(error) = shared.store.maintain(step).await {
            tracing::warn!(?step, %error, "deleted rows are still on the disk");
            whole = false;
        }
    }
    whole
}

/// Takes replaced versions off the disk as soon as nobody reads them, and says whether they are
/// gone. Rows that are written meanwhile come first, unless something was `deleted`.
async fn prune(shared: &Arc<Shared>, pulse: &mut watch::Receiver<u64>, deleted: bool) -> bool {
    let mut shutdown = shared.shutdown.subscribe();
    tokio::select! {
        _ = pulse.changed(), if !deleted => {
            pulse.mark_changed();
            return false;
        }
        () = asked_to_end(&mut shutdown) => return false,
        () = tokio::time::sleep(BEFORE_PRUNING) => {}
    }
    match shared.store.maintain(Step::Prune).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "replaced versions are still on the disk");
            false
        }
    }
}

/// Does what is due, and says whether that changed the table. A step that fails is said and does
/// not keep the others from theirs.
pub(super) async fn care(shared: &Arc<Shared>) -> bool {
    let mut changed = false;
    for due in shared.store.due().await {
        changed |= step(shared, due).await;
    }
    shared
        .maintained_at
        .store(now_ms() as u64, Ordering::Relaxed);
    changed
}

async fn step(shared: &Arc<Shared>, step: Step) -> bool {
    match shared.store.maintain(step).await {
        Ok(report) => {
            let (took_ms, detail) = (report.took_ms, report.detail);
            tracing::debug!(?step, took_ms, detail, "upkeep");
            report.changed
        }
        Err(error) => {
            tracing::warn!(?step, %error, "upkeep failed; it is tried again");
            false
        }
    }
}
