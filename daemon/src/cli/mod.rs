//! The command line: a thin client of the service, and what starts and explains the daemon.
//!
//! Promises: `--json` prints the service's own JSON and nothing else on standard output; exit
//! codes are the ones of [`Exit`] and stand in `--help`; an error says what happened, to what,
//! and what to do.

mod args;
mod client;
mod context;
mod daemon;
mod doctor;
mod files;
mod folders;
mod models;
mod pause;
mod play;
mod probe;
mod progress;
mod search;
mod status;
mod style;
mod transcript;
mod up;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use hippo_config::Paths;

use args::{Cli, Command};
use client::{Client, ClientError};

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It could not.
    Failed = 1,
    /// It was not asked properly.
    Usage = 2,
    /// A search found nothing.
    NothingFound = 3,
    /// The daemon does not run.
    NotRunning = 4,
    /// It took longer than was allowed.
    TimedOut = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    // The worker is started with nothing to spare: no parser, no runtime.
    match args.get(1).and_then(|first| first.to_str()) {
        Some("worker") => return crate::worker::child::main(),
        Some("jail") => return crate::worker::jail::main(&args[2..]),
        _ => {}
    }
    let cli = match Cli::try_parse_from(args::with_exclusions(args)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; a closed pipe is no error of ours.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
            .into();
        }
    };
    let json = cli.command.json();
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => fail(&error, json).into(),
    }
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    if let Command::Completions { shell } = cli.command {
        let mut command = Cli::command();
        clap_complete::generate(shell, &mut command, "hippo", &mut std::io::stdout());
        return Ok(Exit::Done);
    }
    let paths = Paths::from_env()?;
    match cli.command {
        Command::Run { detached } => return daemon::run(paths, detached),
        Command::Up { detach: false } => return daemon::run(paths, false),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(ask(cli.command, paths))
}

async fn ask(command: Command, paths: Paths) -> anyhow::Result<Exit> {
    let client = Client::new(paths.socket());
    match command {
        Command::Up { .. } => up::up(&paths, &client).await,
        Command::Down => up::down(&client).await,
        Command::Add { folders } => folders::add(&paths, &client, &folders).await,
        Command::Remove { folders } => folders::remove(&paths, &client, &folders).await,
        Command::Folders { json } => folders::list(&client, json).await,
        Command::Search(search) => search::search(&client, search).await,
        Command::Context(context) => context::context(&client, context).await,
        Command::Status { json } => status::status(&client, json).await,
        Command::Wait { timeout, json } => progress::wait(&client, timeout, json).await,
        Command::Pause { time, json } => pause::pause(&client, time, json).await,
        Command::Resume { json } => pause::resume(&client, json).await,
        Command::Why { path, json } => files::why(&client, &path, json).await,
        Command::Retry { path, json } => files::retry(&client, path.as_deref(), json).await,
        Command::Transcript { path, format } => {
            transcript::transcript(&client, &path, format).await
        }
        Command::Play { what, at, print } => play::play(&client, &what, at, print).await,
        Command::Models { what } => models::models(&paths, &client, what).await,
        Command::Doctor { json } => doctor::doctor(&paths, &client, json).await,
        Command::Completions { .. } | Command::Run { .. } => Ok(Exit::Done),
    }
}

/// Says what went wrong: in words on standard error, with `--json` also as JSON on standard
/// output.
fn fail(error: &anyhow::Error, json: bool) -> Exit {
    let known = error.downcast_ref::<ClientError>();
    if json {
        let problem = known.map_or_else(|| client::problem("failed", error), ClientError::problem);
        if let Ok(text) = serde_json::to_string(&problem) {
            println!("{text}");
        }
    }
    let style = style::Style::stderr();
    eprintln!(
        "{}: {}",
        style.red("hippo"),
        style::plain(&format!("{error:#}"))
    );
    if let Some(hint) = known.and_then(ClientError::hint) {
        eprintln!("  {}", style::plain(&hint));
    }
    known.map_or(Exit::Failed, ClientError::exit)
}
