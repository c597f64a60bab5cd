//! Spaces side by side: added, filled, searched and dropped while all else goes on.

use std::time::Duration;

use super::*;
use crate::{IndexError, Step};

const OTHER: &str = "test-model-2";
const JOINT: &str = "test-clip-1";

fn vector_of(space: &str, vector: Vec<f32>) -> Embedding {
    let space = space.to_owned();
    Embedding { space, vector }
}

async fn nearest(store: &Store, space: &str, vector: &[f32]) -> Vec<u64> {
    let found = store.nearest(space, vector, &Filter::default(), 10).await;
    files(&found.unwrap())
}

fn column_names(store: &Store) -> Vec<(String, String)> {
    let columns = store.columns();
    let named = columns.iter();
    named
        .map(|c| (c.name.clone(), c.space.name.clone()))
        .collect()
}

#[tokio::test]
async fn two_spaces_of_a_role_live_side_by_side_and_never_meet() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let other = named(OTHER, SpaceRole::Passage, DIM);
    let joint = named(JOINT, SpaceRole::Joint, 2 * DIM);
    assert!(store.add_space(&other).await.unwrap());
    assert!(store.add_space(&joint).await.unwrap());
    assert!(!store.add_space(&joint).await.unwrap(), "it is there");
    let expected = [
        ("passage_vector", SPACE),
        ("passage_vector_2", OTHER),
        ("vector", JOINT),
    ];
    let expected = expected.map(|(column, space)| (column.to_owned(), space.to_owned()));
    assert_eq!(column_names(&store), expected);

    // The same directions in both spaces, given to different files.
    let mut rows: Vec<Row> = (0..4).map(|file| row(file, 1, 0, "x")).collect();
    rows[0].vectors = embedded(angle(0.0));
    rows[1].vectors = vec![vector_of(OTHER, angle(0.0))];
    rows[2].vectors = vec![vector_of(OTHER, angle(50.0)), vector_of(SPACE, angle(90.0))];
    rows[3].vectors = vec![vector_of(JOINT, vec![1.0; 2 * DIM])];
    store.commit(rows.clone(), &[], 1).await.unwrap();
    for indexed in [false, true] {
        assert_eq!(
            nearest(&store, SPACE, &angle(0.0)).await,
            [0, 2],
            "{indexed}"
        );
        assert_eq!(
            nearest(&store, OTHER, &angle(0.0)).await,
            [1, 2],
            "{indexed}"
        );
        assert_eq!(
            nearest(&store, JOINT, &[1.0; 2 * DIM]).await,
            [3],
            "{indexed}"
        );
        store.maintain(Step::Index).await.unwrap();
    }
    let phrase = Filter {
        phrases: vec!["x".to_owned()],
        ..Filter::default()
    };
    let found = store.nearest(OTHER, &angle(50.0), &phrase, 10).await;
    assert_eq!(
        files(&found.unwrap()),
        [2, 1],
        "phrases keep to the space too"
    );
    let mut kept = store.rows_of(2, 1).await.unwrap();
    kept[0].vectors.sort_by(|a, b| b.space.cmp(&a.space));
    assert_eq!(kept, [rows[2].clone()], "all vectors come back");

    let wrong = store
        .nearest(JOINT, &angle(0.0), &Filter::default(), 1)
        .await;
    assert!(matches!(wrong, Err(IndexError::Invalid(_))));
    let unknown = store
        .nearest("none", &angle(0.0), &Filter::default(), 1)
        .await;
    assert!(matches!(unknown, Err(IndexError::NoSpace { .. })));
}

#[tokio::test]
async fn opening_adds_what_is_wanted_and_drops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut one = row(1, 1, 0, "one");
    one.vectors = embedded(angle(5.0));
    store.commit(vec![one.clone()], &[], 1).await.unwrap();
    drop(store);
    let (plain, report) = Store::open(dir.path(), options(None)).await.unwrap();
    assert!(report.spaces_added.is_empty());
    assert_eq!(plain.spaces(), [space()]);
    plain
        .commit(vec![row(2, 1, 0, "two")], &[], 1)
        .await
        .unwrap();
    drop(plain);
    let other = named(OTHER, SpaceRole::Passage, 2 * DIM);
    let opened = Store::open(dir.path(), options([other.clone()])).await;
    let (both, report) = opened.unwrap();
    assert_eq!(report.spaces_added, [OTHER]);
    assert_eq!(both.spaces(), [space(), other]);
    assert_eq!(nearest(&both, SPACE, &angle(5.0)).await, [1]);
    assert!(nearest(&both, OTHER, &[1.0; 2 * DIM]).await.is_empty());
    assert_eq!(both.rows_of(1, 1).await.unwrap(), [one]);
}

#[tokio::test]
async fn a_name_stands_for_one_model() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for other in [
        named(SPACE, SpaceRole::Passage, DIM + 1),
        named(SPACE, SpaceRole::Joint, DIM),
    ] {
        let refused = store.add_space(&other).await;
        assert!(matches!(refused, Err(IndexError::Invalid(_))));
    }
    assert_eq!(store.spaces(), [space()]);
}

#[tokio::test]
async fn a_dropped_space_is_out_of_reach_at_once_and_off_the_disk_after_maintenance() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let wide = named(OTHER, SpaceRole::Passage, 256);
    store.add_space(&wide).await.unwrap();
    // Numbers that no encoding makes small.
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let rows = (0..1_000u64).map(|file| {
        let mut r = row(file, 1, 0, "word");
        let vector = (0..256).map(|_| random()).collect();
        r.vectors = vec![
            vector_of(SPACE, angle(file as f32)),
            vector_of(OTHER, vector),
        ];
        r
    });
    store.commit(rows.collect(), &[], 1).await.unwrap();
    store.maintain(Step::Index).await.unwrap();
    store.prune(Duration::ZERO).await.unwrap();
    let before = store.stats().await.unwrap().bytes;

    assert!(store.drop_space(OTHER).await.unwrap());
    assert!(!store.drop_space(OTHER).await.unwrap(), "it is gone");
    let gone = store
        .nearest(OTHER, &[0.5; 256], &Filter::default(), 1)
        .await;
    assert!(matches!(gone, Err(IndexError::NoSpace { .. })));
    assert_eq!(nearest(&store, SPACE, &angle(7.0)).await[0], 7);
    assert!(store.due().await.contains(&Step::Compact));
    for step in [Step::Compact, Step::Index] {
        store.maintain(step).await.unwrap();
    }
    store.prune(Duration::ZERO).await.unwrap();
    let after = store.stats().await.unwrap();
    let vectors = 1_000 * 256 * 4;
    assert!(
        after.bytes + vectors * 9 / 10 < before,
        "{before} bytes became {}",
        after.bytes
    );
    assert!(!store.due().await.contains(&Step::Compact), "done is done");
    assert_eq!((after.rows, after.unindexed), (1_000, 0));
    assert_eq!(nearest(&store, SPACE, &angle(7.0)).await[0], 7);
}

#[tokio::test]
async fn a_space_of_the_same_column_name_begins_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut one = row(1, 1, 0, "one");
    one.vectors = embedded(angle(5.0));
    store.commit(vec![one], &[], 1).await.unwrap();
    store.drop_space(SPACE).await.unwrap();
    let other = named(OTHER, SpaceRole::Passage, DIM);
    store.add_space(&other).await.unwrap();
    assert_eq!(column_names(&store)[0].0, "passage_vector");
    assert!(nearest(&store, OTHER, &angle(5.0)).await.is_empty());
    assert_eq!(store.count_vectors(OTHER).await.unwrap(), 0);
    let kept = store.rows_of(1, 1).await.unwrap();
    assert!(kept[0].vectors.is_empty() && kept[0].text == "one");
    let mut again = kept[0].clone();
    again.revision = 2;
    again.vectors = vec![vector_of(OTHER, angle(9.0))];
    store.commit(vec![again], &[1], 2).await.unwrap();
    assert_eq!(nearest(&store, OTHER, &angle(5.0)).await, [1]);
    // And what was opened again knows the same.
    drop(store);
    let (store, _) = Store::open(dir.path(), options([other.clone()]))
        .await
        .unwrap();
    assert_eq!(store.spaces(), [other]);
    assert_eq!(nearest(&store, OTHER, &angle(5.0)).await, [1]);
}

/// Commits fold their rows before they take their turn, so the columns may change in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_go_on_while_spaces_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let saver = tokio::spawn({
        let store = store.clone();
        async move {
            for revision in 1..=40u64 {
                let mut r = row(revision % 5, revision, 0, "word");
                r.vectors = embedded(angle(revision as f32));
                store
                    .commit(vec![r], &[revision % 5], revision)
                    .await
                    .unwrap();
            }
        }
    });
    let other = named(OTHER, SpaceRole::Passage, DIM);
    while !saver.is_finished() {
        store.add_space(&other).await.unwrap();
        store.drop_space(OTHER).await.unwrap();
    }
    saver.await.unwrap();
    assert_eq!(store.count_vectors(SPACE).await.unwrap(), 5);
    assert_eq!(store.spaces(), [space()]);
    assert_eq!(nearest(&store, SPACE, &angle(40.0)).await[0], 0);
}

#[tokio::test]
async fn some_pictures_vectors_are_read_and_no_texts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut rows = Vec::new();
    for file in 1..=12 {
        let mut picture = row(file, 1, 0, "");
        picture.kind = "image".to_owned();
        picture.vectors = embedded(angle(file as f32));
        let mut words = row(file, 1, 1, "what is written in it");
        words.kind = "image".to_owned();
        let mut text = row(100 + file, 1, 0, "text");
        text.vectors = embedded(angle(90.0));
        rows.extend([picture, words, text]);
    }
    store.commit(rows, &[], 1).await.unwrap();
    let space = &store.spaces()[0].name;
    for (every, expect) in [(1, 12), (3, 4), (12, 1), (13, 0), (0, 12)] {
        let found = store.pictures(space, every).await.unwrap();
        assert_eq!(found.len(), expect, "{every}");
        assert!(found.iter().all(|vector| vector[0] > 0.9));
    }
    assert!(store.pictures("another", 1).await.unwrap().is_empty());
}
