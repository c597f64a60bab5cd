//! Answers to what a person would type: filters, quotes, names, slips, days.

use std::fs;

use hippo_tests::client::{encode, hits, text};
use hippo_tests::{Daemon, TempHome};
use serde_json::Value;

fn paths_of(answer: &Value) -> Vec<String> {
    hits(answer)
        .iter()
        .map(|hit| {
            let path = text(&hit["path"]);
            path.rsplit('/').next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn filters_quotes_and_exclusions_hold() {
    let home = TempHome::new();
    home.write(
        "notes/harbour.md",
        "# Harbour\n\nThe lantern keeper walks the harbour wall at dusk.",
    );
    home.write(
        "notes/hill.md",
        "# Hill\n\nA keeper of goats met the lantern maker on the hill.",
    );
    home.write(
        "papers/harbour.pdf",
        hippo_tests::documents::pdf(
            "harbour",
            &["The lantern keeper is described in this paper about the harbour.".to_owned()],
        ),
    );
    let old = home.write("old/lantern.txt", "A lantern of long ago.");
    let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(past)
        .unwrap();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let ask = |question: &str| {
        let mut paths = paths_of(&daemon.client().search(question, 20));
        paths.sort();
        paths.dedup();
        paths
    };
    assert_eq!(
        ask("lantern"),
        ["harbour.md", "harbour.pdf", "hill.md", "lantern.txt"]
    );
    assert_eq!(ask("lantern kind:pdf"), ["harbour.pdf"]);
    assert_eq!(ask("\"lantern keeper\""), ["harbour.md", "harbour.pdf"]);
    assert_eq!(ask("lantern -keeper"), ["lantern.txt"]);
    assert_eq!(ask("lantern before:2002-01-01"), ["lantern.txt"]);
    assert_eq!(
        ask("lantern after:2002-01-01"),
        ["harbour.md", "harbour.pdf", "hill.md"]
    );
    let notes = home.file("notes");
    assert_eq!(
        ask(&format!("lantern in:{}", notes.display())),
        ["harbour.md", "hill.md"]
    );

    // The command line says the same, with the names that are fixed.
    let answer = home.hippo_json(&[
        "search",
        "lantern keeper",
        "--json",
        "--limit",
        "1",
        "--kind",
        "pdf",
        "--in",
        home.files().to_str().unwrap(),
    ]);
    assert_eq!(paths_of(&answer), ["harbour.pdf"]);
    for name in ["query", "took_ms", "hits", "groups", "fresh"] {
        assert!(answer.get(name).is_some(), "an answer without {name}");
    }
    for name in ["pending", "failed"] {
        assert!(answer["fresh"].get(name).is_some(), "no fresh.{name}");
    }
    let hit = &answer["hits"][0];
    for name in [
        "path", "kind", "title", "page", "t0_ms", "t1_ms", "source", "text", "snippet", "score",
        "legs",
    ] {
        assert!(hit.get(name).is_some(), "a hit without {name}: {hit}");
    }
    for name in ["words", "passage", "joint"] {
        assert!(hit["legs"].get(name).is_some(), "legs without {name}");
    }
    assert_eq!(hit["page"], 1);
    assert!(hit["legs"]["words"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_subtitle_is_found_with_its_moment() {
    let home = TempHome::new();
    let mut lines: Vec<String> = (0..120)
        .map(|at| format!("Line number {at} of talk."))
        .collect();
    lines[60] = "Here the xylophone begins.".to_owned();
    home.write("talk.srt", hippo_tests::documents::srt(&lines));
    let daemon = Daemon::start(&home);
    daemon.wait();
    let answer = daemon.client().search("xylophone", 3);
    let hit = &hits(&answer)[0];
    let (t0, t1) = (
        hit["t0_ms"].as_u64().unwrap(),
        hit["t1_ms"].as_u64().unwrap(),
    );
    // The cue is shown from 120 s to 122 s.
    assert!(t0 <= 120_000 && 122_000 <= t1, "{t0} to {t1}");
    assert!(t1 - t0 <= 90_000, "a moment is no episode: {t0} to {t1}");
}

#[test]
fn a_hit_has_a_link_and_its_neighbours() {
    let home = TempHome::new();
    let lines: Vec<String> = (0..120)
        .map(|at| format!("Line number {at} of the long talk about lanterns."))
        .collect();
    home.write("evening talk.srt", hippo_tests::documents::srt(&lines));
    home.write(
        "harbour #1.pdf",
        hippo_tests::documents::pdf(
            "harbour",
            &["The first page.".to_owned(), "A xylophone.".to_owned()],
        ),
    );
    let daemon = Daemon::start(&home);
    daemon.wait();
    let answer = daemon.client().search("xylophone", 1);
    let hit = &hits(&answer)[0];
    let link = text(&hit["link"]);
    assert!(link.starts_with("file:///"), "{link}");
    assert!(link.ends_with("/harbour%20%231.pdf#page=2"), "{link}");
    assert_eq!(hit["before"], serde_json::json!([]));

    let answer = home.hippo_json(&["search", "60", "--context", "1", "-n1", "--json"]);
    let hit = &hits(&answer)[0];
    let t0 = hit["t0_ms"].as_u64().unwrap();
    let link = text(&hit["link"]);
    assert!(
        link.ends_with(&format!("/evening%20talk.srt#t={}", t0 / 1000)),
        "{link}"
    );
    let (before, after) = (&hit["before"][0], &hit["after"][0]);
    assert!(before["t0_ms"].as_u64().unwrap() < t0, "{before}");
    assert!(after["t0_ms"].as_u64().unwrap() > t0, "{after}");
    let shown = home.hippo(&["search", "60", "--context", "1", "-n1"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for beside in [before, after] {
        let beside = squeezed(&text(&beside["text"]));
        assert!(shown.contains(&beside), "{shown}");
    }
    let refused = daemon
        .client()
        .request("GET", "/v1/search?q=a&context=11", None);
    assert_eq!(refused.unwrap().status, 400);
}

#[test]
fn a_file_is_found_by_what_it_is_called_also_after_a_rename() {
    let home = TempHome::new();
    let pages = ["Rows of figures, without a heading.".to_owned()];
    let pdf = hippo_tests::documents::pdf("", &pages);
    let path = home.write("Budget-2026.xlsx.pdf", pdf);
    home.write("quarterlyReport_final.md", "Sales went up.");
    home.write("note.txt", "The budget is nobody's favourite subject.");
    let daemon = Daemon::start(&home);
    daemon.wait();
    let first = |question: &str| paths_of(&daemon.client().search(question, 5))[0].clone();
    assert_eq!(first("budget 2026"), "Budget-2026.xlsx.pdf");
    assert_eq!(first("\"budget 2026\""), "Budget-2026.xlsx.pdf");
    assert_eq!(first("quarterly report"), "quarterlyReport_final.md");
    assert!(paths_of(&daemon.client().search("budget 2026 kind:text", 5)) == ["note.txt"]);
    let answer = daemon.client().search("budget 2026", 5);
    assert_eq!(hits(&answer)[0]["legs"]["names"], 1.0);

    // A rename shows at once and reads nothing again.
    let revision = daemon.client().why(&path)["revision"].clone();
    let renamed = home.file("年度預算.pdf");
    fs::rename(&path, &renamed).unwrap();
    daemon.wait();
    assert_eq!(first("年度预算"), "年度預算.pdf");
    assert_eq!(daemon.client().why(&renamed)["revision"], revision);
    assert_eq!(paths_of(&daemon.client().search("2026", 5)), [""; 0]);
}

#[test]
fn evidence_for_a_language_model_is_cited_and_fits_its_budget() {
    let home = TempHome::new();
    let lines: Vec<String> = (0..120)
        .map(|at| format!("Line number {at} of the long talk about lanterns, kept by the sea."))
        .collect();
    home.write("evening talk.srt", hippo_tests::documents::srt(&lines));
    let pages = [
        "The first page is about boats.".to_owned(),
        "A lantern of brass hangs over the harbour gate.".to_owned(),
    ];
    home.write("harbour.pdf", hippo_tests::documents::pdf("", &pages));
    home.write("one.md", "# Lanterns\n\nA lantern needs oil and a wick.");
    home.write(
        "two.txt",
        "Lanterns\n\nA lantern needs oil and a wick.\n\nSo says one.",
    );
    home.write("灯笼.md", "# 灯笼\n\n灯笼挂在港口的门上。");
    let daemon = Daemon::start(&home);
    daemon.wait();
    for budget in ["300", "1200"] {
        let ask = ["context", "lantern 灯笼", "--tokens", budget];
        let found = home.hippo_json(&[&ask[..], &["--json"]].concat());
        let sum: u64 = found["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|span| span["tokens"].as_u64().unwrap())
            .sum();
        assert_eq!(found["tokens"], sum);
        assert_eq!(found["budget"].to_string(), budget);
        assert!(sum <= budget.parse().unwrap(), "{sum} of {budget}");

        let shown = home.hippo(&ask);
        let shown = String::from_utf8(shown.stdout).unwrap();
        for span in found["spans"].as_array().unwrap() {
            let head = format!("[{}] {}", span["n"], text(&span["path"]));
            assert!(shown.contains(&head), "{head} is not in {shown}");
            assert!(shown.contains(&text(&span["text"])), "{shown}");
        }
        assert!(shown.contains("harbour.pdf#page=2\n\n"), "{shown}");
        assert!(shown.contains("灯笼.md"), "{shown}");
        assert_eq!(shown.matches("needs oil and a wick").count(), 1, "{shown}");
    }
    let pdf = home.hippo_json(&["context", "lantern", "--kind", "pdf", "--json"]);
    assert_eq!(pdf["spans"].as_array().unwrap().len(), 1, "{pdf}");
    let nothing = home.hippo(&["context", "xylophone"]);
    assert_eq!(nothing.status.code(), Some(3));
    let refused = home.hippo(&["context", "lantern", "--tokens", "5"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn hits_come_by_time_and_days_are_written_in_words() {
    let home = TempHome::new();
    let day = std::time::Duration::from_hours(24);
    for (name, days) in [("new.md", 0), ("week.md", 9), ("old.md", 800)] {
        let path = home.write(name, format!("A lantern, and what is {name}."));
        let file = fs::File::options().write(true).open(path).unwrap();
        let changed = std::time::SystemTime::now() - day * days;
        file.set_modified(changed).unwrap();
    }
    let daemon = Daemon::start(&home);
    daemon.wait();
    let ask = |question: &str| paths_of(&daemon.client().search(question, 20));
    assert_eq!(ask("lantern sort:newest"), ["new.md", "week.md", "old.md"]);
    assert_eq!(ask("lantern sort:oldest"), ["old.md", "week.md", "new.md"]);
    assert_eq!(ask("lantern after:\"3 days ago\""), ["new.md"]);
    assert_eq!(ask("lantern before:去年"), ["old.md"]);
    let second = [
        "search", "lantern", "--sort", "time", "-n1", "--offset", "1", "--json",
    ];
    assert_eq!(paths_of(&home.hippo_json(&second)), ["week.md"]);
    let refused = home.hippo(&["search", "lantern", "--sort", "size"]);
    assert_eq!(refused.status.code(), Some(2));
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(says.contains("best, newest"), "{says}");
    let refused = home.hippo(&["search", "lantern", "--after", "some day"]);
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(says.contains("last month"), "{says}");
}

#[test]
fn no_good_match_is_said_instead_of_showing_junk() {
    let home = TempHome::new();
    home.write("drawer.md", "The passport is in the drawer of the desk.");
    home.write(
        "other.md",
        "Where is my other shoe, and what is it doing there?",
    );
    let daemon = Daemon::start(&home);
    daemon.wait();
    let ask = |question: &str| daemon.client().search(question, 20);
    assert_eq!(paths_of(&ask("where is my passport")), ["drawer.md"]);
    let none = ask("where is my umbrella");
    assert_eq!((hits(&none).len(), &none["no_match"]), (0, &true.into()));
    let shown = home.hippo(&["search", "where is my umbrella"]);
    assert_eq!(shown.status.code(), Some(3));
    let says = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(says.contains("no good match"), "{says}");
    let all = [
        "search",
        "where is my umbrella",
        "--min-quality",
        "0",
        "--json",
    ];
    assert!(!hits(&home.hippo_json(&all)).is_empty());
    let context = home.hippo(&["context", "where is my umbrella"]);
    assert_eq!(context.status.code(), Some(3));
    assert!(context.stdout.is_empty());
}

#[test]
fn slips_are_forgiven_and_the_last_word_need_not_be_whole() {
    let home = TempHome::new();
    for at in 0..40 {
        let text = format!("The lighthouse keeper's log, day {at}: fog over the harbour.");
        home.write(&format!("log/{at}.txt"), text);
    }
    home.write("Reflector-manual.txt", "Polish it every Thursday.");
    let daemon = Daemon::start(&home);
    daemon.wait();
    // The words that are known are those of the index, which is brought in step behind a commit.
    daemon.until("the notes are in the index", |client| {
        client.status()["index"]["unindexed"].as_u64() < Some(16)
    });
    let answer = daemon.client().search("lighthuose fog", 5);
    assert_eq!(
        answer["corrected"],
        serde_json::json!([{ "typed": "lighthuose", "meant": "lighthouse" }])
    );
    let snippet = text(&hits(&answer)[0]["snippet"]);
    assert!(snippet.contains("<mark>lighthouse</mark>"), "{snippet}");
    let shown = home.hippo(&["search", "lighthuose"]);
    let says = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        says.contains("nothing says “lighthuose”: searched for “lighthouse”"),
        "{says}"
    );
    // Names have words too, which no text need have.
    let manual = daemon.client().search("reflectr manual", 5);
    assert_eq!(
        manual["corrected"],
        serde_json::json!([{ "typed": "reflectr", "meant": "reflector" }])
    );
    assert_eq!(paths_of(&manual)[0], "Reflector-manual.txt");
    let right = daemon.client().search("reflector manual", 5);
    assert_eq!(right["corrected"], serde_json::json!([]));
    let quoted = daemon.client().search("\"lighthuose fog\"", 5);
    assert_eq!(
        (hits(&quoted).len(), &quoted["corrected"]),
        (0, &serde_json::json!([]))
    );

    let typing = |question: &str| {
        let target = format!("/v1/search?as_you_type&limit=5&q={}", encode(question));
        daemon.client().get(&target)
    };
    assert!(
        hits(&daemon.client().search("fog harb", 5))
            .iter()
            .all(|hit| { !text(&hit["snippet"]).contains("<mark>harbour</mark>") })
    );
    let harbour = typing("fog harb");
    let snippet = text(&hits(&harbour)[0]["snippet"]);
    assert!(snippet.contains("<mark>harbour</mark>"), "{snippet}");
    assert_eq!(
        paths_of(&typing("refl")),
        ["Reflector-manual.txt"],
        "by its name"
    );
    let options = ["search", "lightho", "--as-you-type", "--json"];
    assert_eq!(hits(&home.hippo_json(&options)).len(), 10);
}

#[test]
fn a_text_finds_what_says_the_like_whether_it_is_watched_or_not() {
    let home = TempHome::new();
    let draft = "# Compost\nWorms turn kitchen scraps into compost. Keep the worms moist, and give \
                 them scraps once a week.";
    let kin = home.write(
        "garden/worms.md",
        "Our worms ate all the kitchen scraps again.",
    );
    let itself = home.write("draft.md", draft);
    home.write(
        "bread.md",
        "Flour, water and salt rise overnight in a cold kitchen.",
    );
    home.write("taxes.md", "The tax return is due in May.");
    let elsewhere = home.root().join("letter.txt");
    fs::write(&elsewhere, draft).unwrap();
    let daemon = Daemon::start(&home);
    daemon.wait();
    let like = |path: &std::path::Path, words: &str| {
        let path = path.to_str().unwrap();
        let answer = home.hippo_json(&["search", "--json", "--like", path, words]);
        let found = hits(&answer);
        found
            .iter()
            .map(|hit| text(&hit["path"]))
            .collect::<Vec<_>>()
    };
    let [kin, itself] = [kin, itself].map(|path| path.to_str().unwrap().to_owned());
    let found = like(&elsewhere, "");
    assert_eq!(found[..2], [itself.clone(), kin.clone()], "{found:?}");
    let found = like(&home.file("draft.md"), "");
    assert_eq!(found[0], kin, "{found:?}");
    assert!(!found.contains(&itself), "{found:?}");
    let found = like(&home.file("draft.md"), "-worms");
    assert!(!found.contains(&kin), "{found:?}");
    // What says nothing cannot be asked with.
    let junk = home.root().join("junk.bin");
    fs::write(&junk, [0, 1, 2, 3, 255, 254]).unwrap();
    let output = home.hippo(&["search", "--like", junk.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("cannot be asked with"),
        "{said}"
    );
}
