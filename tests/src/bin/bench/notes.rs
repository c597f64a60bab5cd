//! A folder of notes with the tiny generated model, and questions about them at a steady pace: what
//! the parts that disturb questions have in common.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hippo_tests::models::install_tiny;
use hippo_tests::{Client, Daemon, Rng, TempHome, corpus};
use serde_json::{Value, json};

/// Words of a note: ten segments of some 150.
const WORDS: usize = 1_500;
/// Segments that such a note makes.
pub(crate) const PER_NOTE: usize = 10;
/// Between two questions: ten a second.
const PAUSE: Duration = Duration::from_millis(100);
/// How long questions are asked while nothing else happens.
pub(crate) const QUIET: Duration = Duration::from_secs(30);
/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_hours(1);

/// A world as it comes out of the box, with the model `one` to embed passages.
pub(crate) fn home() -> TempHome {
    let mut home = TempHome::new();
    for setting in ["worker.count", "watch.settle_ms", "watch.max_wait_ms"] {
        home.unset(setting);
    }
    install_tiny(&home, "one");
    home.set_text("models.passage", "one");
    home
}

/// Writes notes of these numbers below a folder.
pub(crate) fn sow(folder: &Path, rng: &mut Rng, numbers: std::ops::Range<usize>) {
    for at in numbers {
        let dir = folder.join((at % 100).to_string());
        fs::create_dir_all(&dir).unwrap();
        let text = format!("{} {}", mark(at), corpus::words(rng, WORDS, 20_000));
        fs::write(dir.join(format!("{at}.txt")), text).unwrap();
    }
}

/// Waits until no row is outside of the indexes any more than care leaves it.
pub(crate) fn settle(daemon: &Daemon) {
    daemon.until_within(PATIENCE, "the table is cared for", |client| {
        client.status()["index"]["unindexed"].as_u64().unwrap() < 2_048
    });
}

/// How questions were answered.
pub(crate) struct Asked {
    /// Sorted.
    pub(crate) times: Vec<Duration>,
    pub(crate) failed: usize,
}

/// Asks about the first so many notes at a steady pace until it is over. An answer with a leg
/// missing, or without the note that has the question's mark, is a failed one.
pub(crate) fn ask(client: &Client, notes: usize, over: impl Fn(Duration) -> bool) -> Asked {
    let begun = Instant::now();
    let (mut times, mut failed) = (Vec::new(), 0);
    while !over(begun.elapsed()) {
        let at = times.len() * 7_919 % notes;
        let question = format!("{} {}", mark(at), corpus::word(100 + at));
        let question = hippo_tests::client::encode(&question);
        let asked = Instant::now();
        let answer = client.request("GET", &format!("/v1/search?q={question}&limit=100"), None);
        times.push(asked.elapsed());
        let path = format!("/{at}.txt");
        let bad = match answer {
            Err(error) => Some(error.to_string()),
            Ok(answer) => {
                let hits = answer.body["hits"].as_array().cloned().unwrap_or_default();
                let is_it = |hit: &Value| hit["path"].as_str().is_some_and(|p| p.ends_with(&path));
                let good = answer.body["missing_legs"] == json!([]) && hits.iter().any(is_it);
                (!good).then(|| format!("{}: {}", answer.status, answer.body["missing_legs"]))
            }
        };
        if let Some(bad) = bad {
            eprintln!("  a failed question: {bad}");
            failed += 1;
        }
        std::thread::sleep(PAUSE.saturating_sub(asked.elapsed()));
    }
    times.sort();
    Asked { times, failed }
}

fn mark(at: usize) -> String {
    corpus::mark("note", at)
}
