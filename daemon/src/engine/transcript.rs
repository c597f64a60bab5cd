//! What was said in a file: by the transcript beside it, by the recogniser as far as it has come,
//! or by the transcript that the file itself is.

use std::path::Path;
use std::sync::Arc;

use hippo_extractors::Source;

use super::EngineError;
use super::hear::from_lines;
use super::shared::{Shared, blocking};
use crate::journal::{FileRecord, Generation};
use crate::transcript::Line;

pub(super) async fn lines(shared: &Arc<Shared>, path: &Path) -> Result<Vec<Line>, EngineError> {
    let (looking, wanted) = (Arc::clone(shared), path.to_owned());
    let (record, said) = blocking(move || {
        let Some(record) = looking.journal.record(&wanted)? else {
            return Ok((None, None));
        };
        let said = said(&looking, &record)?;
        Ok((Some(record), said))
    })
    .await?;
    let shown = path.display();
    let Some(record) = record else {
        return Err(EngineError::Refused(format!(
            "{shown} is not among the files that hippo knows: `hippo why` says more"
        )));
    };
    if let Some(said) = said {
        let lines = from_lines(&said).into_iter().map(|said| Line {
            t0_ms: said.t0_ms,
            t1_ms: said.t1_ms,
            text: said.text,
        });
        return Ok(lines.collect());
    }
    let rows = match record.revision {
        0 => Vec::new(),
        revision => shared.store.rows_of(record.id, revision).await?,
    };
    let published = rows
        .iter()
        .any(|row| row.source == Source::Transcript.as_str());
    let mut timed: Vec<_> = rows
        .into_iter()
        .filter_map(|row| Some((row.ordinal, row.t0_ms?, row.t1_ms?, row.text)))
        .collect();
    timed.sort_unstable();
    if timed.is_empty() && published {
        return Err(EngineError::Refused(format!(
            "the transcript beside {shown} has no times: read it as it is, or have them added by a \
             speech model (`hippo models pull`), which hears when its words are said"
        )));
    }
    if timed.is_empty() {
        return Err(EngineError::Refused(format!(
            "there is no transcript of {shown}: it was not heard, and it is no transcript itself \
             (`hippo why` says how it stands)"
        )));
    }
    let lines = timed
        .into_iter()
        .map(|(_, t0_ms, t1_ms, text)| Line { t0_ms, t1_ms, text });
    Ok(lines.collect())
}

/// What was heard of a file, to its end or so far.
fn said(shared: &Shared, record: &FileRecord) -> Result<Option<String>, EngineError> {
    let Some(content) = record.content else {
        return Ok(None);
    };
    let by_transcript = |made: &Generation| made.extractor.contains("~beside:");
    if record.segments > 0 && record.generation.as_ref().is_some_and(by_transcript) {
        return Ok(None);
    }
    let ear = shared.listening.ear();
    let model = ear.as_ref().map_or("", |ear| ear.id.as_str());
    let whole = shared.journal.heard(&content, model)?;
    let heard = match whole {
        Some(whole) => Some(whole),
        None => shared.journal.hearing(&content, model)?,
    };
    Ok(heard.map(|heard| heard.said))
}
