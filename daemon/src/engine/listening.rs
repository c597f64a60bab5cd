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
//! - Without a speech model nothing is done, and nothing wakes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hippo_config::{Manifest, ModelSettings, Paths, Registry, Role, Settings};
use hippo_extractors::infer::speech::Whisper;
use tokio::sync::{mpsc, oneshot, watch};

use super::EngineError;
use super::driver::Event;
use super::embedder::REOPEN_AFTER;
use super::hear::{self, Ear, Ending, FRESH_MS, Hearing};
use super::job::{hash, open_for_reading};
use super::shared::{Shared, blocking, lock};
use crate::journal::{Unheard, now_ms};
use crate::worker::Outcome;

/// Chunks of sound (10 s each) between the worker and the recogniser.
const CHUNKS_AHEAD: usize = 3;

/// The disk is looked at again after so long while it is full, and a recording that could not
/// be tried is tried again.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// A recogniser that is chosen, or its name and why it cannot be used.
type Chosen = Result<Arc<Ear>, (String, String)>;

/// The recogniser that is chosen, and what it is at.
#[derive(Default)]
pub(super) struct Listening {
    ear: RwLock<Option<Chosen>>,
    /// Why the recogniser failed when it was last tried.
    failure: Mutex<Option<String>>,
}

impl Listening {
    /// Looks who is to listen, by the settings and by what lies in the models' folders.
    pub(super) fn choose(&self, paths: &Paths, settings: &Settings) {
        let registry = Registry::load(paths);
        let name = registry.choice(&settings.models, Role::Speech);
        let ear = name.map(|choice| {
            let ear = find(paths, &choice.name, Role::Speech).and_then(|(dir, manifest)| {
                let speech = manifest.speech.as_ref();
                let speech = speech.ok_or("its manifest names no recogniser")?;
                let voice = registry.choice(&settings.models, Role::Voice);
                let voice = voice.and_then(|v| find(paths, &v.name, Role::Voice).ok());
                let voice = voice.and_then(|(dir, m)| Some(dir.join(m.voice?.file)));
                Ok(Arc::new(Ear {
                    id: manifest.id(),
                    name: choice.name.clone(),
                    file: dir.join(&speech.file),
                    voice,
                    threads: threads(&settings.models),
                    max_text_ctx: speech.max_text_ctx,
                }))
            });
            ear.map_err(|reason| (choice.name, reason))
        });
        *self.ear.write().unwrap_or_else(PoisonError::into_inner) = ear;
        *lock(&self.failure) = None;
    }

    /// Who listens; none without a model that is there.
    pub(super) fn ear(&self) -> Option<Arc<Ear>> {
        let ear = self.ear.read().unwrap_or_else(PoisonError::into_inner);
        ear.as_ref()?.as_ref().ok().cloned()
    }

    /// The name of the recogniser that is wanted, and why it cannot be used, if it cannot.
    pub(super) fn wanted(&self) -> Option<(String, Option<String>)> {
        let ear = self.ear.read().unwrap_or_else(PoisonError::into_inner);
        Some(match ear.as_ref()? {
            Ok(ear) => (ear.name.clone(), lock(&self.failure).clone()),
            Err((name, reason)) => (name.clone(), Some(reason.clone())),
        })
    }
}

/// Threads for the recogniser: half of the cores where the settings leave it open. whisper.cpp's
/// threads wait for each other by spinning, so one that does not get its core holds up them all.
fn threads(settings: &ModelSettings) -> usize {
    match settings.threads {
        0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
        n => n,
    }
}

/// A model's folder and manifest, if it is whole and of this role.
fn find(paths: &Paths, name: &str, role: Role) -> Result<(std::path::PathBuf, Manifest), String> {
    let dir = paths.find_model(name);
    let dir = dir.ok_or_else(|| format!("{name} is not here: `hippo models pull {name}`"))?;
    let manifest = Manifest::load(&dir).map_err(|error| error.to_string())?;
    if manifest.role != role {
        let (is, wanted) = (manifest.role.as_str(), role.as_str());
        return Err(format!("{name} is a model of the role {is}, not {wanted}"));
    }
    if let Some(missing) = manifest.missing(&dir).first() {
        return Err(format!("{name} lacks its file {}", missing.name));
    }
    Ok((dir, manifest))
}

/// What is to be waited for before the next recording.
enum Next {
    /// Nothing: there may be more.
    More,
    /// Something changes.
    Change,
    /// That, or so much time.
    Time(Duration),
}

pub(super) async fn run(shared: Arc<Shared>) {
    let mut pulse = shared.pulse.subscribe();
    let mut shutdown = shared.shutdown.subscribe();
    let mut loaded = None;
    // Files that were not as the journal has them: the watcher tells of them sooner or later.
    let mut odd: HashMap<u64, [u8; 32]> = HashMap::new();
    while !*shutdown.borrow() {
        pulse.mark_unchanged();
        let next = step(&shared, &mut loaded, &mut odd).await;
        let time = match next {
            Ok(Next::More) => continue,
            Ok(Next::Change) => None,
            Ok(Next::Time(time)) => Some(time),
            Err(error) => {
                tracing::warn!(%error, "hearing failed; it is tried again");
                Some(AFTER_TROUBLE)
            }
        };
        // Nobody needs the model now.
        loaded = None;
        tokio::select! {
            changed = pulse.changed(), if time.is_none() => if changed.is_err() { return },
            () = after(time) => {}
            _ = shutdown.wait_for(|down| *down) => return,
        }
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

type Loaded = Option<(String, Arc<Whisper>)>;

/// One recording, or the reason why there is nothing to do.
async fn step(
    shared: &Arc<Shared>,
    loaded: &mut Loaded,
    odd: &mut HashMap<u64, [u8; 32]>,
) -> Result<Next, EngineError> {
    let (looking, forgetting) = (Arc::clone(shared), Arc::clone(shared));
    blocking(move || Ok(forgetting.journal.forget_unowned_hearings()?)).await?;
    let Some(ear) = shared.listening.ear() else {
        return Ok(Next::Change);
    };
    if lock(&shared.paused).is_some() {
        return Ok(Next::Time(AFTER_TROUBLE));
    }
    let model = ear.id.clone();
    let next = blocking(move || Ok(looking.journal.next_unheard(&model, now_ms() - FRESH_MS)?));
    let Some(file) = next.await? else {
        return Ok(Next::Change);
    };
    if odd.get(&file.id) == Some(&file.content) {
        return Ok(Next::Time(AFTER_TROUBLE));
    }
    let whisper = match loaded {
        Some((id, whisper)) if *id == ear.id => Arc::clone(whisper),
        _ => match open(&ear).await {
            Ok(whisper) => {
                *lock(&shared.listening.failure) = None;
                Arc::clone(&loaded.insert((ear.id.clone(), whisper)).1)
            }
            Err(reason) => return Ok(rest(shared, &ear, reason)),
        },
    };
    let (id, content) = (file.id, file.content);
    let ended = listen(shared, &ear, whisper, file).await?;
    lock(&shared.at_work).remove(&id);
    Ok(match ended {
        Ended::Heard => {
            odd.remove(&id);
            shared.refresh();
            let _ = shared.driver.send(Event::Queued).await;
            Next::More
        }
        Ended::GaveWay => Next::More,
        Ended::Changed => {
            odd.insert(id, content);
            Next::Time(AFTER_TROUBLE)
        }
        Ended::CutShort => Next::Time(AFTER_TROUBLE),
        Ended::Failed(reason) => rest(shared, &ear, reason),
    })
}

async fn open(ear: &Arc<Ear>) -> Result<Arc<Whisper>, String> {
    let ear = Arc::clone(ear);
    let opened = tokio::task::spawn_blocking(move || hear::open(&ear)).await;
    let opened = opened.map_err(|panic| panic.to_string())?;
    opened.map(Arc::new).map_err(|error| error.to_string())
}

fn rest(shared: &Shared, ear: &Ear, reason: String) -> Next {
    tracing::warn!(model = ear.name, reason, "the recogniser failed");
    *lock(&shared.listening.failure) = Some(reason);
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
    match hash(opened).await {
        Ok((opened, found)) if found == file.content => {
            let name = file.path.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            let (sound, chunks) = mpsc::channel(CHUNKS_AHEAD);
            let total_ms = Arc::new(AtomicU64::new(0));
            let announced = Arc::clone(&total_ms);
            let decoding = shared
                .pool
                .listen(opened, name, stat.len(), sound, move |progress| {
                    announced.store(progress.total, Ordering::Relaxed);
                });
            let hearing = Hearing {
                shared: Arc::clone(shared),
                ear: Arc::clone(ear),
                file,
                total_ms,
            };
            together(shared, hearing, whisper, chunks, decoding).await
        }
        _ => Ok(Ended::Changed),
    }
}

async fn together(
    shared: &Arc<Shared>,
    hearing: Hearing,
    whisper: Arc<Whisper>,
    chunks: mpsc::Receiver<Vec<i16>>,
    decoding: impl Future<Output = Outcome>,
) -> Result<Ended, EngineError> {
    let (path, content) = (hearing.file.path.clone(), hearing.file.content);
    let model = hearing.ear.id.clone();
    let (decoded, whole) = oneshot::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let mut thread = hear::start(hearing, whisper, chunks, whole, Arc::clone(&stop));
    let mut shutdown: watch::Receiver<bool> = shared.shutdown.subscribe();
    let outcome = tokio::select! {
        outcome = decoding => Some(outcome),
        // Dropping the decoding ends its worker.
        ended = &mut thread => return Ok(told(ended)),
        _ = shutdown.wait_for(|down| *down) => {
            stop.store(true, Ordering::Relaxed);
            None
        }
    };
    let reason = match outcome {
        Some(Outcome::Done(_)) => Some(None),
        Some(Outcome::Refused(refusal)) => Some(Some(refusal.reason)),
        Some(Outcome::Died { reason, .. }) => Some(Some(reason)),
        Some(Outcome::Unavailable { .. }) | None => None,
    };
    let _ = decoded.send(reason.is_some());
    let last = tokio::select! {
        last = &mut thread => Some(last),
        _ = shutdown.wait_for(|down| *down) => None,
    };
    let last = if let Some(last) = last {
        last
    } else {
        stop.store(true, Ordering::Relaxed);
        thread.await
    };
    match (last, reason) {
        (Ok(Ending::Heard(said)), Some(reason)) => {
            let shared = Arc::clone(shared);
            tracing::info!(path = %path.display(), model, reason, "heard");
            blocking(move || {
                let journal = &shared.journal;
                Ok(journal.end_hearing(&content, &model, &said, reason.as_deref())?)
            })
            .await?;
            Ok(Ended::Heard)
        }
        (last, _) => Ok(told(last)),
    }
}

/// What it means that the thread has ended before the sound has.
fn told(ended: Result<Ending, oneshot::error::RecvError>) -> Ended {
    match ended {
        Ok(Ending::GaveWay) => Ended::GaveWay,
        Ok(Ending::Failed(reason)) => Ended::Failed(reason),
        Ok(Ending::Heard(_) | Ending::Stopped) => Ended::CutShort,
        Err(_) => Ended::Failed("the recogniser's thread crashed".to_owned()),
    }
}
