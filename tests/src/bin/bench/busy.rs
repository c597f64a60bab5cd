//! Questions while a folder is read as fast as it can be: none fails, and none takes twice as
//! long as when nothing else happens.
//!
//! Half of the notes are read and cared for; questions about them are asked, quiet first, then
//! while the other half, moved in at once, is read and embedded.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hippo_tests::{Daemon, Rng, proc};

use super::notes::{PATIENCE, QUIET, ask, home, settle, sow};
use super::report::{Report, quantile, time};

/// Notes when `HIPPO_BUSY_NOTES` does not say otherwise: 100,000 segments.
const NOTES: usize = 10_000;

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let notes = std::env::var("HIPPO_BUSY_NOTES");
    let notes: usize = notes.map_or(NOTES, |n| n.parse().unwrap());
    let asked_about = notes / 2;
    let home = home();
    let later = home.root().join("later");
    sow(&home.file("first"), rng, 0..asked_about);
    sow(&later, rng, asked_about..notes);

    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    settle(&daemon);
    let quiet = ask(daemon.client(), asked_about, |spent| spent >= QUIET);

    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let ticks = proc::cpu_ticks(daemon.pid());
    let busy = std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            ask(daemon.client(), asked_about, |_| {
                over.load(Ordering::Acquire)
            })
        });
        fs::rename(&later, home.file("later")).unwrap();
        daemon.until_within(PATIENCE, "all notes are read", |client| {
            hippo_tests::daemon::count(&client.status(), "done") == notes as u64
        });
        over.store(true, Ordering::Release);
        asker.join().unwrap()
    });
    let took = begun.elapsed();
    let ticks = proc::cpu_ticks(daemon.pid()) - ticks;
    report.note(
        format!("busy: {} notes read beside questions", notes - asked_about),
        format!(
            "{}, the daemon alone on {:.0} % of a core",
            time(took),
            100.0 * ticks as f64 / proc::TICKS_PER_S as f64 / took.as_secs_f64()
        ),
    );
    report.check(
        format!("busy: failed questions of {}", busy.times.len()),
        busy.failed.to_string(),
        "0",
        busy.failed == 0,
    );
    let [(calm, calm_p99), (loud, loud_p99)] =
        [&quiet, &busy].map(|asked| (quantile(&asked.times, 0.5), quantile(&asked.times, 0.99)));
    report.note(
        "busy: question p50 quiet / while reading",
        format!("{} / {}", time(calm), time(loud)),
    );
    report.check(
        "busy: question p99 quiet / while reading",
        format!("{} / {}", time(calm_p99), time(loud_p99)),
        "2x",
        loud_p99 <= calm_p99 * 2,
    );
    daemon.stop();
}
