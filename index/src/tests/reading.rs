//! What a leg found, read again where it lies.

use super::*;
use crate::{Lead, Span, Step};

#[tokio::test]
async fn segments_are_read_by_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let rows = (0..6).map(|at| row(1, 1, at, &format!("line {at}")));
    let others = (0..3).map(|at| row(2, 1, at, "another file"));
    store
        .commit(rows.chain(others).collect(), &[], 1)
        .await
        .unwrap();
    let span = |file, first, last| Span { file, first, last };
    let found = store
        .segments(&[span(1, 1, 2), span(1, 4, 9), span(2, 2, 2), span(3, 0, 9)])
        .await
        .unwrap();
    let places: Vec<_> = found.iter().map(|row| (row.file, row.ordinal)).collect();
    assert_eq!(places, [(1, 1), (1, 2), (1, 4), (1, 5), (2, 2)]);
    assert!(store.segments(&[]).await.unwrap().is_empty());
}

/// What the segments of these leads say when they are read.
async fn read_again(store: &Store, leads: &[Lead]) -> Vec<Option<String>> {
    let found = store.read(leads).await.unwrap();
    found
        .into_iter()
        .map(|hit| hit.map(|hit| hit.text))
        .collect()
}

#[tokio::test]
async fn what_was_found_is_read_whole_wherever_its_row_is_by_now() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut texts = Vec::new();
    for file in 0..40 {
        let mut line = row(file, 1, 0, &format!("word {file}"));
        line.page = Some(file as u32 + 1);
        texts.push(Some(line.text.clone()));
        store.commit(vec![line], &[], 1).await.unwrap();
    }
    let found = store.words(&any("word"), &Filter::default(), 100).await;
    let mut leads: Vec<Lead> = found.unwrap().into_iter().map(|s| s.row).collect();
    leads.sort_by_key(|lead| std::cmp::Reverse(lead.file));
    texts.reverse();
    assert_eq!(read_again(&store, &leads).await, texts, "in their order");
    let hits = store.read(&leads).await.unwrap();
    let pages: Vec<u32> = hits
        .iter()
        .map(|hit| hit.as_ref().unwrap().page.unwrap())
        .collect();
    assert_eq!(
        pages,
        (1..=40).rev().collect::<Vec<_>>(),
        "all that a row has"
    );

    store.remove(&[3]).await.unwrap();
    texts[36] = None;
    assert_eq!(read_again(&store, &leads).await, texts, "one has gone");

    // Every row moves, and other rows lie where these did.
    for step in [Step::Compact, Step::Prune] {
        store.maintain(step).await.unwrap();
    }
    assert!(store.stats().await.unwrap().fragments < 40);
    let newer = row(7, 2, 0, "something else");
    store.commit(vec![newer], &[], 2).await.unwrap();
    assert_eq!(read_again(&store, &leads[..33]).await, texts[..33]);
    assert!(read_again(&store, &[]).await.is_empty());

    // As a change of models does: the same text under a newer revision.
    let again = row(9, 3, 0, "word 9");
    store.commit(vec![again], &[9], 3).await.unwrap();
    assert_eq!(read_again(&store, &leads[..31]).await, texts[..31]);
}

#[tokio::test]
async fn leads_are_found_by_place_and_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut rows: Vec<Row> = (0..3).map(|file| row(file, 1, 0, "the head")).collect();
    rows.push(row(0, 1, 1, "the body"));
    rows[1].lang = Some("zh".to_owned());
    rows[2].speaker = Some("Ada".to_owned());
    store.commit(rows, &[], 1).await.unwrap();
    let heads: Vec<Span> = (0..4)
        .map(|file| Span {
            file,
            first: 0,
            last: 0,
        })
        .collect();
    let chinese = Filter {
        langs: vec!["zh".to_owned()],
        ..Filter::default()
    };
    let by_ada = Filter {
        speakers: vec!["Ada".to_owned()],
        ..Filter::default()
    };
    let all = vec![(0, 0), (1, 0), (2, 0)];
    for (filter, expect) in [
        (Filter::default(), all),
        (chinese, vec![(1, 0)]),
        (by_ada, vec![(2, 0)]),
    ] {
        let leads = store.leads(&heads, &filter).await.unwrap();
        let places: Vec<_> = leads.iter().map(|lead| (lead.file, lead.ordinal)).collect();
        assert_eq!(places, expect);
        assert!(read_again(&store, &leads).await.iter().all(Option::is_some));
    }
}
