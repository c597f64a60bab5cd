use super::*;
use crate::{Near, Step};

async fn words(store: &Store, word: &str, near: Near) -> Vec<(String, u64)> {
    let known = store.vocabulary(word, near).await.unwrap();
    known.into_iter().map(|k| (k.word, k.segments)).collect()
}

fn known(words: &[(&str, u64)]) -> Vec<(String, u64)> {
    words.iter().map(|(w, n)| ((*w).to_owned(), *n)).collect()
}

#[tokio::test]
async fn mistyped_words_and_beginnings_lead_to_words_of_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let near = |word: &'static str, near| words(&store, word, near);
    assert!(
        near("training", Near::Edits(2)).await.is_empty(),
        "an empty table has no words"
    );
    let texts = [
        "training Trained",
        "training 训练成本 trainer",
        "straining brains",
    ];
    // One segment of the index after another, as a folder that grows makes them.
    for (file, text) in (0u64..).zip(texts) {
        store
            .commit(vec![row(file, file + 1, 0, text)], &[], file + 1)
            .await
            .unwrap();
        store.maintain(Step::Index).await.unwrap();
    }
    assert_eq!(
        near("trainning", Near::Edits(1)).await,
        known(&[("training", 2)])
    );
    assert_eq!(
        near("trianer", Near::Edits(2)).await,
        known(&[("trainer", 1)]),
        "two letters exchanged are two edits"
    );
    assert!(
        near("draining", Near::Edits(2)).await.is_empty(),
        "another first letter"
    );
    assert_eq!(
        near("train", Near::Beginning).await,
        known(&[("training", 2), ("trained", 1), ("trainer", 1)])
    );
    assert_eq!(
        near("训", Near::Beginning).await,
        known(&[("训", 1), ("训练", 1)])
    );
    assert!(near("zebra", Near::Beginning).await.is_empty());
}

#[tokio::test]
async fn a_small_table_is_indexed_before_it_is_large() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let commit = async |from: u64, to: u64| {
        let rows = (from..to).map(|file| row(file, to, 0, "a note")).collect();
        store.commit(rows, &[], to).await.unwrap();
    };
    let due = async || store.due().await.contains(&Step::Index);
    commit(0, 15).await;
    assert!(
        !due().await,
        "a few rows are read faster than they are indexed"
    );
    commit(15, 200).await;
    assert!(due().await);
    store.maintain(Step::Index).await.unwrap();
    commit(200, 224).await;
    assert!(!due().await);
    commit(224, 225).await;
    assert!(due().await, "an eighth more");
}
