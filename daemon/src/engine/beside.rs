//! The transcript that a publisher put beside a recording, read on behalf of the recording.
//!
//! The catalog says which files these are (`journal/beside.rs`); the worker reads them, as it
//! reads every file. One with times makes hearing needless. Plain text is the recording's text
//! at once, and gets its times when the recording was heard (`align`).
//!
//! Promises: the first that can be read is used, and said to be; a transcript that cannot be read,
//! or says nothing, costs the recording nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hippo_extractors::infer::speech::{self, Utterance};
use hippo_extractors::{Segment, Source, Wants, refuse_unread};

use super::EngineError;
use super::bytes::open_for_reading;
use super::shared::{Shared, blocking};
use crate::align::align;
use crate::worker::{Extraction, Outcome};

/// A transcript beside a recording.
pub(super) struct Beside {
    path: PathBuf,
    lang: Option<String>,
    segments: Vec<Segment>,
}

impl Beside {
    /// The one to be used for the recording at this path.
    pub(super) async fn of(
        shared: &Arc<Shared>,
        recording: &Path,
    ) -> Result<Option<Beside>, EngineError> {
        let (looking, of) = (Arc::clone(shared), recording.to_owned());
        let paths = blocking(move || Ok(looking.journal.transcripts_beside(&of)?)).await?;
        for path in paths {
            if let Some(found) = Beside::read(shared, path).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn read(shared: &Arc<Shared>, path: PathBuf) -> Result<Option<Beside>, EngineError> {
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
            Outcome::Done(read) => Ok(Beside::made_of(path, *read)),
            Outcome::Refused(_) | Outcome::Died { .. } => Ok(None),
            Outcome::Unavailable { reason } => Err(EngineError::Refused(reason)),
        }
    }

    fn made_of(path: PathBuf, read: Extraction) -> Option<Beside> {
        let beside = Beside {
            path,
            lang: read.metadata.lang,
            segments: read.segments,
        };
        let plain = beside
            .path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("txt"));
        // A table of figures in JSON is no transcript.
        (!beside.segments.is_empty() && (plain || beside.has_times())).then_some(beside)
    }

    /// Whether it says when things are said: then nobody needs to listen.
    pub(super) fn has_times(&self) -> bool {
        self.segments.iter().all(|segment| segment.t0_ms.is_some())
    }

    /// Its part in a generation.
    pub(super) fn mark(&self) -> &'static str {
        if self.has_times() {
            "~beside:times"
        } else {
            "~beside:text"
        }
    }

    /// Adds it behind what was read of the recording, with its times by what was heard, if that
    /// is the same talk.
    pub(super) fn add_to(self, read: &mut Extraction, heard: &[Utterance]) {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut note = format!("its transcript is {name}, which lies beside it");
        let (mut segments, mut lang) = (self.segments, self.lang);
        if segments.iter().any(|segment| segment.t0_ms.is_none()) {
            let texts: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
            if let Some(timed) = align(&texts.join("\n"), heard) {
                let spoken;
                (segments, spoken) = speech::segments(&timed, 0);
                lang = spoken.or(lang);
                note += "; its times are by what was heard";
            } else if !heard.is_empty() {
                note += "; what was heard is too different to tell its times";
            }
        }
        let first = read.segments.len() as u32;
        for (segment, ordinal) in segments.into_iter().zip(first..) {
            read.segments.push(Segment {
                ordinal,
                source: Source::Transcript,
                ..segment
            });
        }
        read.metadata.notes.push(note);
        read.metadata.lang = lang.or(read.metadata.lang.take());
    }
}
