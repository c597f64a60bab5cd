//! Photographs from the disk into the joint space, against the bare model on decoded tensors.
//!
//! The pictures are JPEGs of 2 to 12 megapixels that nobody took: smooth shapes under a grain, as
//! large on the disk as a camera's. A few are made and written many times, each with a remark of its
//! own, so that no two files are the same. The model is ViT-B/32 with random weights
//! (`scripts/timing-vit.py`), in the folder that `HIPPO_TIMING_MODELS` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hippo_config::{Manifest, Paths};
use hippo_extractors::Picture;
use hippo_extractors::infer::{JointModel, Runtime};
use hippo_tests::{Daemon, Rng, TempHome, corpus, proc};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use super::ingest::Peak;
use super::report::{Report, mib, time};

/// Pictures when `HIPPO_BENCH_PICTURES` does not say otherwise; the design speaks of 10,000, which
/// are 20 GiB.
const PICTURES: usize = 600;
/// Widths and heights of cameras and phones: 2 to 12 megapixels.
const SIZES: [(u32, u32); 6] = [
    (1600, 1200),
    (2048, 1536),
    (2592, 1944),
    (3000, 2000),
    (3264, 2448),
    (4000, 3000),
];
const MODEL: &str = "vit-b32";
/// Pictures that the bare model sees at once, as the daemon gives it.
const BATCH: usize = 4;
/// How long the bare model runs.
const BARE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_hours(1);

pub(crate) fn run(report: &mut Report, rng: &mut Rng) {
    let Some(model) = std::env::var_os("HIPPO_TIMING_MODELS")
        .map(|dir| PathBuf::from(dir).join(MODEL))
        .filter(|dir| dir.join("manifest.toml").is_file())
    else {
        report.note(
            "pictures",
            "HIPPO_TIMING_MODELS has no vit-b32 (scripts/timing-vit.py makes it)",
        );
        return;
    };
    let count = std::env::var("HIPPO_BENCH_PICTURES");
    let count = count.map_or(PICTURES, |n| n.parse().unwrap());
    let mut home = TempHome::new();
    home.unset("watch.settle_ms").unset("watch.max_wait_ms");
    let (bytes, pixels) = sow(&home, rng, count);
    report.note(
        "pictures: JPEGs of 2 to 12 megapixels",
        format!(
            "{count} ({}, {:.0} megapixels)",
            mib(bytes),
            pixels as f64 / 1e6
        ),
    );
    let bare = bare(&home, &model);
    report.note(
        "pictures: the bare model, a second",
        format!(
            "{:.1} ({} of processor time each)",
            bare.rate,
            time(bare.processor)
        ),
    );

    // Decoding alone, by one worker and by as many as cores: no model is there.
    let mut alone = Vec::new();
    for workers in [1, cores()] {
        home.set("worker.count", workers);
        home.set_text("models.joint", "none");
        let read = sync(&home, count);
        report.note(
            format!("pictures: read without a model, {workers} workers, a second"),
            format!(
                "{:.1} ({} of processor time each)",
                read.rate,
                time(read.daemon + read.workers)
            ),
        );
        alone.push(read);
        forget(&home);
    }
    let [one, all] = [&alone[0], &alone[1]];
    report.note(
        format!("pictures: {} workers against one", cores()),
        format!("{:.2}x", all.rate / one.rate),
    );

    install(&home, &model);
    home.set_text("models.joint", MODEL);
    let seen = sync(&home, count);
    report.check(
        "pictures: end to end, a second, against the bare model",
        format!("{:.1}, {:.0} %", seen.rate, 100.0 * seen.rate / bare.rate),
        "95 %",
        seen.rate >= 0.95 * bare.rate,
    );
    report.note(
        "pictures: what both together can reach on these cores",
        format!("{:.1} a second", 1.0 / (1.0 / bare.rate + 1.0 / all.rate)),
    );
    profile(report, &bare, all, &seen);
    report.check(
        "pictures: peak memory, daemon and workers",
        mib(seen.peak),
        "1.5 GB",
        seen.peak < 1_500_000_000,
    );
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where the cores' time goes, for each picture: what workers read, what the model takes by itself,
/// what the daemon does besides, and what nobody used.
fn profile(report: &mut Report, bare: &Bare, unseen: &Read, seen: &Read) {
    let there = Duration::from_secs_f64(cores() as f64 / seen.rate);
    let besides = seen.daemon.saturating_sub(bare.processor);
    let unused = there.saturating_sub(seen.daemon + seen.workers);
    for (what, spent) in [
        ("the cores have", there),
        ("workers", seen.workers),
        ("workers, where there is no model", unseen.workers),
        ("the model, by itself", bare.processor),
        ("the daemon besides", besides),
        ("the daemon, where there is no model", unseen.daemon),
        ("nobody", unused),
    ] {
        report.note(format!("pictures: time for each: {what}"), time(spent));
    }
}

/// How a folder of pictures was read.
struct Read {
    /// Pictures a second, start to the last vector.
    rate: f64,
    /// Processor time of the daemon, for each picture.
    daemon: Duration,
    /// Of its workers.
    workers: Duration,
    peak: u64,
}

/// How fast the model is by itself.
struct Bare {
    /// Pictures a second.
    rate: f64,
    /// Processor time for each.
    processor: Duration,
}

fn sync(home: &TempHome, count: usize) -> Read {
    let begun = Instant::now();
    let daemon = Daemon::start(home);
    let peak = Peak::watch(daemon.pid());
    daemon.wait_for(PATIENCE);
    daemon.until_within(PATIENCE, "every picture has its vector", |client| {
        let joint = client.status()["models"]["joint"].clone();
        joint["name"].is_null() || joint["covered"] == joint["total"]
    });
    let took = begun.elapsed();
    let own = proc::cpu_ticks(daemon.pid());
    let workers = proc::cpu_ticks_of_children(daemon.pid());
    let status = daemon.client().status();
    assert_eq!(status["counts"]["by_kind"]["image"], count, "{status:#}");
    let peak = peak.end();
    daemon.stop();
    Read {
        rate: count as f64 / took.as_secs_f64(),
        daemon: each(own, count),
        workers: each(workers, count),
        peak,
    }
}

fn each(ticks: u64, count: usize) -> Duration {
    Duration::from_secs_f64(ticks as f64 / proc::TICKS_PER_S as f64 / count as f64)
}

/// The home as if nothing had been read; its models stay.
fn forget(home: &TempHome) {
    for entry in fs::read_dir(home.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("models") {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
}

fn install(home: &TempHome, model: &Path) {
    let dir = home.data().join("models").join(MODEL);
    fs::create_dir_all(&dir).unwrap();
    for file in corpus::files_below(model) {
        let to = dir.join(file.file_name().unwrap());
        fs::hard_link(&file, &to)
            .or_else(|_| fs::copy(&file, &to).map(drop))
            .unwrap();
    }
}

/// Pictures a second of the model in a loop, over pixels that are decoded already, with the
/// daemon's threads.
fn bare(home: &TempHome, dir: &Path) -> Bare {
    let env = |name: &str| match name {
        "HIPPO_HOME" => Some(home.home().into_os_string()),
        name => std::env::var_os(name),
    };
    let library = Paths::resolve(&env, None)
        .unwrap()
        .find_library("onnxruntime");
    let library = library.expect("HIPPO_LIB_DIR has libonnxruntime (`make setup` fetches it)");
    let runtime = Runtime::open(&library).unwrap();
    let manifest = Manifest::load(dir).unwrap();
    let mut model = JointModel::open(&runtime, dir, &manifest, cores()).unwrap();
    let size = model.spec().size;
    let grey = |at: usize| Picture {
        width: size,
        height: size,
        rgb: (0..size * size * 3)
            .map(|i| (i as usize * (at + 3) % 251) as u8)
            .collect(),
    };
    let pictures: Vec<Picture> = (0..BATCH).map(grey).collect();
    model.pictures(&pictures).unwrap();
    let (begun, mut seen) = (Instant::now(), 0);
    let ticks = proc::cpu_ticks(std::process::id());
    while begun.elapsed() < BARE {
        model.pictures(&pictures).unwrap();
        seen += BATCH;
    }
    let rate = seen as f64 / begun.elapsed().as_secs_f64();
    let ticks = proc::cpu_ticks(std::process::id()) - ticks;
    Bare {
        rate,
        processor: each(ticks, seen),
    }
}

/// Writes the pictures; how many bytes and pixels they have.
fn sow(home: &TempHome, rng: &mut Rng, count: usize) -> (u64, u64) {
    let originals: Vec<(Vec<u8>, u64)> = SIZES
        .iter()
        .map(|(width, height)| (photograph(rng, *width, *height), u64::from(width * height)))
        .collect();
    let (mut bytes, mut pixels) = (0, 0);
    for at in 0..count {
        let (original, size) = &originals[at % originals.len()];
        let file = remarked(original, &corpus::mark("picture", at));
        bytes += file.len() as u64;
        pixels += size;
        home.write(&format!("{}/{at}.jpg", at % 20), file);
    }
    (bytes, pixels)
}

/// Smooth shapes under a grain.
fn photograph(rng: &mut Rng, width: u32, height: u32) -> Vec<u8> {
    let waves: Vec<[f32; 4]> = (0..6)
        .map(|_| {
            let mut part = |most: f32| rng.below(10_000) as f32 / 10_000.0 * most;
            [part(12.0), part(12.0), part(6.3), part(1.0)]
        })
        .collect();
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    let mut grain = 0x2545_F491_u32;
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let shade: f32 = waves
                .iter()
                .map(|[a, b, c, d]| d * (a * u + b * v + c).sin())
                .sum();
            for channel in 0..3_u8 {
                grain ^= grain << 13;
                grain ^= grain >> 17;
                grain ^= grain << 5;
                let noise = (grain >> 24) as f32 / 255.0 * 18.0;
                let tone = 110.0 + 40.0 * (shade + f32::from(channel) * 0.7).sin() + noise;
                rgb.push(tone as u8);
            }
        }
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 88)
        .write_image(&rgb, width, height, ExtendedColorType::Rgb8)
        .unwrap();
    jpeg
}

/// A JPEG with a remark behind its first marker (segment COM of ITU T.81).
fn remarked(jpeg: &[u8], remark: &str) -> Vec<u8> {
    let length = (remark.len() as u16 + 2).to_be_bytes();
    [
        &jpeg[..2],
        &[0xFF, 0xFE],
        &length,
        remark.as_bytes(),
        &jpeg[2..],
    ]
    .concat()
}
