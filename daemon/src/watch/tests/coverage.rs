//! What is covered, what is not, and what happens when the watcher itself breaks.

use std::fs;
use std::path::Path;

use super::super::{Covered, Hint, Watched};
use super::{Driver, settings};

#[tokio::test]
async fn promise_09_what_no_watch_is_left_for_is_polled_and_said_to_be() {
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
        fs::write(root.join("gone"), "x").unwrap();
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
        fs::create_dir_all(root.join("a/b")).unwrap();
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
    driver
        .watcher
        .shared
        .with(super::super::state::State::break_off);
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
        .with(super::super::state::State::an_hour_passes);
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
