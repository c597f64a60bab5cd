//! Background work rests when somebody says so, and on the battery.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hippo_tests::{Client, Daemon, TempHome};
use serde_json::{Value, json};

use crate::recordings::{PATIENCE, episode, frames, give_ears, times_heard, transcript};

/// What `/v1/wait` says while something rests.
fn refusal(daemon: &Daemon) -> String {
    let reply = daemon.client().wait(Duration::from_mins(2)).unwrap_err();
    assert_eq!(
        (reply.status, &reply.body["error"]["code"]),
        (409, &json!("paused"))
    );
    reply.body["error"]["message"].as_str().unwrap().to_owned()
}

fn paused(daemon: &Daemon) -> Value {
    daemon.client().status()["paused"].clone()
}

#[test]
fn a_pause_holds_back_what_is_new_outlives_a_restart_and_ends_when_told() {
    let home = TempHome::new();
    let old = home.write("old.txt", "The otter crosses the river.");
    let mut daemon = Daemon::start(&home);
    daemon.wait();
    let said = home.hippo_json(&["pause", "--json"]);
    assert_eq!(
        (&said["by"], &said["until"]),
        (&json!("asked"), &json!(null))
    );
    let new = home.write("new.txt", "The lighthouse keeper sleeps.");
    let why = refusal(&daemon);
    assert!(
        why.contains("1 files are not searchable yet") && why.contains("hippo resume"),
        "{why}"
    );
    let status = daemon.client().status();
    assert_eq!(status["state"], "paused");
    let waits = status["waits"].to_string();
    assert!(waits.contains("1 files wait: hippo is paused"), "{waits}");
    assert!(daemon.client().finds("otter", &old), "questions go on");
    let waiting = home.hippo(&["wait"]);
    assert!(!waiting.status.success());
    assert!(String::from_utf8_lossy(&waiting.stderr).contains("hippo is paused"));

    daemon.stop();
    daemon = Daemon::start(&home);
    assert_eq!(paused(&daemon)["by"], "asked");
    refusal(&daemon);
    assert!(!daemon.client().finds("lighthouse", &new));
    let said = home.hippo_json(&["resume", "--json"]);
    assert_eq!(said["by"], json!(null));
    daemon.wait();
    assert!(daemon.client().finds("lighthouse", &new));
}

#[test]
fn a_pause_with_an_end_ends_by_itself() {
    let home = TempHome::new();
    let daemon = Daemon::start(&home);
    daemon.wait();
    home.hippo_json(&["pause", "--for", "2s", "--json"]);
    let new = home.write("new.txt", "The lighthouse keeper sleeps.");
    daemon.until("it goes on", |client| client.finds("lighthouse", &new));
    assert_eq!(paused(&daemon)["by"], json!(null));
    let reply = daemon
        .client()
        .request("POST", "/v1/pause", Some(&json!({"for_s": 1_u64 << 40})));
    assert_eq!(reply.unwrap().status, 400);
}

/// A laptop's supplies, as the kernel shows them.
fn supplies(dir: &Path, plugged_in: bool) {
    let put = |file: &str, text: &str| {
        let file = dir.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    put("AC/type", "Mains\n");
    put("AC/online", if plugged_in { "1\n" } else { "0\n" });
    put("BAT0/type", "Battery\n");
    put(
        "BAT0/status",
        if plugged_in {
            "Charging\n"
        } else {
            "Discharging\n"
        },
    );
}

#[test]
fn on_the_battery_notes_are_read_and_recordings_wait() {
    let home = TempHome::new();
    give_ears(&home);
    supplies(&home.power(), false);
    let note = home.write("note.txt", "The otter crosses the river.");
    let talk = home.write("talk.mp3", episode());
    let daemon = Daemon::start(&home);
    let why = refusal(&daemon);
    assert!(why.contains("runs on its battery"), "{why}");
    daemon.until("the note is read", |client| client.finds("otter", &note));
    daemon.until("the talk's tags are read", |client| {
        client.finds("The Demo Hour", &talk)
    });
    let waits = daemon.client().status()["waits"].to_string();
    assert!(waits.contains("1 recordings wait"), "{waits}");
    assert_eq!(paused(&daemon)["by"], json!(null), "files are read");
    assert_eq!(times_heard(&home), 0);

    // It looks again by itself within a minute; who cannot wait asks.
    supplies(&home.power(), true);
    home.hippo_json(&["resume", "--json"]);
    daemon.wait_for(PATIENCE);
    assert!(daemon.client().finds("vaccine", &talk));
}

#[test]
fn all_waits_for_the_mains_where_that_is_set() {
    let mut home = TempHome::new();
    supplies(&home.power(), false);
    home.set_text("power.battery", "pause");
    let note = home.write("note.txt", "The otter crosses the river.");
    let daemon = Daemon::start(&home);
    refusal(&daemon);
    assert_eq!(paused(&daemon)["by"], "battery");
    assert!(!daemon.client().finds("otter", &note));
    supplies(&home.power(), true);
    home.hippo_json(&["resume", "--json"]);
    daemon.wait();
    assert!(daemon.client().finds("otter", &note));
}

#[test]
fn a_recording_stops_at_its_next_checkpoint_and_goes_on_from_there() {
    // In a longer one the demo model loses a window by itself.
    const TIMES: usize = 4;
    let home = TempHome::new();
    give_ears(&home);
    let long = home.write("long.mp3", frames(&episode()).repeat(TIMES));
    let daemon = Daemon::start(&home);
    let listening = |client: &Client| {
        let status = client.status();
        let at_work = status["at_work"].as_array().unwrap();
        let work = at_work.iter().find(|work| work["stage"] == "listening");
        work.and_then(|work| work["done"].as_u64())
    };
    daemon.until_within(PATIENCE, "a minute to be heard", |client| {
        listening(client).is_some_and(|heard_ms| heard_ms >= 60_000)
    });
    home.hippo_json(&["pause", "--json"]);
    daemon.until_within(PATIENCE, "it stops", |client| listening(client).is_none());
    assert_eq!(times_heard(&home), 0, "{}", home.log_tail());
    refusal(&daemon);
    home.hippo_json(&["resume", "--json"]);
    daemon.wait_for(PATIENCE);
    let log = home.log_tail();
    assert!(log.contains("hearing goes on"), "{log}");
    assert_eq!(times_heard(&home), 1, "{log}");
    let said = transcript(&daemon, &long, "txt");
    assert_eq!(said.matches("water podcast").count(), TIMES, "{said}");
}
