//! The folder of models: one change at a time, each whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use hippo_config::MANIFEST_FILE;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::ModelsError;

/// Held by whoever changes models.
const LOCK_FILE: &str = ".lock";

/// Where a model is gathered, and where an old one waits to be deleted.
const NEW: &str = ".new";
const OLD: &str = ".old";

/// The folder of models, held for changes until this is dropped.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    _lock: File,
}

impl Store {
    /// Takes hold of the folder, which is made where there is none, and tidies up after an
    /// exchange that was cut short.
    pub fn open(dir: &Path) -> Result<Store, ModelsError> {
        fs::create_dir_all(dir).map_err(ModelsError::io("make", dir))?;
        let path = dir.join(LOCK_FILE);
        let lock = File::create(&path).map_err(ModelsError::io("write", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ModelsError::Busy(dir.to_owned())),
            Err(TryLockError::Error(error)) => return Err(ModelsError::io("lock", &path)(error)),
        }
        let store = Store {
            dir: dir.to_owned(),
            _lock: lock,
        };
        store.settle()?;
        Ok(store)
    }

    /// Where models lie.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A model's folder.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where a model is gathered.
    pub fn staging(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{NEW}"))
    }

    /// Bytes that fit.
    pub fn room(&self) -> Result<u64, ModelsError> {
        let found = rustix::fs::statvfs(&self.dir)
            .map_err(|error| ModelsError::io("examine", &self.dir)(error.into()))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Puts what was gathered in a model's place, with its manifest, and deletes what was
    /// there. `files` are kept; leftovers of earlier tries are not.
    pub fn put(&self, name: &str, manifest: &str, files: &[&str]) -> Result<(), ModelsError> {
        let staging = self.staging(name);
        let page = staging.join(MANIFEST_FILE);
        fs::write(&page, manifest).map_err(ModelsError::io("write", &page))?;
        let keep: Vec<PathBuf> = files.iter().map(|file| staging.join(file)).collect();
        tidy(&staging, &|path| {
            path == page || keep.iter().any(|file| file == path)
        })
        .map_err(ModelsError::io("write", &staging))?;
        let folder = self.folder(name);
        self.exchange(name, &staging, &folder)
            .map_err(ModelsError::io("replace", &folder))?;
        sync(&self.dir).map_err(ModelsError::io("write", &self.dir))
    }

    /// Deletes a model, and what was gathered of it.
    pub fn remove(&self, name: &str) -> Result<(), ModelsError> {
        let folder = self.folder(name);
        let old = self.old(name);
        // First out of sight, in one step: a folder that is half deleted is no model.
        fs::rename(&folder, &old).map_err(ModelsError::io("remove", &folder))?;
        fs::remove_dir_all(&old).map_err(ModelsError::io("remove", &old))?;
        let staging = self.staging(name);
        match fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ModelsError::io("remove", &staging)(error))
            }
            _ => Ok(()),
        }
    }

    fn old(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{OLD}"))
    }

    fn exchange(&self, name: &str, staging: &Path, folder: &Path) -> io::Result<()> {
        if !folder.exists() {
            return fs::rename(staging, folder);
        }
        let old = self.old(name);
        if renameat_with(CWD, staging, CWD, folder, RenameFlags::EXCHANGE).is_ok() {
            fs::rename(staging, &old)?;
            return fs::remove_dir_all(&old);
        }
        // Some file systems cannot exchange: then there is a moment without the model, and
        // `settle` ends it should it be our last.
        fs::rename(folder, &old)?;
        if let Err(error) = fs::rename(staging, folder) {
            fs::rename(&old, folder)?;
            return Err(error);
        }
        fs::remove_dir_all(&old)
    }

    /// Old folders: put back where nothing took their place, deleted where something did.
    fn settle(&self) -> Result<(), ModelsError> {
        let failed = || ModelsError::io("tidy up", &self.dir);
        for entry in fs::read_dir(&self.dir).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.and_then(|name| name.strip_suffix(OLD)) else {
                continue;
            };
            let folder = self.folder(name);
            if folder.exists() {
                fs::remove_dir_all(&path).map_err(ModelsError::io("remove", &path))?;
            } else {
                fs::rename(&path, &folder).map_err(ModelsError::io("replace", &folder))?;
            }
        }
        Ok(())
    }
}

/// Deletes what is not to be kept below a folder, and brings the rest to the disk.
fn tidy(dir: &Path, keep: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            tidy(&path, keep)?;
        } else if keep(&path) {
            sync(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    sync(dir)
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        _dir: tempfile::TempDir,
        models: PathBuf,
    }

    impl Scene {
        fn new() -> Scene {
            let dir = tempfile::tempdir().unwrap();
            let models = dir.path().join("deep/models");
            Scene { _dir: dir, models }
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.models.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// Every file below the folder of models, with its text.
        fn files(&self) -> Vec<String> {
            fn walk(dir: &Path, root: &Path, found: &mut Vec<String>) {
                for entry in fs::read_dir(dir).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        walk(&path, root, found);
                    } else if !path.ends_with(LOCK_FILE) {
                        let name = path.strip_prefix(root).unwrap().display().to_string();
                        let text = fs::read_to_string(&path).unwrap();
                        found.push(format!("{name}={text}"));
                    }
                }
            }
            let mut found = Vec::new();
            walk(&self.models, &self.models, &mut found);
            found.sort();
            found
        }
    }

    #[test]
    fn a_model_takes_its_place_and_leaves_nothing_beside_it() {
        let scene = Scene::new();
        let store = Store::open(&scene.models).unwrap();
        scene.write("m.new/a/w.bin", "1");
        scene.write("m.new/a/other.bin.part", "x");
        store.put("m", "page", &["a/w.bin"]).unwrap();
        assert_eq!(scene.files(), ["m/a/w.bin=1", "m/manifest.toml=page"]);
        scene.write("m.new/w.bin", "2");
        store.put("m", "page 2", &["w.bin"]).unwrap();
        assert_eq!(scene.files(), ["m/manifest.toml=page 2", "m/w.bin=2"]);
        store.remove("m").unwrap();
        assert!(scene.files().is_empty());
        assert!(store.room().unwrap() > 0);
    }

    #[test]
    fn an_exchange_cut_short_is_settled() {
        let scene = Scene::new();
        // Between two renames: the old one is out of its place, the new one not yet in.
        scene.write("cut.old/w.bin", "old");
        scene.write("cut.new/w.bin", "new");
        // After both: the old one waits to be deleted.
        scene.write("done.old/w.bin", "old");
        scene.write("done/w.bin", "new");
        drop(Store::open(&scene.models).unwrap());
        assert_eq!(
            scene.files(),
            ["cut.new/w.bin=new", "cut/w.bin=old", "done/w.bin=new"]
        );
    }

    #[test]
    fn one_at_a_time() {
        let scene = Scene::new();
        let store = Store::open(&scene.models).unwrap();
        let error = Store::open(&scene.models).unwrap_err();
        assert!(matches!(error, ModelsError::Busy(_)), "{error}");
        drop(store);
        Store::open(&scene.models).unwrap();
    }
}
