//! A minute of nothing with ten thousand files: no CPU, and how much memory.

use std::time::Duration;

use hippo_tests::{Daemon, TempHome, corpus, proc};

use super::report::{Report, mib};

const FILES: usize = 10_000;
const WINDOW: Duration = Duration::from_mins(1);
/// Windows that the care after a sync may spoil.
const WINDOWS: usize = 4;

pub(crate) fn run(report: &mut Report) {
    let home = TempHome::new();
    for at in 0..FILES {
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
        used.push(ticks().saturating_sub(before) * 1000 / proc::TICKS_PER_S);
        if used.last() == Some(&0) {
            break;
        }
    }
    let last = *used.last().unwrap();
    report.check(
        "idle: CPU in a minute with 10,000 files (each minute so far)",
        format!("{last} ms ({used:?})"),
        "0 ms",
        last == 0,
    );
    report.note(
        "idle: memory, daemon / with its workers",
        format!(
            "{} / {}",
            mib(proc::rss(daemon.pid())),
            mib(proc::tree_rss(daemon.pid()))
        ),
    );
}
