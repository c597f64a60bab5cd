//! The real kernel, real folders, and a small driver that does with hints what the
//! engine does. Nothing sleeps: each test waits on the channel for what it expects.

mod coverage;
mod promises;
mod random;
mod writing;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hippo_config::{FolderSettings, IgnoreSettings, WatchSettings};
use tempfile::TempDir;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::timeout;

use super::{Hint, Watched, Watcher};
use crate::scan::{Rules, Walk, WalkItem};

/// Far longer than anything here takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(1);

fn settings() -> WatchSettings {
    WatchSettings {
        settle_ms: 50,
        max_wait_ms: 400,
        rescan_minutes: 60,
        poll_seconds: 1,
        max_watches: None,
        hint_capacity: 16_384,
    }
}

/// A watched folder and who looks after it.
struct Driver {
    dir: TempDir,
    root: PathBuf,
    rules: Rules,
    watcher: Watcher,
    hints: Receiver<Hint>,
    /// Each file that a walk or a hint led to, with the content it then had.
    found: Vec<(PathBuf, String)>,
    /// Each hint, in order.
    told: Vec<Hint>,
}

impl Driver {
    async fn new(settings: WatchSettings, room: usize) -> Driver {
        Driver::prepared(settings, room, |_| {}).await
    }

    /// Watches `root` below a temporary folder, after `fill` has put files there.
    async fn prepared(
        settings: WatchSettings,
        capacity: usize,
        fill: impl FnOnce(&Path),
    ) -> Driver {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        fs::create_dir(&root).unwrap();
        fill(&root);
        let (sender, hints) = mpsc::channel(capacity);
        let watcher = Watcher::start(&settings, sender).unwrap();
        let folder = FolderSettings {
            path: root.clone(),
            exclude: vec![],
        };
        let ignore = IgnoreSettings {
            hidden: true,
            gitignore: true,
            build_folders: true,
            patterns: vec![],
        };
        let mut driver = Driver {
            rules: Rules::new(&folder, &ignore).unwrap(),
            dir,
            root,
            watcher,
            hints,
            found: Vec::new(),
            told: Vec::new(),
        };
        driver.watcher.add_root(&driver.root);
        driver.walk(&driver.root.clone());
        // Until the cookie comes back, the task may not have begun to listen.
        driver.sync().await;
        driver.told.clear();
        driver
    }

    fn walk(&mut self, from: &Path) {
        for item in Walk::new(&self.rules, from) {
            match item.unwrap() {
                WalkItem::Dir(dir) => {
                    self.watcher.watch_dir(&dir);
                }
                WalkItem::File(fact) => {
                    if let Ok(text) = fs::read_to_string(&fact.path) {
                        self.found.push((self.below(&fact.path), text));
                    }
                }
            }
        }
    }

    fn below(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    async fn hint(&mut self) -> Hint {
        let hint = timeout(PATIENCE, self.hints.recv()).await;
        hint.expect("a hint should have come")
            .expect("the watcher lives")
    }

    /// Takes the next hint and does what the engine does with it.
    async fn step(&mut self) -> Hint {
        let hint = self.hint().await;
        match &hint {
            Hint::Path(path) => self.walk(&path.clone()),
            Hint::Rescan { folder: None, .. } => self.walk(&self.root.clone()),
            Hint::Rescan {
                folder: Some(folder),
                ..
            } => self.walk(&folder.clone()),
        }
        self.told.push(hint.clone());
        hint
    }

    /// Goes on until `file` was found with `text` in it.
    async fn until(&mut self, file: &str, text: &str) {
        let wanted = (PathBuf::from(file), text.to_owned());
        while !self.found.contains(&wanted) {
            self.step().await;
        }
    }

    /// Goes on until all that happened so far has been told of.
    async fn sync(&mut self) {
        let cookies = self.dir.path().canonicalize().unwrap().join("cookies");
        fs::create_dir_all(&cookies).unwrap();
        assert_eq!(self.watcher.watch_cookies(&cookies), Watched::Yes);
        let cookie = cookies.join("cookie");
        fs::write(&cookie, "").unwrap();
        while self.step().await != Hint::Path(cookie.clone()) {}
        self.told.pop();
    }

    /// How often `file` was told of by its own name.
    fn times(&self, file: &str) -> usize {
        let hint = Hint::Path(self.path(file));
        self.told.iter().filter(|told| **told == hint).count()
    }

    /// How many files were found.
    fn files(&self) -> usize {
        let names: BTreeSet<&PathBuf> = self.found.iter().map(|(name, _)| name).collect();
        names.len()
    }
}
