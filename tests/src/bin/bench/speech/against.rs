//! The pipeline against whisper.cpp alone: the same file, model, threads and decoding settings.
//!
//! The pipeline is what the daemon runs: the file decoded, voice told from the rest, windows
//! heard, what was heard cleaned. whisper.cpp alone is one `full()` over the same samples, which
//! it cuts into windows of 30 s by itself. Both take a single segment of each window: where
//! whisper.cpp goes back to its last time token instead it hears more windows, and would make
//! the pipeline look better than it is.
//!
//! Random weights say nothing, so each window is a fixed number of tokens and is tried once: as
//! many as half a minute of speech has. A window of the pipeline is shorter than 30 s and costs
//! the same, so that the ratio is the dearer for it. A real recogniser runs as it does every
//! day, second tries and all.
//!
//! One thread, and the processor's time and not the clock's: other programs do not count.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hippo_config::Limits;
use hippo_extractors::infer::InferError;
use hippo_extractors::infer::speech::{
    Heard, Options, Recogniser, Session, Silero, SpeechError, Voice, Whisper,
};
use hippo_extractors::parse::{Engines, Input, Output, extract};
use hippo_extractors::{Segment, Wants};
use hippo_tests::proc;

/// Tokens of half a minute of talk: 160 words a minute, 1.25 tokens a word.
const TOKENS: i32 = 100;
/// How often both are run.
const ROUNDS: usize = 2;
/// What a worker sends at once: 10 s.
const CHUNK: usize = 160_000;

/// Processor time of both.
pub(super) struct Times {
    pub(super) alone: Duration,
    pub(super) pipeline: Duration,
    /// Of the pipeline's: decoding the file, and telling voice from the rest.
    pub(super) decoding: Duration,
    pub(super) voice: Duration,
    /// Windows that the pipeline heard; alone it is one for every 30 s.
    pub(super) windows: usize,
}

impl Times {
    pub(super) fn ratio(&self) -> f64 {
        self.pipeline.as_secs_f64() / self.alone.as_secs_f64()
    }
}

/// A recogniser for timing; `random` are weights that never come to an end.
pub(super) fn open(whisper: &Path, random: bool) -> Whisper {
    let options = Options {
        threads: 1,
        max_text_ctx: Some(0),
        languages: Vec::new(),
    };
    let model = Whisper::open(whisper, options).unwrap();
    if random {
        model.for_timing(TOKENS)
    } else {
        model
    }
}

/// Runs both over a file, in turn, and takes the least of each: a processor that is shared with
/// other machines takes up to a sixth more now and then.
pub(super) fn measure(model: &Whisper, silero: &Path, path: &Path) -> Times {
    let (sound, decoding) = timed(|| decode(path));
    let floats: Vec<f32> = sound.iter().map(|s| f32::from(*s) / 32_768.0).collect();
    let mut least = Times {
        alone: Duration::MAX,
        pipeline: Duration::MAX,
        decoding,
        voice: Duration::MAX,
        windows: 0,
    };
    for _ in 0..ROUNDS {
        let mut voice = Watched::new(Silero::open(silero).unwrap());
        let mut ears = Watched::new(model.listener(Arc::default()).unwrap());
        let ((), hearing) = timed(|| {
            let mut session = Session::new(&mut voice, &mut ears);
            for chunk in sound.chunks(CHUNK) {
                session.push(chunk).unwrap();
            }
            session.finish().unwrap();
        });
        let ((), alone) = timed(|| {
            let mut bare = model.listener(Arc::default()).unwrap();
            bare.bare(&floats).unwrap();
        });
        least.alone = least.alone.min(alone);
        least.pipeline = least.pipeline.min(decoding + hearing);
        least.voice = least.voice.min(voice.took);
        least.windows = ears.calls;
    }
    least
}

/// A part of the pipeline whose calls are counted.
struct Watched<T> {
    part: T,
    calls: usize,
    took: Duration,
}

impl<T> Watched<T> {
    fn new(part: T) -> Watched<T> {
        Watched {
            part,
            calls: 0,
            took: Duration::ZERO,
        }
    }

    fn watch<R>(&mut self, call: impl FnOnce(&mut T) -> R) -> R {
        let (done, took) = timed(|| call(&mut self.part));
        self.calls += 1;
        self.took += took;
        done
    }
}

impl<V: Voice> Voice for &mut Watched<V> {
    fn probabilities(&mut self, samples: &[f32]) -> Result<Vec<f32>, InferError> {
        self.watch(|voice| voice.probabilities(samples))
    }
}

impl<R: Recogniser> Recogniser for &mut Watched<R> {
    fn hear(&mut self, window: &[f32], lang: Option<&str>) -> Result<Heard, SpeechError> {
        self.watch(|ears| ears.hear(window, lang))
    }
}

/// What a piece of work took of the processor.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = proc::cpu_ticks(std::process::id());
    let done = work();
    let ticks = proc::cpu_ticks(std::process::id()) - begun;
    let took = Duration::from_millis(ticks * 1_000 / proc::TICKS_PER_S);
    (done, took)
}

#[derive(Default)]
struct Kept(Vec<i16>);

impl Output for Kept {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}
    fn segment(&mut self, _: Segment) -> io::Result<()> {
        Ok(())
    }
    fn sound(&mut self, samples: &[i16]) -> io::Result<()> {
        self.0.extend_from_slice(samples);
        Ok(())
    }
}

/// A recording's sound at 16 kHz.
pub(super) fn decode(path: &Path) -> Vec<i16> {
    let file = File::open(path).unwrap();
    let input = Input {
        size: file.metadata().unwrap().len(),
        file: &file,
        name: &path.file_name().unwrap().to_string_lossy(),
        wants: &Wants {
            sound: true,
            ..Wants::default()
        },
    };
    let mut kept = Kept::default();
    extract(&Engines::load(None), &input, &Limits::default(), &mut kept).unwrap();
    kept.0
}
