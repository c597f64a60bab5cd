//! The writer's other way: rows that are completed (they get vectors, their text stays).
//!
//! Their new revision is added, the journal says that either is true, and then the old one goes.
//! At no moment is such a file without an answer, and an attempt that failed leaves nothing that
//! the next one does not find.

use std::collections::HashMap;
use std::sync::Arc;

use hippo_index::Row;

use super::EngineError;
use super::commit::forget_dropped;
use super::shared::{Shared, blocking};
use crate::journal::{Completion, Generation};

/// The rows of a file at rest, with more vectors than they had.
pub(super) struct Completed {
    pub(super) id: u64,
    /// The revision that was read.
    pub(super) revision: u64,
    pub(super) generation: Generation,
    pub(super) rows: Vec<Row>,
}

/// Files to be completed.
pub(super) struct Completions {
    files: Vec<Completed>,
    /// The revision of an attempt that failed: some of its rows may be in the table.
    failed: Option<u64>,
    /// Recorded, under this revision; the rows that they replace may still be there.
    replaced: Option<(Vec<u64>, u64)>,
}

impl Completions {
    pub(super) fn new(files: Vec<Completed>) -> Completions {
        Completions {
            files,
            failed: None,
            replaced: None,
        }
    }

    /// One attempt. What was done stays done.
    pub(super) async fn attempt(&mut self, shared: &Arc<Shared>) -> Result<(), EngineError> {
        if let Some(revision) = self.failed {
            let left: Vec<_> = self.files.iter().map(|f| (f.id, revision)).collect();
            shared.store.purge(&left).await?;
            self.failed = None;
        }
        if !self.files.is_empty() {
            add_completed(shared, self).await?;
        }
        if let Some((files, revision)) = &self.replaced {
            shared.store.commit(Vec::new(), files, *revision).await?;
        }
        Ok(())
    }
}

/// Adds the completed rows beside those that they replace, and records them.
async fn add_completed(shared: &Arc<Shared>, work: &mut Completions) -> Result<(), EngineError> {
    let read: Vec<(u64, u64)> = work.files.iter().map(|f| (f.id, f.revision)).collect();
    let journal = Arc::clone(shared);
    let (places, revision) = blocking(move || {
        // A file that was committed anew meanwhile, or forgotten, is not what was completed.
        let there = journal.journal.still_at(&read)?;
        let mut places = HashMap::new();
        for id in there {
            if let Some(place) = journal.journal.place_of(id)? {
                places.insert(id, place);
            }
        }
        Ok((places, journal.journal.next_revision()?))
    })
    .await?;
    work.files.retain(|file| places.contains_key(&file.id));
    let mut rows: Vec<Row> = Vec::new();
    let mut completions = Vec::with_capacity(work.files.len());
    for file in &work.files {
        let (path, folder) = &places[&file.id];
        rows.extend(file.rows.iter().cloned().map(|row| Row {
            revision,
            path: path.to_string_lossy().into_owned(),
            folder: folder.to_string_lossy().into_owned(),
            ..row
        }));
        completions.push(Completion {
            id: file.id,
            from: file.revision,
            revision,
            segments: file.rows.len() as u32,
            generation: file.generation.clone(),
            placed: path.clone(),
        });
    }
    forget_dropped(&mut rows, &shared.store.spaces());
    work.failed = Some(revision);
    shared.store.commit(rows, &[], revision).await?;
    let journal = Arc::clone(shared);
    blocking(move || Ok(journal.journal.complete(&completions)?)).await?;
    work.failed = None;
    let done = std::mem::take(&mut work.files);
    work.replaced = Some((done.into_iter().map(|f| f.id).collect(), revision));
    Ok(())
}
