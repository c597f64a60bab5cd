//! What can go wrong with a file, and whether it is worth another try.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::StatusCode;

/// A file did not come.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}\n  from {url}")]
pub struct FetchError {
    /// Its name in the model's folder.
    pub file: String,
    /// Where it was asked for.
    pub url: String,
    /// What went wrong.
    pub why: Why,
}

/// Why a file did not come, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The server does not have it.
    #[error(
        "the server does not have it ({0}); if models.mirror, models.endpoint or HF_ENDPOINT is \
         set, check that, or else bring the file with `hippo models import`"
    )]
    NotFound(StatusCode),
    /// The server has it for others.
    #[error(
        "the server does not give it to everybody ({0}); fetch it with a browser and bring it \
         with `hippo models import`"
    )]
    Forbidden(StatusCode),
    /// The server says no in another way.
    #[error("the server refuses ({0})")]
    Refused(StatusCode),
    /// It is another file.
    #[error(
        "the server has another file: {has} bytes instead of {wanted}; a mirror out of date, or \
         a login page in between"
    )]
    WrongSize {
        /// Bytes that it has, at least.
        has: u64,
        /// Bytes that the manifest says.
        wanted: u64,
    },
    /// It is another file of the same size, or was damaged on its way.
    #[error(
        "what came is not what was published: its SHA-256 is {has}, not {wanted}; it was thrown \
         away. Try again; if it stays so, the mirror has another version, or somebody altered it"
    )]
    WrongHash {
        /// In hex.
        has: String,
        /// In hex.
        wanted: String,
    },
    /// Tried often enough.
    #[error("{reason}, {tries} times in a row; what came so far is kept: try again later")]
    Unreachable {
        /// The last failure.
        reason: String,
        /// How often.
        tries: u32,
    },
    /// The request itself is impossible.
    #[error("{0}")]
    Impossible(String),
    /// The disk.
    #[error("it cannot be written to {}: {error}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// What ended a try.
pub(super) enum Trouble {
    /// It may go better next time.
    Passing(String),
    /// It will not.
    Final(Why),
}

pub(super) fn disk(path: &Path, error: io::Error) -> Why {
    Why::Disk {
        path: path.to_owned(),
        error,
    }
}

/// An error of the client's with its causes; the address stands elsewhere.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() {
        "cannot connect".to_owned()
    } else if error.is_body() || error.is_decode() {
        "the connection was cut".to_owned()
    } else if error.is_redirect() {
        "the server sends one somewhere else that cannot be followed".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
