//! The command line as a person and a script use it.

use std::fs;
use std::time::Duration;

use hippo_tests::daemon::send;
use hippo_tests::{TempHome, corpus, proc};
use rustix::process::Signal;

/// Ends a daemon that `hippo up --detach` started, however the test ends.
struct Detached(u32);

impl Drop for Detached {
    fn drop(&mut self) {
        send(self.0, Signal::KILL);
    }
}

#[test]
fn up_add_search_remove_down() {
    let mut home = TempHome::empty();
    fs::create_dir(home.files()).unwrap();
    home.set("watch.settle_ms", 20);
    home.write_settings();
    let folder = home.files();
    let folder = folder.to_str().unwrap();
    let note = home.write("note.txt", corpus::mark("cli", 1));
    let run = |args: &[&str]| {
        let output = home.hippo(args);
        assert!(
            output.status.success(),
            "hippo {args:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // Without a daemon: a plain word on what to do.
    let output = home.hippo(&["status"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("hippo up"), "{said}");

    run(&["up", "--detach"]);
    let status = home.hippo_json(&["status", "--json"]);
    let pid = status["pid"].as_u64().unwrap() as u32;
    let _detached = Detached(pid);
    // Twice is no harm.
    run(&["up", "--detach"]);
    assert_eq!(home.hippo_json(&["status", "--json"])["pid"], pid);

    run(&["add", folder]);
    run(&["wait", "--timeout", "60s"]);
    let config = fs::read_to_string(home.home().join("config.toml")).unwrap();
    assert!(config.contains(folder) && config.contains("settle_ms = 20"));
    let folders = home.hippo_json(&["folders", "--json"]);
    assert_eq!(folders["folders"][0]["path"], folder);

    let shown = run(&["search", &corpus::mark("cli", 1)]);
    assert!(shown.contains("note.txt"), "{shown}");
    let shown = run(&["status"]);
    assert!(shown.contains(folder), "{shown}");
    let why = home.hippo_json(&["why", note.to_str().unwrap(), "--json"]);
    assert_eq!(why["state"], "done");
    let shown = run(&["why", note.to_str().unwrap()]);
    assert!(shown.contains("note.txt"), "{shown}");

    run(&["remove", folder]);
    let answer = home.hippo_json(&["search", &corpus::mark("cli", 1), "--json"]);
    assert_eq!(answer["hits"].as_array().unwrap().len(), 0);
    let config = fs::read_to_string(home.home().join("config.toml")).unwrap();
    assert!(!config.contains(folder));

    run(&["down"]);
    assert!(!proc::alive(pid), "hippo down came back before the end");
    assert!(!home.hippo(&["status"]).status.success());
}

#[test]
fn it_ends_in_time_when_asked_to_during_a_sync() {
    let home = TempHome::new();
    let mut rng = hippo_tests::Rng::new(1);
    for at in 0..2_000 {
        home.write(
            &format!("{}/{at}.txt", at % 20),
            corpus::words(&mut rng, 200, 2_000),
        );
    }
    let daemon = hippo_tests::Daemon::start(&home);
    daemon.until("some files are through", |client| {
        hippo_tests::daemon::count(&client.status(), "done") > 20
    });
    let begun = std::time::Instant::now();
    let status = daemon.stop();
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_mistake_in_the_settings_is_told_with_its_key_and_line() {
    let home = TempHome::new();
    fs::write(
        home.home().join("config.toml"),
        "[watch]\nsettle_ms = \"soon\"\n\n[worker]\ncuont = 2\n",
    )
    .unwrap();
    for command in ["doctor", "run"] {
        let output = home.hippo(&[command]);
        assert!(!output.status.success(), "hippo {command} is content");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        for word in ["settle_ms", "cuont", "2", "5", "config.toml"] {
            assert!(said.contains(word), "hippo {command}: no {word} in: {said}");
        }
    }
}
