//! Promise 23: one can wait until all that was written before is searchable.

use std::time::{Duration, Instant};

use hippo_tests::client::text;
use hippo_tests::{Daemon, Rng, TempHome, corpus};

#[test]
fn promise_23_after_a_wait_all_that_was_written_before_is_found() {
    let home = TempHome::new();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let mut rng = Rng::from_env("promise 23");
    for round in 0..15 {
        let files = 1 + rng.below(20);
        let marks: Vec<_> = (0..files)
            .map(|at| {
                let mark = corpus::mark("s", round * 100 + at);
                let path = home.write(&format!("{}/{round}-{at}.txt", at % 3), &mark);
                (mark, path)
            })
            .collect();
        // No look at the state in between: wait must not return before it has noticed.
        daemon.wait();
        for (mark, path) in marks {
            assert!(
                daemon.client().finds(&mark, &path),
                "written before the wait, not found after it: {}",
                daemon.client().why(&path)
            );
        }
    }
}

#[test]
fn promise_23_after_a_wait_changes_and_deletions_count_too() {
    let home = TempHome::new();
    for at in 0..20 {
        home.write(&format!("{at}.txt"), corpus::mark("old", at));
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    for at in 0..10 {
        home.write(&format!("{at}.txt"), corpus::mark("new", at));
        std::fs::remove_file(home.file(&format!("{}.txt", at + 10))).unwrap();
        daemon.wait();
        let client = daemon.client();
        assert!(client.finds(&corpus::mark("new", at), &home.file(&format!("{at}.txt"))));
        assert!(client.paths(&corpus::mark("old", at)).is_empty());
        assert!(client.paths(&corpus::mark("old", at + 10)).is_empty());
    }
}

#[test]
fn promise_23_a_wait_that_cannot_end_says_so_in_time_and_answers_say_what_is_pending() {
    let mut home = TempHome::new();
    home.set("worker.count", 1).set("worker.stall_ms", 120_000);
    home.write("first.txt", "the worker is awake");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let frozen = daemon.freeze_workers();
    let path = home.write("stuck.txt", corpus::mark("stuck", 23));
    let begun = Instant::now();
    let reply = daemon
        .client()
        .wait(Duration::from_millis(700))
        .expect_err("nothing can be read");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(
        text(&reply.body["error"]["code"]),
        "wait_timed_out",
        "{}",
        reply.body
    );
    // The command line ends with a failure and says how many.
    let output = home.hippo(&["wait", "--timeout", "1s"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains('1'), "{said}");
    let answer = daemon.client().search("awake", 1);
    assert_eq!(answer["fresh"]["pending"], 1, "{answer}");
    let status = daemon.client().status();
    assert_eq!(status["fresh"]["pending"], 1);
    assert_eq!(status["at_work"][0]["path"], path.to_str().unwrap());
    drop(frozen);
    let output = home.hippo(&["wait", "--timeout", "60s"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(daemon.client().finds(&corpus::mark("stuck", 23), &path));
    assert_eq!(daemon.client().search("awake", 1)["fresh"]["pending"], 0);
}
