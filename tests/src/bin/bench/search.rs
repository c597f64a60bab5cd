//! Search over synthetic segments: the words leg and the passage leg at once, model apart.
//!
//! The table is written through the index crate as the daemon writes it, its care included.
//! Texts follow Zipf's law, vectors lie in clusters: uniform ones would be no test for an
//! approximate index.

use std::time::{Duration, Instant};

use hippo_index::{Embedding, Facts, Filter, Options, Row, Space, SpaceRole, Store, WordsQuery};
use hippo_tests::{Rng, corpus, proc};

use super::report::{Report, mib, quantile, time};

/// As all-MiniLM, the usual small passage model.
const DIM: usize = 384;
const SPACE: &str = "bench";
const CLUSTERS: usize = 500;
/// Segments of a file.
const PER_FILE: usize = 10;
/// Segments in one commit.
const BATCH: usize = 5_000;
const QUESTIONS: usize = 300;
/// Hits that each leg brings, as the daemon's default.
const LEG_LIMIT: usize = 200;

pub(crate) fn run(report: &mut Report, rng: &mut Rng, sizes: &[usize]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for &size in sizes {
        runtime.block_on(measure(report, rng, size));
    }
}

async fn measure(report: &mut Report, rng: &mut Rng, size: usize) {
    let name = match size {
        1_000_000.. => format!("{}M", size / 1_000_000),
        _ => format!("{}k", size / 1_000),
    };
    let dir = tempfile::Builder::new()
        .prefix("hippo-b")
        .tempdir()
        .unwrap();
    let options = Options {
        uri: None,
        spaces: vec![Space {
            name: SPACE.to_owned(),
            role: SpaceRole::Passage,
            dim: DIM,
        }],
        vector_index_rows: 100_000,
        cache_mib: 256,
    };
    let (store, _) = Store::open(dir.path(), options).await.unwrap();
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| direction(rng, None)).collect();
    let begun = Instant::now();
    let mut written = 0;
    let mut revision = 0;
    while written < size {
        let rows: Vec<Row> = (written..(written + BATCH).min(size))
            .map(|at| row(rng, &centres, at, revision + 1))
            .collect();
        written += rows.len();
        revision += 1;
        store.commit(rows, &[], revision).await.unwrap();
        if revision % 20 == 0 {
            care(&store).await;
        }
    }
    care(&store).await;
    report.note(
        format!("search {name}: written and indexed, on the disk"),
        format!(
            "{}, {}",
            time(begun.elapsed()),
            mib(proc::disk_bytes(dir.path()))
        ),
    );
    let mut times = Vec::new();
    let mut words = Vec::new();
    let mut passage = Vec::new();
    for question in 0..QUESTIONS + 20 {
        let text = question_text(rng);
        let vector = direction(rng, Some(&centres[question % CLUSTERS]));
        let query = WordsQuery {
            any: text,
            phrases: Vec::new(),
            none: Vec::new(),
        };
        let filter = Filter::default();
        let begun = Instant::now();
        let (one, two) = tokio::join!(
            timed(store.words(&query, &filter, LEG_LIMIT)),
            timed(store.nearest(SPACE, &vector, &filter, LEG_LIMIT)),
        );
        let whole = begun.elapsed();
        let (one, two) = ((one.0.unwrap(), one.1), (two.0.unwrap(), two.1));
        assert!(!one.0.is_empty() && !two.0.is_empty());
        // The first questions warm the caches, as the first of a day do.
        if question >= 20 {
            times.push(whole);
            words.push(one.1);
            passage.push(two.1);
        }
    }
    for times in [&mut times, &mut words, &mut passage] {
        times.sort();
    }
    report.note(
        format!("search {name}: words leg p50 / p99"),
        format!(
            "{} / {}",
            time(quantile(&words, 0.5)),
            time(quantile(&words, 0.99))
        ),
    );
    report.note(
        format!("search {name}: passage leg p50 / p99"),
        format!(
            "{} / {}",
            time(quantile(&passage, 0.5)),
            time(quantile(&passage, 0.99))
        ),
    );
    let (p50, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
    report.check(
        format!("search {name}: both legs p50"),
        time(p50),
        "20 ms",
        p50 <= Duration::from_millis(20),
    );
    report.check(
        format!("search {name}: both legs p99"),
        time(p99),
        "50 ms",
        p99 <= Duration::from_millis(50),
    );
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let result = work.await;
    (result, begun.elapsed())
}

/// All care that is due, as the daemon gives it.
async fn care(store: &Store) {
    for _ in 0..4 {
        let due = store.due().await;
        if due.is_empty() {
            return;
        }
        for step in due {
            if let Err(error) = store.maintain(step).await {
                eprintln!("  {step:?}: {error:?}");
            }
        }
    }
}

fn row(rng: &mut Rng, centres: &[Vec<f32>], at: usize, revision: u64) -> Row {
    let file = (at / PER_FILE) as u64 + 1;
    let centre = &centres[rng.below(centres.len())];
    let text = if at.is_multiple_of(4) {
        corpus::han(rng, 80)
    } else {
        corpus::words(rng, 60, 60_000)
    };
    Row {
        id: format!("{:016x}{:016x}", rng.number(), rng.number()),
        file,
        revision,
        path: format!("/bench/{}/{file}.txt", file % 1_000),
        folder: "/bench".to_owned(),
        kind: "text".to_owned(),
        title: None,
        lang: None,
        mime: "text/plain".to_owned(),
        mtime_ms: 1_700_000_000_000 + at as i64,
        ordinal: (at % PER_FILE) as u32,
        page: None,
        t0_ms: None,
        t1_ms: None,
        source: "body".to_owned(),
        text,
        vectors: vec![Embedding {
            space: SPACE.to_owned(),
            vector: direction(rng, Some(centre)),
        }],
        generation: "bench".to_owned(),
        facts: Facts::default(),
    }
}

/// Three words as a person would choose: not the commonest.
fn question_text(rng: &mut Rng) -> String {
    (0..3)
        .map(|_| corpus::word(100 + rng.below(20_000)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A unit vector, anywhere or near a centre.
fn direction(rng: &mut Rng, near: Option<&Vec<f32>>) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..DIM)
        .map(|_| rng.below(2_001) as f32 / 1_000.0 - 1.0)
        .collect();
    scale(&mut vector);
    if let Some(centre) = near {
        for (value, centre) in vector.iter_mut().zip(centre) {
            *value = 0.6 * *value + centre;
        }
        scale(&mut vector);
    }
    vector
}

fn scale(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    for value in vector {
        *value /= length;
    }
}
