//! What each section of a settings file may hold, a function for each.

use std::path::{Component, Path, PathBuf};

use crate::profiles::{NO_MODEL, Profile};
use crate::raw::Section;
use crate::settings::{
    IgnoreSettings, IndexSettings, Limits, LogLevel, LogSettings, ModelSettings, OnBattery,
    PowerSettings, ProfileSetting, SearchSettings, ServiceSettings, WatchSettings, WorkerSettings,
};

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

/// Schemes under which a table can lie elsewhere.
const URI_SCHEMES: [&str; 5] = ["s3://", "gs://", "az://", "db://", "file://"];

/// Patterns of `.gitignore` style, each checked.
pub(super) fn patterns(section: &mut Section<'_, '_>, name: &'static str) -> Vec<String> {
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

pub(super) fn read_ignore(section: &mut Section<'_, '_>) -> IgnoreSettings {
    let default = IgnoreSettings::default();
    IgnoreSettings {
        hidden: section.flag("hidden", default.hidden),
        gitignore: section.flag("gitignore", default.gitignore),
        build_folders: section.flag("build_folders", default.build_folders),
        patterns: patterns(section, "patterns"),
    }
}

pub(super) fn read_limits(section: &mut Section<'_, '_>) -> Limits {
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

pub(super) fn read_watch(section: &mut Section<'_, '_>) -> WatchSettings {
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

pub(super) fn read_worker(section: &mut Section<'_, '_>) -> WorkerSettings {
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

pub(super) fn read_models(section: &mut Section<'_, '_>) -> ModelSettings {
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

pub(super) fn read_power(section: &mut Section<'_, '_>) -> PowerSettings {
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

pub(super) fn read_index(section: &mut Section<'_, '_>) -> IndexSettings {
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

pub(super) fn read_search(section: &mut Section<'_, '_>) -> SearchSettings {
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

pub(super) fn read_service(section: &mut Section<'_, '_>) -> ServiceSettings {
    let default = ServiceSettings::default();
    ServiceSettings {
        max_body_kib: number_usize(section, "max_body_kib", default.max_body_kib, 4..=65_536),
        max_concurrent: number_usize(section, "max_concurrent", default.max_concurrent, 2..=4_096),
    }
}

pub(super) fn read_log(section: &mut Section<'_, '_>) -> LogSettings {
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
