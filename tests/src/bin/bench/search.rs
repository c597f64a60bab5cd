//! Search over synthetic segments: the words leg and the passage leg at once, model apart.
//!
//! The table is written through the index crate as the daemon writes it, its care included.
//! Texts follow Zipf's law, vectors lie in clusters: uniform ones would be no test for an
//! approximate index. How much that index misses is told against comparing every vector.
//!
//! `HIPPO_BENCH_TABLES=DIR` keeps the tables there and uses those that it finds: a million
//! segments take longer to write than to ask.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hippo_index::{
    Effort, Embedding, Facts, Filter, Lead, Options, Row, Scored, Space, SpaceRole, Step, Store,
    WordsQuery,
};
use hippo_tests::{Rng, corpus, proc};

use super::report::{Report, mib, quantile, time};

/// As all-MiniLM, the usual small passage model.
const DIM: usize = 384;
const SPACE: &str = "bench";
pub(crate) const CLUSTERS: usize = 500;
/// Segments of a file.
const PER_FILE: usize = 10;
/// Segments in one commit.
pub(crate) const BATCH: usize = 5_000;
pub(crate) const QUESTIONS: usize = 300;
/// Efforts that are compared: cells and candidates.
const SWEEP: [(usize, usize); 7] = [
    (5, 400),
    (10, 400),
    (20, 200),
    (20, 400),
    (20, 1_000),
    (40, 400),
    (80, 400),
];
/// Questions whose answers are compared with the exact ones.
const JUDGED: usize = 100;
/// Hits that each leg brings, as the daemon's default.
pub(crate) const LEG_LIMIT: usize = 100;
/// Hits of a page.
const PAGE: usize = 10;

pub(crate) fn run(report: &mut Report, rng: &mut Rng, sizes: &[usize]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for &size in sizes {
        // Of its own, so that a table that is found gets the questions of the one that was written.
        let rng = &mut Rng::new(rng.number());
        runtime.block_on(measure(report, rng, size));
    }
}

/// Where tables are kept; without it they go when they were measured.
const TABLES_ENV: &str = "HIPPO_BENCH_TABLES";

async fn measure(report: &mut Report, rng: &mut Rng, size: usize) {
    let name = match size {
        1_000_000.. => format!("{}M", size / 1_000_000),
        _ => format!("{}k", size / 1_000),
    };
    let passing = tempfile::Builder::new()
        .prefix("hippo-b")
        .tempdir()
        .unwrap();
    let kept = std::env::var_os(TABLES_ENV).map(PathBuf::from);
    let dir = kept.map_or_else(|| passing.path().to_owned(), |kept| kept.join(&name));
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| direction(rng, DIM, None)).collect();
    // Of its own, so that the questions are the same whether the table is written or found.
    let asked = &mut Rng::new(rng.number());
    let store = open(&dir).await;
    if store.stats().await.unwrap().rows == 0 {
        write(report, rng, &store, (&name, &dir), &centres, size).await;
    }
    care(&store).await;
    let stats = store.stats().await.unwrap();
    let pieces = format!(
        "{} fragments, {} outside of the indexes",
        stats.fragments, stats.unindexed
    );
    report.note(format!("search {name}: the table"), pieces);
    legs(report, asked, &store, &name, &centres).await;
    if !store.stats().await.unwrap().spaces_indexed.is_empty() {
        missed(report, asked, &store, &name, &centres).await;
    }
}

async fn open(dir: &Path) -> Store {
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
    Store::open(dir, options).await.unwrap().0
}

async fn write(
    report: &mut Report,
    rng: &mut Rng,
    store: &Store,
    (name, dir): (&str, &Path),
    centres: &[Vec<f32>],
    size: usize,
) {
    let begun = Instant::now();
    let mut written = 0;
    let mut revision = 0;
    while written < size {
        let rows: Vec<Row> = (written..(written + BATCH).min(size))
            .map(|at| row(rng, centres, at, revision + 1))
            .collect();
        written += rows.len();
        revision += 1;
        store.commit(rows, &[], revision).await.unwrap();
        if revision % 20 == 0 {
            eprintln!("  {written} segments after {}", time(begun.elapsed()));
            care(store).await;
        }
    }
    care(store).await;
    report.note(
        format!("search {name}: written and indexed, on the disk"),
        format!("{}, {}", time(begun.elapsed()), mib(proc::disk_bytes(dir))),
    );
}

/// The two legs side by side, as a question searches them, and the whole of what a page shows.
async fn legs(report: &mut Report, rng: &mut Rng, store: &Store, name: &str, centres: &[Vec<f32>]) {
    let mut times = Vec::new();
    let mut words = Vec::new();
    let mut passage = Vec::new();
    let mut reading = Vec::new();
    for question in 0..QUESTIONS + 20 {
        let text = question_text(rng);
        let vector = direction(rng, DIM, Some(&centres[question % CLUSTERS]));
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
        let (one, two) = ((one.0.unwrap(), one.1), (two.0.unwrap(), two.1));
        assert!(!one.0.is_empty() && !two.0.is_empty());
        let halves = one.0.into_iter().take(PAGE / 2);
        let page = halves.chain(two.0.into_iter().take(PAGE / 2));
        let page: Vec<Lead> = page.map(|scored| scored.row).collect();
        let (shown, took) = timed(store.read(&page)).await;
        assert_eq!(shown.unwrap().len(), page.len());
        let whole = begun.elapsed();
        // The first questions warm the caches, as the first of a day do.
        if question >= 20 {
            times.push(whole);
            words.push(one.1);
            passage.push(two.1);
            reading.push(took);
        }
    }
    for times in [&mut times, &mut words, &mut passage, &mut reading] {
        times.sort();
    }
    for (part, times) in [
        ("words leg", &words),
        ("passage leg", &passage),
        ("reading a page", &reading),
    ] {
        let (p50, p99) = (quantile(times, 0.5), quantile(times, 0.99));
        report.note(
            format!("search {name}: {part} p50 / p99"),
            format!("{} / {}", time(p50), time(p99)),
        );
    }
    for (quantile_of, wanted) in [(0.5, 20), (0.99, 50)] {
        let measured = quantile(&times, quantile_of);
        report.check(
            format!(
                "search {name}: both legs and a page p{:.0}",
                quantile_of * 100.0
            ),
            time(measured),
            format!("{wanted} ms"),
            measured <= Duration::from_millis(wanted),
        );
    }
}

/// What the approximate index finds of the best ten, for several efforts. An answer's is judged
/// for questions that lie where texts lie; those that lie anywhere are the hardest there can be.
async fn missed(
    report: &mut Report,
    rng: &mut Rng,
    store: &Store,
    name: &str,
    centres: &[Vec<f32>],
) {
    for (sort, near) in [("near", true), ("far", false)] {
        let mut questions = Vec::new();
        for at in 0..JUDGED {
            let vector = direction(rng, DIM, near.then(|| &centres[at % CLUSTERS]));
            let exact = best_ten(store, Effort::Exact, &vector, 10).await.0;
            questions.push((vector, exact));
        }
        for (cells, candidates) in SWEEP {
            let effort = Effort::Approximate { cells, candidates };
            let (mut found, mut times) = (0, Vec::new());
            for (vector, exact) in &questions {
                let (places, took) = best_ten(store, effort, vector, LEG_LIMIT).await;
                found += places.intersection(exact).count();
                times.push(took);
            }
            times.sort();
            let recall = found as f64 / (10 * JUDGED) as f64;
            let what = format!(
                "search {name}: best ten of {sort} questions, {cells} cells, {candidates} candidates"
            );
            let measured = format!("{recall:.3} in {}", time(quantile(&times, 0.5)));
            if near && effort == Effort::default() {
                report.check(what, measured, "0.95", recall >= 0.95);
            } else {
                report.note(what, measured);
            }
        }
    }
}

/// The places of the best ten of a search, and what it took.
async fn best_ten(
    store: &Store,
    effort: Effort,
    vector: &[f32],
    limit: usize,
) -> (HashSet<(u64, u32)>, Duration) {
    let filter = Filter::default();
    let (found, took) = timed(store.nearest_by(effort, SPACE, vector, &filter, limit)).await;
    let place = |scored: Scored| (scored.row.file, scored.row.ordinal);
    (
        found.unwrap().into_iter().take(10).map(place).collect(),
        took,
    )
}

pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let result = work.await;
    (result, begun.elapsed())
}

/// All care, as the daemon gives it at rest.
pub(crate) async fn care(store: &Store) {
    for _ in 0..16 {
        let mut changed = step(store, Step::Index).await | step(store, Step::Merge).await;
        for due in store.due().await {
            changed |= step(store, due).await;
        }
        if !changed {
            return;
        }
    }
}

async fn step(store: &Store, step: Step) -> bool {
    match store.maintain(step).await {
        Ok(done) => {
            if done.changed {
                eprintln!("  {step:?}: {} ({} ms)", done.detail, done.took_ms);
            }
            done.changed
        }
        Err(error) => {
            eprintln!("  {step:?}: {error:?}");
            false
        }
    }
}

fn row(rng: &mut Rng, centres: &[Vec<f32>], at: usize, revision: u64) -> Row {
    let centre = &centres[rng.below(centres.len())];
    let text = if at.is_multiple_of(4) {
        corpus::han(rng, 80)
    } else {
        corpus::words(rng, 60, 60_000)
    };
    let id = format!("{:016x}{:016x}", rng.number(), rng.number());
    let vector = Embedding {
        space: SPACE.to_owned(),
        vector: direction(rng, DIM, Some(centre)),
    };
    segment(id, at, revision, text, vector)
}

/// A segment of a text file.
pub(crate) fn segment(
    id: String,
    at: usize,
    revision: u64,
    text: String,
    vector: Embedding,
) -> Row {
    let file = (at / PER_FILE) as u64 + 1;
    Row {
        id,
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
        vectors: vec![vector],
        generation: "bench".to_owned(),
        facts: Facts::default(),
        speaker: None,
        lines: Vec::new(),
    }
}

/// Three words as a person would choose: not the commonest.
pub(crate) fn question_text(rng: &mut Rng) -> String {
    (0..3)
        .map(|_| corpus::word(100 + rng.below(20_000)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A unit vector, anywhere or near a centre.
pub(crate) fn direction(rng: &mut Rng, dim: usize, near: Option<&Vec<f32>>) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..dim)
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
