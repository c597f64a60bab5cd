//! The transcript that a publisher put beside a recording, read on behalf of the recording.
//!
//! The catalog says which files these are (`journal/beside.rs`); the worker reads them, as it
//! reads every file. What is made of it is [`published`](super::published)'s to say.
//!
//! Promises: the first that can be read is used; a transcript that cannot be read, or says
//! nothing, costs the recording nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hippo_extractors::{Wants, refuse_unread};

use super::EngineError;
use super::bytes::open_for_reading;
use super::published::{Origin, Published};
use super::shared::{Shared, blocking};
use crate::worker::{Extraction, Outcome};

/// The transcript to be used for the recording at this path.
pub(super) async fn beside(
    shared: &Arc<Shared>,
    recording: &Path,
) -> Result<Option<Published>, EngineError> {
    let (looking, of) = (Arc::clone(shared), recording.to_owned());
    let paths = blocking(move || Ok(looking.journal.transcripts_beside(&of)?)).await?;
    for path in paths {
        if let Some(found) = read(shared, path).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn read(shared: &Arc<Shared>, path: PathBuf) -> Result<Option<Published>, EngineError> {
    let Ok((file, stat)) = open_for_reading(&path) else {
        return Ok(None);
    };
    let name = path.file_name().unwrap_or_default();
    let limits = shared.settings().limits.clone();
    if !stat.is_file() || refuse_unread(name, stat.len(), &limits).is_some() {
        return Ok(None);
    }
    let name = name.to_string_lossy().into_owned();
    let reading = shared
        .pool
        .extract(file, name, stat.len(), Wants::default(), |_| ());
    match reading.await {
        Outcome::Done(read) => Ok(made_of(&path, *read)),
        Outcome::Refused(_) | Outcome::Died { .. } => Ok(None),
        Outcome::Unavailable { reason } => Err(EngineError::Refused(reason)),
    }
}

fn made_of(path: &Path, read: Extraction) -> Option<Published> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let found = Published {
        origin: Origin::Beside(name.into_owned()),
        lang: read.metadata.lang,
        segments: read.segments,
    };
    let plain = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("txt"));
    // A table of figures in JSON is no transcript.
    (!found.segments.is_empty() && (plain || found.has_times())).then_some(found)
}
