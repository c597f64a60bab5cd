//! What LanceDB leaves out: fsync.
//!
//! LanceDB's commit is safe against a killed process (a temporary file and a hard link), not
//! against a power cut: nothing is ever flushed, and after one the newest manifest can be
//! there with no bytes in it. So after each commit this module flushes what that version
//! brought: data files, deletion vectors, index files, the manifest, and the folders that
//! hold them, in that order, and only then may the journal acknowledge.
//!
//! Not `syncfs`: it waits for every dirty page of the file system, and the user may be
//! copying a film to the same disk. What is new is known from the manifest, so nothing is
//! listed or guessed.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lance::Dataset;
use lance::index::DatasetIndexExt as _;

use crate::error::IndexError;

/// Files older than this at open have long been written back by the kernel (30 s on Linux);
/// younger ones may be the unflushed rest of a killed process.
const WRITEBACK: Duration = Duration::from_mins(10);

/// A file of the table, by its path in the table's folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableFile {
    pub(crate) path: String,
    /// As the manifest has it; none where it does not say.
    pub(crate) bytes: Option<u64>,
}

/// Everything that this version needs but its manifest. Indexes apart, because a damaged
/// index can be dropped and a damaged data file cannot.
pub(crate) async fn files_of(
    dataset: &Dataset,
) -> Result<(Vec<TableFile>, Vec<(String, TableFile)>), lance::Error> {
    let mut data = Vec::new();
    for fragment in dataset.fragments().iter() {
        data.extend(fragment.files.iter().map(|file| TableFile {
            path: format!("data/{}", file.path),
            bytes: file.file_size_bytes.get().map(std::num::NonZero::get),
        }));
        if let Some(gone) = &fragment.deletion_file {
            let suffix = gone.file_type.suffix();
            data.push(TableFile {
                path: format!(
                    "_deletions/{}-{}-{}.{suffix}",
                    fragment.id, gone.read_version, gone.id
                ),
                bytes: None,
            });
        }
    }
    let mut indexes = Vec::new();
    for index in dataset.load_indices().await?.iter() {
        for file in index.files.iter().flatten() {
            indexes.push((
                index.name.clone(),
                TableFile {
                    path: format!("_indices/{}/{}", index.uuid, file.path),
                    bytes: Some(file.size_bytes),
                },
            ));
        }
    }
    Ok((data, indexes))
}

/// Flushes versions of one table.
#[derive(Debug)]
pub(crate) struct Flusher {
    table: PathBuf,
    /// Flushed already, and needed by the last version that was flushed.
    done: HashSet<String>,
}

impl Flusher {
    /// For the table in this folder; what is older than the kernel's write-back is taken as
    /// flushed.
    pub(crate) fn new(table: &Path) -> Flusher {
        Flusher {
            table: table.to_owned(),
            done: HashSet::new(),
        }
    }

    /// Returns when this version would survive a power cut.
    pub(crate) async fn flush(&mut self, dataset: &Dataset) -> Result<(), IndexError> {
        let (data, indexes) = files_of(dataset)
            .await
            .map_err(IndexError::lance("list its files"))?;
        let needed: HashSet<String> = data
            .into_iter()
            .chain(indexes.into_iter().map(|(_, file)| file))
            .map(|file| file.path)
            .collect();
        let mut fresh: Vec<String> = needed.difference(&self.done).cloned().collect();
        let manifest = dataset
            .manifest_location()
            .path
            .filename()
            .map(|name| format!("_versions/{name}"));
        fresh.extend(manifest);
        let table = self.table.clone();
        let first = self.done.is_empty();
        let flushed = tokio::task::spawn_blocking(move || flush_files(&table, &fresh, first)).await;
        flushed.map_err(|e| IndexError::Invalid(format!("flushing the index stopped: {e}")))??;
        self.done = needed;
        Ok(())
    }
}

/// Files first, then their folders, then the table's folder. `lazily`: leave out what the
/// kernel has written back by itself.
fn flush_files(table: &Path, files: &[String], lazily: bool) -> Result<(), IndexError> {
    let mut folders = BTreeSet::new();
    for file in files {
        let path = table.join(file);
        let handle = File::open(&path).map_err(IndexError::io("open to flush", &path))?;
        if lazily && is_older(&handle, WRITEBACK) {
            continue;
        }
        handle
            .sync_data()
            .map_err(IndexError::io("flush to disk", &path))?;
        let mut folder = path.parent();
        while let Some(f) = folder.filter(|f| f.starts_with(table)) {
            folders.insert(f.to_owned());
            folder = f.parent();
        }
    }
    // Deepest first: a folder's entry is in its parent.
    for folder in folders.iter().rev() {
        flush_folder(folder)?;
    }
    Ok(())
}

fn is_older(file: &File, age: Duration) -> bool {
    let modified = file.metadata().and_then(|m| m.modified());
    modified.is_ok_and(|m| SystemTime::now().duration_since(m).is_ok_and(|a| a > age))
}

/// Makes renames and new names in a folder survive a power cut.
pub(crate) fn flush_folder(folder: &Path) -> Result<(), IndexError> {
    let flushed: io::Result<()> = File::open(folder).and_then(|f| f.sync_all());
    flushed.map_err(IndexError::io("flush to disk", folder))
}
