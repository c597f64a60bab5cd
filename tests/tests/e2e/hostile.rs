//! PDFs that mean harm are stopped by the limits; their neighbours do not notice.

use std::time::{Duration, Instant};

use hippo_tests::client::text;
use hippo_tests::daemon::PATIENCE;
use hippo_tests::{Daemon, TempHome, corpus, documents, hostile, proc};

/// The worker's memory here: small, so that a bomb is stopped soon.
const WORKER_MIB: u64 = 512;
/// Time without a sign of life here, in milliseconds.
const STALL_MS: u64 = 4_000;

#[test]
fn hostile_pdfs_are_stopped_by_the_limits_and_their_neighbours_are_indexed() {
    let mut home = TempHome::new();
    home.set("worker.memory_max_mib", WORKER_MIB)
        .set("worker.stall_ms", STALL_MS)
        .set("worker.count", 1);
    let daemon = Daemon::start(&home);
    let pid = daemon.pid();
    let hostiles = hostile::all();
    let started = Instant::now();
    for (at, evil) in hostiles.iter().enumerate() {
        home.write(evil.name, &evil.bytes);
        home.write(
            &format!("neighbour-{at}.pdf"),
            documents::pdf(
                "neighbour",
                &[format!("A peaceful page about {}.", corpus::mark("n", at))],
            ),
        );
    }
    // Recording is not dying: each gets its time, then its reason.
    daemon.wait_for(PATIENCE * 2);
    let took = started.elapsed();
    let mut wrong = Vec::new();
    for evil in &hostiles {
        let why = daemon.client().why(&home.file(evil.name));
        let (state, reason) = (text(&why["state"]), text(&why["reason"]));
        eprintln!("{} ({}): {state} {reason}", evil.name, evil.trick);
        let fine = match state.as_str() {
            "done" => true,
            "failed" | "skipped" => !reason.is_empty(),
            _ => false,
        };
        if !fine {
            wrong.push(format!("{}: {why}", evil.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for at in 0..hostiles.len() {
        let neighbour = home.file(&format!("neighbour-{at}.pdf"));
        assert!(
            daemon.client().finds(&corpus::mark("n", at), &neighbour),
            "neighbour {at} is not found: {}",
            daemon.client().why(&neighbour)
        );
    }
    assert_eq!(daemon.client().status()["pid"], pid);
    // What was refused is not tried again for ever: no worker is busy now.
    let busy = || -> u64 { daemon.workers().into_iter().map(proc::cpu_ticks).sum() };
    let before = busy();
    daemon.wait();
    assert!(
        busy() - before <= proc::TICKS_PER_S,
        "something still works"
    );
    eprintln!(
        "{} hostile documents in {took:?}, the daemon's peak {} MiB",
        hostiles.len(),
        proc::rss_peak(pid) >> 20
    );
}

#[test]
fn bombs_are_refused_with_the_limit_that_stopped_them_and_not_tried_again() {
    let mut home = TempHome::new();
    home.set("worker.memory_max_mib", WORKER_MIB)
        .set("worker.stall_ms", STALL_MS);
    let bombs = ["text-bomb.pdf", "zero-bomb.pdf"];
    let endless = "one-page-100k-times.pdf";
    for evil in hostile::all() {
        if bombs.contains(&evil.name) || evil.name == endless {
            home.write(evil.name, &evil.bytes);
        }
    }
    let daemon = Daemon::start(&home);
    // Twenty thousand pages, at idle priority beside other tests: a minute and more.
    daemon.wait_for(Duration::from_mins(6));
    let client = daemon.client();
    for name in bombs {
        let why = client.why(&home.file(name));
        assert_eq!(why["state"], "failed", "{name}: {why}");
        let reason = text(&why["reason"]);
        assert!(
            reason.contains("limit") || reason.contains("killed"),
            "{why}"
        );
    }
    // A document that is only too long is read as far as the limit goes, and says so.
    let why = client.why(&home.file(endless));
    assert_eq!(why["state"], "done", "{why}");
    assert!(text(&why["explanation"]).contains("limit"), "{why}");
    // A restart does not try them again: with no worker to try them they would be pending.
    daemon.stop();
    home.without_workers();
    let daemon = Daemon::start(&home);
    daemon.wait();
    for name in bombs {
        assert_eq!(daemon.client().state_of(&home.file(name)), "failed");
    }
}
