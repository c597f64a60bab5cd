//! What a file is and says of itself, as the catalog keeps it.
//!
//! Columns and fields stand in one order here, and nowhere else.

use hippo_index::Facts;
use rusqlite::{Row, ToSql};

use super::{Journal, Result};

/// The columns of an [`About`], as SQL lists them.
pub(super) const COLUMNS: &str = "kind, title, author, lang, pages, engine, notes, \
     position, dated, camera, place, show, looks";

/// What a file is and says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// text, pdf, ...
    pub kind: String,
    /// Its own title.
    pub title: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// ISO 639-1 of most of it.
    pub lang: Option<String>,
    /// Pages, where it has any.
    pub pages: Option<u32>,
    /// What read it.
    pub engine: Option<String>,
    /// Remarks for `hippo why`.
    pub notes: Vec<String>,
    /// Where it was taken: latitude and longitude.
    pub position: Option<String>,
    /// What the table holds of it, too.
    pub facts: Facts,
}

impl About {
    /// Of a file of which nothing more is known.
    pub fn of_kind(kind: &str) -> About {
        About {
            kind: kind.to_owned(),
            ..About::default()
        }
    }

    /// Reads [`COLUMNS`] from the column `at` on.
    pub(super) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<About> {
        let notes: Option<String> = row.get(at + 6)?;
        Ok(About {
            kind: row.get(at)?,
            title: row.get(at + 1)?,
            author: row.get(at + 2)?,
            lang: row.get(at + 3)?,
            pages: row.get(at + 4)?,
            engine: row.get(at + 5)?,
            notes: notes
                .map(|notes| notes.lines().map(str::to_owned).collect())
                .unwrap_or_default(),
            position: row.get(at + 7)?,
            facts: Facts {
                dated_ms: row.get(at + 8)?,
                camera: row.get(at + 9)?,
                place: row.get(at + 10)?,
                show: row.get(at + 11)?,
                looks: row
                    .get::<_, Option<i64>>(at + 12)?
                    .map(|looks| looks as u64),
            },
        })
    }

    /// The values of [`COLUMNS`].
    pub(super) fn values(&self) -> [Box<dyn ToSql + '_>; 13] {
        let notes = (!self.notes.is_empty()).then(|| self.notes.join("\n"));
        [
            Box::new(&self.kind),
            Box::new(&self.title),
            Box::new(&self.author),
            Box::new(&self.lang),
            Box::new(self.pages),
            Box::new(&self.engine),
            Box::new(notes),
            Box::new(&self.position),
            Box::new(self.facts.dated_ms),
            Box::new(&self.facts.camera),
            Box::new(&self.facts.place),
            Box::new(&self.facts.show),
            Box::new(self.facts.looks.map(|looks| looks as i64)),
        ]
    }
}

/// By what a search can be narrowed besides folders, kinds and languages: whatever values the
/// files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// Maker and model of a camera.
    Camera,
    /// A town, a region or a country where a photograph was taken.
    Place,
    /// A podcast, series or album.
    Show,
    /// Somebody whom a transcript names.
    Speaker,
}

impl Journal {
    /// All values that files have here, in order.
    pub fn values_of(&self, facet: Facet) -> Result<Vec<String>> {
        let sql = match facet {
            Facet::Camera => "SELECT DISTINCT camera FROM file WHERE camera IS NOT NULL ORDER BY 1",
            Facet::Place => "SELECT DISTINCT place FROM file WHERE place IS NOT NULL ORDER BY 1",
            Facet::Show => "SELECT DISTINCT show FROM file WHERE show IS NOT NULL ORDER BY 1",
            Facet::Speaker => {
                "SELECT DISTINCT name FROM speaker WHERE EXISTS
                     (SELECT 1 FROM file WHERE id = speaker.file AND state <> 7)
                 ORDER BY name"
            }
        };
        self.read("listing what can be asked for", |c| {
            c.prepare_cached(sql)?
                .query_map([], |row| row.get(0))?
                .collect()
        })
    }
}
