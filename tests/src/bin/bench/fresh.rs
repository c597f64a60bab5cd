//! Save to searchable while a big sync runs: a note saved now is not kept waiting.

use std::time::{Duration, Instant};

use hippo_tests::{Daemon, Rng, TempHome, corpus, documents};

use super::report::{Report, quantile, time};

/// Files of the big sync: enough to outlast the notes.
const FILES: usize = 20_000;
/// Notes that are saved meanwhile.
const NOTES: usize = 120;
/// Between two notes.
const PAUSE: Duration = Duration::from_millis(150);
/// A note that takes longer is counted with this.
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let mut home = TempHome::new();
    for setting in ["worker.count", "watch.settle_ms", "watch.max_wait_ms"] {
        home.unset(setting);
    }
    for at in 0..FILES {
        let words = 100 + rng.below(400);
        if at % 10 == 0 {
            let pages: Vec<String> = (0..3).map(|_| corpus::words(rng, 300, 20_000)).collect();
            home.write(
                &format!("big/{}/{at}.pdf", at % 100),
                documents::pdf(&corpus::mark("f", at), &pages),
            );
        } else {
            home.write(
                &format!("big/{}/{at}.txt", at % 100),
                corpus::words(rng, words, 20_000),
            );
        }
    }
    home.write("notes/first.txt", "the folder is watched");
    let daemon = Daemon::start(&home);
    // The big sync is under way when the first notes are saved.
    daemon.until("the sync is under way", |client| {
        hippo_tests::daemon::count(&client.status(), "done") > 100
    });
    let mut times = Vec::new();
    let mut during = 0;
    for note in 0..NOTES {
        let mark = corpus::mark("note", note);
        let mut events = daemon.client().events().unwrap();
        let saved = Instant::now();
        let path = home.write(
            &format!("notes/{note}.txt"),
            format!("A note about {mark}."),
        );
        let shown = path.to_str().unwrap();
        // The event says when to look, the answer says whether it is so.
        let pending = loop {
            let event = events.next_within(LONGEST);
            match event {
                Some(event) if event["kind"] == "done" && event["path"] == shown => {
                    break event["pending"].as_u64().unwrap_or(0);
                }
                Some(_) if saved.elapsed() < LONGEST => {}
                _ => break 0,
            }
        };
        let found = daemon.client().finds(&mark, &path);
        times.push(if found { saved.elapsed() } else { LONGEST });
        if pending == 0 && note > 0 {
            break;
        }
        during += 1;
        std::thread::sleep(PAUSE);
    }
    times.sort();
    let (p50, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
    report.note(
        "fresh: notes saved while a sync of 20,000 files runs",
        during.to_string(),
    );
    report.check(
        "fresh: save to searchable p50",
        time(p50),
        "300 ms",
        p50 <= Duration::from_millis(300),
    );
    report.check(
        "fresh: save to searchable p99",
        time(p99),
        "1 s",
        p99 <= Duration::from_secs(1),
    );
}
