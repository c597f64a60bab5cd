//! The disk after ten thousand single-file updates, against a fresh build of the same files.

use std::time::{Duration, Instant};

use hippo_tests::{Daemon, Rng, TempHome, corpus, proc};

use super::report::{Report, mib, time};

const FILES: usize = 1_000;
const UPDATES: usize = 10_000;
/// Updates that may be on their way at once.
const AT_ONCE: u64 = 8;
/// By when the care of the table has made it small again.
const CARE: Duration = Duration::from_mins(5);

fn text(rng: &mut Rng) -> String {
    corpus::words(rng, 400, 5_000)
}

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let mut home = TempHome::new();
    home.set("watch.settle_ms", 5).unset("worker.count");
    for at in 0..FILES {
        home.write(&format!("{}/{at}.txt", at % 20), text(rng));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let begun = Instant::now();
    let mut events = daemon.client().events().unwrap();
    let mut most = 0;
    for update in 0..UPDATES {
        let at = rng.below(FILES);
        home.write(&format!("{}/{at}.txt", at % 20), text(rng));
        // Saved one by one and not in a heap: the next waits until few are pending.
        while let Some(event) = events.next_within(Duration::from_millis(100)) {
            if event["pending"].as_u64().unwrap_or(0) < AT_ONCE {
                break;
            }
        }
        if update % 500 == 0 {
            most = most.max(proc::disk_bytes(&home.table()));
        }
    }
    daemon.wait();
    report.note(
        "disk: 10,000 single-file updates over 1,000 files",
        time(begun.elapsed()),
    );
    report.note("disk: the most it took meanwhile", mib(most));

    let mut fresh = TempHome::empty();
    fresh.watch(&home.files());
    let other = Daemon::start(&fresh);
    other.wait();
    other.stop();
    let built = proc::disk_bytes(&fresh.table());
    let begun = Instant::now();
    let mut events = daemon.client().events().unwrap();
    let mut updated = proc::disk_bytes(&home.table());
    while updated * 2 > built * 3 && begun.elapsed() < CARE {
        events.next_within(Duration::from_secs(1));
        updated = proc::disk_bytes(&home.table());
    }
    report.note(
        "disk: after its care / a fresh build",
        format!(
            "{} / {} (after {})",
            mib(updated),
            mib(built),
            time(begun.elapsed())
        ),
    );
    let ratio = updated as f64 / built as f64;
    report.check(
        "disk: against a fresh build",
        format!("{ratio:.2}x"),
        "1.5x",
        ratio <= 1.5,
    );
}
