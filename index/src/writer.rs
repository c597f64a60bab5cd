//! Every change of the table's rows.
//!
//! LanceDB adds and deletes in two commits, so the order makes a crash between them harmless:
//! the new rows come first, under a larger revision; the old ones go after. A search in
//! between sees both and the caller drops what is older than its catalog says. Each call
//! holds the write lock from first to last and returns when all of it is on the disk.
//!
//! A call that failed half-way may have added its rows: `purge` that revision before trying
//! again, or take the next revision.

use std::collections::{BTreeMap, HashMap};

use arrow_array::RecordBatch;
use arrow_array::types::UInt64Type;
use futures::TryStreamExt as _;
use lancedb::query::{ExecutableQuery as _, QueryBase as _, Select};
use lancedb::table::Predicate;

use crate::columns::{self, Columns};
use crate::error::IndexError;
use crate::predicate::{self, IN_LIST_MAX};
use crate::relocation;
use crate::row::{Census, Embedding, Relocation, Row};
use crate::schema::{self as c, Column};
use crate::store::Store;

/// Files moved at a time: their rows are held in memory, some 5 MiB for files of common size.
const MOVES_MAX: usize = 256;

impl Store {
    /// Adds rows, all of `revision`, and then deletes what these files had in older ones.
    ///
    /// `files`: those that may have older rows. `rows` may be empty. Durable on return.
    pub async fn commit(
        &self,
        rows: Vec<Row>,
        files: &[u64],
        revision: u64,
    ) -> Result<(), IndexError> {
        self.check(&rows, revision)?;
        if rows.is_empty() && files.is_empty() {
            return Ok(());
        }
        let schema = self.shared.table.schema().await;
        let schema = schema.map_err(IndexError::table("be read"))?;
        // Folding is work for a processor: neither under the lock nor on the runtime.
        let batches = tokio::task::spawn_blocking(move || columns::batches(&rows, &schema))
            .await
            .map_err(|e| IndexError::Invalid(format!("folding the words stopped: {e}")))??;
        let mut writing = self.write_lock().await;
        self.add(batches).await?;
        for files in files.chunks(IN_LIST_MAX) {
            self.delete(&predicate::superseded(files, revision)).await?;
        }
        self.flush(&mut writing).await
    }

    /// Adds folded rows. The write lock is held, so the columns stay as they are now.
    async fn add(&self, batches: Vec<RecordBatch>) -> Result<(), IndexError> {
        if batches.is_empty() {
            return Ok(());
        }
        let schema = self.shared.table.schema().await;
        let schema = schema.map_err(IndexError::table("be read"))?;
        let batches = columns::aligned(batches, &schema)?;
        self.note_embedded(&batches);
        let added = self.shared.table.add(batches).execute().await;
        added.map_err(IndexError::table("take new rows")).map(drop)
    }

    /// Deletes all rows of these files. Durable on return.
    pub async fn remove(&self, files: &[u64]) -> Result<(), IndexError> {
        let mut writing = self.write_lock().await;
        for files in files.chunks(IN_LIST_MAX) {
            self.delete(&predicate::files(files)).await?;
        }
        self.flush(&mut writing).await
    }

    /// Deletes the rows of these revisions of these files. Durable on return.
    pub async fn purge(&self, victims: &[(u64, u64)]) -> Result<(), IndexError> {
        let mut by_revision: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (file, revision) in victims {
            by_revision.entry(*revision).or_default().push(*file);
        }
        let mut writing = self.write_lock().await;
        for (revision, files) in by_revision {
            for files in files.chunks(IN_LIST_MAX) {
                self.delete(&predicate::revision(files, revision)).await?;
            }
        }
        self.flush(&mut writing).await
    }

    /// Gives files another path: their rows keep all else. Durable on return.
    ///
    /// Done as copies under the new path and then a delete of the others, because LanceDB's
    /// update takes one expression for all rows and has no `CASE`. A replay after a crash
    /// between the two finds the copies and only deletes.
    pub async fn relocate(&self, moves: &[Relocation]) -> Result<(), IndexError> {
        let mut writing = self.write_lock().await;
        for moves in moves.chunks(MOVES_MAX) {
            let files: Vec<u64> = moves.iter().map(|m| m.file).collect();
            let rows = self.all_of(&files).await?;
            let copies = relocation::copies(&rows, moves)?;
            if !copies.is_empty() {
                let added = self.shared.table.add(copies).execute().await;
                added.map_err(IndexError::table("take new paths"))?;
            }
            if relocation::leaves_any(&rows, moves)? {
                self.delete(&predicate::elsewhere(moves)).await?;
            }
        }
        self.flush(&mut writing).await
    }

    /// All rows of these files, with all their columns.
    async fn all_of(&self, files: &[u64]) -> Result<Vec<RecordBatch>, IndexError> {
        let query = self.shared.table.query();
        let batches = query.only_if_expr(predicate::files(files)).execute().await;
        let batches = batches.map_err(IndexError::table("read the rows of moved files"))?;
        let batches: Result<Vec<RecordBatch>, _> = batches.try_collect().await;
        batches.map_err(IndexError::table("read the rows of moved files"))
    }

    /// The rows of one revision of a file, by ordinal, with their vectors in all spaces.
    pub async fn rows_of(&self, file: u64, revision: u64) -> Result<Vec<Row>, IndexError> {
        let mut found = self.rows_of_all(&[(file, revision)]).await?;
        Ok(found.remove(&file).unwrap_or_default())
    }

    /// The same of several files, each of one revision. Files without rows of it are absent.
    pub async fn rows_of_all(
        &self,
        files: &[(u64, u64)],
    ) -> Result<HashMap<u64, Vec<Row>>, IndexError> {
        let spaces = self.columns();
        let mut wanted: Vec<&str> = c::HIT.to_vec();
        wanted.extend(spaces.iter().map(|column| column.name.as_str()));
        let revisions: HashMap<u64, u64> = files.iter().copied().collect();
        let mut found: HashMap<u64, Vec<Row>> = HashMap::new();
        for files in files.chunks(IN_LIST_MAX) {
            let ids: Vec<u64> = files.iter().map(|(file, _)| *file).collect();
            let query = self.shared.table.query();
            let mut batches = query
                .only_if_expr(predicate::files(&ids))
                .select(Select::columns(&wanted))
                .execute()
                .await
                .map_err(IndexError::table("read the rows of files"))?;
            while let Some(batch) = batches
                .try_next()
                .await
                .map_err(IndexError::table("read the rows of files"))?
            {
                for row in Columns(&batch).rows(&spaces)? {
                    if revisions.get(&row.file) == Some(&row.revision) {
                        found.entry(row.file).or_default().push(row);
                    }
                }
            }
        }
        for rows in found.values_mut() {
            rows.sort_by_key(|row| row.ordinal);
        }
        Ok(found)
    }

    /// How many rows each revision of each file has, sorted by file and revision. Reads two
    /// numbers of every row: for recovery, not for `status`.
    pub async fn census(&self) -> Result<Vec<Census>, IndexError> {
        let mut batches = self
            .shared
            .table
            .query()
            .select(Select::columns(&[c::FILE, c::REVISION]))
            .execute()
            .await
            .map_err(IndexError::table("be counted"))?;
        let mut counts: BTreeMap<(u64, u64), u32> = BTreeMap::new();
        while let Some(batch) = batches
            .try_next()
            .await
            .map_err(IndexError::table("be counted"))?
        {
            let columns = Columns(&batch);
            let files = columns.numbers::<UInt64Type>(c::FILE)?.values();
            let revisions = columns.numbers::<UInt64Type>(c::REVISION)?.values();
            for (file, revision) in files.iter().zip(revisions) {
                *counts.entry((*file, *revision)).or_default() += 1;
            }
        }
        let counts = counts.into_iter();
        Ok(counts
            .map(|((file, revision), rows)| Census {
                file,
                revision,
                rows,
            })
            .collect())
    }

    async fn delete(&self, victims: &lancedb::expr::DfExpr) -> Result<(), IndexError> {
        let deleted = self.shared.table.delete(Predicate::Expr(victims)).await;
        let deleted = deleted.map_err(IndexError::table("let old rows go"))?;
        self.note_deleted(deleted.num_deleted_rows);
        Ok(())
    }

    /// The caller's mistakes, before anything is written.
    fn check(&self, rows: &[Row], revision: u64) -> Result<(), IndexError> {
        let wrong = |row: &Row, what: String| {
            Err(IndexError::Invalid(format!(
                "segment {} of {}: {what}",
                row.ordinal, row.path
            )))
        };
        let spaces = self.columns();
        for row in rows {
            if row.revision != revision {
                return wrong(row, format!("revision {}, not {revision}", row.revision));
            }
            for (at, Embedding { space, vector }) in row.vectors.iter().enumerate() {
                let known = spaces.iter().find(|column| column.space.name == *space);
                let Some(Column { space: known, .. }) = known else {
                    return wrong(row, format!("a vector of {space}, which the table lacks"));
                };
                if known.dim != vector.len() {
                    let what = format!("{} numbers of {space}, not {}", vector.len(), known.dim);
                    return wrong(row, what);
                }
                if vector.iter().any(|x| !x.is_finite()) {
                    return wrong(row, "a vector that holds no finite numbers".into());
                }
                if row.vectors[..at].iter().any(|other| other.space == *space) {
                    return wrong(row, format!("two vectors of {space}"));
                }
            }
        }
        Ok(())
    }
}
