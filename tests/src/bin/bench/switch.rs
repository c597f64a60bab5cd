//! Changing the passage model under questions: none fails, and none takes twice as long.
//!
//! 100,000 segments as a folder of notes has them; the models are variants of the tiny generated
//! one, so that what is measured is hippo and not an encoder. Ten questions a second, quiet
//! first, then while the model is changed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hippo_tests::models::install_tiny;
use hippo_tests::{Client, Daemon, Rng, proc};
use serde_json::json;

use super::notes::{PATIENCE, PER_NOTE, QUIET, ask, home, settle, sow};
use super::report::{Report, mib, quantile, time};

/// Segments when `HIPPO_SWITCH_SEGMENTS` does not say otherwise.
const SEGMENTS: usize = 100_000;

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let segments = std::env::var("HIPPO_SWITCH_SEGMENTS");
    let segments = segments.map_or(SEGMENTS, |n| n.parse().unwrap());
    let notes = segments / PER_NOTE;
    let home = home();
    install_tiny(&home, "two");
    sow(&home.files(), rng, 0..notes);
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    let total = passage(daemon.client())["total"].as_u64().unwrap();
    settle(&daemon);
    let quiet = ask(daemon.client(), notes, |spent| spent >= QUIET);
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

fn passage(client: &Client) -> serde_json::Value {
    client.status()["models"]["passage"].clone()
}
