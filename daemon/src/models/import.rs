//! A model from a folder: one with a manifest, or files that a known manifest describes.
//!
//! Files are known by their hashes, whatever they are called: people rename downloads. The
//! originals stay as they are; links are followed, so that a cache of links becomes files.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use hippo_config::{MANIFEST_FILE, Manifest, ModelFile, Published, Registry};
use sha2::{Digest as _, Sha256};

use super::check::{FileState, check_file, hex, sha256};
use super::pull::room_for;
use super::{ModelsError, Report, Step, Store};

/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Files looked at in a folder, at most: a model has a dozen, and somebody's home would
/// take for ever.
const FILES_MAX: usize = 1_000;

/// A model that was recognised in a folder.
#[derive(Debug)]
pub struct Found {
    /// What it is.
    pub manifest: Manifest,
    /// The page that says so.
    pub text: String,
    /// Where each of its files lies, in the order of the manifest.
    pub files: Vec<PathBuf>,
}

/// Finds out which model lies in a folder. `name` says which one is meant, where the files
/// have no hashes to be known by.
pub fn recognise(
    dir: &Path,
    registry: &Registry,
    name: Option<&str>,
) -> Result<Found, ModelsError> {
    let page = dir.join(MANIFEST_FILE);
    if page.is_file() {
        let text = fs::read_to_string(&page).map_err(ModelsError::io("read", &page))?;
        let manifest = Manifest::parse(&text, &page).map_err(ModelsError::Manifest)?;
        let files = manifest.files.iter().map(|file| dir.join(&file.name));
        let files = files.collect();
        return Ok(Found {
            manifest,
            text,
            files,
        });
    }
    let no_model = |reason: String| ModelsError::NoModel {
        dir: dir.to_owned(),
        reason,
    };
    let mut heap = Heap::new(dir)?;
    if let Some(name) = name {
        let published = registry.published(name).ok_or_else(|| {
            no_model(format!(
                "there is no model {name}; `hippo models list` shows them"
            ))
        })?;
        return match heap.files_of(&published.manifest, true) {
            (files, missing) if missing.is_empty() => Ok(found(published, files)),
            (_, missing) => Err(no_model(format!("{name} lacks {}", missing.join(", ")))),
        };
    }
    // The one of which most is there; only those that have hashes can be told apart.
    let mut nearest: Option<(usize, &str, Vec<String>)> = None;
    for published in registry.all_published() {
        let (files, missing) = heap.files_of(&published.manifest, false);
        let pinned = published.manifest.files.iter().any(|f| f.sha256.is_some());
        if missing.is_empty() && pinned {
            return Ok(found(published, files));
        }
        let there = files.len();
        if pinned && there > nearest.as_ref().map_or(0, |(most, ..)| *most) {
            nearest = Some((there, &published.manifest.name, missing));
        }
    }
    let advice = "write a manifest.toml into it, or say which model it is with --name";
    Err(no_model(match nearest {
        Some((_, name, missing)) => {
            format!(
                "{name} is nearest, but lacks {}; {advice}",
                missing.join(", ")
            )
        }
        None => format!("no file in it is one that hippo knows; {advice}"),
    }))
}

fn found(published: &Published, files: Vec<PathBuf>) -> Found {
    Found {
        manifest: published.manifest.clone(),
        text: published.text.clone(),
        files,
    }
}

/// Copies a model that was recognised into the folder of models, and checks it on the way.
pub fn import(store: &Store, found: &Found, report: &Report<'_>) -> Result<(), ModelsError> {
    let manifest = &found.manifest;
    let name = manifest.name.as_str();
    let pairs = || manifest.files.iter().zip(&found.files);
    let sizes = pairs().map(|(_, from)| fs::metadata(from).map_or(0, |found| found.len()));
    room_for(store, name, sizes.sum())?;
    let staging = store.staging(name);
    let mut problems = Vec::new();
    for (file, from) in pairs() {
        let to = staging.join(&file.name);
        let state = match check_size(from, file) {
            FileState::Good => copy(from, &to, file, &|step| report(&file.name, step))?,
            other => other,
        };
        if state.is_good() {
            report(&file.name, Step::Done);
        } else {
            problems.push(format!("{} {}", file.name, state.describe()));
        }
    }
    if !problems.is_empty() {
        // Nothing of it is worth keeping: the originals are still there.
        let _ = fs::remove_dir_all(&staging);
        let dir = found.files.first().and_then(|file| file.parent());
        return Err(ModelsError::Damaged {
            dir: dir.unwrap_or(Path::new("")).to_owned(),
            problems,
        });
    }
    let files: Vec<&str> = manifest
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    store.put(name, &found.text, &files)
}

/// What can be said before a file is read.
fn check_size(path: &Path, file: &ModelFile) -> FileState {
    let unhashed = ModelFile {
        sha256: None,
        ..file.clone()
    };
    match check_file(path, &unhashed) {
        FileState::Unpinned => FileState::Good,
        other => other,
    }
}

/// Copies and hashes in one go.
fn copy(
    from: &Path,
    to: &Path,
    file: &ModelFile,
    report: &dyn Fn(Step),
) -> Result<FileState, ModelsError> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(ModelsError::io("make", folder))?;
    }
    let mut source = File::open(from).map_err(ModelsError::io("read", from))?;
    let mut target = File::create(to).map_err(ModelsError::io("write", to))?;
    report(Step::Starts {
        have: 0,
        total: source.metadata().ok().map(|found| found.len()),
    });
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let read = source
            .read(&mut buffer)
            .map_err(ModelsError::io("read", from))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        target
            .write_all(&buffer[..read])
            .map_err(ModelsError::io("write", to))?;
        report(Step::Brings(read as u64));
    }
    Ok(match &file.sha256 {
        None => FileState::Unpinned,
        Some(wanted) => {
            let has = hex(hasher);
            if has.eq_ignore_ascii_case(wanted) {
                FileState::Good
            } else {
                FileState::WrongHash {
                    has,
                    wanted: wanted.to_ascii_lowercase(),
                }
            }
        }
    })
}

/// The files of a folder, by name, size and hash.
struct Heap {
    dir: PathBuf,
    files: Vec<(PathBuf, u64)>,
    /// Hashed when first asked for: a folder may hold gigabytes that nobody asks about.
    hashes: HashMap<PathBuf, String>,
}

impl Heap {
    fn new(dir: &Path) -> Result<Heap, ModelsError> {
        let mut heap = Heap {
            dir: dir.to_owned(),
            files: Vec::new(),
            hashes: HashMap::new(),
        };
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = || ModelsError::io("read", &folder);
            for entry in fs::read_dir(&folder).map_err(failed())? {
                let entry = entry.map_err(failed())?;
                let path = entry.path();
                // Links to folders are not followed: they may lead in circles.
                if entry.file_type().map_err(failed())?.is_dir() {
                    folders.push(path);
                } else if let Ok(found) = fs::metadata(&path)
                    && found.is_file()
                {
                    heap.files.push((path, found.len()));
                }
                if heap.files.len() > FILES_MAX {
                    return Err(ModelsError::NoModel {
                        dir: dir.to_owned(),
                        reason: format!(
                            "it holds more than {FILES_MAX} files; name the folder of one model"
                        ),
                    });
                }
            }
        }
        heap.files.sort();
        Ok(heap)
    }

    /// Those of a model's files that are here, and the names of those that are not.
    fn files_of(&mut self, manifest: &Manifest, by_name: bool) -> (Vec<PathBuf>, Vec<String>) {
        let mut there = Vec::new();
        let mut missing = Vec::new();
        for file in &manifest.files {
            let found = match &file.sha256 {
                Some(sha256) => self.by_hash(file.bytes, sha256),
                None => self.by_name(file),
            };
            // Who names the model hears what is wrong with a file, not that it is missing.
            match found.or_else(|| self.by_name(file).filter(|_| by_name)) {
                Some(path) => there.push(path),
                None => missing.push(file.name.clone()),
            }
        }
        (there, missing)
    }

    fn by_name(&self, file: &ModelFile) -> Option<PathBuf> {
        let last = Path::new(&file.name).file_name();
        let exact = self.dir.join(&file.name);
        let mut named = self
            .files
            .iter()
            .filter(|(path, _)| path.file_name() == last);
        if self.files.iter().any(|(path, _)| *path == exact) {
            return Some(exact);
        }
        named.next().map(|(path, _)| path.clone())
    }

    fn by_hash(&mut self, bytes: Option<u64>, wanted: &str) -> Option<PathBuf> {
        for (path, size) in &self.files {
            if bytes.is_some_and(|bytes| bytes != *size) {
                continue;
            }
            if !self.hashes.contains_key(path) {
                // One that cannot be read is not the one.
                let hash = sha256(path).unwrap_or_default();
                self.hashes.insert(path.clone(), hash);
            }
            let hash = self.hashes.get(path);
            if hash.is_some_and(|hash| hash.eq_ignore_ascii_case(wanted)) {
                return Some(path.clone());
            }
        }
        None
    }
}
