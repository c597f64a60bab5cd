//! What the service sees of the engine. Cheap to clone; nothing here waits for ingestion.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use hippo_config::{FolderSettings, Settings, edit};
use hippo_index::{Embedding, SpaceRole, Store};
use tokio::sync::{broadcast, oneshot};

use super::EngineError;
use super::driver::Event;
use super::looks::Liked;
use super::rest::{Work, rests};
use super::shared::{FolderRuntime, Shared, blocking};
use super::{chosen, ear, eyes, looks, model_status, models, rest, status, thumbnails, transcript};
use crate::journal::{Facet, Live, Named, now_ms};
use crate::service::wire;
use crate::transcript::Transcript;
use crate::watch::Watched;

/// The file that `wait` touches in the run folder: when the watcher tells of it, it has told
/// of everything before it.
const COOKIES: &str = "cookies";

/// The engine, as the service sees it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Handle {
        Handle { shared }
    }

    pub(super) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.shared.settings()
    }

    /// The table.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What the catalog says of the files of an answer: rows of other revisions, and files
    /// that are absent here, are dropped from it.
    pub async fn live(&self, files: &[u64]) -> Result<HashMap<u64, Live>, EngineError> {
        let (shared, files) = (Arc::clone(&self.shared), files.to_vec());
        blocking(move || Ok(shared.journal.live(&files)?)).await
    }

    /// The files whose names and titles have these words, as far as `keep` wants them.
    pub async fn named(
        &self,
        tokens: Vec<String>,
        beginning: Option<String>,
        limit: usize,
        keep: impl Fn(&Named) -> bool + Send + 'static,
    ) -> Result<Vec<Named>, EngineError> {
        let shared = Arc::clone(&self.shared);
        let named = move || {
            let journal = &shared.journal;
            Ok(journal.named(&tokens, beginning.as_deref(), limit, keep)?)
        };
        blocking(named).await
    }

    /// The cameras, shows or speakers that files have.
    pub async fn values_of(&self, facet: Facet) -> Result<Vec<String>, EngineError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || Ok(shared.journal.values_of(facet)?)).await
    }

    /// The question's vector in the space of this role that answers now, with that space's
    /// name; `None` when no model is wanted.
    pub async fn embed_question(
        &self,
        role: SpaceRole,
        text: &str,
    ) -> Option<Result<Embedding, String>> {
        models::question(&self.shared.models, role, text).await
    }

    /// What a file that is a question is.
    pub async fn liked(&self, file: &Path) -> Result<Liked, String> {
        looks::question(&self.shared, file).await
    }

    /// The cosines at which a picture begins to answer in this space, and surely does.
    pub fn picture_scale(&self, space: &str) -> [f32; 2] {
        let lineup = self.shared.models.lineup();
        let known = lineup.all().find(|known| known.space.name == space);
        let embedder = known.and_then(|known| known.embedder.as_ref().ok());
        // Without its model nothing could have been asked there.
        embedder
            .and_then(|e| e.picture().map(|p| p.answers))
            .unwrap_or([0.0, 1.0])
    }

    /// A question is being answered until the guard is dropped: what completes rows in the
    /// background gives way.
    #[must_use]
    pub fn asking(&self) -> impl Send + use<> {
        self.shared.models.questions.one_more()
    }

    /// Makes this model (`None`: none) the one of its role, and writes it into the settings
    /// file. A model that does not open is refused, and nothing changes.
    ///
    /// Where another answers, the new one's vectors are made in the background, and it takes
    /// over when they are whole; one that answered before takes over at once.
    pub async fn use_model(
        &self,
        role: SpaceRole,
        name: Option<&str>,
    ) -> Result<wire::ModelStatus, EngineError> {
        let shared = &self.shared;
        let _alone = shared.models.changing.lock().await;
        let settings = self.settings();
        let tried = match name {
            None => None,
            Some(name) => {
                let tried = shared
                    .models
                    .try_out(&shared.paths, &settings, role, name)
                    .await;
                Some(tried.map_err(|reason| {
                    let what = format!("{name} cannot be used: {reason}; nothing has changed");
                    EngineError::Refused(what)
                })?)
            }
        };
        chosen::write_setting(&shared.paths, role, name)?;
        let changing = Arc::clone(shared);
        blocking(move || {
            let (paths, journal) = (&changing.paths, &changing.journal);
            changing
                .models
                .choose(paths, &settings, journal, role, tried.as_ref())
        })
        .await?;
        self.reload().await?;
        model_status::model(shared, role).await
    }

    /// Looks whether models have come that the settings give a role, and uses them: whoever
    /// puts one there tells, so that nobody need look in vain.
    pub async fn look_for_models(&self) -> Result<wire::Models, EngineError> {
        // Which model plays a role may have been written into the settings beside us.
        self.reload().await?;
        let shared = &self.shared;
        let settings = self.settings();
        let adopted = shared
            .models
            .adopt(&shared.paths, &settings, &shared.journal);
        adopted.await?;
        model_status::models(shared).await
    }

    /// Looks anew who hears recordings.
    async fn choose_ear(&self) -> Result<(), EngineError> {
        let (shared, settings) = (Arc::clone(&self.shared), self.settings());
        blocking(move || {
            shared.listening.choose(&shared.paths, &settings);
            Ok(())
        })
        .await?;
        self.shared.refresh();
        Ok(())
    }

    /// Lets background work rest, for so long or until it is to go on.
    pub async fn pause(&self, time: Option<Duration>) -> Result<wire::Paused, EngineError> {
        rest::pause(&self.shared, time).await?;
        Ok(status::paused(&self.shared))
    }

    /// Lets background work go on.
    pub async fn resume(&self) -> Result<wire::Paused, EngineError> {
        rest::resume(&self.shared).await?;
        Ok(status::paused(&self.shared))
    }

    /// Drops the vectors that are kept of the model that a role had before.
    pub async fn forget_model(&self, role: SpaceRole) -> Result<wire::ModelStatus, EngineError> {
        let _alone = self.shared.models.changing.lock().await;
        let (shared, settings) = (Arc::clone(&self.shared), self.settings());
        blocking(move || {
            let (paths, journal) = (&shared.paths, &shared.journal);
            shared.models.forget_kept(paths, &settings, journal, role)
        })
        .await?;
        model_status::model(&self.shared, role).await
    }

    /// How fresh an answer is.
    pub fn freshness(&self) -> wire::Fresh {
        self.shared.fresh()
    }

    /// Everything at a glance.
    pub async fn status(&self) -> Result<wire::Status, EngineError> {
        status::status(&self.shared).await
    }

    /// All that is known of one path.
    pub async fn why(&self, path: &Path) -> Result<wire::Why, EngineError> {
        status::why(&self.shared, path).await
    }

    /// What was said in a file.
    pub async fn transcript(&self, path: &Path) -> Result<Transcript, EngineError> {
        transcript::transcript(&self.shared, path).await
    }

    /// A small JPEG of a picture that hippo knows.
    pub async fn thumbnail(&self, path: &Path) -> Result<Vec<u8>, EngineError> {
        thumbnails::thumbnail(&self.shared, path).await
    }

    /// The watched folders.
    pub async fn folders(&self) -> Result<Vec<wire::Folder>, EngineError> {
        status::folders(&self.shared).await
    }

    /// Progress, as it happens. A slow listener misses some and is told how many.
    pub fn events(&self) -> broadcast::Receiver<wire::Event> {
        self.shared.events.subscribe()
    }

    /// Resolves when the engine has been asked to end.
    pub async fn ending(&self) {
        let mut shutdown = self.shared.shutdown.subscribe();
        let _ = shutdown.wait_for(|down| *down).await;
    }

    /// Asks the engine to end; whoever runs it then stops it.
    pub fn shutdown(&self) {
        self.shared.shutdown.send_replace(true);
    }

    /// Returns when all that existed at the call is searchable and heard, or recorded as failed
    /// or skipped: the watcher has told of everything that happened before, what it told has been
    /// looked at, and what waited then has been worked on. While that rests, it says so at once.
    pub async fn wait(&self, timeout: Duration) -> Result<wire::Waited, EngineError> {
        let started = Instant::now();
        match tokio::time::timeout(timeout, self.all_until_now()).await {
            Ok(result) => result.map(|()| wire::Waited {
                waited_ms: started.elapsed().as_millis() as u64,
                pending: 0,
            }),
            Err(_) => Err(EngineError::WaitTimedOut {
                pending: self.freshness().pending + self.unheard().await?,
            }),
        }
    }

    async fn all_until_now(&self) -> Result<(), EngineError> {
        self.cookie().await?;
        let (reply, recorded) = oneshot::channel();
        let _ = self.shared.driver.send(Event::Barrier(reply)).await;
        let _ = recorded.await;
        let until = now_ms();
        let mut pulse = self.shared.pulse.subscribe();
        loop {
            pulse.mark_unchanged();
            let shared = Arc::clone(&self.shared);
            let pending = blocking(move || Ok(shared.journal.pending_until(until)?)).await?;
            let unheard = self.unheard().await?;
            if pending == 0 && unheard == 0 {
                self.shared.refresh();
                return Ok(());
            }
            let work = if pending > 0 { Work::Files } else { Work::Bulk };
            if let Some(rest) = rests(&self.shared, work) {
                let (pending, why) = (pending + unheard, rest.in_words());
                return Err(EngineError::Resting { pending, why });
            }
            if pulse.changed().await.is_err() {
                return Err(EngineError::Refused("hippo is stopping".into()));
            }
        }
    }

    /// Recordings that wait to be heard; none where nobody can hear them.
    async fn unheard(&self) -> Result<u64, EngineError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || ear::unheard(&shared)).await
    }

    /// Touches a file in a watched folder of hippo's own and waits until the watcher has told
    /// of it: it tells of everything dirty before it first.
    async fn cookie(&self) -> Result<(), EngineError> {
        let settle = Duration::from_millis(self.settings().watch.settle_ms);
        let folders = self.shared.folders();
        let polled: Vec<_> = match status::polled(&self.shared) {
            polled if polled.is_empty() => Vec::new(),
            polled => folders
                .iter()
                .filter(|f| polled.contains(&f.path))
                .collect(),
        };
        for folder in polled {
            let (folder, why) = (Some(folder.path.clone()), "a client waits".to_owned());
            let _ = self.shared.driver.send(Event::Scan { folder, why }).await;
        }
        if let Some(told) = self
            .shared
            .cookies
            .bake(&self.shared.paths.run_dir.join(COOKIES))
        {
            // Without a working watch nothing is told; scans find it all the same.
            let _ = tokio::time::timeout(settle * 8 + Duration::from_secs(1), told).await;
        }
        Ok(())
    }

    /// Watches the folder of the cookies.
    pub(super) fn watch_cookies(&self) {
        let dir = self.shared.paths.run_dir.join(COOKIES);
        if let Err(error) = std::fs::create_dir_all(&dir) {
            tracing::warn!(%error, dir = %dir.display(), "no cookies: wait relies on scans");
            return;
        }
        if let Watched::Exhausted | Watched::Unsupported(_) =
            self.shared.watcher.watch_cookies(&dir)
        {
            self.shared.cookies.give_up();
        }
    }

    /// Watches a folder from now on, and writes it into the settings file.
    pub async fn add_folder(&self, path: &Path) -> Result<wire::Folder, EngineError> {
        let path = self.check_new_folder(path)?;
        let file = self.shared.paths.config_file.clone();
        edit::add_folder(&file, &path).map_err(|e| EngineError::Refused(e.to_string()))?;
        self.reload().await?;
        let folders = self.folders().await?;
        let text = path.display().to_string();
        folders
            .into_iter()
            .find(|folder| folder.path == text)
            .ok_or_else(|| EngineError::Refused(format!("{text} could not be watched")))
    }

    fn check_new_folder(&self, path: &Path) -> Result<PathBuf, EngineError> {
        let shown = path.display();
        let real = std::fs::canonicalize(path)
            .map_err(|e| EngineError::Refused(format!("{shown} cannot be watched: {e}")))?;
        if !real.is_dir() {
            return Err(EngineError::Refused(format!(
                "{shown} is not a folder: add the folder that it is in"
            )));
        }
        let paths = &self.shared.paths;
        if [&paths.data_dir, &paths.cache_dir]
            .iter()
            .any(|own| real.starts_with(own))
        {
            return Err(EngineError::Refused(format!(
                "{shown} holds hippo's own data"
            )));
        }
        for folder in self.shared.folders() {
            if folder.path != real && real.starts_with(&folder.path) {
                return Err(EngineError::Refused(format!(
                    "{shown} is already watched, as part of {}",
                    folder.path.display()
                )));
            }
            if folder.path != real && folder.path.starts_with(&real) {
                return Err(EngineError::Refused(format!(
                    "{shown} contains {0}, which is already watched: `hippo remove {0}` first (nothing is read twice)",
                    folder.path.display()
                )));
            }
        }
        Ok(real)
    }

    /// Forgets a folder: out of answers at once, out of the table soon, out of the settings.
    pub async fn remove_folder(&self, path: &Path) -> Result<(), EngineError> {
        // The folder may be gone, so the path may not resolve any more.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let known = self.shared.folders();
        let Some(folder) = known.iter().find(|f| f.path == real || f.path == path) else {
            let watched: Vec<_> = known.iter().map(|f| f.path.display().to_string()).collect();
            return Err(EngineError::Refused(format!(
                "{} is not a watched folder; these are: {}",
                path.display(),
                watched.join(", ")
            )));
        };
        let file = self.shared.paths.config_file.clone();
        edit::remove_folder(&file, &folder.path)
            .map_err(|e| EngineError::Refused(e.to_string()))?;
        self.reload().await
    }

    /// Tries failed files again, at or below `under` if given.
    pub async fn retry(&self, under: Option<&Path>) -> Result<u64, EngineError> {
        let (shared, under) = (Arc::clone(&self.shared), under.map(Path::to_owned));
        let files = blocking(move || Ok(shared.journal.retry(under.as_deref(), now_ms())?)).await?;
        let _ = self.shared.driver.send(Event::Queued).await;
        Ok(files)
    }

    /// Runs the table's upkeep now.
    pub async fn maintain(&self) {
        super::upkeep::care(&self.shared).await;
    }

    /// Reads the settings file again and brings the folders in step with it.
    async fn reload(&self) -> Result<(), EngineError> {
        let file = &self.shared.paths.config_file;
        let settings =
            Settings::load(file).map_err(|errors| EngineError::Refused(errors.to_string()))?;
        *self
            .shared
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        let added = self.bring_folders_in_step().await?;
        for folder in added {
            let (folder, why) = (Some(folder), "it was added".to_owned());
            let _ = self.shared.driver.send(Event::Scan { folder, why }).await;
        }
        let _ = self.shared.driver.send(Event::Depart).await;
        eyes::settle(&self.shared).await?;
        self.choose_ear().await
    }

    /// Makes the journal's, the watcher's and the engine's folders those of the settings.
    /// Returns the new ones.
    pub(super) async fn bring_folders_in_step(&self) -> Result<Vec<PathBuf>, EngineError> {
        let settings = self.settings();
        let wanted: Vec<FolderSettings> = settings.folders.clone();
        let before: Vec<PathBuf> = self
            .shared
            .folders()
            .iter()
            .map(|f| f.path.clone())
            .collect();
        let shared = Arc::clone(&self.shared);
        let runtime = blocking(move || {
            for record in shared.journal.folders()? {
                if !wanted.iter().any(|folder| folder.path == record.path) {
                    let files = shared.journal.remove_folder(record.id)?;
                    tracing::info!(folder = %record.path.display(), files, "no longer watched");
                }
            }
            let mut runtime = Vec::with_capacity(wanted.len());
            for folder in &wanted {
                let id = shared.journal.ensure_folder(&folder.path)?;
                let paths = &shared.paths;
                let own = [
                    &paths.data_dir,
                    &paths.cache_dir,
                    &paths.log_dir,
                    &paths.run_dir,
                ]
                .map(Clone::clone);
                runtime.push(Arc::new(FolderRuntime::new(
                    id,
                    folder,
                    &settings.ignore,
                    own,
                )?));
            }
            Ok(runtime)
        })
        .await?;
        let added: Vec<PathBuf> = runtime
            .iter()
            .map(|f| f.path.clone())
            .filter(|p| !before.contains(p))
            .collect();
        for gone in before
            .iter()
            .filter(|p| !runtime.iter().any(|f| &f.path == *p))
        {
            self.shared.watcher.remove_root(gone);
        }
        for path in &added {
            self.shared.watcher.add_root(path);
        }
        *self
            .shared
            .folders
            .write()
            .unwrap_or_else(PoisonError::into_inner) = runtime;
        Ok(added)
    }
}
