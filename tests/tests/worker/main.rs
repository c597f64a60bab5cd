//! The worker pool against a worker that misbehaves: promises 16, 17, 18, 20 and 21.
//!
//! No daemon here: the pool itself, with `bad-worker` in place of `hippo worker`, under the
//! very sandbox of the real one. Each test ends with an honest file that must be read.
//!
//! Here is what a worker does wrong by itself; `malice` is what one does that was taken over, `pool`
//! how workers come, go and work side by side.
//!
//! On Linux, where there is a sandbox to try.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod malice;
mod pool;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hippo_config::Limits;
use hippo_daemon::worker::{Level, Outcome, Pool, PoolConfig};
use hippo_extractors::Wants;
use tempfile::TempDir;

const BAD: &str = env!("CARGO_BIN_EXE_bad-worker");

/// Short enough for tests that wait for it, long enough for a busy machine.
const STALL_MS: u64 = 1_000;

const MEMORY_MIB: u64 = 256;

/// A folder with files, and a pool of bad workers.
struct Scene {
    folder: TempDir,
    pool: Pool,
}

fn config(program: impl Into<PathBuf>) -> PoolConfig {
    PoolConfig {
        program: program.into(),
        args: vec!["worker".into()],
        count: 1,
        memory_max_mib: MEMORY_MIB,
        stall_ms: STALL_MS,
        files_per_worker: 100,
        idle: Duration::from_secs(30),
        limits: Limits::default(),
        pdfium: None,
    }
}

impl Scene {
    fn new() -> Scene {
        Scene::with(config(BAD))
    }

    fn with(config: PoolConfig) -> Scene {
        Scene {
            folder: tempfile::tempdir().unwrap(),
            pool: Pool::new(config),
        }
    }

    /// The bad worker under a name that makes it lack something.
    fn lacking(suffix: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(format!("bad-worker{suffix}"));
        std::os::unix::fs::symlink(BAD, &program).unwrap();
        Scene {
            pool: Pool::new(config(program)),
            folder,
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    async fn read(&self, text: &str) -> Outcome {
        let path = self.write("subject.txt", text);
        let size = text.len() as u64;
        let file = File::open(path).unwrap();
        let name = "subject.txt".to_owned();
        self.pool
            .extract(file, name, size, Wants::default(), |_| {})
            .await
    }

    /// The reason of a death that must have come.
    async fn death(&self, command: &str) -> String {
        match self.read(&format!("bad: {command}\n")).await {
            Outcome::Died { reason, .. } => reason,
            other => panic!("{command} did not kill the worker: {other:?}"),
        }
    }

    /// The text that a command gave back.
    async fn answer(&self, command: &str) -> String {
        match self.read(&format!("bad: {command}\n")).await {
            Outcome::Done(read) => read.segments.into_iter().map(|s| s.text).collect(),
            other => panic!("{command} gave no answer: {other:?}"),
        }
    }

    /// The neighbour of every culprit: it must be read, whatever came before.
    async fn neighbour_is_read(&self) {
        let text = "The elephant remembers what the neighbours forget.";
        match self.read(text).await {
            Outcome::Done(read) => assert!(read.segments[0].text.contains("elephant")),
            other => panic!("an honest file was not read: {other:?}"),
        }
    }

    async fn dies_of(&self, command: &str, words: &str) {
        let reason = self.death(command).await;
        assert!(reason.contains(words), "{command}: {reason}");
        self.neighbour_is_read().await;
    }
}

#[tokio::test]
async fn promise_16_misbehaving_worker_segfault() {
    Scene::new().dies_of("segfault", "signal 11").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_abort() {
    Scene::new().dies_of("abort", "signal 6 (aborted)").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_exit() {
    let scene = Scene::new();
    scene.dies_of("exit 0", "left with code 0").await;
    scene.dies_of("exit 7", "left with code 7").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_panic() {
    let scene = Scene::new();
    scene.dies_of("panic", "panicked: asked to panic").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_stack_overflow() {
    Scene::new().dies_of("overflow", "stack").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_stall() {
    let scene = Scene::new();
    scene
        .dies_of("stall", "no sign of life for 1 s at stall of")
        .await;
    scene.dies_of("spin", "no sign of life").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_no_answer() {
    Scene::new().dies_of("hang-up", "").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_wrong_answer() {
    let scene = Scene::new();
    for what in [
        "noise",
        "huge",
        "other",
        "hello",
        r#"{"Nonsense":1}"#,
        r#"{"Done":{"id":1,"metadata":null,"segments":0}}"#,
    ] {
        let command = format!("say {what}");
        scene
            .dies_of(&command, "the worker gave a wrong answer")
            .await;
    }
    scene.dies_of("say half", "no sign of life").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_shouts_on_stderr() {
    Scene::new().dies_of("shout", "no sign of life").await;
}

#[tokio::test]
async fn promise_16_misbehaving_worker_dies_between_files() {
    let scene = Scene::new();
    let worker = scene.answer("pid").await;
    let status = Command::new("kill").args(["-KILL", &worker]).status();
    assert!(status.unwrap().success());
    gone(worker.parse().unwrap());
    scene.neighbour_is_read().await;
    assert_ne!(scene.answer("pid").await, worker);
}

#[tokio::test]
async fn promise_16_misbehaving_worker_does_not_start() {
    let scene = Scene::with(config("/bin/false"));
    let begun = Instant::now();
    for _ in 0..2 {
        let outcome = scene.read("honest").await;
        assert!(
            matches!(outcome, Outcome::Unavailable { .. }),
            "{outcome:?}"
        );
    }
    // The second start waits: a program that cannot start is not started in a storm.
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let scene = Scene::with(config("/nonexistent/hippo"));
    match scene.read("honest").await {
        Outcome::Unavailable { reason } => assert!(reason.contains("/nonexistent/hippo")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn promise_17_progress_outlives_the_deadline_and_a_stall_does_not() {
    let scene = Scene::new();
    // Five deadlines long, with a sign of life every tenth of one.
    let begun = Instant::now();
    let outcome = scene.read("bad: steps 50 100\n").await;
    assert!(matches!(outcome, Outcome::Done(..)), "{outcome:?}");
    assert!(begun.elapsed() >= Duration::from_millis(STALL_MS) * 5);

    let begun = Instant::now();
    scene.death("stall").await;
    let took = begun.elapsed();
    let stall = Duration::from_millis(STALL_MS);
    assert!(took >= stall && took < stall * 5, "killed after {took:?}");
}

#[tokio::test]
async fn promise_17_the_same_progress_again_is_no_life() {
    Scene::new()
        .dies_of("pulse", "no sign of life for 1 s at pulse")
        .await;
}

#[tokio::test]
async fn promise_18_a_bomb_meets_the_memory_limit() {
    let scene = Scene::new();
    let words = format!("out of memory: limit {MEMORY_MIB} MiB");
    scene.dies_of("bomb", &words).await;
    scene.dies_of("swell", &words).await;
    scene.dies_of("double", &words).await;
    // The limit, not the machine: one byte less than it is too much beside what is there,
    // and half of it is fine.
    let half = MEMORY_MIB * 1024 * 1024 / 2;
    let outcome = scene.read(&format!("bad: bomb {half}\n")).await;
    assert!(matches!(outcome, Outcome::Done(..)), "{outcome:?}");
    scene.dies_of(&format!("bomb {}", half * 2), &words).await;
}

#[tokio::test]
async fn promise_18_limits_hold_the_worker() {
    let report = Scene::new().answer("limits").await;
    let hard = |name: &str| -> u64 {
        let line = report.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!((hard("core"), hard("fsize"), hard("nofile")), (0, 0, 16));
    assert!(hard("as") >= MEMORY_MIB << 20);
    assert!(hard("as") < u64::MAX / 2);
}

/// The number at the end of `stall of N`.
fn pid_in(stage: &str) -> u32 {
    stage.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Returns when a process is no more (or is dead and waits for its parent).
fn gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while state(pid).is_some_and(|state| state != 'Z') {
        assert!(Instant::now() < deadline, "process {pid} lives on");
        std::thread::yield_now();
    }
}

/// The state letter of `/proc/PID/stat`, which follows the name in brackets.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, tail) = stat.rsplit_once(')')?;
    tail.trim_start().chars().next()
}
