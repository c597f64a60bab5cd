use super::*;
use crate::{Census, IndexError, Relocation};

#[tokio::test]
async fn rows_come_back_as_they_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut full = row(7, 3, 1, "二 second");
    full.title = Some("Title".to_owned());
    full.page = Some(4);
    full.t0_ms = Some(u64::MAX);
    full.t1_ms = Some(12);
    full.lang = None;
    full.mtime_ms = -5;
    full.vectors = embedded(angle(10.0));
    full.facts = Facts {
        dated_ms: Some(-9),
        camera: Some("Canon EOS R5".to_owned()),
        place: Some("Bonn 波恩, Germany 德国".to_owned()),
        show: Some("早间新闻".to_owned()),
        looks: Some(u64::MAX),
    };
    full.speaker = Some("厚明".to_owned());
    let rows = vec![full, row(7, 3, 0, "first")];
    store.commit(rows.clone(), &[], 3).await.unwrap();
    let found = store.rows_of(7, 3).await.unwrap();
    assert_eq!(found, [rows[1].clone(), rows[0].clone()], "by ordinal");
    assert!(store.rows_of(7, 2).await.unwrap().is_empty());
    store
        .commit(vec![row(7, 4, 0, "later"), row(8, 4, 0, "x")], &[], 4)
        .await
        .unwrap();
    let several = store.rows_of_all(&[(7, 4), (8, 3), (9, 1)]).await.unwrap();
    assert_eq!(several.len(), 1, "each of its own revision");
    assert_eq!(several[&7][0].text, "later");
}

#[tokio::test]
async fn a_commit_replaces_older_revisions_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store
        .commit(vec![row(1, 1, 0, "old"), row(2, 1, 0, "other")], &[], 1)
        .await
        .unwrap();
    store
        .commit(vec![row(1, 2, 0, "new"), row(1, 2, 1, "more")], &[1], 2)
        .await
        .unwrap();
    let count = |file, revision, rows| Census {
        file,
        revision,
        rows,
    };
    assert_eq!(
        store.census().await.unwrap(),
        [count(1, 2, 2), count(2, 1, 1)]
    );
    // A replay of an older commit's delete touches nothing newer.
    store.commit(Vec::new(), &[1], 2).await.unwrap();
    assert_eq!(
        store.census().await.unwrap(),
        [count(1, 2, 2), count(2, 1, 1)]
    );
    // A file that became empty.
    store.commit(Vec::new(), &[2], 5).await.unwrap();
    assert_eq!(store.census().await.unwrap(), [count(1, 2, 2)]);
}

#[tokio::test]
async fn purge_takes_exactly_its_revisions() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store
        .commit(vec![row(1, 1, 0, "a"), row(2, 1, 0, "b")], &[], 1)
        .await
        .unwrap();
    store.commit(vec![row(1, 2, 0, "c")], &[], 2).await.unwrap();
    store.purge(&[(1, 2), (2, 1), (9, 9)]).await.unwrap();
    let left = store.census().await.unwrap();
    assert_eq!(
        left.iter()
            .map(|c| (c.file, c.revision))
            .collect::<Vec<_>>(),
        [(1, 1)]
    );
}

#[tokio::test]
async fn many_files_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let all: Vec<u64> = (0..2_500).collect();
    let rows = all.iter().map(|f| row(*f, 1, 0, "word")).collect();
    store.commit(rows, &all, 1).await.unwrap();
    assert_eq!(store.census().await.unwrap().len(), 2_500);
    let moves: Vec<Relocation> = all
        .iter()
        .take(600)
        .map(|file| Relocation {
            file: *file,
            path: format!("/it's/100%_\"new\"\\{file}.txt"),
            folder: "/it's".to_owned(),
        })
        .collect();
    store.relocate(&moves).await.unwrap();
    let there_now = store.rows_of(599, 1).await.unwrap();
    assert_eq!(there_now[0].path, "/it's/100%_\"new\"\\599.txt");
    assert_eq!(there_now[0].text, "word");
    let there = Filter {
        under: vec!["/it's/".to_owned()],
        ..Filter::default()
    };
    assert_eq!(
        store
            .words(&any("word"), &there, 5_000)
            .await
            .unwrap()
            .len(),
        600
    );
    store.remove(&all[..2_400]).await.unwrap();
    assert_eq!(store.census().await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_move_keeps_vectors_and_words() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut one = row(1, 1, 0, "脑机接口");
    one.vectors = embedded(angle(30.0));
    store.commit(vec![one], &[], 1).await.unwrap();
    let to = Relocation {
        file: 1,
        path: "/b/1.txt".to_owned(),
        folder: "/b".to_owned(),
    };
    store.relocate(&[to]).await.unwrap();
    let found = store
        .nearest(SPACE, &angle(30.0), &Filter::default(), 1)
        .await
        .unwrap();
    let whole = store.read(&[found[0].row.clone()]).await.unwrap();
    assert_eq!(whole[0].as_ref().unwrap().path, "/b/1.txt");
    assert_eq!(find(&store, "接口").await, [1]);
}

#[tokio::test]
async fn mistakes_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let with = |vector: Vec<f32>| {
        let mut r = row(1, 1, 0, "x");
        r.vectors = embedded(vector);
        r
    };
    let mut foreign = with(angle(1.0));
    foreign.vectors[0].space = "another-model".to_owned();
    let mut twice = with(angle(1.0));
    twice.vectors.extend(embedded(angle(2.0)));
    for wrong in [
        row(1, 2, 0, "x"),
        with(vec![1.0; 3]),
        with(vec![f32::NAN; DIM]),
        foreign,
        twice,
    ] {
        let refused = store.commit(vec![wrong], &[], 1).await;
        assert!(
            matches!(refused, Err(IndexError::Invalid(_))),
            "{refused:?}"
        );
    }
    assert!(store.census().await.unwrap().is_empty());
}

#[tokio::test]
async fn writers_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let writers = (0..8u64).map(|file| {
        let store = store.clone();
        tokio::spawn(async move {
            for revision in 1..=4 {
                let rows = vec![row(file, revision, 0, "word")];
                store.commit(rows, &[file], revision).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let census = store.census().await.unwrap();
    assert_eq!(census.len(), 8);
    assert!(census.iter().all(|c| c.revision == 4 && c.rows == 1));
}

#[tokio::test]
async fn a_swap_and_a_replayed_move() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let to = |file: u64, path: &str| Relocation {
        file,
        path: path.to_owned(),
        folder: "/home/me/notes".to_owned(),
    };
    let rows = vec![row(1, 1, 0, "a"), row(1, 1, 1, "b"), row(2, 1, 0, "c")];
    store.commit(rows.clone(), &[], 1).await.unwrap();
    let swap = [to(1, "/home/me/notes/2.txt"), to(2, "/home/me/notes/1.txt")];
    for _ in 0..2 {
        store.relocate(&swap).await.unwrap();
        let one = store.rows_of(1, 1).await.unwrap();
        assert_eq!(one.len(), 2);
        assert!(one.iter().all(|r| r.path == "/home/me/notes/2.txt"));
        assert_eq!(store.rows_of(2, 1).await.unwrap().len(), 1);
    }
    // A crash came after the copies: both paths have all rows, and the file moves on.
    store.commit(rows[..2].to_vec(), &[], 1).await.unwrap();
    store
        .relocate(&[to(1, "/home/me/notes/3.txt")])
        .await
        .unwrap();
    let texts: Vec<String> = store
        .rows_of(1, 1)
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.text)
        .collect();
    assert_eq!(texts, ["a", "b"]);
    store.relocate(&[to(99, "/nowhere")]).await.unwrap();
}
