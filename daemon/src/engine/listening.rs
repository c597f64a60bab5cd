//! Recordings are heard in the background, one at a time, beside everything else.
//!
//! A recording is read twice. At first it is a file like any other: its tags are read and it can
//! be found by them at once. Then this task has a worker decode its sound, and a recogniser on a
//! thread of its own ([`hear`](super::hear)) makes utterances of it; when it is through, the
//! file is queued, and its next reading takes what was said into its rows (`job`).
//!
//! What it promises:
//! - A note, a picture and a long PDF never wait for it: it has a worker's seat of its own, and
//!   its threads give way to everything else on the machine.
//! - A crash costs what was heard since the last checkpoint: a minute of sound, or what the
//!   recogniser holds back in the middle of a long talk, never more than five.
//! - A recording that changed a moment ago goes first, then short before long; a long one gives
//!   way at its next checkpoint and goes on from there.
//! - What was heard belongs to the bytes: moving, copying and another embedding model cost no
//!   second hearing; another recogniser does, and the old words answer until it is through.
//! - While background work rests ([`rest`](super::rest)), so does this, from the next checkpoint on.
//! - A recording that cannot be opened (its drive is away) holds up no other, and one that ended
//!   hippo is known by it.
//! - Without a speech model nothing is done, and nothing wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hippo_extractors::infer::speech::Whisper;
use tokio::sync::{mpsc, oneshot};

use super::bytes::{hash, open_for_reading};
use super::driver::Event;
use super::ear::Ear;
use super::embedder::REOPEN_AFTER;
use super::hear::{self, Ending, Hearing};
use super::rest::{Work, rests};
use super::shared::{Next, Shared, after, blocking, lock};
use super::{EngineError, ffmpeg, heap};
use crate::journal::{MAX_INTERRUPTIONS, Unheard};
use crate::worker::{Outcome, Progress};

/// Chunks of sound (10 s each) between the worker and the recogniser.
const CHUNKS_AHEAD: usize = 3;

/// The disk is looked at again after so long while it is full, and a recording that could not
/// be tried is tried again.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

pub(super) async fn run(shared: Arc<Shared>) {
    let mut pulse = shared.pulse.subscribe();
    let mut shutdown = shared.shutdown.subscribe();
    let mut pause = shared.pause.subscribe();
    let mut loaded = None;
    while !*shutdown.borrow() {
        pulse.mark_unchanged();
        pause.mark_unchanged();
        let next = step(&shared, &mut loaded).await;
        let next = next.unwrap_or_else(|error| {
            tracing::warn!(%error, "hearing failed; it is tried again");
            Next::Time(AFTER_TROUBLE)
        });
        let time = match next {
            Next::More => continue,
            Next::Change => None,
            Next::Time(time) => Some(time),
        };
        // Nobody needs the model now.
        if loaded.take().is_some() {
            heap::trim();
        }
        tokio::select! {
            changed = pulse.changed(), if time.is_none() => if changed.is_err() { return },
            _ = pause.changed() => {}
            () = after(time) => {}
            _ = shutdown.wait_for(|down| *down) => return,
        }
    }
}

/// A recogniser in memory, and whose it is.
type Loaded = Option<(String, Arc<Whisper>)>;

/// One recording, or the reason why there is nothing to do.
async fn step(shared: &Arc<Shared>, loaded: &mut Loaded) -> Result<Next, EngineError> {
    let Some(ear) = shared.listening.ear() else {
        return Ok(Next::Change);
    };
    if lock(&shared.paused).is_some() {
        return Ok(Next::Time(AFTER_TROUBLE));
    }
    let (looking, listener) = (Arc::clone(shared), Arc::clone(&ear));
    let next = blocking(move || looking.listening.next(&looking.journal, &listener));
    let Some(file) = next.await? else {
        return Ok(Next::Change);
    };
    if let Some(rest) = rests(shared, Work::Bulk) {
        return Ok(rest.next());
    }
    let whisper = match loaded {
        Some((id, whisper)) if *id == ear.id => Arc::clone(whisper),
        _ => match ear.open().await {
            Ok(whisper) => {
                shared.listening.failed(None);
                Arc::clone(&loaded.insert((ear.id.clone(), whisper)).1)
            }
            Err(reason) => return Ok(rest(shared, &ear, reason)),
        },
    };
    let (id, content) = (file.id, file.content);
    let ended = listen(shared, &ear, whisper, file).await?;
    lock(&shared.at_work).remove(&id);
    if matches!(ended, Ended::GaveWay | Ended::CutShort | Ended::Failed(_)) {
        let (journaling, model) = (Arc::clone(shared), ear.id.clone());
        blocking(move || Ok(journaling.journal.lay_down_hearing(&content, &model)?)).await?;
    }
    Ok(match ended {
        Ended::Heard => {
            shared.refresh();
            let _ = shared.driver.send(Event::Queued).await;
            Next::More
        }
        Ended::GaveWay => Next::More,
        Ended::Changed => {
            shared.listening.pass_over(id);
            // Who waits need not wait for it.
            shared.refresh();
            Next::More
        }
        Ended::CutShort => Next::Time(AFTER_TROUBLE),
        Ended::Failed(reason) => rest(shared, &ear, reason),
        Ended::Crashed => rest(shared, &ear, "its thread crashed".to_owned()),
    })
}

fn rest(shared: &Shared, ear: &Ear, reason: String) -> Next {
    tracing::warn!(model = ear.name, reason, "the recogniser failed");
    shared.listening.failed(Some(reason));
    Next::Time(REOPEN_AFTER)
}

/// How one attempt at a recording ended.
enum Ended {
    /// It was heard, as far as it goes.
    Heard,
    /// Another one goes first.
    GaveWay,
    /// It is not what the journal says.
    Changed,
    /// No worker, or hippo ends.
    CutShort,
    /// The recogniser failed.
    Failed(String),
    /// It took its thread with it: the recording counts as one that does that.
    Crashed,
}

/// Has a worker decode and the recogniser listen, until one of them is through.
async fn listen(
    shared: &Arc<Shared>,
    ear: &Arc<Ear>,
    whisper: Arc<Whisper>,
    file: Unheard,
) -> Result<Ended, EngineError> {
    let Ok((opened, stat)) = open_for_reading(&file.path) else {
        return Ok(Ended::Changed);
    };
    shared.note(file.id, &file.path, "hashing", 0, stat.len());
    let opened = match hash(opened).await {
        Ok((opened, found)) if found == file.content => opened,
        _ => return Ok(Ended::Changed),
    };
    let hearing = Hearing {
        shared: Arc::clone(shared),
        ear: Arc::clone(ear),
        file,
        total_ms: Arc::new(AtomicU64::new(0)),
    };
    // The recogniser is a library in this process: should it end us, the culprit is known.
    let begun = hearing.begin().await?;
    if begun > MAX_INTERRUPTIONS {
        let reason = format!("hippo died {MAX_INTERRUPTIONS} times while it heard this");
        return hearing.end(String::new(), Some(reason)).await;
    }
    let name = hearing.file.path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let (sound, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let announced = Arc::clone(&hearing.total_ms);
    let decoding = async {
        let plain = match ffmpeg::plain(shared, &name, opened, stat.len()).await {
            Ok(plain) => plain,
            Err(outcome) => return outcome,
        };
        let progress = move |progress: Progress| {
            announced.store(progress.total, Ordering::Relaxed);
        };
        let (pool, name) = (&shared.pool, name.clone());
        pool.listen(plain.file, name, plain.size, sound, progress)
            .await
    };
    together(hearing, whisper, chunks, decoding).await
}

impl Hearing {
    async fn begin(&self) -> Result<u32, EngineError> {
        let (shared, model) = (Arc::clone(&self.shared), self.ear.id.clone());
        let content = self.file.content;
        blocking(move || Ok(shared.journal.begin_hearing(&content, &model)?)).await
    }

    /// There is no more to be heard, for this reason if it is not all.
    async fn end(self, said: String, reason: Option<String>) -> Result<Ended, EngineError> {
        let (path, model) = (self.file.path.display(), self.ear.name.as_str());
        tracing::info!(%path, model, reason, "heard");
        blocking(move || {
            let (content, model) = (&self.file.content, &self.ear.id);
            let journal = &self.shared.journal;
            Ok(journal.end_hearing(content, model, &said, reason.as_deref())?)
        })
        .await?;
        Ok(Ended::Heard)
    }
}

/// Runs worker and recogniser side by side.
async fn together(
    hearing: Hearing,
    whisper: Arc<Whisper>,
    chunks: mpsc::Receiver<Vec<i16>>,
    decoding: impl Future<Output = Outcome>,
) -> Result<Ended, EngineError> {
    let mut shutdown = hearing.shared.shutdown.subscribe();
    let (decoded, whole) = oneshot::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let (mine, halt) = (hearing.clone(), Arc::clone(&stop));
    let mut thread = hear::start(mine, whisper, chunks, whole, halt);
    let outcome = tokio::select! {
        outcome = decoding => Some(outcome),
        // Dropping the decoding ends its worker.
        ended = &mut thread => return Ok(told(ended)),
        _ = shutdown.wait_for(|down| *down) => None,
    };
    // None: it is to be tried again. Else: why there is no more sound, if not for its end.
    let reason = match outcome {
        Some(Outcome::Done(_)) => Some(None),
        Some(Outcome::Refused(refusal)) => Some(Some(refusal.reason)),
        Some(Outcome::Died { reason, .. }) => Some(Some(reason)),
        Some(Outcome::Unavailable { .. }) | None => None,
    };
    let _ = decoded.send(reason.is_some());
    let ended = tokio::select! {
        ended = &mut thread => Some(ended),
        _ = shutdown.wait_for(|down| *down) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        stop.store(true, Ordering::Relaxed);
        thread.await
    };
    match (ended, reason) {
        (Ok(Ending::Heard(said)), Some(reason)) => hearing.end(said, reason).await,
        (ended, _) => Ok(told(ended)),
    }
}

/// What it means that the thread has ended before the sound has.
fn told(ended: Result<Ending, oneshot::error::RecvError>) -> Ended {
    match ended {
        Ok(Ending::GaveWay) => Ended::GaveWay,
        Ok(Ending::Failed(reason)) => Ended::Failed(reason),
        Ok(Ending::Heard(_) | Ending::Stopped) => Ended::CutShort,
        Err(_) => Ended::Crashed,
    }
}
