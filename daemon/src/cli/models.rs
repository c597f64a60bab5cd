//! `hippo models`: which there are, getting them, checking them, switching between them.
//!
//! All but `use` works on the folders themselves and needs no daemon. A daemon that runs
//! finds what was pulled by itself; `use` tells it.

mod get;
mod list;
mod progress;
mod switch;

use std::path::PathBuf;

use clap::Subcommand;
use hippo_config::{ModelSettings, Paths, Registry, Role, Settings};
use serde::Serialize;

use super::Exit;
use super::client::{Client, ClientError, to_json};
use super::style::{Style, plain};

const PULL_HELP: &str = "\
Profiles: small (for a laptop's processor), quality (for more cores or more patience), demo (tiny
ones that come with hippo). Downloads that were cut go on where they were. Settings: models.endpoint
(or HF_ENDPOINT) names a mirror of the hub, models.mirror a plain server; HTTPS_PROXY is followed.";

#[derive(Debug, Subcommand)]
pub(super) enum Models {
    /// Show which models there are: what they do, their size, whether they are here and in use
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download models, by name or by profile
    #[command(after_help = PULL_HELP)]
    Pull {
        /// Models or profiles; none: the profile of the settings, else `small`
        #[arg(value_name = "MODEL|PROFILE")]
        what: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring a model that lies in a folder
    Import {
        /// A folder with a manifest.toml, or with files that hippo knows
        dir: PathBuf,
        /// Which model it is, where the files have no hashes to be known by
        #[arg(long, value_name = "MODEL")]
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Hash every file and name what is not as it was published
    Verify {
        /// Models; none: all that are here
        #[arg(value_name = "MODEL")]
        models: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Use a model for what it does, or a profile for everything
    Use {
        /// A model, a profile, `auto`, or `none` with --role
        name: String,
        /// The role: joint, passage, speech, voice, ocr
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a model's files
    Remove {
        /// The model
        model: String,
        /// Although it is in use
        #[arg(long)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Models {
    pub(super) fn json(&self) -> bool {
        match self {
            Models::List { json }
            | Models::Pull { json, .. }
            | Models::Import { json, .. }
            | Models::Verify { json, .. }
            | Models::Use { json, .. }
            | Models::Remove { json, .. } => *json,
        }
    }
}

fn role(text: &str) -> Result<Role, String> {
    ModelSettings::ROLES
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| {
            let names: Vec<&str> = ModelSettings::ROLES.iter().map(|r| r.as_str()).collect();
            format!("must be one of {}", names.join(", "))
        })
}

/// A name that nobody knows.
fn unknown(name: &str) -> anyhow::Error {
    anyhow::anyhow!("there is no model or profile \"{name}\": `hippo models list` shows them")
}

/// The roles whose models something runs today. The others are fetched and chosen, and wait
/// for what will.
pub(super) const ROLES_AT_WORK: [Role; 5] = [
    Role::Passage,
    Role::Joint,
    Role::Speech,
    Role::Voice,
    Role::Ocr,
];

/// Has a daemon that runs look at the settings and for models that came; `false` when none runs:
/// the next one looks by itself.
async fn tell(client: &Client) -> anyhow::Result<bool> {
    match client.raw("POST", "/v1/models/look", None).await {
        Ok(_) => Ok(true),
        Err(ClientError::NotRunning) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What every one of the commands looks at.
struct Scene<'a> {
    paths: &'a Paths,
    settings: ModelSettings,
    registry: Registry,
    json: bool,
}

impl Scene<'_> {
    /// The roles that a model plays by the settings.
    fn roles_of(&self, name: &str) -> Vec<Role> {
        let plays = |role: &Role| {
            let choice = self.registry.choice(&self.settings, *role);
            choice.is_some_and(|choice| choice.name == name)
        };
        ModelSettings::ROLES.into_iter().filter(plays).collect()
    }

    /// Prints an answer: JSON if so wished, or else these words.
    fn say(&self, answer: &impl Serialize, words: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            println!("{}", to_json(answer)?);
        } else {
            println!("{}", plain(&words()));
        }
        Ok(())
    }
}

pub(super) async fn models(paths: &Paths, client: &Client, what: Models) -> anyhow::Result<Exit> {
    let scene = Scene {
        paths,
        settings: Settings::load(&paths.config_file)?.models,
        registry: Registry::load(paths),
        json: what.json(),
    };
    let style = Style::stderr();
    for problem in scene.registry.problems() {
        let text = plain(&problem.to_string());
        eprintln!("{}: left out: {text}", style.yellow("hippo"));
    }
    match what {
        Models::List { .. } => list::list(&scene),
        Models::Pull { what, .. } => {
            let exit = get::pull(&scene, &what).await?;
            tell(client).await?;
            Ok(exit)
        }
        Models::Import { dir, name, .. } => {
            let exit = get::bring(&scene, &dir, name.as_deref())?;
            tell(client).await?;
            Ok(exit)
        }
        Models::Verify { models, .. } => get::verify(&scene, &models),
        Models::Use { name, role, .. } => switch::switch(&scene, client, &name, role).await,
        Models::Remove { model, force, .. } => switch::remove(&scene, &model, force),
    }
}

#[cfg(test)]
mod tests;
