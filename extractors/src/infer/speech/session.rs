//! One file's way from sound to utterances, in pieces.
//!
//! Sound is judged in blocks for voice, voiced stretches fill a window, a full window is
//! heard, and what was heard goes out. Held at any time: one block, one open stretch, one
//! window; 5 MB, however long the file.

use serde::{Deserialize, Serialize};

use super::hygiene::Hygiene;
use super::voice::{FRAME_SAMPLES, Splitter, Stretch, Voice};
use super::window::{PAUSE_MAX_SAMPLES, Window};
use super::{Heard, RATE_HZ, Recogniser, Said, SpeechError, Utterance};

/// Frames judged at once: 30 s. Each block hears the end of the one before again, so that
/// longer ones cost less, and shorter ones hold less.
const BLOCK_FRAMES: usize = 30 * RATE_HZ as usize / FRAME_SAMPLES;
/// A voice model begins each block without memory; so much before it sets it right: 1 s.
const WARM_FRAMES: u64 = RATE_HZ as u64 / FRAME_SAMPLES as u64;
/// A window of two languages is heard in halves, and those again.
const HALVINGS_MAX: u32 = 2;
/// Of a window that was cut off in the middle of speech at least so much is done: a third of
/// it. What is behind the last whole utterance is heard again with what follows.
const KEPT_MIN_SHARE: f64 = 0.35;
/// Samples a millisecond.
const PER_MS: u64 = RATE_HZ as u64 / 1000;

/// Where a session stands: all that is before it has gone out as utterances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Samples of the file that are done. A session that goes on from here is given those
    /// that follow.
    pub samples_done: u64,
    /// The language of the last window.
    pub lang: Option<String>,
    /// The last utterance, to know a loop by.
    pub last: Option<String>,
}

/// Hears one file. After an error only its checkpoint is of use.
pub struct Session<V, R> {
    voice: V,
    recogniser: R,
    hygiene: Hygiene,
    lang: Option<String>,
    /// Sound that is still needed, and where in the file it begins.
    sound: Vec<i16>,
    sound_from: u64,
    /// Frames judged so far.
    judged: u64,
    splitter: Splitter,
    window: Window,
    /// The end of the last utterance, in samples: times do not run backwards.
    said_to: u64,
    done: u64,
}

impl<V: Voice, R: Recogniser> Session<V, R> {
    /// A file from its start.
    pub fn new(voice: V, recogniser: R) -> Session<V, R> {
        Session::resume(voice, recogniser, &Checkpoint::default())
    }

    /// A file from where a checkpoint stands: the next sample is number
    /// [`Checkpoint::samples_done`].
    pub fn resume(voice: V, recogniser: R, from: &Checkpoint) -> Session<V, R> {
        let frame = from.samples_done / FRAME_SAMPLES as u64;
        Session {
            voice,
            recogniser,
            hygiene: Hygiene::new(from.last.clone()),
            lang: from.lang.clone(),
            sound: Vec::new(),
            sound_from: from.samples_done,
            judged: frame,
            splitter: Splitter::new(frame),
            window: Window::default(),
            said_to: from.samples_done,
            done: from.samples_done,
        }
    }

    /// Where it stands.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            // Voice is judged in frames, counted from the start of the file.
            samples_done: self.done / FRAME_SAMPLES as u64 * FRAME_SAMPLES as u64,
            lang: self.lang.clone(),
            last: self.hygiene.last().map(str::to_owned),
        }
    }

    /// The next sound of the file, as much as there is; what was said up to now.
    pub fn push(&mut self, samples: &[i16]) -> Result<Vec<Utterance>, SpeechError> {
        let mut out = Vec::new();
        // A block at a time, so that a caller who pushes hours at once fills no memory.
        for part in samples.chunks(BLOCK_FRAMES * FRAME_SAMPLES) {
            self.sound.extend_from_slice(part);
            while self.unjudged() >= BLOCK_FRAMES * FRAME_SAMPLES {
                self.judge(BLOCK_FRAMES * FRAME_SAMPLES, &mut out)?;
            }
        }
        Ok(out)
    }

    /// The end of the file: the rest of what was said.
    pub fn finish(&mut self) -> Result<Vec<Utterance>, SpeechError> {
        let mut out = Vec::new();
        let left = self.unjudged();
        if left > 0 {
            self.judge(left, &mut out)?;
        }
        let end = self.sound_end();
        if let Some(mut last) = self.splitter.finish() {
            last.to = last.to.min(end);
            self.take(last, &mut out)?;
        }
        self.hear_window(true, &mut out)?;
        self.done = end;
        Ok(out)
    }

    fn sound_end(&self) -> u64 {
        self.sound_from + self.sound.len() as u64
    }

    fn unjudged(&self) -> usize {
        (self.sound_end() - self.judged * FRAME_SAMPLES as u64) as usize
    }

    /// Sound of the file from the buffer, as models take it.
    fn floats(sound: &[i16], sound_from: u64, from: u64, to: u64) -> Vec<f32> {
        let at = |sample: u64| (sample.saturating_sub(sound_from) as usize).min(sound.len());
        sound[at(from)..at(to)]
            .iter()
            .map(|sample| f32::from(*sample) / 32_768.0)
            .collect()
    }

    /// Judges the next `samples`, and hears what that completes.
    fn judge(&mut self, samples: usize, out: &mut Vec<Utterance>) -> Result<(), SpeechError> {
        let start = self.judged * FRAME_SAMPLES as u64;
        let warm = self.judged.saturating_sub(WARM_FRAMES) * FRAME_SAMPLES as u64;
        let warm = warm.max(self.sound_from);
        let heard = Self::floats(&self.sound, self.sound_from, warm, start + samples as u64);
        let probabilities = self.voice.probabilities(&heard)?;
        let skip = ((start - warm) / FRAME_SAMPLES as u64) as usize;
        let end = self.sound_end();
        for probability in probabilities.into_iter().skip(skip) {
            self.judged += 1;
            if let Some(mut stretch) = self.splitter.push(probability) {
                stretch.to = stretch.to.min(end);
                self.take(stretch, out)?;
            }
        }
        self.forget();
        if self.window.is_stale(self.judged * FRAME_SAMPLES as u64) {
            self.hear_window(true, out)?;
        }
        if self.window.is_empty() {
            // Nothing is waiting: only what may begin a stretch is not done.
            self.done = self.done.max(self.splitter.needs_from().min(end));
        }
        Ok(())
    }

    /// Drops sound that nobody will ask for again.
    fn forget(&mut self) {
        let warm = self.judged.saturating_sub(WARM_FRAMES) * FRAME_SAMPLES as u64;
        let pause = self.splitter.needs_from().saturating_sub(PAUSE_MAX_SAMPLES);
        let frame = FRAME_SAMPLES as u64;
        let keep_from = (warm.min(pause) / frame * frame).max(self.sound_from);
        let drop = (keep_from - self.sound_from) as usize;
        if drop > 0 {
            self.sound.drain(..drop.min(self.sound.len()));
            self.sound_from = keep_from;
        }
    }

    /// Adds a stretch to the window; hears the window when it is full.
    fn take(&mut self, mut stretch: Stretch, out: &mut Vec<Utterance>) -> Result<(), SpeechError> {
        while !self.window.is_empty() && !self.window.fits(stretch) {
            // Who goes on without a pause fills the window to its end.
            if let Some((head, rest)) = self.window.split(stretch) {
                self.add(head);
                stretch = rest;
            }
            self.hear_window(false, out)?;
        }
        self.add(stretch);
        Ok(())
    }

    fn add(&mut self, stretch: Stretch) {
        let (sound, sound_from) = (&self.sound, self.sound_from);
        self.window.add(stretch, |range| {
            Self::floats(sound, sound_from, range.start, range.end)
        });
    }

    /// Hears the window and empties it. Unless it is the `last` for now, an utterance that
    /// was cut off at its end stays, as the beginning of the next one.
    fn hear_window(&mut self, last: bool, out: &mut Vec<Utterance>) -> Result<(), SpeechError> {
        let window = std::mem::take(&mut self.window);
        let Some(end) = window.file_end() else {
            return Ok(());
        };
        let rest = self.hear(&window, last, HALVINGS_MAX, out)?;
        self.done = rest.file_start().unwrap_or(end).max(self.done);
        self.window = rest;
        Ok(())
    }

    /// Hears a window, in halves where two languages are spoken in it. What is left of it.
    fn hear(
        &mut self,
        window: &Window,
        last: bool,
        halvings: u32,
        out: &mut Vec<Utterance>,
    ) -> Result<Window, SpeechError> {
        let mut heard = self
            .recogniser
            .hear(&window.samples, self.lang.as_deref())?;
        if heard.mixed
            && halvings > 0
            && let Some((first, second)) = window.halves()
        {
            self.hear(&first, true, halvings - 1, out)?;
            return self.hear(&second, last, halvings - 1, out);
        }
        let mut rest = Window::default();
        if window.cut && !last {
            rest = cut_off(window, &mut heard);
        }
        self.lang.clone_from(&heard.lang);
        let voiced_end = window.samples.len() - rest.samples.len();
        self.write(window, heard, voiced_end, out);
        Ok(rest)
    }

    /// Cleans what was heard and puts it into file time.
    fn write(&mut self, window: &Window, heard: Heard, end: usize, out: &mut Vec<Utterance>) {
        let lang = heard.lang;
        for said in self.hygiene.clean(heard.said) {
            let from = (u64::from(said.t0_ms) * PER_MS) as usize;
            let to = said
                .t1_ms
                .map_or(end, |t1_ms| (u64::from(t1_ms) * PER_MS) as usize);
            let span = window.to_file(from..to);
            let t0 = span.start.max(self.said_to);
            let t1 = span.end.max(t0);
            self.said_to = t1;
            out.push(Utterance {
                t0_ms: t0 / PER_MS,
                t1_ms: t1 / PER_MS,
                text: said.text,
                lang: lang.clone(),
            });
        }
    }
}

/// Takes an utterance that the window's end has cut off out of what was heard; the sound from
/// there on.
fn cut_off(window: &Window, heard: &mut Heard) -> Window {
    let kept_min_ms = window.samples.len() as f64 * KEPT_MIN_SHARE / PER_MS as f64;
    let is_open = |said: &Said| said.t1_ms.is_none() && f64::from(said.t0_ms) >= kept_min_ms;
    match heard.said.pop_if(|said| is_open(said)) {
        Some(open) => window.tail((u64::from(open.t0_ms) * PER_MS) as usize),
        None => Window::default(),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
