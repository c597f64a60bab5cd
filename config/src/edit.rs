//! Changing the settings file for a person, who keeps their comments and layout.
//!
//! Only `hippo add` and `hippo remove` do, which change folders, and `hippo models use`
//! ([`set_models`]). The file is replaced whole (written beside, flushed, renamed), so that
//! a crash leaves the old one or the new one. A link, as dotfile managers make, stays a
//! link: its target is replaced. Whoever calls sees to it that one edit runs at a time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml_edit::{ArrayOfTables, Document, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::validate::folder_path;

/// What a settings file begins with when hippo writes the first.
const HEADER: &str = "\
# hippo's settings. Everything has a default; what may stand here is described in
# docs/settings.md. `hippo add` and `hippo remove` change the folders below and keep
# your comments; `hippo doctor` explains what hippo makes of this file.
";

/// Whether an edit changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// The file is new.
    Changed,
    /// It said so already.
    Unchanged,
}

/// Why a settings file was left as it is.
#[derive(Debug, Error)]
pub enum EditError {
    /// The file could not be read or replaced.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// "be read", "be written".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It is not TOML; mending it is for a person.
    #[error("{}: this is not TOML: {message}; mend it, then try again", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// `folders` is something else than folders.
    #[error(
        "{}: `folders` is not a list of folders; write each as [[folders]] with a path",
        path.display()
    )]
    NotFolders {
        /// The file.
        path: PathBuf,
    },
    /// `models` is something else than a section.
    #[error(
        "{}: `models` is not a section; write [models] on a line of its own",
        path.display()
    )]
    NotModels {
        /// The file.
        path: PathBuf,
    },
    /// TOML holds Unicode alone.
    #[error(
        "{}: the name is not valid UTF-8, so the settings cannot hold it; rename the folder, \
         or add the one above it",
        .0.display()
    )]
    NotUtf8(PathBuf),
    /// A folder is known by its whole path.
    #[error("{}: must be a whole path", .0.display())]
    NotAbsolute(PathBuf),
}

/// Lists a folder, unless it stands there already: below the other folders, or at the
/// end of the file.
pub fn add_folder(config_file: &Path, folder: &Path) -> Result<Edited, EditError> {
    let (folder, name) = checked(folder)?;
    let text = read(config_file)?.unwrap_or_else(|| HEADER.to_owned());
    let document = Document::parse(text.as_str()).map_err(|e| not_toml(config_file, &e))?;
    let item = document.as_table().get("folders").unwrap_or(&Item::None);
    if listed(item).any(|known| known == folder) {
        return Ok(Edited::Unchanged);
    }
    let at = match item {
        Item::None => text.len(),
        Item::ArrayOfTables(tables) => below_folders(tables, &text),
        Item::Value(Value::Array(_)) => return add_inline(config_file, document.into_mut(), name),
        _ => return Err(not_folders(config_file)),
    };
    let (before, after) = text.split_at(at);
    let newline = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let path = Value::from(name);
    let text = format!("{before}{newline}\n[[folders]]\npath = {path}\n{after}");
    replace(config_file, &text)
}

fn add_inline(
    config_file: &Path,
    mut document: DocumentMut,
    name: String,
) -> Result<Edited, EditError> {
    let array = document.get_mut("folders").and_then(Item::as_array_mut);
    let array = array.ok_or_else(|| not_folders(config_file))?;
    let mut table = InlineTable::new();
    table.insert("path", Value::from(name));
    array.push(table);
    replace(config_file, &document.to_string())
}

/// Where a new folder goes: after the last one and the comments that follow it without
/// a blank line (an `exclude` commented out, say), unless those stand above a section.
fn below_folders(tables: &ArrayOfTables, text: &str) -> usize {
    let ends = tables.iter().filter_map(|table| lines_of(table, text));
    let end = ends.map(|lines| lines.end).max().unwrap_or(text.len());
    let mut at = end;
    for line in text[end..].split_inclusive('\n') {
        match line.trim_start().chars().next() {
            Some('#') => at += line.len(),
            None => return at,
            Some(_) => return end,
        }
    }
    at
}

fn not_folders(path: &Path) -> EditError {
    EditError::NotFolders {
        path: path.to_owned(),
    }
}

/// Unlists a folder. Comments above it stay: they are the person's words.
pub fn remove_folder(config_file: &Path, folder: &Path) -> Result<Edited, EditError> {
    let (folder, _) = checked(folder)?;
    let Some(text) = read(config_file)? else {
        return Ok(Edited::Unchanged);
    };
    let document = Document::parse(text.as_str()).map_err(|e| not_toml(config_file, &e))?;
    let Some(item) = document.as_table().get("folders") else {
        return Ok(Edited::Unchanged);
    };
    if let Some(tables) = item.as_array_of_tables() {
        let gone: Vec<Range<usize>> = tables
            .iter()
            .filter(|table| path_in(*table).is_some_and(|path| path == folder))
            .filter_map(|table| lines_of(table, &text))
            .collect();
        if gone.is_empty() {
            return Ok(Edited::Unchanged);
        }
        return replace(config_file, &without(&text, &gone));
    }
    let mut document = document.into_mut();
    let Some(array) = document.get_mut("folders").and_then(Item::as_array_mut) else {
        return Err(not_folders(config_file));
    };
    let before = array.len();
    array.retain(|value| {
        let path = value.as_inline_table().and_then(|table| path_in(table));
        path.is_none_or(|path| path != folder)
    });
    if array.len() == before {
        return Ok(Edited::Unchanged);
    }
    replace(config_file, &document.to_string())
}

/// A folder's path without trailing slashes, and the same as text.
fn checked(folder: &Path) -> Result<(PathBuf, String), EditError> {
    let folder: PathBuf = folder.components().collect();
    let Some(name) = folder.to_str() else {
        return Err(EditError::NotUtf8(folder));
    };
    if !folder.is_absolute() {
        return Err(EditError::NotAbsolute(folder));
    }
    let name = name.to_owned();
    Ok((folder, name))
}

/// The folders that an item lists, `~` expanded.
fn listed(item: &Item) -> impl Iterator<Item = PathBuf> {
    let tables = item.as_array_of_tables().into_iter().flatten();
    let inline = item.as_array().into_iter().flatten();
    let paths: Vec<PathBuf> = tables
        .filter_map(|table| path_in(table))
        .chain(inline.filter_map(|value| path_in(value.as_inline_table()?)))
        .collect();
    paths.into_iter()
}

fn path_in(table: &dyn TableLike) -> Option<PathBuf> {
    let text = table.get("path")?.as_str()?;
    let home = std::env::var_os("HOME").map(PathBuf::from);
    folder_path(text, home.as_deref()).ok()
}

/// The bytes from a table's header to the end of its last line.
fn lines_of(table: &Table, text: &str) -> Option<Range<usize>> {
    let start = table.span()?.start;
    let values = table.iter().filter_map(|(_, item)| item.span());
    let end = values
        .map(|span| span.end)
        .chain([table.span()?.end])
        .max()?;
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    Some(line_start..line_end)
}

/// The text without these ranges, each together with one blank line before it.
fn without(text: &str, gone: &[Range<usize>]) -> String {
    let mut gone = gone.to_vec();
    gone.sort_by_key(|range| range.start);
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for range in gone {
        kept.push_str(&text[at..range.start]);
        if kept.ends_with("\n\n") {
            kept.pop();
        }
        at = range.end;
    }
    kept.push_str(&text[at..]);
    kept
}

fn not_toml(path: &Path, error: &toml_edit::TomlError) -> EditError {
    EditError::Toml {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    }
}

fn read(path: &Path) -> Result<Option<String>, EditError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EditError::Io {
            path: path.to_owned(),
            doing: "be read",
            source,
        }),
    }
}

fn replace(path: &Path, text: &str) -> Result<Edited, EditError> {
    write_whole(path, text)
        .map(|()| Edited::Changed)
        .map_err(|source| EditError::Io {
            path: path.to_owned(),
            doing: "be written",
            source,
        })
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let dir = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir)?;
    let temporary = dir.join(format!(".config.toml.{}.new", std::process::id()));
    let written = write_and_rename(&temporary, &target, text);
    if written.is_err() {
        // The error that counts is the first; a leftover is hidden and harmless.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The rename itself must outlast a power cut too.
    File::open(dir)?.sync_all()
}

fn write_and_rename(temporary: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    if let Ok(old) = fs::metadata(target) {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(temporary, target)
}

mod models;

pub use models::set_models;

#[cfg(test)]
mod tests;
