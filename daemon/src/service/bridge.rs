//! The engine's handle as the service's [`Api`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hippo_config::Settings;
use hippo_index::{Embedding, Filter, Hit, Known, Lead, Near, Scored, SpaceRole, Span, WordsQuery};
use tokio::sync::broadcast;

use super::api::{Api, ApiError};
use super::wire;
use crate::engine::{EngineError, Handle, LikedFile};
use crate::journal::Facet;
use crate::query::{Content, JointQuestion, Liked, Live, Memory};
use crate::transcript::Transcript;

impl Memory for Handle {
    fn settings(&self) -> Arc<Settings> {
        Handle::settings(self)
    }

    async fn watched(&self) -> Result<Vec<PathBuf>, String> {
        let folders = Handle::folders(self).await.map_err(|e| e.to_string())?;
        Ok(folders.into_iter().map(|f| PathBuf::from(f.path)).collect())
    }

    async fn words(
        &self,
        query: WordsQuery,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, String> {
        let _asking = self.asking();
        let found = self.store().words(&query, &filter, limit).await;
        found.map_err(|e| e.to_string())
    }

    async fn vocabulary(&self, word: String, near: Near) -> Result<Vec<Known>, String> {
        let _asking = self.asking();
        let (of_texts, of_names) = tokio::join!(
            self.store().vocabulary(&word, near),
            self.name_words(&word, near)
        );
        let of_texts = of_texts.map_err(|e| e.to_string())?;
        let of_names = of_names.map_err(|e| e.to_string())?;
        Ok(super::named::together(of_texts, of_names))
    }

    async fn passage(
        &self,
        question: Embedding,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, String> {
        let _asking = self.asking();
        let Embedding { space, vector } = question;
        let found = self.store().nearest(&space, &vector, &filter, limit).await;
        found.map_err(|e| e.to_string())
    }

    async fn embed(&self, text: String) -> Option<Result<Embedding, String>> {
        let _asking = self.asking();
        self.embed_question(SpaceRole::Passage, &text).await
    }

    async fn joint(
        &self,
        question: JointQuestion,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, String> {
        let _asking = self.asking();
        let JointQuestion { space, vector, .. } = question;
        let found = self.store().nearest(&space, &vector, &filter, limit).await;
        found.map_err(|e| e.to_string())
    }

    async fn embed_joint(&self, text: String) -> Option<Result<JointQuestion, String>> {
        let _asking = self.asking();
        let asked = self.embed_question(SpaceRole::Joint, &text).await?;
        Some(asked.map(|Embedding { space, vector }| JointQuestion {
            picture_scale: self.picture_scale(&space),
            space,
            vector,
        }))
    }

    async fn liked(&self, file: PathBuf) -> Result<Liked, String> {
        let _asking = self.asking();
        Ok(match Handle::liked(self, &file).await? {
            LikedFile::Text(text) => Liked::Text(text),
            LikedFile::Picture(seen) => {
                Liked::Picture(seen.map(|Embedding { space, vector }| JointQuestion {
                    picture_scale: self.picture_scale(&space),
                    space,
                    vector,
                }))
            }
        })
    }

    async fn names(
        &self,
        tokens: Vec<String>,
        beginning: Option<String>,
        filter: Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, String> {
        super::named::names(self, tokens, beginning, filter, limit).await
    }

    async fn values_of(&self, facet: Facet) -> Result<Vec<String>, String> {
        let values = Handle::values_of(self, facet).await;
        values.map_err(|e| e.to_string())
    }

    async fn read(&self, leads: Vec<Lead>) -> Result<Vec<Option<Hit>>, String> {
        let _asking = self.asking();
        let found = self.store().read(&leads).await;
        found.map_err(|e| e.to_string())
    }

    async fn segments(&self, spans: Vec<Span>) -> Result<Vec<Hit>, String> {
        let found = self.store().segments(&spans).await;
        found.map_err(|e| e.to_string())
    }

    async fn live(&self, files: Vec<u64>) -> Result<HashMap<u64, Live>, String> {
        let live = Handle::live(self, &files)
            .await
            .map_err(|e| e.to_string())?;
        let known = |(file, live): (u64, crate::journal::Live)| {
            let live = Live {
                content: live.content.map_or(Content::Of(file), Content::Hash),
                path: live.path,
                revision: live.revision,
                since: live.since,
                also_at: live.also_at,
            };
            (file, live)
        };
        Ok(live.into_iter().map(known).collect())
    }

    fn fresh(&self) -> wire::Fresh {
        self.freshness()
    }
}

impl Api for Handle {
    async fn status(&self) -> Result<wire::Status, ApiError> {
        Ok(Handle::status(self).await?)
    }

    async fn why(&self, path: PathBuf) -> Result<wire::Why, ApiError> {
        Ok(Handle::why(self, &path).await?)
    }

    async fn transcript(&self, path: PathBuf) -> Result<Transcript, ApiError> {
        Ok(Handle::transcript(self, &path).await?)
    }

    async fn thumbnail(&self, path: PathBuf) -> Result<Vec<u8>, ApiError> {
        Ok(Handle::thumbnail(self, &path).await?)
    }

    async fn wait(&self, timeout: Duration) -> Result<wire::Waited, ApiError> {
        Ok(Handle::wait(self, timeout).await?)
    }

    async fn folders(&self) -> Result<Vec<wire::Folder>, ApiError> {
        Ok(Handle::folders(self).await?)
    }

    async fn add_folder(&self, path: PathBuf) -> Result<wire::Folder, ApiError> {
        Ok(Handle::add_folder(self, &path).await?)
    }

    async fn remove_folder(&self, path: PathBuf) -> Result<(), ApiError> {
        Ok(Handle::remove_folder(self, &path).await?)
    }

    async fn pause(&self, time: Option<Duration>) -> Result<wire::Paused, ApiError> {
        Ok(Handle::pause(self, time).await?)
    }

    async fn resume(&self) -> Result<wire::Paused, ApiError> {
        Ok(Handle::resume(self).await?)
    }

    async fn retry(&self, under: Option<PathBuf>) -> Result<u64, ApiError> {
        Ok(Handle::retry(self, under.as_deref()).await?)
    }

    async fn use_model(
        &self,
        role: SpaceRole,
        name: Option<String>,
    ) -> Result<wire::ModelStatus, ApiError> {
        Ok(Handle::use_model(self, role, name.as_deref()).await?)
    }

    async fn look_for_models(&self) -> Result<wire::Models, ApiError> {
        Ok(Handle::look_for_models(self).await?)
    }

    async fn forget_model(&self, role: SpaceRole) -> Result<wire::ModelStatus, ApiError> {
        Ok(Handle::forget_model(self, role).await?)
    }

    fn events(&self) -> broadcast::Receiver<wire::Event> {
        Handle::events(self)
    }

    async fn ending(&self) {
        Handle::ending(self).await;
    }

    fn shutdown(&self) {
        Handle::shutdown(self);
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> ApiError {
        match error {
            EngineError::WaitTimedOut { pending } => ApiError::WaitTimedOut { pending },
            EngineError::Resting { pending, why } => ApiError::Resting { pending, why },
            EngineError::Refused(what) => ApiError::Refused(what),
            other => ApiError::Internal(other.to_string()),
        }
    }
}
