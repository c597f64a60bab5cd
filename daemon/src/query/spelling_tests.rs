use super::super::double::Double;
use super::super::{answer, context};
use super::*;
use crate::service::wire::{ContextRequest, SearchRequest};

const TEXTS: [&str; 6] = [
    "The training cost falls every year",
    "training for a marathon in the rain",
    "trained eyes and a keyboard",
    "个人知识库和智能代理",
    "a small model in its slow mode",
    "another mode",
];

fn typed(q: &str, as_you_type: bool) -> SearchRequest {
    SearchRequest {
        q: q.to_owned(),
        as_you_type,
        ..SearchRequest::default()
    }
}

async fn corrections(q: &str) -> Vec<(String, String)> {
    let found = answer(&Double::of(&TEXTS), &typed(q, false)).await.unwrap();
    let corrected = found.corrected.into_iter();
    corrected.map(|c| (c.typed, c.meant)).collect()
}

#[tokio::test]
async fn a_mistyped_word_finds_and_marks_what_was_meant() {
    let memory = Double::of(&TEXTS);
    let found = answer(&memory, &typed("Trainning cost", false))
        .await
        .unwrap();
    assert_eq!(found.hits[0].path, "/d/0000.txt");
    let marked = "The <mark>training</mark> <mark>cost</mark> falls every year";
    assert_eq!(found.hits[0].snippet, marked);
    assert_eq!(
        found.corrected,
        [Correction {
            typed: "Trainning".to_owned(),
            meant: "training".to_owned()
        }]
    );
    let request = ContextRequest {
        q: "Trainning cost".to_owned(),
        ..ContextRequest::default()
    };
    let evidence = context(&memory, &request).await.unwrap();
    assert_eq!(evidence.corrected, found.corrected);
}

#[tokio::test]
async fn only_slips_are_corrected() {
    for (q, meant) in [
        ("trianing", Some("training")),
        ("maraton", Some("marathon")),
        ("keybaord", Some("keyboard")),
        // Of two that are as near, the commoner.
        ("trainind", Some("training")),
        ("modle", Some("model")),
        // It stands there.
        ("trained", None),
        // Two slips in a short word, another first letter, too short, not of letters.
        ("treneng", None),
        ("raining", None),
        ("yeer", None),
        ("tr4ining", None),
        ("zebra", None),
    ] {
        let corrected = corrections(q).await.into_iter().map(|(_, meant)| meant);
        assert_eq!(corrected.collect::<Vec<_>>(), Vec::from_iter(meant), "{q}");
    }
}

#[tokio::test]
async fn what_is_quoted_or_excluded_is_meant_as_it_stands() {
    for q in ["\"trainning cost\"", "cost -trainning"] {
        assert!(corrections(q).await.is_empty(), "{q}");
    }
}

#[tokio::test]
async fn the_last_word_stands_for_what_it_may_become() {
    let memory = Double::of(&TEXTS);
    let paths = async |q: &str, as_you_type| -> Vec<String> {
        let found = answer(&memory, &typed(q, as_you_type)).await.unwrap();
        found.hits.into_iter().map(|hit| hit.path).collect()
    };
    assert_eq!(paths("cost trai", true).await[0], "/d/0000.txt");
    assert_eq!(paths("trai", true).await.len(), 3);
    assert!(paths("trai", false).await.is_empty());
    assert!(paths("trai ", true).await.is_empty(), "a space ends a word");
    assert_eq!(paths("知", true).await, ["/d/0003.txt"]);
    let found = answer(&memory, &typed("trai", true)).await.unwrap();
    assert!(found.corrected.is_empty(), "what is being typed is no slip");
    assert!(
        found.hits[0].snippet.contains("<mark>train"),
        "{:?}",
        found.hits[0]
    );
}

#[tokio::test]
async fn words_before_the_last_are_corrected_while_it_is_typed() {
    let memory = Double::of(&TEXTS);
    let found = answer(&memory, &typed("trainning co", true)).await.unwrap();
    assert_eq!(found.corrected.len(), 1);
    assert_eq!(found.hits[0].path, "/d/0000.txt");
}
