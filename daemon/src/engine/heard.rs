//! What was heard of a recording, on its way into the file's rows.

use std::sync::Arc;

use hippo_extractors::infer::speech;

use super::EngineError;
use super::hear::from_lines;
use super::job::extractor_name;
use super::shared::{Shared, blocking};
use crate::journal::Hearing;
use crate::worker::Extraction;

/// The format class of recordings and films.
const SOUND: &str = "sound";

/// What was heard of some bytes; nothing of most.
#[derive(Default)]
pub(super) struct Heard(Option<Hearing>);

impl Heard {
    pub(super) async fn of(
        shared: &Arc<Shared>,
        class: &str,
        content: [u8; 32],
    ) -> Result<Heard, EngineError> {
        if class != SOUND {
            return Ok(Heard::default());
        }
        let ear = shared.listening.ear();
        let shared = Arc::clone(shared);
        blocking(move || {
            let preferred = ear.as_ref().map_or("", |ear| ear.id.as_str());
            Ok(Heard(shared.journal.heard(&content, preferred)?))
        })
        .await
    }

    /// The extractor's part of the generation of rows with this in them.
    pub(super) fn made_by(&self) -> String {
        let extractor = extractor_name();
        match &self.0 {
            Some(heard) => format!("{extractor}~{}", heard.model),
            None => extractor,
        }
    }

    /// Adds the moments behind what the worker read.
    pub(super) fn add_to(self, read: &mut Extraction) {
        let Some(heard) = self.0 else { return };
        let said = from_lines(&heard.said);
        let first = read.segments.len() as u32;
        let (segments, lang) = speech::segments(&said, first);
        read.segments.extend(segments);
        let metadata = &mut read.metadata;
        metadata.engine = format!("{} and {}", metadata.engine, heard.model);
        if let Some(reason) = heard.reason {
            let note = format!("heard as far as it goes: {reason}");
            metadata.notes.push(note);
        }
        if said.is_empty() {
            metadata
                .notes
                .push("nothing that is said was heard in it".to_owned());
        }
        metadata.lang = lang.or(metadata.lang.take());
    }
}
