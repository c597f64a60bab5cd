//! Where hippo keeps what it keeps, and where it finds what it needs.
//!
//! Two layouts: with `HIPPO_HOME` everything lies under that one folder, for tests
//! and portable use; otherwise the XDG base directories hold it, on every system,
//! so that one page of documentation is enough. [`Paths::resolve`] is a function of
//! its arguments, so that both layouts are tested without touching the process.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A socket's path must fit `sun_path`: 108 bytes on Linux, 104 on macOS, with the
/// closing zero. 100 leaves room for a temporary name beside it.
const SOCKET_PATH_MAX_BYTES: usize = 100;

/// Why no place could be found.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PathsError {
    /// Neither `HIPPO_HOME` nor `HOME` says where to be.
    #[error(
        "hippo does not know where to keep its data: HOME is not set; \
         set it, or set HIPPO_HOME to a folder for hippo alone"
    )]
    NoHome,
    /// The folder's name is longer than a socket's may be.
    #[error(
        "the socket's path {} has {bytes} bytes, and systems take at most {limit}; \
         set HIPPO_HOME to a folder with a shorter name, such as ~/.hippo",
        path.display()
    )]
    SocketTooLong {
        /// The path that is too long.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
}

/// Every place that hippo reads or writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The settings, `config.toml`.
    pub config_file: PathBuf,
    /// The journal, the table, models.
    pub data_dir: PathBuf,
    /// What can be made again at any time, and may be deleted.
    pub cache_dir: PathBuf,
    /// Log files.
    pub log_dir: PathBuf,
    /// The socket and the lock; 0700.
    pub run_dir: PathBuf,
    home: Option<PathBuf>,
    models_dirs: Vec<PathBuf>,
    library_dirs: Vec<PathBuf>,
}

impl Paths {
    /// The places of this process.
    pub fn from_env() -> Result<Paths, PathsError> {
        let exe = std::env::current_exe().ok();
        Paths::resolve(&|name| std::env::var_os(name), exe.as_deref())
    }

    /// The places for an environment and an executable.
    pub fn resolve(
        env: &dyn Fn(&str) -> Option<OsString>,
        exe: Option<&Path>,
    ) -> Result<Paths, PathsError> {
        let folder = |name: &str| {
            env(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let mut paths = match folder("HIPPO_HOME") {
            Some(home) => Paths::under(absolute(home)),
            None => Paths::xdg(&folder)?,
        };
        let beside = exe.and_then(Path::parent);
        paths.models_dirs = several(env("HIPPO_MODELS_DIR").as_ref());
        paths.models_dirs.push(paths.own_models_dir());
        paths.library_dirs = several(env("HIPPO_LIB_DIR").as_ref());
        if let Some(beside) = beside {
            let prefix = beside.parent().unwrap_or(beside);
            paths.models_dirs.push(prefix.join("share/hippo/models"));
            paths.library_dirs.push(beside.to_owned());
            paths.library_dirs.push(prefix.join("lib/hippo"));
        }
        paths.library_dirs.push(paths.data_dir.join("lib"));
        paths.check_socket()?;
        Ok(paths)
    }

    fn under(home: PathBuf) -> Paths {
        Paths {
            config_file: home.join("config.toml"),
            data_dir: home.join("data"),
            cache_dir: home.join("cache"),
            log_dir: home.join("log"),
            run_dir: home.join("run"),
            home: Some(home),
            models_dirs: Vec::new(),
            library_dirs: Vec::new(),
        }
    }

    fn xdg(folder: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Paths, PathsError> {
        let home = folder("HOME").filter(|home| home.is_absolute());
        // The XDG specification has relative paths ignored.
        let base = |name: &str, default: &str| {
            folder(name)
                .filter(|path| path.is_absolute())
                .or_else(|| Some(home.as_ref()?.join(default)))
                .ok_or(PathsError::NoHome)
        };
        let state = base("XDG_STATE_HOME", ".local/state")?.join("hippo");
        let run_dir = match folder("XDG_RUNTIME_DIR").filter(|path| path.is_absolute()) {
            Some(runtime) => runtime.join("hippo"),
            None => state.join("run"),
        };
        Ok(Paths {
            config_file: base("XDG_CONFIG_HOME", ".config")?.join("hippo/config.toml"),
            data_dir: base("XDG_DATA_HOME", ".local/share")?.join("hippo"),
            cache_dir: base("XDG_CACHE_HOME", ".cache")?.join("hippo"),
            log_dir: state.join("log"),
            run_dir,
            home: None,
            models_dirs: Vec::new(),
            library_dirs: Vec::new(),
        })
    }

    fn check_socket(&self) -> Result<(), PathsError> {
        let path = self.socket();
        let bytes = path.as_os_str().len();
        if bytes > SOCKET_PATH_MAX_BYTES {
            return Err(PathsError::SocketTooLong {
                path,
                bytes,
                limit: SOCKET_PATH_MAX_BYTES,
            });
        }
        Ok(())
    }

    /// The one folder that holds everything, where `HIPPO_HOME` names it.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The socket; short enough, [`Paths::resolve`] has seen to it.
    pub fn socket(&self) -> PathBuf {
        self.run_dir.join("hippo.sock")
    }

    /// The catalog of files and the queue of work.
    pub fn journal(&self) -> PathBuf {
        self.data_dir.join("journal.sqlite")
    }

    /// The table, unless `index.uri` puts it elsewhere.
    pub fn table_dir(&self) -> PathBuf {
        self.data_dir.join("index")
    }

    /// Held by the daemon, so that there is one.
    pub fn lock_file(&self) -> PathBuf {
        self.run_dir.join("hippo.lock")
    }

    /// Where models lie, first come first.
    pub fn models_dirs(&self) -> Vec<PathBuf> {
        self.models_dirs.clone()
    }

    /// Where a person puts manifests of models that hippo does not know.
    pub fn manifests_dir(&self) -> PathBuf {
        self.data_dir.join("manifests")
    }

    /// Where downloaded models go: the data folder's own, whatever else is searched.
    pub fn own_models_dir(&self) -> PathBuf {
        self.data_dir.join("models")
    }

    /// Where libraries lie, first come first.
    pub fn library_dirs(&self) -> Vec<PathBuf> {
        self.library_dirs.clone()
    }

    /// The folder of the model of this name, the first that holds a manifest.
    pub fn find_model(&self, name: &str) -> Option<PathBuf> {
        self.models_dirs
            .iter()
            .map(|dir| dir.join(name))
            .find(|dir| dir.join("manifest.toml").is_file())
    }

    /// The library of this stem ("onnxruntime") in the first folder that has one;
    /// of several versions in a folder, the newest.
    pub fn find_library(&self, stem: &str) -> Option<PathBuf> {
        self.library_dirs
            .iter()
            .find_map(|dir| newest_library(dir, stem))
    }
}

/// The folders of a variable such as `PATH`; empty parts are left out.
fn several(value: Option<&OsString>) -> Vec<PathBuf> {
    value
        .into_iter()
        .flat_map(std::env::split_paths)
        .filter(|path| !path.as_os_str().is_empty())
        .map(absolute)
        .collect()
}

/// A path given relative to where one stands, made whole; the daemon stands elsewhere.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn newest_library(dir: &Path, stem: &str) -> Option<PathBuf> {
    std::fs::read_dir(dir)
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = library_version(&entry.file_name(), stem)?;
            entry.path().is_file().then(|| (version, entry.path()))
        })
        .max()
        .map(|(_, path)| path)
}

/// The version in a library's file name; None for the name of something else.
///
/// `libonnxruntime.so.1.32.0` -> `[1, 32, 0]`, `libonnxruntime.1.32.0.dylib` the same,
/// `libpdfium.so` -> `[]`; `libonnxruntime_providers_shared.so` is another library.
fn library_version(name: &OsStr, stem: &str) -> Option<Vec<u64>> {
    let rest = name.to_str()?.strip_prefix("lib")?.strip_prefix(stem)?;
    let version = match rest.strip_suffix(".dylib") {
        Some(version) => version,
        None => rest.strip_prefix(".so")?,
    };
    match version.strip_prefix('.') {
        None if version.is_empty() => Some(Vec::new()),
        None => None,
        Some(numbers) => numbers.split('.').map(|part| part.parse().ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(vars: &[(&str, &str)], exe: Option<&str>) -> Result<Paths, PathsError> {
        let env = |name: &str| {
            let found = vars.iter().find(|(key, _)| *key == name)?;
            Some(OsString::from(found.1))
        };
        Paths::resolve(&env, exe.map(Path::new))
    }

    #[test]
    fn hippo_home_holds_everything() {
        let paths = paths(&[("HIPPO_HOME", "/h"), ("XDG_DATA_HOME", "/x")], None).unwrap();
        assert_eq!(paths.config_file, Path::new("/h/config.toml"));
        assert_eq!(paths.journal(), Path::new("/h/data/journal.sqlite"));
        assert_eq!(paths.table_dir(), Path::new("/h/data/index"));
        assert_eq!(paths.cache_dir, Path::new("/h/cache"));
        assert_eq!(paths.log_dir, Path::new("/h/log"));
        assert_eq!(paths.socket(), Path::new("/h/run/hippo.sock"));
        assert_eq!(paths.lock_file(), Path::new("/h/run/hippo.lock"));
        assert_eq!(paths.own_models_dir(), Path::new("/h/data/models"));
        assert_eq!(paths.manifests_dir(), Path::new("/h/data/manifests"));
        assert_eq!(paths.home(), Some(Path::new("/h")));
    }

    #[test]
    fn xdg_defaults_lie_under_home() {
        let paths = paths(&[("HOME", "/home/lin")], None).unwrap();
        assert_eq!(
            paths.config_file,
            Path::new("/home/lin/.config/hippo/config.toml")
        );
        assert_eq!(paths.data_dir, Path::new("/home/lin/.local/share/hippo"));
        assert_eq!(paths.cache_dir, Path::new("/home/lin/.cache/hippo"));
        assert_eq!(paths.log_dir, Path::new("/home/lin/.local/state/hippo/log"));
        assert_eq!(paths.run_dir, Path::new("/home/lin/.local/state/hippo/run"));
    }

    #[test]
    fn xdg_variables_count_unless_relative_or_empty() {
        let vars = [
            ("HOME", "/home/lin"),
            ("HIPPO_HOME", ""),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_DATA_HOME", "relative"),
            ("XDG_RUNTIME_DIR", "/run/user/1000"),
        ];
        let paths = paths(&vars, None).unwrap();
        assert_eq!(paths.config_file, Path::new("/c/hippo/config.toml"));
        assert_eq!(paths.data_dir, Path::new("/home/lin/.local/share/hippo"));
        assert_eq!(paths.socket(), Path::new("/run/user/1000/hippo/hippo.sock"));
    }

    #[test]
    fn no_home_is_said() {
        let error = paths(&[], None).unwrap_err();
        assert_eq!(error, PathsError::NoHome);
        assert!(error.to_string().contains("HIPPO_HOME"));
    }

    #[test]
    fn a_socket_path_too_long_is_refused_with_what_to_do() {
        let long = format!("/{}", "n".repeat(120));
        let error = paths(&[("HIPPO_HOME", &long)], None).unwrap_err();
        let PathsError::SocketTooLong { bytes, limit, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!((*bytes, *limit), (121 + "/run/hippo.sock".len(), 100));
        assert!(error.to_string().contains("shorter"));
    }

    #[test]
    fn search_orders() {
        let vars = [
            ("HIPPO_HOME", "/h"),
            ("HIPPO_LIB_DIR", "/l1:/l2"),
            ("HIPPO_MODELS_DIR", "/m"),
        ];
        let paths = paths(&vars, Some("/usr/local/bin/hippo")).unwrap();
        let show = |dirs: Vec<PathBuf>| {
            let dirs: Vec<_> = dirs.iter().map(|dir| dir.display().to_string()).collect();
            dirs.join(" ")
        };
        assert_eq!(
            show(paths.library_dirs()),
            "/l1 /l2 /usr/local/bin /usr/local/lib/hippo /h/data/lib"
        );
        assert_eq!(
            show(paths.models_dirs()),
            "/m /h/data/models /usr/local/share/hippo/models"
        );
    }

    #[test]
    fn the_newest_library_of_the_first_folder_wins() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::create_dir_all(&first).unwrap();
        std::fs::create_dir_all(&second).unwrap();
        for name in [
            "libonnxruntime.so.1.9.1",
            "libonnxruntime.so.1.32.0",
            "libonnxruntime_providers_shared.so",
            "libonnxruntime.so.notes",
        ] {
            std::fs::write(first.join(name), "").unwrap();
        }
        std::fs::write(second.join("libonnxruntime.so.2.0.0"), "").unwrap();
        std::fs::write(second.join("libpdfium.so"), "").unwrap();
        let both = std::env::join_paths([&first, &second]).unwrap();
        let vars = [
            ("HIPPO_HOME", "/h"),
            ("HIPPO_LIB_DIR", both.to_str().unwrap()),
        ];
        let paths = paths(&vars, None).unwrap();
        let found = paths.find_library("onnxruntime").unwrap();
        assert_eq!(found, first.join("libonnxruntime.so.1.32.0"));
        assert_eq!(
            paths.find_library("pdfium").unwrap(),
            second.join("libpdfium.so")
        );
        assert_eq!(paths.find_library("onnx"), None);
    }

    #[test]
    fn library_names_of_macos() {
        let version = |name: &str| library_version(OsStr::new(name), "onnxruntime");
        assert_eq!(version("libonnxruntime.1.32.0.dylib"), Some(vec![1, 32, 0]));
        assert_eq!(version("libonnxruntime.dylib"), Some(vec![]));
        assert_eq!(version("libonnxruntime.1.32.0.dylib.part"), None);
    }

    #[test]
    fn a_model_is_found_by_its_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let vars = [
            ("HIPPO_HOME", "/h"),
            ("HIPPO_MODELS_DIR", dir.path().to_str().unwrap()),
        ];
        let paths = paths(&vars, None).unwrap();
        std::fs::create_dir(dir.path().join("tiny")).unwrap();
        assert_eq!(paths.find_model("tiny"), None);
        std::fs::write(dir.path().join("tiny/manifest.toml"), "").unwrap();
        assert_eq!(paths.find_model("tiny"), Some(dir.path().join("tiny")));
    }
}
