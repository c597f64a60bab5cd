//! Small pictures to be shown beside answers, made when they are first asked for: of pictures, and
//! of the covers of recordings and films.
//!
//! A thumbnail belongs to bytes, not to a path: it is kept in the cache folder under the content's
//! hash, so copies and renames cost nothing. Promises: untrusted bytes are decoded by the worker
//! alone; there are never more than [`KEPT_MAX`], and what was not asked for longest goes first;
//! a cache that is deleted, or damaged, is made again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use hippo_config::{Filter, Fit, PictureSpec};
use hippo_extractors::{Kind, Wants, jpeg};

use super::EngineError;
use super::bytes::{hash, open_for_reading};
use super::looks::pixels;
use super::shared::{Shared, blocking, lock};
use crate::journal::FileRecord;

/// Pixels of the longest side.
const SIDE: u32 = 256;
/// Thumbnails that are kept: some 200 MiB.
const KEPT_MAX: usize = 20_000;
/// When there are more, so many go at once: looking for the oldest takes a while.
const FORGOTTEN: usize = KEPT_MAX / 10;

/// The thumbnail of a picture that hippo knows, or of a recording's cover, as a JPEG.
pub(super) async fn thumbnail(shared: &Arc<Shared>, path: &Path) -> Result<Vec<u8>, EngineError> {
    let shown = path.display();
    let (looking, wanted) = (Arc::clone(shared), path.to_owned());
    let record = blocking(move || Ok(looking.journal.record(&wanted)?)).await?;
    let is = |record: &FileRecord, kind: Kind| record.about.kind == kind.as_str();
    let known = record.and_then(|record| {
        let cover = is(&record, Kind::Audio) || is(&record, Kind::Video);
        let may = cover || is(&record, Kind::Image);
        Some((record.content.filter(|_| may)?, cover))
    });
    let Some((content, cover)) = known else {
        return Err(EngineError::Refused(format!(
            "{shown} is not among the pictures and recordings that hippo knows: `hippo why` says more"
        )));
    };
    let dir = shared.paths.cache_dir.join("thumbnails");
    let kept = dir.join(format!("{}.jpg", blake3::Hash::from(content).to_hex()));
    let from = kept.clone();
    if let Some(jpeg) = blocking(move || Ok(take(&from))).await? {
        return Ok(jpeg);
    }
    let cannot = |reason: String| {
        EngineError::Refused(format!("there is no thumbnail of {shown}: {reason}"))
    };
    let jpeg = make(shared, path, content, cover).await.map_err(cannot)?;
    let (keeping, copy) = (Arc::clone(shared), jpeg.clone());
    let written = blocking(move || {
        let mut count = lock(&keeping.thumbnails);
        Ok(keep(&kept, &copy, &mut count, KEPT_MAX))
    });
    if let Err(error) = written.await? {
        tracing::debug!(%error, "a thumbnail could not be kept; it is made again");
    }
    Ok(jpeg)
}

/// Has the worker decode the picture, if it still holds the bytes that are known.
async fn make(
    shared: &Arc<Shared>,
    path: &Path,
    content: [u8; 32],
    cover: bool,
) -> Result<Vec<u8>, String> {
    let opening = path.to_owned();
    let opened = blocking(move || Ok(open_for_reading(&opening)));
    let opened = opened.await.map_err(|error| error.to_string())?;
    let (file, _) = opened.map_err(|error| error.to_string())?;
    let (file, now) = hash(file).await.map_err(|error| error.to_string())?;
    if now != content {
        return Err("it has changed since it was read".to_owned());
    }
    let wants = Wants {
        pictures: vec![PictureSpec {
            size: SIDE,
            fit: Fit::Inside,
            filter: Filter::Bilinear,
        }],
        cover,
        ..Wants::default()
    };
    let mut pictures = pixels(shared, file, path, wants).await?;
    let picture = pictures.pop().ok_or("the reader gave no pixels")?;
    jpeg(&picture.picture).map_err(|error| error.to_string())
}

/// A kept thumbnail, which is young again now.
fn take(path: &Path) -> Option<Vec<u8>> {
    let jpeg = fs::read(path)
        .ok()
        .filter(|jpeg| jpeg.ends_with(b"\xFF\xD9"))?;
    let touched = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(%error, "a thumbnail's time could not be set");
    }
    Some(jpeg)
}

/// Keeps one; `count` is how many there are, where that is known.
fn keep(path: &Path, jpeg: &[u8], count: &mut Option<usize>, most: usize) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let partial = path.with_extension("partial");
    fs::write(&partial, jpeg)?;
    fs::rename(&partial, path)?;
    let there = match *count {
        Some(there) => there + 1,
        None => fs::read_dir(dir)?.count(),
    };
    *count = Some(there);
    if there > most {
        *count = Some(forget_oldest(dir, most - FORGOTTEN.min(most / 10))?);
    }
    Ok(())
}

/// Leaves the youngest; how many there are then.
fn forget_oldest(dir: &Path, leave: usize) -> io::Result<usize> {
    let mut all: Vec<(SystemTime, PathBuf)> = fs::read_dir(dir)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    all.sort_unstable();
    let old = all.len().saturating_sub(leave);
    for (_, path) in all.drain(..old) {
        fs::remove_file(path)?;
    }
    Ok(all.len())
}

/// Takes those of contents that no file has any more off the disk.
pub(super) async fn forget_unowned(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let shared = Arc::clone(shared);
    blocking(move || {
        let Ok(there) = fs::read_dir(shared.paths.cache_dir.join("thumbnails")) else {
            return Ok(());
        };
        for path in there.flatten().map(|entry| entry.path()) {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let content = stem.and_then(|hex| blake3::Hash::from_hex(hex).ok());
            let owned = match content {
                Some(content) => shared.journal.has_content(content.as_bytes())?,
                None => false,
            };
            if !owned && let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "a deleted picture's thumbnail stays");
            }
        }
        *lock(&shared.thumbnails) = None;
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let path = |n: u32| dir.path().join(format!("thumbnails/{n}.jpg"));
        let mut count = None;
        for n in 0..20 {
            keep(&path(n), b"\xFF\xD8\xFF\xD9", &mut count, 20).unwrap();
            let age = Duration::from_secs(1_000 - u64::from(n));
            let file = File::open(path(n)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        // Asked for just now, so it is young.
        assert!(take(&path(0)).is_some());
        keep(&path(20), b"\xFF\xD8\xFF\xD9", &mut count, 20).unwrap();
        let there: Vec<u32> = (0..21).filter(|n| path(*n).exists()).collect();
        assert_eq!(count, Some(there.len()));
        assert_eq!(there.len(), 18);
        assert!(there.contains(&0) && there.contains(&20) && !there.contains(&1));
        fs::write(path(20), b"\xFF\xD8 cut").unwrap();
        assert!(take(&path(20)).is_none(), "a damaged one is made again");
    }
}
