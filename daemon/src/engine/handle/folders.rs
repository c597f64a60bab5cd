//! The watched folders: added, removed, and brought in step with the settings.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use hippo_config::{FolderSettings, edit};

use super::Handle;
use crate::engine::EngineError;
use crate::engine::shared::{FolderRuntime, blocking};
use crate::service::wire;

impl Handle {
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

    /// Makes the journal's, the watcher's and the engine's folders those of the settings.
    /// Returns the new ones.
    pub(in crate::engine) async fn bring_folders_in_step(
        &self,
    ) -> Result<Vec<PathBuf>, EngineError> {
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
