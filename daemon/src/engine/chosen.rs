//! Which model is meant for a role: by the settings, by what lies in the models' folders, and by
//! what the journal says of the spaces there are.

use std::path::PathBuf;

use hippo_config::{Manifest, ModelSettings, NO_MODEL, Paths, Registry, Role, Settings, edit};
use hippo_index::SpaceRole;

use super::EngineError;
use super::slots::{Choice, choose};
use crate::journal::{Journal, SpaceRecord, Stage};

/// Records what a role's spaces are after this choice.
pub(super) fn arrange(
    paths: &Paths,
    journal: &Journal,
    role: SpaceRole,
    choice: Option<&Choice>,
) -> Result<(), EngineError> {
    let mut now = journal.spaces()?;
    now.retain(|space| space.role == role.as_str());
    let active = now.iter().find(|space| space.stage == Stage::Active);
    let can_answer = active.is_some_and(|space| find_space(paths, space, role).is_ok());
    let next = choose(&now, role.as_str(), choice, can_answer);
    if next != now {
        journal.arrange(role.as_str(), &next)?;
    }
    Ok(())
}

/// The model that the settings give a role, by its name, by a profile or by what lies here.
pub(super) fn chosen(paths: &Paths, settings: &ModelSettings, role: SpaceRole) -> Option<String> {
    let choice = Registry::load(paths).choice(settings, role_of(role));
    choice.map(|choice| choice.name)
}

/// Writes the model of a role into the settings file, unless they say so already.
pub(super) fn write_setting(
    paths: &Paths,
    role: SpaceRole,
    name: Option<&str>,
) -> Result<(), EngineError> {
    let refused = |error: String| EngineError::Refused(error);
    let file = &paths.config_file;
    let settings = Settings::load(file).map_err(|errors| refused(errors.to_string()))?;
    if chosen(paths, &settings.models, role).as_deref() == name {
        return Ok(());
    }
    let change = (role.as_str(), Some(name.unwrap_or(NO_MODEL)));
    edit::set_models(file, &[change]).map_err(|error| refused(error.to_string()))?;
    Ok(())
}

pub(super) fn role_of(role: SpaceRole) -> Role {
    match role {
        SpaceRole::Passage => Role::Passage,
        SpaceRole::Joint => Role::Joint,
    }
}

pub(super) fn choice_of(name: &str, manifest: &Manifest) -> Choice {
    Choice {
        model: name.to_owned(),
        space: manifest.id(),
    }
}

/// The folder and the manifest of a model, or why it cannot be used in this role.
pub(super) fn find(paths: &Paths, name: &str, role: Role) -> Result<(PathBuf, Manifest), String> {
    let Some(dir) = paths.find_model(name) else {
        let looked: Vec<_> = paths
            .models_dirs()
            .iter()
            .map(|dir| dir.display().to_string())
            .collect();
        return Err(format!("{name} is in none of {}", looked.join(", ")));
    };
    let manifest = Manifest::load(&dir).map_err(|error| error.to_string())?;
    if manifest.role != role {
        return Err(format!(
            "{name} is a model of the role {}, not {}",
            manifest.role.as_str(),
            role.as_str()
        ));
    }
    Ok((dir, manifest))
}

/// The same for the model of a space that is known: it must still be the same model.
pub(super) fn find_space(
    paths: &Paths,
    record: &SpaceRecord,
    role: SpaceRole,
) -> Result<(PathBuf, Manifest), String> {
    let (dir, manifest) = find(paths, &record.model, role_of(role))?;
    if manifest.id() != record.name {
        return Err(format!(
            "{} is another model now than the one that made {}",
            dir.display(),
            record.name
        ));
    }
    Ok((dir, manifest))
}
