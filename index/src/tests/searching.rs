use super::*;
use crate::{IndexError, Step};

/// A few notes in two languages, as fresh rows or indexed ones.
async fn notes(dir: &Path, indexed: bool) -> Store {
    let store = open(dir).await;
    let texts = [
        "The training cost falls by seventy percent each year",
        "脑机接口把大脑和机器接在一起",
        "谁被称为神经网络之父？是杰弗里·辛顿",
        "Use Notion AI 续写 a paragraph, then call getUserName()",
        "个人知识库和智能代理",
        "nothing of note",
    ];
    let mut rows: Vec<Row> = (0u64..).zip(texts).map(|(f, t)| row(f, 1, 0, t)).collect();
    for (i, r) in rows.iter_mut().enumerate() {
        r.vectors = embedded(angle(15.0 * i as f32));
    }
    rows[5].title = Some("神经 Titles".to_owned());
    rows[5].vectors.clear();
    store.commit(rows, &[], 1).await.unwrap();
    if indexed {
        store.maintain(Step::Index).await.unwrap();
        assert_eq!(store.stats().await.unwrap().unindexed, 0);
    } else {
        assert_eq!(store.stats().await.unwrap().unindexed, 6);
    }
    store
}

async fn both(check: impl AsyncFn(Store)) {
    for indexed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = notes(dir.path(), indexed).await;
        println!("indexed: {indexed}");
        check(store).await;
    }
}

#[tokio::test]
async fn words_find_in_both_languages_and_scripts() {
    both(async |store| {
        assert_eq!(find(&store, "training COSTS cost").await, [0]);
        assert_eq!(find(&store, "脑机接口").await, [1]);
        assert_eq!(
            find(&store, "個人知識庫 智能代理").await,
            [4],
            "Traditional for Simplified"
        );
        assert_eq!(find(&store, "神经网络之父").await[0], 2);
        assert!(find(&store, "神经").await.contains(&5), "a title is found");
        assert_eq!(
            find(&store, "username user").await,
            [3],
            "a part of an identifier"
        );
        assert_eq!(find(&store, "庫").await, [4], "one character");
        assert!(find(&store, "zebra").await.is_empty());
        assert!(find(&store, "").await.is_empty() && find(&store, " ，。").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn scores_are_positive_and_fall() {
    both(async |store| {
        let found = store
            .words(&any("神经 the 接口 note"), &Filter::default(), 10)
            .await
            .unwrap();
        assert!(found.len() >= 4, "any word is enough");
        assert!(found.iter().all(|s| s.score > 0.0), "{found:?}");
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        let cut = store
            .words(&any("神经 the 接口 note"), &Filter::default(), 2)
            .await
            .unwrap();
        assert_eq!(files(&cut), files(&found)[..2]);
    })
    .await;
}

#[tokio::test]
async fn phrases_are_exact_and_words_can_be_excluded() {
    both(async |store| {
        let search = async |query: &WordsQuery| {
            files(&store.words(query, &Filter::default(), 10).await.unwrap())
        };
        assert_eq!(search(&phrase("training cost")).await, [0]);
        assert!(search(&phrase("cost training")).await.is_empty());
        assert!(
            search(&phrase("rain")).await.is_empty(),
            "no parts of words"
        );
        assert_eq!(search(&phrase("神經網絡")).await, [2]);
        assert_eq!(search(&phrase("？")).await, [2], "without a word in it");
        let mut query = any("神经");
        assert_eq!(search(&query).await.len(), 2);
        query.none = vec!["辛顿".to_owned()];
        assert_eq!(search(&query).await, [5]);
        query.none = vec!["titles".to_owned()];
        assert_eq!(search(&query).await, [2]);
        query.phrases = vec!["神经网络".to_owned()];
        query.any = "接口".to_owned();
        assert_eq!(search(&query).await, [2], "phrases are hard, words are not");
    })
    .await;
}

#[tokio::test]
async fn a_rare_phrase_of_common_words_is_found_behind_many_candidates() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut rows: Vec<Row> = (0..300).map(|f| row(f, 1, 0, "b a b a b c a")).collect();
    rows.push(row(777, 1, 0, &format!("a b {}", "c ".repeat(60))));
    rows.retain(|r| r.file == 777 || !r.text.contains("a b c x"));
    for r in &mut rows[..300] {
        r.text = "b, a".repeat(3);
    }
    store.commit(rows, &[], 1).await.unwrap();
    store.maintain(Step::Index).await.unwrap();
    let found = store
        .words(&phrase("a b c"), &Filter::default(), 2)
        .await
        .unwrap();
    assert_eq!(files(&found), [777]);
}

#[tokio::test]
async fn passages_are_found_by_angle() {
    both(async |store| {
        let found = store
            .nearest(SPACE, &angle(31.0), &Filter::default(), 3)
            .await
            .unwrap();
        assert_eq!(files(&found), [2, 3, 1]);
        assert!(
            (found[0].score - 1f32.to_radians().cos()).abs() < 1e-4,
            "cosine"
        );
        let all = store
            .nearest(SPACE, &angle(0.0), &Filter::default(), 10)
            .await
            .unwrap();
        assert_eq!(all.len(), 5, "rows without a vector are not found");
        let filter = Filter {
            none: vec!["脑机".to_owned()],
            ..Filter::default()
        };
        let found = store
            .nearest(SPACE, &angle(15.0), &filter, 10)
            .await
            .unwrap();
        assert_eq!(found.len(), 4);
        let filter = Filter {
            phrases: vec!["知识库".to_owned()],
            ..Filter::default()
        };
        let found = store
            .nearest(SPACE, &angle(15.0), &filter, 10)
            .await
            .unwrap();
        assert_eq!(files(&found), [4]);
        assert!((found[0].score - 45f32.to_radians().cos()).abs() < 1e-4);
        let wrong = store.nearest(SPACE, &[1.0], &Filter::default(), 1).await;
        assert!(matches!(wrong, Err(IndexError::Invalid(_))));
    })
    .await;
}

/// Each filter, in each leg, on fresh rows, indexed rows and both.
#[tokio::test]
async fn filters_are_applied_before_the_cut() {
    for indexed in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        // 100 better hits elsewhere would fill any page first.
        let mut rows: Vec<Row> = (0..100).map(|f| row(f, 1, 0, "word word word")).collect();
        for r in &mut rows {
            r.vectors = embedded(angle(0.0));
        }
        let mut odd = row(500, 1, 0, "a word among many others, and the last of them");
        odd.path = "/data/it's/50%_off/x\"y.pdf".to_owned();
        odd.kind = "pdf".to_owned();
        odd.lang = Some("zh".to_owned());
        odd.mtime_ms = -7;
        odd.vectors = embedded(angle(80.0));
        let mut near = odd.clone();
        near.file = 501;
        near.path = "/data/it's/50%_office.txt".to_owned();
        near.kind = "text".to_owned();
        near.lang = None;
        near.mtime_ms = 10_000_000;
        near.facts.dated_ms = Some(20_000_000);
        near.facts.camera = Some("it's a 35 mm".to_owned());
        odd.facts.place = Some("Lyon 里昂, France 法国".to_owned());
        odd.facts.show = Some("早间新闻".to_owned());
        odd.speaker = Some("厚明".to_owned());
        if indexed == 2 {
            store.commit(rows, &[], 1).await.unwrap();
            store.maintain(Step::Index).await.unwrap();
            store.commit(vec![odd, near], &[], 1).await.unwrap();
        } else {
            rows.extend([odd, near]);
            store.commit(rows, &[], 1).await.unwrap();
            if indexed == 1 {
                store.maintain(Step::Index).await.unwrap();
            }
        }
        let of = |value: &str| vec![value.to_owned()];
        let all = Filter::default;
        let cases = [
            (
                Filter {
                    kinds: of("pdf"),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    langs: of("zh"),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    under: of("/data/it's/50%_off"),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    under: of("/data/it's/50%_off/"),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    under: of("/data/it's/50%_office.txt"),
                    ..all()
                },
                vec![501],
            ),
            (
                Filter {
                    under: of("/data/it's"),
                    ..all()
                },
                vec![500, 501],
            ),
            (
                Filter {
                    under: of("/data/it"),
                    ..all()
                },
                vec![],
            ),
            (
                Filter {
                    before_ms: Some(-6),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    after_ms: Some(20_000_000),
                    ..all()
                },
                vec![501],
            ),
            (
                Filter {
                    after_ms: Some(20_000_001),
                    ..all()
                },
                vec![],
            ),
            (
                Filter {
                    cameras: vec!["another".into(), "it's a 35 mm".into()],
                    ..all()
                },
                vec![501],
            ),
            (
                Filter {
                    places: of("Lyon 里昂, France 法国"),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    shows: of("早间新闻"),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    speakers: of("厚明"),
                    ..all()
                },
                vec![500],
            ),
            (
                Filter {
                    under: vec!["/nowhere".into(), "/data".into()],
                    kinds: of("text"),
                    ..all()
                },
                vec![501],
            ),
        ];
        for (filter, expected) in cases {
            let words = store.words(&any("word"), &filter, 5).await.unwrap();
            let passage = store.nearest(SPACE, &angle(0.0), &filter, 5).await.unwrap();
            for found in [words, passage] {
                let mut found = files(&found);
                found.sort_unstable();
                assert_eq!(found, expected, "{indexed} {filter:?}");
            }
        }
        let root = Filter {
            under: of("/"),
            ..all()
        };
        assert_eq!(
            store.words(&any("word"), &root, 500).await.unwrap().len(),
            102
        );
    }
}
