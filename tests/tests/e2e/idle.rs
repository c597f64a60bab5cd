//! Promise 25 in part: nothing to do is nothing done.

use std::time::Duration;

use hippo_tests::{Daemon, TempHome, corpus, proc, skip};

/// How long is measured. A measurement, not a wait: the shorter, the easier to pass.
const WINDOW: Duration = Duration::from_secs(10);
/// Windows that may be spoilt by the care of the table that follows a sync.
const WINDOWS: usize = 6;
/// Ticks of 10 ms that a window of quiet may hold.
const ALLOWED_TICKS: u64 = 1;

#[test]
fn promise_25_idle_with_10000_files_takes_no_cpu() {
    if !cfg!(target_os = "linux") {
        skip("idle", "it measures by /proc");
        return;
    }
    let home = TempHome::new();
    for at in 0..10_000 {
        home.write(&format!("{}/{at}.txt", at % 100), corpus::mark("i", at));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let ticks = || -> u64 {
        proc::tree(daemon.pid())
            .into_iter()
            .map(proc::cpu_ticks)
            .sum()
    };
    let mut used = Vec::new();
    for _ in 0..WINDOWS {
        let before = ticks();
        std::thread::sleep(WINDOW);
        used.push(ticks().saturating_sub(before));
        if *used.last().unwrap() <= ALLOWED_TICKS {
            break;
        }
    }
    eprintln!(
        "idle with 10,000 files: ticks in windows of {WINDOW:?}: {used:?}; daemon {} MiB ({} MiB of its own), with its workers {} MiB",
        proc::rss(daemon.pid()) >> 20,
        proc::rss_anonymous(daemon.pid()) >> 20,
        proc::tree_rss(daemon.pid()) >> 20
    );
    assert!(
        *used.last().unwrap() <= ALLOWED_TICKS,
        "it is never idle: {used:?} ticks"
    );
}
