//! A temporary world: settings, data, socket and a folder to watch, gone when dropped.
//!
//! Settings are kept here as `section.key = value` and written out as the TOML that a person
//! would write, so that the tests go through the real parser. Times are short (a file counts as
//! finished after 40 ms of quiet) because a test's files are whole when they are written.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::daemon;

/// Keeps the temporary folders for looking into, when set.
const KEEP_ENV: &str = "HIPPO_KEEP";

/// A temporary `HIPPO_HOME` and a folder beside it.
pub struct TempHome {
    dir: Option<TempDir>,
    root: PathBuf,
    settings: BTreeMap<String, BTreeMap<String, String>>,
    folders: Vec<(PathBuf, Vec<String>)>,
    env: BTreeMap<String, String>,
}

impl TempHome {
    /// A fresh world that watches [`TempHome::files`].
    pub fn new() -> Self {
        let mut home = Self::empty();
        let files = home.files();
        fs::create_dir(&files).unwrap();
        home.watch(&files);
        home
    }

    /// A fresh world that watches nothing yet.
    pub fn empty() -> Self {
        // No leading dot: hidden folders are left out by default.
        let dir = tempfile::Builder::new()
            .prefix("hippo-t")
            .tempdir()
            .unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir(root.join("home")).unwrap();
        let mut home = TempHome {
            dir: Some(dir),
            root,
            settings: BTreeMap::new(),
            folders: Vec::new(),
            env: BTreeMap::new(),
        };
        // Whether a test passes is not for the machine's battery to say.
        let power = home.power();
        home.set_text("power.supplies", power.to_str().unwrap());
        // Nor whether it has Tesseract.
        home.set_text("models.ocr", "none");
        home.set("watch.settle_ms", 40)
            .set("watch.max_wait_ms", 1_000)
            .set("watch.poll_seconds", 1)
            .set("worker.count", 2);
        home
    }

    /// The folder that holds all of this world.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `HIPPO_HOME`.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The folder that is watched from the start (but see [`TempHome::empty`]).
    pub fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    /// Where batteries and mains are told of: nothing, unless a test writes there.
    pub fn power(&self) -> PathBuf {
        self.root.join("power")
    }

    /// A path in the watched folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files().join(name)
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.home().join("run").join("hippo.sock")
    }

    /// The daemon's data.
    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// The table of segments.
    pub fn table(&self) -> PathBuf {
        self.data().join("index")
    }

    /// Writes a file in the watched folder, with the folders above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Sets `section.key` for the next start; the value as TOML writes it.
    pub fn set(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        let (section, key) = key.split_once('.').expect("section.key");
        self.settings
            .entry(section.to_owned())
            .or_default()
            .insert(key.to_owned(), value.to_string());
        self
    }

    /// The same for a value that is text.
    pub fn set_text(&mut self, key: &str, value: &str) -> &mut Self {
        self.set(key, format_args!("{}", toml_text(value)))
    }

    /// Forgets a setting, for the next start.
    pub fn unset(&mut self, key: &str) -> &mut Self {
        let (section, key) = key.split_once('.').expect("section.key");
        if let Some(section) = self.settings.get_mut(section) {
            section.remove(key);
        }
        self
    }

    /// Sets a variable of the environment, for the next start.
    pub fn set_env(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Leaves a variable as it is, for the next start.
    pub fn forget_env(&mut self, name: &str) -> &mut Self {
        self.env.remove(name);
        self
    }

    /// Adds a folder, for the next start.
    pub fn watch(&mut self, folder: &Path) -> &mut Self {
        self.watch_without(folder, &[])
    }

    /// Adds a folder with patterns that are left out, for the next start.
    pub fn watch_without(&mut self, folder: &Path, exclude: &[&str]) -> &mut Self {
        self.folders.retain(|(path, _)| path != folder);
        let exclude = exclude.iter().map(|&text| text.to_owned()).collect();
        self.folders.push((folder.to_owned(), exclude));
        self
    }

    /// No worker can start from the next start on: whatever then still becomes searchable was
    /// made searchable without an extraction. The sharpest counter there is.
    pub fn without_workers(&mut self) -> &mut Self {
        self.set_text("worker.program", "/bin/false")
    }

    /// Writes the settings file as it stands here. [`crate::Daemon::start`] calls it.
    pub fn write_settings(&self) {
        let mut text = String::new();
        for (path, exclude) in &self.folders {
            let exclude: Vec<String> = exclude.iter().map(|rule| toml_text(rule)).collect();
            let _ = writeln!(
                text,
                "[[folders]]\npath = {}\nexclude = [{}]\n",
                toml_text(path.to_str().unwrap()),
                exclude.join(", ")
            );
        }
        for (section, keys) in &self.settings {
            let _ = writeln!(text, "[{section}]");
            for (key, value) in keys {
                let _ = writeln!(text, "{key} = {value}");
            }
            text.push('\n');
        }
        fs::write(self.home().join("config.toml"), text).unwrap();
    }

    /// Runs the command line in this world.
    pub fn hippo<A: AsRef<OsStr>>(&self, args: &[A]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The command line in this world, to be run otherwise.
    pub fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(daemon::hippo_bin());
        command
            .args(args)
            .env("HIPPO_HOME", self.home())
            .env("NO_COLOR", "1")
            .env_remove("HIPPO_LOG")
            .env_remove("HIPPO_MODELS_DIR")
            .envs(&self.env);
        // Where `make` keeps the libraries, for tests that are run without it.
        let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.hippo/lib");
        if std::env::var_os("HIPPO_LIB_DIR").is_none() && libraries.is_dir() {
            command.env("HIPPO_LIB_DIR", libraries);
        }
        command
    }

    /// Runs the command line and parses what it prints as JSON; a failure is the test's.
    pub fn hippo_json<A: AsRef<OsStr>>(&self, args: &[A]) -> serde_json::Value {
        let output = self.hippo(args);
        let shown: Vec<_> = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
        assert!(
            output.status.success(),
            "hippo {shown:?} ended with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "hippo {shown:?} printed what is not JSON ({error}):\n{}",
                String::from_utf8_lossy(&output.stdout)
            )
        })
    }

    /// The end of the daemon's newest log, for a failed test's report.
    pub fn log_tail(&self) -> String {
        log_tail(&self.home())
    }
}

impl Default for TempHome {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempHome {
    fn drop(&mut self) {
        if std::env::var_os(KEEP_ENV).is_some()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("kept: {}", dir.keep().display());
        }
    }
}

/// The end of the newest log below a home.
pub(crate) fn log_tail(home: &Path) -> String {
    const LINES: usize = 60;
    let newest = fs::read_dir(home.join("log")).ok().and_then(|entries| {
        entries
            .flatten()
            .max_by_key(|entry| entry.metadata().and_then(|meta| meta.modified()).ok())
    });
    let Some(newest) = newest else {
        return "(no log)".to_owned();
    };
    let text = fs::read_to_string(newest.path()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
