//! Where somebody speaks.
//!
//! A [`Voice`] gives a probability for every 32 ms; [`Splitter`] makes stretches of them, as
//! the sound comes in, in one pass. A stretch has its padding already: it begins and ends a
//! little outside the voice, because consonants are quiet.

use std::path::Path;

use whisper_rs::{WhisperVadContext, WhisperVadContextParams};

use super::RATE_HZ;
use crate::infer::InferError;

/// What one probability is for: 32 ms.
pub const FRAME_SAMPLES: usize = 512;

/// From here on it is speech, and below the second it is none any more (Silero's own values).
const SPEECH_MIN: f32 = 0.5;
const SPEECH_GOES_ON_MIN: f32 = 0.35;
/// Silence of this length ends a stretch: 256 ms, longer than a stop within a word.
const SILENCE_FRAMES: u64 = 8;
/// Padding on both sides: 128 ms. Two stretches have room for it in the silence between them.
const PAD_FRAMES: u64 = SILENCE_FRAMES / 2;
/// A stretch has at least this much voice: 96 ms. "Yes" takes twice as long, a click half.
const VOICE_MIN_FRAMES: u64 = 3;
/// Who speaks on for this long without a breath is cut off: a window of 30 s must hold the
/// stretch and its padding.
const STRETCH_MAX_FRAMES: u64 = 30 * RATE_HZ as u64 / FRAME_SAMPLES as u64 - 2 * PAD_FRAMES;

/// Tells speech from everything else.
pub trait Voice {
    /// The probability of speech in every [`FRAME_SAMPLES`] of sound; a rest at the end counts
    /// as a whole frame. It may need the second before to be sure of the first frames.
    fn probabilities(&mut self, samples: &[f32]) -> Result<Vec<f32>, InferError>;
}

impl<V: Voice + ?Sized> Voice for Box<V> {
    fn probabilities(&mut self, samples: &[f32]) -> Result<Vec<f32>, InferError> {
        (**self).probabilities(samples)
    }
}

/// Silero's voice activity model, as whisper.cpp runs it.
pub struct Silero {
    context: WhisperVadContext,
    id: String,
}

impl Silero {
    /// Opens the model (a ggml file).
    pub fn open(file: &Path) -> Result<Silero, InferError> {
        super::whisper::quieten();
        let refuse = |reason: &str| InferError::model(file, reason);
        if !file.is_file() {
            return Err(refuse("there is no voice model here"));
        }
        let path = file
            .to_str()
            .filter(|path| !path.contains('\0'))
            .ok_or_else(|| refuse("its path is not UTF-8, which whisper.cpp needs"))?;
        let mut params = WhisperVadContextParams::new();
        // A frame is a tenth of a millisecond of work: a second thread costs more than it does.
        params.set_n_threads(1);
        let context = WhisperVadContext::new(path, params)
            .map_err(|_| refuse("it is no voice model that whisper.cpp can read"))?;
        Ok(Silero {
            context,
            id: file.display().to_string(),
        })
    }
}

impl Voice for Silero {
    fn probabilities(&mut self, samples: &[f32]) -> Result<Vec<f32>, InferError> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        self.context
            .detect_speech(samples)
            .map_err(|error| InferError::Run {
                model: self.id.clone(),
                reason: format!("voice activity failed: {error}"),
            })?;
        Ok(self.context.probabilities().to_vec())
    }
}

/// Takes what is loud for speech: where there is no voice model.
pub struct Loudness;

/// Speech at arm's length is above this, a quiet room below: -46 dB of full scale.
const LOUD_MIN_RMS: f32 = 0.005;

impl Voice for Loudness {
    fn probabilities(&mut self, samples: &[f32]) -> Result<Vec<f32>, InferError> {
        let loud = |frame: &[f32]| {
            let energy = frame.iter().map(|sample| sample * sample).sum::<f32>();
            let rms = (energy / frame.len() as f32).sqrt();
            rms / (rms + LOUD_MIN_RMS)
        };
        Ok(samples.chunks(FRAME_SAMPLES).map(loud).collect())
    }
}

/// Voiced sound from one sample of the file to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Cut off in the middle of speech, because it would not end.
    pub(super) cut: bool,
}

/// Probabilities to stretches, in one pass.
pub(super) struct Splitter {
    /// Frames before which nothing may begin: the end of the last stretch.
    free_from: u64,
    /// Whether that one was cut off.
    cut: bool,
    /// The next frame.
    at: u64,
    /// The stretch that is open: its first frame, its last voiced one, how many are voiced.
    open: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    from: u64,
    voiced_to: u64,
    voiced: u64,
    /// Goes on where the one before was cut off.
    goes_on: bool,
}

impl Splitter {
    /// From a frame on.
    pub(super) fn new(at: u64) -> Splitter {
        Splitter {
            free_from: at,
            cut: false,
            at,
            open: None,
        }
    }

    /// The sample from which sound may still be asked for.
    pub(super) fn needs_from(&self) -> u64 {
        let from = match self.open {
            Some(open) => open.from,
            None => self.at.saturating_sub(PAD_FRAMES).max(self.free_from),
        };
        from * FRAME_SAMPLES as u64
    }

    /// Takes the probability of the next frame; a stretch that ends with it.
    pub(super) fn push(&mut self, probability: f32) -> Option<Stretch> {
        let at = self.at;
        self.at += 1;
        let Some(open) = &mut self.open else {
            if probability >= SPEECH_MIN {
                let from = at.saturating_sub(PAD_FRAMES).max(self.free_from);
                self.open = Some(Open {
                    from,
                    voiced_to: at + 1,
                    voiced: 1,
                    goes_on: self.cut && from == self.free_from,
                });
            }
            return None;
        };
        if probability >= SPEECH_GOES_ON_MIN {
            open.voiced_to = at + 1;
            open.voiced += 1;
        }
        if self.at - open.voiced_to >= SILENCE_FRAMES {
            let to = open.voiced_to + PAD_FRAMES;
            return self.close(to, false);
        }
        if self.at - open.from >= STRETCH_MAX_FRAMES {
            let to = self.at;
            return self.close(to, true);
        }
        None
    }

    /// The end of the sound: what is open ends.
    pub(super) fn finish(&mut self) -> Option<Stretch> {
        let open = self.open?;
        self.close((open.voiced_to + PAD_FRAMES).min(self.at), false)
    }

    fn close(&mut self, to: u64, cut: bool) -> Option<Stretch> {
        let open = self.open.take()?;
        if open.voiced < VOICE_MIN_FRAMES && !open.goes_on {
            return None;
        }
        self.free_from = to;
        self.cut = cut;
        Some(Stretch {
            from: open.from * FRAME_SAMPLES as u64,
            to: to * FRAME_SAMPLES as u64,
            cut,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn split(probabilities: &[f32]) -> Vec<Stretch> {
        let mut splitter = Splitter::new(0);
        let mut stretches = Vec::new();
        for probability in probabilities {
            stretches.extend(splitter.push(*probability));
        }
        stretches.extend(splitter.finish());
        stretches
    }

    fn frames(stretches: &[Stretch]) -> Vec<(u64, u64)> {
        let frame = FRAME_SAMPLES as u64;
        stretches
            .iter()
            .map(|stretch| (stretch.from / frame, stretch.to / frame))
            .collect()
    }

    #[test]
    fn pauses_part_stretches_and_short_stops_do_not() {
        let mut sound = vec![0.0; 20];
        sound.extend([0.9; 10]);
        sound.extend([0.1; 5]); // a stop
        sound.extend([0.4; 3]); // goes on, quietly
        sound.extend([0.1; 30]); // a pause
        sound.extend([0.9; 2]); // a click
        sound.extend([0.1; 30]);
        sound.extend([0.9; 10]); // to the end
        assert_eq!(frames(&split(&sound)), [(16, 42), (96, 110)]);
    }

    #[test]
    fn who_never_pauses_is_cut_off() {
        let stretches = split(&[0.9; 2_000]);
        assert_eq!(frames(&stretches), [(0, 929), (929, 1858), (1858, 2000)]);
        let cut: Vec<bool> = stretches.iter().map(|stretch| stretch.cut).collect();
        assert_eq!(cut, [true, true, false]);
    }

    proptest! {
        #[test]
        fn stretches_hold_all_speech_once_and_are_short(
            runs in prop::collection::vec((0.0_f32..1.0, 1_usize..400), 0..40)
        ) {
            let sound: Vec<f32> = runs
                .iter()
                .flat_map(|(probability, frames)| vec![*probability; *frames])
                .collect();
            let stretches = split(&sound);
            let mut before = 0;
            for stretch in &stretches {
                prop_assert!(before <= stretch.from && stretch.from < stretch.to);
                prop_assert!(stretch.to <= (sound.len() * FRAME_SAMPLES) as u64);
                prop_assert!(stretch.to - stretch.from <= u64::from(30 * RATE_HZ));
                before = stretch.to;
            }
            // Long speech lies inside, whatever is around it.
            let mut at = 0;
            for (probability, frames) in runs {
                if probability >= SPEECH_MIN && frames as u64 >= VOICE_MIN_FRAMES {
                    for frame in at..at + frames {
                        let sample = (frame * FRAME_SAMPLES) as u64;
                        prop_assert!(stretches.iter().any(|s| s.from <= sample && sample < s.to));
                    }
                }
                at += frames;
            }
        }
    }
}
