//! `hippo add`, `remove` and `folders`: with the daemon through its socket, without it in the
//! settings file.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hippo_config::Paths;
use hippo_config::edit::{self, Edited};

use super::Exit;
use super::client::{Client, ClientError};
use super::status::folder_line;
use super::style::{Style, short_path};
use crate::query::text::width;
use crate::service::params::encode;
use crate::service::wire::{Folder, FolderRequest, Folders, Removed};

pub(super) async fn add(
    paths: &Paths,
    client: &Client,
    folders: &[PathBuf],
) -> anyhow::Result<Exit> {
    for folder in folders {
        let path = existing(folder)?;
        let request = FolderRequest { path: utf8(&path)? };
        let shown = short_path(&request.path);
        match client.post::<Folder>("/v1/folders", &request).await {
            Ok(_) => println!("watching {shown}; `hippo status` shows how far it has come"),
            Err(ClientError::NotRunning) => {
                let edited = edit::add_folder(&paths.config_file, &path)?;
                let what = match edited {
                    Edited::Changed => "added",
                    Edited::Unchanged => "was already there",
                };
                println!("{shown} {what}; start hippo with `hippo up --detach`");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn remove(
    paths: &Paths,
    client: &Client,
    folders: &[PathBuf],
) -> anyhow::Result<Exit> {
    for folder in folders {
        // It may be gone already: then its name is all there is.
        let path = std::fs::canonicalize(folder).or_else(|_| std::path::absolute(folder))?;
        let shown = short_path(&path.to_string_lossy());
        let target = format!("/v1/folders?path={}", encode(path.as_os_str().as_bytes()));
        match client.raw("DELETE", &target, None).await {
            Ok(text) => {
                let _: Removed = serde_json::from_str(&text)?;
                println!("{shown} is no longer watched, and out of every answer");
            }
            Err(ClientError::NotRunning) => match edit::remove_folder(&paths.config_file, &path)? {
                Edited::Changed => println!("{shown} removed; its rows go when hippo starts"),
                Edited::Unchanged => {
                    anyhow::bail!("{shown} is not watched: `hippo folders` lists what is")
                }
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn list(client: &Client, json: bool) -> anyhow::Result<Exit> {
    if json {
        println!("{}", client.raw("GET", "/v1/folders", None).await?);
        return Ok(Exit::Done);
    }
    let answer: Folders = client.get("/v1/folders").await?;
    if answer.folders.is_empty() {
        println!("no folder is watched yet: add one with `hippo add FOLDER`");
    }
    let widest = answer
        .folders
        .iter()
        .map(|f| width(&short_path(&f.path)))
        .max();
    for folder in &answer.folders {
        println!(
            "{}",
            folder_line(folder, widest.unwrap_or(0), Style::stdout())
        );
    }
    Ok(Exit::Done)
}

fn existing(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = std::fs::canonicalize(folder)
        .with_context(|| format!("cannot watch {}", folder.display()))?;
    anyhow::ensure!(
        path.is_dir(),
        "{} is a file: hippo watches folders, so add the one that it is in",
        path.display()
    );
    Ok(path)
}

fn utf8(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.with_context(|| {
        format!(
            "{} is not valid UTF-8: rename it, or add the folder above it",
            path.display()
        )
    })
}
