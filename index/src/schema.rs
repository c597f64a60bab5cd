//! The table `segments`: names and types of its columns.
//!
//! One row a segment. The columns are those of the design; `vector`, the joint space of text
//! and pictures, comes with the joint models: a table without it is not worth a column of
//! nulls, and adding one later costs no rewrite.
//!
//! `passage_vector` is there when a passage model was ever configured. The name of its space
//! stands in the column's metadata, so that vectors of two models can never meet: another
//! name, or another length, and the column is dropped and made anew.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::row::Space;

/// Name of the table; the folder is `segments.lance`.
pub(crate) const TABLE: &str = "segments";

pub(crate) const ID: &str = "id";
pub(crate) const FILE: &str = "file";
pub(crate) const REVISION: &str = "revision";
pub(crate) const PATH: &str = "path";
pub(crate) const FOLDER: &str = "folder";
pub(crate) const KIND: &str = "kind";
pub(crate) const TITLE: &str = "title";
pub(crate) const LANG: &str = "lang";
pub(crate) const MIME: &str = "mime";
pub(crate) const MTIME: &str = "mtime";
pub(crate) const ORDINAL: &str = "ordinal";
pub(crate) const PAGE: &str = "page";
pub(crate) const T0: &str = "t0_ms";
pub(crate) const T1: &str = "t1_ms";
pub(crate) const SOURCE: &str = "source";
pub(crate) const TEXT: &str = "text";
pub(crate) const WORDS: &str = "words";
pub(crate) const PASSAGE: &str = "passage_vector";
pub(crate) const GENERATION: &str = "generation";

/// What a [`crate::Hit`] is made of.
pub(crate) const HIT: [&str; 17] = [
    ID, FILE, REVISION, PATH, FOLDER, KIND, TITLE, LANG, MIME, MTIME, ORDINAL, PAGE, T0, T1,
    SOURCE, TEXT, GENERATION,
];

/// Metadata of the passage column: the name of its space.
const SPACE_KEY: &str = "hippo:space";
/// Metadata of the table: the layout that this module describes.
const FORMAT_KEY: &str = "hippo:format";
/// Grows when an older hippo could not read the table, or would fold its words otherwise.
const FORMAT: u32 = 1;

/// The schema of a fresh table.
pub(crate) fn schema(space: Option<&Space>) -> SchemaRef {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    let mut fields = vec![
        text(ID, false),
        Field::new(FILE, DataType::UInt64, false),
        Field::new(REVISION, DataType::UInt64, false),
        text(PATH, false),
        text(FOLDER, false),
        text(KIND, false),
        text(TITLE, true),
        text(LANG, true),
        text(MIME, false),
        Field::new(
            MTIME,
            DataType::Timestamp(TimeUnit::Millisecond, None),
            false,
        ),
        Field::new(ORDINAL, DataType::UInt32, false),
        Field::new(PAGE, DataType::UInt32, true),
        Field::new(T0, DataType::UInt64, true),
        Field::new(T1, DataType::UInt64, true),
        text(SOURCE, false),
        Field::new(TEXT, DataType::LargeUtf8, false),
        compressed(Field::new(WORDS, DataType::LargeUtf8, false)),
        text(GENERATION, false),
    ];
    if let Some(space) = space {
        fields.push(passage_field(space));
    }
    let metadata = HashMap::from([(FORMAT_KEY.to_owned(), FORMAT.to_string())]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// `words` repeats each Han character four times: zstd gives that back. Not for `text`, of
/// which every search reads single rows.
fn compressed(field: Field) -> Field {
    field.with_metadata(HashMap::from([(
        "lance-encoding:compression".to_owned(),
        "zstd".to_owned(),
    )]))
}

/// `FixedSizeList<f32, dim>`, null where a row has no vector (yet).
pub(crate) fn passage_field(space: &Space) -> Field {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    Field::new(
        PASSAGE,
        DataType::FixedSizeList(item, space.dim as i32),
        true,
    )
    .with_metadata(HashMap::from([(SPACE_KEY.to_owned(), space.name.clone())]))
}

/// The passage space of a table, where it has one.
pub(crate) fn space_of(schema: &Schema) -> Option<Space> {
    let field = schema.field_with_name(PASSAGE).ok()?;
    let DataType::FixedSizeList(_, dim) = field.data_type() else {
        return None;
    };
    Some(Space {
        name: field.metadata().get(SPACE_KEY).cloned().unwrap_or_default(),
        dim: *dim as usize,
    })
}

/// What keeps this version from using the table, in words.
pub(crate) fn unusable(schema: &Schema) -> Option<String> {
    let format: u32 = schema
        .metadata()
        .get(FORMAT_KEY)
        .and_then(|f| f.parse().ok())
        .unwrap_or(FORMAT);
    if format > FORMAT {
        return Some(format!(
            "it has format {format}, written by a newer hippo; this one knows {FORMAT}"
        ));
    }
    for wanted in self::schema(None).fields() {
        match schema.field_with_name(wanted.name()) {
            Err(_) => return Some(format!("it has no column `{}`", wanted.name())),
            Ok(found) if found.data_type() != wanted.data_type() => {
                return Some(format!(
                    "its column `{}` is {}, not {}",
                    wanted.name(),
                    found.data_type(),
                    wanted.data_type()
                ));
            }
            Ok(_) => {}
        }
    }
    None
}
