//! The real kernel, real folders, and a small driver that does with hints what the
//! engine does. Nothing sleeps: each test waits on the channel for what it expects.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hippo_config::{FolderSettings, IgnoreSettings, WatchSettings};
use tempfile::TempDir;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::timeout;

use super::{Covered, Hint, Watched, Watcher};
use crate::scan::{Rules, Walk, WalkItem};

/// Far longer than anything here takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

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

    /// Watches `root` below a temporary folder, after `prepare` has filled it.
    async fn prepared(settings: WatchSettings, room: usize, prepare: impl FnOnce(&Path)) -> Driver {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        fs::create_dir(&root).unwrap();
        prepare(&root);
        let (sender, hints) = mpsc::channel(room);
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
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_1_twelve_thousand_files_in_a_second_with_a_stalled_reader_are_all_found() {
    // Room for one hint, and nobody takes it until all files are written.
    let mut settings = settings();
    settings.hint_capacity = 1_000;
    let mut driver = Driver::new(settings, 1).await;
    let names: BTreeSet<PathBuf> = (0..12_000).map(|n| format!("f{n:05}").into()).collect();
    for name in &names {
        fs::write(driver.root.join(name), "x").unwrap();
    }
    while driver
        .found
        .iter()
        .map(|(name, _)| name)
        .collect::<BTreeSet<_>>()
        .len()
        < names.len()
    {
        driver.step().await;
    }
    assert!(
        driver
            .told
            .iter()
            .any(|hint| matches!(hint, Hint::Rescan { folder: None, .. }))
    );
}

#[tokio::test]
async fn promise_1_an_overflow_of_the_kernels_own_queue_is_a_rescan() {
    // One thread: while this test writes, the task cannot read.
    let mut driver = Driver::new(settings(), 64).await;
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    // Each gives more than one event; equal ones would be merged by the kernel.
    for n in 0..=limit / 2 {
        fs::write(driver.path(&format!("f{n}")), "").unwrap();
    }
    loop {
        if let Hint::Rescan { folder: None, why } = driver.step().await {
            assert!(why.contains("overflow"), "{why}");
            break;
        }
    }
    assert_eq!(
        driver
            .found
            .iter()
            .map(|(name, _)| name)
            .collect::<BTreeSet<_>>()
            .len(),
        limit / 2 + 1
    );
    fs::write(driver.path("after"), "still watching").unwrap();
    driver.until("after", "still watching").await;
}

#[tokio::test]
async fn promise_2_ten_levels_made_at_once_are_found_to_the_deepest() {
    let mut driver = Driver::new(settings(), 64).await;
    let deep = "a/b/c/d/e/f/g/h/i/j";
    fs::create_dir_all(driver.path(deep)).unwrap();
    fs::write(driver.path(deep).join("file"), "deep").unwrap();
    driver.until(&format!("{deep}/file"), "deep").await;
    // And each level is watched by now.
    fs::write(driver.path(deep).join("later"), "too").unwrap();
    driver.until(&format!("{deep}/later"), "too").await;
}

#[tokio::test]
async fn promise_3_a_folder_deleted_and_made_anew_is_watched_again() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::create_dir(root.join("d")).unwrap();
        fs::write(root.join("d/old"), "old").unwrap();
    })
    .await;
    for round in 0..8 {
        let text = format!("round {round}");
        fs::remove_dir_all(driver.path("d")).unwrap();
        fs::create_dir(driver.path("d")).unwrap();
        driver.sync().await;
        fs::write(driver.path("d/f"), &text).unwrap();
        driver.until("d/f", &text).await;
    }
}

#[tokio::test]
async fn promise_3_the_watched_folder_itself_deleted_and_made_anew() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::write(root.join("a"), "1").unwrap()
    })
    .await;
    for round in 0..8 {
        let text = format!("round {round}");
        fs::remove_dir_all(&driver.root).unwrap();
        while driver.step().await != Hint::Path(driver.root.clone()) {}
        fs::create_dir(&driver.root).unwrap();
        driver.sync().await;
        fs::write(driver.path("f"), &text).unwrap();
        driver.until("f", &text).await;
    }
    assert_eq!(driver.watcher.coverage().folders[0].state, Covered::Live);
}

#[tokio::test]
async fn promise_3_a_folder_whose_parents_come_and_go() {
    let mut driver = Driver::new(settings(), 64).await;
    let outer = driver.dir.path().canonicalize().unwrap();
    let far = outer.join("x/y/far");
    assert_eq!(driver.watcher.add_root(&far), Watched::Yes);
    let state = |driver: &Driver| {
        driver
            .watcher
            .coverage()
            .folders
            .into_iter()
            .find(|f| f.path.ends_with("far"))
            .unwrap()
            .state
    };
    assert!(matches!(state(&driver), Covered::Polled { why } if why.contains("not there")));
    // The driver's walk has the rules of another folder, so watch by hand.
    for round in 0..3 {
        fs::create_dir_all(&far).unwrap();
        while driver.step().await != Hint::Path(far.clone()) {}
        driver.sync().await;
        assert_eq!(driver.watcher.watch_dir(&far), Watched::Yes);
        fs::write(far.join("f"), format!("{round}")).unwrap();
        while driver.step().await != Hint::Path(far.join("f")) {}
        assert_eq!(state(&driver), Covered::Live);
        fs::rename(outer.join("x"), outer.join("z")).unwrap();
        while driver.step().await != Hint::Path(far.clone()) {}
        driver.sync().await;
        assert_ne!(state(&driver), Covered::Live);
        fs::remove_dir_all(outer.join("z")).unwrap();
    }
}

#[tokio::test]
async fn promise_4_both_ends_of_a_rename_are_neighbours() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::create_dir_all(root.join("old/deep")).unwrap();
        fs::write(root.join("old/deep/f"), "f").unwrap();
        fs::write(root.join("a"), "a").unwrap();
    })
    .await;
    fs::rename(driver.path("a"), driver.path("b")).unwrap();
    fs::rename(driver.path("old"), driver.path("new")).unwrap();
    driver.sync().await;
    let expected = ["a", "b", "old", "new"].map(|name| Hint::Path(driver.path(name)));
    assert_eq!(driver.told, expected);
    // What happens in the moved folder is told of under its new name.
    fs::write(driver.path("new/deep/g"), "g").unwrap();
    driver.until("new/deep/g", "g").await;
    assert!(
        driver
            .told
            .iter()
            .all(|hint| *hint != Hint::Path(driver.path("old/deep/g")))
    );
    // Half-way back, and on.
    fs::rename(driver.path("new"), driver.path("old")).unwrap();
    fs::write(driver.path("old/deep/h"), "h").unwrap();
    driver.until("old/deep/h", "h").await;
}

#[tokio::test]
async fn promise_5_saving_over_by_renaming_is_found() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::write(root.join("note"), "1").unwrap()
    })
    .await;
    for round in 0..5 {
        let text = format!("saved {round}");
        fs::write(driver.path("note.tmp"), &text).unwrap();
        fs::rename(driver.path("note.tmp"), driver.path("note")).unwrap();
        driver.until("note", &text).await;
    }
    // A whole folder replaced.
    fs::create_dir_all(driver.path("site")).unwrap();
    fs::write(driver.path("site/page"), "old").unwrap();
    driver.until("site/page", "old").await;
    fs::create_dir_all(driver.path(".next/sub")).unwrap();
    fs::write(driver.path(".next/page"), "new").unwrap();
    fs::write(driver.path(".next/sub/page"), "sub").unwrap();
    fs::rename(driver.path("site"), driver.path(".last")).unwrap();
    fs::rename(driver.path(".next"), driver.path("site")).unwrap();
    driver.until("site/page", "new").await;
    driver.until("site/sub/page", "sub").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_6_a_log_that_is_never_closed_is_told_of_while_it_grows() {
    let mut driver = Driver::new(settings(), 64).await;
    let mut log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(driver.path("log"))
        .unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        // A line every five milliseconds: it never rests for the fifty of the settings.
        while stopped.recv_timeout(Duration::from_millis(5)).is_err() {
            log.write_all(b"line\n").unwrap();
        }
    });
    for _ in 0..3 {
        while driver.step().await != Hint::Path(driver.path("log")) {}
    }
    stop.send(()).unwrap();
    writer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_6_a_slow_copy_is_told_of_once() {
    let mut driver = Driver::new(settings(), 64).await;
    let mut copy = fs::File::create(driver.path("film")).unwrap();
    let target = driver.path("film");
    let writer = std::thread::spawn(move || {
        // Two seconds with pauses of 100 ms: longer than settle, and five times the cap.
        let (_never, pause) = std::sync::mpsc::channel::<()>();
        for _ in 0..20 {
            copy.write_all(&[b'x'; 1_000]).unwrap();
            let _ = pause.recv_timeout(Duration::from_millis(100));
        }
        drop(copy);
        fs::write(target.with_file_name("end"), "end").unwrap();
    });
    driver.until("end", "end").await;
    writer.join().unwrap();
    driver.sync().await;
    assert_eq!(driver.times("film"), 1);
    let film: Vec<_> = driver
        .found
        .iter()
        .filter(|(name, _)| name == Path::new("film"))
        .collect();
    assert!(film.iter().any(|(_, text)| text.len() == 20_000));
}

#[tokio::test]
async fn promise_9_what_no_watch_is_left_for_is_polled_and_said_to_be() {
    let mut settings = settings();
    settings.max_watches = Some(10);
    let mut driver = Driver::prepared(settings, 64, |root| {
        for n in 0..30 {
            fs::create_dir_all(root.join(format!("d{n:02}/e"))).unwrap();
        }
    })
    .await;
    let coverage = driver.watcher.coverage();
    assert_eq!(coverage.polled_dirs, 61 - 10);
    let Covered::Partial {
        watched: 10,
        polled: 51,
        why,
    } = &coverage.folders[0].state
    else {
        panic!("{coverage:?}")
    };
    assert!(why.contains("max_user_watches"), "{why}");
    assert!(
        coverage.notes[0].contains("51 of 61"),
        "{:?}",
        coverage.notes
    );
    // Found by the clock, in a directory that is not watched.
    fs::write(driver.path("d29/e/f"), "polled").unwrap();
    driver.until("d29/e/f", "polled").await;
    fs::write(driver.path("d29/e/f"), "changed").unwrap();
    driver.until("d29/e/f", "changed").await;
    // When there is room again, the next round takes it.
    fs::remove_dir_all(driver.path("d00")).unwrap();
    for n in 10..30 {
        fs::remove_dir_all(driver.path(&format!("d{n}"))).unwrap();
    }
    while driver.watcher.coverage().polled_dirs > 9 {
        driver.step().await;
    }
    assert!(driver.watcher.coverage().watched_dirs <= 11);
}

#[tokio::test]
async fn promise_10_an_unknown_file_system_is_polled_and_says_so() {
    let mut driver = Driver::new(settings(), 64).await;
    let proc = Path::new("/proc/self/net");
    let Watched::Unsupported(why) = driver.watcher.add_root(proc) else {
        panic!("it is watched")
    };
    assert!(why.contains("unknown type"), "{why}");
    let coverage = driver.watcher.coverage();
    let found = coverage
        .folders
        .iter()
        .find(|folder| folder.path == proc)
        .unwrap();
    assert!(matches!(&found.state, Covered::Polled { why } if why.contains("unknown type")));
    loop {
        if let Hint::Rescan {
            folder: Some(folder),
            ..
        } = driver.hint().await
        {
            assert_eq!(folder, proc);
            break;
        }
    }
    driver.watcher.remove_root(proc);
    assert_eq!(driver.watcher.coverage().polled_dirs, 0);
}

#[tokio::test]
async fn promise_23_a_cookie_comes_after_everything_before_it() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::write(root.join("gone"), "x").unwrap()
    })
    .await;
    for round in 0..50 {
        let text = format!("{round}");
        fs::write(driver.path("same"), &text).unwrap();
        fs::create_dir(driver.path(&text)).unwrap();
        fs::write(driver.path(&text).join("f"), &text).unwrap();
        driver.sync().await;
        // The new folder is walked for its own hint; its file needs no second one.
        for file in ["same", &format!("{round}/f")] {
            assert!(
                driver.found.contains(&(file.into(), text.clone())),
                "{file} in round {round}"
            );
        }
    }
    fs::remove_file(driver.path("gone")).unwrap();
    driver.sync().await;
    assert_eq!(driver.times("gone"), 1);
}

#[tokio::test]
async fn a_folder_that_is_let_go_is_silent_and_one_within_it_is_not() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::create_dir_all(root.join("a/b")).unwrap()
    })
    .await;
    let inner = driver.path("a");
    driver.watcher.add_root(&inner);
    driver.watcher.remove_root(&driver.root);
    let Hint::Rescan { folder, .. } = driver.hint().await else {
        panic!("the inner one is walked")
    };
    assert_eq!(folder, Some(inner.clone()));
    driver.watcher.watch_dir(&inner);
    driver.watcher.watch_dir(&inner.join("b"));
    fs::write(driver.path("outer"), "x").unwrap();
    fs::write(inner.join("inner"), "x").unwrap();
    driver.sync().await;
    assert_eq!(driver.told, [Hint::Path(inner.join("inner"))]);
    let coverage = driver.watcher.coverage();
    assert_eq!(coverage.folders.len(), 1);
    assert_eq!(coverage.watched_dirs, 2);
}

#[tokio::test]
async fn a_panic_in_the_task_is_a_restart_and_a_rescan() {
    let mut driver = Driver::new(settings(), 64).await;
    driver.watcher.shared.with(super::state::State::break_off);
    fs::write(driver.path("meanwhile"), "unseen").unwrap();
    let Hint::Rescan { folder: None, why } = driver.step().await else {
        panic!("{:?}", driver.told)
    };
    assert!(why.contains("anew"), "{why}");
    driver.until("meanwhile", "unseen").await;
    fs::write(driver.path("after"), "seen").unwrap();
    driver.until("after", "seen").await;
}

#[tokio::test]
async fn the_regular_look_comes_by_the_clock() {
    let mut driver = Driver::new(settings(), 64).await;
    driver
        .watcher
        .shared
        .with(super::state::State::an_hour_passes);
    let Hint::Rescan { folder: None, why } = driver.step().await else {
        panic!("{:?}", driver.told)
    };
    assert!(why.contains("regular"), "{why}");
}

#[tokio::test]
async fn the_watcher_ends_with_its_receiver() {
    let driver = Driver::new(settings(), 64).await;
    let Driver { watcher, hints, .. } = driver;
    drop(hints);
    while !watcher.task.0.is_finished() {
        tokio::task::yield_now().await;
    }
}
