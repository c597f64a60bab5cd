use super::*;
use crate::{IndexError, Line, Step};
use std::path::PathBuf;

fn manifests(dir: &Path) -> Vec<PathBuf> {
    let folder = dir.join("segments.lance/_versions");
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "manifest"))
        .collect();
    // Newest first: versions count down in names.
    found.sort();
    found
}

#[tokio::test]
async fn a_table_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, report) = Store::open(dir.path(), options(Some(space())))
        .await
        .unwrap();
    assert!(report.created && report.spaces_added.is_empty() && report.stepped_back == 0);
    store
        .commit(vec![row(1, 1, 0, "kept")], &[], 1)
        .await
        .unwrap();
    drop(store);
    let (store, report) = Store::open(dir.path(), options(Some(space())))
        .await
        .unwrap();
    assert_eq!(report, crate::OpenReport::default());
    assert_eq!(find(&store, "kept").await, [1]);
}

#[tokio::test]
async fn others_can_open_it_with_lancedb_alone() {
    use futures::TryStreamExt as _;
    use lancedb::query::ExecutableQuery as _;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store
        .commit(vec![row(1, 1, 0, "open to all")], &[], 1)
        .await
        .unwrap();
    let other = lancedb::connect(dir.path().to_str().unwrap())
        .execute()
        .await
        .unwrap();
    assert_eq!(other.table_names().execute().await.unwrap(), ["segments"]);
    let table = other.open_table("segments").execute().await.unwrap();
    let batches: Vec<_> = table
        .query()
        .execute()
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(batches[0].num_rows(), 1);
    let names: Vec<&str> = batches[0]
        .schema_ref()
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .collect();
    assert_eq!(
        names,
        [
            "id",
            "file",
            "revision",
            "path",
            "folder",
            "kind",
            "title",
            "lang",
            "mime",
            "mtime",
            "ordinal",
            "page",
            "t0_ms",
            "t1_ms",
            "source",
            "text",
            "words",
            "generation",
            "dated",
            "camera",
            "show",
            "looks",
            "lines",
            "speaker",
            "place",
            "passage_vector",
        ]
    );
}

#[tokio::test]
async fn a_table_of_an_older_hippo_gets_the_columns_that_it_lacks() {
    let later = crate::schema::LATER;
    // The oldest lacks all of them, that of yesterday the newest alone.
    for lacking in [&later[..], &later[later.len() - 1..]] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        store
            .commit(vec![row(5, 1, 0, "kept")], &[], 1)
            .await
            .unwrap();
        let table = &store.shared.table;
        for column in lacking {
            crate::indexes::drop_indexes_of(table, column)
                .await
                .unwrap();
        }
        table.drop_columns(lacking).await.unwrap();
        drop(store);
        let store = open(dir.path()).await;
        assert_eq!(store.rows_of(5, 1).await.unwrap(), [row(5, 1, 0, "kept")]);
        let before = |ms| Filter {
            before_ms: Some(ms),
            ..Filter::default()
        };
        for (ms, expect) in [(5_000, 0), (5_001, 1)] {
            let found = store.words(&any("kept"), &before(ms), 5).await.unwrap();
            assert_eq!(found.len(), expect, "it is dated as it was modified");
        }
        let mut taken = row(6, 2, 0, "new");
        taken.facts.camera = Some("iPhone 15".to_owned());
        taken.facts.place = Some("Lyon 里昂, France 法国".to_owned());
        taken.speaker = Some("厚明".to_owned());
        taken.lines = vec![Line { at: 0, t0_ms: 5 }, Line { at: 9, t0_ms: 70 }];
        store.commit(vec![taken.clone()], &[], 2).await.unwrap();
        assert_eq!(store.rows_of(6, 2).await.unwrap(), [taken]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_look_in() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("a/index");
    open(&inner).await;
    let mode = std::fs::metadata(&inner).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn an_unreadable_head_is_stepped_over() {
    for damage in [
        &b""[..],
        b"garbage",
        b"longer garbage that ends as it should LANC",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        store
            .commit(vec![row(1, 1, 0, "first")], &[], 1)
            .await
            .unwrap();
        store
            .commit(vec![row(2, 2, 0, "second")], &[], 2)
            .await
            .unwrap();
        drop(store);
        std::fs::write(&manifests(dir.path())[0], damage).unwrap();
        let (store, report) = Store::open(dir.path(), options(Some(space())))
            .await
            .unwrap();
        assert_eq!(
            (report.stepped_back, report.created),
            (1, false),
            "{damage:?}"
        );
        assert!(report.set_aside.is_none());
        let census = store.census().await.unwrap();
        assert_eq!(census.iter().map(|c| c.file).collect::<Vec<_>>(), [1]);
        store
            .commit(vec![row(2, 3, 0, "second")], &[], 3)
            .await
            .unwrap();
        let (store, report) = Store::open(dir.path(), options(Some(space())))
            .await
            .unwrap();
        assert_eq!(report, crate::OpenReport::default());
        assert_eq!(find(&store, "second").await, [2]);
    }
}

#[tokio::test]
async fn a_head_whose_data_is_cut_short_is_stepped_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store
        .commit(vec![row(1, 1, 0, "first")], &[], 1)
        .await
        .unwrap();
    let data = dir.path().join("segments.lance/data");
    let list = || -> std::collections::BTreeSet<PathBuf> {
        std::fs::read_dir(&data)
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .collect()
    };
    let before = list();
    store
        .commit(vec![row(2, 2, 0, "second")], &[], 2)
        .await
        .unwrap();
    let fresh: Vec<PathBuf> = list().difference(&before).cloned().collect();
    drop(store);
    std::fs::write(&fresh[0], b"").unwrap();
    let (store, report) = Store::open(dir.path(), options(Some(space())))
        .await
        .unwrap();
    assert_eq!(report.stepped_back, 1);
    assert_eq!(find(&store, "first second").await, [1]);
}

#[tokio::test]
async fn a_damaged_index_is_dropped_and_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store
        .commit((0..50).map(|f| row(f, 1, 0, "word")).collect(), &[], 1)
        .await
        .unwrap();
    store.maintain(Step::Index).await.unwrap();
    drop(store);
    let indexes = dir.path().join("segments.lance/_indices");
    for index in std::fs::read_dir(&indexes).unwrap().flatten() {
        for file in std::fs::read_dir(index.path()).unwrap().flatten() {
            std::fs::write(file.path(), b"").unwrap();
        }
    }
    let (store, report) = Store::open(dir.path(), options(Some(space())))
        .await
        .unwrap();
    assert_eq!(report.stepped_back, 0, "rows are worth more than indexes");
    assert_eq!(store.census().await.unwrap().len(), 50);
    assert_eq!(find(&store, "word").await.len(), 10);
    store.maintain(Step::Index).await.unwrap();
    assert_eq!(store.stats().await.unwrap().unindexed, 0);
    assert_eq!(find(&store, "word").await.len(), 10);
}

#[tokio::test]
async fn a_table_beyond_reading_is_kept_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store
        .commit(vec![row(1, 1, 0, "precious")], &[], 1)
        .await
        .unwrap();
    drop(store);
    for manifest in manifests(dir.path()) {
        std::fs::write(manifest, b"garbage").unwrap();
    }
    let (store, report) = Store::open(dir.path(), options(Some(space())))
        .await
        .unwrap();
    assert!(report.created && report.stepped_back > 0);
    let aside = report.set_aside.unwrap();
    assert!(
        aside.join("data").read_dir().unwrap().next().is_some(),
        "nothing is deleted"
    );
    assert!(store.census().await.unwrap().is_empty());
    store
        .commit(vec![row(1, 1, 0, "precious")], &[], 1)
        .await
        .unwrap();
    let (store, report) = Store::open(dir.path(), options(Some(space())))
        .await
        .unwrap();
    assert_eq!(report, crate::OpenReport::default());
    assert_eq!(find(&store, "precious").await, [1]);
}

#[tokio::test]
async fn what_cannot_be_read_for_another_reason_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.commit(vec![row(1, 1, 0, "x")], &[], 1).await.unwrap();
    drop(store);
    let head = manifests(dir.path())[0].clone();
    let bytes = std::fs::read(&head).unwrap();
    std::fs::remove_file(&head).unwrap();
    // Reading a folder as a file fails for root too, unlike a file without permission.
    std::fs::create_dir(&head).unwrap();
    let failed = Store::open(dir.path(), options(Some(space()))).await;
    assert!(matches!(failed, Err(IndexError::Io { .. })));
    std::fs::remove_dir(&head).unwrap();
    std::fs::write(&head, bytes).unwrap();
    let (store, report) = Store::open(dir.path(), options(Some(space())))
        .await
        .unwrap();
    assert_eq!(report, crate::OpenReport::default());
    assert_eq!(find(&store, "x").await, [1]);
}
