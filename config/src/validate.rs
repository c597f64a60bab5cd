//! From a TOML text to [`Settings`]: which keys there are, what each may hold.
//!
//! One function a section (`sections`), each asking the [`Section`] for its keys in the order
//! in which the reference lists them. The ranges are wide on purpose: they refuse what
//! cannot be meant (a settle time of an hour), not what is merely unusual.

mod sections;

use std::path::{Component, Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

pub use crate::raw::KeyInfo;
use crate::raw::{Reader, Section, SettingsErrors, suggest};
use crate::settings::{FolderSettings, Settings};
use sections::{
    patterns, read_ignore, read_index, read_limits, read_log, read_models, read_power, read_search,
    read_service, read_watch, read_worker,
};

/// The sections of a settings file.
const SECTIONS: [&str; 11] = [
    "folders", "ignore", "limits", "watch", "worker", "models", "power", "index", "search",
    "service", "log",
];

/// Settings that exist for tests and stand in no reference.
const UNDOCUMENTED: [&str; 2] = ["worker.program", "power.supplies"];

/// Every setting that people may use, with its default and what it may hold.
pub fn known_keys() -> Vec<KeyInfo> {
    let mut reader = Reader::new("");
    read_folder(&mut reader, None, None);
    read_sections(&mut reader, None);
    let mut keys = reader.keys;
    keys.retain(|info| !UNDOCUMENTED.contains(&info.key.as_str()));
    keys
}

pub(crate) fn parse(
    text: &str,
    origin: &Path,
    home: Option<&Path>,
) -> Result<Settings, SettingsErrors> {
    let mut reader = Reader::new(text);
    let mut settings = Settings::default();
    match Document::parse(text) {
        Err(error) => {
            let message = format!("this is not TOML: {}", error.message().trim());
            reader.error(String::new(), error.span(), message);
        }
        Ok(document) => {
            let root = document.as_table();
            refuse_unknown_sections(&mut reader, root);
            settings = read_sections(&mut reader, Some(root));
            settings.folders = read_folders(&mut reader, root, home);
        }
    }
    if reader.errors.is_empty() {
        return Ok(settings);
    }
    let mut errors = reader.errors;
    errors.sort_by_key(|error| error.line);
    Err(SettingsErrors {
        origin: origin.to_owned(),
        errors,
    })
}

fn refuse_unknown_sections(reader: &mut Reader<'_>, root: &dyn TableLike) {
    for (name, item) in root.iter() {
        if SECTIONS.contains(&name) {
            continue;
        }
        let span = root.get_key_value(name).and_then(|(key, _)| key.span());
        let message = match (suggest(name, &SECTIONS), home_of(name)) {
            (Some(found), _) => format!("is not a section of settings; did you mean `{found}`?"),
            (None, Some(section)) => {
                format!("belongs into the section [{section}]: write it below that line")
            }
            (None, None) => format!(
                "is not a section of settings; there are {}",
                SECTIONS.join(", ")
            ),
        };
        reader.error(name.to_owned(), span.or_else(|| item.span()), message);
    }
}

/// The section that has a setting of this name.
fn home_of(name: &str) -> Option<String> {
    known_keys().into_iter().find_map(|info| {
        let (section, key) = info.key.split_once('.')?;
        (key == name).then(|| section.to_owned())
    })
}

/// The table of a section; something else under its name is a mistake.
fn table_of<'d>(
    reader: &mut Reader<'_>,
    root: Option<&'d dyn TableLike>,
    name: &str,
) -> Option<&'d dyn TableLike> {
    let (key, item) = root?.get_key_value(name)?;
    let table = item.as_table_like();
    if table.is_none() {
        let span = key.span().or_else(|| item.span());
        let message = format!("must be a section: write [{name}] on a line of its own");
        reader.error(name.to_owned(), span, message);
    }
    table
}

fn read_sections(reader: &mut Reader<'_>, root: Option<&dyn TableLike>) -> Settings {
    let mut settings = Settings::default();
    let mut read = |name: &'static str, fill: &dyn Fn(&mut Settings, &mut Section<'_, '_>)| {
        let table = table_of(reader, root, name);
        let mut section = reader.section(name, table);
        fill(&mut settings, &mut section);
        section.finish();
    };
    read("ignore", &|to, from| to.ignore = read_ignore(from));
    read("limits", &|to, from| to.limits = read_limits(from));
    read("watch", &|to, from| to.watch = read_watch(from));
    read("worker", &|to, from| to.worker = read_worker(from));
    read("models", &|to, from| to.models = read_models(from));
    read("power", &|to, from| to.power = read_power(from));
    read("index", &|to, from| to.index = read_index(from));
    read("search", &|to, from| to.search = read_search(from));
    read("service", &|to, from| to.service = read_service(from));
    read("log", &|to, from| to.log = read_log(from));
    settings
}

fn read_folders(
    reader: &mut Reader<'_>,
    root: &dyn TableLike,
    home: Option<&Path>,
) -> Vec<FolderSettings> {
    let Some((key, item)) = root.get_key_value("folders") else {
        return Vec::new();
    };
    let Some(tables) = folder_tables(item) else {
        let span = key.span().or_else(|| item.span());
        let message = "each folder is written as [[folders]] (two brackets) with a line \
                       path = \"~/Documents\" below it";
        reader.error("folders".to_owned(), span, message.to_owned());
        return Vec::new();
    };
    let mut folders: Vec<FolderSettings> = Vec::new();
    for table in tables {
        let Some(folder) = read_folder(reader, Some(table), home) else {
            continue;
        };
        if folders.iter().any(|known| known.path == folder.path) {
            let span = table.get_key_value("path").and_then(|(key, _)| key.span());
            let message = format!("{} is listed twice: remove one", folder.path.display());
            reader.error("folders.path".to_owned(), span, message);
        } else {
            folders.push(folder);
        }
    }
    folders
}

/// `[[folders]]`, or `folders = [{ path = "…" }]`.
fn folder_tables(item: &Item) -> Option<Vec<&dyn TableLike>> {
    if let Some(tables) = item.as_array_of_tables() {
        return Some(tables.iter().map(|t| t as &dyn TableLike).collect());
    }
    item.as_array()?
        .iter()
        .map(|value| value.as_inline_table().map(|t| t as &dyn TableLike))
        .collect()
}

fn read_folder(
    reader: &mut Reader<'_>,
    table: Option<&dyn TableLike>,
    home: Option<&Path>,
) -> Option<FolderSettings> {
    let mut section = reader.section("folders", table);
    let given = section.text("path", "an absolute path, or one that begins with ~/");
    let exclude = patterns(&mut section, "exclude");
    let path = match given.map(|text| folder_path(text, home)) {
        Some(Ok(path)) => Some(path),
        Some(Err(message)) => {
            section.mistake("path", message);
            None
        }
        None if table.is_some_and(|table| !table.contains_key("path")) => {
            section.mistake("path", "is missing: a folder needs a path".to_owned());
            None
        }
        None => None,
    };
    section.finish();
    path.map(|path| FolderSettings { path, exclude })
}

/// The path that a person means. Symbolic links are left as they are: what the
/// person wrote is what they will see in answers.
pub(crate) fn folder_path(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let path = match (text, text.strip_prefix("~/"), home) {
        ("~", _, Some(home)) => home.to_owned(),
        (_, Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
        ("~", ..) | (_, Some(_), None) => {
            return Err("uses ~, but HOME is not set: write the whole path".to_owned());
        }
        _ if text.starts_with('~') => {
            return Err(format!(
                "\"{text}\": only ~/ is known, write the whole path"
            ));
        }
        _ => PathBuf::from(text),
    };
    if !path.is_absolute() {
        return Err(format!(
            "\"{text}\" must be a whole path, such as /home/me/notes or ~/notes"
        ));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(format!(
            "\"{text}\" must not hold \"..\": write where it leads"
        ));
    }
    Ok(path.components().collect())
}

#[cfg(test)]
mod tests;
