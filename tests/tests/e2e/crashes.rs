//! Kill -9 anywhere: what is there afterwards is what a fresh build would have made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hippo_tests::daemon::count;
use hippo_tests::{Daemon, Rng, TempHome, corpus, documents, table};

/// Files of the world that is killed.
const FILES: usize = 2_000;
/// How often it is killed.
const KILLS: usize = 50;

/// A folder of small files of all sorts: notes, Chinese notes, PDFs, subtitles, pages, and the
/// same content at several paths.
fn sow(dir: &Path, rng: &mut Rng, files: usize) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::with_capacity(files);
    for at in 0..files {
        let mark = corpus::mark("k", at);
        let folder = dir
            .join(format!("part-{}", at % 23))
            .join(format!("{}", at % 7));
        fs::create_dir_all(&folder).unwrap();
        let (name, content): (String, Vec<u8>) = match at % 10 {
            0 => {
                let pages: Vec<String> = (0..=rng.below(3))
                    .map(|page| format!("{mark} page {page}. {}", corpus::words(rng, 60, 900)))
                    .collect();
                (format!("{at}.pdf"), documents::pdf(&mark, &pages))
            }
            1 => {
                let lines: Vec<String> = (0..30)
                    .map(|line| format!("{mark} {line} {}", corpus::words(rng, 6, 500)))
                    .collect();
                (format!("{at}.srt"), documents::srt(&lines).into_bytes())
            }
            2 => (
                format!("{at}.txt"),
                format!("{mark}。{}", corpus::han(rng, 200)).into_bytes(),
            ),
            // The same bytes as a file before it.
            3 if at > 20 => {
                let twin = paths[rng.below(paths.len())].clone();
                let ending = twin.extension().unwrap().to_str().unwrap().to_owned();
                (format!("{at}-copy.{ending}"), fs::read(twin).unwrap())
            }
            // Not to be read at all.
            4 if at % 50 == 4 => (format!("{at}.pdf"), b"%PDF-1.4\nnothing follows".to_vec()),
            _ => (
                format!("{at}.md"),
                format!(
                    "# {mark}\n\n{}\n\n## More\n\n{}",
                    corpus::words(rng, 120, 2_000),
                    corpus::words(rng, 40, 2_000)
                )
                .into_bytes(),
            ),
        };
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        paths.push(path);
    }
    paths
}

/// What a person does to files while nobody watches: change, rename, delete.
fn meddle(paths: &mut Vec<PathBuf>, rng: &mut Rng, round: usize) {
    for _ in 0..3 {
        let at = rng.below(paths.len());
        let path = paths[at].clone();
        match rng.below(3) {
            0 => {
                let text = format!("round {round}: {}", corpus::words(rng, 50, 700));
                let path = path.with_extension("txt");
                fs::remove_file(&paths[at]).unwrap();
                fs::write(&path, text).unwrap();
                paths[at] = path;
            }
            1 => {
                let moved = path.with_file_name(format!(
                    "moved-{round}-{}",
                    path.file_name().unwrap().to_str().unwrap()
                ));
                fs::rename(&path, &moved).unwrap();
                paths[at] = moved;
            }
            _ => {
                fs::remove_file(&path).unwrap();
                paths.swap_remove(at);
            }
        }
    }
}

/// Lets one life of the daemon come so far that `threshold` files are through, and a little
/// further, then kills it. The delay is the fault that is injected, not a wait.
fn live_and_die(home: &TempHome, rng: &mut Rng, threshold: u64) -> u64 {
    let daemon = Daemon::start(home);
    let mut through = 0;
    daemon.until("so many files are through", |client| {
        let status = client.status();
        through = count(&status, "done") + count(&status, "failed") + count(&status, "skipped");
        through >= threshold || status["state"] == "idle"
    });
    std::thread::sleep(Duration::from_micros(rng.number() % 150_000));
    daemon.kill9();
    through
}

fn assert_equals_a_fresh_build(home: &TempHome, when: &str) {
    let got = table::rows(home);
    let mut fresh = TempHome::empty();
    fresh.watch(&home.files());
    let daemon = Daemon::start(&fresh);
    daemon.wait();
    daemon.stop();
    let expected = table::rows(&fresh);
    assert!(!expected.is_empty());
    table::assert_same(&got, &expected, when);
    eprintln!("{when}: {} rows, as in a fresh build", got.len());
}

#[test]
fn fifty_kills_during_a_sync_of_2000_files_leave_what_a_fresh_build_makes() {
    let mut rng = Rng::from_env("fifty kills");
    let home = TempHome::new();
    let mut paths = sow(&home.files(), &mut rng, FILES);
    // Moments spread over the whole sync, and some right after the start.
    let mut thresholds: Vec<u64> = (0..KILLS).map(|_| rng.below(FILES) as u64).collect();
    thresholds.sort_unstable();
    let mut reached = Vec::new();
    for (round, &threshold) in thresholds.iter().enumerate() {
        reached.push(live_and_die(&home, &mut rng, threshold));
        if round % 5 == 4 {
            meddle(&mut paths, &mut rng, round);
        }
    }
    eprintln!("killed when so many files were through: {reached:?}");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let status = daemon.client().status();
    assert_eq!(status["fresh"]["pending"], 0);
    // Rows of what was deleted leave the answers at once and the table after a grace, in which
    // a moved file may turn up elsewhere.
    daemon.until("the rows of deleted files have left the table", |client| {
        let status = client.status();
        status["index"]["rows"] == status["segments"]
    });
    daemon.stop();
    assert_equals_a_fresh_build(&home, "after fifty kills");
}

#[test]
fn promise_08_an_interrupted_scan_ends_as_a_fresh_build() {
    let mut rng = Rng::from_env("promise 8");
    let home = TempHome::new();
    sow(&home.files(), &mut rng, 400);
    for _ in 0..4 {
        // Right after the first answer: in the middle of the first scan.
        let daemon = Daemon::start(&home);
        std::thread::sleep(Duration::from_micros(rng.number() % 60_000));
        daemon.kill9();
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    daemon.stop();
    assert_equals_a_fresh_build(&home, "after an interrupted scan");
}

#[test]
fn an_unreadable_newest_version_of_the_table_is_stepped_over_and_made_good() {
    let home = TempHome::new();
    let mut rng = Rng::from_env("an unreadable version");
    sow(&home.files(), &mut rng, 60);
    let daemon = Daemon::start(&home);
    daemon.wait();
    home.write("last.txt", corpus::mark("last", 1));
    daemon.wait();
    daemon.stop();
    // A power cut's usual gift: the newest manifest is there and holds nothing.
    let newest = corpus::files_below(&home.table())
        .into_iter()
        .filter(|path| {
            path.extension().is_some_and(|ending| ending == "manifest")
                && path.parent().unwrap().ends_with("_versions")
        })
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .expect("a table has versions");
    fs::write(&newest, b"").unwrap();
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert!(
        daemon
            .client()
            .finds(&corpus::mark("last", 1), &home.file("last.txt"))
    );
    daemon.stop();
    assert_equals_a_fresh_build(&home, "after an unreadable version");
}

/// The journal says what it says between the record of a move and the move of its rows.
fn put_behind(home: &TempHome) {
    let journal = rusqlite::Connection::open(home.data().join("journal.sqlite")).unwrap();
    let put = journal.execute("UPDATE file SET behind = 1 WHERE revision > 0", []);
    assert!(put.unwrap() > 0);
}

#[test]
fn a_move_that_a_crash_cut_short_is_finished_at_the_next_start() {
    let home = TempHome::new();
    home.write("a.txt", "a canoe");
    let daemon = Daemon::start(&home);
    daemon.wait();
    daemon.kill9();
    put_behind(&home);
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_eq!(daemon.client().status()["fresh"]["pending"], 0);
}

#[test]
fn a_move_that_was_recorded_during_a_commit_is_finished_after_it() {
    let home = TempHome::new();
    home.write("a.txt", "a canoe");
    let daemon = Daemon::start(&home);
    daemon.wait();
    put_behind(&home);
    home.write("b.txt", "a paddle");
    daemon.wait();
    assert_eq!(daemon.client().status()["fresh"]["pending"], 0);
}

#[test]
fn what_was_deleted_just_before_a_crash_leaves_the_table_after_it() {
    let home = TempHome::new();
    let gone = home.write("a.txt", "a canoe");
    home.write("b.txt", "a paddle");
    let daemon = Daemon::start(&home);
    daemon.wait();
    fs::remove_file(gone).unwrap();
    daemon.wait();
    daemon.kill9();
    let daemon = Daemon::start(&home);
    daemon.wait();
    daemon.until("the deleted file's rows have left", |client| {
        client.status()["index"]["rows"] == 1
    });
}
