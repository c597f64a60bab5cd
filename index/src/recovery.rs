//! Opening what a power cut or a flipped bit left behind.
//!
//! The head version is taken only when its manifest can be read and every file that it names
//! is there in its full length and ends as a Lance file ends. Otherwise its manifest is set
//! aside (renamed to `*.unreadable`) and the version before it is tried. A damaged index is
//! only dropped: it can be built again. When no version is left, the whole table is renamed,
//! never deleted, and a fresh one is made.
//!
//! What cannot be *read* for another reason (no permission, too many open files) is an error
//! and changes nothing: only bytes that were read and make no sense are set aside.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance::session::Session;

use crate::durable::{TableFile, files_of, flush_folder};
use crate::error::IndexError;
use crate::schema;

/// The last bytes of every Lance file.
const MAGIC: &[u8; 4] = b"LANC";

/// What recovery found in the table's folder.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// A version can be opened.
    pub(crate) usable: bool,
    /// Head versions set aside.
    pub(crate) stepped_back: u32,
    /// Where the whole table lies now.
    pub(crate) set_aside: Option<PathBuf>,
    /// Indexes with damaged files.
    pub(crate) damaged_indexes: Vec<String>,
}

/// Finds the newest version that can be used, and makes it the head.
pub(crate) async fn recover(table: &Path, session: &Arc<Session>) -> Result<Recovered, IndexError> {
    let mut found = Recovered::default();
    while let Some(head) = head_manifest(table)? {
        match examine(table, &head, session).await? {
            Ok(damaged_indexes) => {
                found.usable = true;
                found.damaged_indexes = damaged_indexes;
                return Ok(found);
            }
            Err(why) => {
                tracing::error!(
                    manifest = %head.display(), %why,
                    "the newest version of the index cannot be read; going one back"
                );
                set_manifest_aside(&head)?;
                found.stepped_back += 1;
            }
        }
    }
    if holds_anything(table)? {
        found.set_aside = Some(set_table_aside(table)?);
    }
    Ok(found)
}

/// The newest manifest; names count down from the largest number, so it sorts first.
fn head_manifest(table: &Path) -> Result<Option<PathBuf>, IndexError> {
    let folder = table.join("_versions");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(IndexError::io("read the folder", folder)(e)),
    };
    let mut head: Option<PathBuf> = None;
    for entry in entries {
        let path = entry
            .map_err(IndexError::io("read the folder", &folder))?
            .path();
        let is_manifest = path.extension().is_some_and(|e| e == "manifest");
        if is_manifest && head.as_ref().is_none_or(|h| path < *h) {
            head = Some(path);
        }
    }
    Ok(head)
}

/// The damaged indexes of the head version, or why it cannot be used at all.
async fn examine(
    table: &Path,
    head: &Path,
    session: &Arc<Session>,
) -> Result<Result<Vec<String>, String>, IndexError> {
    // Bytes that cannot be fetched say nothing about the table.
    let bytes = fs::read(head).map_err(IndexError::io("read", head))?;
    if !bytes.ends_with(MAGIC) {
        return Ok(Err(format!(
            "{} bytes that end as no manifest ends",
            bytes.len()
        )));
    }
    let uri = table.to_string_lossy().into_owned();
    let session = session.clone();
    // In a task of its own: garbage inside a well-formed frame may panic in the decoder.
    let opened = tokio::spawn(async move {
        let dataset = DatasetBuilder::from_uri(&uri)
            .with_session(session)
            .load()
            .await?;
        let files = files_of(&dataset).await?;
        Ok::<(Dataset, _), lance::Error>((dataset, files))
    })
    .await;
    let (dataset, (data, indexes)) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(e)) => return Ok(Err(e.to_string())),
        Err(e) => return Ok(Err(format!("reading it panicked: {e}"))),
    };
    let schema = arrow_schema::Schema::from(dataset.schema());
    if let Some(reason) = schema::unusable(&schema) {
        return Err(IndexError::Schema {
            path: table.to_owned(),
            reason,
        });
    }
    let table = table.to_owned();
    let checked = tokio::task::spawn_blocking(move || {
        for file in &data {
            if let Some(why) = damage(&table, file)? {
                return Ok(Err(why));
            }
        }
        let mut damaged = Vec::new();
        for (name, file) in &indexes {
            if !damaged.contains(name)
                && let Some(why) = damage(&table, file)?
            {
                tracing::warn!(index = %name, %why, "an index is damaged and will be built again");
                damaged.push(name.clone());
            }
        }
        Ok(Ok(damaged))
    });
    checked
        .await
        .unwrap_or_else(|e| Ok(Err(format!("looking at its files stopped: {e}"))))
}

/// What is wrong with a file, without reading more than its end.
fn damage(table: &Path, file: &TableFile) -> Result<Option<String>, IndexError> {
    let path = table.join(&file.path);
    let mut handle = match fs::File::open(&path) {
        Ok(handle) => handle,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some(format!("{} is gone", file.path)));
        }
        Err(e) => return Err(IndexError::io("open", path)(e)),
    };
    let length = handle
        .metadata()
        .map_err(IndexError::io("look at", &path))?
        .len();
    if length == 0 || file.bytes.is_some_and(|bytes| bytes != length) {
        return Ok(Some(format!("{} has {length} bytes", file.path)));
    }
    let is_lance = path.extension().is_some_and(|e| e == "lance");
    if is_lance && length >= MAGIC.len() as u64 {
        let mut end = [0; MAGIC.len()];
        handle
            .seek(SeekFrom::End(-(MAGIC.len() as i64)))
            .and_then(|_| handle.read_exact(&mut end))
            .map_err(IndexError::io("read", &path))?;
        if &end != MAGIC {
            return Ok(Some(format!("{} does not end as it should", file.path)));
        }
    }
    Ok(None)
}

fn set_manifest_aside(manifest: &Path) -> Result<(), IndexError> {
    let mut name = manifest.as_os_str().to_owned();
    name.push(".unreadable");
    fs::rename(manifest, &name).map_err(IndexError::io("set aside", manifest))?;
    manifest.parent().map_or(Ok(()), flush_folder)
}

/// A table's folder with data in it but no version: worth keeping, not worth opening.
fn holds_anything(table: &Path) -> Result<bool, IndexError> {
    for part in ["data", "_versions"] {
        let folder = table.join(part);
        match fs::read_dir(&folder) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Ok(true);
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(IndexError::io("read the folder", folder)(e)),
        }
    }
    Ok(false)
}

fn set_table_aside(table: &Path) -> Result<PathBuf, IndexError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis());
    // Not `*.lance`: LanceDB would take it for a table.
    let aside = table.with_file_name(format!("{}.unreadable-{now}", schema::TABLE));
    fs::rename(table, &aside).map_err(IndexError::io("set aside", table))?;
    if let Some(parent) = table.parent() {
        flush_folder(parent)?;
    }
    Ok(aside)
}
