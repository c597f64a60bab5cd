//! Folders that programs fill: build outputs, fetched dependencies, caches.
//!
//! They hold many files that no person wrote, and they drown what a person did
//! write. Names that mean nothing else are enough by themselves; ambiguous names
//! (`target`, `build`, `out`) count only with a project file beside them, because
//! people keep their own things in folders of such names too.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Names that are build or dependency folders wherever they stand.
const BY_NAME: &[&str] = &[
    "node_modules",     // npm and kin
    "bower_components", // Bower
    "jspm_packages",    // jspm
    "__pycache__",      // Python
    "site-packages",    // Python
    "elm-stuff",        // Elm
    "dist-newstyle",    // Haskell
    "CMakeFiles",       // CMake
    "DerivedData",      // Xcode
    "zig-cache",        // Zig
    "zig-out",          // Zig
    "bazel-bin",        // Bazel
    "bazel-out",        // Bazel
];

/// Ambiguous names, and the files beside them one of which must be there.
const BY_COMPANY: &[(&str, &[&str])] = &[
    ("target", &["Cargo.toml", "pom.xml", "build.sbt"]),
    (
        "build",
        &[
            "package.json",
            "setup.py",
            "pyproject.toml",
            "build.gradle",
            "build.gradle.kts",
            "CMakeLists.txt",
            "meson.build",
            "pubspec.yaml",
        ],
    ),
    ("dist", &["package.json", "setup.py", "pyproject.toml"]),
    (
        "out",
        &[
            "package.json",
            "build.gradle",
            "build.gradle.kts",
            "CMakeLists.txt",
        ],
    ),
    (
        "_build",
        &["mix.exs", "dune-project", "conf.py", "rebar.config"],
    ),
    ("deps", &["mix.exs"]),
    ("vendor", &["go.mod", "composer.json", "Gemfile"]),
    ("Pods", &["Podfile"]),
    ("Carthage", &["Cartfile"]),
    ("eggs", &["setup.py", "pyproject.toml"]),
    ("htmlcov", &["setup.py", "pyproject.toml"]),
    ("obj", &["project.json", "Directory.Build.props"]),
];

/// The first bytes of a CACHEDIR.TAG, by <https://bford.info/cachedir/>.
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// A file whose presence makes its folder a cache.
pub(super) const CACHE_TAG: &str = "CACHEDIR.TAG";

/// A file whose presence makes its folder a Python environment.
pub(super) const PYTHON_ENVIRONMENT: &str = "pyvenv.cfg";

/// Why the directory `dir` is a build folder, if it is one.
pub(super) fn build_folder(dir: &Path) -> Option<(String, Option<PathBuf>)> {
    let name = dir.file_name()?;
    if BY_NAME.iter().any(|known| name == OsStr::new(known)) {
        return Some((format!("{} holds a tool's files", show(name)), None));
    }
    if name.as_bytes().starts_with(b"cmake-build-") || name.as_bytes().ends_with(b".egg-info") {
        return Some((format!("{} holds a tool's files", show(name)), None));
    }
    let parent = dir.parent()?;
    for (known, company) in BY_COMPANY {
        if name == OsStr::new(known) {
            let beside = company.iter().map(|file| parent.join(file));
            if let Some(file) = beside.into_iter().find(|file| file.is_file()) {
                return Some((format!("{} is a build folder", show(name)), Some(file)));
            }
        }
    }
    let environment = dir.join(PYTHON_ENVIRONMENT);
    if environment.symlink_metadata().is_ok() {
        return Some(("it is a Python environment".to_owned(), Some(environment)));
    }
    tagged(dir).map(|tag| ("it is tagged as a cache".to_owned(), Some(tag)))
}

/// The valid cache tag in `dir`, if there is one.
fn tagged(dir: &Path) -> Option<PathBuf> {
    let tag = dir.join(CACHE_TAG);
    // A named pipe of that name would stall the open: look first.
    if !tag.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut start = [0; CACHE_SIGNATURE.len()];
    std::fs::File::open(&tag)
        .ok()?
        .read_exact(&mut start)
        .ok()?;
    (start == CACHE_SIGNATURE).then_some(tag)
}

fn show(name: &OsStr) -> String {
    format!("\"{}\"", name.to_string_lossy())
}
