//! Which spaces there are at one moment, and the models that make their vectors.

use hippo_extractors::{Kind, Source};
use hippo_index::{Embedding, Row, Space, SpaceRole};

use super::embedder::Embedder;
use super::tags::is_tags;

/// A space and the model that makes its vectors.
#[derive(Clone)]
pub(super) struct InUse {
    /// Its number in the journal.
    pub(super) id: u64,
    /// The model's name in the settings.
    pub(super) model: String,
    /// The space.
    pub(super) space: Space,
    /// The model, or why it is not there.
    pub(super) embedder: Result<Embedder, String>,
}

impl InUse {
    /// The rows whose text this space's model makes a vector of: not of one in a language that
    /// it does not know, not of tags, which come from a vector, and not of a picture's, which the
    /// joint space has by its looks (what is written in it would crowd the pictures out there).
    pub(super) fn texts_of<'a>(
        &'a self,
        rows: &'a [Row],
    ) -> impl Iterator<Item = (usize, &'a str)> {
        let by_looks = |row: &Row| self.space.role == SpaceRole::Joint && is_of_picture(row);
        let knows = |text: &str| self.embedder.as_ref().is_ok_and(|e| e.knows(text));
        let rows = rows.iter().enumerate();
        rows.filter(move |(_, row)| {
            !row.text.trim().is_empty() && !is_tags(row) && !by_looks(row) && knows(&row.text)
        })
        .map(|(at, row)| (at, row.text.as_str()))
    }

    /// Gives rows these vectors, in place of any that they have in this space.
    pub(super) fn give(&self, rows: &mut [Row], at: Vec<usize>, vectors: Vec<Vec<f32>>) {
        for (at, vector) in at.into_iter().zip(vectors) {
            let vectors = &mut rows[at].vectors;
            vectors.retain(|known| known.space != self.space.name);
            vectors.push(Embedding {
                space: self.space.name.clone(),
                vector,
            });
        }
    }
}

/// Whether a row is of a picture's file.
fn is_of_picture(row: &Row) -> bool {
    row.kind == Kind::Image.as_str()
}

/// Whether a row is a picture itself, and not what is written in one or said of one.
pub(super) fn is_picture(row: &Row) -> bool {
    is_of_picture(row) && row.source != Source::Ocr.as_str() && !is_tags(row)
}

/// The spaces of one role.
#[derive(Clone, Default)]
pub(super) struct Generations {
    /// The model that the settings name.
    pub(super) wanted: Option<String>,
    /// Why that one is not used.
    pub(super) problem: Option<String>,
    /// What answers.
    pub(super) active: Option<InUse>,
    /// What is being filled to take its place.
    pub(super) building: Option<InUse>,
    /// What answered before.
    pub(super) kept: Option<InUse>,
}

impl Generations {
    /// Those that every row should have a vector in.
    pub(super) fn wanted_spaces(&self) -> impl Iterator<Item = &InUse> {
        self.active.iter().chain(&self.building)
    }
}

/// All roles at one moment.
#[derive(Clone, Default)]
pub(super) struct Lineup {
    /// Text alone.
    pub(super) passage: Generations,
    /// Text and pictures.
    pub(super) joint: Generations,
}

impl Lineup {
    /// The spaces of a role.
    pub(super) fn of(&self, role: SpaceRole) -> &Generations {
        match role {
            SpaceRole::Passage => &self.passage,
            SpaceRole::Joint => &self.joint,
        }
    }

    pub(super) fn of_mut(&mut self, role: SpaceRole) -> &mut Generations {
        match role {
            SpaceRole::Passage => &mut self.passage,
            SpaceRole::Joint => &mut self.joint,
        }
    }

    /// The spaces that every row should have a vector in.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &InUse> {
        let roles = [&self.passage, &self.joint];
        roles.into_iter().flat_map(Generations::wanted_spaces)
    }

    /// All spaces that there should be a column for.
    pub(super) fn all(&self) -> impl Iterator<Item = &InUse> {
        let kept = [&self.passage, &self.joint];
        let kept = kept.into_iter().filter_map(|role| role.kept.as_ref());
        self.wanted().chain(kept)
    }
}
