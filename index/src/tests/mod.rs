//! The table as its callers know it.

mod care;
mod opening;
mod reading;
mod searching;
mod spaces;
mod vocabulary;
mod writing;

use std::path::Path;

use crate::{
    Embedding, Facts, Filter, Options, Row, Scored, Space, SpaceRole, Store, WordsQuery, fold,
    segment_id,
};

/// Dimensions of the vectors in these tests.
pub(crate) const DIM: usize = 8;

/// The space that most of these tests need.
pub(crate) const SPACE: &str = "test-model-1";

pub(crate) fn space() -> Space {
    named(SPACE, SpaceRole::Passage, DIM)
}

pub(crate) fn named(name: &str, role: SpaceRole, dim: usize) -> Space {
    let name = name.to_owned();
    Space { name, role, dim }
}

/// A vector of [`SPACE`], and no other.
pub(crate) fn embedded(vector: Vec<f32>) -> Vec<Embedding> {
    let space = SPACE.to_owned();
    vec![Embedding { space, vector }]
}

pub(crate) fn options(spaces: impl IntoIterator<Item = Space>) -> Options {
    Options {
        uri: None,
        spaces: spaces.into_iter().collect(),
        vector_index_rows: 100_000,
        cache_mib: 16,
    }
}

pub(crate) async fn open(dir: &Path) -> Store {
    Store::open(dir, options(Some(space()))).await.unwrap().0
}

/// A segment of `/home/me/notes/<file>.txt`.
pub(crate) fn row(file: u64, revision: u64, ordinal: u32, text: &str) -> Row {
    Row {
        id: segment_id(&[file as u8; 32], revision as u32, ordinal),
        file,
        revision,
        path: format!("/home/me/notes/{file}.txt"),
        folder: "/home/me/notes".to_owned(),
        kind: "text".to_owned(),
        title: None,
        lang: Some("en".to_owned()),
        mime: "text/plain".to_owned(),
        mtime_ms: 1_000 * file as i64,
        ordinal,
        page: None,
        t0_ms: None,
        t1_ms: None,
        source: "body".to_owned(),
        text: text.to_owned(),
        vectors: Vec::new(),
        generation: "text@1".to_owned(),
        facts: Facts::default(),
        speaker: None,
        lines: Vec::new(),
    }
}

pub(crate) fn any(text: &str) -> WordsQuery {
    WordsQuery {
        any: text.to_owned(),
        ..WordsQuery::default()
    }
}

pub(crate) fn phrase(text: &str) -> WordsQuery {
    WordsQuery {
        phrases: vec![text.to_owned()],
        ..WordsQuery::default()
    }
}

/// Files of the hits, best first.
pub(crate) fn files(found: &[Scored]) -> Vec<u64> {
    found.iter().map(|s| s.row.file).collect()
}

pub(crate) async fn find(store: &Store, text: &str) -> Vec<u64> {
    files(
        &store
            .words(&any(text), &Filter::default(), 10)
            .await
            .unwrap(),
    )
}

/// Whether these bytes stand anywhere in the folder.
pub(crate) fn grep(folder: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(grep(&path, needle));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(needle.len()).any(|w| w == needle.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// A vector whose nearest neighbours are those with the nearest angle.
pub(crate) fn angle(degrees: f32) -> Vec<f32> {
    let mut vector = vec![0.0; DIM];
    vector[0] = degrees.to_radians().cos();
    vector[1] = degrees.to_radians().sin();
    vector
}

#[test]
fn the_text_of_a_question_is_folded_as_the_index_is() {
    assert_eq!(fold::words("腦機"), fold::words("脑机"));
}
