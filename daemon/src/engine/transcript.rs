//! What was said in a file: by the transcript that came with it, by the recogniser as far as it has
//! come, or by the transcript that the file itself is.

use std::path::Path;
use std::sync::Arc;

use hippo_extractors::Source;
use hippo_index::Row;

use super::EngineError;
use super::hear::from_lines;
use super::shared::{Shared, blocking};
use crate::journal::FileRecord;
use crate::transcript::{By, Line, Transcript};

pub(super) async fn transcript(
    shared: &Arc<Shared>,
    path: &Path,
) -> Result<Transcript, EngineError> {
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
            speaker: None,
            text: said.text,
        });
        return Ok(Transcript {
            by: By::Speech,
            lines: lines.collect(),
        });
    }
    let rows = match record.revision {
        0 => Vec::new(),
        revision => shared.store.rows_of(record.id, revision).await?,
    };
    let without_times = rows
        .iter()
        .any(|row| row.source == Source::Transcript.as_str());
    // Chapters have times, too, and nobody says them.
    let is_said = |row: &Row| row.t0_ms.is_some() && row.source != Source::Body.as_str();
    let mut timed: Vec<_> = rows.into_iter().filter(is_said).collect();
    timed.sort_by_key(|row| row.ordinal);
    if timed.is_empty() && without_times {
        return Err(EngineError::Refused(format!(
            "the transcript of {shown} has no times: read it as it is, or have them added by a \
             speech model (`hippo models pull`), which hears when its words are said"
        )));
    }
    if timed.is_empty() {
        return Err(EngineError::Refused(format!(
            "there is no transcript of {shown}: it was not heard, and it is no transcript itself \
             (`hippo why` says how it stands)"
        )));
    }
    Ok(Transcript {
        by: published(&record).unwrap_or(By::Itself),
        lines: timed.iter().flat_map(lines_of).collect(),
    })
}

/// A moment line by line, each until the next one begins; as a whole where its lines have no
/// times. The speaker's name before the words is taken off: each line has it.
fn lines_of(moment: &Row) -> Vec<Line> {
    let starts = moment
        .lines
        .iter()
        .map(|line| (line.at as usize, line.t0_ms));
    let mut starts: Vec<_> = starts.collect();
    if starts.is_empty() {
        starts.push((0, moment.t0_ms.unwrap_or_default()));
    }
    let name = moment.speaker.as_ref().map(|name| format!("{name}: "));
    let last = (moment.text.len(), moment.t1_ms.unwrap_or_default());
    let ends = starts.iter().skip(1).copied().chain([last]);
    let line = |((from, t0_ms), (to, t1_ms)): ((usize, u64), (usize, u64))| {
        let whole = moment.text.get(from..to)?;
        let name = name.as_deref().filter(|_| from == 0);
        let text = name.and_then(|name| whole.strip_prefix(name));
        let text = text.unwrap_or(whole);
        Some(Line {
            t0_ms,
            t1_ms: t1_ms.max(t0_ms),
            speaker: moment.speaker.clone(),
            text: text.trim().to_owned(),
        })
    };
    starts.iter().copied().zip(ends).filter_map(line).collect()
}

/// The transcript that came with a recording and gave it its rows, if one did.
fn published(record: &FileRecord) -> Option<By> {
    let made = record.generation.as_ref()?;
    By::published(&made.extractor).filter(|_| record.segments > 0)
}

/// What was heard of a file, to its end or so far.
fn said(shared: &Shared, record: &FileRecord) -> Result<Option<String>, EngineError> {
    let Some(content) = record.content else {
        return Ok(None);
    };
    if published(record).is_some() {
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
