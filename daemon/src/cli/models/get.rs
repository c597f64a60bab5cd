//! `hippo models pull`, `import` and `verify`.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use hippo_config::{Profile, ProfileSetting};
use serde::Serialize;

use super::progress::Progress;
use super::{Scene, unknown};
use crate::cli::Exit;
use crate::cli::style::{Style, bytes, plain, span};
use crate::models::check::{Checked, check};
use crate::models::{Outcome, Patience, Puller, Sources, Store, import, recognise};

/// The profile that is pulled where nobody says which.
const DEFAULT_PROFILE: &str = "small";

#[derive(Debug, Serialize)]
struct Pulled {
    model: String,
    /// Bytes that were fetched; 0 for one that lay there.
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct NotPulled {
    model: String,
    reason: String,
}

#[derive(Debug, Default, Serialize)]
struct PullAnswer {
    models: Vec<Pulled>,
    failed: Vec<NotPulled>,
}

pub(super) async fn pull(scene: &Scene<'_>, what: &[String]) -> anyhow::Result<Exit> {
    let names = wanted(scene, what)?;
    let sources = Sources::new(&scene.settings, &|name| std::env::var(name).ok());
    let puller = Puller::new(sources, Patience::default())?;
    let store = Store::open(&scene.paths.own_models_dir())?;
    let style = Style::stderr();
    let mut answer = PullAnswer::default();
    for model in names {
        match pull_one(scene, &puller, &store, &model).await {
            Ok(bytes) => answer.models.push(Pulled { model, bytes }),
            // The others may come all the same.
            Err(error) => {
                let reason = format!("{error:#}");
                eprintln!("{}: {}", style.red("hippo"), plain(&reason));
                answer.failed.push(NotPulled { model, reason });
            }
        }
    }
    if scene.json {
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(if answer.failed.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

async fn pull_one(
    scene: &Scene<'_>,
    puller: &Puller,
    store: &Store,
    name: &str,
) -> anyhow::Result<u64> {
    let installed = scene.registry.installed(name);
    let Some(published) = scene.registry.published(name) else {
        // Known by its folder alone: there is nothing to fetch, and nothing need be.
        anyhow::ensure!(
            scene.registry.is_present(name),
            "{name} is no model that can be downloaded; it comes with hippo: see its \
             share/hippo/models, or set HIPPO_MODELS_DIR"
        );
        say(scene, &format!("{name} is here"));
        return Ok(0);
    };
    let started = Instant::now();
    let progress = Progress::new(name, scene.json);
    let report = |file: &str, step| progress.step(file, &step);
    let outcome = puller.pull(store, published, installed, &report).await;
    progress.finish();
    match outcome? {
        Outcome::AlreadyHere => {
            say(scene, &format!("{name} is here"));
            Ok(0)
        }
        Outcome::Pulled { bytes: fetched } => {
            let took = span(started.elapsed().as_secs());
            say(
                scene,
                &format!("{name} is here: {} in {took}", bytes(fetched)),
            );
            Ok(fetched)
        }
    }
}

fn say(scene: &Scene<'_>, words: &str) {
    if !scene.json {
        println!("{}", plain(words));
    }
}

/// The models that are meant, each once, in the order in which they were named.
pub(super) fn wanted(scene: &Scene<'_>, what: &[String]) -> anyhow::Result<Vec<String>> {
    let default = match scene.settings.profile {
        ProfileSetting::Named(name) => name,
        ProfileSetting::Auto | ProfileSetting::None => DEFAULT_PROFILE,
    };
    let mut names: Vec<String> = Vec::new();
    let what: Vec<&str> = match what {
        [] => vec![default],
        some => some.iter().map(String::as_str).collect(),
    };
    for name in what {
        let models: Vec<&str> = match Profile::named(name) {
            Some(profile) => profile.models.iter().map(|(_, model)| *model).collect(),
            None if scene.registry.manifest(name).is_some() => vec![name],
            None => return Err(unknown(name)),
        };
        for model in models {
            if !names.iter().any(|known| known == model) {
                names.push(model.to_owned());
            }
        }
    }
    Ok(names)
}

#[derive(Debug, Serialize)]
struct ImportAnswer {
    model: String,
    role: &'static str,
    dir: String,
}

pub(super) fn bring(scene: &Scene<'_>, dir: &Path, name: Option<&str>) -> anyhow::Result<Exit> {
    let dir =
        std::fs::canonicalize(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let found = recognise(&dir, &scene.registry, name)?;
    let store = Store::open(&scene.paths.own_models_dir())?;
    let model = found.manifest.name.clone();
    let progress = Progress::new(&model, scene.json);
    let done = import(&store, &found, &|file, step| progress.step(file, &step));
    progress.finish();
    done?;
    let answer = ImportAnswer {
        role: found.manifest.role.as_str(),
        dir: store.folder(&model).display().to_string(),
        model,
    };
    scene.say(&answer, || {
        let ImportAnswer { model, role, dir } = &answer;
        format!("{model} ({role}) is here: {dir}\nuse it with `hippo models use {model}`")
    })?;
    Ok(Exit::Done)
}

#[derive(Debug, Serialize)]
struct Verified {
    model: String,
    good: bool,
    files: Vec<Checked>,
}

#[derive(Debug, Serialize)]
struct VerifyAnswer {
    models: Vec<Verified>,
}

pub(super) fn verify(scene: &Scene<'_>, models: &[String]) -> anyhow::Result<Exit> {
    let names: Vec<&str> = match models {
        [] => scene
            .registry
            .all_installed()
            .map(|(name, _)| name)
            .collect(),
        some => some.iter().map(String::as_str).collect(),
    };
    let mut answer = VerifyAnswer { models: Vec::new() };
    for name in names {
        let installed = scene.registry.installed(name);
        let installed = installed
            .with_context(|| format!("{name} is not here: `hippo models list` shows what is"))?;
        let files = check(&installed.dir, &installed.manifest, &|_| {});
        answer.models.push(Verified {
            model: name.to_owned(),
            good: files.iter().all(|file| file.state.is_good()),
            files,
        });
    }
    scene.say(&answer, || describe(&answer))?;
    if answer.models.iter().all(|model| model.good) {
        Ok(Exit::Done)
    } else {
        Ok(Exit::Failed)
    }
}

fn describe(answer: &VerifyAnswer) -> String {
    if answer.models.is_empty() {
        return "no model is here: get some with `hippo models pull`".to_owned();
    }
    let mut lines = Vec::new();
    for model in &answer.models {
        let name = &model.model;
        let unpinned = model
            .files
            .iter()
            .filter(|file| matches!(file.state, crate::models::check::FileState::Unpinned));
        match (model.good, unpinned.count()) {
            (true, 0) => lines.push(format!("{name} is good")),
            (true, n) => lines.push(format!(
                "{name} is there; {n} of {} files have no hash to check them by",
                model.files.len()
            )),
            (false, _) => {
                for file in model.files.iter().filter(|file| !file.state.is_good()) {
                    lines.push(format!("{name}/{} {}", file.file, file.state.describe()));
                }
                lines.push(format!(
                    "  get it again with `hippo models remove {name}` and `hippo models pull {name}`"
                ));
            }
        }
    }
    lines.join("\n")
}
