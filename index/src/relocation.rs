//! Which rows a move copies, and what the copies look like.
//!
//! A file's rows of one revision lie under one path, unless a crash came between the copies
//! and the delete of an earlier move: then each path has all of them. So for each file and
//! revision, rows that lie where the file is now are enough, and otherwise those of any one
//! other path are copied.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use lancedb::datafusion::arrow::compute::filter_record_batch;

use crate::columns::Columns;
use crate::error::IndexError;
use crate::row::Relocation;
use crate::schema as c;

/// File, revision and path of each row of a batch.
fn places(batch: &RecordBatch) -> Result<Vec<(u64, u64, &str)>, IndexError> {
    let columns = Columns(batch);
    let files = columns.numbers::<UInt64Type>(c::FILE)?.values();
    let revisions = columns.numbers::<UInt64Type>(c::REVISION)?.values();
    let paths = columns.text(c::PATH)?;
    let rows = files.iter().zip(revisions).zip(paths);
    Ok(rows
        .map(|((file, revision), path)| (*file, *revision, path.unwrap_or_default()))
        .collect())
}

/// Whether any row does not lie where its file is now.
pub(crate) fn leaves_any(rows: &[RecordBatch], moves: &[Relocation]) -> Result<bool, IndexError> {
    let targets: HashMap<u64, &str> = moves.iter().map(|m| (m.file, m.path.as_str())).collect();
    for batch in rows {
        let mut places = places(batch)?.into_iter();
        if places.any(|(file, _, path)| targets.get(&file).is_some_and(|t| *t != path)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rows to add: what lies elsewhere only, under the new path.
pub(crate) fn copies(
    rows: &[RecordBatch],
    moves: &[Relocation],
) -> Result<Vec<RecordBatch>, IndexError> {
    let targets: HashMap<u64, &Relocation> = moves.iter().map(|m| (m.file, m)).collect();
    // Where the rows of each file and revision are taken from.
    let mut sources: HashMap<(u64, u64), &str> = HashMap::new();
    for batch in rows {
        for (file, revision, path) in places(batch)? {
            let source = sources.entry((file, revision)).or_insert(path);
            if targets.get(&file).is_some_and(|t| t.path == path) {
                *source = path;
            }
        }
    }
    let mut copies = Vec::new();
    for batch in rows {
        let wanted: BooleanArray = places(batch)?
            .into_iter()
            .map(|(file, revision, path)| {
                let left = targets.get(&file).is_some_and(|t| t.path != path);
                Some(left && sources.get(&(file, revision)) == Some(&path))
            })
            .collect();
        let kept = filter_record_batch(batch, &wanted)
            .map_err(|e| IndexError::Invalid(format!("rows of moved files: {e}")))?;
        if kept.num_rows() > 0 {
            copies.push(under_new_path(&kept, &targets)?);
        }
    }
    Ok(copies)
}

fn under_new_path(
    batch: &RecordBatch,
    targets: &HashMap<u64, &Relocation>,
) -> Result<RecordBatch, IndexError> {
    let files = Columns(batch).numbers::<UInt64Type>(c::FILE)?;
    let renamed = |of: fn(&Relocation) -> &str| -> ArrayRef {
        let values = files.values().iter();
        Arc::new(
            values
                .map(|f| targets.get(f).map(|m| of(m)))
                .collect::<StringArray>(),
        )
    };
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, column)| match field.name().as_str() {
        c::PATH => renamed(|m| &m.path),
        c::FOLDER => renamed(|m| &m.folder),
        _ => column.clone(),
    });
    RecordBatch::try_new(batch.schema(), columns.collect())
        .map_err(|e| IndexError::Invalid(format!("rows of moved files: {e}")))
}
