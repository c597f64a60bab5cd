//! `hippo up --detach` and `hippo down`.
//!
//! Both can be repeated: up when it is up and down when it is down are no errors. What keeps a
//! daemon from starting is shown here and now, not left in a log.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hippo_config::{Paths, Settings};
use indicatif::ProgressBar;
use rustix::process::{Pid, test_kill_process};

use super::Exit;
use super::client::{Client, ClientError};
use super::style::{Style, plain};
use crate::service::wire::{Status, Stopping};

/// Opening a large table after a crash compares it with the journal: a minute at most for
/// millions of rows. After that it starts on in the background.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// The engine gives its tasks 10 s, the service 3.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a process that starts or ends.
const LOOK_EVERY: Duration = Duration::from_millis(30);
/// Of a daemon that died at its start.
const LAST_LINES: usize = 15;

pub(super) async fn up(paths: &Paths, client: &Client) -> anyhow::Result<Exit> {
    let settings = Settings::load(&paths.config_file)?;
    match client.get::<Status>("/v1/status").await {
        Ok(status) => {
            println!("hippo already runs, pid {}", status.pid);
            return Ok(Exit::Done);
        }
        Err(ClientError::NotRunning) => {}
        Err(error) => return Err(error.into()),
    }
    let said = paths.log_dir.join("start.log");
    let mut child = spawn(&paths.log_dir, &said)?;
    let spinner = Style::stderr().is_terminal().then(|| {
        let spinner = ProgressBar::new_spinner().with_message("hippo is starting");
        spinner.enable_steady_tick(Duration::from_millis(120));
        spinner
    });
    let started = until_it_answers(client, &mut child).await;
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    match started? {
        Start::Answers(status) => {
            println!("hippo runs, pid {}", status.pid);
            if settings.folders.is_empty() {
                println!("add a folder with `hippo add FOLDER`");
            }
            Ok(Exit::Done)
        }
        Start::Died(how) => {
            let last = last_lines(&said);
            let why = if last.is_empty() {
                String::new()
            } else {
                format!(":\n{last}")
            };
            anyhow::bail!("hippo died at its start ({how}){why}")
        }
        Start::Slow => {
            println!(
                "hippo is still starting (pid {}); `hippo status` answers when it is ready",
                child.id()
            );
            Ok(Exit::TimedOut)
        }
    }
}

enum Start {
    Answers(Box<Status>),
    Died(String),
    Slow,
}

fn spawn(log_dir: &Path, said: &Path) -> anyhow::Result<Child> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(log_dir)
        .with_context(|| format!("cannot make {}", log_dir.display()))?;
    let open = |truncate: bool| -> anyhow::Result<File> {
        OpenOptions::new()
            .create(true)
            .write(true)
            .append(!truncate)
            .truncate(truncate)
            .mode(0o600)
            .open(said)
            .with_context(|| format!("cannot write {}", said.display()))
    };
    drop(open(true)?);
    let program: PathBuf = std::env::current_exe().context("cannot find hippo's own program")?;
    Command::new(&program)
        .args(["run", "--detached"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::from(open(false)?))
        .stderr(Stdio::from(open(false)?))
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

async fn until_it_answers(client: &Client, child: &mut Child) -> anyhow::Result<Start> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Start::Died(status.to_string()));
        }
        let asked = tokio::time::timeout(LOOK_EVERY * 10, client.get::<Status>("/v1/status"));
        if let Ok(Ok(status)) = asked.await {
            return Ok(Start::Answers(Box::new(status)));
        }
        if Instant::now() > deadline {
            return Ok(Start::Slow);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn last_lines(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = plain(&String::from_utf8_lossy(&text));
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    lines[from..]
        .iter()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

pub(super) async fn down(client: &Client) -> anyhow::Result<Exit> {
    let stopping: Stopping = match client.raw("POST", "/v1/shutdown", None).await {
        Ok(text) => serde_json::from_str(&text)?,
        Err(ClientError::NotRunning) => {
            println!("hippo does not run");
            return Ok(Exit::Done);
        }
        Err(error) => return Err(error.into()),
    };
    let pid = i32::try_from(stopping.pid).ok().and_then(Pid::from_raw);
    let deadline = Instant::now() + STOP_PATIENCE;
    while pid.is_some_and(|pid| test_kill_process(pid).is_ok()) {
        if Instant::now() > deadline {
            eprintln!(
                "hippo (pid {}) is still ending; nothing is lost if you kill it",
                stopping.pid
            );
            return Ok(Exit::TimedOut);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    println!("hippo stopped");
    Ok(Exit::Done)
}
