//! Promises 11 to 15: what a file is, and what becomes of it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hippo_tests::client::hits;
use hippo_tests::worlds::Mount;
use hippo_tests::{Client, Daemon, TempHome, corpus, documents, proc};
use serde_json::Value;

/// By when the care of the table has taken what was deleted from the disk.
const CARE: Duration = Duration::from_mins(4);

/// The mount and the home that watches it, with so many files read.
fn drive(test: &str, files: usize) -> Option<(TempHome, Mount, Daemon)> {
    let mut home = TempHome::empty();
    home.set("watch.poll_seconds", 1);
    let at = home.root().join("drive");
    let mount = Mount::ext4(test, &home.root().join("drive.img"), 32, &at)?;
    for file in 0..files {
        fs::write(at.join(format!("{file}.txt")), corpus::mark("v", file)).unwrap();
    }
    home.watch(&at);
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_eq!(daemon.count("done"), files as u64);
    Some((home, mount, daemon))
}

fn made(client: &Client, path: &std::path::Path) -> (Value, Value) {
    let why = client.why(path);
    (why["done_at"].clone(), why["revision"].clone())
}

#[test]
fn promise_11_a_drive_that_is_mounted_again_is_not_read_again() {
    const FILES: usize = 50;
    let Some((mut home, mut mount, daemon)) = drive("promise 11", FILES) else {
        return;
    };
    let paths: Vec<PathBuf> = (0..FILES)
        .map(|file| mount.at().join(format!("{file}.txt")))
        .collect();
    let before: Vec<_> = paths
        .iter()
        .map(|path| made(daemon.client(), path))
        .collect();
    daemon.stop();
    // Another loop device lies between, so that the device number is another.
    mount.try_unmount().unwrap();
    let between = Mount::ext4(
        "promise 11",
        &home.root().join("other.img"),
        8,
        &home.root().join("other"),
    );
    mount.mount();
    home.without_workers();
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_eq!(daemon.count("done"), FILES as u64);
    let after: Vec<_> = paths
        .iter()
        .map(|path| made(daemon.client(), path))
        .collect();
    assert_eq!(before, after, "a remount made files be read again");
    for (file, path) in paths.iter().enumerate() {
        assert!(daemon.client().finds(&corpus::mark("v", file), path));
    }
    drop(daemon);
    drop(between);
}

#[test]
fn promise_12_unmounted_is_not_deleted() {
    const FILES: usize = 20;
    let Some((home, mut mount, daemon)) = drive("promise 12", FILES) else {
        return;
    };
    let before = daemon.client().status();
    mount.unmount();
    daemon.until("the folder is seen to be unavailable", |client| {
        let state = client.status()["folders"][0]["state"].clone();
        state == "unavailable" || state == "missing"
    });
    let status = daemon.client().status();
    assert_eq!(status["segments"], before["segments"], "rows were purged");
    // Nor does a start without the drive purge anything.
    daemon.stop();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    assert_eq!(status["index"]["rows"], before["index"]["rows"]);
    assert_ne!(status["folders"][0]["state"], "live");
    mount.mount();
    let path = mount.at().join("7.txt");
    daemon.until("the drive is back", |client| {
        client.status()["folders"][0]["state"] == "live"
            || client.status()["folders"][0]["state"] == "polled"
    });
    daemon.wait();
    assert!(daemon.client().finds(&corpus::mark("v", 7), &path));
    assert_eq!(
        daemon.client().status()["index"]["rows"],
        before["index"]["rows"]
    );
    // And while it is watched again, a real deletion counts.
    fs::remove_file(&path).unwrap();
    daemon.until("a deleted file is gone", |client| {
        client.paths(&corpus::mark("v", 7)).is_empty()
    });
    drop(daemon);
}

#[test]
fn promise_12_a_folder_that_vanished_keeps_its_rows() {
    let home = TempHome::new();
    for at in 0..10 {
        home.write(&format!("{at}.txt"), corpus::mark("gone", at));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let away = home.root().join("away");
    fs::rename(home.files(), &away).unwrap();
    daemon.until("the folder is missing", |client| {
        let state = client.status()["folders"][0]["state"].clone();
        state == "missing" || state == "unavailable"
    });
    assert_eq!(daemon.client().status()["index"]["rows"], 10);
    fs::rename(&away, home.files()).unwrap();
    daemon.until("it is back and answers", |client| {
        client.finds(&corpus::mark("gone", 3), &home.file("3.txt"))
            && client.status()["folders"][0]["state"] == "live"
    });
}

#[test]
fn promise_13_what_is_deleted_excluded_or_removed_is_gone_from_answers_and_from_the_disk() {
    let mut home = TempHome::new();
    let removed = home.root().join("removed");
    fs::create_dir(&removed).unwrap();
    home.watch(&removed);
    let deleted = "canarydeletedqzx";
    let excluded = "canaryexcludedqzx";
    let dropped = "canarydroppedqzx";
    home.write("secret.txt", format!("the {deleted} sings"));
    home.write("diary/secret.txt", format!("the {excluded} sings"));
    fs::write(removed.join("secret.txt"), format!("the {dropped} sings")).unwrap();
    for at in 0..50 {
        home.write(&format!("{at}.txt"), corpus::mark("stay", at));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    for canary in [deleted, excluded, dropped] {
        assert_eq!(daemon.client().paths(canary).len(), 1, "{canary}");
    }
    // Deleted, and by the command line removed.
    fs::remove_file(home.file("secret.txt")).unwrap();
    daemon.until("the deleted file is gone", |client| {
        client.paths(deleted).is_empty()
    });
    let output = home.hippo(&["remove", removed.to_str().unwrap()]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        daemon.client().paths(dropped).is_empty(),
        "a removed folder still answers"
    );
    daemon.stop();
    // Excluded by the settings.
    let text = fs::read_to_string(home.home().join("config.toml")).unwrap();
    assert!(
        !text.contains(removed.to_str().unwrap()),
        "the folder stays in the settings"
    );
    fs::write(
        home.home().join("config.toml"),
        text.replacen("exclude = []", "exclude = [\"diary/\"]", 1),
    )
    .unwrap();
    let daemon = Daemon::start_as_is(&home);
    daemon.wait();
    assert!(
        daemon.client().paths(excluded).is_empty(),
        "{}",
        daemon.client().why(&home.file("diary/secret.txt"))
    );
    let before = corpus::mark("stay", 7);
    assert!(daemon.client().finds(&before, &home.file("7.txt")));
    // The table's care takes them from the disk by itself: after a grace for readers of old
    // versions it drops the rows and the files that hold them.
    let standing = || -> Vec<String> {
        let mut standing = Vec::new();
        for path in corpus::files_below(&home.home()) {
            // A file may go while we look: that is what is waited for.
            let bytes = fs::read(&path).unwrap_or_default();
            for canary in [deleted, excluded, dropped] {
                if memmem(&bytes, canary.as_bytes()) {
                    standing.push(format!("{canary} in {}", path.display()));
                }
            }
        }
        standing
    };
    let mut left = Vec::new();
    let begun = Instant::now();
    daemon.until_within(CARE, "no canary stands on the disk", |_| {
        left = standing();
        if begun.elapsed() + Duration::from_secs(2) > CARE {
            eprintln!("still there: {left:#?}");
        }
        left.is_empty()
    });
    eprintln!("gone from the disk after {:?}", begun.elapsed());
    assert!(daemon.client().finds(&before, &home.file("7.txt")));
}

fn memmem(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn promise_14_a_file_that_changes_while_it_is_read_is_read_again() {
    let mut home = TempHome::new();
    home.set("worker.count", 1).set("worker.stall_ms", 60_000);
    home.write("first.txt", "the worker is awake");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let frozen = daemon.freeze_workers();
    assert!(!frozen.pids().is_empty(), "there is no worker to stop");
    let (old, new) = (corpus::mark("before", 14), corpus::mark("after", 14));
    let path = home.write("changing.txt", &old);
    daemon.until("the file is being read", |client| {
        client.status()["at_work"]
            .as_array()
            .unwrap()
            .iter()
            .any(|work| work["path"] == path.to_str().unwrap())
    });
    // Replaced: the worker holds the old file by its descriptor and will read the old text.
    let other = home.root().join("other.txt");
    fs::write(&other, &new).unwrap();
    fs::rename(&other, &path).unwrap();
    drop(frozen);
    daemon.until("the new text is found", |client| client.finds(&new, &path));
    assert!(
        daemon.client().paths(&old).is_empty(),
        "the dropped result is in the table"
    );
    daemon.wait();
    assert_eq!(daemon.client().status()["index"]["rows"], 2);
}

#[test]
fn promise_14_a_file_deleted_while_it_is_read_leaves_nothing() {
    let mut home = TempHome::new();
    home.set("worker.count", 1).set("worker.stall_ms", 60_000);
    home.write("first.txt", "the worker is awake");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let frozen = daemon.freeze_workers();
    let mark = corpus::mark("deleted", 14);
    let path = home.write("changing.txt", &mark);
    daemon.until("the file is being read", |client| {
        !client.status()["at_work"].as_array().unwrap().is_empty()
    });
    fs::remove_file(&path).unwrap();
    drop(frozen);
    daemon.wait();
    assert!(daemon.client().paths(&mark).is_empty());
    assert_eq!(daemon.client().status()["index"]["rows"], 1);
}

#[test]
fn promise_15_questions_are_as_fast_during_a_long_extraction() {
    const QUESTIONS: usize = 200;
    let mut home = TempHome::new();
    home.set("worker.count", 1).set("worker.stall_ms", 120_000);
    for at in 0..500 {
        home.write(
            &format!("{at}.txt"),
            format!("lantern {}", corpus::mark("q", at)),
        );
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let measure = || {
        let mut times: Vec<Duration> = (0..QUESTIONS)
            .map(|at| {
                let begun = Instant::now();
                let question = corpus::mark("q", at);
                assert_eq!(hits(&daemon.client().search(&question, 5)).len(), 1);
                begun.elapsed()
            })
            .collect();
        times.sort();
        (times[QUESTIONS / 2], times[QUESTIONS * 99 / 100])
    };
    measure();
    let quiet = measure();
    let frozen = daemon.freeze_workers();
    home.write(
        "long.pdf",
        documents::pdf("long", &["a long one".to_owned()]),
    );
    daemon.until("the long file is being read", |client| {
        !client.status()["at_work"].as_array().unwrap().is_empty()
    });
    let busy = measure();
    assert!(
        !daemon.client().status()["at_work"]
            .as_array()
            .unwrap()
            .is_empty(),
        "it was no long extraction"
    );
    drop(frozen);
    eprintln!("p50 and p99: quiet {quiet:?}, during an extraction {busy:?}");
    // The same, within what two busy cores wobble.
    let bound = quiet.1 * 3 + Duration::from_millis(30);
    assert!(busy.1 <= bound, "p99 {:?} instead of {:?}", busy.1, quiet.1);
    daemon.wait();
}

#[test]
fn the_same_content_at_two_paths_is_read_once() {
    let mut home = TempHome::new();
    let content = documents::pdf(
        "twice",
        &[format!("{} stands here", corpus::mark("twin", 1))],
    );
    home.write("one.pdf", &content);
    let daemon = Daemon::start(&home);
    daemon.wait();
    daemon.stop();
    home.without_workers();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let copy = home.write("elsewhere/copy.pdf", &content);
    daemon.until("the copy answers without a worker", |client| {
        client.finds(&corpus::mark("twin", 1), &copy)
    });
    assert!(
        daemon
            .client()
            .finds(&corpus::mark("twin", 1), &home.file("one.pdf"))
    );
    // The first may go; the other stays.
    fs::remove_file(home.file("one.pdf")).unwrap();
    daemon.until("only the copy answers", |client| {
        client.paths(&corpus::mark("twin", 1)) == [copy.clone()]
    });
    assert_eq!(proc::children(daemon.pid()).len(), 0);
}
