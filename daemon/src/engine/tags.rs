//! Words for what pictures show, as rows of their own (`source = tags`), so that words find
//! pictures too and a language model can read what is in them.
//!
//! They are made whenever a picture gets its vector of a joint space, and replace those of the
//! model before. The vocabulary's vectors are made once for a space and kept in the cache folder:
//! a real model takes half a minute for them.

use std::fs;
use std::path::{Path, PathBuf};

use hippo_extractors::Source;
use hippo_extractors::infer::tags;
use hippo_index::Row;

use super::embedder::Embedder;
use super::lineup::{InUse, is_picture};
use super::shared::{Shared, blocking};

/// The vectors of the vocabulary's names, in its order.
pub(super) type Names = Vec<Vec<f32>>;

/// Whether a row holds words for what its picture shows.
pub(super) fn is_tags(row: &Row) -> bool {
    row.source == Source::Tags.as_str()
}

/// Gives a picture's rows the tags that this space's model sees. Rows that are no picture, or
/// have no vector in it, stay as they are.
pub(super) async fn renew(
    shared: &Shared,
    space: &InUse,
    rows: &mut Vec<Row>,
) -> Result<(), String> {
    let Ok(embedder) = &space.embedder else {
        return Ok(());
    };
    let Some(tower) = embedder.picture() else {
        return Ok(());
    };
    let seen = rows.iter().filter(|row| is_picture(row)).find_map(|row| {
        let mut vectors = row.vectors.iter();
        let vector = vectors.find(|vector| vector.space == space.space.name)?;
        Some((row.clone(), vector.vector.clone()))
    });
    let Some((picture, vector)) = seen else {
        return Ok(());
    };
    let names = of_vocabulary(shared, space, embedder).await?;
    let tags = tags::choose(&vector, names, tower.answers[1]);
    rows.retain(|row| !is_tags(row));
    if !tags.is_empty() {
        let ordinal = rows.iter().map(|row| row.ordinal + 1).max();
        let id = blake3::hash(format!("{} tags", picture.id).as_bytes());
        rows.push(Row {
            id: id.to_hex()[..picture.id.len()].to_owned(),
            ordinal: ordinal.unwrap_or_default(),
            lang: None,
            source: Source::Tags.as_str().to_owned(),
            text: tags::text(&tags),
            vectors: Vec::new(),
            ..picture
        });
    }
    Ok(())
}

/// The vectors of the vocabulary's names in a space.
pub(super) async fn of_vocabulary<'a>(
    shared: &Shared,
    space: &InUse,
    embedder: &'a Embedder,
) -> Result<&'a Names, String> {
    let made = || names(shared, space, embedder);
    embedder.tag_names().get_or_try_init(made).await
}

/// The names' vectors, from the cache or from the model.
async fn names(shared: &Shared, space: &InUse, embedder: &Embedder) -> Result<Names, String> {
    let names = tags::names(embedder.languages());
    let dim = space.space.dim;
    let path = cached(&shared.paths.cache_dir, &space.space.name, &names);
    let (from, many) = (path.clone(), names.len());
    let kept = blocking(move || Ok(read(&from, many, dim))).await;
    if let Ok(Some(kept)) = kept {
        return Ok(kept);
    }
    let vectors = embedder.texts(names).await?;
    let kept = vectors.clone();
    let written = blocking(move || Ok(write(&path, &kept))).await;
    if let Ok(Err(error)) = written {
        tracing::debug!(%error, "the vectors of tags could not be kept; they are made again");
    }
    Ok(vectors)
}

/// The file of a vocabulary in a space; another vocabulary has another one.
fn cached(dir: &Path, space: &str, names: &[String]) -> PathBuf {
    let hash = blake3::hash(names.join("\n").as_bytes()).to_hex();
    dir.join(format!("tags-{space}-{}.f32", &hash[..16]))
}

/// Little-endian numbers, vector after vector; nothing where the file is not of this size.
fn read(path: &Path, many: usize, dim: usize) -> Option<Names> {
    let bytes = fs::read(path).ok()?;
    let number = |bytes: &[u8]| Some(f32::from_le_bytes(bytes.try_into().ok()?));
    let numbers: Vec<f32> = bytes.chunks_exact(4).filter_map(number).collect();
    let whole = bytes.len() == many * dim * 4 && numbers.iter().all(|n| n.is_finite());
    whole.then(|| numbers.chunks_exact(dim).map(<[f32]>::to_vec).collect())
}

fn write(path: &Path, names: &Names) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let partial = path.with_extension("partial");
    let numbers = names.iter().flatten();
    let bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_kept_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let names = vec!["dog".to_owned(), "cat".to_owned()];
        let path = cached(&dir.path().join("cache"), "m-1", &names);
        assert_eq!(read(&path, 2, 2), None);
        let vectors = vec![vec![1.0, 0.0], vec![0.6, 0.8]];
        write(&path, &vectors).unwrap();
        assert_eq!(read(&path, 2, 2), Some(vectors));
        assert_eq!(read(&path, 2, 3), None, "of another model");
        fs::write(&path, [0; 15]).unwrap();
        assert_eq!(read(&path, 2, 2), None, "cut off");
        let other = cached(dir.path(), "m-1", &names[..1]);
        assert_ne!(path.file_name(), other.file_name());
    }
}
