//! A model from the network: what is missing is fetched, several files at once, and the
//! folder exchanged when all are there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use hippo_config::{Installed, Manifest, ModelFile, Published};
use reqwest::{Client, Url, redirect};

use super::check::{FileState, check_file};
use super::fetch::{Fetch, Patience, part_of};
use super::{ModelsError, Report, Sources, Store};

/// Files fetched at once: servers give one connection only so much, and a model has a few.
const FILES_AT_ONCE: usize = 4;

/// Left free on the disk: a full one stops more than hippo.
const RESERVE_BYTES: u64 = 64 << 20;

/// To be connected, name look-up and handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// From one address to the next; hubs use two.
const REDIRECTS_MAX: usize = 10;

/// Whether anything was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model lay there already, as published.
    AlreadyHere,
    /// It is there now.
    Pulled {
        /// Bytes of the files that were not there.
        bytes: u64,
    },
}

/// Fetches models.
#[derive(Debug)]
pub struct Puller {
    client: Client,
    sources: Sources,
    patience: Patience,
}

impl Puller {
    /// Proxies are those of the environment (`HTTPS_PROXY` and its kin).
    pub fn new(sources: Sources, patience: Patience) -> Result<Puller, ModelsError> {
        let builder = Client::builder()
            .user_agent(concat!("hippo/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::custom(follow));
        // Tests ask their own machine, whatever stands in the environment.
        #[cfg(test)]
        let builder = builder.no_proxy();
        let client = builder.build();
        let client = client.map_err(|error| ModelsError::Client(error.to_string()))?;
        Ok(Puller {
            client,
            sources,
            patience,
        })
    }

    /// Gets a model. `installed` is where it lies now, if it does: what is the same there
    /// is not fetched again.
    pub async fn pull(
        &self,
        store: &Store,
        published: &Published,
        installed: Option<&Installed>,
        report: &Report<'_>,
    ) -> Result<Outcome, ModelsError> {
        let manifest = &published.manifest;
        let name = manifest.name.as_str();
        if installed.is_some_and(|installed| is_published(installed, manifest)) {
            return Ok(Outcome::AlreadyHere);
        }
        let staging = store.staging(name);
        fs::create_dir_all(&staging).map_err(ModelsError::io("make", &staging))?;
        let wanted: Vec<&ModelFile> = manifest
            .files
            .iter()
            .filter(|file| !is_gathered(&staging, file, installed))
            .collect();
        if let Err(error) = self.gather(store, name, &staging, &wanted, report).await {
            // Goes where nothing came; what did come is kept.
            let _ = fs::remove_dir(&staging);
            return Err(error);
        }
        let files: Vec<&str> = manifest
            .files
            .iter()
            .map(|file| file.name.as_str())
            .collect();
        store.put(name, &published.text, &files)?;
        let bytes = wanted.iter().filter_map(|file| file.bytes).sum();
        Ok(Outcome::Pulled { bytes })
    }

    /// Fetches files, a few at once; the first that does not come ends it.
    async fn gather(
        &self,
        store: &Store,
        name: &str,
        staging: &Path,
        wanted: &[&ModelFile],
        report: &Report<'_>,
    ) -> Result<(), ModelsError> {
        let fetches = self.addresses(name, wanted)?;
        check_room(store, name, staging, wanted)?;
        futures::stream::iter(fetches)
            .map(|(file, url)| self.fetch(name, file, url, staging, report))
            .buffer_unordered(FILES_AT_ONCE)
            .try_collect::<()>()
            .await
    }

    async fn fetch(
        &self,
        model: &str,
        file: &ModelFile,
        url: Url,
        staging: &Path,
        report: &Report<'_>,
    ) -> Result<(), ModelsError> {
        let fetch = Fetch {
            client: &self.client,
            patience: &self.patience,
            url,
            file,
            to: staging.join(&file.name),
            report: &|step| report(&file.name, step),
        };
        fetch.run().await.map_err(|error| ModelsError::Fetch {
            model: model.to_owned(),
            error,
        })
    }

    /// Where each file comes from; all that come from nowhere are named at once.
    fn addresses<'f>(
        &self,
        model: &str,
        wanted: &[&'f ModelFile],
    ) -> Result<Vec<(&'f ModelFile, Url)>, ModelsError> {
        let mut found = Vec::with_capacity(wanted.len());
        let mut lost = Vec::new();
        for file in wanted {
            match self.sources.url(model, file)? {
                Some(url) => found.push((*file, url)),
                None => lost.push(file.name.clone()),
            }
        }
        if lost.is_empty() {
            return Ok(found);
        }
        Err(ModelsError::NoAddress {
            model: model.to_owned(),
            files: lost,
        })
    }
}

/// A file that came over a safe line does not go on over an open one.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_safe = attempt
        .previous()
        .last()
        .is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error("too many redirects")
    } else if was_safe && attempt.url().scheme() != "https" {
        attempt.error("from https to plain http")
    } else {
        attempt.follow()
    }
}

/// Whether a folder holds the published model. Contents are taken on trust: they were
/// checked when they came, and `hippo models verify` checks them again.
fn is_published(installed: &Installed, manifest: &Manifest) -> bool {
    let whole = |file: &ModelFile| {
        let found = fs::metadata(installed.dir.join(&file.name));
        found.is_ok_and(|found| found.is_file() && file.bytes.is_none_or(|all| found.len() == all))
    };
    installed.manifest.id() == manifest.id() && manifest.files.iter().all(whole)
}

/// Whether a file needs no fetching: an earlier try brought it, or the model that lies here
/// has the same.
fn is_gathered(staging: &Path, file: &ModelFile, installed: Option<&Installed>) -> bool {
    let path = staging.join(&file.name);
    match check_file(&path, file) {
        FileState::Good => return true,
        FileState::Missing => {}
        // What is wrong, or cannot be told from another version, is fetched anew.
        _ => drop(fs::remove_file(&path)),
    }
    let Some(installed) = installed else {
        return false;
    };
    let same = |other: &&ModelFile| other.sha256.is_some() && other.sha256 == file.sha256;
    let Some(other) = installed.manifest.files.iter().find(same) else {
        return false;
    };
    let from = installed.dir.join(&other.name);
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    // A second name for the same bytes where the file system has such.
    let copied = made
        .and_then(|()| fs::hard_link(&from, &path).or_else(|_| fs::copy(&from, &path).map(drop)));
    let good = copied.is_ok() && check_file(&path, file) == FileState::Good;
    if !good {
        // Worth a try, no more: the network has it.
        let _ = fs::remove_file(&path);
    }
    good
}

fn check_room(
    store: &Store,
    model: &str,
    staging: &Path,
    wanted: &[&ModelFile],
) -> Result<(), ModelsError> {
    let missing = wanted.iter().filter_map(|file| {
        let part = fs::metadata(part_of(&staging.join(&file.name)));
        let have = part.map_or(0, |part| part.len());
        Some(file.bytes?.saturating_sub(have))
    });
    room_for(store, model, missing.sum())
}

/// Whether so many bytes fit.
pub(super) fn room_for(store: &Store, model: &str, bytes: u64) -> Result<(), ModelsError> {
    let has = store.room()?;
    let needs = bytes.saturating_add(RESERVE_BYTES);
    if bytes == 0 || needs <= has {
        return Ok(());
    }
    Err(ModelsError::NoRoom {
        model: model.to_owned(),
        dir: store.dir().to_owned(),
        needs,
        has,
    })
}
