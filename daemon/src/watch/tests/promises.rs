//! What is made, moved and deleted is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::super::{Covered, Hint, Watched};
use super::{Driver, settings};

#[tokio::test(flavor = "multi_thread")]
async fn promise_01_twelve_thousand_files_in_a_second_with_a_stalled_reader_are_all_found() {
    // Room for one hint, and nobody takes it until all files are written.
    let mut settings = settings();
    settings.hint_capacity = 1_000;
    let mut driver = Driver::new(settings, 1).await;
    let names: BTreeSet<PathBuf> = (0..12_000).map(|n| format!("f{n:05}").into()).collect();
    for name in &names {
        fs::write(driver.root.join(name), "x").unwrap();
    }
    while driver.files() < names.len() {
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
async fn promise_01_an_overflow_of_the_kernels_own_queue_is_a_rescan() {
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
    assert_eq!(driver.files(), limit / 2 + 1);
    fs::write(driver.path("after"), "still watching").unwrap();
    driver.until("after", "still watching").await;
}

#[tokio::test]
async fn promise_02_ten_levels_made_at_once_are_found_to_the_deepest() {
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
async fn promise_03_a_folder_deleted_and_made_anew_is_watched_again() {
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
async fn promise_03_the_watched_folder_itself_deleted_and_made_anew() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::write(root.join("a"), "1").unwrap();
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
async fn promise_03_a_folder_whose_parents_come_and_go() {
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
async fn a_folder_that_is_moved_out_is_let_go() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::create_dir_all(root.join("d/e")).unwrap();
    })
    .await;
    assert_eq!(driver.watcher.coverage().watched_dirs, 3);
    let outside = driver.root.with_file_name("outside");
    fs::rename(driver.path("d"), &outside).unwrap();
    fs::write(outside.join("e/f"), "not ours any more").unwrap();
    driver.sync().await;
    fs::write(outside.join("e/g"), "nor this").unwrap();
    driver.sync().await;
    assert_eq!(driver.watcher.coverage().watched_dirs, 1);
    assert_eq!(driver.times("d/e/g"), 0);
    fs::rename(&outside, driver.path("d")).unwrap();
    driver.until("d/e/g", "nor this").await;
    fs::write(driver.path("d/e/h"), "ours again").unwrap();
    driver.until("d/e/h", "ours again").await;
}

#[tokio::test]
async fn promise_04_both_ends_of_a_rename_are_neighbours() {
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
