//! Rows for tests.

use hippo_index::{Hit, Lead};

use super::{Content, Fused, Segment};

/// A hit that no leg has scored.
pub(crate) fn fused(id: usize, text: &str) -> Fused {
    Fused {
        row: segment(id, text),
        score: 0.0,
        words: None,
        passage: None,
        joint: None,
        names: None,
        also_at: Vec::new(),
        alike: Vec::new(),
        covered: None,
        stands_out: 0.0,
        quality: 0.0,
    }
}

/// What a leg brings of a segment that lies there.
pub(crate) fn lead(row: &Hit, address: usize) -> Lead {
    let row = row.clone();
    Lead {
        file: row.file,
        revision: row.revision,
        kind: row.kind,
        title: row.title,
        ordinal: row.ordinal,
        source: row.source,
        text: row.text,
        looks: row.facts.looks,
        address: address as u64,
    }
}

/// The same, of a file with a content of its own.
pub(crate) fn segment(id: usize, text: &str) -> Segment {
    let row = row(id, text);
    Segment {
        lead: lead(&row, id),
        path: row.path,
        content: Content::Of(id as u64),
    }
}

/// A text file of one segment.
pub(crate) fn row(id: usize, text: &str) -> Hit {
    Hit {
        id: format!("{id:04}"),
        file: id as u64,
        revision: 1,
        path: format!("/d/{id:04}.txt"),
        folder: "/d".to_owned(),
        kind: "text".to_owned(),
        title: None,
        lang: None,
        mime: "text/plain".to_owned(),
        mtime_ms: 0,
        ordinal: 0,
        page: None,
        t0_ms: None,
        t1_ms: None,
        source: "body".to_owned(),
        text: text.to_owned(),
        generation: String::new(),
        facts: hippo_index::Facts::default(),
        speaker: None,
        lines: Vec::new(),
    }
}
