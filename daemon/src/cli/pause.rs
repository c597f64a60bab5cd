//! `hippo pause` and `hippo resume`: background work rests, and goes on.

use std::time::Duration;

use super::Exit;
use super::client::{Client, to_json};
use super::style::{count, plain};
use crate::service::wire::{PauseRequest, Paused};

pub(super) async fn pause(
    client: &Client,
    time: Option<Duration>,
    json: bool,
) -> anyhow::Result<Exit> {
    let for_s = time.map(|time| time.as_secs_f64().ceil() as u64);
    let body = to_json(&PauseRequest { for_s })?;
    tell(&client.raw("POST", "/v1/pause", Some(body)).await?, json)
}

pub(super) async fn resume(client: &Client, json: bool) -> anyhow::Result<Exit> {
    tell(&client.raw("POST", "/v1/resume", None).await?, json)
}

fn tell(answer: &str, json: bool) -> anyhow::Result<Exit> {
    if json {
        println!("{answer}");
        return Ok(Exit::Done);
    }
    let paused: Paused = serde_json::from_str(answer)?;
    let state = match (paused.by.as_deref(), paused.until.as_deref()) {
        (Some("asked"), Some(until)) => format!("paused until {}", plain(until)),
        (Some("asked"), None) => "paused until `hippo resume`".to_owned(),
        (Some(_), _) => "goes on when the mains are back".to_owned(),
        (None, _) => "goes on".to_owned(),
    };
    let waiting = match paused.pending {
        0 => String::new(),
        pending => format!("; {} to be read", count(pending, "file")),
    };
    println!("{state}{waiting}");
    Ok(Exit::Done)
}
