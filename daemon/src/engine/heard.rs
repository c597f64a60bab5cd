//! What was said in a recording, on its way into the file's rows: by the transcript beside it, or
//! by what was heard of it.

use std::path::Path;
use std::sync::Arc;

use hippo_extractors::infer::speech;

use super::EngineError;
use super::beside::Beside;
use super::hear::from_lines;
use super::job::extractor_name;
use super::shared::{Shared, blocking};
use crate::journal::Hearing;
use crate::worker::Extraction;

/// The format class of recordings and films.
const SOUND: &str = "sound";

/// What was said in some bytes; nothing in most.
#[derive(Default)]
pub(super) struct Heard {
    beside: Option<Beside>,
    hearing: Option<Hearing>,
}

impl Heard {
    pub(super) async fn of(
        shared: &Arc<Shared>,
        path: &Path,
        class: &str,
        content: [u8; 32],
    ) -> Result<Heard, EngineError> {
        if class != SOUND {
            return Ok(Heard::default());
        }
        let beside = Beside::of(shared, path).await?;
        if beside.as_ref().is_some_and(Beside::has_times) {
            return Ok(Heard {
                beside,
                hearing: None,
            });
        }
        let ear = shared.listening.ear();
        let shared = Arc::clone(shared);
        let hearing = blocking(move || {
            let preferred = ear.as_ref().map_or("", |ear| ear.id.as_str());
            Ok(shared.journal.heard(&content, preferred)?)
        });
        let hearing = hearing.await?;
        Ok(Heard { beside, hearing })
    }

    /// Whether the bytes alone tell what was said: then it can be taken over from a copy of them.
    pub(super) fn by_content(&self) -> bool {
        self.beside.is_none()
    }

    /// The extractor's part of the generation of rows with this in them.
    pub(super) fn made_by(&self) -> String {
        let mut name = extractor_name();
        if let Some(hearing) = &self.hearing {
            name = format!("{name}~{}", hearing.model);
        }
        name + self.beside.as_ref().map_or("", Beside::mark)
    }

    /// Adds the moments behind what the worker read.
    pub(super) fn add_to(self, read: &mut Extraction) {
        let said = self.hearing.as_ref().map(|h| from_lines(&h.said));
        if let Some(beside) = self.beside {
            beside.add_to(read, &said.unwrap_or_default());
            return;
        }
        let (Some(hearing), Some(said)) = (self.hearing, said) else {
            return;
        };
        let first = read.segments.len() as u32;
        let (segments, lang) = speech::segments(&said, first);
        read.segments.extend(segments);
        let metadata = &mut read.metadata;
        metadata.engine = format!("{} and {}", metadata.engine, hearing.model);
        if let Some(reason) = hearing.reason {
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
