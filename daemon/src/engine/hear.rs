//! One recording on the recogniser's own thread: chunks of sound in, utterances and checkpoints
//! into the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hippo_extractors::infer::speech::{
    Checkpoint, Loudness, RATE_HZ, Session, Silero, SpeechError, Utterance, Voice, Whisper,
};
use tokio::sync::{mpsc, oneshot};

use super::EngineError;
use super::ear::Ear;
use super::rest::{Work, rests};
use super::shared::Shared;
use crate::journal::{self, Unheard};

/// A checkpoint is kept when so much more was heard: a minute.
const CHECKPOINT_SAMPLES: u64 = 60 * RATE_HZ as u64;

/// A recording and who hears it.
#[derive(Clone)]
pub(super) struct Hearing {
    pub(super) shared: Arc<Shared>,
    pub(super) ear: Arc<Ear>,
    pub(super) file: Unheard,
    /// How long it plays, once the worker has said so.
    pub(super) total_ms: Arc<AtomicU64>,
}

/// How the thread ended.
pub(super) enum Ending {
    /// The sound is through; what was said since the last checkpoint.
    Heard(String),
    /// Another recording goes first, or nothing is to be heard now. What was heard is kept.
    GaveWay,
    /// It was told to, or the sound was cut short.
    Stopped,
    Failed(String),
}

/// Hears what comes out of `chunks`. When they end, `whole` tells whether that was the end of
/// the recording. While `stop` is set it stops within one run of the encoder.
pub(super) fn start(
    hearing: Hearing,
    whisper: Arc<Whisper>,
    chunks: mpsc::Receiver<Vec<i16>>,
    whole: oneshot::Receiver<bool>,
    stop: Arc<AtomicBool>,
) -> oneshot::Receiver<Ending> {
    let (ended, ending) = oneshot::channel();
    let listen = move || {
        give_way_to_everything();
        let result = hear(&hearing, &whisper, chunks, whole, stop);
        let _ = ended.send(result.unwrap_or_else(|error| match error {
            SpeechError::Stopped => Ending::Stopped,
            SpeechError::Model(error) => Ending::Failed(error.to_string()),
        }));
    };
    let started = std::thread::Builder::new().name("speech".into());
    if let Err(error) = started.spawn(listen) {
        // The sender is gone with the closure: the receiver says so.
        tracing::error!(%error, "no thread for the recogniser");
    }
    ending
}

/// Priorities are a thread's own on Linux, and those that it starts inherit them.
fn give_way_to_everything() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
}

fn hear(
    hearing: &Hearing,
    whisper: &Whisper,
    mut chunks: mpsc::Receiver<Vec<i16>>,
    whole: oneshot::Receiver<bool>,
    stop: Arc<AtomicBool>,
) -> Result<Ending, SpeechError> {
    let voice: Box<dyn Voice> = match &hearing.ear.voice {
        Some(file) => Box::new(Silero::open(file)?),
        None => Box::new(Loudness),
    };
    let from = hearing.resume().map_err(|error| failed(&error))?;
    let mut session = Session::resume(voice, whisper.listener(stop)?, &from);
    let mut kept = from.samples_done;
    if kept > 0 {
        let (path, from_s) = (hearing.file.path.display(), kept / u64::from(RATE_HZ));
        tracing::info!(%path, from_s, "hearing goes on");
    }
    let (mut at, mut said) = (0, Vec::new());
    while let Some(chunk) = chunks.blocking_recv() {
        // The worker decodes from the start: what is done is passed over.
        let done = from.samples_done.saturating_sub(at).min(chunk.len() as u64) as usize;
        at += chunk.len() as u64;
        said.extend(session.push(&chunk[done..])?);
        let checkpoint = session.checkpoint();
        if checkpoint.samples_done >= kept + CHECKPOINT_SAMPLES {
            hearing
                .keep(&checkpoint, &said)
                .map_err(|error| failed(&error))?;
            kept = checkpoint.samples_done;
            said.clear();
            if hearing.gives_way().map_err(|error| failed(&error))? {
                return Ok(Ending::GaveWay);
            }
        }
        // How far it was heard, not how far it was decoded; and only now, so that what is shown
        // is never further from what is kept than a checkpoint.
        hearing.note(checkpoint.samples_done);
    }
    if whole.blocking_recv() != Ok(true) {
        return Ok(Ending::Stopped);
    }
    said.extend(session.finish()?);
    Ok(Ending::Heard(in_lines(&said)))
}

impl Hearing {
    fn resume(&self) -> journal::Result<Checkpoint> {
        let known = self
            .shared
            .journal
            .hearing(&self.file.content, &self.ear.id)?;
        let checkpoint = known.and_then(|known| serde_json::from_str(&known.checkpoint).ok());
        Ok(checkpoint.unwrap_or_default())
    }

    fn note(&self, samples: u64) {
        let done_ms = samples * 1_000 / u64::from(RATE_HZ);
        let total_ms = self.total_ms.load(Ordering::Relaxed).max(done_ms);
        let file = &self.file;
        self.shared
            .note(file.id, &file.path, "listening", done_ms, total_ms);
    }

    fn keep(&self, checkpoint: &Checkpoint, said: &[Utterance]) -> journal::Result<()> {
        let checkpoint = serde_json::to_string(checkpoint).unwrap_or_default();
        let journal = &self.shared.journal;
        let (content, model) = (&self.file.content, &self.ear.id);
        journal.keep_hearing(content, model, &checkpoint, &in_lines(said))
    }

    /// Whether another recording is to be heard before this one, or by another recogniser, or none.
    fn gives_way(&self) -> Result<bool, EngineError> {
        if rests(&self.shared, Work::Bulk).is_some() {
            return Ok(true);
        }
        let listening = &self.shared.listening;
        if listening.ear().is_none_or(|ear| ear.id != self.ear.id) {
            return Ok(true);
        }
        let next = listening.next(&self.shared.journal, &self.ear)?;
        Ok(next.is_some_and(|next| next.content != self.file.content))
    }
}

fn failed(error: &impl std::fmt::Display) -> SpeechError {
    tracing::error!(%error, "what was heard could not be kept");
    SpeechError::Stopped
}

/// Utterances as the journal keeps them.
fn in_lines(said: &[Utterance]) -> String {
    let lines = said
        .iter()
        .filter_map(|said| serde_json::to_string(said).ok());
    lines.map(|line| line + "\n").collect()
}

/// The same, read again.
pub(super) fn from_lines(said: &str) -> Vec<Utterance> {
    let lines = said.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
