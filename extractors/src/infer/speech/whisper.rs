//! Whisper, as whisper.cpp runs it.
//!
//! A window goes through the encoder once and comes back as one run of tokens. Its time
//! tokens are read here, because whisper.cpp 1.8.3 lets a segment begin where the one before
//! ended, early by the pause between them.
//!
//! Whisper's language detection costs another run of the encoder. So a window is heard in the
//! language of the one before, and then asked, from what the encoder has already made of it,
//! which language it was; only where that was wrong is it heard again.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError,
    WhisperSegment, WhisperState, WhisperTokenId,
};

use super::{Heard, RATE_HZ, Recogniser, Said, SpeechError};
use crate::infer::InferError;

/// Candidates at a temperature above zero, as whisper.cpp has it.
const BEST_OF: i32 = 5;
/// Whisper's own thresholds: text that repeats itself, that it is not sure of, that is none.
const ENTROPY_MIN: f32 = 2.4;
const LOGPROB_MIN: f32 = -1.0;
const NO_SPEECH_MAX: f32 = 0.6;
/// A time token stands for 20 ms, a timestamp for 10 ms.
const TOKEN_MS: i64 = 20;
const TICK_MS: i64 = 10;
/// Another language must be this likely before a window is heard again in it.
const OTHER_LANG_MIN: f32 = 0.6;
/// A second language that is this likely may have a part of the window for itself.
const MIXED_MIN: f32 = 0.25;
/// whisper.cpp answers nothing to less than 100 ms of sound.
const WINDOW_MIN_SAMPLES: usize = RATE_HZ as usize / 10 + 160;

/// How a model is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that it computes with.
    pub threads: usize,
    /// Tokens of earlier text that it is reminded of, at most; none leaves it to the model.
    /// Text that is carried over feeds loops: 0 is right for small models.
    pub max_text_ctx: Option<i32>,
    /// The languages that may be spoken, as ISO 639-1 codes; empty for all that it knows.
    pub languages: Vec<String>,
}

/// A model in memory. Any number of sessions may listen with it.
pub struct Whisper {
    context: WhisperContext,
    id: String,
    options: Options,
    /// The languages that it tells apart; empty where it knows English alone.
    languages: Vec<Language>,
    /// Tokens of every window, for timing.
    tokens: Option<i32>,
}

#[derive(Clone, Copy)]
struct Language {
    code: &'static str,
    token: WhisperTokenId,
}

/// Sends what whisper.cpp and ggml print to nowhere: errors come back as such.
pub(super) fn quieten() {
    whisper_rs::install_logging_hooks();
}

impl Whisper {
    /// Opens a model (a ggml file).
    pub fn open(file: &Path, options: Options) -> Result<Whisper, InferError> {
        quieten();
        let refuse = |reason: String| InferError::model(file, reason);
        if !file.is_file() {
            return Err(refuse("there is no speech model here".to_owned()));
        }
        let mut params = WhisperContextParameters::new();
        params.use_gpu(false).flash_attn(true);
        let context = WhisperContext::new_with_params(file, params).map_err(|error| {
            refuse(format!(
                "it is no speech model that whisper.cpp can read: {error}"
            ))
        })?;
        let languages = languages(&context, &options.languages);
        if context.is_multilingual() && languages.is_empty() {
            return Err(refuse(format!(
                "it knows none of the languages that it is to hear: {}",
                options.languages.join(", ")
            )));
        }
        Ok(Whisper {
            context,
            id: file.display().to_string(),
            options,
            languages,
            tokens: None,
        })
    }

    /// The same for timing: a window is at most so many tokens and is never tried again at a
    /// higher temperature. Random weights, which never come to an end, then do the same work
    /// in every window.
    #[must_use]
    pub fn for_timing(self, tokens: i32) -> Whisper {
        Whisper {
            tokens: Some(tokens),
            ..self
        }
    }

    /// Whether it knows more than English.
    pub fn is_multilingual(&self) -> bool {
        !self.languages.is_empty()
    }

    /// Somebody who listens with it, to one file. While `stop` is set it stops within one
    /// run of its encoder: half a second for a small model, the longer the larger it is.
    pub fn listener(&self, stop: Arc<AtomicBool>) -> Result<Listener<'_>, InferError> {
        let state = self
            .context
            .create_state()
            .map_err(|error| InferError::Run {
                model: self.id.clone(),
                reason: format!("there is no memory for it: {error}"),
            })?;
        Ok(Listener {
            model: self,
            state,
            stop,
        })
    }
}

/// The languages of a multilingual model, those that are wished for.
fn languages(context: &WhisperContext, wished: &[String]) -> Vec<Language> {
    if !context.is_multilingual() {
        return Vec::new();
    }
    // Their tokens stand between "start of transcript" and "translate", more of them in
    // later models.
    let count = context.token_translate() - context.token_sot() - 1;
    (0..count)
        .filter_map(|id| {
            let code = whisper_rs::get_lang_str(id)?;
            let wanted = wished.is_empty() || wished.iter().any(|wish| wish == code);
            wanted.then(|| Language {
                code,
                token: context.token_lang(id),
            })
        })
        .collect()
}

/// A model that listens to one file.
pub struct Listener<'m> {
    model: &'m Whisper,
    state: WhisperState,
    stop: Arc<AtomicBool>,
}

/// What whisper.cpp asks between two steps.
unsafe extern "C" fn is_stopped(stop: *mut c_void) -> bool {
    // SAFETY: `run` passes a pointer to the listener's flag, which outlives the call that asks.
    let stop = unsafe { &*stop.cast::<AtomicBool>() };
    stop.load(Ordering::Relaxed)
}

impl Listener<'_> {
    /// whisper.cpp alone, with a session's settings, over a whole file, which it cuts into
    /// windows by itself: what a session is measured against. How many segments it gives.
    pub fn bare(&mut self, samples: &[f32]) -> Result<usize, SpeechError> {
        let lang = (!self.model.is_multilingual()).then_some("en");
        self.run(samples, lang)?;
        Ok(self.state.full_n_segments().unsigned_abs() as usize)
    }

    /// One run over a window, in a language or in the one that it detects. Each window is a
    /// single segment: otherwise it is cut short at its last time token.
    fn run(&mut self, window: &[f32], lang: Option<&str>) -> Result<(), SpeechError> {
        let options = &self.model.options;
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: BEST_OF });
        params.set_n_threads(options.threads.max(1) as i32);
        if let Some(max) = options.max_text_ctx {
            params.set_n_max_text_ctx(max);
        }
        // Windows follow each other: text may be carried over, within the bound above.
        params.set_no_context(false);
        params.set_language(lang);
        params.set_translate(false);
        params.set_single_segment(true);
        params.set_suppress_blank(true);
        params.set_entropy_thold(ENTROPY_MIN);
        params.set_logprob_thold(LOGPROB_MIN);
        params.set_no_speech_thold(NO_SPEECH_MAX);
        if let Some(tokens) = self.model.tokens {
            params.set_max_tokens(tokens);
            params.set_temperature_inc(0.0);
        }
        params.set_print_special(false);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        // SAFETY: the function only reads an atomic through the pointer, which is good for as
        // long as `self` is, and whisper.cpp does not keep either after the run.
        unsafe {
            params.set_abort_callback(Some(is_stopped));
            params.set_abort_callback_user_data(Arc::as_ptr(&self.stop).cast_mut().cast());
        }
        let ended = self.state.full(params, window);
        if self.stop.load(Ordering::Relaxed) {
            return Err(SpeechError::Stopped);
        }
        ended.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &WhisperError) -> SpeechError {
        SpeechError::Model(InferError::Run {
            model: self.model.id.clone(),
            reason: format!("it failed to hear a window: {error}"),
        })
    }

    /// How likely the window that was just heard is in each language, most likely first.
    fn lang_of_window(&mut self) -> Result<Vec<(f32, &'static str)>, SpeechError> {
        let threads = self.model.options.threads.max(1);
        let start = [self.model.context.token_sot()];
        self.state
            .decode(&start, 0, threads)
            .map_err(|error| self.failed(&error))?;
        let logits = self
            .state
            .get_logits()
            .map_err(|error| self.failed(&error))?;
        let logit = |language: &Language| logits.get(language.token as usize).copied();
        let languages = &self.model.languages;
        let most = languages
            .iter()
            .filter_map(logit)
            .fold(f32::NEG_INFINITY, f32::max);
        let mut likely: Vec<(f32, &'static str)> = languages
            .iter()
            .filter_map(|language| Some(((logit(language)? - most).exp(), language.code)))
            .collect();
        let sum: f32 = likely.iter().map(|(weight, _)| weight).sum();
        for (weight, _) in &mut likely {
            *weight /= sum;
        }
        likely.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ok(likely)
    }

    /// What the last run heard.
    fn said(&self) -> Vec<Said> {
        let mut said = Vec::new();
        for segment in self.state.as_iter() {
            utterances(&self.model.context, &segment, &mut said);
        }
        said
    }
}

impl Recogniser for Listener<'_> {
    fn hear(&mut self, window: &[f32], lang: Option<&str>) -> Result<Heard, SpeechError> {
        let mut padded;
        let mut window = window;
        if window.len() < WINDOW_MIN_SAMPLES {
            padded = window.to_vec();
            padded.resize(WINDOW_MIN_SAMPLES, 0.0);
            window = &padded;
        }
        if !self.model.is_multilingual() {
            self.run(window, Some("en"))?;
            return Ok(Heard {
                said: self.said(),
                lang: Some("en".to_owned()),
                mixed: false,
            });
        }
        let only = match self.model.languages.as_slice() {
            [only] => Some(only.code),
            _ => None,
        };
        self.run(window, only.or(lang))?;
        let likely = self.lang_of_window()?;
        let (first, second) = (likely.first().copied(), likely.get(1).copied());
        let mut heard_as = only.or(lang).map(str::to_owned);
        if let Some((weight, code)) = first
            && only.is_none()
            && lang != Some(code)
            && (lang.is_none() || weight >= OTHER_LANG_MIN)
        {
            // Without a language to begin with whisper.cpp has detected this very one.
            if lang.is_some() || !self.model.options.languages.is_empty() {
                self.run(window, Some(code))?;
            }
            heard_as = Some(code.to_owned());
        }
        Ok(Heard {
            said: self.said(),
            lang: heard_as,
            mixed: second.is_some_and(|(weight, _)| weight >= MIXED_MIN),
        })
    }
}

/// The utterances of a segment, by its time tokens.
fn utterances(context: &WhisperContext, segment: &WhisperSegment<'_>, said: &mut Vec<Said>) {
    let (begin, end_of_text) = (context.token_beg(), context.token_eot());
    let mut open: Option<Open> = None;
    // Where this segment's clock stands; only a window that needed a second run has another.
    let mut clock_ms = None;
    for nth in 0..segment.n_tokens() {
        let Some(token) = segment.get_token(nth) else {
            continue;
        };
        let data = token.token_data();
        let clock_ms = *clock_ms.get_or_insert_with(|| {
            segment.start_timestamp() * TICK_MS - i64::from(data.tid - begin) * TOKEN_MS
        });
        let at_ms = |id: WhisperTokenId| {
            u32::try_from(clock_ms + i64::from(id - begin) * TOKEN_MS).unwrap_or(0)
        };
        if data.id >= begin {
            match open.take() {
                // An end, or a beginning after a beginning.
                Some(open) if !open.bytes.is_empty() => {
                    said.push(open.close(Some(at_ms(data.id)), segment));
                }
                _ => open = Some(Open::new(at_ms(data.id))),
            }
        } else if data.id < end_of_text {
            let start_ms = u32::try_from(segment.start_timestamp() * TICK_MS).unwrap_or(0);
            let open = open.get_or_insert_with(|| Open::new(start_ms));
            open.bytes.extend(token.to_bytes().unwrap_or_default());
            open.sure += data.p;
            open.tokens += 1;
        }
    }
    if let Some(open) = open.filter(|open| !open.bytes.is_empty()) {
        said.push(open.close(None, segment));
    }
}

/// An utterance whose end has not come yet. A character of Chinese may be split between two
/// tokens, so bytes are kept.
struct Open {
    t0_ms: u32,
    bytes: Vec<u8>,
    sure: f32,
    tokens: u32,
}

impl Open {
    fn new(t0_ms: u32) -> Open {
        Open {
            t0_ms,
            bytes: Vec::new(),
            sure: 0.0,
            tokens: 0,
        }
    }

    fn close(self, t1_ms: Option<u32>, segment: &WhisperSegment<'_>) -> Said {
        Said {
            t0_ms: self.t0_ms,
            t1_ms: t1_ms.filter(|t1_ms| *t1_ms > self.t0_ms),
            text: String::from_utf8_lossy(&self.bytes).trim().to_owned(),
            silence: segment.no_speech_probability(),
            sure: self.sure / self.tokens.max(1) as f32,
        }
    }
}
