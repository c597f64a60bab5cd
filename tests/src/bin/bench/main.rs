//! `make bench`: one run, one table, the figures that the design promises.
//!
//! `bench` and the names of parts (`--help` lists them); without a word all but `million`, which
//! builds a table of a million segments and takes its time. Each figure that
//! is a comparison is measured on the same files in the same run, so that the machine cancels
//! out. `HIPPO_SEED` changes the files; the seed is fixed otherwise, for runs to be compared.
#![allow(clippy::unwrap_used)]

mod busy;
mod disk;
mod fresh;
mod idle;
mod ingest;
mod memory;
mod mixed;
mod notes;
mod pictures;
mod recoll;
mod report;
mod search;
mod speech;
mod start;
mod switch;

use hippo_tests::Rng;
use report::Report;

/// What is measured when no part is named.
const USUAL: [&str; 12] = [
    "ingest", "fresh", "busy", "search", "mixed", "disk", "start", "idle", "memory", "switch",
    "pictures", "speech",
];

/// The seed of every run that names no other.
const SEED: u64 = 20_260_101;

fn main() {
    // LanceDB's limits as the daemon sets them.
    hippo_index::prepare_environment();
    let mut parts: Vec<String> = std::env::args().skip(1).collect();
    if parts.iter().any(|part| part == "--help" || part == "-h") {
        println!("bench [million] [{}]", USUAL.join("] ["));
        return;
    }
    if parts.is_empty() {
        parts = USUAL.map(str::to_owned).to_vec();
    }
    let mut report = Report::new();
    for part in &parts {
        eprintln!("bench: {part}");
        let mut rng = if std::env::var_os(hippo_tests::rng::SEED_ENV).is_some() {
            Rng::from_env(part)
        } else {
            Rng::new(SEED)
        };
        match part.as_str() {
            "ingest" => ingest::run(&mut report, &mut rng),
            "fresh" => fresh::run(&mut report, &mut rng),
            "busy" => busy::run(&mut report, &mut rng),
            "search" => search::run(&mut report, &mut rng, &[10_000, 100_000]),
            "million" => search::run(&mut report, &mut rng, &[1_000_000]),
            "disk" => disk::run(&mut report, &mut rng),
            "start" => start::run(&mut report),
            "mixed" => mixed::run(&mut report, &mut rng),
            "memory" => memory::run(&mut report, &mut rng),
            "pictures" => pictures::run(&mut report, &mut rng),
            "switch" => switch::run(&mut report, &mut rng),
            "idle" => idle::run(&mut report),
            "speech" => speech::run(&mut report, &mut rng),
            other => {
                eprintln!("bench: there is no part called {other}; `bench --help` lists them");
                std::process::exit(2);
            }
        }
    }
    report.print();
}
