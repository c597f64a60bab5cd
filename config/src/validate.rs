//! From a TOML text to [`Settings`]: which keys there are, what each may hold.
//!
//! One function a section, each asking the [`Section`] for its keys in the order in
//! which the reference lists them. The ranges are wide on purpose: they refuse what
//! cannot be meant (a settle time of an hour), not what is merely unusual.

use std::path::{Component, Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use crate::profiles::{NO_MODEL, Profile};
pub use crate::raw::KeyInfo;
use crate::raw::{Reader, Section, SettingsErrors, suggest};
use crate::settings::{
    FolderSettings, IgnoreSettings, IndexSettings, Limits, LogLevel, LogSettings, ModelSettings,
    OnBattery, PowerSettings, ProfileSetting, SearchSettings, ServiceSettings, Settings,
    WatchSettings, WorkerSettings,
};

/// The sections of a settings file.
const SECTIONS: [&str; 11] = [
    "folders", "ignore", "limits", "watch", "worker", "models", "power", "index", "search",
    "service", "log",
];

/// Settings that exist for tests and stand in no reference.
const UNDOCUMENTED: [&str; 2] = ["worker.program", "power.supplies"];

/// Schemes under which a table can lie elsewhere.
const URI_SCHEMES: [&str; 5] = ["s3://", "gs://", "az://", "db://", "file://"];

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

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

/// Patterns of `.gitignore` style, each checked.
fn patterns(section: &mut Section<'_, '_>, name: &'static str) -> Vec<String> {
    let given = section.texts(name, "patterns as in .gitignore");
    for pattern in &given {
        let bare = pattern.trim_start_matches('!').trim_matches('/');
        if bare.is_empty() {
            section.mistake(name, format!("\"{pattern}\" matches nothing"));
        } else if let Err(error) = globset::Glob::new(bare) {
            section.mistake(name, format!("\"{pattern}\": {}", error.kind()));
        }
    }
    given
}

fn read_ignore(section: &mut Section<'_, '_>) -> IgnoreSettings {
    let default = IgnoreSettings::default();
    IgnoreSettings {
        hidden: section.flag("hidden", default.hidden),
        gitignore: section.flag("gitignore", default.gitignore),
        build_folders: section.flag("build_folders", default.build_folders),
        patterns: patterns(section, "patterns"),
    }
}

fn read_limits(section: &mut Section<'_, '_>) -> Limits {
    let default = Limits::default();
    let sizes = KIB..=16 * GIB;
    Limits {
        text_max_bytes: section.size("text_max_bytes", default.text_max_bytes, &sizes),
        pdf_max_bytes: section.size("pdf_max_bytes", default.pdf_max_bytes, &sizes),
        subtitle_max_bytes: section.size("subtitle_max_bytes", default.subtitle_max_bytes, &sizes),
        file_text_max_bytes: section.size(
            "file_text_max_bytes",
            default.file_text_max_bytes,
            &(KIB..=GIB),
        ),
        file_max_segments: number_u32(
            section,
            "file_max_segments",
            default.file_max_segments,
            10_000_000,
        ),
        pdf_max_pages: number_u32(section, "pdf_max_pages", default.pdf_max_pages, 1_000_000),
        picture_max_bytes: section.size("picture_max_bytes", default.picture_max_bytes, &sizes),
        picture_max_pixels: section.number(
            "picture_max_pixels",
            default.picture_max_pixels,
            &(1..=10_000_000_000),
        ),
    }
}

fn number_u32(section: &mut Section<'_, '_>, name: &'static str, default: u32, most: u32) -> u32 {
    section.number(name, u64::from(default), &(1..=u64::from(most))) as u32
}

fn number_usize(
    section: &mut Section<'_, '_>,
    name: &'static str,
    default: usize,
    range: std::ops::RangeInclusive<u64>,
) -> usize {
    section.number(name, default as u64, &range) as usize
}

fn read_watch(section: &mut Section<'_, '_>) -> WatchSettings {
    let default = WatchSettings::default();
    let settings = WatchSettings {
        settle_ms: section.number("settle_ms", default.settle_ms, &(1..=60_000)),
        max_wait_ms: section.number("max_wait_ms", default.max_wait_ms, &(1..=600_000)),
        rescan_minutes: section.number("rescan_minutes", default.rescan_minutes, &(1..=10_080)),
        poll_seconds: section.number("poll_seconds", default.poll_seconds, &(1..=86_400)),
        max_watches: section.number_or_none("max_watches", &(0..=100_000_000)),
        hint_capacity: number_usize(
            section,
            "hint_capacity",
            default.hint_capacity,
            16..=1 << 20,
        ),
    };
    if settings.max_wait_ms < settings.settle_ms {
        let message = format!(
            "must be at least watch.settle_ms, which is {}",
            settings.settle_ms
        );
        section.mistake("max_wait_ms", message);
    }
    settings
}

fn read_worker(section: &mut Section<'_, '_>) -> WorkerSettings {
    let default = WorkerSettings::default();
    WorkerSettings {
        count: number_usize(section, "count", default.count, 0..=64),
        memory_max_mib: section.number("memory_max_mib", default.memory_max_mib, &(128..=65_536)),
        stall_ms: section.number("stall_ms", default.stall_ms, &(100..=3_600_000)),
        files_per_worker: section.number(
            "files_per_worker",
            default.files_per_worker,
            &(1..=1_000_000),
        ),
        program: section.text("program", "a path").map(PathBuf::from),
    }
}

fn read_models(section: &mut Section<'_, '_>) -> ModelSettings {
    let default = ModelSettings::default();
    ModelSettings {
        profile: profile(section),
        joint: model_name(section, "joint"),
        passage: model_name(section, "passage"),
        speech: model_name(section, "speech"),
        voice: model_name(section, "voice"),
        ocr: model_name(section, "ocr"),
        threads: number_usize(section, "threads", default.threads, 0..=256),
        unload_after_minutes: section.number(
            "unload_after_minutes",
            default.unload_after_minutes,
            &(1..=10_080),
        ),
        endpoint: web_address(section, "endpoint"),
        mirror: web_address(section, "mirror"),
    }
}

fn profile(section: &mut Section<'_, '_>) -> ProfileSetting {
    let mut choices = vec!["auto", NO_MODEL];
    choices.extend(Profile::all().iter().map(|profile| profile.name));
    match section.choice("profile", "auto", &choices) {
        "auto" => ProfileSetting::Auto,
        NO_MODEL => ProfileSetting::None,
        name => ProfileSetting::Named(name),
    }
}

fn model_name(section: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
    let name = section.text(key, "the name of a model's folder, or none")?;
    if !is_folder_name(name) {
        let message = format!(
            "\"{name}\" must be a plain name, that of a folder among the models: \
             `hippo models list` shows them"
        );
        section.mistake(key, message);
    }
    Some(name.to_owned())
}

/// An address below which files lie, without its last slashes.
fn web_address(section: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
    let text = section.text(key, "https://…, or http://…")?;
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let bare = |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace());
    if !host.is_some_and(bare) {
        let message = format!("\"{text}\" must begin with https:// or http:// and name a host");
        section.mistake(key, message);
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// Whether a name is one path component and no more: it is joined to a folder.
fn is_folder_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(part)), None) if part.to_str() == Some(name)
    )
}

fn read_power(section: &mut Section<'_, '_>) -> PowerSettings {
    let default = PowerSettings::default();
    let names = OnBattery::ALL.map(OnBattery::as_str);
    let chosen = section.choice("battery", default.battery.as_str(), &names);
    let supplies = section.text("supplies", "a folder").map(PathBuf::from);
    PowerSettings {
        battery: OnBattery::ALL
            .into_iter()
            .find(|battery| battery.as_str() == chosen)
            .unwrap_or_default(),
        supplies: supplies.unwrap_or(default.supplies),
    }
}

fn read_index(section: &mut Section<'_, '_>) -> IndexSettings {
    let default = IndexSettings::default();
    let uri = section.text("uri", "s3://…, gs://…, az://…, db://…, or an absolute path");
    if let Some(text) = uri {
        let known = URI_SCHEMES.iter().any(|scheme| text.starts_with(scheme));
        if !known && !Path::new(text).is_absolute() {
            let message = format!(
                "\"{text}\" must be an absolute path or begin with {}",
                URI_SCHEMES.join(", ")
            );
            section.mistake("uri", message);
        }
    }
    IndexSettings {
        uri: uri.map(str::to_owned),
        vector_index_rows: number_usize(
            section,
            "vector_index_rows",
            default.vector_index_rows,
            1_000..=100_000_000,
        ),
        cache_mib: number_usize(section, "cache_mib", default.cache_mib, 8..=65_536),
    }
}

fn read_search(section: &mut Section<'_, '_>) -> SearchSettings {
    let default = SearchSettings::default();
    let settings = SearchSettings {
        limit: number_usize(section, "limit", default.limit, 1..=1_000),
        leg_limit: number_usize(section, "leg_limit", default.leg_limit, 10..=10_000),
        dense_weight_en: section.weight("dense_weight_en", default.dense_weight_en),
        dense_weight_zh: section.weight("dense_weight_zh", default.dense_weight_zh),
        dense_weight_mixed: section.weight("dense_weight_mixed", default.dense_weight_mixed),
        dense_weight_exact: section.weight("dense_weight_exact", default.dense_weight_exact),
        deadline_ms: section.number("deadline_ms", default.deadline_ms, &(10..=600_000)),
    };
    if settings.leg_limit < settings.limit {
        let message = format!("must be at least search.limit, which is {}", settings.limit);
        section.mistake("leg_limit", message);
    }
    settings
}

fn read_service(section: &mut Section<'_, '_>) -> ServiceSettings {
    let default = ServiceSettings::default();
    ServiceSettings {
        max_body_kib: number_usize(section, "max_body_kib", default.max_body_kib, 4..=65_536),
        max_concurrent: number_usize(section, "max_concurrent", default.max_concurrent, 2..=4_096),
    }
}

fn read_log(section: &mut Section<'_, '_>) -> LogSettings {
    let default = LogSettings::default();
    let names = LogLevel::ALL.map(LogLevel::as_str);
    let chosen = section.choice("level", default.level.as_str(), &names);
    LogSettings {
        level: LogLevel::ALL
            .into_iter()
            .find(|level| level.as_str() == chosen)
            .unwrap_or_default(),
        keep_files: number_usize(section, "keep_files", default.keep_files, 1..=365),
    }
}

#[cfg(test)]
mod tests;
