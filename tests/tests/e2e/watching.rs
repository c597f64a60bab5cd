//! Promises 1 to 10: nothing that happens to a watched folder is lost.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hippo_tests::client::text;
use hippo_tests::daemon::count;
use hippo_tests::fuse::FuseDrive;
use hippo_tests::{Client, Daemon, TempHome, corpus, proc, skip};
use rustix::process::Signal;
use serde_json::Value;

/// What changes when a file is read again.
fn made(client: &Client, path: &Path) -> (Value, Value, Value) {
    let why = client.why(path);
    assert_eq!(why["state"], "done", "{why}");
    (
        why["done_at"].clone(),
        why["revision"].clone(),
        why["content"].clone(),
    )
}

fn all_made(client: &Client, paths: &[PathBuf]) -> BTreeMap<PathBuf, (Value, Value, Value)> {
    paths
        .iter()
        .map(|path| (path.clone(), made(client, path)))
        .collect()
}

#[test]
fn promise_01_a_queue_that_overflows_leads_to_a_scan_that_finds_all() {
    const FILES: usize = 12_000;
    let mut home = TempHome::new();
    home.set("watch.hint_capacity", 1_024);
    let daemon = Daemon::start(&home);
    daemon.wait();
    // The reader stands still while more happens than the kernel's queue holds: each file is
    // created, opened, written and closed, and the queue holds 16,384 events.
    daemon.signal(Signal::STOP);
    for at in 0..FILES {
        let name = format!("{}/{at}.txt", at % 40);
        home.write(&name, corpus::mark("o", at));
    }
    daemon.signal(Signal::CONT);
    daemon.until("every file is known", |client| {
        client.status()["folders"][0]["files"] == FILES
    });
    daemon.wait();
    assert_eq!(daemon.count("done"), FILES as u64);
    for at in [0, 1, FILES / 2, FILES - 1] {
        let path = home.file(&format!("{}/{at}.txt", at % 40));
        assert!(daemon.client().finds(&corpus::mark("o", at), &path));
    }
}

#[test]
fn promise_02_a_file_ten_folders_deep_made_at_once_is_found() {
    let home = TempHome::new();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let mut expected = Vec::new();
    for round in 0..20 {
        let mark = corpus::mark("deep", round);
        let path = home.write(&format!("{round}/1/2/3/4/5/6/7/8/9/10/deep.txt"), &mark);
        expected.push((mark, path));
    }
    for (mark, path) in expected {
        daemon.until("the deepest file is found", |client| {
            client.finds(&mark, &path)
        });
    }
}

#[test]
fn promise_03_a_folder_removed_and_made_again_is_still_watched() {
    let home = TempHome::new();
    home.write("d/old.txt", corpus::mark("old", 3));
    let daemon = Daemon::start(&home);
    daemon.wait();
    fs::remove_dir_all(home.file("d")).unwrap();
    fs::create_dir(home.file("d")).unwrap();
    daemon.until("the old file is gone", |client| {
        client.paths(&corpus::mark("old", 3)).is_empty()
    });
    daemon.wait();
    let path = home.write("d/new.txt", corpus::mark("new", 3));
    daemon.until("the new file is found", |client| {
        client.finds(&corpus::mark("new", 3), &path)
    });
    // It was the watch that told, not a scan by the hour.
    assert_eq!(daemon.client().status()["folders"][0]["state"], "live");
}

#[test]
fn promise_04_a_renamed_folder_is_not_read_again_and_its_new_paths_answer() {
    const FILES: usize = 300;
    let mut home = TempHome::new();
    for at in 0..FILES {
        home.write(&format!("a/{}/{at}.txt", at % 9), corpus::mark("r", at));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    daemon.stop();
    // From here on nothing can be read: there is no worker.
    home.without_workers();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let names = |top: &str| -> Vec<PathBuf> {
        (0..FILES)
            .map(|at| home.file(&format!("{top}/{}/{at}.txt", at % 9)))
            .collect()
    };
    let before = all_made(daemon.client(), &names("a"));
    let moved = |from: &str, to: &str| {
        fs::rename(home.file(from), home.file(to)).unwrap();
        daemon.until("the new paths answer", |client| {
            let last = names(to).pop().unwrap();
            let status = client.status();
            client.finds(&corpus::mark("r", FILES - 1), &last)
                && status["fresh"]["pending"] == 0
                && client.state_of(&names(from)[0]) != "done"
        });
        daemon.wait();
        assert_eq!(daemon.count("done"), FILES as u64);
        for (at, path) in names(to).iter().enumerate() {
            assert_eq!(
                &daemon.client().paths(&corpus::mark("r", at)),
                std::slice::from_ref(path)
            );
        }
    };
    moved("a", "b");
    // Back, and half-way through to a third name: the last one counts.
    fs::rename(home.file("b"), home.file("a")).unwrap();
    moved("a", "c");
    let after = all_made(daemon.client(), &names("c"));
    for (old, new) in before.values().zip(after.values()) {
        assert_eq!(old, new, "a renamed file was read again");
    }
    // A single file, too, and into another folder.
    fs::create_dir(home.file("d")).unwrap();
    fs::rename(home.file("c/0/0.txt"), home.file("d/zero.md")).unwrap();
    let path = home.file("d/zero.md");
    daemon.until("the renamed file answers", |client| {
        client.paths(&corpus::mark("r", 0)) == [path.clone()]
    });
}

#[test]
fn promise_04_a_renamed_folder_has_its_new_paths_in_the_table() {
    let home = TempHome::new();
    for at in 0..40 {
        home.write(&format!("a/{at}.txt"), corpus::mark("t", at));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    fs::rename(home.file("a"), home.file("b")).unwrap();
    let path = home.file("b/39.txt");
    daemon.until("the new path answers", |client| {
        client.finds(&corpus::mark("t", 39), &path)
    });
    daemon.wait();
    daemon.stop();
    let rows = hippo_tests::table::rows(&home);
    assert_eq!(rows.len(), 40);
    let below = format!("{}/", home.file("b").display());
    for row in rows {
        assert!(row.path.starts_with(&below), "{}", row.path);
    }
}

#[test]
fn promise_05_save_over_and_a_replaced_folder_give_the_new_content() {
    let home = TempHome::new();
    let note = home.write("note.txt", corpus::mark("first", 5));
    home.write("book/one.txt", corpus::mark("one", 5));
    home.write("book/two.txt", corpus::mark("two", 5));
    let daemon = Daemon::start(&home);
    daemon.wait();
    for round in 0..5 {
        // As editors save: the new text under another name, then renamed over the old.
        let mark = corpus::mark("saved", round);
        let temporary = home.write(&format!("note.txt.tmp{round}"), &mark);
        fs::rename(temporary, &note).unwrap();
        daemon.until("the saved text is found", |client| {
            client.finds(&mark, &note)
        });
    }
    assert!(daemon.client().paths(&corpus::mark("first", 5)).is_empty());
    // A whole folder gives way to another of the same name.
    let new = home.root().join("new-book");
    fs::create_dir(&new).unwrap();
    fs::write(new.join("one.txt"), corpus::mark("uno", 5)).unwrap();
    fs::rename(home.file("book"), home.root().join("old-book")).unwrap();
    fs::rename(&new, home.file("book")).unwrap();
    let one = home.file("book/one.txt");
    daemon.until("the new folder is found and the old is gone", |client| {
        client.finds(&corpus::mark("uno", 5), &one)
            && client.paths(&corpus::mark("one", 5)).is_empty()
            && client.paths(&corpus::mark("two", 5)).is_empty()
    });
}

#[test]
fn promise_06_a_slow_copy_is_read_once_when_it_is_whole() {
    const PIECES: usize = 25;
    let mut home = TempHome::new();
    home.set("watch.settle_ms", 400)
        .set("watch.max_wait_ms", 60_000);
    let before = home.write("before.txt", "committed before");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let path = home.file("copy.txt");
    let mut file = fs::File::create(&path).unwrap();
    for at in 0..PIECES {
        writeln!(
            file,
            "{} {}",
            corpus::mark("piece", at),
            "word ".repeat(200)
        )
        .unwrap();
        file.flush().unwrap();
        // The slow medium that is copied from.
        std::thread::sleep(Duration::from_millis(80));
    }
    drop(file);
    daemon.until("the copy is found", |client| {
        client.finds(&corpus::mark("piece", PIECES - 1), &path)
    });
    // Each commit takes the next revision: there was just one.
    let revision = |path: &Path| daemon.client().why(path)["revision"].as_u64().unwrap();
    assert_eq!(
        revision(&path),
        revision(&before) + 1,
        "read more than once"
    );
}

#[test]
fn promise_06_a_log_that_never_rests_is_read_within_the_longest_wait() {
    let mut home = TempHome::new();
    home.set("watch.settle_ms", 1_000)
        .set("watch.max_wait_ms", 1_500);
    let daemon = Daemon::start(&home);
    daemon.wait();
    let path = home.file("endless.txt");
    let found = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Opened to append, as programs open their logs.
            let mut file = fs::File::options()
                .create(true)
                .append(true)
                .open(&path)
                .unwrap();
            let mut at = 0;
            while !found.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_mins(1) {
                writeln!(file, "line {} {at}", corpus::mark("log", 1)).unwrap();
                at += 1;
                // The program that logs.
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        daemon.until_within(Duration::from_secs(50), "the log is found", |client| {
            client.finds(&corpus::mark("log", 1), &path)
        });
        found.store(true, Ordering::Relaxed);
    });
    let took = begun.elapsed();
    eprintln!("a log that never rests was found after {took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn promise_07_a_start_over_unchanged_files_reads_none_of_them() {
    const FILES: usize = 3_000;
    let mut home = TempHome::new();
    for at in 0..FILES {
        home.write(&format!("{}/{at}.txt", at % 30), corpus::mark("u", at));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let paths: Vec<PathBuf> = (0..FILES)
        .step_by(100)
        .map(|at| home.file(&format!("{}/{at}.txt", at % 30)))
        .collect();
    let before = all_made(daemon.client(), &paths);
    daemon.stop();
    home.without_workers();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    assert_eq!(count(&status, "done"), FILES as u64);
    assert_eq!(status["segments"], FILES);
    assert_eq!(all_made(daemon.client(), &paths), before);
    eprintln!(
        "{FILES} unchanged files: {} MiB",
        proc::rss(daemon.pid()) >> 20
    );
    // What changed while nobody watched is found by the same scan.
    daemon.stop();
    home.unset("worker.program");
    home.write("0/0.txt", corpus::mark("changed", 7));
    fs::remove_file(home.file("1/1.txt")).unwrap();
    home.write("new.txt", corpus::mark("new", 7));
    let daemon = Daemon::start(&home);
    daemon.wait();
    let client = daemon.client();
    assert!(client.finds(&corpus::mark("changed", 7), &home.file("0/0.txt")));
    assert!(client.finds(&corpus::mark("new", 7), &home.file("new.txt")));
    assert!(client.paths(&corpus::mark("u", 0)).is_empty());
    assert!(client.paths(&corpus::mark("u", 1)).is_empty());
    assert_eq!(daemon.count("done"), FILES as u64);
}

// Promise 8 is among the crashes.

#[test]
fn promise_09_when_watches_run_out_the_rest_is_polled_and_the_status_says_so() {
    const FOLDERS: u64 = 300;
    const WATCHES: u64 = 100;
    let mut home = TempHome::new();
    home.set("watch.max_watches", WATCHES)
        .set("watch.poll_seconds", 1);
    for at in 0..FOLDERS {
        home.write(&format!("{at:03}/a.txt"), corpus::mark("w", at as usize));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    let watched = status["watch"]["watched_dirs"].as_u64().unwrap();
    let polled = status["watch"]["polled_dirs"].as_u64().unwrap();
    assert!(watched <= WATCHES, "{watched} folders are watched");
    // The folder itself, those in it, and perhaps one of hippo's own.
    assert!(
        (FOLDERS + 1..=FOLDERS + 2).contains(&(watched + polled)),
        "{}",
        status["watch"]
    );
    assert_eq!(status["folders"][0]["state"], "polled", "{status:#}");
    assert!(
        !text(&status["folders"][0]["why"]).is_empty()
            || !status["watch"]["notes"].as_array().unwrap().is_empty(),
        "nothing says that a part is polled: {status:#}"
    );
    // Everywhere changes are found, watched or not.
    for at in [0, FOLDERS / 2, FOLDERS - 1] {
        let mark = corpus::mark("late", at as usize);
        let path = home.write(&format!("{at:03}/late.txt"), &mark);
        daemon.until("a change in a polled folder is found", |client| {
            client.finds(&mark, &path)
        });
    }
}

#[test]
fn promise_10_a_file_system_that_tells_of_no_changes_is_polled_and_the_status_says_why() {
    let mut home = TempHome::empty();
    home.set("watch.poll_seconds", 1);
    let Some(drive) = FuseDrive::mount("promise 10", &home.root().join("strange")) else {
        return;
    };
    drive.write("before.txt", &corpus::mark("before", 10));
    let daemon = Daemon::start(&home);
    let added = home.hippo(&["add", drive.at().to_str().unwrap()]);
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    daemon.wait();
    let status = daemon.client().status();
    let folder = &status["folders"][0];
    assert_eq!(folder["state"], "polled", "{folder}");
    assert!(text(&folder["why"]).contains("FUSE"), "{folder}");
    let client = daemon.client();
    assert!(client.finds(&corpus::mark("before", 10), &drive.at().join("before.txt")));
    // Another machine writes: no event comes of it here.
    drive.write("after.txt", &corpus::mark("after", 10));
    daemon.until("a new file is found by polling", |client| {
        client.finds(&corpus::mark("after", 10), &drive.at().join("after.txt"))
    });
    drop(daemon);
}

#[test]
fn promise_10_an_unknown_file_system_is_polled_and_the_status_says_why() {
    // proc(5) is on no list of file systems that a person keeps files on.
    let folder = Path::new("/proc/tty");
    if !folder.is_dir() {
        skip("an unknown file system", "there is no /proc/tty");
        return;
    }
    let home = TempHome::empty();
    let daemon = Daemon::start(&home);
    let added = home.hippo(&["add", folder.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&added.stderr).into_owned();
    if added.status.success() {
        daemon.wait();
        let status = daemon.client().status();
        let folder = &status["folders"][0];
        assert_eq!(folder["state"], "polled", "{folder}");
        assert!(text(&folder["why"]).contains("unknown"), "{folder}");
    } else {
        assert!(
            said.contains("file system"),
            "refused without a reason: {said}"
        );
    }
}
