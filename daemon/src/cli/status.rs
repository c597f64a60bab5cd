//! `hippo status`: how everything stands, at a glance; worries first where there are any.

use super::Exit;
use super::client::Client;
use super::style::{Put as _, Style, bytes, count, grouped, pad, plain, short_path, span};
use crate::query::text::width;
use crate::service::wire::{AtWork, Folder, FolderState, ModelStatus, SpeechStatus, State, Status};
use crate::worker::Level;

/// Failures shown; `--json` has all that the daemon remembers.
const FAILURES_SHOWN: usize = 5;

pub(super) async fn status(client: &Client, json: bool) -> anyhow::Result<Exit> {
    if json {
        println!("{}", client.raw("GET", "/v1/status", None).await?);
        return Ok(Exit::Done);
    }
    let status: Status = client.get("/v1/status").await?;
    print!("{}", render(&status, Style::stdout()));
    Ok(Exit::Done)
}

fn render(status: &Status, style: Style) -> String {
    let mut out = Out::default();
    out.line(&headline(status, style));
    for wait in &status.waits {
        out.line(&format!("  {}", style.yellow(&plain(wait))));
    }
    out.section(style, "Folders");
    if status.folders.is_empty() {
        out.line("  none yet: add one with `hippo add FOLDER`");
    }
    let widest = status
        .folders
        .iter()
        .map(|f| width(&short_path(&f.path)))
        .max();
    for folder in &status.folders {
        out.line(&folder_line(folder, widest.unwrap_or(0), style));
    }
    if !status.at_work.is_empty() {
        out.section(style, "At work");
        for work in &status.at_work {
            out.line(&work_line(work, style));
        }
    }
    if !status.recent_failures.is_empty() {
        out.section(style, "Could not be read");
        for failure in status.recent_failures.iter().take(FAILURES_SHOWN) {
            let reason = style.dim(&plain(&failure.reason));
            out.line(&format!("  {}  {reason}", short_path(&failure.path)));
        }
        let more = status.recent_failures.len().saturating_sub(FAILURES_SHOWN);
        if more > 0 {
            out.line(&style.dim(&format!("  and {more} more (hippo status --json)")));
        }
    }
    out.section(style, "Inside");
    for (name, value) in inside(status) {
        out.line(&format!("  {} {value}", style.dim(&pad(name, 8))));
    }
    out.0
}

#[derive(Default)]
struct Out(String);

impl Out {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, style: Style, name: &str) {
        self.line("");
        self.line(&style.bold(name));
    }
}

fn headline(status: &Status, style: Style) -> String {
    let state = status.state.as_str();
    let state = match status.state {
        State::Idle => style.green(state),
        State::Paused => style.red(state),
        State::Scanning | State::Syncing => style.yellow(state),
    };
    let done = status.counts.by_state.get("done").copied().unwrap_or(0);
    let mut parts = vec![
        state,
        format!(
            "{} searchable in {}",
            count(done, "file"),
            count(status.segments, "segment")
        ),
    ];
    if status.fresh.pending > 0 {
        parts.push(style.yellow(&format!("{} pending", grouped(status.fresh.pending))));
    }
    if status.fresh.failed > 0 {
        parts.push(style.red(&format!("{} failed", grouped(status.fresh.failed))));
    }
    format!("{}  {}", style.bold("hippo"), parts.join(" · "))
}

/// `live` in green, trouble in red.
pub(super) fn folder_state(state: FolderState, style: Style) -> String {
    let name = pad(state.as_str(), 11);
    match state {
        FolderState::Live => style.green(&name),
        FolderState::Polled | FolderState::Scanning => style.yellow(&name),
        FolderState::Unavailable | FolderState::Missing => style.red(&name),
    }
}

/// One folder on one line; shared with `hippo folders`.
pub(super) fn folder_line(folder: &Folder, widest: usize, style: Style) -> String {
    let path = pad(&short_path(&folder.path), widest.min(60));
    let mut parts = vec![count(folder.files, "file")];
    for (n, what) in [
        (folder.pending, "pending"),
        (folder.failed, "failed"),
        (folder.skipped, "skipped"),
    ] {
        if n > 0 {
            parts.push(format!("{} {what}", grouped(n)));
        }
    }
    let mut line = format!(
        "  {} {path}  {}",
        folder_state(folder.state, style),
        parts.join(", ")
    );
    if let Some(why) = &folder.why {
        line.push_str(&style.dim(&format!("  {}", plain(why))));
    }
    line
}

fn work_line(work: &AtWork, style: Style) -> String {
    let mut how = plain(&work.stage);
    if let Some(percent) = (100 * work.done).checked_div(work.total) {
        how.put(format_args!(" {} %", percent.min(100)));
    }
    let detail = style.dim(&format!("{how}, {}", span(work.seconds as u64)));
    format!("  {}  {detail}", short_path(&work.path))
}

/// How the model of a role stands, and what is made for another that is to take its place.
fn model_line(model: &ModelStatus) -> String {
    let Some(name) = &model.name else {
        return "no model: `hippo models pull` gets one".to_owned();
    };
    let mut line = format!("{} ({})", plain(name), model.state);
    if let Some(reason) = &model.reason {
        line.put(format_args!(": {}", plain(reason)));
    }
    if model.total > 0 {
        let (covered, total) = (grouped(model.covered), grouped(model.total));
        line.put(format_args!(", {covered} of {total} segments"));
    }
    if let Some(next) = &model.building {
        let (covered, total) = (grouped(next.covered), grouped(next.total));
        let model = plain(&next.model);
        line.put(format_args!(
            "; {model} takes over after {total} segments, {covered} are done"
        ));
        if let Some(seconds) = next.eta_s {
            line.put(format_args!(", about {} to go", span(seconds)));
        }
    }
    if let Some(kept) = &model.kept {
        let model = plain(&kept.model);
        line.put(format_args!(
            "; {model} is kept for the way back, {}",
            bytes(kept.bytes)
        ));
    }
    line
}

/// Who hears recordings, and what waits for it.
fn speech_line(speech: &SpeechStatus) -> String {
    let Some(name) = &speech.name else {
        return "no model: their tags alone are read".to_owned();
    };
    let mut line = format!("{} ({})", plain(name), speech.state);
    if let Some(reason) = &speech.reason {
        line.put(format_args!(": {}", plain(reason)));
    }
    if speech.waiting > 0 {
        line.put(format_args!(", {} to be heard", grouped(speech.waiting)));
    }
    line
}

fn inside(status: &Status) -> Vec<(&'static str, String)> {
    let kinds = status.counts.by_kind.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, n)| format!("{} {kind}", grouped(*n)))
        .collect();
    let sandbox = &status.sandbox;
    let mut sandbox_line = if sandbox.landlock == Level::Unknown.as_str() {
        "told once the first file is read; `hippo doctor` tries it now".to_owned()
    } else {
        format!("Landlock {}, seccomp {}", sandbox.landlock, sandbox.seccomp)
    };
    if !sandbox.missing.is_empty() {
        sandbox_line.put(format_args!("; {}", plain(&sandbox.missing.join("; "))));
    }
    let mut watch_line = format!(
        "{} watched",
        count(status.watch.watched_dirs, "directory").replace("directorys", "directories")
    );
    if status.watch.polled_dirs > 0 {
        watch_line.put(format_args!(
            ", {} polled",
            grouped(status.watch.polled_dirs)
        ));
    }
    for note in &status.watch.notes {
        watch_line.put(format_args!("; {}", plain(note)));
    }
    let index = &status.index;
    let mut index_line = format!("{}, {}", count(index.rows, "row"), bytes(index.bytes));
    if index.unindexed > 0 {
        index_line.put(format_args!(
            ", {} not indexed yet",
            grouped(index.unindexed)
        ));
    }
    let daemon = format!(
        "pid {}, up {}, {} of memory, version {}",
        status.pid,
        span(status.uptime_s),
        bytes(status.memory.rss_bytes),
        status.version
    );
    vec![
        (
            "kinds",
            if kinds.is_empty() {
                "nothing yet".to_owned()
            } else {
                kinds.join(", ")
            },
        ),
        ("passages", model_line(&status.models.passage)),
        ("pictures", model_line(&status.models.joint)),
        ("writing", model_line(&status.models.ocr)),
        ("recordings", speech_line(&status.models.speech)),
        ("index", index_line),
        ("watch", watch_line),
        ("sandbox", sandbox_line),
        ("daemon", daemon),
    ]
}
