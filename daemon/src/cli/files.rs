//! `hippo why` and `hippo retry`: single files.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::Exit;
use super::client::{Client, to_json};
use super::style::{Put as _, Style, bytes, count, pad, plain, short_path};
use crate::service::params::encode;
use crate::service::wire::{Retried, RetryRequest, Why};

/// The file's own place: its folder's links are resolved, but not the file itself, for hippo
/// does not follow links and has something to say about them.
pub(super) fn whole(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let resolved = path
        .parent()
        .zip(path.file_name())
        .and_then(|(parent, name)| Some(std::fs::canonicalize(parent).ok()?.join(name)));
    // `..` and `/` have no name of their own.
    Ok(resolved.unwrap_or_else(|| std::fs::canonicalize(&path).unwrap_or(path)))
}

pub(super) async fn why(client: &Client, path: &Path, json: bool) -> anyhow::Result<Exit> {
    let path = whole(path)?;
    let target = format!("/v1/why?path={}", encode(path.as_os_str().as_bytes()));
    if json {
        println!("{}", client.raw("GET", &target, None).await?);
        return Ok(Exit::Done);
    }
    let why: Why = client.get(&target).await?;
    print!("{}", render(&why, Style::stdout()));
    Ok(Exit::Done)
}

fn render(why: &Why, style: Style) -> String {
    let state = match why.state.as_str() {
        "done" => style.green("done"),
        "failed" => style.red("failed"),
        other => style.yellow(&plain(other)),
    };
    let mut out = format!("{}  {state}\n", style.cyan(&short_path(&why.path)));
    out.put(format_args!("  {}\n", plain(&why.explanation)));
    let text = |value: &Option<String>| value.clone();
    let list = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    let number = |value: Option<u64>| value.map(|n| n.to_string());
    let fields = [
        ("kind", text(&why.kind)),
        ("title", text(&why.title)),
        ("dated", text(&why.dated_at)),
        ("camera", text(&why.camera)),
        ("place", text(&why.place)),
        ("position", text(&why.position)),
        ("show", text(&why.show)),
        ("speakers", list(&why.speakers)),
        ("size", why.size.map(bytes)),
        ("stage", text(&why.stage)),
        ("reason", text(&why.reason)),
        ("ignored by", text(&why.ignored_by)),
        ("segments", number(why.segments)),
        ("extractor", text(&why.extractor)),
        ("attempts", number(why.attempts)),
        ("changed", text(&why.changed_at)),
        ("done", text(&why.done_at)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            out.put(format_args!(
                "  {} {}\n",
                style.dim(&pad(name, 10)),
                plain(&value)
            ));
        }
    }
    out
}

pub(super) async fn retry(
    client: &Client,
    path: Option<&Path>,
    json: bool,
) -> anyhow::Result<Exit> {
    let path = match path {
        Some(path) => {
            let path = whole(path)?;
            let text = path.to_str().map(str::to_owned);
            let shown = path.display().to_string();
            Some(text.ok_or_else(|| {
                anyhow::anyhow!("{shown} is not valid UTF-8: name the folder above it")
            })?)
        }
        None => None,
    };
    let request = RetryRequest { path };
    if json {
        println!(
            "{}",
            client
                .raw("POST", "/v1/retry", Some(to_json(&request)?))
                .await?
        );
        return Ok(Exit::Done);
    }
    let retried: Retried = client.post("/v1/retry", &request).await?;
    match retried.files {
        0 => println!("nothing to try again: no file there has failed"),
        n => println!(
            "{} will be tried again; `hippo wait` tells when that is done",
            count(n, "file")
        ),
    }
    Ok(Exit::Done)
}
