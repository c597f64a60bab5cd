//! A start over 100,000 unchanged files, against `find -printf` over the same; and files asked for
//! by their names among so many.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hippo_tests::{Client, Daemon, TempHome, corpus, proc};
use serde_json::json;

use super::report::{Report, mib, quantile, time};

const FILES: usize = 100_000;
/// The best of so many, for both: caches warm.
const ROUNDS: usize = 3;
/// Files are called by a word that so many others share, and their number.
const SHARING: usize = 20;
/// Files that are asked for by their names.
const ASKED: usize = 300;

pub(crate) fn run(report: &mut Report) {
    let mut home = TempHome::new();
    for setting in ["worker.count", "watch.settle_ms", "watch.max_wait_ms"] {
        home.unset(setting);
    }
    for at in 0..FILES {
        home.write(
            &format!("{}/{}/{}.txt", at % 100, at / 100 % 10, name(at)),
            corpus::mark("s", at),
        );
    }
    let begun = Instant::now();
    let daemon = Daemon::start(&home);
    daemon.wait_for(Duration::from_mins(30));
    report.note(
        "start: first sync of 100,000 tiny files",
        time(begun.elapsed()),
    );
    report.check(
        "start: memory after it, daemon alone",
        mib(proc::rss(daemon.pid())),
        "",
        true,
    );
    daemon.stop();
    home.without_workers();
    let mut ours = Duration::MAX;
    let mut answers = Duration::MAX;
    let mut memory = 0;
    let mut named = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let daemon = Daemon::start(&home);
        answers = answers.min(begun.elapsed());
        daemon.wait();
        ours = ours.min(begun.elapsed());
        memory = proc::rss(daemon.pid());
        assert_eq!(daemon.count("done"), FILES as u64);
        named = by_name(daemon.client());
        daemon.stop();
    }
    report.note(
        "start: a file asked for by its name, p50 / p99",
        format!(
            "{} / {}",
            time(quantile(&named, 0.5)),
            time(quantile(&named, 0.99))
        ),
    );
    let mut find = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let status = Command::new("find")
            .arg(home.files())
            .args(["-printf", "%p %s %T@ %C@ %i\\n"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        find = find.min(begun.elapsed());
    }
    report.note("start: until it answers", time(answers));
    report.note(
        "start: until it knows that nothing changed / find -printf",
        format!("{} / {}", time(ours), time(find)),
    );
    let ratio = ours.as_secs_f64() / find.as_secs_f64();
    report.check(
        "start: against find -printf",
        format!("{ratio:.1}x"),
        "1.5x (of 1M files)",
        ratio <= 1.5,
    );
    report.check(
        "start: memory with 100,000 files at rest",
        mib(memory),
        "80 MiB",
        memory <= 80 << 20,
    );
}

fn name(at: usize) -> String {
    format!("{}-{at}", corpus::word(at % (FILES / SHARING)))
}

/// How long it takes to find files by their names alone, sorted.
fn by_name(client: &Client) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..ASKED)
        .map(|nth| {
            let name = name(nth * 7_919 % FILES);
            let question = json!({ "q": name.replace('-', " "), "legs": ["names"], "limit": 10 });
            let asked = Instant::now();
            let answer = client.post("/v1/search", &question);
            let took = asked.elapsed();
            let path = answer["hits"][0]["path"].as_str().unwrap();
            assert!(path.ends_with(&format!("/{name}.txt")), "{name}: {path}");
            took
        })
        .collect();
    times.sort();
    times
}
