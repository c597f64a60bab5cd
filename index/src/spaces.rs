//! The embedding spaces of a table: one column each, side by side.
//!
//! While one generation of vectors replaces another both are there: a commit fills the columns
//! that its rows have vectors for, a search names the space of its vector. Adding a space costs
//! a version of the table and no rewrite. Dropping one takes it out of reach at once; its
//! numbers leave the disk with the next compaction and prune.

use std::sync::{Arc, PoisonError};

use arrow_schema::Schema;
use lance::dataset::NewColumnTransform;
use lancedb::Table;

use crate::error::IndexError;
use crate::indexes;
use crate::row::Space;
use crate::schema::{self, Column};
use crate::store::Store;

/// Gives a table of an older hippo the columns that it lacks: nothing is rewritten, and what its
/// files say of themselves comes when they are read again.
pub(crate) async fn add_later_columns(table: &Table, found: &Schema) -> Result<(), IndexError> {
    let lacks = |name: &str| found.field_with_name(name).is_err();
    if lacks(schema::DATED) {
        let as_modified = vec![(schema::DATED.to_owned(), schema::MTIME.to_owned())];
        add(table, NewColumnTransform::SqlExpressions(as_modified)).await?;
    }
    let whole = schema::schema(&[]);
    let empty = whole.fields().iter().filter(|field| {
        let name = field.name().as_str();
        schema::LATER.contains(&name) && name != schema::DATED && lacks(name)
    });
    let empty: Vec<_> = empty.map(|field| field.as_ref().clone()).collect();
    if empty.is_empty() {
        return Ok(());
    }
    let empty = Arc::new(Schema::new(empty));
    add(table, NewColumnTransform::AllNulls(empty)).await
}

async fn add(table: &Table, columns: NewColumnTransform) -> Result<(), IndexError> {
    let added = table.add_columns().transform(columns).execute().await;
    added
        .map(drop)
        .map_err(IndexError::table("be brought to this hippo's format"))
}

impl Store {
    /// All spaces that have a column.
    pub fn spaces(&self) -> Vec<Space> {
        let columns = self.columns();
        columns.iter().map(|column| column.space.clone()).collect()
    }

    /// Gives a space a column, empty at first; `false` if it had one. Durable on return.
    ///
    /// A space of this name with another role or other dimensions is refused: a name stands
    /// for one model, fed in one way.
    pub async fn add_space(&self, space: &Space) -> Result<bool, IndexError> {
        let _alone = self.shared.maintaining.lock().await;
        let mut writing = self.write_lock().await;
        self.reread_columns().await?;
        let columns = self.columns();
        if let Some(known) = columns.iter().find(|c| c.space.name == space.name) {
            if known.space == *space {
                return Ok(false);
            }
            return Err(IndexError::Invalid(format!(
                "the index holds {} numbers a vector of {} ({}), not {} ({})",
                known.space.dim,
                space.name,
                known.space.role.as_str(),
                space.dim,
                space.role.as_str()
            )));
        }
        let current = self.shared.table.schema().await;
        let current = current.map_err(IndexError::table("be read"))?;
        let name = schema::free_name(space.role, |name| current.field_with_name(name).is_ok());
        let column = Schema::new(vec![schema::vector_field(&name, space)]);
        self.shared
            .table
            .add_columns()
            .transform(NewColumnTransform::AllNulls(Arc::new(column)))
            .execute()
            .await
            .map_err(IndexError::table("make room for the vectors of a model"))?;
        self.flush(&mut writing).await?;
        self.reread_columns().await?;
        Ok(true)
    }

    /// Drops a space with all its vectors; `false` if there was none. Durable on return.
    pub async fn drop_space(&self, name: &str) -> Result<bool, IndexError> {
        let _alone = self.shared.maintaining.lock().await;
        let mut writing = self.write_lock().await;
        // After a drop that failed half-way the table still has what is out of reach.
        self.reread_columns().await?;
        let Some(column) = self.column_of(name) else {
            return Ok(false);
        };
        // Out of reach first: a search must not meet a column without its index, or none.
        self.set_columns(|columns| columns.retain(|c| c.name != column.name));
        indexes::drop_indexes_of(&self.shared.table, &column.name).await?;
        self.shared
            .table
            .drop_columns(&[&column.name])
            .await
            .map_err(IndexError::table("drop the vectors of a model"))?;
        self.flush(&mut writing).await?;
        self.reread_columns().await?;
        Ok(true)
    }

    /// The columns of vectors as they are now.
    pub(crate) fn columns(&self) -> Arc<Vec<Column>> {
        let columns = self.shared.columns.read();
        Arc::clone(&columns.unwrap_or_else(PoisonError::into_inner))
    }

    /// The column of a space.
    pub(crate) fn column_of(&self, space: &str) -> Option<Column> {
        let columns = self.columns();
        columns.iter().find(|c| c.space.name == space).cloned()
    }

    fn set_columns(&self, change: impl FnOnce(&mut Vec<Column>)) {
        let columns = self.shared.columns.write();
        let mut columns = columns.unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut columns));
    }

    async fn reread_columns(&self) -> Result<(), IndexError> {
        let schema = self.shared.table.schema().await;
        let schema = schema.map_err(IndexError::table("be read"))?;
        self.set_columns(|columns| *columns = schema::columns_of(&schema));
        Ok(())
    }
}
