//! What goes into the table and what comes out of it, in plain types.
//!
//! No Arrow and no LanceDB here: a caller builds a [`Row`] from text, metadata and a vector for
//! each [`Space`] that it has one of, and gets [`Lead`]s, [`Hit`]s, [`Census`] lines and
//! [`Relocation`]s back. `words` is not among the fields: the writer folds it from the title and the text, so
//! that the index and the query can never be folded differently.

/// What a space is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpaceRole {
    /// Text alone, better for passages.
    Passage,
    /// Text and pictures, comparable.
    Joint,
}

impl SpaceRole {
    /// Both of them.
    pub const ALL: [SpaceRole; 2] = [SpaceRole::Passage, SpaceRole::Joint];

    /// As the table's metadata and other programs write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            SpaceRole::Passage => "passage",
            SpaceRole::Joint => "joint",
        }
    }
}

/// An embedding space: vectors of different spaces are never compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// The model's identity, including whatever changes its vectors.
    pub name: String,
    /// What it is for. A role has several spaces while one generation replaces another.
    pub role: SpaceRole,
    /// Numbers in one vector.
    pub dim: usize,
}

/// A vector and the space that it lies in.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The space's name.
    pub space: String,
    /// As many numbers as the space has dimensions.
    pub vector: Vec<f32>,
}

/// What a file says of itself, by which it can be asked for; the same for each of its segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// When it was taken, recorded or published, milliseconds since the epoch; none where it
    /// does not say: then it is as old as its modification.
    pub dated_ms: Option<i64>,
    /// Of a picture: maker and model of the camera.
    pub camera: Option<String>,
    /// Of a picture or a film: where it was taken, from the town to the country.
    pub place: Option<String>,
    /// Of a recording: the podcast, series or album that it belongs to.
    pub show: Option<String>,
    /// Of a picture: a perceptual hash. Few bits differ between pictures that look alike.
    pub looks: Option<u64>,
}

/// Where a line of a moment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Bytes of the moment's text before it.
    pub at: u32,
    /// Milliseconds of the recording before it.
    pub t0_ms: u64,
}

/// One segment, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// See [`segment_id`].
    pub id: String,
    /// The catalog's id of the file.
    pub file: u64,
    /// Grows with each commit of the file.
    pub revision: u64,
    /// Absolute path of the file.
    pub path: String,
    /// The watched folder in which it was found.
    pub folder: String,
    /// text, pdf, image, audio, video.
    pub kind: String,
    /// The file's title, where it has one.
    pub title: Option<String>,
    /// ISO 639 code of the segment's language, where it is known.
    pub lang: Option<String>,
    /// Media type of the file.
    pub mime: String,
    /// Modification time, milliseconds since the epoch.
    pub mtime_ms: i64,
    /// Place of the segment in its file, from 0.
    pub ordinal: u32,
    /// Page, from 1; none where there is none.
    pub page: Option<u32>,
    /// Start of the moment, milliseconds.
    pub t0_ms: Option<u64>,
    /// End of the moment, milliseconds.
    pub t1_ms: Option<u64>,
    /// body, ocr, tags, speech, transcript, caption.
    pub source: String,
    /// The text as shown.
    pub text: String,
    /// Its vectors, at most one of each space; none where a model has nothing to say of it.
    pub vectors: Vec<Embedding>,
    /// Extractor versions and model ids by which the row was made.
    pub generation: String,
    /// What its file says of itself.
    pub facts: Facts,
    /// Of a moment: who speaks, where a transcript names them.
    pub speaker: Option<String>,
    /// Of a moment: where its lines begin, in order; none where that is not known.
    pub lines: Vec<Line>,
}

/// One segment, as it is shown: a [`Row`] without its vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// See [`Row::id`].
    pub id: String,
    /// See [`Row::file`].
    pub file: u64,
    /// See [`Row::revision`]; older than the catalog's means that the hit is stale.
    pub revision: u64,
    /// See [`Row::path`].
    pub path: String,
    /// See [`Row::folder`].
    pub folder: String,
    /// See [`Row::kind`].
    pub kind: String,
    /// See [`Row::title`].
    pub title: Option<String>,
    /// See [`Row::lang`].
    pub lang: Option<String>,
    /// See [`Row::mime`].
    pub mime: String,
    /// See [`Row::mtime_ms`].
    pub mtime_ms: i64,
    /// See [`Row::ordinal`].
    pub ordinal: u32,
    /// See [`Row::page`].
    pub page: Option<u32>,
    /// See [`Row::t0_ms`].
    pub t0_ms: Option<u64>,
    /// See [`Row::t1_ms`].
    pub t1_ms: Option<u64>,
    /// See [`Row::source`].
    pub source: String,
    /// See [`Row::text`].
    pub text: String,
    /// See [`Row::generation`].
    pub generation: String,
    /// See [`Row::facts`].
    pub facts: Facts,
    /// See [`Row::speaker`].
    pub speaker: Option<String>,
    /// See [`Row::lines`].
    pub lines: Vec<Line>,
}

/// What a ranking goes by of a segment, and where the rest of it is.
///
/// A leg brings a hundred of these and a page shows ten, so a leg reads few columns:
/// [`crate::Store::read`] fetches the others for what is shown. What the catalog knows of a file,
/// such as its path, is not among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// See [`Row::file`].
    pub file: u64,
    /// See [`Row::revision`]; older than the catalog's means that the lead is stale.
    pub revision: u64,
    /// See [`Row::kind`].
    pub kind: String,
    /// See [`Row::title`].
    pub title: Option<String>,
    /// See [`Row::ordinal`].
    pub ordinal: u32,
    /// See [`Row::source`].
    pub source: String,
    /// See [`Row::text`].
    pub text: String,
    /// See [`Facts::looks`].
    pub looks: Option<u64>,
    /// Where its row lay in the table when it was found. Care moves rows.
    pub address: u64,
}

/// A lead and what its leg thought of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The segment.
    pub row: Lead,
    /// BM25 (words, above 0) or cosine similarity (vectors, -1 to 1). Scores of different legs
    /// are never comparable.
    pub score: f32,
}

/// A file that has another path now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocation {
    /// The catalog's id of the file.
    pub file: u64,
    /// Its path now.
    pub path: String,
    /// Its watched folder now.
    pub folder: String,
}

/// How many rows the table holds of one revision of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Census {
    /// The catalog's id of the file.
    pub file: u64,
    /// The revision.
    pub revision: u64,
    /// Rows of it.
    pub rows: u32,
}

/// Bytes of BLAKE3 kept in an id: 2^64 segments before two are likely to meet.
const ID_BYTES: usize = 16;

/// The id of a segment: the same content read by the same extractor gives the same ids.
pub fn segment_id(content: &[u8; 32], extractor_version: u32, ordinal: u32) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(content);
    hasher.update(&extractor_version.to_le_bytes());
    hasher.update(&ordinal.to_le_bytes());
    let hash = hasher.finalize();
    hash.as_bytes()[..ID_BYTES]
        .iter()
        .fold(String::with_capacity(ID_BYTES * 2), |mut hex, byte| {
            use std::fmt::Write as _;
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_all_three_and_on_nothing_else() {
        let id = segment_id(&[7; 32], 1, 0);
        assert_eq!(id.len(), 32);
        assert_eq!(id, segment_id(&[7; 32], 1, 0));
        assert_ne!(id, segment_id(&[8; 32], 1, 0));
        assert_ne!(id, segment_id(&[7; 32], 2, 0));
        assert_ne!(id, segment_id(&[7; 32], 1, 1));
    }
}
