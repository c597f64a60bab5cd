//! One file over HTTP: continued where it was cut, checked before it has its name.
//!
//! It is written to `<name>.part`, and renamed when its size and SHA-256 are right. What
//! has a hash is continued from the part with a `Range`; what has none is not, since nobody
//! could tell a mixture of two versions. There is no limit on the whole, only on standing
//! still: a slow line is fine, a dead one is not.
//!
//! Two kinds of trouble: a connection that fails is tried again, later each time; an answer
//! that will be the same next time (404, another file) is not.

mod trouble;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hippo_config::ModelFile;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::Step;
use super::check::{FileState, check_file};
pub use trouble::{FetchError, Why};
use trouble::{Trouble, describe, disk};

/// A try that brought so much was no failure: the line is bad, not dead.
const PROGRESS_BYTES: u64 = 1 << 20;

/// How long one waits, and how often.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Without a byte, before a connection counts as dead.
    pub stall: Duration,
    /// Before the second try; doubled before each one after it.
    pub first_wait: Duration,
    /// Between two tries, at most.
    pub longest_wait: Duration,
    /// Tries in a row without progress.
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            // Hubs answer within seconds; a laptop that changes its network needs some.
            stall: Duration::from_secs(30),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
            // With the waits above: a minute of outage is sat out.
            tries: 8,
        }
    }
}

impl Patience {
    fn wait(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.first_wait
            .saturating_mul(factor)
            .min(self.longest_wait)
    }
}

/// A file to be fetched.
pub(super) struct Fetch<'a> {
    pub(super) client: &'a Client,
    pub(super) patience: &'a Patience,
    pub(super) url: Url,
    pub(super) file: &'a ModelFile,
    /// Where it goes.
    pub(super) to: PathBuf,
    pub(super) report: &'a (dyn Fn(Step) + Sync),
}

/// Where the bytes of a file are gathered.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

impl Fetch<'_> {
    /// Fetches the file. Dropped in the middle it leaves its part for the next time.
    pub(super) async fn run(&self) -> Result<(), FetchError> {
        self.fetch().await.map_err(|why| FetchError {
            file: self.file.name.clone(),
            url: self.url.to_string(),
            why,
        })
    }

    async fn fetch(&self) -> Result<(), Why> {
        let part = part_of(&self.to);
        if let Some(folder) = self.to.parent() {
            let made = fs::create_dir_all(folder).await;
            made.map_err(|error| disk(folder, error))?;
        }
        let mut continued = length(&part).await > 0;
        self.gather(&part).await?;
        loop {
            (self.report)(Step::Checks);
            match self.examine(&part).await {
                Ok(()) => break,
                Err(why) => {
                    remove(&part).await?;
                    // The fault may lie with the old part: one fresh start.
                    if !std::mem::take(&mut continued) {
                        return Err(why);
                    }
                    self.gather(&part).await?;
                }
            }
        }
        let renamed = fs::rename(&part, &self.to).await;
        renamed.map_err(|error| disk(&self.to, error))?;
        (self.report)(Step::Done);
        Ok(())
    }

    /// Tries until the part is complete.
    async fn gather(&self, part: &Path) -> Result<(), Why> {
        let mut failures = 0;
        loop {
            let before = length(part).await;
            let reason = match self.attempt(part).await {
                Ok(()) => return Ok(()),
                Err(Trouble::Final(why)) => return Err(why),
                Err(Trouble::Passing(reason)) => reason,
            };
            if length(part).await >= before + PROGRESS_BYTES {
                failures = 0;
            }
            failures += 1;
            if failures >= self.patience.tries {
                return Err(Why::Unreachable {
                    reason,
                    tries: failures,
                });
            }
            let wait = self.patience.wait(failures);
            (self.report)(Step::Waits { why: reason, wait });
            tokio::time::sleep(wait).await;
        }
    }

    /// One request.
    async fn attempt(&self, part: &Path) -> Result<(), Trouble> {
        let mut have = length(part).await;
        let unusable = self.file.sha256.is_none() || self.file.bytes.is_some_and(|all| have > all);
        if have > 0 && unusable {
            remove(part).await.map_err(Trouble::Final)?;
            have = 0;
        }
        if self.file.bytes == Some(have) {
            return Ok(());
        }
        let response = self.ask(have).await?;
        match response.status() {
            StatusCode::OK => have = 0,
            StatusCode::PARTIAL_CONTENT => self.check_range(&response, have, part).await?,
            StatusCode::RANGE_NOT_SATISFIABLE if self.file.bytes.is_none() => {
                // Nothing after what is here: it may be all. The hash will tell.
                let total = range_of(&response).and_then(|(_, total)| total);
                if total == Some(have) {
                    return Ok(());
                }
                return Err(start_over(part, "the server has a shorter file").await);
            }
            status => return Err(refusal(status, part).await),
        }
        if response.status() == StatusCode::OK {
            self.check_size(response.content_length())?;
        }
        (self.report)(Step::Starts {
            have,
            total: self
                .file
                .bytes
                .or_else(|| Some(have + response.content_length()?)),
        });
        self.save(response, part, have).await
    }

    async fn ask(&self, have: u64) -> Result<Response, Trouble> {
        // Compressed on the way, a file has neither its size nor its ranges.
        let mut request = self
            .client
            .get(self.url.clone())
            .header(ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        match timeout(self.patience.stall, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_builder() || error.is_redirect() => {
                Err(Trouble::Final(Why::Impossible(describe(&error))))
            }
            Ok(Err(error)) => Err(Trouble::Passing(describe(&error))),
            Err(_) => Err(Trouble::Passing(format!(
                "no answer within {:?}",
                self.patience.stall
            ))),
        }
    }

    /// A part that begins elsewhere, or of another file, would spoil what is here.
    async fn check_range(
        &self,
        response: &Response,
        have: u64,
        part: &Path,
    ) -> Result<(), Trouble> {
        let Some((start, total)) = range_of(response) else {
            return Err(
                start_over(part, "the server sent a part of it and did not say which").await,
            );
        };
        if start != have {
            return Err(start_over(part, "the server sent another part than was asked for").await);
        }
        self.check_size(total)
    }

    fn check_size(&self, total: Option<u64>) -> Result<(), Trouble> {
        match (self.file.bytes, total) {
            (Some(wanted), Some(has)) if has != wanted => {
                Err(Trouble::Final(Why::WrongSize { has, wanted }))
            }
            _ => Ok(()),
        }
    }

    /// Writes the body behind the first `have` bytes of the part.
    async fn save(&self, mut response: Response, part: &Path, have: u64) -> Result<(), Trouble> {
        let failed = |error| Trouble::Final(disk(part, error));
        let mut file = OpenOptions::new()
            .create(true)
            .append(have > 0)
            .write(true)
            .truncate(have == 0)
            .open(part)
            .await
            .map_err(failed)?;
        let mut written = have;
        let ended = loop {
            let chunk = match timeout(self.patience.stall, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break Ok(()),
                Ok(Err(error)) => break Err(describe(&error)),
                Err(_) => break Err(format!("nothing came for {:?}", self.patience.stall)),
            };
            written += chunk.len() as u64;
            if let Some(wanted) = self.file.bytes.filter(|wanted| written > *wanted) {
                drop(file);
                remove(part).await.map_err(Trouble::Final)?;
                return Err(Trouble::Final(Why::WrongSize {
                    has: written,
                    wanted,
                }));
            }
            file.write_all(&chunk).await.map_err(failed)?;
            // What is reported is in the file, though this future be dropped next.
            file.flush().await.map_err(failed)?;
            (self.report)(Step::Brings(chunk.len() as u64));
        };
        ended.map_err(Trouble::Passing)?;
        match self.file.bytes {
            Some(wanted) if written < wanted => Err(Trouble::Passing(format!(
                "it ended after {written} of {wanted} bytes"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the part is the file.
    async fn examine(&self, part: &Path) -> Result<(), Why> {
        let (path, file) = (part.to_owned(), self.file.clone());
        let checked = tokio::task::spawn_blocking(move || check_file(&path, &file)).await;
        match checked {
            Ok(FileState::Good | FileState::Unpinned) => Ok(()),
            Ok(FileState::WrongHash { has, wanted }) => Err(Why::WrongHash { has, wanted }),
            Ok(FileState::WrongSize { has, wanted }) => Err(Why::WrongSize { has, wanted }),
            Ok(other) => Err(disk(part, io::Error::other(other.describe()))),
            Err(error) => Err(disk(part, io::Error::other(error))),
        }
    }
}

/// First byte and whole length by `Content-Range: bytes 5-9/10` (or `bytes */10`).
fn range_of(response: &Response) -> Option<(u64, Option<u64>)> {
    let text = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes")?.trim().split_once('/')?;
    let start = match range.split_once('-') {
        Some((start, _)) => start.trim().parse().ok()?,
        None => 0,
    };
    Some((start, total.trim().parse().ok()))
}

async fn refusal(status: StatusCode, part: &Path) -> Trouble {
    match status {
        StatusCode::RANGE_NOT_SATISFIABLE => {
            start_over(part, "the server cannot go on where it was cut").await
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Trouble::Final(Why::NotFound(status)),
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Trouble::Final(Why::Forbidden(status)),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Trouble::Passing(format!("the server says {status}"))
        }
        _ if status.is_server_error() => Trouble::Passing(format!("the server says {status}")),
        _ => Trouble::Final(Why::Refused(status)),
    }
}

/// Throws the part away, for the next try to begin at the beginning.
async fn start_over(part: &Path, reason: &str) -> Trouble {
    match remove(part).await {
        Ok(()) => Trouble::Passing(reason.to_owned()),
        Err(why) => Trouble::Final(why),
    }
}

async fn length(path: &Path) -> u64 {
    fs::metadata(path).await.map_or(0, |found| found.len())
}

async fn remove(path: &Path) -> Result<(), Why> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let patience = Patience {
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(5),
            ..Patience::default()
        };
        let waits: Vec<u64> = [1, 2, 3, 4, 99]
            .iter()
            .map(|failures| patience.wait(*failures).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn a_part_lies_beside_its_file() {
        assert_eq!(part_of(Path::new("/a/m.onnx")), Path::new("/a/m.onnx.part"));
    }
}
