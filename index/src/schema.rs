//! The table `segments`: names and types of its columns.
//!
//! One row a segment. The columns are those of the design; each embedding space has one of its
//! own, made when its model is first used (a column of nulls costs nothing to add) and dropped
//! with its generation. The first space of a role has the design's name, `passage_vector` or
//! `vector` (joint: text and pictures); one that is there beside it has `passage_vector_2` and
//! so on. A column is known by the space and the role in its metadata, never by its name, so
//! that vectors of two models can never meet.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::row::{Space, SpaceRole};

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
pub(crate) const GENERATION: &str = "generation";
/// When it was taken or published, or else modified: what `before` and `after` go by.
pub(crate) const DATED: &str = "dated";
pub(crate) const CAMERA: &str = "camera";
pub(crate) const PLACE: &str = "place";
pub(crate) const SHOW: &str = "show";
pub(crate) const LOOKS: &str = "looks";
/// Of a moment: `0:2700 35:6500`, a line each, bytes of the text before it and its time in ms.
pub(crate) const LINES: &str = "lines";

/// Of a moment: who speaks, where a transcript names them.
pub(crate) const SPEAKER: &str = "speaker";

/// The columns that older tables lack; [`crate::Store::open`] adds them.
pub(crate) const LATER: [&str; 7] = [DATED, CAMERA, SHOW, LOOKS, LINES, SPEAKER, PLACE];

/// What a [`crate::Hit`] is made of.
pub(crate) const HIT: [&str; 24] = [
    ID, FILE, REVISION, PATH, FOLDER, KIND, TITLE, LANG, MIME, MTIME, ORDINAL, PAGE, T0, T1,
    SOURCE, TEXT, GENERATION, DATED, CAMERA, SHOW, LOOKS, LINES, SPEAKER, PLACE,
];

/// What a [`crate::Lead`] is made of, but for its address.
pub(crate) const LEAD: [&str; 8] = [FILE, REVISION, KIND, TITLE, ORDINAL, SOURCE, TEXT, LOOKS];

/// LanceDB's own column of a row's address, where it is asked for.
pub(crate) const ADDRESS: &str = "_rowid";

/// Metadata of a column of vectors: the name of its space.
const SPACE_KEY: &str = "hippo:space";
/// Metadata of a column of vectors: the role of its space. Without it: `passage`, the only one
/// there was when nothing was written.
const ROLE_KEY: &str = "hippo:role";
/// Metadata of the table: the layout that this module describes.
const FORMAT_KEY: &str = "hippo:format";
/// Grows when an older hippo could not read the table, or would fold its words otherwise.
const FORMAT: u32 = 2;

/// The schema of a fresh table with these spaces.
pub(crate) fn schema(spaces: &[Space]) -> SchemaRef {
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
        Field::new(
            DATED,
            DataType::Timestamp(TimeUnit::Millisecond, None),
            true,
        ),
        text(CAMERA, true),
        text(SHOW, true),
        Field::new(LOOKS, DataType::UInt64, true),
        text(LINES, true),
        text(SPEAKER, true),
        text(PLACE, true),
    ];
    for space in spaces {
        let taken = |name: &str| fields.iter().any(|f| f.name() == name);
        fields.push(vector_field(&free_name(space.role, taken), space));
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

/// The column of a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) space: Space,
}

/// `FixedSizeList<f32, dim>`, null where a row has no vector (yet).
pub(crate) fn vector_field(column: &str, space: &Space) -> Field {
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let metadata = HashMap::from([
        (SPACE_KEY.to_owned(), space.name.clone()),
        (ROLE_KEY.to_owned(), space.role.as_str().to_owned()),
    ]);
    Field::new(
        column,
        DataType::FixedSizeList(item, space.dim as i32),
        true,
    )
    .with_metadata(metadata)
}

/// The space whose vectors a column holds, where it holds any.
pub(crate) fn space_of(field: &Field) -> Option<Space> {
    let DataType::FixedSizeList(_, dim) = field.data_type() else {
        return None;
    };
    let role = match field.metadata().get(ROLE_KEY) {
        Some(joint) if joint == SpaceRole::Joint.as_str() => SpaceRole::Joint,
        _ => SpaceRole::Passage,
    };
    Some(Space {
        name: field.metadata().get(SPACE_KEY)?.clone(),
        role,
        dim: *dim as usize,
    })
}

/// The columns of vectors of a table.
pub(crate) fn columns_of(schema: &Schema) -> Vec<Column> {
    let fields = schema.fields().iter();
    fields
        .filter_map(|field| {
            Some(Column {
                name: field.name().clone(),
                space: space_of(field)?,
            })
        })
        .collect()
}

/// The name of a new column for a space of this role.
pub(crate) fn free_name(role: SpaceRole, taken: impl Fn(&str) -> bool) -> String {
    let first = match role {
        SpaceRole::Passage => "passage_vector",
        SpaceRole::Joint => "vector",
    };
    let mut name = first.to_owned();
    let mut number = 1;
    while taken(&name) {
        number += 1;
        name = format!("{first}_{number}");
    }
    name
}

/// What keeps this version from using the table, in words.
pub(crate) fn unusable(schema: &Schema) -> Option<String> {
    let format: u32 = schema
        .metadata()
        .get(FORMAT_KEY)
        .and_then(|f| f.parse().ok())
        .unwrap_or(1);
    if format > FORMAT {
        return Some(format!(
            "it has format {format}, written by a newer hippo; this one knows {FORMAT}"
        ));
    }
    for wanted in self::schema(&[]).fields() {
        if LATER.contains(&wanted.name().as_str()) && schema.field_with_name(wanted.name()).is_err()
        {
            continue;
        }
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
