//! `hippo models list`: a line a model.

use hippo_config::{Manifest, ModelSettings, Profile, Role};
use serde::Serialize;

use super::{ROLES_AT_WORK, Scene};
use crate::cli::Exit;
use crate::cli::style::{Put as _, Style, bytes, pad, plain};
use crate::query::text::width;

/// A model, for people and programs.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    role: &'static str,
    licence: String,
    /// Bytes of all files; none where a manifest does not say.
    bytes: Option<u64>,
    /// Whether all its files are here.
    present: bool,
    /// Files that are not here, where its folder is.
    missing: Vec<String>,
    /// The roles that it plays.
    in_use: Vec<&'static str>,
    /// Whether one of them is a role that something runs today.
    at_work: bool,
    /// Where it lies.
    dir: Option<String>,
    /// Whether every file that is not here has an address.
    can_be_pulled: bool,
    /// The profiles that it belongs to.
    profiles: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    models: Vec<Line>,
    profiles: Vec<ProfileLine>,
}

#[derive(Debug, Serialize)]
struct ProfileLine {
    name: &'static str,
    about: &'static str,
    models: Vec<&'static str>,
}

pub(super) fn list(scene: &Scene<'_>) -> anyhow::Result<Exit> {
    let answer = answer(scene);
    if scene.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        print!("{}", render(&answer, Style::stdout()));
    }
    Ok(Exit::Done)
}

pub(super) fn answer(scene: &Scene<'_>) -> Answer {
    let mut names: Vec<String> = scene
        .registry
        .names()
        .iter()
        .map(ToString::to_string)
        .collect();
    // What settings name and is nowhere belongs on the list too: it is what is missing.
    for role in ModelSettings::ROLES {
        let chosen = scene.registry.choice(&scene.settings, role);
        names.extend(chosen.map(|choice| choice.name));
    }
    names.sort();
    names.dedup();
    let mut models: Vec<Line> = names.iter().map(|name| line(scene, name)).collect();
    models.sort_by_key(|line| (line.dir.is_none(), role_order(line.role)));
    let profiles = Profile::all().iter().map(|profile| ProfileLine {
        name: profile.name,
        about: profile.about,
        models: profile.models.iter().map(|(_, model)| *model).collect(),
    });
    Answer {
        models,
        profiles: profiles.collect(),
    }
}

fn role_order(role: &str) -> usize {
    let position = ModelSettings::ROLES.iter().position(|r| r.as_str() == role);
    position.unwrap_or(ModelSettings::ROLES.len())
}

fn line(scene: &Scene<'_>, name: &str) -> Line {
    let manifest = scene.registry.manifest(name);
    let installed = scene.registry.installed(name);
    let published = scene.registry.published(name);
    let roles = scene.roles_of(name);
    let role = manifest.map_or_else(|| roles.first().copied(), |manifest| Some(manifest.role));
    let missing = installed.map_or_else(Vec::new, |installed| {
        let files = installed.manifest.missing(&installed.dir);
        files.into_iter().map(|file| file.name.clone()).collect()
    });
    let profiles = Profile::all().iter().filter(|profile| {
        let mut models = profile.models.iter();
        models.any(|(_, model)| *model == name)
    });
    Line {
        name: name.to_owned(),
        role: role.map_or("", Role::as_str),
        licence: manifest.map_or_else(String::new, |manifest| manifest.licence.clone()),
        bytes: manifest.and_then(total),
        present: scene.registry.is_present(name),
        missing,
        at_work: roles.iter().any(|role| ROLES_AT_WORK.contains(role)),
        in_use: roles.into_iter().map(Role::as_str).collect(),
        dir: installed.map(|installed| installed.dir.display().to_string()),
        can_be_pulled: published.is_some_and(|published| {
            let mut files = published.manifest.files.iter();
            files.all(|file| file.url.is_some())
        }),
        profiles: profiles.map(|profile| profile.name).collect(),
    }
}

/// Bytes of all files, where the manifest says them all.
fn total(manifest: &Manifest) -> Option<u64> {
    manifest.files.iter().map(|file| file.bytes).sum()
}

/// What stands in the last column.
fn state(line: &Line, style: Style) -> String {
    let here = line.dir.is_some();
    match (line.present, line.in_use.is_empty()) {
        (true, false) if line.at_work => {
            style.green(&format!("in use: {}", line.in_use.join(", ")))
        }
        (true, false) => format!("chosen for {}; nothing uses it yet", line.in_use.join(", ")),
        (true, true) => "here".to_owned(),
        (false, _) if here => style.red(&plain(&format!("lacks {}", line.missing.join(", ")))),
        (false, false) => style.yellow("wanted, but not here"),
        (false, true) if line.can_be_pulled => String::new(),
        (false, true) => style.dim("only by `hippo models import`"),
    }
}

pub(super) fn render(answer: &Answer, style: Style) -> String {
    let mut out = String::new();
    let rows = answer.models.iter().map(|line| {
        let size = line.bytes.map_or_else(|| "?".to_owned(), bytes);
        [
            plain(&line.name),
            line.role.to_owned(),
            size,
            plain(&line.licence),
        ]
    });
    let head = ["model", "role", "size", "licence"].map(str::to_owned);
    let rows: Vec<[String; 4]> = rows.collect();
    let widths: [usize; 4] = std::array::from_fn(|column| {
        let cells = rows.iter().chain([&head]).map(|row| width(&row[column]));
        cells.max().unwrap_or(0)
    });
    let put = |out: &mut String, row: &[String; 4], rest: &str| {
        let [name, role, size, licence] = row;
        let size = format!("{size:>to$}", to = widths[2]);
        let line = format!(
            "{}  {}  {size}  {}  {rest}",
            pad(name, widths[0]),
            pad(role, widths[1]),
            pad(licence, widths[3]),
        );
        out.put(line.trim_end());
        out.push('\n');
    };
    let mut heading = String::new();
    put(&mut heading, &head, "");
    out.put(style.bold(heading.trim_end()));
    out.push('\n');
    for (line, row) in answer.models.iter().zip(&rows) {
        put(&mut out, row, &state(line, style));
    }
    out.push('\n');
    for profile in &answer.profiles {
        let name = style.bold(&pad(profile.name, 8));
        out.put(format_args!("{name} {}\n", profile.about));
        out.put(style.dim(&format!("         {}\n", profile.models.join(", "))));
    }
    out.put("\nget them with `hippo models pull small`, or by name\n");
    out
}
