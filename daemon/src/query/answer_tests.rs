//! A question against a small memory whose legs can be made to fail, hang or be absent.

use std::collections::HashSet;
use std::sync::Arc;

use hippo_config::Settings;

use super::*;
use crate::query::Content;
use crate::query::double::Double;
use crate::query::neighbours::MAX_CONTEXT;
use crate::query::plan::MAX_LIMIT;
use crate::service::wire::Fresh;

fn ask(q: &str) -> SearchRequest {
    SearchRequest {
        q: q.to_owned(),
        ..SearchRequest::default()
    }
}

fn paths(answer: &Answer) -> Vec<&str> {
    answer.hits.iter().map(|h| h.path.as_str()).collect()
}

#[tokio::test]
async fn words_alone_answer_and_say_how_fresh_they_are() {
    let memory = Double::of(&["training cost falls", "cost of living", "nothing"]);
    let answer = answer(&memory, &ask("training cost")).await.unwrap();
    assert_eq!(paths(&answer), ["/d/0000.txt", "/d/0001.txt"]);
    assert_eq!(
        answer.hits[0].snippet,
        "<mark>training</mark> <mark>cost</mark> falls"
    );
    assert_eq!(
        answer.fresh,
        Fresh {
            pending: 3,
            failed: 1
        }
    );
    assert_eq!(answer.missing_legs, []);
    assert_eq!(answer.groups[0].hits, [0]);
    assert!(!answer.more);
}

#[tokio::test]
async fn a_leg_that_hangs_is_named_and_the_other_answers() {
    let mut memory = Double::of(&["training cost", "what learning takes"]);
    memory.words_hang = true;
    let mut settings = Settings::default();
    settings.search.deadline_ms = 20;
    memory.settings = Arc::new(settings);
    memory.model = Some(Ok(()));
    memory.similar = Arc::new(vec![(1, 0.8), (0, 0.2)]);
    let answer = answer(&memory, &ask("training cost")).await.unwrap();
    assert_eq!(answer.hits[0].path, "/d/0001.txt");
    assert_eq!(answer.missing_legs[0].leg, "words");
    assert!(answer.missing_legs[0].reason.contains("20 ms"));
}

#[tokio::test]
async fn a_question_that_cannot_be_embedded_is_still_answered_by_words() {
    let mut memory = Double::of(&["training cost"]);
    memory.model = Some(Err("out of memory".to_owned()));
    let with_words = answer(&memory, &ask("training")).await.unwrap();
    assert_eq!(with_words.hits.len(), 1);
    assert_eq!(with_words.missing_legs[0].leg, "passage");
    memory.words_fail = true;
    let error = answer(&memory, &ask("training")).await.unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
}

#[tokio::test]
async fn a_leg_asked_for_by_name_is_missed_when_absent() {
    let memory = Double::of(&["training cost"]);
    let mut request = ask("training");
    request.legs = vec!["passage".to_owned()];
    assert!(matches!(
        answer(&memory, &request).await,
        Err(SearchError::NoLeg(_))
    ));
    request.legs.push("words".to_owned());
    let both = answer(&memory, &request).await.unwrap();
    assert_eq!((both.hits.len(), both.missing_legs.len()), (1, 1));
    request.legs = vec!["smell".to_owned()];
    assert!(matches!(
        answer(&memory, &request).await,
        Err(SearchError::UnknownLeg(_))
    ));
}

#[tokio::test]
async fn stale_rows_are_dropped_and_moved_files_shown_where_they_are() {
    let mut memory = Double::of(&["cost a", "cost b", "cost c"]);
    let live = |file, path: &str, revision| Live {
        content: Content::Of(file),
        path: PathBuf::from(path),
        revision,
        since: revision,
        also_at: vec![PathBuf::from("/d/copy.txt")],
    };
    memory.moved = Arc::new(HashMap::from([
        (0, live(0, "/d/0000.txt", 2)),
        (1, live(1, "/d/new.txt", 1)),
        (2, live(2, "/e/out.txt", 1)),
    ]));
    let mut request = ask("cost");
    let everywhere = answer(&memory, &request).await.unwrap();
    assert_eq!(paths(&everywhere), ["/d/new.txt", "/e/out.txt"]);
    assert_eq!(everywhere.hits[0].also_at, ["/d/copy.txt"]);
    request.within = vec!["/d".to_owned()];
    assert_eq!(
        paths(&answer(&memory, &request).await.unwrap()),
        ["/d/new.txt"]
    );
}

#[tokio::test]
async fn what_goes_between_ranking_and_reading_is_not_shown() {
    let mut memory = Double::of(&["cost a", "cost b", "cost c"]);
    memory.gone = Arc::new(vec![1]);
    let answer = answer(&memory, &ask("cost")).await.unwrap();
    assert_eq!(paths(&answer), ["/d/0000.txt", "/d/0002.txt"]);
}

#[tokio::test]
async fn rows_that_are_being_completed_answer_under_either_revision() {
    let mut memory = Double::of(&["cost a", "cost b", "cost c"]);
    let live = |file: usize, since, revision| Live {
        content: Content::Of(file as u64),
        path: PathBuf::from(&memory.rows[file].path),
        revision,
        since,
        also_at: Vec::new(),
    };
    // Every row is of revision 1.
    let known = [(0, live(0, 1, 3)), (1, live(1, 2, 3)), (2, live(2, 0, 1))];
    memory.moved = Arc::new(HashMap::from(known));
    let found = answer(&memory, &ask("cost")).await.unwrap();
    assert_eq!(paths(&found), ["/d/0000.txt", "/d/0002.txt"]);
}

#[tokio::test]
async fn pages_neither_overlap_nor_leave_gaps() {
    let texts: Vec<String> = (0..500)
        .map(|i| format!("cost {}", "cost ".repeat(i % 3)))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let memory = Double::of(&texts);
    let mut seen = Vec::new();
    let mut request = ask("cost");
    request.limit = Some(70);
    loop {
        let page = answer(&memory, &request).await.unwrap();
        seen.extend(page.hits.iter().map(|h| h.file));
        request.offset += 70;
        if !page.more {
            break;
        }
    }
    let unique: HashSet<u64> = seen.iter().copied().collect();
    assert_eq!((seen.len(), unique.len()), (500, 500));
}

#[tokio::test]
async fn pages_out_of_bounds_are_refused() {
    let memory = Double::of(&["cost"]);
    for (limit, offset) in [
        (Some(0), 0),
        (Some(MAX_LIMIT + 1), 0),
        (None, MAX_REACH),
        (Some(1), usize::MAX),
    ] {
        let request = SearchRequest {
            limit,
            offset,
            ..ask("cost")
        };
        assert!(matches!(
            answer(&memory, &request).await,
            Err(SearchError::Page(_))
        ));
    }
}

#[tokio::test]
async fn filters_reach_the_legs() {
    let memory = Double::of(&["cost"]);
    let mut request = ask("cost \"of living\" -rent kind:pdf in:/d/sub lang:zh after:2020");
    request.kind = vec!["text".to_owned()];
    answer(&memory, &request).await.unwrap();
    let (words, filter) = memory.asked.lock().unwrap()[0].clone();
    assert_eq!(words.any, "cost of living");
    assert_eq!(words.phrases, ["of living"]);
    assert_eq!(words.none, ["rent"]);
    assert_eq!(filter.kinds, ["pdf", "text"]);
    assert_eq!(filter.under, ["/d/sub"]);
    assert_eq!(filter.langs, ["zh"]);
    assert!(filter.after_ms.is_some() && filter.before_ms.is_none());
    assert_eq!((filter.none, filter.phrases), (words.none, words.phrases));
    let by_name = ask("cost camera:\"r5 CANON\" camera:iphone");
    answer(&memory, &by_name).await.unwrap();
    let (_, filter) = memory.asked.lock().unwrap()[1].clone();
    assert_eq!(filter.cameras, ["Canon EOS R5", "iPhone 15"]);
    let unknown = answer(&memory, &ask("cost camera:nikon"))
        .await
        .unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no file has a camera like `nikon`: there are Canon EOS R5, iPhone 15"
    );
    let said = ask("cost speaker:LOVE speaker:厚明");
    answer(&memory, &said).await.unwrap();
    let (_, filter) = memory.asked.lock().unwrap()[2].clone();
    assert_eq!(filter.speakers, ["Ada Lovelace", "厚明"]);
    let unknown = answer(&memory, &ask("cost speaker:bob")).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no file has a speaker like `bob`: there are Ada Lovelace, 厚明"
    );
    let none = answer(&memory, &ask("cost show:news")).await.unwrap_err();
    assert!(none.to_string().contains("none says which"), "{none}");
    let outside = answer(&memory, &ask("cost in:/nowhere")).await.unwrap_err();
    assert!(outside.to_string().contains("watched are /d"), "{outside}");
}

#[tokio::test]
async fn pictures_answer_by_what_they_show_unless_other_kinds_are_asked_for() {
    let mut memory = Double::of(&["whiteboard markers", "", "bread"]);
    memory.pictures = Arc::new(vec![(1, 0.29), (2, 0.1)]);
    let found = answer(&memory, &ask("whiteboard")).await.unwrap();
    assert_eq!(paths(&found), ["/d/0000.txt", "/d/0001.txt"]);
    assert_eq!(found.hits[1].legs.joint, Some(0.29));
    assert!(found.missing_legs.is_empty());
    let mut request = ask("whiteboard");
    request.kind = vec!["pdf".to_owned()];
    assert_eq!(
        paths(&answer(&memory, &request).await.unwrap()),
        ["/d/0000.txt"]
    );
    request.kind.clear();
    request.legs = vec!["joint".to_owned()];
    assert_eq!(
        paths(&answer(&memory, &request).await.unwrap()),
        ["/d/0001.txt"]
    );
}

#[tokio::test]
async fn a_joint_leg_that_cannot_be_had_is_said_when_it_was_asked_for() {
    let memory = Double::of(&["whiteboard"]);
    let mut request = ask("whiteboard");
    assert!(
        answer(&memory, &request)
            .await
            .unwrap()
            .missing_legs
            .is_empty()
    );
    request.legs = vec!["words".to_owned(), "joint".to_owned()];
    let found = answer(&memory, &request).await.unwrap();
    assert_eq!(found.missing_legs[0].leg, "joint");
}

#[tokio::test]
async fn neighbours_are_those_of_the_same_file_and_revision() {
    let mut memory = Double::of(&["zero", "one", "the cost", "three", "four", "five"]);
    let mut rows: Vec<_> = memory.rows.iter().cloned().collect();
    for (at, row) in rows.iter_mut().enumerate() {
        row.file = 1;
        row.path = "/d/0001.txt".to_owned();
        row.ordinal = at as u32;
        row.page = Some(at as u32 + 1);
    }
    // Left over from an older revision.
    rows[3].revision = 0;
    memory.rows = Arc::new(rows);
    let mut request = ask("cost");
    let plain = answer(&memory, &request).await.unwrap();
    assert!(plain.hits[0].before.is_empty() && plain.hits[0].after.is_empty());
    assert_eq!(plain.hits[0].link, "file:///d/0001.txt#page=3");
    request.context = 2;
    let answered = answer(&memory, &request).await.unwrap();
    let texts = |list: &[crate::service::wire::Neighbour]| -> Vec<String> {
        list.iter().map(|n| n.text.clone()).collect()
    };
    assert_eq!(texts(&answered.hits[0].before), ["zero", "one"]);
    assert_eq!(texts(&answered.hits[0].after), ["four"]);
    request.context = MAX_CONTEXT + 1;
    let refused = answer(&memory, &request).await.unwrap_err();
    assert!(refused.to_string().contains("`context`"), "{refused}");
}

#[tokio::test]
async fn a_file_is_found_by_its_name_alone() {
    let mut memory = Double::of(&["training cost falls", "nothing of the kind"]);
    memory.named = Arc::new(vec![(1, 1.0)]);
    let answered = answer(&memory, &ask("budget 2026")).await.unwrap();
    assert_eq!(paths(&answered), ["/d/0001.txt"]);
    assert_eq!(answered.hits[0].legs.names, Some(1.0));
    let mut request = ask("training");
    request.legs = vec!["words".to_owned()];
    let words = answer(&memory, &request).await.unwrap();
    assert_eq!(paths(&words), ["/d/0000.txt"]);
    assert_eq!(words.hits[0].legs.names, None);
}

#[tokio::test]
async fn pages_by_time_fit_together() {
    let texts: Vec<String> = (0..300).map(|i| format!("cost {i}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut memory = Double::of(&texts);
    let mut rows: Vec<_> = memory.rows.iter().cloned().collect();
    for (at, row) in rows.iter_mut().enumerate() {
        row.mtime_ms = (at as i64 * 7) % 300;
    }
    memory.rows = Arc::new(rows);
    let mut request = ask("cost sort:newest");
    request.limit = Some(40);
    let mut times = Vec::new();
    loop {
        let page = answer(&memory, &request).await.unwrap();
        times.extend(page.hits.iter().map(|h| (h.file as i64 * 7) % 300));
        request.offset += 40;
        if !page.more {
            break;
        }
    }
    let newest_first: Vec<i64> = (0..300).rev().collect();
    assert_eq!(times, newest_first);
    let mut request = ask("cost sort:newest");
    request.sort = Some("oldest".to_owned());
    let oldest = answer(&memory, &request).await.unwrap();
    assert_eq!(oldest.hits[0].file, 0);
}

#[tokio::test]
async fn a_picture_can_be_the_question() {
    let mut memory = Double::of(&["the question itself", "a twin", "a stranger"]);
    memory.pictures = Arc::new(vec![(0, 1.0), (1, 0.9), (2, 0.2)]);
    let mut request = ask("");
    request.like = Some("0000.txt.jpg".to_owned());
    let refused = answer(&memory, &request).await.unwrap_err();
    assert!(refused.to_string().contains("whole path"), "{refused}");

    request.like = Some("/d/0000.bin".to_owned());
    let refused = answer(&memory, &request).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "/d/0000.bin cannot be asked with: there is no text in it"
    );

    request.like = Some("/elsewhere/cat.jpg".to_owned());
    let likes = answer(&memory, &request).await.unwrap();
    assert_eq!(paths(&likes), ["/d/0000.txt", "/d/0001.txt", "/d/0002.txt"]);
    assert!(likes.hits[1].score > likes.hits[2].score);
    request.q = "\"at night\" -snow".to_owned();
    assert_eq!(answer(&memory, &request).await.unwrap().hits.len(), 3);
    assert!(
        memory.asked.lock().unwrap().is_empty(),
        "words are asked of no text"
    );

    memory.pictures = Arc::default();
    let refused = answer(&memory, &request).await.unwrap_err();
    assert!(refused.to_string().contains("no joint model"), "{refused}");
}

#[tokio::test]
async fn a_picture_that_was_found_by_its_looks_shows_what_is_known_of_it_in_words() {
    let mut memory = Double::of(&["", "", "cat 猫", "MILK 2 L"]);
    let mut rows = memory.rows.to_vec();
    for (row, (file, ordinal, source)) in rows.iter_mut().zip([
        (0, 0, "caption"),
        (1, 0, "caption"),
        (1, 1, "tags"),
        (0, 1, "ocr"),
    ]) {
        (row.file, row.ordinal, row.kind) = (file, ordinal, "image".to_owned());
        source.clone_into(&mut row.source);
    }
    memory.rows = Arc::new(rows);
    memory.pictures = Arc::new(vec![(0, 0.3), (1, 0.29)]);
    let mut request = ask("something else");
    request.legs = vec!["joint".to_owned()];
    let found = answer(&memory, &request).await.unwrap();
    let shown: Vec<_> = found
        .hits
        .iter()
        .map(|hit| (hit.file, hit.source.as_str(), hit.text.as_str()))
        .collect();
    assert_eq!(shown, [(0, "ocr", "MILK 2 L"), (1, "tags", "cat 猫")]);
    assert!(found.hits[0].legs.joint.is_some() && found.hits[0].legs.words.is_none());
}

#[tokio::test]
async fn a_text_can_be_the_question() {
    let memory = Double::of(&["the question itself", "a twin question", "a stranger"]);
    let mut request = ask("");
    request.like = Some("/d/0000.txt".to_owned());
    let likes = answer(&memory, &request).await.unwrap();
    assert_eq!(paths(&likes), ["/d/0001.txt"], "and not itself");
    request.q = "stranger".to_owned();
    let likes = answer(&memory, &request).await.unwrap();
    assert_eq!(paths(&likes).len(), 2, "{likes:?}");
    assert!(likes.corrected.is_empty());
}

#[tokio::test]
async fn what_is_no_good_match_is_left_out_unless_asked_for() {
    let memory = Double::of(&["the passport is in the drawer", "where is the other one"]);
    let request = ask("where is my passport");
    let good = answer(&memory, &request).await.unwrap();
    assert_eq!(paths(&good), ["/d/0000.txt"]);
    assert!((good.hits[0].quality - 1.0).abs() < 1e-9);
    assert!(!good.no_match && !good.more);
    let request = ask("where is my umbrella");
    let none = answer(&memory, &request).await.unwrap();
    assert!(none.hits.is_empty() && none.no_match && !none.more);
    let all = SearchRequest {
        min_quality: Some(0.0),
        ..request
    };
    assert_eq!(answer(&memory, &all).await.unwrap().hits.len(), 2);
    let nothing = answer(&memory, &ask("xylophone")).await.unwrap();
    assert!(nothing.hits.is_empty() && !nothing.no_match);
    for out_of_bounds in [-0.1, 1.1, f64::NAN] {
        let request = SearchRequest {
            min_quality: Some(out_of_bounds),
            ..ask("passport")
        };
        let refused = answer(&memory, &request).await.unwrap_err();
        assert!(refused.to_string().contains("`min_quality`"), "{refused}");
    }
}

#[tokio::test]
async fn what_only_resembles_stays_where_it_stands_out() {
    let texts: Vec<String> = (0..40).map(|i| format!("number {i}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut memory = Double::of(&texts);
    memory.model = Some(Ok(()));
    let similar = (0..40).map(|i| (i, if i == 7 { 0.6 } else { 0.1 + i as f32 / 1e3 }));
    let mut similar: Vec<(usize, f32)> = similar.collect();
    similar.sort_by(|a, b| b.1.total_cmp(&a.1));
    memory.similar = Arc::new(similar);
    let found = answer(&memory, &ask("lucky charm")).await.unwrap();
    assert_eq!(paths(&found), ["/d/0007.txt"]);
}
