//! Which embedding spaces there are, what each is at, and how many files have been through it.
//!
//! What it promises: which space answers is a row of this database and changes in one
//! transaction; a space becomes the active one only if no file with rows lacks it at that very
//! moment; what is counted is kept by triggers (`made`), so that coverage is as cheap with a
//! million files as with ten.

use std::collections::HashSet;
use std::path::PathBuf;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, Transaction, params};

use super::files::key_of;
use super::generation::Generation;
use super::{Journal, Result};

/// What a space is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It answers.
    Active = 1,
    /// It is being filled, to become the active one.
    Building = 2,
    /// It answered before, and can again.
    Kept = 3,
}

impl ToSql for Stage {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as i64))
    }
}

impl FromSql for Stage {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            1 => Ok(Stage::Active),
            2 => Ok(Stage::Building),
            3 => Ok(Stage::Kept),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

/// A space as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceRecord {
    /// Its number, by which generations name it; 0 for one that the journal has not seen yet.
    pub id: u64,
    /// `passage` or `joint`.
    pub role: String,
    /// The model's name in the settings.
    pub model: String,
    /// The space's name in the table: the model and all that changes its vectors.
    pub name: String,
    /// What it is at.
    pub stage: Stage,
}

/// Files and rows of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// By what they were made.
    pub generation: Generation,
    /// Files that have rows.
    pub files: u64,
    /// Their rows.
    pub segments: u64,
}

/// A file whose rows lack a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// The file.
    pub id: u64,
    /// Its rows' revision.
    pub revision: u64,
    /// How many rows.
    pub segments: u32,
    /// What they have been through.
    pub generation: Generation,
}

/// The same rows of a file, under another revision, with more vectors (and the tags that came
/// with them).
#[derive(Debug, Clone)]
pub struct Completion {
    /// The file.
    pub id: u64,
    /// The revision that was read.
    pub from: u64,
    /// The revision that the table holds now.
    pub revision: u64,
    /// How many rows it holds now.
    pub segments: u32,
    /// What the rows have been through now.
    pub generation: Generation,
    /// The path that the new rows carry.
    pub placed: PathBuf,
}

impl Journal {
    /// All spaces, by role and stage.
    pub fn spaces(&self) -> Result<Vec<SpaceRecord>> {
        self.read("listing the spaces", |c| {
            c.prepare_cached("SELECT id, role, model, name, stage FROM space ORDER BY role, stage")?
                .query_map([], record)?
                .collect()
        })
    }

    /// Makes these the spaces of a role, in one transaction. Those that are new (number 0) get
    /// a number; those that are not among them are forgotten.
    pub fn arrange(&self, role: &str, spaces: &[SpaceRecord]) -> Result<()> {
        self.write("arranging the spaces", |t| {
            t.execute("DELETE FROM space WHERE role = ?1", [role])?;
            for space in spaces {
                insert(t, space)?;
            }
            Ok(())
        })
    }

    /// Gives a space another number: no file has been through it.
    pub fn renew_space(&self, id: u64) -> Result<()> {
        self.write("renewing a space", |t| {
            let found = t
                .prepare_cached("SELECT id, role, model, name, stage FROM space WHERE id = ?1")?
                .query_map([id as i64], record)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for space in found {
                t.execute("DELETE FROM space WHERE id = ?1", [id as i64])?;
                insert(t, &SpaceRecord { id: 0, ..space })?;
            }
            Ok(())
        })
    }

    /// Whether any file has ever been through this space.
    pub fn is_used(&self, id: u64) -> Result<bool> {
        self.read("looking for a space's files", |c| {
            c.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM file
                 WHERE instr('+' || generation || '+', '+' || ?1 || '+') > 0)",
            )?
            .query_row([id as i64], |row| row.get(0))
        })
    }

    /// Files and rows by what they were made by.
    pub fn made(&self) -> Result<Vec<Made>> {
        self.read("measuring coverage", |c| {
            c.prepare_cached("SELECT generation, files, segments FROM made WHERE files > 0")?
                .query_map([], made)?
                .collect()
        })
    }

    /// The building space of a role becomes the active one and the active one is kept, unless
    /// a file with rows still lacks it.
    pub fn switch(&self, role: &str, building: u64) -> Result<bool> {
        self.write("switching the active space", |t| {
            let whole = t
                .prepare_cached("SELECT generation, files, segments FROM made WHERE files > 0")?
                .query_map([], made)?
                .collect::<rusqlite::Result<Vec<_>>>()?
                .iter()
                .all(|made| made.generation.has_all(&[building]));
            let is_there: bool = t.query_row(
                "SELECT EXISTS (SELECT 1 FROM space WHERE id = ?1 AND role = ?2 AND stage = ?3)",
                params![building as i64, role, Stage::Building],
                |row| row.get(0),
            )?;
            if !whole || !is_there {
                return Ok(false);
            }
            let shift = "UPDATE space SET stage = ?3 WHERE role = ?1 AND stage = ?2";
            t.execute(
                "DELETE FROM space WHERE role = ?1 AND stage = ?2",
                params![role, Stage::Kept],
            )?;
            t.execute(shift, params![role, Stage::Active, Stage::Kept])?;
            t.execute(shift, params![role, Stage::Building, Stage::Active])?;
            Ok(true)
        })
    }

    /// Files at rest whose rows lack any of these spaces: `files` of them at most, and not many
    /// more rows than `segments`, but one file at least. Those of `except` are passed over.
    pub fn incomplete(
        &self,
        spaces: &[u64],
        except: &HashSet<u64>,
        files: usize,
        segments: u64,
    ) -> Result<Vec<Incomplete>> {
        let lacking = self.made()?.into_iter().map(|made| made.generation);
        let lacking = lacking.filter(|generation| !generation.has_all(spaces));
        self.read("listing what lacks vectors", |c| {
            let mut found: Vec<Incomplete> = Vec::new();
            let mut rows_found = 0;
            // 4, 5, 6: at rest. What waits to be read gets its vectors with its new rows.
            let mut statement = c.prepare_cached(
                "SELECT id, revision, segments FROM file
                 WHERE generation = ?1 AND revision > 0 AND state IN (4, 5, 6)
                 ORDER BY id LIMIT ?2",
            )?;
            for generation in lacking {
                let limit = (files + except.len()) as i64;
                let mut rows = statement.query(params![generation.to_string(), limit])?;
                while let Some(row) = rows.next()? {
                    let id = row.get::<_, i64>(0)? as u64;
                    if found.len() >= files || rows_found >= segments {
                        return Ok(found);
                    }
                    if except.contains(&id) {
                        continue;
                    }
                    let segments: u32 = row.get(2)?;
                    rows_found += u64::from(segments);
                    found.push(Incomplete {
                        id,
                        revision: row.get::<_, i64>(1)? as u64,
                        segments,
                        generation: generation.clone(),
                    });
                }
            }
            Ok(found)
        })
    }

    /// Of these files and revisions, those that are still what is committed.
    pub fn still_at(&self, files: &[(u64, u64)]) -> Result<HashSet<u64>> {
        self.read("checking revisions", |c| {
            let mut statement =
                c.prepare_cached("SELECT 1 FROM file WHERE id = ?1 AND revision = ?2")?;
            let mut there = HashSet::new();
            for (id, revision) in files {
                if statement.exists([*id as i64, *revision as i64])? {
                    there.insert(*id);
                }
            }
            Ok(there)
        })
    }

    /// The table holds these rows now, beside the ones that they replace: answers from either
    /// are true until the old ones have gone.
    pub fn complete(&self, completions: &[Completion]) -> Result<()> {
        self.write("acknowledging vectors", |t| {
            let mut statement = t.prepare_cached(
                "UPDATE file SET since = CASE since WHEN 0 THEN revision ELSE since END,
                     revision = ?3, generation = ?4, behind = (key <> ?5), segments = ?6
                 WHERE id = ?1 AND revision = ?2",
            )?;
            for done in completions {
                statement.execute(params![
                    done.id as i64,
                    done.from as i64,
                    done.revision as i64,
                    done.generation.to_string(),
                    key_of(&done.placed),
                    done.segments,
                ])?;
            }
            Ok(())
        })
    }
}

fn insert(t: &Transaction<'_>, space: &SpaceRecord) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO space (id, role, model, name, stage) VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        space.id as i64,
        space.role,
        space.model,
        space.name,
        space.stage
    ])
    .map(drop)
}

fn record(row: &Row<'_>) -> rusqlite::Result<SpaceRecord> {
    Ok(SpaceRecord {
        id: row.get::<_, i64>(0)? as u64,
        role: row.get(1)?,
        model: row.get(2)?,
        name: row.get(3)?,
        stage: row.get(4)?,
    })
}

fn made(row: &Row<'_>) -> rusqlite::Result<Made> {
    Ok(Made {
        generation: Generation::parse(&row.get::<_, String>(0)?),
        files: row.get::<_, i64>(1)? as u64,
        segments: row.get::<_, i64>(2)? as u64,
    })
}
