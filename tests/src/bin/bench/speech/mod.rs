//! Recordings: how long hearing takes, what is found of it, what it costs in memory.
//!
//! A generated episode of 20 minutes is heard by the real daemon with `models/demo-whisper`. The
//! pipeline is held against whisper.cpp alone on ten minutes of speech without a break and on
//! ten that are half silence: with the demo model, with random weights of a true shape
//! where `HIPPO_TIMING_MODELS` names a folder with `tiny.bin` or `base.bin` of
//! `scripts/timing-whisper.py`, and with a real ggml file where `HIPPO_WHISPER` names one; only
//! that last is asked for its errors on the corpus. Memory is that of a recording of
//! `HIPPO_SPEECH_HOURS` (3 by itself) against one of ten minutes.
//!
//! `HIPPO_SPEECH_ONLY` picks some of `found,ratio,memory,errors`. What is absent is said, and is a
//! line of the table.

mod against;
mod episode;
mod errors;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hippo_tests::client::hits;
use hippo_tests::{Daemon, Rng, TempHome, corpus, proc};
use serde_json::json;

use super::report::{Report, mib, time};
use episode::{Episode, Mix, Said};

/// The long episode: 20 minutes.
const EPISODE_S: usize = 20 * 60;
/// What ratios are measured on, and what the long recording is compared with: ten minutes.
const SHORT_S: usize = 10 * 60;
/// Sentences that are asked for.
const QUESTIONS: usize = 100;
/// What a moment may be off.
const OFF_MAX_MS: u64 = 5_000;
/// Memory that a recording of hours may take beyond that of ten minutes: what the allocators
/// of two processes leave lying about.
const GROWTH_MAX: u64 = 48 << 20;
/// How long hearing may take.
const PATIENCE: Duration = Duration::from_hours(1);
/// Between two looks at the workers' memory.
const SAMPLE: Duration = Duration::from_millis(200);

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    if !episode::can_be_made() {
        skipped(
            report,
            "all of it",
            "espeak-ng is not here (Debian: apt install espeak-ng)",
        );
        return;
    }
    let only = std::env::var("HIPPO_SPEECH_ONLY").unwrap_or_default();
    let wanted = |part: &str| only.is_empty() || only.split(',').any(|word| word == part);
    if wanted("found") {
        found(report, rng);
    }
    if wanted("ratio") {
        ratios(report, rng);
    }
    if wanted("memory") {
        memory(report, rng);
    }
    if wanted("errors") {
        wrong(report);
    }
}

fn skipped(report: &mut Report, what: &str, why: &str) {
    eprintln!("  SKIPPED: {what}: {why}");
    report.note(format!("speech: {what}"), format!("skipped: {why}"));
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn silero() -> PathBuf {
    models().join("silero-vad/ggml-silero-v6.2.0.bin")
}

/// A home with the repository's recogniser and voice model.
fn home_with_ears() -> TempHome {
    let home = TempHome::new();
    for name in ["demo-whisper", "silero-vad"] {
        let to = home.data().join("models").join(name);
        std::fs::create_dir_all(&to).unwrap();
        for from in corpus::files_below(&models().join(name)) {
            std::fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
        }
    }
    home
}

/// The long episode through the daemon: its time, and what is found of it.
fn found(report: &mut Report, rng: &mut Rng) {
    let episode = Episode::made(rng, EPISODE_S, Mix::Podcast);
    let home = home_with_ears();
    let path = home.file("episode.wav");
    episode::write_wav(&path, &episode.sound, 1).unwrap();
    let begun = Instant::now();
    let daemon = Daemon::start(&home);
    daemon.wait_for(PATIENCE);
    let took = begun.elapsed();
    let busy = Duration::from_millis(proc::cpu_ticks(daemon.pid()) * 1_000 / proc::TICKS_PER_S);
    report.note(
        format!(
            "speech: {} min with the demo model, start to searchable",
            EPISODE_S / 60
        ),
        format!("{} ({} of a processor)", time(took), time(busy)),
    );
    report.note(
        "speech: hearing time over sound time",
        format!("{:.3}", took.as_secs_f64() / EPISODE_S as f64),
    );
    let printed = home.hippo(&[Path::new("transcript"), path.as_path()]);
    let spoken: Vec<&str> = episode.said.iter().map(|said| said.text.as_str()).collect();
    let wrong = errors::between(&spoken.join(" "), &String::from_utf8_lossy(&printed.stdout));
    report.note(
        "speech: wrong words of the episode",
        format!("{:.1} % of {}", wrong.percent(), wrong.of),
    );

    let step = (episode.said.len() / QUESTIONS).max(1);
    let asked: Vec<&Said> = episode.said.iter().step_by(step).take(QUESTIONS).collect();
    let right = asked.iter().filter(|said| is_found(&daemon, said)).count();
    report.check(
        format!(
            "speech: sentences whose moment is among the first three, {} s off at most",
            OFF_MAX_MS / 1_000
        ),
        format!("{right} of {}", asked.len()),
        "90 %",
        right * 10 >= asked.len() * 9,
    );
}

/// Whether the first moments that a sentence finds are where it is said.
fn is_found(daemon: &Daemon, said: &Said) -> bool {
    let question = json!({"q": said.text, "kind": ["audio"], "limit": 3});
    let answer = daemon.client().post("/v1/search", &question);
    let found = hits(&answer);
    let holds = |hit: &serde_json::Value| {
        let (t0, t1) = (hit["t0_ms"].as_u64()?, hit["t1_ms"].as_u64()?);
        Some(t0 <= said.begins_ms + OFF_MAX_MS && said.begins_ms <= t1)
    };
    found.iter().any(|hit| holds(hit) == Some(true))
}

/// The pipeline over whisper.cpp alone.
fn ratios(report: &mut Report, rng: &mut Rng) {
    let home = TempHome::new();
    let sounds = [
        (Mix::Continuous, "continuous", 1.05),
        (Mix::HalfSilence, "half silence", 0.6),
    ];
    let sounds = sounds.map(|(mix, name, most)| {
        let path = home.root().join(format!("{name}.wav"));
        let episode = Episode::made(rng, SHORT_S, mix);
        episode::write_wav(&path, &episode.sound, 1).unwrap();
        (path, name, most)
    });
    let mut recognisers = vec![(
        models().join("demo-whisper/demo-en-q5_0.bin"),
        "demo",
        false,
    )];
    if let Some(dir) = std::env::var_os("HIPPO_TIMING_MODELS") {
        for shape in ["tiny", "base"] {
            recognisers.push((Path::new(&dir).join(format!("{shape}.bin")), shape, true));
        }
    } else {
        skipped(
            report,
            "ratios at a true model's size",
            "HIPPO_TIMING_MODELS names no folder (scripts/timing-whisper.py makes the models)",
        );
    }
    recognisers.extend(real().map(|path| (path, "HIPPO_WHISPER", false)));
    for (whisper, name, random) in recognisers {
        if !whisper.is_file() {
            skipped(report, &format!("ratios of {name}"), "its file is absent");
            continue;
        }
        let model = against::open(&whisper, random);
        for (path, kind, most) in &sounds {
            let times = against::measure(&model, &silero(), path);
            let what = format!("speech: {name}, 10 min {kind}: pipeline over whisper.cpp alone");
            let measured = format!(
                "{:.3} ({} over {}; decoding {}, voice {}, {} windows)",
                times.ratio(),
                time(times.pipeline),
                time(times.alone),
                time(times.decoding),
                time(times.voice),
                times.windows,
            );
            // Beside a model that is a third of the smallest real one, telling voice from the
            // rest weighs three times as much: the promise is not about it.
            if name == "demo" {
                report.note(what, measured);
            } else {
                report.check(what, measured, most.to_string(), times.ratio() <= *most);
            }
        }
    }
}

/// The most memory of daemon and workers over hours of sound, against ten minutes.
fn memory(report: &mut Report, rng: &mut Rng) {
    let hours = std::env::var("HIPPO_SPEECH_HOURS");
    let hours: usize = hours.map_or(3, |n| n.parse().unwrap());
    let episode = Episode::made(rng, SHORT_S, Mix::Podcast);
    let short = peak(&episode, 1);
    let long = peak(&episode, hours * 3_600 / SHORT_S);
    let shown = |peak: &Peak| {
        let (daemon, worker) = (mib(peak.daemon), mib(peak.worker));
        format!("{daemon} + {worker} in {}", time(peak.took))
    };
    report.note(
        "speech: peak memory, daemon + worker, 10 min",
        shown(&short),
    );
    let grown = (long.daemon + long.worker).saturating_sub(short.daemon + short.worker);
    report.check(
        format!("speech: the same, {hours} h"),
        shown(&long),
        format!("+{}", mib(GROWTH_MAX)),
        grown <= GROWTH_MAX,
    );
}

/// The most that was resident.
struct Peak {
    daemon: u64,
    worker: u64,
    took: Duration,
}

fn peak(episode: &Episode, times: usize) -> Peak {
    let home = home_with_ears();
    episode::write_wav(&home.file("long.wav"), &episode.sound, times).unwrap();
    let daemon = Daemon::start(&home);
    let (begun, over) = (Instant::now(), AtomicBool::new(false));
    let worker = std::thread::scope(|scope| {
        // The kernel keeps a process's peak for as long as it lives.
        let sampler = scope.spawn(|| {
            let mut worker = 0;
            while !over.load(Ordering::Acquire) {
                let workers = daemon.workers().into_iter().map(proc::rss_peak);
                worker = workers.fold(worker, u64::max);
                std::thread::sleep(SAMPLE);
            }
            worker
        });
        daemon.wait_for(PATIENCE);
        over.store(true, Ordering::Release);
        sampler.join().unwrap()
    });
    Peak {
        daemon: proc::rss_peak(daemon.pid()),
        worker,
        took: begun.elapsed(),
    }
}

/// The ggml file of a recogniser that knows a language, if there is one.
fn real() -> Option<PathBuf> {
    std::env::var_os("HIPPO_WHISPER").map(PathBuf::from)
}

/// Errors on the corpus.
fn wrong(report: &mut Report) {
    let Some(whisper) = real() else {
        let why = "HIPPO_WHISPER names no real model, and the demo model knows 2,430 words";
        skipped(report, "errors on the corpus", why);
        return;
    };
    let Some(clips) = corpus::shared("errors on the corpus", "corpus/speech") else {
        skipped(report, "errors on the corpus", "the corpus is absent");
        return;
    };
    let model = against::open(&whisper, false);
    let (english, chinese) = errors::measure(&model, &silero(), &clips);
    for (what, errors) in [
        ("words of English", english),
        ("characters of Chinese", chinese),
    ] {
        report.note(
            format!("speech: wrong {what}, {} clips", errors.clips),
            format!("{:.1} % of {}", errors.percent(), errors.of),
        );
    }
}
