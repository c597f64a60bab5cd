//! What `hippo doctor` looks at on this machine.

use std::path::{Path, PathBuf};

use hippo_config::{Manifest, Paths, Registry, Role, Settings};
use serde::Serialize;

use super::models::ROLES_AT_WORK;
use super::style::{bytes, grouped};
use crate::engine::{Reads, ffmpeg};
use crate::watch::mounts::kind_of;
use crate::worker::{Pool, PoolConfig};

/// Below this a sync may stop for want of space.
const LOW_SPACE_BYTES: u64 = 2 << 30;
/// Fewer watches than this are used up by one source tree.
const FEW_WATCHES: u64 = 65_536;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, but could be better.
    Warning,
    /// It does not work.
    Error,
}

/// One thing looked at.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    /// What it is about.
    pub(super) about: &'static str,
    /// How it stands.
    pub(super) level: Level,
    /// What was found.
    pub(super) found: String,
    /// What to do.
    pub(super) fix: Option<String>,
}

pub(super) fn ok(about: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        about,
        level: Level::Ok,
        found: found.into(),
        fix: None,
    }
}

pub(super) fn warning(
    about: &'static str,
    found: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        about,
        level: Level::Warning,
        found: found.into(),
        fix: Some(fix.into()),
    }
}

pub(super) fn error(
    about: &'static str,
    found: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        about,
        level: Level::Error,
        found: found.into(),
        fix: Some(fix.into()),
    }
}

pub(super) fn places(paths: &Paths) -> Vec<Finding> {
    let all = [
        ("settings", &paths.config_file),
        ("data", &paths.data_dir),
        ("cache", &paths.cache_dir),
        ("log", &paths.log_dir),
        ("socket", &paths.socket()),
    ];
    let there = |path: &Path| {
        if path.exists() {
            ""
        } else {
            " (not there yet)"
        }
    };
    let shown = all.map(|(about, path)| ok(about, format!("{}{}", path.display(), there(path))));
    shown.into()
}

/// The settings, and everything that is wrong with them.
pub(super) fn settings(paths: &Paths) -> (Settings, Vec<Finding>) {
    let file = &paths.config_file;
    match Settings::load(file) {
        Ok(settings) => {
            let what = if file.exists() {
                "no mistakes"
            } else {
                "no file, so the defaults"
            };
            (settings, vec![ok("settings", what)])
        }
        Err(errors) => {
            let fix = format!("edit {}", file.display());
            let all = errors
                .errors
                .iter()
                .map(|e| error("settings", e.to_string(), fix.clone()));
            (Settings::default(), all.collect())
        }
    }
}

pub(super) fn folders(settings: &Settings) -> Vec<Finding> {
    if settings.folders.is_empty() {
        return vec![warning("folders", "none is watched", "`hippo add FOLDER`")];
    }
    settings
        .folders
        .iter()
        .map(|folder| one_folder(&folder.path))
        .collect()
}

fn one_folder(path: &Path) -> Finding {
    let shown = path.display();
    if let Err(e) = std::fs::read_dir(path) {
        let fix = "mount it or allow reading; `hippo remove` if it is gone for good (what is known of it is kept)";
        return warning("folders", format!("{shown} cannot be read: {e}"), fix);
    }
    match kind_of(path) {
        Ok(kind) => match kind.why_polled() {
            None => ok("folders", format!("{shown}: changes are seen at once")),
            Some(why) => ok(
                "folders",
                format!("{shown}: looked at every few seconds, {why}"),
            ),
        },
        Err(e) => warning(
            "folders",
            format!("{shown}: {e}"),
            "look at the folder's file system",
        ),
    }
}

pub(super) fn libraries(paths: &Paths, settings: &Settings) -> Vec<Finding> {
    let looked: Vec<String> = paths
        .library_dirs()
        .iter()
        .map(|d| d.display().to_string())
        .collect();
    let one = |stem: &str, without: &str, package: &str| match paths.find_library(stem) {
        Some(path) => ok("libraries", format!("{stem}: {}", path.display())),
        None => warning(
            "libraries",
            format!("{stem} is not there: {without}"),
            format!(
                "`pip install {package}` somewhere and copy lib{stem}* into one of {} (`make setup` does it)",
                looked.join(", ")
            ),
        ),
    };
    let mut found = vec![one(
        "pdfium",
        "PDFs are read by a slower, less faithful engine",
        "pypdfium2",
    )];
    let onnx = one("onnxruntime", "models cannot run", "onnxruntime");
    // Nobody misses a runtime for models that are not there.
    let needed = ROLES_AT_WORK
        .iter()
        .any(|role| choice(paths, settings, *role).is_some());
    if needed || onnx.level == Level::Ok {
        found.push(onnx);
    }
    found.push(ok(
        "libraries",
        match ffmpeg::find() {
            Some(path) => format!("ffmpeg: {}, for WMA, AVI and the like", path.display()),
            None => "no ffmpeg: recordings and films in WMA, AVI and the like are skipped".into(),
        },
    ));
    found
}

fn choice(paths: &Paths, settings: &Settings, role: Role) -> Option<String> {
    let choice = Registry::load(paths).choice(&settings.models, role);
    choice.map(|choice| choice.name)
}

pub(super) fn models(paths: &Paths, settings: &Settings) -> Vec<Finding> {
    let roles = ROLES_AT_WORK.into_iter();
    roles.map(|role| model(paths, settings, role)).collect()
}

fn model(paths: &Paths, settings: &Settings, role: Role) -> Finding {
    if role == Role::Ocr
        && let Reads::Tesseract(found) = Reads::of(&Registry::load(paths), &settings.models)
    {
        return match found {
            Ok(tesseract) => ok(
                "models",
                format!("{}: reads what is written in pixels", tesseract.id),
            ),
            Err(reason) => warning("models", reason, "or name a model in models.ocr"),
        };
    }
    let Some(name) = choice(paths, settings, role) else {
        let what = match role {
            Role::Joint => "no joint model: pictures are found by titles and captions",
            Role::Ocr => "no model for OCR: what is written in pictures and scans is not read",
            Role::Speech => "no speech model: recordings are found by their tags",
            Role::Voice => "no voice model: what is loud is taken for speech",
            _ => "no passage model: questions are answered by words",
        };
        return ok("models", what);
    };
    let Some(dir) = paths.find_model(&name) else {
        let fix = format!("`hippo models pull {name}` gets it");
        return warning("models", format!("{name} is not there"), fix);
    };
    let manifest = match Manifest::load(&dir) {
        Ok(manifest) => manifest,
        Err(e) => return error("models", e.to_string(), "mend the manifest"),
    };
    let missing: Vec<String> = manifest
        .missing(&dir)
        .into_iter()
        .map(|file| dir.join(&file.name).display().to_string())
        .collect();
    if missing.is_empty() {
        let what = match role {
            Role::Passage | Role::Joint => format!("{} dimensions", manifest.dim),
            Role::Ocr => "reads what is written in pixels".to_owned(),
            other => other.as_str().to_owned(),
        };
        ok("models", format!("{name}: {what}, {}", manifest.licence))
    } else {
        let what = format!("{name} lacks {}", missing.join(", "));
        error("models", what, "copy the model's files again")
    }
}

/// Starts one real worker and asks what holds it.
pub(super) async fn sandbox(paths: &Paths, settings: &Settings) -> Vec<Finding> {
    let config = PoolConfig {
        count: 1,
        ..PoolConfig::new(
            &settings.worker,
            &settings.limits,
            paths.find_library("pdfium"),
        )
    };
    let pool = Pool::new(config);
    let warmed = pool.warm().await;
    let report = pool.sandbox();
    pool.shutdown().await;
    if let Err(reason) = warmed {
        return vec![error(
            "sandbox",
            format!("the worker does not start: {reason}"),
            "nothing can be read without it",
        )];
    }
    let what = format!(
        "a worker starts; Landlock {}, seccomp {}, limits {}",
        report.landlock.as_str(),
        report.seccomp.as_str(),
        if report.rlimits { "set" } else { "missing" }
    );
    let mut found = vec![ok("sandbox", what)];
    let fix = "files are read all the same, with less between a hostile file and you; a newer kernel helps";
    found.extend(
        report
            .missing
            .into_iter()
            .map(|lack| warning("sandbox", lack, fix)),
    );
    found
}

pub(super) fn inotify(settings: &Settings) -> Vec<Finding> {
    let read = |name: &str| -> Option<u64> {
        let path = PathBuf::from("/proc/sys/fs/inotify").join(name);
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    // Other systems than Linux have no such limit.
    let Some(watches) = read("max_user_watches") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if watches < FEW_WATCHES {
        let what = format!(
            "this user may watch {} directories; what is beyond is polled",
            grouped(watches)
        );
        let fix = "echo fs.inotify.max_user_watches=524288 | sudo tee /etc/sysctl.d/60-hippo.conf && sudo sysctl --system";
        found.push(warning("watches", what, fix));
    } else {
        found.push(ok(
            "watches",
            format!("this user may watch {} directories", grouped(watches)),
        ));
    }
    if let Some(own) = settings.watch.max_watches {
        found.push(ok(
            "watches",
            format!("watch.max_watches keeps hippo to {}", grouped(own)),
        ));
    }
    found
}

pub(super) fn space(paths: &Paths) -> Vec<Finding> {
    // The data folder may not be there yet: what is above it tells the same.
    let existing = paths.data_dir.ancestors().find(|dir| dir.exists());
    let Some(stat) = existing.and_then(|dir| rustix::fs::statvfs(dir).ok()) else {
        return Vec::new();
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let what = format!("{} free where the index lies", bytes(free));
    vec![if free < LOW_SPACE_BYTES {
        warning("disk", what, "free some, or move hippo with HIPPO_HOME")
    } else {
        ok("disk", what)
    }]
}
