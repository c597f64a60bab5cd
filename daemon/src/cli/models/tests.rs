//! What is listed, what is pulled by a name, what the settings become, what may be removed.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use hippo_config::MANIFEST_FILE;

use super::get::wanted;
use super::list::{answer, render};
use super::switch::{RoleChange, changes, describe_role, remove};
use super::*;
use crate::cli::style::Style;

struct Home {
    dir: tempfile::TempDir,
    paths: Paths,
}

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        let root = OsString::from(dir.path());
        let other = dir.path().join("other");
        let env = |name: &str| match name {
            "HIPPO_HOME" => Some(root.clone()),
            "HIPPO_MODELS_DIR" => Some(other.clone().into()),
            _ => None,
        };
        let paths = Paths::resolve(&env, None).unwrap();
        Home { dir, paths }
    }

    fn own(&self, name: &str, role: &str, whole: bool) {
        install(&self.paths.own_models_dir(), name, role, whole);
    }

    fn scene(&self, settings: &str) -> Scene<'_> {
        let text = format!("[models]\n{settings}\n");
        Scene {
            paths: &self.paths,
            settings: Settings::parse(&text, Path::new("config.toml"))
                .unwrap()
                .models,
            registry: Registry::load(&self.paths),
            json: false,
        }
    }
}

fn install(models: &Path, name: &str, role: &str, whole: bool) {
    let table = match role {
        "voice" => "voice = { file = \"w.bin\" }\n",
        "speech" => "speech = { file = \"w.bin\", multilingual = true }\n",
        _ => "",
    };
    let page = format!(
        "name = \"{name}\"\nrole = \"{role}\"\nlicence = \"MIT\"\n{table}\
         files = [{{ name = \"w.bin\", bytes = 2048 }}]\n"
    );
    let folder = models.join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(MANIFEST_FILE), page).unwrap();
    if whole {
        fs::write(folder.join("w.bin"), [0; 2048]).unwrap();
    }
}

#[test]
fn roles_are_those_of_the_settings() {
    assert_eq!(role("joint").unwrap(), Role::Joint);
    assert!(role("rerank").unwrap_err().contains("passage"));
}

#[test]
fn the_list_says_what_is_here_in_use_and_missing() {
    let home = Home::new();
    home.own("silero-vad", "voice", true);
    home.own("ears", "speech", false);
    let answer = answer(&home.scene("ocr = \"reader\""));
    let shown = render(&answer, Style::stdout());
    let row = |name: &str| {
        let row = shown.lines().find(|line| line.starts_with(name)).unwrap();
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        row("silero-vad"),
        "silero-vad voice 2.0 KiB MIT in use: voice"
    );
    assert_eq!(row("ears"), "ears speech 2.0 KiB MIT lacks w.bin");
    assert_eq!(row("reader"), "reader ocr ? wanted, but not here");
    assert_eq!(row("siglip2-base"), "siglip2-base joint 393 MiB Apache-2.0");
    assert!(row("openclip").ends_with("only by `hippo models import`"));
    let first = shown.lines().nth(1).unwrap();
    assert!(
        first.starts_with("ears"),
        "what is here comes first: {first}"
    );
}

#[test]
fn profiles_and_names_become_models_each_once() {
    let home = Home::new();
    let what = |settings: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        wanted(&home.scene(settings), &names)
    };
    let small = what("", &[]).unwrap();
    assert_eq!(small, what("", &["small"]).unwrap());
    assert!(small.contains(&"siglip2-base".to_owned()));
    let quality = what("profile = \"quality\"", &[]).unwrap();
    assert!(quality.contains(&"whisper-large-v3-turbo-q5_0".to_owned()));
    let both = what("", &["whisper-tiny", "small", "small", "silero-vad"]).unwrap();
    assert_eq!(both.len(), small.len() + 1);
    assert_eq!(both[0], "whisper-tiny");
    assert!(what("", &["smal"]).is_err());
}

#[test]
fn a_model_is_used_for_what_it_is() {
    let home = Home::new();
    home.own("ears", "speech", true);
    home.own("half", "voice", false);
    let scene = home.scene("speech = \"old\"");
    let used = |name: &str, role| changes(&scene, name, role);
    let ears = vec![("speech", Some("ears".to_owned()))];
    assert_eq!(used("ears", None).unwrap(), ears);
    assert_eq!(used("ears", Some(Role::Speech)).unwrap(), ears);
    let off = vec![("voice", Some("none".to_owned()))];
    assert_eq!(used("none", Some(Role::Voice)).unwrap(), off);
    assert_eq!(used("auto", Some(Role::Voice)).unwrap(), [("voice", None)]);
    for (name, role, expected) in [
        ("ears", Some(Role::Voice), "is a speech model"),
        ("half", None, "hippo models pull half"),
        ("whisper-tiny", None, "hippo models pull whisper-tiny"),
        ("nobody", None, "hippo models list"),
        ("small", Some(Role::Voice), "leave --role out"),
    ] {
        let error = used(name, role).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_profile_is_used_as_a_whole() {
    let home = Home::new();
    for name in ["quality", "auto", "none"] {
        let changes = changes(&home.scene("joint = \"x\""), name, None).unwrap();
        assert_eq!(changes[0], ("profile", Some(name.to_owned())));
        let single: Vec<_> = changes[1..].to_vec();
        assert_eq!(single.len(), 5);
        assert!(single.iter().all(|(_, value)| value.is_none()));
    }
}

#[test]
fn a_change_says_what_is_done_again() {
    let change = RoleChange {
        role: "passage".to_owned(),
        from: Some("old".to_owned()),
        to: Some("new".to_owned()),
        segments: 12_345,
        seconds: Some(754.0),
    };
    assert_eq!(
        describe_role(&change),
        "passage: new in place of old; texts are embedded again from the table \
         (12,345 segments, about 12 min), in the background; until then the old vectors answer"
    );
    let off = RoleChange {
        to: None,
        segments: 0,
        ..change
    };
    assert_eq!(describe_role(&off), "passage: no model in place of old");
}

#[test]
fn what_is_in_use_or_lies_elsewhere_is_not_removed() {
    let home = Home::new();
    home.own("silero-vad", "voice", true);
    home.own("ears", "speech", true);
    install(&home.dir.path().join("other"), "mine", "speech", true);
    let scene = home.scene("");
    for (name, expected) in [
        ("silero-vad", "--force"),
        ("mine", "not hippo's own folder"),
        ("nobody", "is not here"),
    ] {
        let error = remove(&scene, name, false).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    remove(&scene, "ears", false).unwrap();
    remove(&scene, "silero-vad", true).unwrap();
    let left = Registry::load(&home.paths);
    let left: Vec<&str> = left.all_installed().map(|(name, _)| name).collect();
    assert_eq!(left, ["mine"]);
}
