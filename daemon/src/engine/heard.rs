//! What was said in a recording, on its way into the file's rows: by the transcript that came with
//! it, or by what was heard of it.

use std::path::Path;
use std::sync::Arc;

use hippo_extractors::infer::speech;

use super::EngineError;
use super::beside::beside;
use super::hear::from_lines;
use super::job::extractor_name;
use super::published::Published;
use super::shared::{Shared, blocking};
use crate::journal::Hearing;
use crate::worker::Extraction;

/// The format class of recordings and films.
const SOUND: &str = "sound";

/// What was said in some bytes; nothing in most.
#[derive(Default)]
pub(super) struct Heard {
    beside: Option<Published>,
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
        let beside = beside(shared, path).await?;
        if beside.as_ref().is_some_and(Published::has_times) {
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

    /// The extractor's part of the generation of rows with this in them. Lyrics inside the
    /// recording are not known yet.
    pub(super) fn made_by(&self) -> String {
        let beside = self.beside.as_ref().map(Published::mark);
        made_by(self.hearing.as_ref()) + &beside.unwrap_or_default()
    }

    /// Adds the moments behind what the worker read, and says by what the rows are made then: the
    /// extractor's part of their generation.
    pub(super) fn add_to(self, read: &mut Extraction) -> String {
        if read.metadata.sound.is_none() {
            return self.made_by();
        }
        let inside = Published::inside(read);
        if self.beside.is_some() && inside.is_some() {
            let note = "the lyrics inside it are not used";
            read.metadata.notes.push(note.to_owned());
        }
        let Some(published) = self.beside.or(inside) else {
            add_heard(read, self.hearing.as_ref());
            return made_by(self.hearing.as_ref());
        };
        let mark = published.mark();
        let hearing = self.hearing.filter(|_| !published.has_times());
        let said = hearing.as_ref().map(|heard| from_lines(&heard.said));
        if published.add_to(read, &said.unwrap_or_default()) {
            return made_by(hearing.as_ref()) + &mark;
        }
        add_heard(read, hearing.as_ref());
        made_by(hearing.as_ref())
    }
}

fn made_by(hearing: Option<&Hearing>) -> String {
    let heard = hearing.map(|hearing| format!("~{}", hearing.model));
    extractor_name() + &heard.unwrap_or_default()
}

fn add_heard(read: &mut Extraction, hearing: Option<&Hearing>) {
    let Some(hearing) = hearing else { return };
    let said = from_lines(&hearing.said);
    let first = read.segments.len() as u32;
    let (segments, lang) = speech::segments(&said, first);
    read.segments.extend(segments);
    let metadata = &mut read.metadata;
    metadata.engine = format!("{} and {}", metadata.engine, hearing.model);
    if let Some(reason) = &hearing.reason {
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
