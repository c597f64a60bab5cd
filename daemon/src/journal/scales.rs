//! What similarities mean in joint spaces, as it was measured over pictures: see `engine::scale`.

use rusqlite::params;

use super::{Journal, Result};

/// From where on a picture answers in a joint space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureScale {
    /// The cosines at which a picture begins to answer, and surely does.
    pub answers: [f32; 2],
    /// How many pictures there were when it was measured.
    pub pictures: u64,
}

impl Journal {
    /// Pictures that have rows.
    pub fn pictures(&self) -> Result<u64> {
        self.read("counting pictures", |c| {
            let sql = "SELECT count(*) FROM file WHERE kind = 'image' AND revision > 0";
            c.prepare_cached(sql)?
                .query_row([], |row| row.get::<_, i64>(0).map(|n| n as u64))
        })
    }

    /// The scales that were measured, by the names of their spaces.
    pub fn picture_scales(&self) -> Result<Vec<(String, PictureScale)>> {
        self.read("reading what similarities mean", |c| {
            c.prepare_cached("SELECT space, begins, surely, pictures FROM scale")?
                .query_map([], |row| {
                    let scale = PictureScale {
                        answers: [row.get(1)?, row.get(2)?],
                        pictures: row.get::<_, i64>(3)? as u64,
                    };
                    Ok((row.get(0)?, scale))
                })?
                .collect()
        })
    }

    /// Keeps the scale of a space, and those of spaces that there are.
    pub fn keep_picture_scale(&self, space: &str, scale: PictureScale) -> Result<()> {
        let PictureScale {
            answers: [begins, surely],
            pictures,
        } = scale;
        self.write("keeping what similarities mean", |t| {
            t.execute(
                "INSERT OR REPLACE INTO scale VALUES (?1, ?2, ?3, ?4)",
                params![space, begins, surely, pictures as i64],
            )?;
            let stale = "DELETE FROM scale WHERE space NOT IN (SELECT name FROM space)";
            t.execute(stale, [])?;
            Ok(())
        })
    }
}
