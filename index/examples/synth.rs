//! A synthetic table, built and searched: `synth [ROWS] [DIM] [--keep DIR]`.
//!
//! Prints, one `name value` a line: how long rows, indexes and commits took, what lies on the
//! disk, how fast and how well the legs find. Everything comes from a seed, so two runs
//! compare. Texts are half Chinese, half English, of Zipf-distributed words; vectors lie around
//! a thousand centres, as those of passages about a thousand subjects would.
//!
//! `make bench` runs it at 10,000, 100,000 and 1,000,000 rows.

use std::path::Path;
use std::time::{Duration, Instant};

use hippo_index::{
    Embedding, Facts, Filter, Options, Row, Space, SpaceRole, Step, Store, WordsQuery, segment_id,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SPACE: &str = "synthetic";
const SEED: u64 = 0x6869_7070_6f31;
/// Rows in one commit: about what a batch of files brings.
const COMMIT_ROWS: usize = 5_000;
/// Segments of one file.
const FILE_ROWS: usize = 5;
const QUERIES: usize = 200;
/// Questions whose best ten are compared with the true ones.
const RECALL_QUERIES: usize = 20;
/// What the daemon asks of a leg.
const LEG_LIMIT: usize = 200;
const ENGLISH_WORDS: u64 = 50_000;
const CHINESE_WORDS: u64 = 30_000;
const CENTRES: u64 = 1_000;

fn main() {
    hippo_index::prepare_environment();
    let mut positional = Vec::new();
    let mut keep = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--keep" {
            keep = args.next();
        } else {
            positional.push(arg.parse().expect("synth [ROWS] [DIM] [--keep DIR]"));
        }
    }
    let rows: usize = positional.first().copied().unwrap_or(10_000);
    let dim: usize = positional.get(1).copied().unwrap_or(384);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = keep.map_or_else(|| temporary.path().to_owned(), Into::into);
    tokio::runtime::Builder::new_multi_thread()
        // Each thread that ever read a file keeps its own free memory: as the daemon does.
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(run(&dir, rows, dim));
}

async fn run(dir: &Path, rows: usize, dim: usize) {
    let options = || Options {
        uri: None,
        spaces: vec![Space {
            name: SPACE.to_owned(),
            role: SpaceRole::Passage,
            dim,
        }],
        vector_index_rows: 100_000,
        cache_mib: 64,
    };
    let (store, _) = Store::open(dir, options()).await.expect("open");
    build(&store, rows, dim).await;
    let stats = store.stats().await.expect("stats");
    say("rows", stats.rows);
    say("fragments", stats.fragments);
    say("disk_mib", stats.bytes >> 20);
    say("passage_indexed", !stats.spaces_indexed.is_empty());
    say("peak_rss_build_mib", memory("VmHWM:") >> 10);
    census(&store).await;
    drop(store);

    let started = Instant::now();
    let (store, _) = Store::open(dir, options()).await.expect("open again");
    say("open_ms", started.elapsed().as_millis());
    search(&store, rows, dim).await;
    save(&store, rows).await;
    say("rss_mib", memory("VmRSS:") >> 10);
    say("peak_rss_mib", memory("VmHWM:") >> 10);
}

/// Rows by commits, with maintenance as it falls due.
async fn build(store: &Store, rows: usize, dim: usize) {
    let (mut commits, mut care) = (Vec::new(), [Duration::ZERO; 3]);
    let mut folding = Duration::ZERO;
    for (revision, start) in (0..rows).step_by(COMMIT_ROWS).enumerate() {
        let made = Instant::now();
        let batch =
            (start..rows.min(start + COMMIT_ROWS)).map(|i| row(i, dim, revision as u64 + 1));
        let batch: Vec<Row> = batch.collect();
        folding += made.elapsed();
        let started = Instant::now();
        let committed = store.commit(batch, &[], revision as u64 + 1).await;
        committed.expect("commit");
        commits.push(started.elapsed());
        for step in store.due().await {
            maintain(store, step, &mut care).await;
        }
    }
    for step in [Step::Compact, Step::Index, Step::Prune] {
        maintain(store, step, &mut care).await;
    }
    say("generate_s", folding.as_secs_f32());
    say("commit_s", commits.iter().sum::<Duration>().as_secs_f32());
    percentiles("commit_5000_rows_ms", &mut commits);
    for (name, took) in ["compact_s", "prune_s", "index_s"].iter().zip(care) {
        say(name, took.as_secs_f32());
    }
}

async fn maintain(store: &Store, step: Step, care: &mut [Duration; 3]) {
    let started = Instant::now();
    let report = store.maintain(step).await.expect("maintain");
    care[match step {
        Step::Compact => 0,
        Step::Prune => 1,
        Step::Index => 2,
    }] += started.elapsed();
    if started.elapsed() > Duration::from_secs(1) {
        eprintln!(
            "{:?} took {} ms: {}",
            report.step, report.took_ms, report.detail
        );
    }
}

async fn census(store: &Store) {
    let started = Instant::now();
    let files = store.census().await.expect("census").len();
    say("census_files", files);
    say("census_ms", started.elapsed().as_millis());
}

async fn search(store: &Store, rows: usize, dim: usize) {
    let everything = Filter::default();
    let in_folder = Filter {
        under: vec!["/home/me/folder-3".to_owned()],
        ..Filter::default()
    };
    let (mut words, mut passage, mut both) = (Vec::new(), Vec::new(), Vec::new());
    let (mut filtered, mut phrases) = (Vec::new(), Vec::new());
    let mut empty = 0;
    for i in 0..QUERIES {
        let question = question(i, rows);
        let vector = vector(i * 31 % rows, dim, 1);
        let started = Instant::now();
        let found = store.words(&question, &everything, LEG_LIMIT).await;
        words.push(started.elapsed());
        empty += usize::from(found.expect("words").is_empty());
        let started = Instant::now();
        let found = store.nearest(SPACE, &vector, &everything, LEG_LIMIT).await;
        passage.push(started.elapsed());
        found.expect("passage");
        let started = Instant::now();
        let legs = tokio::join!(
            store.words(&question, &everything, LEG_LIMIT),
            store.nearest(SPACE, &vector, &everything, LEG_LIMIT)
        );
        both.push(started.elapsed());
        drop(legs);
        let started = Instant::now();
        let found = store.words(&question, &in_folder, LEG_LIMIT).await;
        filtered.push(started.elapsed());
        found.expect("filtered");
        let phrase = WordsQuery {
            phrases: vec![question.any.clone()],
            ..WordsQuery::default()
        };
        let started = Instant::now();
        let found = store.words(&phrase, &everything, LEG_LIMIT).await;
        phrases.push(started.elapsed());
        found.expect("phrase");
    }
    say("words_empty_answers", empty);
    percentiles("words_ms", &mut words);
    percentiles("passage_ms", &mut passage);
    percentiles("both_ms", &mut both);
    percentiles("words_in_folder_ms", &mut filtered);
    percentiles("phrase_ms", &mut phrases);
    say("passage_recall_at_10", recall(store, rows, dim).await);
}

/// Single files saved into the table, and how soon they are found.
async fn save(store: &Store, rows: usize) {
    let mut took = Vec::new();
    for i in 0..50 {
        let text = format!("freshly saved note {i} unmistakable{i}");
        let file = (rows + i) as u64;
        let mut fresh = row(rows + i, 1, 1_000_000);
        fresh.vectors.clear();
        fresh.file = file;
        fresh.text = text;
        let started = Instant::now();
        let saved = store.commit(vec![fresh], &[file], 1_000_000).await;
        saved.expect("save");
        let question = WordsQuery {
            any: format!("unmistakable{i}"),
            ..WordsQuery::default()
        };
        let found = store.words(&question, &Filter::default(), 10).await;
        assert_eq!(
            found.expect("search")[0].row.file,
            file,
            "a saved file is found"
        );
        took.push(started.elapsed());
    }
    percentiles("save_to_found_ms", &mut took);
}

/// The share of the true ten nearest that the leg finds.
async fn recall(store: &Store, rows: usize, dim: usize) -> f32 {
    let mut right = 0;
    let vectors: Vec<Vec<f32>> = (0..RECALL_QUERIES)
        .map(|i| vector(i * 977 % rows, dim, 1))
        .collect();
    let mut best: Vec<Vec<(f32, usize)>> = vec![Vec::new(); RECALL_QUERIES];
    for i in 0..rows {
        let other = vector(i, dim, 0);
        for (query, best) in vectors.iter().zip(&mut best) {
            let dot: f32 = query.iter().zip(&other).map(|(a, b)| a * b).sum();
            if best.len() < 10 || dot > best[9].0 {
                let at = best.partition_point(|(b, _)| *b > dot);
                best.insert(at, (dot, i));
                best.truncate(10);
            }
        }
    }
    for (query, best) in vectors.iter().zip(&best) {
        let found = store
            .nearest(SPACE, query, &Filter::default(), 10)
            .await
            .expect("passage");
        let ids: Vec<String> = best.iter().map(|(_, i)| id(*i)).collect();
        right += found.iter().filter(|s| ids.contains(&s.row.id)).count();
    }
    right as f32 / (RECALL_QUERIES * 10) as f32
}

fn say(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

fn percentiles(name: &str, took: &mut [Duration]) {
    took.sort();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f32() * 1_000.0;
    println!("{name} p50 {:.1} p99 {:.1}", at(50), at(99));
}

/// KiB, from the kernel.
fn memory(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// `SplitMix64`: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn of(what: usize, salt: u64) -> Random {
        Random(SEED ^ (what as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (salt << 48))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A rank below `n`, Zipf-distributed (s = 1): ranks are as dense as 1/rank.
    fn zipf(&mut self, n: u64) -> u64 {
        ((n as f32).powf(self.unit()) as u64).min(n) - 1
    }
}

fn english(rank: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ta", "ri", "mo", "ne", "lu", "sa", "ki", "vo", "de", "pa", "shi", "bar", "con", "eth",
        "ing", "or",
    ];
    let mut word = String::new();
    let mut rest = rank + 16;
    while rest > 0 {
        word.push_str(SYLLABLES[(rest % 16) as usize]);
        rest /= 16;
    }
    word
}

/// Two characters out of about 2,000, frequent ones in frequent words.
fn chinese(rank: u64) -> [char; 2] {
    let mut random = Random(rank.wrapping_mul(0x2545_F491_4F6C_DD1D));
    let mut pick = || char::from_u32(0x4E00 + random.zipf(2_000) as u32 * 7).unwrap_or('中');
    [pick(), pick()]
}

fn text(i: usize) -> String {
    let mut random = Random::of(i, 1);
    let mut text = String::new();
    if i.is_multiple_of(2) {
        for n in 0..75 {
            text.extend(chinese(random.zipf(CHINESE_WORDS)));
            if n % 9 == 8 {
                text.push('，');
            }
        }
    } else {
        for _ in 0..60 {
            text.push_str(&english(random.zipf(ENGLISH_WORDS)));
            text.push(' ');
        }
    }
    text
}

/// Two to four words that stand next to each other in some text, neither the rarest nor the
/// commonest.
fn question(i: usize, rows: usize) -> WordsQuery {
    let text = text(i * 7_919 % rows);
    let any = if text.is_ascii() {
        let words: Vec<&str> = text.split(' ').collect();
        words[10..12 + i % 3].join(" ")
    } else {
        text.chars().skip(20).take(4 + i % 5).collect()
    };
    WordsQuery {
        any,
        ..WordsQuery::default()
    }
}

/// Of length 1, near one of the centres; another salt gives a neighbour of it.
fn vector(i: usize, dim: usize, salt: u64) -> Vec<f32> {
    let mut subject = Random::of(Random::of(i, 2).next() as usize % CENTRES as usize, 3);
    let mut own = Random::of(i, 4);
    let mut noise = Random::of(i, 5 + salt);
    let far = if salt == 0 { 0.0 } else { 0.3 };
    let mut vector: Vec<f32> = (0..dim)
        .map(|_| (subject.unit() - 0.5) + 0.9 * (own.unit() - 0.5) + far * (noise.unit() - 0.5))
        .collect();
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    for x in &mut vector {
        *x /= length;
    }
    vector
}

fn id(i: usize) -> String {
    let mut content = [0; 32];
    content[..8].copy_from_slice(&(i as u64).to_le_bytes());
    segment_id(&content, 1, 0)
}

fn row(i: usize, dim: usize, revision: u64) -> Row {
    let file = i / FILE_ROWS;
    let folder = format!("/home/me/folder-{}", file % 10);
    Row {
        id: id(i),
        file: file as u64,
        revision,
        path: format!("{folder}/sub-{}/document-{file}.txt", file % 97),
        folder,
        kind: if file.is_multiple_of(4) {
            "pdf"
        } else {
            "text"
        }
        .to_owned(),
        title: Some(format!("Document {file}")),
        lang: Some(if i.is_multiple_of(2) { "zh" } else { "en" }.to_owned()),
        mime: "text/plain".to_owned(),
        mtime_ms: 1_600_000_000_000 + file as i64 * 1_000,
        ordinal: (i % FILE_ROWS) as u32,
        page: None,
        t0_ms: None,
        t1_ms: None,
        source: "body".to_owned(),
        text: text(i),
        vectors: vec![Embedding {
            space: SPACE.to_owned(),
            vector: vector(i, dim, 0),
        }],
        generation: "synthetic@1".to_owned(),
        facts: Facts::default(),
        speaker: None,
        lines: Vec::new(),
    }
}
