//! Sound to text: voice activity, a recogniser, and what makes of it something to search.
//!
//! 16 kHz mono goes in as it is decoded ([`Session::push`]), utterances in file time come
//! out. In between: where somebody speaks ([`voice`]), voiced stretches packed into windows of
//! up to 30 s ([`window`]), one engine behind one trait ([`Recogniser`]), and a look at
//! what it says ([`hygiene`]), because speech models invent text where nothing is said.
//!
//! Promises: times never run backwards and lie inside the file; memory does not grow with
//! the file; a session that was lost goes on from its last [`Checkpoint`], which is never
//! more than a few minutes of sound old.

mod hygiene;
mod session;
mod voice;
mod whisper;
mod window;

pub use session::{Checkpoint, Session};
pub use voice::{FRAME_SAMPLES, Loudness, Silero, Voice};
pub use whisper::{Listener, Options, Whisper};

use serde::{Deserialize, Serialize};

use super::InferError;
use crate::extraction::{Segment, Source};
use crate::language::{self, Tally};
use crate::moments::{Cutter, Line, Moment};
use crate::weight::weight;

/// Samples a second, everywhere here.
pub const RATE_HZ: u32 = 16_000;

/// Why a session stopped.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// It was asked to. What is not in a checkpoint is lost.
    #[error("stopped before the end")]
    Stopped,
    /// A model failed.
    #[error(transparent)]
    Model(#[from] InferError),
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Utterance {
    /// When it begins, in milliseconds of the file.
    pub t0_ms: u64,
    /// When it ends.
    pub t1_ms: u64,
    /// The words, with the punctuation that was heard.
    pub text: String,
    /// ISO 639-1 of the stretch that it stands in, where the recogniser tells.
    pub lang: Option<String>,
}

/// What a recogniser makes of one window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// What was said, in order.
    pub said: Vec<Said>,
    /// The language that it was taken for.
    pub lang: Option<String>,
    /// Whether another language may stand in it as well: it is worth to hear its parts alone.
    pub mixed: bool,
}

/// One utterance within a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// When it begins, in milliseconds of the window.
    pub t0_ms: u32,
    /// When it ends; none where the window ended first.
    pub t1_ms: Option<u32>,
    /// The words.
    pub text: String,
    /// How likely nothing was said at all, from 0 to 1.
    pub silence: f32,
    /// How sure the recogniser is of the words, from 0 to 1.
    pub sure: f32,
}

/// A speech recogniser. Whisper is one; another may take Chinese one day.
pub trait Recogniser {
    /// What is said in a window of at most 30 s. `lang` is the language of the window
    /// before, where there was one.
    fn hear(&mut self, window: &[f32], lang: Option<&str>) -> Result<Heard, SpeechError>;
}

impl<R: Recogniser + ?Sized> Recogniser for Box<R> {
    fn hear(&mut self, window: &[f32], lang: Option<&str>) -> Result<Heard, SpeechError> {
        (**self).hear(window, lang)
    }
}

/// Utterances as the moments that are searched; chapters begin at these times, in order.
pub fn moments<'a>(
    utterances: impl IntoIterator<Item = &'a Utterance>,
    chapters: &[u64],
) -> Vec<Moment> {
    let mut cutter = Cutter::of_chapters(chapters.to_vec());
    for said in utterances {
        cutter.push(Line {
            t0_ms: said.t0_ms,
            t1_ms: said.t1_ms,
            speaker: None,
            text: &said.text,
        });
    }
    cutter.finish();
    std::iter::from_fn(|| cutter.pop()).collect()
}

/// Utterances as segments, counted from `first`, and the language of most of them.
pub fn segments(
    utterances: &[Utterance],
    first: u32,
    chapters: &[u64],
) -> (Vec<Segment>, Option<String>) {
    let mut tally = Tally::default();
    let moments = moments(utterances, chapters).into_iter();
    let segments = moments.zip(first..).map(|(moment, ordinal)| {
        let lang = language::detect(&moment.text);
        tally.add(lang, weight(&moment.text));
        Segment {
            ordinal,
            page: None,
            t0_ms: Some(moment.t0_ms),
            t1_ms: Some(moment.t1_ms),
            source: Source::Speech,
            lang: lang.map(str::to_owned),
            text: moment.text,
            picture: false,
            speaker: moment.speaker,
            lines: moment.lines,
        }
    });
    let segments = segments.collect();
    (segments, tally.most())
}
