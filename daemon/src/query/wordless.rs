//! Words for pictures that were found by their looks, or by their file's name, alone.
//!
//! Such a hit is the picture's own segment, whose text is often nothing. What is written in the
//! picture, or else what a model says that it shows, stands in segments beside it: one of them is
//! shown instead. Promise: a hit that has words keeps them; without others it stays as it is.

use std::collections::HashMap;

use hippo_extractors::Source;
use hippo_index::{Hit, Span};

use super::memory::{Live, Memory};
use super::shown::Shown;

/// The kind of pictures.
const PICTURE: &str = "image";
/// Segments of a picture that are looked at: its caption, some writing, its tags.
const OF_A_PICTURE: u32 = 16;
/// Hits that are looked at: a page of a person's.
const HITS: usize = 50;

/// Gives the first of these hits the words that their pictures have elsewhere.
pub(super) async fn put_into_words<M: Memory>(
    memory: &M,
    hits: &mut [Shown],
    live: &HashMap<u64, Live>,
) {
    let wordless = |hit: &&mut Shown| hit.row.kind == PICTURE && hit.row.text.trim().is_empty();
    let mut wordless: Vec<&mut Shown> = hits.iter_mut().take(HITS).filter(wordless).collect();
    if wordless.is_empty() {
        return;
    }
    let span = |hit: &&mut Shown| Span {
        file: hit.row.file,
        first: 0,
        last: OF_A_PICTURE,
    };
    let found = memory.segments(wordless.iter().map(span).collect()).await;
    let rows = found.unwrap_or_else(|reason| {
        tracing::warn!(reason, "an answer shows pictures without their words");
        Vec::new()
    });
    for hit in &mut wordless {
        let current = |row: &&Hit| {
            let known = live.get(&row.file);
            row.file == hit.row.file
                && known.is_some_and(|l| (l.since..=l.revision).contains(&row.revision))
        };
        let best = rows.iter().filter(current).min_by_key(|row| claim(row));
        if let Some(row) = best.filter(|row| !row.text.trim().is_empty()) {
            let path = std::mem::take(&mut hit.row.path);
            hit.row = Hit {
                path,
                ..row.clone()
            };
        }
    }
}

/// What is written in a picture comes before what a model says that it shows; nothing comes last.
fn claim(row: &Hit) -> (bool, bool, u32) {
    let tags = row.source == Source::Tags.as_str();
    (row.text.trim().is_empty(), tags, row.ordinal)
}
