//! Documents from the wild: whatever they are, each ends with a state and a reason.

use std::collections::BTreeMap;

use hippo_tests::client::{hits, text};
use hippo_tests::{Daemon, TempHome, corpus};

#[test]
fn every_document_of_the_corpus_ends_done_failed_or_skipped_with_its_reason() {
    let Some(docs) = corpus::shared("the corpus", "corpus/docs") else {
        return;
    };
    let mut home = TempHome::empty();
    home.watch(&docs);
    let daemon = Daemon::start(&home);
    let pid = daemon.pid();
    daemon.wait();
    let mut by_state: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in corpus::files_below(&docs) {
        let why = daemon.client().why(&path);
        let state = text(&why["state"]);
        let reason = text(&why["reason"]);
        let fine = match state.as_str() {
            "done" => why["segments"].as_u64().is_some(),
            "failed" | "skipped" => !reason.is_empty(),
            _ => false,
        };
        if !fine {
            wrong.push(format!("{}: {why}", path.display()));
        }
        if state == "failed" {
            eprintln!("failed: {}: {reason}", path.display());
        }
        *by_state.entry(state).or_default() += 1;
    }
    eprintln!("the corpus: {by_state:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let status = daemon.client().status();
    assert_eq!(status["pid"], pid, "the daemon died on the way");
    assert!(by_state["done"] > 60, "{by_state:?}");

    // And what is in them is found, whatever dress it wears.
    for (question, file) in [
        (
            "Starlight Cinemas booking",
            "movie-theater-booking-2024.pdf",
        ),
        ("multi-agent conversations divergent thinking", "test.pdf"),
        ("佐藤太郎", "test_mskanji.csv"),
        ("topologischer Raum Umgebung", "GeoTopo-komprimiert.pdf"),
    ] {
        let found: Vec<String> = hits(&daemon.client().search(question, 10))
            .iter()
            .map(|hit| text(&hit["path"]))
            .collect();
        assert!(
            found.iter().any(|path| path.ends_with(file)),
            "{question}: {found:?}"
        );
    }
}
