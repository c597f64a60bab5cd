//! What a look at the disk covers: the paths that hints named, or whole folders.
//!
//! Each is a survey of a folder, or of a part of it; what they have recorded is added up.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::EngineError;
use super::shared::Shared;
use super::survey::survey;
use crate::journal::Applied;

/// Looks at each path within its folder: what exists first, then what does not.
pub(super) fn survey_paths(
    shared: &Arc<Shared>,
    paths: Vec<PathBuf>,
) -> Result<Applied, EngineError> {
    let (there, gone): (Vec<_>, Vec<_>) = paths
        .into_iter()
        .partition(|path| std::fs::symlink_metadata(path).is_ok());
    let mut total = Applied::default();
    for path in there.into_iter().chain(gone) {
        // A folder's own path, or that of its parent, is a reason to look at all of it.
        let folders: Vec<_> = match shared.folder_of(&path) {
            Some(folder) => vec![folder],
            None => shared
                .folders()
                .into_iter()
                .filter(|f| f.path.starts_with(&path))
                .collect(),
        };
        for folder in folders {
            let root = if path.starts_with(&folder.path) {
                &path
            } else {
                &folder.path
            };
            let applied = survey(shared, &folder, root, true)?;
            if std::fs::symlink_metadata(root).is_err() {
                shared.watcher.unwatch_under(root);
            }
            total.queued += applied.queued;
            total.moved += applied.moved;
            total.missing += applied.missing;
        }
    }
    Ok(total)
}

/// Looks at all of these folders.
pub(super) fn scan_folders(
    shared: &Arc<Shared>,
    paths: BTreeSet<PathBuf>,
) -> Result<Applied, EngineError> {
    let mut total = Applied::default();
    for path in paths {
        let Some(folder) = shared.folders().into_iter().find(|f| f.path == path) else {
            continue;
        };
        let started = std::time::Instant::now();
        let applied = survey(shared, &folder, &folder.path, false)?;
        tracing::info!(
            folder = %path.display(),
            took_ms = started.elapsed().as_millis() as u64,
            queued = applied.queued,
            moved = applied.moved,
            missing = applied.missing,
            "scanned"
        );
        total.queued += applied.queued;
        total.moved += applied.moved;
        total.missing += applied.missing;
    }
    Ok(total)
}
