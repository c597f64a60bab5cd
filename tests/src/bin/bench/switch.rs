//! Changing the passage model under questions: none fails, and none takes twice as long.
//!
//! 100,000 segments as a folder of notes has them; the models are variants of the tiny generated
//! one, so that what is measured is hippo and not an encoder. Ten questions a second, quiet
//! first, then while the model is changed.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hippo_tests::{Client, Daemon, Rng, TempHome, corpus, proc};
use serde_json::json;

use super::report::{Report, mib, quantile, time};

/// Segments when `HIPPO_SWITCH_SEGMENTS` does not say otherwise.
const SEGMENTS: usize = 100_000;
/// Words of a note: ten segments of some 150.
const WORDS: usize = 1_500;
/// Segments that such a note makes.
const PER_NOTE: usize = 10;
/// Between two questions: ten a second.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the quiet questions are asked.
const QUIET: Duration = Duration::from_secs(30);
/// How long a change may take.
const PATIENCE: Duration = Duration::from_hours(1);

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let segments = std::env::var("HIPPO_SWITCH_SEGMENTS");
    let segments = segments.map_or(SEGMENTS, |n| n.parse().unwrap());
    let mut home = TempHome::new();
    for setting in ["worker.count", "watch.settle_ms", "watch.max_wait_ms"] {
        home.unset(setting);
    }
    for model in ["one", "two"] {
        install(&home, model);
    }
    home.set_text("models.passage", "one");
    for at in 0..segments / PER_NOTE {
        home.write(
            &format!("{}/{at}.txt", at % 100),
            format!("{} {}", mark(at), corpus::words(rng, WORDS, 20_000)),
        );
    }
    let notes = segments / PER_NOTE;
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    let total = passage(daemon.client())["total"].as_u64().unwrap();
    settle(&daemon);
    let quiet = ask(daemon.client(), notes, |asked_for| asked_for >= QUIET);
    let before = proc::disk_bytes(&home.table());

    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let (during, took) = std::thread::scope(|scope| {
        let asker = scope.spawn(|| ask(daemon.client(), notes, |_| over.load(Ordering::Acquire)));
        let body = json!({ "role": "passage", "name": "two" });
        daemon.client().post("/v1/models/use", &body);
        daemon.until_within(PATIENCE, "the new model answers for all", |client| {
            let passage = passage(client);
            passage["active"]["model"] == "two" && passage["covered"] == passage["total"]
        });
        let took = begun.elapsed();
        over.store(true, Ordering::Release);
        (asker.join().unwrap(), took)
    });
    report.note(
        format!("switch: {total} segments to another passage model"),
        time(took),
    );
    report.note(
        "switch: the table before / with both generations",
        format!("{} / {}", mib(before), mib(proc::disk_bytes(&home.table()))),
    );
    report.check(
        format!("switch: failed questions of {}", during.times.len()),
        during.failed.to_string(),
        "0",
        during.failed == 0,
    );
    let (calm, busy) = (quantile(&quiet.times, 0.99), quantile(&during.times, 0.99));
    report.note(
        "switch: question p50 quiet / during",
        format!(
            "{} / {}",
            time(quantile(&quiet.times, 0.5)),
            time(quantile(&during.times, 0.5))
        ),
    );
    report.check(
        "switch: question p99 quiet / during",
        format!("{} / {}", time(calm), time(busy)),
        "2x",
        busy <= calm * 2,
    );
}

struct Asked {
    /// Sorted.
    times: Vec<Duration>,
    failed: usize,
}

/// Asks at a steady pace until it is over.
fn ask(client: &Client, notes: usize, over: impl Fn(Duration) -> bool) -> Asked {
    let begun = Instant::now();
    let (mut times, mut failed) = (Vec::new(), 0);
    while !over(begun.elapsed()) {
        let at = times.len() * 7_919 % notes;
        let question = format!("{} {}", mark(at), corpus::word(100 + at));
        let asked = Instant::now();
        let answer = client.request(
            "GET",
            &format!(
                "/v1/search?q={}&limit=100",
                hippo_tests::client::encode(&question)
            ),
            None,
        );
        times.push(asked.elapsed());
        let path = format!("/{at}.txt");
        let bad = match answer {
            Err(error) => Some(error.to_string()),
            Ok(answer) => {
                let hits = answer.body["hits"].as_array().cloned().unwrap_or_default();
                let is_it = |hit: &serde_json::Value| {
                    hit["path"].as_str().is_some_and(|p| p.ends_with(&path))
                };
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

/// Installs a variant of the tiny model: another prefix makes another space.
fn install(home: &TempHome, name: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extractors/tests/tiny_model");
    let dir = home.data().join("models").join(name);
    fs::create_dir_all(&dir).unwrap();
    for file in ["model.onnx", "tokenizer.json"] {
        fs::copy(from.join(file), dir.join(file)).unwrap();
    }
    let manifest = fs::read_to_string(from.join("manifest.toml")).unwrap();
    let manifest = manifest
        .replace("name = \"tiny\"", &format!("name = \"{name}\""))
        .replace(
            "[text]\n",
            &format!("[text]\npassage_prefix = \"{name}: \"\n"),
        );
    fs::write(dir.join("manifest.toml"), manifest).unwrap();
}

fn mark(at: usize) -> String {
    corpus::mark("switch", at)
}

fn passage(client: &Client) -> serde_json::Value {
    client.status()["models"]["passage"].clone()
}

/// Waits until no row is outside of the indexes any more than care leaves it.
fn settle(daemon: &Daemon) {
    daemon.until_within(PATIENCE, "the table is cared for", |client| {
        client.status()["index"]["unindexed"].as_u64().unwrap() < 2_048
    });
}
