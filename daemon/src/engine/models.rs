//! The models in use: for each role the space that answers and, while another takes its place,
//! the one that is being built or the one that is kept for the way back.
//!
//! Which is which is in the journal; here it is with its models, each on a thread of its own,
//! as one immutable [`Lineup`] that is exchanged whole. Whoever asks takes one line-up and
//! keeps to it, so a question's vector and the space that it is searched in always belong
//! together, whatever is switched meanwhile.
//!
//! What the settings name is what should answer. A model that is named and cannot be used
//! leaves everything as it is, with the reason in `status`.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hippo_config::{Manifest, Paths, Settings};
use hippo_index::{Embedding, Space, SpaceRole};
use tokio::sync::Notify;

use super::EngineError;
use super::chosen::{arrange, choice_of, chosen, find, find_space, role_of};
use super::embedder::{Embedder, Questions};
use super::lineup::{InUse, Lineup};
use super::model::ModelSource;
use super::scale::Scales;
use super::slots::Choice;
use crate::journal::{Journal, SpaceRecord, Stage};

/// What a model has to embed before it is used: two languages, as people write.
const PROBE: &str = "Where did I put the notes about the garden? 花园的笔记放在哪里？";

/// Probes that tell a model's speed before it is used: a batch, as bulk work has it.
const PROBES: usize = 16;

/// How long a model may take to be opened and to answer a probe. Large ones are read from the
/// disk in some seconds.
const PROBE_DEADLINE: Duration = Duration::from_secs(45);

/// The models in use.
pub(super) struct Models {
    lineup: RwLock<Arc<Lineup>>,
    /// What similarities mean in joint spaces, where it was measured.
    pub(super) scales: Scales,
    /// Questions being answered: background work of every model gives way to them.
    pub(super) questions: Questions,
    /// Held while the line-up changes.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// Told when it has changed.
    pub(super) changed: Notify,
}

impl Models {
    /// The models that the settings and the journal name. Nothing is loaded.
    pub(super) fn open(
        paths: &Paths,
        settings: &Settings,
        journal: &Journal,
    ) -> Result<Models, EngineError> {
        let models = Models {
            lineup: RwLock::default(),
            scales: Scales::open(journal)?,
            questions: Questions::default(),
            changing: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        };
        for role in SpaceRole::ALL {
            let wanted = chosen(paths, &settings.models, role);
            let (choice, problem) = match &wanted {
                None => (None, None),
                Some(name) => match find(paths, name, role_of(role)) {
                    Ok((_, manifest)) => (Some(choice_of(name, &manifest)), None),
                    Err(reason) => (None, Some(reason)),
                },
            };
            if problem.is_none() {
                arrange(paths, journal, role, choice.as_ref())?;
            }
            models.exchange(|lineup| {
                let mine = lineup.of_mut(role);
                mine.wanted.clone_from(&wanted);
                mine.problem = problem;
            });
        }
        models.reread(paths, settings, journal)?;
        Ok(models)
    }

    /// The line-up of now.
    pub(super) fn lineup(&self) -> Arc<Lineup> {
        let lineup = self.lineup.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&lineup)
    }

    fn exchange(&self, change: impl FnOnce(&mut Lineup)) {
        let lineup = self.lineup.write();
        let mut lineup = lineup.unwrap_or_else(PoisonError::into_inner);
        let mut next = Lineup::clone(&lineup);
        change(&mut next);
        *lineup = Arc::new(next);
    }

    /// Brings the line-up in step with the journal. Models that run already go on running.
    pub(super) fn reread(
        &self,
        paths: &Paths,
        settings: &Settings,
        journal: &Journal,
    ) -> Result<(), EngineError> {
        self.bring_in_step(paths, settings, journal, None)
    }

    fn bring_in_step(
        &self,
        paths: &Paths,
        settings: &Settings,
        journal: &Journal,
        tried: Option<&Tried>,
    ) -> Result<(), EngineError> {
        let running = self.lineup();
        let mut found = Vec::new();
        for record in journal.spaces()? {
            let role = SpaceRole::ALL
                .into_iter()
                .find(|role| role.as_str() == record.role);
            if let Some(role) = role {
                let tried = tried.filter(|tried| tried.space.name == record.name);
                let space = match tried {
                    // It goes on with the thread on which it was tried.
                    Some(tried) => in_use(&record, tried.space.clone(), Ok(tried.embedder.clone())),
                    None => self.find_or_start(paths, settings, role, &record, &running),
                };
                found.push((role, record.stage, space));
            }
        }
        self.exchange(|lineup| {
            for role in SpaceRole::ALL {
                let of = lineup.of_mut(role);
                let mut take = |stage| {
                    let at = found.iter().position(|(r, s, _)| (*r, *s) == (role, stage));
                    at.map(|at| found.swap_remove(at).2)
                };
                of.active = take(Stage::Active);
                of.building = take(Stage::Building);
                of.kept = take(Stage::Kept);
            }
        });
        self.changed.notify_one();
        Ok(())
    }

    fn find_or_start(
        &self,
        paths: &Paths,
        settings: &Settings,
        role: SpaceRole,
        record: &SpaceRecord,
        running: &Lineup,
    ) -> InUse {
        let known = running.all().find(|known| known.space.name == record.name);
        let mut space = Space {
            name: record.name.clone(),
            role,
            dim: known.map_or(0, |known| known.space.dim),
        };
        let embedder = match known.map(|known| &known.embedder) {
            // The kept one's model is let go: it is opened again when it is wanted again.
            _ if record.stage == Stage::Kept => Err("it is kept, and not used".to_owned()),
            Some(Ok(embedder)) => Ok(embedder.clone()),
            _ => find_space(paths, record, role).and_then(|(dir, manifest)| {
                space.dim = manifest.dim;
                self.start(paths, settings, dir, manifest)
            }),
        };
        in_use(record, space, embedder)
    }

    fn start(
        &self,
        paths: &Paths,
        settings: &Settings,
        dir: PathBuf,
        manifest: Manifest,
    ) -> Result<Embedder, String> {
        let source = ModelSource {
            runtime: paths.find_library("onnxruntime"),
            dir,
            manifest,
            threads: threads(settings.models.threads),
            unload_after: Duration::from_secs(settings.models.unload_after_minutes * 60),
        };
        Embedder::start(source, &self.questions)
            .map_err(|error| format!("no thread for the model: {error}"))
    }

    /// Opens a model that is to be used and has it embed something. What it says of itself, or
    /// why it cannot be used.
    pub(super) async fn try_out(
        &self,
        paths: &Paths,
        settings: &Settings,
        role: SpaceRole,
        name: &str,
    ) -> Result<Tried, String> {
        let (dir, manifest) = find(paths, name, role_of(role))?;
        let choice = choice_of(name, &manifest);
        let lineup = self.lineup();
        let running = lineup.wanted().find(|s| s.space.name == choice.space);
        let embedder = match running.and_then(|running| running.embedder.clone().ok()) {
            Some(embedder) => embedder,
            None => self.start(paths, settings, dir, manifest.clone())?,
        };
        let probes = async {
            embedder.question(PROBE.to_owned()).await?;
            embedder.texts(vec![PROBE.repeat(8); PROBES]).await
        };
        let vectors = tokio::time::timeout(PROBE_DEADLINE, probes).await;
        let late = |_| format!("it did not answer within {} s", PROBE_DEADLINE.as_secs());
        let vectors = vectors.map_err(late)??;
        if let Some(wrong) = vectors.iter().find(|v| v.len() != manifest.dim) {
            return Err(format!(
                "its vectors have {} numbers, and by its manifest {}",
                wrong.len(),
                manifest.dim
            ));
        }
        Ok(Tried {
            space: Space {
                name: choice.space.clone(),
                role,
                dim: manifest.dim,
            },
            choice,
            embedder,
        })
    }

    /// Makes a model that was tried, or none, that of a role. Durable in the journal on return.
    pub(super) fn choose(
        &self,
        paths: &Paths,
        settings: &Settings,
        journal: &Journal,
        role: SpaceRole,
        tried: Option<&Tried>,
    ) -> Result<(), EngineError> {
        arrange(paths, journal, role, tried.map(|tried| &tried.choice))?;
        self.exchange(|lineup| {
            let mine = lineup.of_mut(role);
            mine.wanted = tried.map(|tried| tried.choice.model.clone());
            mine.problem = None;
        });
        self.bring_in_step(paths, settings, journal, tried)
    }

    /// Looks whether a model has come that the settings give a role, and uses it.
    pub(super) async fn adopt(
        &self,
        paths: &Paths,
        settings: &Settings,
        journal: &Journal,
    ) -> Result<(), EngineError> {
        let _alone = self.changing.lock().await;
        let lineup = self.lineup();
        for role in SpaceRole::ALL {
            let mine = lineup.of(role);
            let Some(name) = chosen(paths, &settings.models, role) else {
                continue;
            };
            let answers = mine.active.is_some() && mine.problem.is_none();
            if answers && mine.wanted.as_ref() == Some(&name) {
                continue;
            }
            let Ok((dir, manifest)) = find(paths, &name, role_of(role)) else {
                continue;
            };
            if !manifest.missing(&dir).is_empty() {
                continue;
            }
            match self.try_out(paths, settings, role, &name).await {
                Ok(tried) => {
                    tracing::info!(model = name, role = role.as_str(), "a model has come");
                    self.choose(paths, settings, journal, role, Some(&tried))?;
                }
                Err(reason) => {
                    tracing::warn!(model = name, reason, "a model that came cannot be used");
                    self.exchange(|lineup| {
                        let mine = lineup.of_mut(role);
                        mine.wanted = Some(name);
                        mine.problem = Some(reason);
                    });
                }
            }
        }
        Ok(())
    }

    /// Forgets the generation of a role that is kept.
    pub(super) fn forget_kept(
        &self,
        paths: &Paths,
        settings: &Settings,
        journal: &Journal,
        role: SpaceRole,
    ) -> Result<(), EngineError> {
        let mut spaces = journal.spaces()?;
        spaces.retain(|space| space.role == role.as_str() && space.stage != Stage::Kept);
        journal.arrange(role.as_str(), &spaces)?;
        self.reread(paths, settings, journal)
    }
}

fn in_use(record: &SpaceRecord, space: Space, embedder: Result<Embedder, String>) -> InUse {
    InUse {
        id: record.id,
        model: record.model.clone(),
        space,
        embedder,
    }
}

/// A model that has shown that it works.
pub(super) struct Tried {
    choice: Choice,
    space: Space,
    embedder: Embedder,
}

/// A question's vector in the active space of a role; none where no model is wanted.
pub(super) async fn question(
    models: &Models,
    role: SpaceRole,
    text: &str,
) -> Option<Result<Embedding, String>> {
    let lineup = models.lineup();
    let mine = lineup.of(role);
    let Some(active) = &mine.active else {
        return mine.problem.clone().map(Err);
    };
    Some(match &active.embedder {
        Err(reason) => Err(reason.clone()),
        Ok(embedder) if !embedder.knows(text) => Err(format!(
            "the {} model knows only {}",
            role.as_str(),
            embedder.languages().join(", ")
        )),
        Ok(embedder) => {
            let vector = embedder.question(text.to_owned()).await;
            vector.map(|vector| Embedding {
                space: active.space.name.clone(),
                vector,
            })
        }
    })
}

/// 0 means one for each core.
pub(super) fn threads(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, Into::into),
        n => n,
    }
}
