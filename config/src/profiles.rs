//! Profiles: which model plays which role, by one word.
//!
//! A setting that names a model comes first, then the profile that is set. Where neither
//! is, models that lie here are used: those of `small`, else those of `demo`, role by
//! role. So a first pull takes effect by itself, and nobody needs to write a setting.

use crate::manifest::Role;
use crate::registry::Choice;
use crate::settings::{ModelSettings, ProfileSetting};

/// What a setting says instead of a model's name: none, whatever lies here.
pub const NO_MODEL: &str = "none";

/// What the setting of `ocr` says instead of a model's name: the program of that name.
pub const TESSERACT: &str = "tesseract";

/// Some models that go together.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// What people call it.
    pub name: &'static str,
    /// What it is for, in half a sentence.
    pub about: &'static str,
    /// Who plays what; roles that are not here are not played.
    pub models: &'static [(Role, &'static str)],
}

/// For a laptop's processor.
const SMALL: Profile = Profile {
    name: "small",
    about: "for a laptop's processor, Chinese and English",
    models: &[
        (Role::Joint, "siglip2-base"),
        (Role::Passage, "multilingual-e5-small"),
        (Role::Speech, "whisper-small-q5_1"),
        (Role::Voice, "silero-vad"),
        (Role::Ocr, "pp-ocrv6-small"),
    ],
};

/// For more cores, or more patience. EmbeddingGemma 2 belongs here once its graph can be
/// fed.
const QUALITY: Profile = Profile {
    name: "quality",
    about: "for more cores or more patience",
    models: &[
        (Role::Joint, "siglip2-base"),
        (Role::Passage, "granite-embedding-97m-multilingual-r2"),
        (Role::Speech, "whisper-large-v3-turbo-q5_0"),
        (Role::Voice, "silero-vad"),
        (Role::Ocr, "pp-ocrv6-small"),
    ],
};

/// Trained by this project and part of it: everything runs with no download.
const DEMO: Profile = Profile {
    name: "demo",
    about: "tiny ones that come with hippo, to try it without a download",
    models: &[
        (Role::Joint, "demo-clip"),
        (Role::Speech, "demo-whisper"),
        (Role::Voice, "silero-vad"),
    ],
};

static PROFILES: [Profile; 3] = [SMALL, QUALITY, DEMO];

/// What is looked for where no profile is set, first come first.
const AUTOMATIC: [&str; 2] = ["small", "demo"];

impl Profile {
    /// All of them.
    pub fn all() -> &'static [Profile] {
        &PROFILES
    }

    /// The profile of this name.
    pub fn named(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Who plays a role in it.
    pub fn model(&self, role: Role) -> Option<&'static str> {
        let found = self.models.iter().find(|(played, _)| *played == role);
        found.map(|(_, model)| *model)
    }
}

impl ModelSettings {
    /// The roles that settings can give to a model, in the order in which people read of
    /// them.
    pub const ROLES: [Role; 5] = [
        Role::Joint,
        Role::Passage,
        Role::Speech,
        Role::Voice,
        Role::Ocr,
    ];

    /// What the setting of a role says.
    pub fn named(&self, role: Role) -> Option<&str> {
        let name = match role {
            Role::Joint => &self.joint,
            Role::Passage => &self.passage,
            Role::Speech => &self.speech,
            Role::Voice => &self.voice,
            Role::Ocr => &self.ocr,
            Role::Tags | Role::Rerank => return None,
        };
        name.as_deref()
    }

    /// Whether Tesseract may read pixels where no model for it is here: nobody said otherwise.
    pub fn may_use_tesseract(&self) -> bool {
        self.ocr.is_none() && self.profile != ProfileSetting::None
    }

    /// The model that plays a role, by setting, profile or presence.
    pub fn choice(&self, role: Role, present: &dyn Fn(&str) -> bool) -> Option<Choice> {
        match self.named(role) {
            Some(NO_MODEL) => return None,
            Some(name) => {
                return Some(Choice {
                    name: name.to_owned(),
                    profile: None,
                });
            }
            None => {}
        }
        let of = |profile: &'static Profile| {
            Some(Choice {
                name: profile.model(role)?.to_owned(),
                profile: Some(profile),
            })
        };
        match self.profile {
            ProfileSetting::None => None,
            ProfileSetting::Named(name) => Profile::named(name).and_then(of),
            ProfileSetting::Auto => AUTOMATIC
                .iter()
                .filter_map(|name| of(Profile::named(name)?))
                .find(|choice| present(&choice.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn choice(settings: &ModelSettings, role: Role, present: &[&str]) -> Option<String> {
        let choice = settings.choice(role, &|name| present.contains(&name));
        choice.map(|choice| choice.name)
    }

    #[test]
    fn a_profiles_models_are_known_and_fit_their_roles() {
        let registry = Registry::bundled();
        for profile in Profile::all() {
            for (role, name) in profile.models {
                // The demo models' manifests lie beside them.
                if name.starts_with("demo-") {
                    continue;
                }
                let manifest = &registry.published(name).unwrap().manifest;
                assert_eq!(manifest.role, *role, "{name} in {}", profile.name);
                assert!(
                    manifest.files.iter().all(|file| file.url.is_some()),
                    "{name}"
                );
            }
        }
    }

    /// The page's table of profiles, and its manifest, are true.
    #[test]
    fn the_page_on_models_is_true() {
        let page = include_str!("../../docs/models.md");
        for role in ModelSettings::ROLES {
            let start = format!("| `{}` |", role.as_str());
            let row = page.lines().find(|line| line.starts_with(&start)).unwrap();
            let cells: Vec<&str> = row.split('|').map(str::trim).skip(3).collect();
            for (profile, cell) in Profile::all().iter().zip(cells) {
                assert_eq!(cell, profile.model(role).unwrap_or_default(), "{row}");
            }
        }
        let example = page.split("```toml\n").nth(1).unwrap();
        let example = example.split("```").next().unwrap();
        crate::Manifest::parse(example, std::path::Path::new("docs/models.md")).unwrap();
    }

    #[test]
    fn by_itself_hippo_takes_what_lies_here() {
        let settings = ModelSettings::default();
        assert_eq!(choice(&settings, Role::Joint, &[]), None);
        let both = ["siglip2-base", "demo-clip", "demo-whisper"];
        let joint = choice(&settings, Role::Joint, &both);
        assert_eq!(joint.as_deref(), Some("siglip2-base"));
        let speech = choice(&settings, Role::Speech, &both);
        assert_eq!(speech.as_deref(), Some("demo-whisper"), "role by role");
        assert_eq!(choice(&settings, Role::Passage, &both), None);
    }

    #[test]
    fn a_profile_that_is_set_counts_whether_its_models_are_there_or_not() {
        let settings = ModelSettings {
            profile: ProfileSetting::Named("quality"),
            ..ModelSettings::default()
        };
        let speech = settings.choice(Role::Speech, &|_| false).unwrap();
        assert_eq!(speech.name, "whisper-large-v3-turbo-q5_0");
        assert_eq!(speech.profile.unwrap().name, "quality");
        let off = ModelSettings {
            profile: ProfileSetting::None,
            ..ModelSettings::default()
        };
        assert_eq!(choice(&off, Role::Joint, &["siglip2-base"]), None);
    }

    #[test]
    fn a_setting_comes_first_and_can_say_none() {
        let settings = ModelSettings {
            joint: Some("mine".to_owned()),
            passage: Some(NO_MODEL.to_owned()),
            ..ModelSettings::default()
        };
        let present = ["siglip2-base", "multilingual-e5-small"];
        assert_eq!(
            choice(&settings, Role::Joint, &present).as_deref(),
            Some("mine")
        );
        assert_eq!(choice(&settings, Role::Passage, &present), None);
    }
}
