//! A transcript that came with a recording, on its way into the recording's rows.
//!
//! It lies beside the recording as a file ([`beside`](super::beside)), or in its tags as lyrics,
//! which the worker hands over with everything else. With times it is what was said, and nobody
//! listens. Plain text gets its times when the recording was heard ([`align`]).
//!
//! Promises: one transcript is used, the file before the lyrics, and said to be. Lyrics that turn
//! out to be about something else keep nothing from being found by what was heard, for nobody
//! put them there on purpose; a file beside the recording somebody did.

use hippo_extractors::infer::speech::{self, Utterance};
use hippo_extractors::{Segment, Source};

use super::heard::chapters_of;
use crate::align::align;
use crate::transcript::By;
use crate::worker::Extraction;

/// Where a transcript was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// In a file of this name.
    Beside(String),
    /// In the recording's tags: it belongs to the bytes.
    Inside,
}

/// A transcript and where it was found.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) origin: Origin,
    pub(super) lang: Option<String>,
    pub(super) segments: Vec<Segment>,
}

impl Published {
    /// Takes the lyrics out of what was read of a recording.
    pub(super) fn inside(read: &mut Extraction) -> Option<Published> {
        let is_lyrics = |segment: &mut Segment| segment.source == Source::Transcript;
        let segments: Vec<_> = read.segments.extract_if(.., is_lyrics).collect();
        (!segments.is_empty()).then_some(Published {
            origin: Origin::Inside,
            lang: None,
            segments,
        })
    }

    /// Whether it says when things are said: then nobody needs to listen.
    pub(super) fn has_times(&self) -> bool {
        self.segments.iter().all(|segment| segment.t0_ms.is_some())
    }

    /// Its part in a generation.
    pub(super) fn mark(&self) -> String {
        let by = match self.origin {
            Origin::Beside(_) => By::Beside,
            Origin::Inside => By::Inside,
        };
        by.mark(self.has_times())
    }

    /// Adds it behind what was read of the recording, with its times by what was heard, if that
    /// is the same talk. Whether it is all that is said there: what was heard is needed no more.
    pub(super) fn add_to(self, read: &mut Extraction, heard: &[Utterance]) -> bool {
        let mut note = match &self.origin {
            Origin::Beside(name) => format!("its transcript is {name}, which lies beside it"),
            Origin::Inside => "its transcript is the lyrics inside it".to_owned(),
        };
        let timed = self.has_times();
        let (mut segments, mut lang) = (self.segments, self.lang);
        let mut is_all = true;
        if !timed {
            let texts: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
            if let Some(aligned) = align(&texts.join("\n"), heard) {
                let spoken;
                (segments, spoken) = speech::segments(&aligned, 0, &chapters_of(read));
                lang = spoken.or(lang);
                note += "; its times are by what was heard";
            } else if !heard.is_empty() && self.origin == Origin::Inside {
                "the lyrics inside it are not what is said in it; both find it"
                    .clone_into(&mut note);
                is_all = false;
            } else if !heard.is_empty() {
                note += "; what was heard is too different to tell its times";
            }
        }
        append(read, segments);
        read.metadata.notes.push(note);
        read.metadata.lang = lang.or(read.metadata.lang.take());
        is_all
    }
}

fn append(read: &mut Extraction, segments: Vec<Segment>) {
    let first = read.segments.len() as u32;
    for (segment, ordinal) in segments.into_iter().zip(first..) {
        read.segments.push(Segment {
            ordinal,
            source: Source::Transcript,
            ..segment
        });
    }
}

#[cfg(test)]
mod tests {
    use hippo_extractors::{Kind, Metadata};

    use super::*;

    fn segment(ordinal: u32, source: Source, text: &str, span_ms: Option<(u64, u64)>) -> Segment {
        Segment {
            ordinal,
            page: None,
            t0_ms: span_ms.map(|span| span.0),
            t1_ms: span_ms.map(|span| span.1),
            source,
            text: text.to_owned(),
            picture: false,
            speaker: None,
            lines: Vec::new(),
            lang: None,
        }
    }

    /// A recording whose tags and lyrics were read.
    fn read(lyrics: &str, span_ms: Option<(u64, u64)>) -> Extraction {
        Extraction {
            metadata: Metadata::new(Kind::Audio, "audio/mpeg", "symphonia"),
            segments: vec![
                segment(0, Source::Body, "The Demo Hour", None),
                segment(1, Source::Transcript, lyrics, span_ms),
            ],
            pictures: Vec::new(),
        }
    }

    fn said(t0_ms: u64, text: &str) -> Utterance {
        Utterance {
            t0_ms,
            t1_ms: t0_ms + 4_000,
            text: text.to_owned(),
            lang: None,
        }
    }

    const OTTERS: &str = "Tonight we talk about the otters of the Danube";

    #[test]
    fn lyrics_with_times_are_what_is_said() {
        let mut read = read(OTTERS, Some((1_000, 5_000)));
        let lyrics = Published::inside(&mut read).unwrap();
        assert_eq!(read.segments.len(), 1, "they are taken out");
        assert!(lyrics.has_times());
        assert_eq!(lyrics.mark(), "~inside:times");
        assert!(lyrics.add_to(&mut read, &[]));
        assert_eq!(
            (read.segments[1].ordinal, read.segments[1].t0_ms),
            (1, Some(1_000))
        );
        assert_eq!(
            read.metadata.notes,
            ["its transcript is the lyrics inside it"]
        );
    }

    #[test]
    fn plain_lyrics_get_times_by_what_was_heard() {
        let mut read = read(OTTERS, None);
        let lyrics = Published::inside(&mut read).unwrap();
        assert_eq!(lyrics.mark(), "~inside:text");
        let heard = [said(7_000, "tonite we talk about the otters of the danube")];
        assert!(lyrics.add_to(&mut read, &heard));
        assert_eq!(read.segments[1].source, Source::Transcript);
        assert!(
            read.segments[1]
                .t0_ms
                .is_some_and(|t0| t0.abs_diff(7_000) < 1_000)
        );
        let notes = &read.metadata.notes;
        assert!(
            notes[0].ends_with("its times are by what was heard"),
            "{notes:?}"
        );
    }

    #[test]
    fn lyrics_about_something_else_do_not_stand_for_what_was_heard_but_a_file_does() {
        let heard = [said(
            0,
            "a recipe for soup with beans and a little salt in it",
        )];
        let mut read = read(OTTERS, None);
        let lyrics = Published::inside(&mut read).unwrap();
        let file = Published {
            origin: Origin::Beside("talk.txt".to_owned()),
            lang: None,
            segments: lyrics.segments.clone(),
        };
        assert!(!lyrics.add_to(&mut read, &heard));
        assert_eq!(read.segments[1].text, OTTERS, "they are found all the same");
        assert!(file.add_to(&mut read, &heard));
    }

    #[test]
    fn without_lyrics_there_are_none() {
        let mut read = read(OTTERS, None);
        read.segments.pop();
        assert!(Published::inside(&mut read).is_none());
    }
}
