//! `hippo wait`: a bar on a terminal while files become searchable, silence elsewhere.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::BodyExt as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Exit;
use super::client::{Client, to_json};
use super::style::{Style, short_path};
use crate::service::wire::{Event, Status, WaitRequest, Waited};

/// Events longer than this are not ours.
const MAX_LINE_BYTES: usize = 64 * 1024;

pub(super) async fn wait(client: &Client, timeout: Duration, json: bool) -> anyhow::Result<Exit> {
    let request = WaitRequest {
        timeout_ms: Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
    };
    let asked = client.raw("POST", "/v1/wait", Some(to_json(&request)?));
    let bar = Style::stderr().is_terminal().then(bar);
    let answer = tokio::select! {
        // The answer is looked at first: a bar for what is done already would only flicker.
        biased;
        answer = asked => answer,
        never = follow(client, bar.as_ref()) => match never {},
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let answer = answer?;
    if json {
        println!("{answer}");
    } else {
        let waited: Waited = serde_json::from_str(&answer)?;
        println!(
            "everything is searchable ({:.1} s)",
            waited.waited_ms as f64 / 1000.0
        );
    }
    Ok(Exit::Done)
}

/// Shows how far things have come, for as long as it is polled.
async fn follow(client: &Client, bar: Option<&ProgressBar>) -> Infallible {
    if let Some(bar) = bar {
        // Without events there is nothing to show; the wait goes on all the same.
        let _ = draw(client, bar).await;
    }
    std::future::pending().await
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let template = "{spinner} {bar:30} {pos}/{len} files  {wide_msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

async fn draw(client: &Client, bar: &ProgressBar) -> anyhow::Result<()> {
    let status: Status = client.get("/v1/status").await?;
    let mut most = status.fresh.pending;
    let mut body = client.open("GET", "/v1/events", None).await?.into_body();
    let mut line = Vec::new();
    let mut show = |pending: u64, event: Option<&Event>| {
        most = most.max(pending);
        bar.set_length(most);
        bar.set_position(most - pending);
        if let Some(path) = event.and_then(|e| e.path.as_deref()) {
            bar.set_message(short_path(path));
        }
    };
    show(status.fresh.pending, None);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        for byte in data {
            if byte != b'\n' {
                anyhow::ensure!(line.len() < MAX_LINE_BYTES, "an event without an end");
                line.push(byte);
                continue;
            }
            if let Some(event) = event(&line) {
                show(event.pending, Some(&event));
            }
            line.clear();
        }
    }
    Ok(())
}

fn event(line: &[u8]) -> Option<Event> {
    serde_json::from_slice(line.strip_prefix(b"data:")?.trim_ascii()).ok()
}
