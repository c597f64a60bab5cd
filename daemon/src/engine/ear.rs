//! Who hears recordings: the recogniser that is chosen, how it is run, and what it passes over.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hippo_config::{ModelSettings, Paths, Registry, Role, Settings};
use hippo_extractors::infer::speech::{Options, Whisper};

use super::EngineError;
use super::chosen::find;
use super::shared::{Shared, lock};
use crate::journal::{Journal, Unheard, now_ms};

/// What changed within a day is heard before what did not.
const FRESH_MS: i64 = 86_400_000;

/// A recogniser, and how it is run.
#[derive(Debug)]
pub(super) struct Ear {
    /// The model and all that changes what it hears.
    pub(super) id: String,
    /// Its name in the settings.
    pub(super) name: String,
    /// The voice model's file; without one loudness tells where somebody speaks.
    pub(super) voice: Option<PathBuf>,
    file: PathBuf,
    threads: usize,
    max_text_ctx: Option<i32>,
}

impl Ear {
    fn find(paths: &Paths, settings: &ModelSettings, name: &str) -> Result<Ear, String> {
        let (dir, manifest) = find(paths, name, Role::Speech)?;
        let speech = manifest.speech.as_ref();
        let speech = speech.ok_or("its manifest names no recogniser")?;
        let voice = Registry::load(paths).choice(settings, Role::Voice);
        let voice = voice.and_then(|voice| find(paths, &voice.name, Role::Voice).ok());
        Ok(Ear {
            id: manifest.id(),
            name: name.to_owned(),
            voice: voice.and_then(|(dir, manifest)| Some(dir.join(manifest.voice?.file))),
            file: dir.join(&speech.file),
            threads: threads(settings),
            max_text_ctx: speech.max_text_ctx,
        })
    }

    /// Loads the recogniser; why it cannot be, in words.
    pub(super) async fn open(self: &Arc<Ear>) -> Result<Arc<Whisper>, String> {
        let ear = Arc::clone(self);
        let opened = tokio::task::spawn_blocking(move || {
            let options = Options {
                threads: ear.threads,
                max_text_ctx: ear.max_text_ctx,
                languages: Vec::new(),
            };
            Whisper::open(&ear.file, options)
        });
        let opened = opened.await.map_err(|panic| panic.to_string())?;
        opened.map(Arc::new).map_err(|error| error.to_string())
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

/// A recogniser that is chosen, or its name and why it cannot be used.
type Chosen = Result<Arc<Ear>, (String, String)>;

/// The recogniser that is chosen, and what it is at.
#[derive(Default)]
pub(super) struct Listening {
    ear: RwLock<Option<Chosen>>,
    /// Why the recogniser failed when it was last tried.
    failure: Mutex<Option<String>>,
    /// Recordings that are not there as the journal has them (their drive is away). Nobody waits
    /// for them and they hold up no other, until a folder was looked at as a whole or they were
    /// read anew.
    passed_over: Mutex<HashSet<u64>>,
}

impl Listening {
    /// Looks who is to listen, by the settings and by what lies in the models' folders.
    pub(super) fn choose(&self, paths: &Paths, settings: &Settings) {
        let models = &settings.models;
        let choice = Registry::load(paths).choice(models, Role::Speech);
        let ear = choice.map(|choice| {
            let ear = Ear::find(paths, models, &choice.name);
            ear.map(Arc::new).map_err(|reason| (choice.name, reason))
        });
        *self.ear.write().unwrap_or_else(PoisonError::into_inner) = ear;
        self.failed(None);
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

    /// Records why the recogniser failed, or that it works.
    pub(super) fn failed(&self, reason: Option<String>) {
        *lock(&self.failure) = reason;
    }

    /// Leaves a recording alone for now.
    pub(super) fn pass_over(&self, file: u64) {
        lock(&self.passed_over).insert(file);
    }

    /// A file was read: what was wrong with it may be so no more.
    pub(super) fn take_up(&self, file: u64) {
        lock(&self.passed_over).remove(&file);
    }

    /// A folder that is there was looked at as a whole: the same of all files.
    pub(super) fn take_up_all(&self) {
        lock(&self.passed_over).clear();
    }

    fn except(&self) -> HashSet<u64> {
        lock(&self.passed_over).clone()
    }

    /// The recording that is the first to be heard now.
    pub(super) fn next(
        &self,
        journal: &Journal,
        ear: &Ear,
    ) -> Result<Option<Unheard>, EngineError> {
        Ok(journal.next_unheard(&ear.id, now_ms() - FRESH_MS, &self.except())?)
    }
}

/// Recordings that wait to be heard; none where nobody can hear them.
pub(super) fn unheard(shared: &Shared) -> Result<u64, EngineError> {
    let listening = &shared.listening;
    match listening.ear() {
        Some(ear) => Ok(shared.journal.unheard(&ear.id, &listening.except())?),
        None => Ok(0),
    }
}
