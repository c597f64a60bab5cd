//! What was said in a recording, on its way into the file's rows: by the transcript that came with
//! it, or by what was heard of it. And what a podcast's feed says of it.

use std::path::Path;
use std::sync::Arc;

use hippo_extractors::infer::speech;

use super::EngineError;
use super::announced::announce;
use super::beside::beside;
use super::hear::from_lines;
use super::job::extractor_name;
use super::published::Published;
use super::shared::{Shared, blocking};
use crate::journal::{Announced, FEED, Hearing, SOUND};
use crate::worker::Extraction;

/// What was said in some bytes; nothing in most.
#[derive(Default)]
pub(super) struct Heard {
    announced: Option<Announced>,
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
        let wants_hearing = !beside.as_ref().is_some_and(Published::has_times);
        let ear = shared.listening.ear();
        let (shared, path) = (Arc::clone(shared), path.to_owned());
        let known = blocking(move || {
            let journal = &shared.journal;
            let preferred = ear.as_ref().map_or("", |ear| ear.id.as_str());
            let hearing = if wants_hearing {
                journal.heard(&content, preferred)?
            } else {
                None
            };
            Ok((journal.announced(&path)?, hearing))
        });
        let (announced, hearing) = known.await?;
        Ok(Heard {
            announced,
            beside,
            hearing,
        })
    }

    /// Whether the bytes alone tell all of it: then it can be taken over from a copy of them.
    pub(super) fn by_content(&self) -> bool {
        self.beside.is_none() && self.announced.is_none()
    }

    /// The extractor's part of the generation of rows with this in them. Lyrics inside the
    /// recording are not known yet.
    pub(super) fn made_by(&self) -> String {
        let beside = self.beside.as_ref().map(Published::mark);
        made_by(self.announced.as_ref(), self.hearing.as_ref()) + &beside.unwrap_or_default()
    }

    /// Adds the moments behind what the worker read, and says by what the rows are made then: the
    /// extractor's part of their generation.
    pub(super) fn add_to(self, read: &mut Extraction) -> String {
        if read.metadata.sound.is_none() {
            return self.made_by();
        }
        let inside = Published::inside(read);
        let announced = self.announced.as_ref();
        if let Some(announced) = announced {
            announce(read, announced);
        }
        if self.beside.is_some() && inside.is_some() {
            let note = "the lyrics inside it are not used";
            read.metadata.notes.push(note.to_owned());
        }
        let Some(published) = self.beside.or(inside) else {
            add_heard(read, self.hearing.as_ref());
            return made_by(announced, self.hearing.as_ref());
        };
        let mark = published.mark();
        let hearing = self.hearing.filter(|_| !published.has_times());
        let said = hearing.as_ref().map(|heard| from_lines(&heard.said));
        if published.add_to(read, &said.unwrap_or_default()) {
            return made_by(announced, hearing.as_ref()) + &mark;
        }
        add_heard(read, hearing.as_ref());
        made_by(announced, hearing.as_ref())
    }
}

fn made_by(announced: Option<&Announced>, hearing: Option<&Hearing>) -> String {
    let feed = announced.map_or("", |_| FEED);
    let heard = hearing.map(|hearing| format!("~{}", hearing.model));
    extractor_name() + feed + &heard.unwrap_or_default()
}

/// When the chapters of a recording begin.
pub(super) fn chapters_of(read: &Extraction) -> Vec<u64> {
    let chapters = read.metadata.sound.iter().flat_map(|sound| &sound.chapters);
    chapters.map(|chapter| chapter.t0_ms).collect()
}

fn add_heard(read: &mut Extraction, hearing: Option<&Hearing>) {
    let Some(hearing) = hearing else { return };
    let said = from_lines(&hearing.said);
    let first = read.segments.len() as u32;
    let (segments, lang) = speech::segments(&said, first, &chapters_of(read));
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
