//! When a file that is written to is told of.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::super::Hint;
use super::{Driver, settings};

#[tokio::test]
async fn promise_05_saving_over_by_renaming_is_found() {
    let mut driver = Driver::prepared(settings(), 64, |root| {
        fs::write(root.join("note"), "1").unwrap();
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
async fn promise_06_a_log_that_is_never_closed_is_told_of_while_it_grows() {
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
async fn promise_06_a_slow_copy_is_told_of_once() {
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
