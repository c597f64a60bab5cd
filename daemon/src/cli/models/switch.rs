//! `hippo models use` and `remove`: what the settings say, and what follows from it.

use std::collections::BTreeMap;

use hippo_config::edit::{self, Edited};
use hippo_config::{ModelSettings, NO_MODEL, Profile, Registry, Role, Settings};
use serde::Serialize;

use hippo_index::SpaceRole;

use super::{Scene, unknown};
use crate::cli::Exit;
use crate::cli::client::{Client, ClientError};
use crate::cli::style::{Put as _, grouped, span};
use crate::models::Store;
use crate::service::wire::{ModelStatus, UseModelRequest};

/// The profile that looks at what lies here.
const AUTO: &str = "auto";

pub(super) type Changes = Vec<(&'static str, Option<String>)>;

#[derive(Debug, Serialize)]
struct Switched {
    /// Whether the settings are others now.
    changed: bool,
    /// Whether a daemon runs and knows; without one the settings are enough.
    told: bool,
    roles: Vec<RoleChange>,
}

/// Another model in a role.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct RoleChange {
    /// The role.
    pub(super) role: String,
    /// Who played it.
    pub(super) from: Option<String>,
    /// Who plays it.
    pub(super) to: Option<String>,
    /// Segments that are embedded again in the background; the old vectors answer until
    /// they are.
    pub(super) segments: u64,
    /// How long that should take, measured on this machine; none before a measurement.
    pub(super) seconds: Option<f64>,
}

pub(super) async fn switch(
    scene: &Scene<'_>,
    client: &Client,
    name: &str,
    role: Option<Role>,
) -> anyhow::Result<Exit> {
    let changes = changes(scene, name, role)?;
    let before = choices(&scene.registry, &scene.settings);
    let borrowed: Vec<(&str, Option<&str>)> = changes
        .iter()
        .map(|(key, value)| (*key, value.as_deref()))
        .collect();
    // A daemon that runs tries a model before it says yes, and writes the settings itself.
    let (mut told, mut roles) = (true, Vec::new());
    if let [(key, Some(model))] = borrowed[..] {
        told = tell(client, key, Some(model), &before, &mut roles).await?;
    }
    let edited = edit::set_models(&scene.paths.config_file, &borrowed)?;
    let settings = Settings::load(&scene.paths.config_file)?.models;
    for change in differences(before.clone(), choices(&scene.registry, &settings)) {
        if roles.iter().any(|told| told.role == change.role) {
            continue;
        }
        let (role, to) = (change.role.clone(), change.to.clone());
        told &= tell(client, &role, to.as_deref(), &before, &mut roles).await?;
        if !roles.iter().any(|told| told.role == change.role) {
            roles.push(change);
        }
    }
    if roles.iter().any(|changed| !makes_vectors(&changed.role)) {
        told &= super::tell(client).await?;
    }
    let switched = Switched {
        changed: edited == Edited::Changed || !roles.is_empty(),
        told,
        roles,
    };
    let advice = (!told).then_some("it counts from the next start: `hippo up --detach`");
    scene.say(&switched, || describe(&switched, advice))?;
    Ok(Exit::Done)
}

fn makes_vectors(role: &str) -> bool {
    SpaceRole::ALL.iter().any(|known| known.as_str() == role)
}

/// Has a daemon that runs use a model, and adds what that sets going. `false` when none runs.
/// Only models that make vectors are for it to change.
async fn tell(
    client: &Client,
    role: &str,
    name: Option<&str>,
    before: &Choices,
    roles: &mut Vec<RoleChange>,
) -> anyhow::Result<bool> {
    if !makes_vectors(role) {
        return Ok(true);
    }
    let name = name.filter(|name| *name != NO_MODEL).map(str::to_owned);
    let request = UseModelRequest {
        role: role.to_owned(),
        name: name.clone(),
    };
    let status: ModelStatus = match client.post("/v1/models/use", &request).await {
        Ok(status) => status,
        Err(ClientError::NotRunning) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let from = before.iter().find(|(played, _)| played.as_str() == role);
    let from = from.and_then(|(_, name)| name.clone());
    let work = status.building.as_ref().or(status.active.as_ref());
    if from != name {
        roles.push(RoleChange {
            role: role.to_owned(),
            from,
            to: name,
            segments: work.map_or(0, |space| space.total - space.covered),
            seconds: work.and_then(|space| space.eta_s).map(|s| s as f64),
        });
    }
    Ok(true)
}

/// The keys of the settings that say so.
pub(super) fn changes(
    scene: &Scene<'_>,
    name: &str,
    role: Option<Role>,
) -> anyhow::Result<Changes> {
    if let Some(role) = role.filter(|_| name == NO_MODEL) {
        return Ok(vec![(role.as_str(), Some(NO_MODEL.to_owned()))]);
    }
    if let Some(role) = role.filter(|_| name == AUTO) {
        return Ok(vec![(role.as_str(), None)]);
    }
    if name == AUTO || name == NO_MODEL || Profile::named(name).is_some() {
        anyhow::ensure!(
            role.is_none(),
            "{name} is a profile and plays several roles: leave --role out"
        );
        warn_of_missing(scene, name);
        // A profile is meant as a whole: what single settings say would stand before it.
        let mut changes: Changes = vec![("profile", Some(name.to_owned()))];
        changes.extend(ModelSettings::ROLES.map(|role| (role.as_str(), None)));
        return Ok(changes);
    }
    let Some(manifest) = scene.registry.manifest(name) else {
        return Err(unknown(name));
    };
    let plays = manifest.role;
    anyhow::ensure!(
        ModelSettings::ROLES.contains(&plays),
        "{name} is a {} model, and hippo has no use for such yet",
        plays.as_str()
    );
    anyhow::ensure!(
        role.is_none_or(|role| role == plays),
        "{name} is a {} model and cannot play another role",
        plays.as_str()
    );
    anyhow::ensure!(
        scene.registry.is_present(name),
        "{name} is not here, or not whole: get it with `hippo models pull {name}`"
    );
    Ok(vec![(plays.as_str(), Some(name.to_owned()))])
}

fn warn_of_missing(scene: &Scene<'_>, profile: &str) {
    let Some(profile) = Profile::named(profile) else {
        return;
    };
    let models = profile.models.iter().map(|(_, model)| *model);
    let missing: Vec<&str> = models
        .filter(|name| !scene.registry.is_present(name))
        .collect();
    if !missing.is_empty() {
        eprintln!(
            "not here yet: {}; get them with `hippo models pull {}`",
            missing.join(", "),
            profile.name
        );
    }
}

type Choices = BTreeMap<Role, Option<String>>;

fn choices(registry: &Registry, settings: &ModelSettings) -> Choices {
    let choice = |role| registry.choice(settings, role).map(|choice| choice.name);
    let roles = ModelSettings::ROLES.into_iter();
    roles.map(|role| (role, choice(role))).collect()
}

fn differences(before: Choices, after: Choices) -> Vec<RoleChange> {
    let changed = before
        .into_iter()
        .zip(after)
        .filter(|(old, new)| old != new);
    let change = changed.map(|((role, from), (_, to))| RoleChange {
        role: role.as_str().to_owned(),
        from,
        to,
        segments: 0,
        seconds: None,
    });
    change.collect()
}

fn describe(switched: &Switched, advice: Option<&str>) -> String {
    if switched.roles.is_empty() {
        return if switched.changed {
            "the settings say so now; every role is played as before".to_owned()
        } else {
            "it was so already".to_owned()
        };
    }
    let mut lines: Vec<String> = switched.roles.iter().map(describe_role).collect();
    lines.extend(advice.map(str::to_owned));
    lines.join("\n")
}

/// One role's change, and what is done again for it.
pub(super) fn describe_role(change: &RoleChange) -> String {
    let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "no model".to_owned());
    let mut line = format!(
        "{}: {} in place of {}",
        change.role,
        or_none(&change.to),
        or_none(&change.from)
    );
    let again = match (change.to.is_some(), change.role.as_str()) {
        (false, _) => "",
        (_, "joint") => "; pictures are looked at again, and texts embedded again",
        (_, "passage") => "; texts are embedded again from the table",
        (_, "ocr") => "; pictures and scanned pages are read again",
        _ => "; for what is read from now on",
    };
    line.push_str(again);
    if change.segments > 0 {
        let took = change.seconds.map_or_else(String::new, |seconds| {
            format!(", about {}", span(seconds.max(1.0) as u64))
        });
        line.put(format_args!(
            " ({} segments{took}), in the background; until then the old vectors answer",
            grouped(change.segments)
        ));
    }
    line
}

#[derive(Debug, Serialize)]
struct Removed {
    removed: String,
}

pub(super) fn remove(scene: &Scene<'_>, name: &str, force: bool) -> anyhow::Result<Exit> {
    let Some(installed) = scene.registry.installed(name) else {
        anyhow::bail!("{name} is not here: `hippo models list` shows what is");
    };
    let own = scene.paths.own_models_dir();
    anyhow::ensure!(
        installed.dir.parent() == Some(own.as_path()),
        "{name} lies in {}, which is not hippo's own folder: delete it there",
        installed.dir.display()
    );
    let roles: Vec<&str> = scene.roles_of(name).into_iter().map(Role::as_str).collect();
    anyhow::ensure!(
        roles.is_empty() || force,
        "{name} is in use ({}): use another first, or `hippo models use none --role {}`, \
         or remove it with --force",
        roles.join(", "),
        roles[0]
    );
    Store::open(&own)?.remove(name)?;
    let answer = Removed {
        removed: name.to_owned(),
    };
    scene.say(&answer, || format!("{name} is deleted"))?;
    Ok(Exit::Done)
}
