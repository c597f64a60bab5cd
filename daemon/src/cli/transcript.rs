//! `hippo transcript`: what was said in a recording, for people, players and editors.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::Exit;
use super::client::Client;
use super::files::whole;
use crate::service::params::encode;
use crate::service::wire::TRANSCRIPT_BY;
use crate::transcript::{By, Format};

pub(super) async fn transcript(
    client: &Client,
    path: &Path,
    format: Format,
) -> anyhow::Result<Exit> {
    let path = encode(whole(path)?.as_os_str().as_bytes());
    let format = format.as_str();
    let target = format!("/v1/transcript?path={path}&format={format}");
    let (headers, text) = client.whole("GET", &target, None).await?;
    let by = headers.get(TRANSCRIPT_BY).and_then(|by| by.to_str().ok());
    if let Some(by) = by.and_then(By::in_words) {
        eprintln!("{by}");
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// The format of this name.
pub(super) fn format(name: &str) -> Result<Format, String> {
    Format::named(name).ok_or_else(|| {
        let names = Format::ALL.map(Format::as_str).join(", ");
        format!("must be one of {names}")
    })
}
