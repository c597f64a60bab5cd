//! Which models there are: those that hippo knows how to get, and those that lie here.
//!
//! A model is *published* where a manifest says what it is: bundled into the program, or
//! put by a person into `manifests` of the data folder, which comes first so that a pin
//! can be changed without a new hippo. It is *installed* where its folder lies among the
//! models with a manifest in it. The two need not agree: a folder keeps the manifest that
//! it came with.
//!
//! One manifest that is wrong spoils no other: [`Registry::problems`] has it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::manifest::{MANIFEST_FILE, Manifest, ManifestError, Role, is_model_name};
use crate::paths::Paths;
use crate::profiles::Profile;
use crate::settings::ModelSettings;

macro_rules! bundled {
    ($name:literal) => {
        (
            concat!($name, ".toml"),
            include_str!(concat!("../manifests/", $name, ".toml")),
        )
    };
}

/// The manifests in the program, by file name.
const BUNDLED: [(&str, &str); 14] = [
    bundled!("all-minilm-l6-v2"),
    bundled!("chinese-clip-vit-base-patch16"),
    bundled!("clip-vit-base-patch32"),
    bundled!("granite-embedding-97m-multilingual-r2"),
    bundled!("multilingual-e5-small"),
    bundled!("openclip-xlm-roberta-base"),
    bundled!("pp-ocrv6-small"),
    bundled!("siglip2-base"),
    bundled!("silero-vad"),
    bundled!("whisper-base-q5_1"),
    bundled!("whisper-large-v3-turbo-q5_0"),
    bundled!("whisper-small-q5_1"),
    bundled!("whisper-tiny"),
    bundled!("whisper-tiny-q5_1"),
];

/// A manifest that says where a model comes from.
#[derive(Clone, Debug)]
pub struct Published {
    /// What it says.
    pub manifest: Manifest,
    /// The page itself, comments and all: a model's folder keeps it.
    pub text: String,
    /// Where a person put it; none for one that is in the program.
    pub path: Option<PathBuf>,
}

/// A model's folder.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The folder.
    pub dir: PathBuf,
    /// The manifest in it.
    pub manifest: Manifest,
}

/// All models that this hippo knows of.
#[derive(Debug, Default)]
pub struct Registry {
    published: BTreeMap<String, Published>,
    installed: BTreeMap<String, Installed>,
    problems: Vec<ManifestError>,
}

/// The model that a role is played by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name; it need not be there.
    pub name: String,
    /// The profile that it was taken from; none where a setting names it.
    pub profile: Option<&'static Profile>,
}

impl Registry {
    /// The models that the program itself knows.
    pub fn bundled() -> Registry {
        let mut registry = Registry::default();
        for (file, text) in BUNDLED {
            registry.publish(text.to_owned(), Path::new(file), None);
        }
        registry
    }

    /// Those, a person's own, and what is installed.
    pub fn load(paths: &Paths) -> Registry {
        let mut registry = Registry::bundled();
        for path in entries(&paths.manifests_dir()) {
            if path.extension() != Some(OsStr::new("toml")) {
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => registry.publish(text, &path, Some(path.clone())),
                Err(source) => registry.problems.push(ManifestError::Read { path, source }),
            }
        }
        for dir in paths.models_dirs() {
            for dir in entries(&dir) {
                registry.install(dir);
            }
        }
        registry
    }

    fn publish(&mut self, text: String, origin: &Path, path: Option<PathBuf>) {
        match Manifest::parse(&text, origin) {
            Ok(manifest) => {
                let published = Published {
                    manifest,
                    text,
                    path,
                };
                let name = published.manifest.name.clone();
                self.published.insert(name, published);
            }
            Err(error) => self.problems.push(error),
        }
    }

    /// Takes a folder up under its own name, unless an earlier folder has that name: it is
    /// what settings name and [`Paths::find_model`] finds.
    fn install(&mut self, dir: PathBuf) {
        let Some(name) = dir.file_name().and_then(OsStr::to_str) else {
            return;
        };
        // What a download has not finished yet is called otherwise.
        let taken = self.installed.contains_key(name);
        if taken || !is_model_name(name) || !dir.join(MANIFEST_FILE).is_file() {
            return;
        }
        let name = name.to_owned();
        match Manifest::load(&dir) {
            Ok(manifest) => {
                self.installed.insert(name, Installed { dir, manifest });
            }
            Err(error) => self.problems.push(error),
        }
    }

    /// The names of all models, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .published
            .keys()
            .chain(self.installed.keys())
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How to get a model.
    pub fn published(&self, name: &str) -> Option<&Published> {
        self.published.get(name)
    }

    /// All that can be got.
    pub fn all_published(&self) -> impl Iterator<Item = &Published> {
        self.published.values()
    }

    /// Where a model lies.
    pub fn installed(&self, name: &str) -> Option<&Installed> {
        self.installed.get(name)
    }

    /// All that lie here, by the names of their folders.
    pub fn all_installed(&self) -> impl Iterator<Item = (&str, &Installed)> {
        self.installed
            .iter()
            .map(|(name, installed)| (name.as_str(), installed))
    }

    /// What is known of a model: the manifest beside it, or else the published one.
    pub fn manifest(&self, name: &str) -> Option<&Manifest> {
        match self.installed.get(name) {
            Some(installed) => Some(&installed.manifest),
            None => Some(&self.published.get(name)?.manifest),
        }
    }

    /// Whether a model lies here with all its files. Their contents are not looked at.
    pub fn is_present(&self, name: &str) -> bool {
        self.installed
            .get(name)
            .is_some_and(|model| model.manifest.missing(&model.dir).is_empty())
    }

    /// The model that plays a role by these settings.
    pub fn choice(&self, settings: &ModelSettings, role: Role) -> Option<Choice> {
        settings.choice(role, &|name| self.is_present(name))
    }

    /// Manifests that were left out, and why.
    pub fn problems(&self) -> &[ManifestError] {
        &self.problems
    }
}

/// What a folder holds, sorted; nothing where there is none.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsString;
    use std::fs;

    use super::*;
    use crate::manifest::ModelFile;

    const OWN: &str = "\
name = \"silero-vad\"
role = \"voice\"
licence = \"MIT\"
voice = { file = \"own.bin\" }
files = [{ name = \"own.bin\" }]
";

    fn home() -> (tempfile::TempDir, Paths) {
        let dir = tempfile::tempdir().unwrap();
        let home = OsString::from(dir.path());
        let env = |name: &str| (name == "HIPPO_HOME").then(|| home.clone());
        let paths = Paths::resolve(&env, None).unwrap();
        (dir, paths)
    }

    #[test]
    fn every_bundled_manifest_holds_and_is_called_as_its_file() {
        let registry = Registry::bundled();
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        let names: Vec<String> = BUNDLED
            .iter()
            .map(|(file, _)| file.trim_end_matches(".toml").to_owned())
            .collect();
        assert_eq!(registry.names(), names);
        for published in registry.all_published() {
            assert!(!published.manifest.id().is_empty());
        }
    }

    #[test]
    fn the_folder_of_manifests_holds_no_other() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
        let files: BTreeSet<String> = entries(&dir)
            .iter()
            .filter(|path| path.is_file())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        let bundled = BUNDLED.iter().map(|(file, _)| (*file).to_owned());
        assert_eq!(files, bundled.collect());
        // What is described, and waits for code that can run it.
        let later = entries(&dir.join("later"));
        assert!(!later.is_empty());
        for path in later {
            Manifest::read(&path).unwrap();
        }
    }

    /// A download without a pin would be taken for what it is not: an address says which
    /// revision it means, and big files have a hash.
    #[test]
    fn what_is_downloaded_is_pinned() {
        let registry = Registry::bundled();
        let downloads = |file: &&ModelFile| file.url.is_some();
        for published in registry.all_published() {
            for file in published.manifest.files.iter().filter(downloads) {
                let url = file.url.as_deref().unwrap();
                let name = format!("{} of {}", file.name, published.manifest.name);
                assert!(file.bytes.is_some(), "{name}");
                assert!(!url.contains("/main/"), "{name}: {url}");
                let small = file.bytes.unwrap() < 1 << 20;
                assert!(file.sha256.is_some() || small, "{name}");
            }
        }
    }

    #[test]
    fn a_persons_manifest_comes_before_the_programs() {
        let (_dir, paths) = home();
        fs::create_dir_all(paths.manifests_dir()).unwrap();
        fs::write(paths.manifests_dir().join("vad.toml"), OWN).unwrap();
        fs::write(paths.manifests_dir().join("bad.toml"), "name = 1").unwrap();
        fs::write(paths.manifests_dir().join("notes.txt"), "name = 1").unwrap();
        let registry = Registry::load(&paths);
        let published = registry.published("silero-vad").unwrap();
        assert_eq!(published.manifest.files[0].name, "own.bin");
        assert_eq!(published.text, OWN);
        assert!(published.path.is_some());
        assert!(registry.published("siglip2-base").unwrap().path.is_none());
        assert_eq!(registry.problems().len(), 1);
        assert!(registry.problems()[0].to_string().contains("bad.toml"));
    }

    #[test]
    fn a_model_is_present_once_all_its_files_are() {
        let (_dir, paths) = home();
        let models = &paths.models_dirs()[0];
        let folder = models.join("silero-vad");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(models.join("unfinished.new")).unwrap();
        fs::write(models.join("unfinished.new").join(MANIFEST_FILE), OWN).unwrap();
        fs::write(folder.join(MANIFEST_FILE), OWN).unwrap();
        let registry = Registry::load(&paths);
        assert_eq!(registry.all_installed().count(), 1);
        assert!(!registry.is_present("silero-vad"));
        assert_eq!(
            registry.manifest("silero-vad").unwrap().files[0].name,
            "own.bin",
            "the manifest beside the files counts"
        );
        fs::write(folder.join("own.bin"), "").unwrap();
        assert!(Registry::load(&paths).is_present("silero-vad"));
    }
}
