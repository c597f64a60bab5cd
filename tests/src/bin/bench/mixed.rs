//! A library of pictures beside as many texts: a picture as the question, and words over both.
//!
//! Every segment has its joint vector, as with a model at work; answers of the joint leg are
//! pictures alone. Written through the index crate as the daemon writes it, its care included.

use std::time::Instant;

use hippo_index::{Embedding, Filter, Options, Row, Space, SpaceRole, Store, WordsQuery};
use hippo_tests::{Rng, corpus};

use super::report::{Report, quantile, time};
use super::search::{
    BATCH, CLUSTERS, LEG_LIMIT, QUESTIONS, care, direction, question_text, segment, timed,
};

/// Pictures, and as many segments of text.
const PICTURES: usize = 100_000;
/// As CLIP ViT-B/32.
const DIM: usize = 512;
const SPACE: &str = "bench";

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(report, rng));
}

async fn measure(report: &mut Report, rng: &mut Rng) {
    let dir = tempfile::Builder::new()
        .prefix("hippo-b")
        .tempdir()
        .unwrap();
    let options = Options {
        uri: None,
        spaces: vec![Space {
            name: SPACE.to_owned(),
            role: SpaceRole::Joint,
            dim: DIM,
        }],
        vector_index_rows: 100_000,
        cache_mib: 256,
    };
    let store = Store::open(dir.path(), options).await.unwrap().0;
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| direction(rng, DIM, None)).collect();
    let begun = Instant::now();
    for (revision, first) in (0..2 * PICTURES).step_by(BATCH).enumerate() {
        let revision = revision as u64 + 1;
        let rows = (first..first + BATCH).map(|at| row(rng, &centres, at, revision));
        let rows: Vec<Row> = rows.collect();
        store.commit(rows, &[], revision).await.unwrap();
        if revision.is_multiple_of(20) {
            care(&store).await;
        }
    }
    care(&store).await;
    report.note(
        "mixed: 100,000 pictures and 100,000 texts, written and indexed",
        time(begun.elapsed()),
    );

    let filter = Filter {
        kinds: vec!["image".to_owned()],
        ..Filter::default()
    };
    let (mut by_picture, mut by_words) = (Vec::new(), Vec::new());
    for question in 0..QUESTIONS + 20 {
        let vector = direction(rng, DIM, Some(&centres[question % CLUSTERS]));
        let (found, alone) = timed(store.nearest(SPACE, &vector, &filter, LEG_LIMIT)).await;
        assert_eq!(found.unwrap().len(), LEG_LIMIT);
        let words = WordsQuery {
            any: question_text(rng),
            ..WordsQuery::default()
        };
        let everything = Filter::default();
        let (both, together) = timed(async {
            tokio::join!(
                store.words(&words, &everything, LEG_LIMIT),
                store.nearest(SPACE, &vector, &filter, LEG_LIMIT)
            )
        })
        .await;
        both.0.unwrap();
        both.1.unwrap();
        // The first ones warm the caches.
        if question >= 20 {
            by_picture.push(alone);
            by_words.push(together);
        }
    }
    for (what, times) in [
        ("a picture", &mut by_picture),
        ("words and what they show", &mut by_words),
    ] {
        times.sort();
        report.note(
            format!("mixed: search by {what}, p50 / p99"),
            format!(
                "{} / {}",
                time(quantile(times, 0.5)),
                time(quantile(times, 0.99))
            ),
        );
    }
}

/// Pictures and texts by turns.
fn row(rng: &mut Rng, centres: &[Vec<f32>], at: usize, revision: u64) -> Row {
    let is_picture = at.is_multiple_of(2);
    let centre = &centres[rng.below(centres.len())];
    let vector = Embedding {
        space: SPACE.to_owned(),
        vector: direction(rng, DIM, Some(centre)),
    };
    let id = format!("{:016x}{:016x}", rng.number(), rng.number());
    if !is_picture {
        let text = corpus::words(rng, 60, 60_000);
        return segment(id, at, revision, text, vector);
    }
    // Behind the numbers of the texts' files.
    let file = (2 * PICTURES + at) as u64;
    Row {
        file,
        path: format!("/bench/{}/{file}.jpg", file % 1_000),
        kind: "image".to_owned(),
        mime: "image/jpeg".to_owned(),
        ordinal: 0,
        source: "caption".to_owned(),
        ..segment(id, at, revision, String::new(), vector)
    }
}
