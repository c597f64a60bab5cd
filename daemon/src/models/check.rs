//! Whether files are what their manifest says.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use hippo_config::{Manifest, ModelFile};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Bytes read at once: large enough that the disk and not the calls set the pace.
const READ_BYTES: usize = 1 << 20;

/// How a file stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FileState {
    /// Its contents are the published ones.
    Good,
    /// It is there; its manifest says nothing by which its contents could be told.
    Unpinned,
    /// It is not there.
    Missing,
    /// It is longer or shorter than it should be.
    WrongSize {
        /// Bytes.
        has: u64,
        /// Bytes.
        wanted: u64,
    },
    /// It holds something else.
    WrongHash {
        /// SHA-256, in hex.
        has: String,
        /// SHA-256, in hex.
        wanted: String,
    },
    /// It cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl FileState {
    /// Whether nothing is known to be wrong.
    pub fn is_good(&self) -> bool {
        matches!(self, FileState::Good | FileState::Unpinned)
    }

    /// In words; the file's name goes before.
    pub fn describe(&self) -> String {
        match self {
            FileState::Good => "is good".to_owned(),
            FileState::Unpinned => "is there; its manifest has no hash to check it by".to_owned(),
            FileState::Missing => "is missing".to_owned(),
            FileState::WrongSize { has, wanted } => {
                format!("has {has} bytes and should have {wanted}")
            }
            FileState::WrongHash { has, wanted } => {
                format!("holds something else: its SHA-256 is {has}, not {wanted}")
            }
            FileState::Unreadable { reason } => format!("cannot be read: {reason}"),
        }
    }
}

/// A file and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name in the model's folder.
    pub file: String,
    /// How it stands.
    #[serde(flatten)]
    pub state: FileState,
}

/// Hashes every file of a model. `report` is called with each name before it is read.
pub fn check(dir: &Path, manifest: &Manifest, report: &dyn Fn(&str)) -> Vec<Checked> {
    let files = manifest.files.iter().map(|file| {
        report(&file.name);
        Checked {
            file: file.name.clone(),
            state: check_file(&dir.join(&file.name), file),
        }
    });
    files.collect()
}

/// How the file at `path` stands to what its manifest says.
pub fn check_file(path: &Path, file: &ModelFile) -> FileState {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FileState::Missing,
        _ => FileState::Unreadable {
            reason: error.to_string(),
        },
    };
    let has = match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => return FileState::Missing,
        Ok(found) => found.len(),
        Err(error) => return unreadable(error),
    };
    if let Some(wanted) = file.bytes.filter(|wanted| *wanted != has) {
        return FileState::WrongSize { has, wanted };
    }
    let Some(wanted) = &file.sha256 else {
        return FileState::Unpinned;
    };
    match sha256(path) {
        Ok(has) if has.eq_ignore_ascii_case(wanted) => FileState::Good,
        Ok(has) => FileState::WrongHash {
            has,
            wanted: wanted.to_ascii_lowercase(),
        },
        Err(error) => unreadable(error),
    }
}

/// The SHA-256 of a file, in hex.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(hasher)),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// A finished hash in hex.
pub(super) fn hex(hasher: Sha256) -> String {
    use std::fmt::Write as _;
    hasher
        .finalize()
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn every_way_of_being_wrong_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.onnx");
        let file = |bytes: Option<u64>, sha256: Option<&str>| ModelFile {
            name: "m.onnx".to_owned(),
            url: None,
            bytes,
            sha256: sha256.map(str::to_owned),
        };
        let state =
            |bytes: Option<u64>, sha256: Option<&str>| check_file(&path, &file(bytes, sha256));
        assert_eq!(state(None, None), FileState::Missing);
        std::fs::create_dir(&path).unwrap();
        assert_eq!(state(None, None), FileState::Missing, "a folder is no file");
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(state(Some(3), Some(&ABC.to_uppercase())), FileState::Good);
        assert_eq!(state(Some(3), None), FileState::Unpinned);
        let (has, wanted) = (3, 4);
        assert_eq!(
            state(Some(4), Some(ABC)),
            FileState::WrongSize { has, wanted }
        );
        let other = ABC.replace('b', "c");
        let wrong = FileState::WrongHash {
            has: ABC.to_owned(),
            wanted: other.clone(),
        };
        assert_eq!(state(None, Some(&other)), wrong);
        assert!(!wrong.is_good() && wrong.describe().contains(ABC));
    }
}
