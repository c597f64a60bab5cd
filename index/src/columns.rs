//! Rows into Arrow columns and back.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, TimestampMillisecondType, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, LargeStringArray, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt32Array, UInt64Array, new_null_array,
};
use arrow_schema::{DataType, Field, SchemaRef};

use crate::error::IndexError;
use crate::fold;
use crate::row::{Embedding, Facts, Hit, Lead, Line, Row, Scored};
use crate::schema::{self as c, Column};

/// Rows in one batch: of 2 KiB each with its vector, about 4 MiB.
const BATCH_ROWS: usize = 2_048;

/// Batches of these rows for a table of this schema; folds the words.
pub(crate) fn batches(rows: &[Row], schema: &SchemaRef) -> Result<Vec<RecordBatch>, IndexError> {
    rows.chunks(BATCH_ROWS)
        .map(|rows| batch(rows, schema))
        .collect()
}

fn batch(rows: &[Row], schema: &SchemaRef) -> Result<RecordBatch, IndexError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| column(rows, field))
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema.clone(), columns)
        .map_err(|e| IndexError::Invalid(format!("rows do not fit the table: {e}")))
}

/// Batches made for a table that got or lost a column of vectors since: vectors that have no
/// place any more go, rows without a vector get null.
pub(crate) fn aligned(
    batches: Vec<RecordBatch>,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>, IndexError> {
    let align = |batch: RecordBatch| {
        if batch.schema_ref() == schema {
            return Ok(batch);
        }
        let columns = schema.fields().iter().map(|field| {
            // The same name is not enough: the column may be another space's by now.
            let known = batch.schema_ref().fields().iter().position(|f| f == field);
            known.map_or_else(
                || new_null_array(field.data_type(), batch.num_rows()),
                |at| batch.column(at).clone(),
            )
        });
        RecordBatch::try_new(schema.clone(), columns.collect())
            .map_err(|e| IndexError::Invalid(format!("rows do not fit the table: {e}")))
    };
    batches.into_iter().map(align).collect()
}

fn column(rows: &[Row], field: &Field) -> Result<ArrayRef, IndexError> {
    let text = |of: fn(&Row) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let maybe = |of: fn(&Row) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let number = |of: fn(&Row) -> Option<u64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<UInt64Array>())
    };
    let small = |of: fn(&Row) -> Option<u32>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<UInt32Array>())
    };
    Ok(match field.name().as_str() {
        c::ID => text(|r| &r.id),
        c::FILE => number(|r| Some(r.file)),
        c::REVISION => number(|r| Some(r.revision)),
        c::PATH => text(|r| &r.path),
        c::FOLDER => text(|r| &r.folder),
        c::KIND => text(|r| &r.kind),
        c::TITLE => maybe(|r| r.title.as_deref()),
        c::LANG => maybe(|r| r.lang.as_deref()),
        c::MIME => text(|r| &r.mime),
        c::MTIME => Arc::new(TimestampMillisecondArray::from_iter_values(
            rows.iter().map(|r| r.mtime_ms),
        )),
        c::ORDINAL => small(|r| Some(r.ordinal)),
        c::PAGE => small(|r| r.page),
        c::T0 => number(|r| r.t0_ms),
        c::T1 => number(|r| r.t1_ms),
        c::SOURCE => text(|r| &r.source),
        c::TEXT => Arc::new(LargeStringArray::from_iter_values(
            rows.iter().map(|r| &r.text),
        )),
        c::WORDS => Arc::new(LargeStringArray::from_iter_values(
            rows.iter().map(words_of),
        )),
        c::GENERATION => text(|r| &r.generation),
        c::DATED => Arc::new(TimestampMillisecondArray::from_iter_values(
            rows.iter().map(|r| r.facts.dated_ms.unwrap_or(r.mtime_ms)),
        )),
        c::CAMERA => maybe(|r| r.facts.camera.as_deref()),
        c::PLACE => maybe(|r| r.facts.place.as_deref()),
        c::SHOW => maybe(|r| r.facts.show.as_deref()),
        c::LOOKS => number(|r| r.facts.looks),
        c::SPEAKER => maybe(|r| r.speaker.as_deref()),
        c::LINES => Arc::new(rows.iter().map(lines_of).collect::<StringArray>()),
        other => vectors(rows, field).ok_or_else(|| {
            let what = format!("the table has a column `{other}` that this version cannot fill");
            IndexError::Invalid(what)
        })?,
    })
}

/// The title is found with the file's first segment.
fn words_of(row: &Row) -> String {
    let words = fold::words(&row.text);
    match &row.title {
        Some(title) if row.ordinal == 0 => format!("{} {words}", fold::words(title)),
        _ => words,
    }
}

/// A row's lines as the table has them.
fn lines_of(row: &Row) -> Option<String> {
    let line = |Line { at, t0_ms }: &Line| format!("{at}:{t0_ms}");
    let lines: Vec<_> = row.lines.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

/// The same, read again.
fn lines_from(text: &str) -> Vec<Line> {
    let line = |pair: &str| {
        let (at, t0_ms) = pair.split_once(':')?;
        let (at, t0_ms) = (at.parse().ok()?, t0_ms.parse().ok()?);
        Some(Line { at, t0_ms })
    };
    text.split(' ').filter_map(line).collect()
}

/// The rows' vectors in the space of this column; none where it holds something else.
fn vectors(rows: &[Row], field: &Field) -> Option<ArrayRef> {
    let DataType::FixedSizeList(item, dim) = field.data_type() else {
        return None;
    };
    let space = c::space_of(field)?;
    let length = *dim as usize;
    let mut builder =
        FixedSizeListBuilder::new(Float32Builder::with_capacity(rows.len() * length), *dim)
            .with_field(item.clone());
    for row in rows {
        if let Some(known) = row.vectors.iter().find(|v| v.space == space.name) {
            builder.values().append_slice(&known.vector);
            builder.append(true);
        } else {
            builder.values().append_value_n(0.0, length);
            builder.append(false);
        }
    }
    Some(Arc::new(builder.finish()))
}

/// Typed columns of a batch, by name.
pub(crate) struct Columns<'a>(pub(crate) &'a RecordBatch);

impl<'a> Columns<'a> {
    fn get(&self, name: &str) -> Result<&'a ArrayRef, IndexError> {
        self.0
            .column_by_name(name)
            .ok_or_else(|| IndexError::Invalid(format!("the answer has no column `{name}`")))
    }

    pub(crate) fn numbers<T: ArrowPrimitiveType>(
        &self,
        name: &str,
    ) -> Result<&'a arrow_array::PrimitiveArray<T>, IndexError> {
        self.get(name)?
            .as_primitive_opt::<T>()
            .ok_or_else(|| IndexError::Invalid(format!("column `{name}` has another type")))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a StringArray, IndexError> {
        self.get(name)?
            .as_string_opt::<i32>()
            .ok_or_else(|| IndexError::Invalid(format!("column `{name}` is not text")))
    }

    fn large_text(&self, name: &str) -> Result<&'a LargeStringArray, IndexError> {
        self.get(name)?
            .as_string_opt::<i64>()
            .ok_or_else(|| IndexError::Invalid(format!("column `{name}` is not text")))
    }

    /// The vectors of a column, one for each row.
    pub(crate) fn vectors(&self, column: &str) -> Result<Vec<Option<Vec<f32>>>, IndexError> {
        let lists = self
            .get(column)?
            .as_fixed_size_list_opt()
            .ok_or_else(|| IndexError::Invalid(format!("column `{column}` holds no vectors")))?;
        let vector = |i| {
            lists
                .value(i)
                .as_primitive::<Float32Type>()
                .values()
                .to_vec()
        };
        Ok((0..lists.len())
            .map(|i| lists.is_valid(i).then(|| vector(i)))
            .collect())
    }

    /// The rows of a batch, with their vectors in these columns.
    pub(crate) fn rows(&self, columns: &[Column]) -> Result<Vec<Row>, IndexError> {
        let mut rows: Vec<Row> = self.hits()?.into_iter().map(row).collect();
        for column in columns {
            for (row, vector) in rows.iter_mut().zip(self.vectors(&column.name)?) {
                let space = column.space.name.clone();
                row.vectors
                    .extend(vector.map(|vector| Embedding { space, vector }));
            }
        }
        Ok(rows)
    }

    /// The hits of a batch.
    pub(crate) fn hits(&self) -> Result<Vec<Hit>, IndexError> {
        let (id, path, folder) = (
            self.text(c::ID)?,
            self.text(c::PATH)?,
            self.text(c::FOLDER)?,
        );
        let (kind, mime, source) = (
            self.text(c::KIND)?,
            self.text(c::MIME)?,
            self.text(c::SOURCE)?,
        );
        let (title, lang) = (self.text(c::TITLE)?, self.text(c::LANG)?);
        let (text, generation) = (self.large_text(c::TEXT)?, self.text(c::GENERATION)?);
        let file = self.numbers::<UInt64Type>(c::FILE)?;
        let revision = self.numbers::<UInt64Type>(c::REVISION)?;
        let modified = self.numbers::<TimestampMillisecondType>(c::MTIME)?;
        let ordinal = self.numbers::<UInt32Type>(c::ORDINAL)?;
        let page = self.numbers::<UInt32Type>(c::PAGE)?;
        let t0 = self.numbers::<UInt64Type>(c::T0)?;
        let t1 = self.numbers::<UInt64Type>(c::T1)?;
        let dated = self.numbers::<TimestampMillisecondType>(c::DATED)?;
        let (camera, show) = (self.text(c::CAMERA)?, self.text(c::SHOW)?);
        let place = self.text(c::PLACE)?;
        let looks = self.numbers::<UInt64Type>(c::LOOKS)?;
        let (lines, speaker) = (self.text(c::LINES)?, self.text(c::SPEAKER)?);
        let facts = |i: usize| Facts {
            // What has no date of its own goes by its modification, and follows it.
            dated_ms: (dated.is_valid(i) && dated.value(i) != modified.value(i))
                .then(|| dated.value(i)),
            camera: maybe(camera, i),
            place: maybe(place, i),
            show: maybe(show, i),
            looks: looks.is_valid(i).then(|| looks.value(i)),
        };
        Ok((0..self.0.num_rows())
            .map(|i| Hit {
                id: id.value(i).to_owned(),
                file: file.value(i),
                revision: revision.value(i),
                path: path.value(i).to_owned(),
                folder: folder.value(i).to_owned(),
                kind: kind.value(i).to_owned(),
                title: maybe(title, i),
                lang: maybe(lang, i),
                mime: mime.value(i).to_owned(),
                mtime_ms: modified.value(i),
                ordinal: ordinal.value(i),
                page: page.is_valid(i).then(|| page.value(i)),
                t0_ms: t0.is_valid(i).then(|| t0.value(i)),
                t1_ms: t1.is_valid(i).then(|| t1.value(i)),
                source: source.value(i).to_owned(),
                text: text.value(i).to_owned(),
                generation: generation.value(i).to_owned(),
                facts: facts(i),
                speaker: maybe(speaker, i),
                lines: maybe(lines, i).map_or_else(Vec::new, |text| lines_from(&text)),
            })
            .collect())
    }

    /// The leads of a batch.
    pub(crate) fn leads(&self) -> Result<Vec<Lead>, IndexError> {
        let (kind, title) = (self.text(c::KIND)?, self.text(c::TITLE)?);
        let source = self.text(c::SOURCE)?;
        let text = self.large_text(c::TEXT)?;
        let file = self.numbers::<UInt64Type>(c::FILE)?;
        let revision = self.numbers::<UInt64Type>(c::REVISION)?;
        let ordinal = self.numbers::<UInt32Type>(c::ORDINAL)?;
        let looks = self.numbers::<UInt64Type>(c::LOOKS)?;
        let address = self.numbers::<UInt64Type>(c::ADDRESS)?;
        Ok((0..self.0.num_rows())
            .map(|i| Lead {
                file: file.value(i),
                revision: revision.value(i),
                kind: kind.value(i).to_owned(),
                title: maybe(title, i),
                ordinal: ordinal.value(i),
                source: source.value(i).to_owned(),
                text: text.value(i).to_owned(),
                looks: looks.is_valid(i).then(|| looks.value(i)),
                address: address.value(i),
            })
            .collect())
    }

    /// The leads of a batch with the score that `of` makes of this column.
    pub(crate) fn scored(
        &self,
        column: &str,
        of: impl Fn(f32) -> f32,
    ) -> Result<Vec<Scored>, IndexError> {
        let scores = self.numbers::<Float32Type>(column)?;
        let leads = self.leads()?.into_iter().zip(scores.values());
        Ok(leads
            .map(|(row, score)| Scored {
                row,
                score: of(*score),
            })
            .collect())
    }
}

/// The text of one row of a column that may have none.
fn maybe(column: &StringArray, i: usize) -> Option<String> {
    column.is_valid(i).then(|| column.value(i).to_owned())
}

/// A hit is a row again, but for its vectors.
fn row(hit: Hit) -> Row {
    Row {
        id: hit.id,
        file: hit.file,
        revision: hit.revision,
        path: hit.path,
        folder: hit.folder,
        kind: hit.kind,
        title: hit.title,
        lang: hit.lang,
        mime: hit.mime,
        mtime_ms: hit.mtime_ms,
        ordinal: hit.ordinal,
        page: hit.page,
        t0_ms: hit.t0_ms,
        t1_ms: hit.t1_ms,
        source: hit.source,
        text: hit.text,
        vectors: Vec::new(),
        generation: hit.generation,
        facts: hit.facts,
        speaker: hit.speaker,
        lines: hit.lines,
    }
}
