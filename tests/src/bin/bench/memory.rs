//! What a model costs in memory, and its first question in time: unloaded, cold, warm, and
//! unloaded again after its idle minutes.
//!
//! With the real English sentence encoder where `HIPPO_SHARED` has it (all-MiniLM-L6-v2, int8).

use std::fs;
use std::time::{Duration, Instant};

use hippo_tests::{Client, Daemon, Rng, TempHome, corpus, proc};
use serde_json::Value;

use super::report::{Report, mib, quantile, time};

const MODEL: &str = "all-minilm-l6-v2";
const NOTES: usize = 1_000;
const QUESTIONS: usize = 50;
/// The shortest that the settings allow.
const UNLOAD_MINUTES: u64 = 1;
const PATIENCE: Duration = Duration::from_mins(20);

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let Some(model) = corpus::shared("memory of a model", &format!("models/{MODEL}")) else {
        report.note("memory of a model", format!("HIPPO_SHARED has no {MODEL}"));
        return;
    };
    let mut home = TempHome::new();
    let dir = home.data().join("models").join(MODEL);
    fs::create_dir_all(&dir).unwrap();
    for file in corpus::files_below(&model) {
        fs::copy(&file, dir.join(file.file_name().unwrap())).unwrap();
    }
    let manifest = include_str!("../../../../config/manifests/all-minilm-l6-v2.toml");
    fs::write(dir.join("manifest.toml"), manifest).unwrap();
    home.set_text("models.passage", MODEL);
    home.set("models.unload_after_minutes", UNLOAD_MINUTES);
    for at in 0..NOTES {
        let text = format!(
            "{} {}",
            corpus::mark("m", at),
            corpus::words(rng, 120, 20_000)
        );
        home.write(&format!("{}/{at}.txt", at % 10), text);
    }
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    daemon.until_within(PATIENCE, "every note has its vector", |client| {
        let passage = client.status()["models"]["passage"].clone();
        passage["covered"] == passage["total"]
    });
    daemon.stop();

    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    let resting = proc::rss(daemon.pid());
    report.note("memory: the daemon with its model unloaded", mib(resting));
    let cold = ask(daemon.client(), 0);
    let loaded = proc::rss(daemon.pid());
    report.note(
        "memory: the first question, which loads the model",
        time(cold),
    );
    let mut warm: Vec<Duration> = (1..=QUESTIONS).map(|at| ask(daemon.client(), at)).collect();
    warm.sort();
    report.note(
        "memory: a question after that, p50 / p99",
        format!(
            "{} / {}",
            time(quantile(&warm, 0.5)),
            time(quantile(&warm, 0.99))
        ),
    );
    report.note("memory: with the model loaded", mib(loaded));
    let unloaded = Duration::from_mins(UNLOAD_MINUTES) + Duration::from_secs(15);
    std::thread::sleep(unloaded);
    report.note(
        "memory: unloaded again, after its idle minute",
        mib(proc::rss(daemon.pid())),
    );
}

/// How long a question takes, of which the passage leg has its part.
fn ask(client: &Client, at: usize) -> Duration {
    let question = format!(
        "how many {} are there in {}",
        corpus::word(100 + at),
        corpus::word(900 + at)
    );
    let asked = Instant::now();
    let answer = client.search(&question, 10);
    let took = asked.elapsed();
    assert_eq!(
        answer["missing_legs"],
        Value::Array(Vec::new()),
        "{answer:#}"
    );
    took
}
