use super::*;
use crate::Step;
use std::time::Duration;

const CANARY: &str = "xylophonequux";

async fn care_for(store: &Store) {
    for step in store.due().await {
        if step == Step::Prune {
            store.prune(Duration::ZERO).await.unwrap();
        } else {
            store.maintain(step).await.unwrap();
        }
    }
}

#[tokio::test]
async fn deleted_text_leaves_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut rows: Vec<Row> = (0..40).map(|f| row(f, 1, 0, "plain words")).collect();
    rows[3].text = format!("secret {CANARY} here");
    rows[3].path = format!("/home/me/{CANARY}.txt");
    store.commit(rows, &[], 1).await.unwrap();
    store.maintain(Step::Index).await.unwrap();
    assert_eq!(find(&store, CANARY).await, [3]);
    store.remove(&[3]).await.unwrap();
    assert!(
        find(&store, CANARY).await.is_empty(),
        "gone from answers at once"
    );
    for step in [Step::Compact, Step::Index] {
        store.maintain(step).await.unwrap();
    }
    store.prune(Duration::ZERO).await.unwrap();
    assert_eq!(grep(dir.path(), CANARY), Vec::<String>::new());
    assert_eq!(find(&store, "plain").await.len(), 10);
}

#[tokio::test]
async fn small_fragments_are_merged_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for f in 0..40 {
        let mut r = row(f, 1, 0, &format!("word number{f}"));
        r.vectors = embedded(angle(f as f32));
        store.commit(vec![r], &[], 1).await.unwrap();
        if f == 20 {
            store.maintain(Step::Index).await.unwrap();
        }
    }
    assert!(store.due().await.contains(&Step::Compact));
    let before = store.stats().await.unwrap();
    assert_eq!(before.fragments, 40);
    let report = store.maintain(Step::Compact).await.unwrap();
    assert!(report.changed, "{report:?}");
    assert!(!store.due().await.contains(&Step::Compact), "done is done");
    let after = store.stats().await.unwrap();
    assert!(after.fragments <= 3, "{after:?}");
    assert_eq!(after.rows, 40);
    assert_eq!(store.count_vectors(SPACE).await.unwrap(), 40);
    for f in [0, 19, 20, 21, 39] {
        assert_eq!(find(&store, &format!("number{f}")).await, [f]);
        let near = store
            .nearest(SPACE, &angle(f as f32), &Filter::default(), 1)
            .await
            .unwrap();
        assert_eq!(files(&near), [f]);
    }
    store.maintain(Step::Index).await.unwrap();
    assert_eq!(store.stats().await.unwrap().unindexed, 0);
    assert_eq!(find(&store, "number39").await, [39]);
}

#[tokio::test]
async fn a_search_keeps_the_version_it_looks_at() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store
        .commit(vec![row(1, 1, 0, "old")], &[], 1)
        .await
        .unwrap();
    let reading = store.reading().await.unwrap();
    let old = store.shared.table.query_snapshot().await.unwrap();
    store
        .commit(vec![row(1, 2, 0, "new")], &[1], 2)
        .await
        .unwrap();
    store.maintain(Step::Compact).await.unwrap();
    store.prune(Duration::ZERO).await.unwrap();
    assert_eq!(
        old.count_rows(Some("text = 'old'".to_owned()))
            .await
            .unwrap(),
        1
    );
    drop(reading);
    store.prune(Duration::ZERO).await.unwrap();
    assert_eq!(store.stats().await.unwrap().versions, 1);
    assert_eq!(find(&store, "new").await, [1]);
}

/// Ten thousand updates are the bench's; five hundred tell a leak as well.
#[tokio::test]
async fn the_disk_stays_bounded_through_many_updates() {
    const FILES: u64 = 400;
    const UPDATES: u64 = 500;
    let text = |f: u64, revision: u64| {
        (0..60)
            .map(|i| format!("w{} ", (f * 31 + revision * 17 + i * i) % 997))
            .collect::<Vec<_>>()
            .concat()
    };
    let rows_of = |f: u64, revision: u64| {
        let mut rows: Vec<Row> = (0..4)
            .map(|o| row(f, revision, o, &text(f, revision)))
            .collect();
        for r in &mut rows {
            r.vectors = embedded(angle((f % 360) as f32));
        }
        rows
    };
    let worn = tempfile::tempdir().unwrap();
    let store = open(worn.path()).await;
    let fresh_rows = (0..FILES).flat_map(|f| rows_of(f, 1)).collect();
    store.commit(fresh_rows, &[], 1).await.unwrap();
    let mut latest = vec![1; FILES as usize];
    for update in 0..UPDATES {
        let (f, revision) = ((update * 7) % FILES, update + 2);
        store
            .commit(rows_of(f, revision), &[f], revision)
            .await
            .unwrap();
        latest[f as usize] = revision;
        care_for(&store).await;
    }
    // What a quiet minute would do.
    care_for(&store).await;
    store.prune(Duration::ZERO).await.unwrap();
    let used = store.stats().await.unwrap();

    let fresh = tempfile::tempdir().unwrap();
    let built = open(fresh.path()).await;
    for f in 0..FILES {
        let revision = latest[f as usize];
        if f % 100 == 99 {
            let rows = (f - 99..=f).flat_map(|f| {
                let mut rows = rows_of(f, latest[f as usize]);
                for r in &mut rows {
                    r.revision = revision;
                }
                rows
            });
            built.commit(rows.collect(), &[], revision).await.unwrap();
        }
    }
    built.maintain(Step::Index).await.unwrap();
    built.prune(Duration::ZERO).await.unwrap();
    let ideal = built.stats().await.unwrap();
    assert_eq!(used.rows, ideal.rows);
    println!("worn {used:?}\nfresh {ideal:?}");
    // In so small a table what fragments have besides rows is a good part of either.
    assert!(
        used.bytes as f64 <= ideal.bytes as f64 * 1.6,
        "{} bytes after {UPDATES} updates, {} fresh",
        used.bytes,
        ideal.bytes
    );
}

/// New rows wait for no merge; at rest the parts of an index become one, and nothing is lost.
#[tokio::test]
async fn the_parts_of_an_index_are_merged_at_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let take_in = async |file| {
        let rows = (0..20).map(|at| row(file, 1, at, &format!("word{file} at{at}")));
        store.commit(rows.collect(), &[], 1).await.unwrap();
        store.maintain(Step::Index).await.unwrap().detail
    };
    for file in 0..5 {
        let detail = take_in(file).await;
        assert!(detail.contains("words: 20 rows, 0 of "), "{detail}");
    }
    let report = store.maintain(Step::Merge).await.unwrap();
    assert!(report.detail.contains("words: "), "{report:?}");
    assert!(!store.maintain(Step::Merge).await.unwrap().changed, "done");
    let detail = take_in(5).await;
    assert!(
        detail.contains("words: 20 rows, 0 of 1 segments"),
        "{detail}"
    );
    for file in 0..6 {
        let word = any(&format!("word{file}"));
        let found = store.words(&word, &Filter::default(), 100).await;
        assert_eq!(found.unwrap().len(), 20);
    }
}

async fn due_for_index(store: &Store) -> bool {
    store.due().await.contains(&Step::Index)
}

#[tokio::test]
async fn the_approximate_index_comes_with_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(Some(space()));
    options.vector_index_rows = 2_000;
    let (store, _) = Store::open(dir.path(), options).await.unwrap();
    // Directions in a sphere of eight dimensions, from a small generator.
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let vectors: Vec<Vec<f32>> = (0..3_000)
        .map(|_| (0..DIM).map(|_| random()).collect())
        .collect();
    let rows = |range: std::ops::Range<usize>, with: bool| {
        range
            .map(|i| {
                let mut r = row(i as u64, 1, 0, "x");
                if with {
                    r.vectors = embedded(vectors[i].clone());
                }
                r
            })
            .collect::<Vec<Row>>()
    };
    store.commit(rows(0..1_000, true), &[], 1).await.unwrap();
    store
        .commit(rows(1_000..2_100, false), &[], 1)
        .await
        .unwrap();
    assert!(store.due().await.contains(&Step::Index));
    store.maintain(Step::Index).await.unwrap();
    let indexed = async || store.stats().await.unwrap().spaces_indexed;
    assert!(indexed().await.is_empty(), "too few are embedded");
    assert!(
        !due_for_index(&store).await,
        "and it is not tried again at once"
    );
    store
        .remove(&(1_000..2_100).collect::<Vec<u64>>())
        .await
        .unwrap();
    store
        .commit(rows(1_000..2_900, true), &[], 1)
        .await
        .unwrap();
    store.hold_index(SPACE, true);
    store.maintain(Step::Index).await.unwrap();
    assert!(!due_for_index(&store).await, "it is held back");
    assert!(indexed().await.is_empty());
    store.hold_index(SPACE, false);
    store.maintain(Step::Index).await.unwrap();
    assert_eq!(indexed().await, [SPACE]);
    // A few more, which the index does not cover.
    store
        .commit(rows(2_900..3_000, true), &[], 1)
        .await
        .unwrap();
    let mut right = 0;
    for i in (0..3_000).step_by(60) {
        let found = store
            .nearest(SPACE, &vectors[i], &Filter::default(), 5)
            .await
            .unwrap();
        assert_eq!(found.len(), 5);
        right += usize::from(found[0].row.file == i as u64);
    }
    assert!(right >= 48, "{right} of 50 find themselves");
    let found = store
        .nearest(SPACE, &vectors[2_950], &Filter::default(), 1)
        .await
        .unwrap();
    assert_eq!(files(&found), [2_950], "a fresh row is found");
}

/// Saves go on while maintenance runs, and neither loses anything of the other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_and_maintenance_do_not_undo_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let carer = tokio::spawn({
        let (store, done) = (store.clone(), done.clone());
        async move {
            let mut merged = 0;
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                for step in [Step::Compact, Step::Index, Step::Prune] {
                    let report = store.maintain(step).await.unwrap();
                    merged += usize::from(report.changed);
                }
                store.prune(Duration::ZERO).await.unwrap();
            }
            merged
        }
    });
    for revision in 1..=60u64 {
        let file = revision % 7;
        let rows = vec![row(file, revision, 0, &format!("save number{revision}"))];
        store.commit(rows, &[file], revision).await.unwrap();
        assert_eq!(find(&store, &format!("number{revision}")).await, [file]);
    }
    done.store(true, std::sync::atomic::Ordering::Release);
    assert!(carer.await.unwrap() > 0);
    let census = store.census().await.unwrap();
    let found: Vec<(u64, u64, u32)> = census
        .iter()
        .map(|c| (c.file, c.revision, c.rows))
        .collect();
    let expected = [
        (0, 56, 1),
        (1, 57, 1),
        (2, 58, 1),
        (3, 59, 1),
        (4, 60, 1),
        (5, 54, 1),
        (6, 55, 1),
    ];
    assert_eq!(found, expected);
}

/// LanceDB plans nothing at all when what it would merge first is over the limit.
#[tokio::test]
async fn a_table_larger_than_one_step_is_still_cared_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for revision in 1..=60 {
        let first = revision * 5_000;
        let rows = (first..first + 5_000).map(|file| row(file, revision, 0, "a note"));
        store.commit(rows.collect(), &[], revision).await.unwrap();
        if revision % 20 == 0 {
            while let Some(step) = store.due().await.first() {
                store.maintain(*step).await.unwrap();
            }
        }
    }
    let stats = store.stats().await.unwrap();
    assert_eq!(stats.rows, 300_000);
    assert!(stats.fragments < 16, "{} fragments", stats.fragments);
}
