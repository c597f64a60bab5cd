//! What the writer catches up with: files that moved, and files that are gone.
//!
//! The journal lists both until the table has followed, so an attempt that a crash or a full disk
//! cut short is simply made again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hippo_index::Relocation;

use super::EngineError;
use super::shared::{Shared, blocking};

/// Moves and departures handled in one go.
const SWEEP_FILES: usize = 1_000;

/// Places in the table, until none is behind.
pub(super) async fn relocate(shared: &Arc<Shared>) -> Result<(), EngineError> {
    loop {
        let journal = Arc::clone(shared);
        let behind = blocking(move || Ok(journal.journal.behind(SWEEP_FILES)?)).await?;
        if behind.is_empty() {
            return Ok(());
        }
        let moves: Vec<Relocation> = behind
            .iter()
            .map(|(file, path, folder)| Relocation {
                file: *file,
                path: path.to_string_lossy().into_owned(),
                folder: folder.to_string_lossy().into_owned(),
            })
            .collect();
        shared.store.relocate(&moves).await?;
        let journal = Arc::clone(shared);
        blocking(move || {
            let placed: Vec<_> = behind.into_iter().map(|(id, path, _)| (id, path)).collect();
            Ok(journal.journal.placed(&placed)?)
        })
        .await?;
        shared.refresh();
    }
}

/// Files that are gone leave the table.
pub(super) async fn depart(shared: &Arc<Shared>, until: i64) -> Result<(), EngineError> {
    loop {
        let journal = Arc::clone(shared);
        let gone = blocking(move || Ok(journal.journal.missing(until, SWEEP_FILES)?)).await?;
        if gone.is_empty() {
            return Ok(());
        }
        // A file in work must not be committed after its rows were removed: the same task
        // does both, and `sort` drops outcomes of files that the journal has forgotten.
        shared.store.remove(&gone).await?;
        shared.deleted.store(true, Ordering::Relaxed);
        let journal = Arc::clone(shared);
        blocking(move || Ok(journal.journal.forget(&gone)?)).await?;
    }
}
