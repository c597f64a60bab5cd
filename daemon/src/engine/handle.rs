//! What the service sees of the engine. Cheap to clone; nothing but `wait` waits for ingestion.

mod folders;
mod wait;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hippo_config::Settings;
use hippo_index::{Embedding, Known, Near, SpaceRole, Store};
use tokio::sync::broadcast;

use super::EngineError;
use super::driver::Event;
use super::looks::Liked;
use super::shared::{Shared, blocking};
use super::{
    chosen, eyes, ffmpeg, looks, model_status, models, rest, status, thumbnails, transcript,
};
use crate::journal::{Facet, Live, Named, now_ms};
use crate::service::wire;
use crate::transcript::Transcript;

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

    /// The words of names and titles near a folded one, the commonest first.
    pub async fn name_words(&self, word: &str, near: Near) -> Result<Vec<Known>, EngineError> {
        let (shared, word) = (Arc::clone(&self.shared), word.to_owned());
        blocking(move || Ok(shared.journal.name_words(&word, near)?)).await
    }

    /// The cameras, places, shows or speakers that files have.
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

    /// The cosines at which a picture begins to answer in this space, and surely does: as they
    /// were measured, or else as the model's manifest has them.
    pub fn picture_scale(&self, space: &str) -> [f32; 2] {
        if let Some(measured) = self.shared.models.scales.of(space) {
            return measured.answers;
        }
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
        ffmpeg::settle(&self.shared).await?;
        self.choose_ear().await
    }
}
