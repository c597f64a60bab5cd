//! Reading: PDFs and text of the shared corpus, words only, against Recoll on the same files.
//!
//! Every copy of a document differs by a line, so that neither program is spared it as a
//! duplicate: what is measured is reading.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hippo_tests::daemon::count;
use hippo_tests::{Daemon, Rng, TempHome, corpus, documents, proc};

use super::recoll;
use super::report::{Report, mib, time};

/// Copies of each document of the corpus.
const COPIES: usize = 10;
/// Notes made up beside them.
const NOTES: usize = 1_500;
/// PDFs made up beside them, of four pages.
const PAPERS: usize = 300;
/// What is looked at again and again to find the most memory held at once.
const GLANCE: Duration = Duration::from_millis(10);

/// The most memory that a process and its descendants hold at once, watched from aside.
pub(crate) struct Peak {
    end: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Peak {
    /// Begins to watch.
    pub(crate) fn watch(pid: u32) -> Peak {
        let end = Arc::new(AtomicBool::new(false));
        let most = Arc::new(AtomicU64::new(0));
        let (over, found) = (Arc::clone(&end), Arc::clone(&most));
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                found.fetch_max(proc::tree_rss(pid), Ordering::Relaxed);
                std::thread::sleep(GLANCE);
            }
        });
        Peak { end, most, thread }
    }

    /// Ends it and says the most.
    pub(crate) fn end(self) -> u64 {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.most.load(Ordering::Relaxed)
    }
}

/// Documents of the corpus that both read by themselves: PDF and text of any sort.
fn originals() -> Vec<PathBuf> {
    let Some(shared) = corpus::shared("the corpus in ingest", "corpus") else {
        return Vec::new();
    };
    let mut files = corpus::files_below(&shared.join("docs"));
    files.extend(corpus::files_below(&shared.join("podcast")));
    files.retain(|path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ["pdf", "md", "txt", "html", "tex"].contains(&ending.unwrap_or_default())
    });
    files
}

fn sow(folder: &Path, rng: &mut Rng) -> (usize, u64) {
    let mut files = 0;
    for (at, original) in originals().iter().enumerate() {
        let content = fs::read(original).unwrap();
        let ending = original.extension().unwrap().to_str().unwrap();
        for copy in 0..COPIES {
            let dir = folder.join(format!("corpus-{copy}"));
            fs::create_dir_all(&dir).unwrap();
            let mut content = content.clone();
            let line = match ending {
                "pdf" | "tex" => format!("\n% copy {copy}\n"),
                "html" => format!("\n<!-- copy {copy} -->\n"),
                _ => format!("\ncopy {copy}\n"),
            };
            content.extend_from_slice(line.as_bytes());
            fs::write(dir.join(format!("{at}.{ending}")), content).unwrap();
            files += 1;
        }
    }
    for at in 0..NOTES {
        let dir = folder.join(format!("notes-{}", at % 30));
        fs::create_dir_all(&dir).unwrap();
        let count = 200 + rng.below(800);
        let text = format!(
            "{} {}",
            corpus::mark("b", at),
            corpus::words(rng, count, 30_000)
        );
        fs::write(dir.join(format!("{at}.txt")), text).unwrap();
        files += 1;
    }
    for at in 0..PAPERS {
        let dir = folder.join(format!("papers-{}", at % 10));
        fs::create_dir_all(&dir).unwrap();
        let pages: Vec<String> = (0..4).map(|_| corpus::words(rng, 450, 30_000)).collect();
        let title = corpus::mark("p", at);
        fs::write(
            dir.join(format!("{at}.pdf")),
            documents::pdf(&title, &pages),
        )
        .unwrap();
        files += 1;
    }
    let bytes = corpus::files_below(folder)
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .sum();
    (files, bytes)
}

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let mut home = TempHome::new();
    // As it comes out of the box: as many workers as cores, the default settle time.
    for setting in [
        "worker.count",
        "watch.settle_ms",
        "watch.max_wait_ms",
        "watch.poll_seconds",
    ] {
        home.unset(setting);
    }
    let (files, bytes) = sow(&home.files(), rng);
    report.note(
        "ingest: files, of which PDFs and text",
        format!("{files} ({})", mib(bytes)),
    );
    let begun = Instant::now();
    let daemon = Daemon::start(&home);
    let peak = Peak::watch(daemon.pid());
    daemon.wait_for(Duration::from_mins(30));
    let took = begun.elapsed();
    let most = peak.end();
    let status = daemon.client().status();
    let probe = corpus::mark("b", NOTES / 2);
    assert_eq!(
        daemon.client().paths(&probe).len(),
        1,
        "{probe} was not read"
    );
    report.note(
        "ingest: hippo, start to searchable",
        format!(
            "{} ({:.0} files/s)",
            time(took),
            files as f64 / took.as_secs_f64()
        ),
    );
    report.note(
        "ingest: hippo, done / failed / skipped, segments",
        format!(
            "{} / {} / {}, {}",
            count(&status, "done"),
            count(&status, "failed"),
            count(&status, "skipped"),
            status["segments"]
        ),
    );
    report.note(
        "ingest: hippo, peak memory, daemon and workers",
        format!(
            "{} (daemon alone {})",
            mib(most),
            mib(proc::rss_peak(daemon.pid()))
        ),
    );
    daemon.stop();
    if !recoll::installed() {
        report.note("ingest: Recoll", "not installed");
        return;
    }
    let scratch = home.root().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let other = recoll::index(&home.files(), &scratch);
    assert_eq!(
        recoll::finds(&scratch, &probe),
        1,
        "Recoll has not read {probe}"
    );
    report.note(
        "ingest: Recoll, same files",
        format!("{} ({} documents)", time(other.time), other.documents),
    );
    report.note("ingest: Recoll, peak memory", mib(other.peak));
    let ratio = other.time.as_secs_f64() / took.as_secs_f64();
    report.check(
        "ingest: times as fast as Recoll",
        format!("{ratio:.1}x"),
        "10x",
        ratio >= 10.0,
    );
}
