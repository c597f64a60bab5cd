//! Between the parsers and the outside: numbers segments, tells their language, and
//! holds the limits, so that no parser has to.
//!
//! A parser writes and writes; once a limit is reached the writer is [`Writer::closed`],
//! swallows the rest and notes what was cut. A parser that looks at `closed` only saves
//! time.

use std::borrow::Cow;
use std::io;

use hippo_config::Limits;

use super::Output;
use crate::extraction::{LineStart, Metadata, Picture, Refusal, SCANS_MAX, Scan, Segment, Source};
use crate::language::{self, Tally};
use crate::moments::Moment;
use crate::passage::{Packer, weight};

/// Notes of one file; more would say nothing new.
const NOTES_MAX: usize = 20;

/// Where in the file a segment stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) page: Option<u32>,
    pub(crate) span_ms: Option<(u64, u64)>,
    pub(crate) source: Source,
}

impl Place {
    /// Text without pages or times.
    pub(crate) const BODY: Place = Place {
        page: None,
        span_ms: None,
        source: Source::Body,
    };

    /// A page, counted from 1.
    pub(crate) fn page(page: u32) -> Place {
        Place {
            page: Some(page),
            ..Place::BODY
        }
    }

    /// A picture, with what its own metadata says of it.
    pub(crate) const CAPTION: Place = Place {
        source: Source::Caption,
        ..Place::BODY
    };

    /// A stretch of a publisher's transcript.
    pub(crate) fn moment(t0_ms: u64, t1_ms: u64) -> Place {
        Place {
            page: None,
            span_ms: Some((t0_ms, t1_ms)),
            source: Source::Transcript,
        }
    }
}

/// What few segments have.
#[derive(Default)]
struct Special {
    picture: bool,
    speaker: Option<String>,
    lines: Vec<LineStart>,
}

/// How languages are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    /// People's.
    Natural,
    /// Source code: only comments and strings speak.
    Code,
}

/// The parsers' side of [`Output`].
pub(crate) struct Writer<'a> {
    out: &'a mut dyn Output,
    text_left_bytes: u64,
    segments_left: u32,
    ordinal: u32,
    scans: u32,
    tongue: Tongue,
    tally: Tally,
    notes: Vec<String>,
    notes_left_out: usize,
    full: bool,
    error: Option<io::Error>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut dyn Output, limits: &Limits) -> Writer<'a> {
        Writer {
            out,
            text_left_bytes: limits.file_text_max_bytes,
            segments_left: limits.file_max_segments,
            ordinal: 0,
            scans: 0,
            tongue: Tongue::Natural,
            tally: Tally::default(),
            notes: Vec::new(),
            notes_left_out: 0,
            full: false,
            error: None,
        }
    }

    pub(crate) fn set_tongue(&mut self, tongue: Tongue) {
        self.tongue = tongue;
    }

    /// A sign of life.
    pub(crate) fn progress(&mut self, done: u64, total: u64, stage: &str) {
        self.out.progress(done, total, stage);
    }

    /// Something that a user may want to know.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note.into());
        } else {
            self.notes_left_out += 1;
        }
    }

    /// Sends a stretch of sound. False once nobody listens any more.
    pub(crate) fn sound(&mut self, samples: &[i16]) -> bool {
        if self.error.is_none() {
            self.error = self.out.sound(samples).err();
        }
        self.error.is_none()
    }

    /// Sends what writing is to be read off. False for what is not looked at: nobody listens
    /// any more, the file had its [`SCANS_MAX`], or it is all of one shade.
    pub(crate) fn scan(&mut self, scan: Scan) -> bool {
        if self.error.is_some() || self.scans >= SCANS_MAX {
            return false;
        }
        if !has_marks(&scan.grey) {
            return true;
        }
        self.scans += 1;
        self.error = self.out.scan(scan).err();
        self.error.is_none()
    }

    /// Whether more segments would be swallowed.
    pub(crate) fn closed(&self) -> bool {
        self.full || self.error.is_some()
    }

    /// How many segments were written.
    pub(crate) fn written(&self) -> u32 {
        self.ordinal
    }

    /// Writes all passages that are ready.
    pub(crate) fn drain(&mut self, packer: &mut Packer, place: Place) {
        while let Some(passage) = packer.pop() {
            self.put(&passage.text, place);
        }
    }

    /// Writes one segment. Blank text is none.
    pub(crate) fn put(&mut self, text: &str, place: Place) {
        let text = presentable(text);
        if !text.trim().is_empty() {
            self.segment(text, place, Special::default());
        }
    }

    /// Writes a moment.
    pub(crate) fn moment(&mut self, moment: Moment) {
        let place = Place::moment(moment.t0_ms, moment.t1_ms);
        let text = presentable(&moment.text);
        // Where characters were left out, the lines begin elsewhere.
        let lines = match &text {
            Cow::Borrowed(_) => moment.lines,
            Cow::Owned(_) => Vec::new(),
        };
        if !text.trim().is_empty() {
            let speaker = moment.speaker;
            let special = Special {
                speaker,
                lines,
                ..Special::default()
            };
            self.segment(text, place, special);
        }
    }

    /// Writes a picture's segment, whose text may be empty, and then its pixels, one for
    /// each [`PictureSpec`](hippo_config::PictureSpec) that was asked for.
    pub(crate) fn picture(
        &mut self,
        text: &str,
        place: Place,
        pictures: impl Iterator<Item = Picture>,
    ) {
        let ordinal = self.ordinal;
        let special = Special {
            picture: true,
            ..Special::default()
        };
        self.segment(presentable(text), place, special);
        for (spec, picture) in pictures.enumerate() {
            if self.closed() {
                return;
            }
            if let Err(error) = self.out.picture(ordinal, spec, picture) {
                self.error = Some(error);
            }
        }
    }

    fn segment(&mut self, text: Cow<'_, str>, place: Place, special: Special) {
        if self.closed() {
            return;
        }
        let bytes = text.len() as u64;
        if self.segments_left == 0 || bytes > self.text_left_bytes {
            self.full = true;
            self.note(format!(
                "only the first {} passages were kept: the rest is beyond the limit for one file",
                self.ordinal
            ));
            return;
        }
        let lang = match self.tongue {
            Tongue::Natural => language::detect(&text),
            Tongue::Code => language::detect_in_code(&text),
        };
        self.tally.add(lang, weight(&text));
        let segment = Segment {
            ordinal: self.ordinal,
            page: place.page,
            t0_ms: place.span_ms.map(|(t0, _)| t0),
            t1_ms: place.span_ms.map(|(_, t1)| t1),
            source: place.source,
            text: text.into_owned(),
            picture: special.picture,
            lang: lang.map(str::to_owned),
            speaker: special.speaker,
            lines: special.lines,
        };
        if let Err(error) = self.out.segment(segment) {
            self.error = Some(error);
            return;
        }
        self.ordinal += 1;
        self.segments_left -= 1;
        self.text_left_bytes -= bytes;
    }

    /// Adds to the metadata what the writer saw: the language and the notes.
    pub(crate) fn finish(self, mut metadata: Metadata) -> Result<Metadata, Refusal> {
        if let Some(error) = self.error {
            return Err(Refusal::failed(
                "reply",
                format!("the answer could not be sent: {error}"),
            ));
        }
        // What most of the text is in counts for more than what a tag claims.
        metadata.lang = self.tally.most().or(metadata.lang);
        metadata.notes.extend(self.notes);
        if self.notes_left_out > 0 {
            metadata
                .notes
                .push(format!("and {} notes more", self.notes_left_out));
        }
        Ok(metadata)
    }
}

/// Shades that writing differs from its ground by, at least: no reader sees less.
const MARKS_MIN_SHADES: u8 = 24;

/// Whether pixels are of more than one shade.
fn has_marks(grey: &[u8]) -> bool {
    let (least, most) = grey
        .iter()
        .fold((u8::MAX, 0), |(l, m), &p| (l.min(p), m.max(p)));
    most.saturating_sub(least) >= MARKS_MIN_SHADES
}

/// The text without what no screen shows: control characters, byte order marks.
fn presentable(text: &str) -> Cow<'_, str> {
    let unwanted = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
    };
    if text.contains(unwanted) {
        Cow::Owned(text.replace(unwanted, ""))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::format::tests::limits;

    /// Keeps all that is written.
    #[derive(Default)]
    pub(crate) struct Kept {
        pub(crate) segments: Vec<Segment>,
        pub(crate) signs_of_life: usize,
        pub(crate) sound: Vec<i16>,
    }

    impl Output for Kept {
        fn progress(&mut self, _: u64, _: u64, _: &str) {
            self.signs_of_life += 1;
        }

        fn segment(&mut self, segment: Segment) -> io::Result<()> {
            self.segments.push(segment);
            Ok(())
        }

        fn sound(&mut self, samples: &[i16]) -> io::Result<()> {
            assert!(samples.len() <= 160_000);
            self.sound.extend_from_slice(samples);
            Ok(())
        }
    }

    fn metadata() -> Metadata {
        Metadata::new(crate::Kind::Text, "text/plain", "text")
    }

    #[test]
    fn limits_cut_and_say_so() {
        let mut limits = limits();
        limits.file_max_segments = 2;
        let mut kept = Kept::default();
        let mut writer = Writer::new(&mut kept, &limits);
        for _ in 0..5 {
            writer.put("something", Place::BODY);
        }
        assert!(writer.closed());
        let metadata = writer.finish(metadata()).unwrap();
        assert_eq!(kept.segments.len(), 2);
        assert_eq!(
            metadata.notes,
            ["only the first 2 passages were kept: the rest is beyond the limit for one file"]
        );
    }

    #[test]
    fn blank_text_takes_no_ordinal_and_control_characters_go() {
        let mut kept = Kept::default();
        let limits = limits();
        let mut writer = Writer::new(&mut kept, &limits);
        writer.put("  \n", Place::BODY);
        writer.put("\u{1}\u{feff}", Place::BODY);
        writer.put("a\u{0}b\tc", Place::page(3));
        writer.finish(metadata()).unwrap();
        assert_eq!(kept.segments.len(), 1);
        assert_eq!(kept.segments[0].text, "ab\tc");
        assert_eq!(kept.segments[0].ordinal, 0);
        assert_eq!(kept.segments[0].page, Some(3));
    }

    #[test]
    fn a_broken_pipe_is_the_end() {
        struct Broken;
        impl Output for Broken {
            fn progress(&mut self, _: u64, _: u64, _: &str) {}
            fn segment(&mut self, _: Segment) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let limits = limits();
        let mut broken = Broken;
        let mut writer = Writer::new(&mut broken, &limits);
        writer.put("text", Place::BODY);
        assert!(writer.closed());
        assert_eq!(writer.finish(metadata()).unwrap_err().stage, "reply");
    }
}
