//! Promise 19: what failed is remembered, explained and not tried again without a reason.

use std::time::Duration;

use hippo_tests::client::text;
use hippo_tests::{Daemon, TempHome, corpus, documents};
use serde_json::json;

fn truncated() -> Vec<u8> {
    let whole = documents::pdf("whole", &["It was whole once.".to_owned()]);
    whole[..whole.len() / 3].to_vec()
}

#[test]
fn promise_19_a_failed_file_is_not_tried_again_until_it_changes_or_is_asked_for() {
    let mut home = TempHome::new();
    let broken = home.write("broken.pdf", truncated());
    home.write("fine.txt", corpus::mark("fine", 19));
    let daemon = Daemon::start(&home);
    daemon.wait();
    let client = daemon.client();
    let why = client.why(&broken);
    assert_eq!(why["state"], "failed", "{why}");
    assert!(!text(&why["reason"]).is_empty(), "{why}");
    let status = client.status();
    assert_eq!(status["fresh"], json!({ "pending": 0, "failed": 1 }));
    assert_eq!(
        status["recent_failures"][0]["path"],
        broken.to_str().unwrap()
    );
    let answer = client.search(&corpus::mark("fine", 19), 3);
    assert_eq!(answer["fresh"]["failed"], 1);
    daemon.stop();

    // Not by a restart, nor by a save that leaves its content as it is: with no worker to try
    // it, it would be pending.
    home.without_workers();
    let daemon = Daemon::start(&home);
    daemon.wait();
    assert_eq!(daemon.client().state_of(&broken), "failed");
    home.write("broken.pdf", truncated());
    daemon.wait();
    assert_eq!(daemon.client().state_of(&broken), "failed");
    daemon.stop();

    // By hand.
    home.unset("worker.program");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let mut events = daemon.client().events().unwrap();
    let retried = home.hippo_json(&["retry", "--json"]);
    assert_eq!(retried["files"], 1);
    let failed_again = std::iter::from_fn(|| events.next_within(Duration::from_secs(20)))
        .any(|event| event["kind"] == "failed" && event["path"] == broken.to_str().unwrap());
    assert!(failed_again, "hippo retry did not try it");
    daemon.wait();
    assert_eq!(daemon.client().state_of(&broken), "failed");

    // And when it is another file.
    let mark = corpus::mark("mended", 19);
    home.write(
        "broken.pdf",
        documents::pdf("mended", std::slice::from_ref(&mark)),
    );
    daemon.until("the mended file is found", |client| {
        client.finds(&mark, &broken)
    });
    assert_eq!(daemon.client().state_of(&broken), "done");
    assert_eq!(daemon.client().status()["fresh"]["failed"], 0);
}

#[test]
fn empty_lying_encrypted_and_foreign_files_get_their_reasons() {
    let home = TempHome::new();
    home.write("empty.txt", "");
    home.write(
        "picture.pdf",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0",
    );
    home.write("truncated.pdf", truncated());
    home.write("song.mp3", b"ID3\x03\0\0\0\0\0\0");
    home.write(
        "binary.txt",
        (0..=255u8).cycle().take(4096).collect::<Vec<u8>>(),
    );
    let daemon = Daemon::start(&home);
    daemon.wait();
    for name in [
        "empty.txt",
        "picture.pdf",
        "truncated.pdf",
        "song.mp3",
        "binary.txt",
    ] {
        let why = daemon.client().why(&home.file(name));
        let state = text(&why["state"]);
        assert!(
            ["failed", "skipped"].contains(&state.as_str()),
            "{name}: {why}"
        );
        assert!(text(&why["reason"]).len() > 8, "{name}: {why}");
        assert!(!text(&why["explanation"]).is_empty(), "{name}: {why}");
        eprintln!("{name}: {state}: {}", text(&why["reason"]));
    }
}

#[test]
fn promise_25_why_explains_what_is_ignored_or_not_watched_or_not_there() {
    let home = TempHome::new();
    home.write(".hippoignore", "drafts/\n");
    home.write("drafts/one.txt", "not to be found");
    home.write(".hidden/one.txt", "not to be found");
    home.write("node_modules/pkg/readme.md", "not to be found");
    home.write("kept.txt", "to be found");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let client = daemon.client();
    assert_eq!(client.paths("found"), [home.file("kept.txt")]);
    for name in [
        "drafts/one.txt",
        ".hidden/one.txt",
        "node_modules/pkg/readme.md",
    ] {
        let why = client.why(&home.file(name));
        assert_eq!(why["state"], "ignored", "{name}: {why}");
        assert!(!text(&why["explanation"]).is_empty());
    }
    let why = client.why(&home.file("drafts/one.txt"));
    assert_eq!(
        text(&why["ignored_by"]),
        home.file(".hippoignore").to_str().unwrap(),
        "{why}"
    );
    assert_eq!(client.state_of(&home.file("nothing.txt")), "not found");
    assert_eq!(
        client.state_of(&home.root().join("stderr.txt")),
        "not watched"
    );
}
