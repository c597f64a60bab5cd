//! A file's rows: made of its segments, placed where the file is, and given their vectors.

use std::sync::Arc;

use hippo_extractors::{EXTRACTOR_VERSION, LineStart, Segment};
use hippo_index::{Line, Row, segment_id};

use crate::engine::looks::Looks;
use crate::engine::shared::Shared;
use crate::engine::{generations, tags};
use crate::journal::{About, Claim, Generation};
use crate::scan::DiskFact;

/// The row of a segment; commit gives it the revision.
pub(super) fn row_of(
    claim: &Claim,
    disk: &DiskFact,
    content: &[u8; 32],
    (about, mime): (&About, &str),
    segment: Segment,
) -> Row {
    let mut row = Row {
        id: segment_id(content, EXTRACTOR_VERSION, segment.ordinal),
        file: 0,
        revision: 0,
        path: String::new(),
        folder: String::new(),
        kind: about.kind.clone(),
        title: about.title.clone(),
        lang: segment.lang.or_else(|| about.lang.clone()),
        mime: mime.to_owned(),
        mtime_ms: 0,
        ordinal: segment.ordinal,
        page: segment.page,
        t0_ms: segment.t0_ms,
        t1_ms: segment.t1_ms,
        source: segment.source.as_str().to_owned(),
        text: segment.text,
        vectors: Vec::new(),
        generation: String::new(),
        facts: about.facts.clone(),
        speaker: segment.speaker,
        lines: segment.lines.into_iter().map(line).collect(),
    };
    locate(&mut row, claim, disk);
    row
}

fn line(start: LineStart) -> Line {
    let LineStart { at, t0_ms } = start;
    Line { at, t0_ms }
}

/// Says whose row it is and where that file is.
pub(super) fn locate(row: &mut Row, claim: &Claim, disk: &DiskFact) {
    row.file = claim.id;
    row.path = claim.path.to_string_lossy().into_owned();
    row.folder = claim.folder.to_string_lossy().into_owned();
    row.mtime_ms = disk.mtime_ns / 1_000_000;
}

/// Adds the vectors that lack, and returns by what the rows are made then. A model that does
/// not open leaves them whole for the words leg; they are completed when it is there.
pub(super) async fn embed(
    shared: &Arc<Shared>,
    claim: &Claim,
    rows: &mut Vec<Row>,
    looks: &Looks,
    mut made: Generation,
) -> Generation {
    let lineup = shared.models.lineup();
    generations::forget_strangers(&lineup, rows, &mut made);
    for space in generations::to_fill(&lineup, &shared.store) {
        let Ok(embedder) = &space.embedder else {
            continue;
        };
        if made.spaces.contains(&space.id) {
            continue;
        }
        // Without their pixels, pictures are completed in the background.
        let Some((seen, pictures)) = looks.of_rows(space, rows) else {
            continue;
        };
        let (at, texts): (Vec<_>, Vec<_>) = space
            .texts_of(rows)
            .map(|(at, text)| (at, text.to_owned()))
            .unzip();
        shared.note(claim.id, &claim.path, "embedding", 0, texts.len() as u64);
        let vectors = async {
            let looks = embedder.pictures(pictures).await?;
            Ok::<_, String>((looks, embedder.texts(texts).await?))
        };
        match vectors.await {
            Ok((looks, meanings)) => {
                space.give(rows, seen, looks);
                space.give(rows, at, meanings);
                if let Err(reason) = tags::renew(shared, space, rows).await {
                    tracing::debug!(path = %claim.path.display(), reason, "without tags");
                }
                made.spaces.insert(space.id);
            }
            Err(reason) => {
                let space = &space.space.name;
                tracing::debug!(path = %claim.path.display(), space, reason, "without vectors");
            }
        }
    }
    generations::sign(&lineup, rows, &made);
    made
}
