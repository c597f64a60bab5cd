//! Which paths are passed over, and why.
//!
//! One object answers the walk, a single hint and `hippo why`, so that the three
//! can never disagree. From strongest to weakest, the first that speaks decides:
//!
//! 1. system folders and hippo's own: never looked at, whatever is written;
//! 2. the folder's own `exclude` patterns, then `ignore.patterns` of the settings;
//! 3. `.hippoignore` files, the deepest first;
//! 4. `.gitignore` files, the deepest first (these can only leave out: a `!` in
//!    one speaks of git and brings back nothing that 5 leaves out);
//! 5. hidden names and build folders.
//!
//! All patterns are of gitignore's kind, a `!` in 2 or 3 brings back, and what is
//! left out takes all below it along. Ignore files above the watched folder do not
//! count: who adds a folder wants what is in it. Neither do git's global excludes.
//!
//! Ignore files are read anew on each walk, and looked at anew (lstat) for each
//! single path: an edit counts from the next question on.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hippo_config::{FolderSettings, IgnoreSettings};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{FileType, Mode, OFlags, fstat, lstat, open};

use super::builds;

/// hippo's own ignore file.
pub(super) const HIPPO_FILE: &str = ".hippoignore";
/// Git's ignore file.
pub(super) const GIT_FILE: &str = ".gitignore";

/// Bytes of an ignore file that are read; real ones have a few KiB, and a huge one
/// must not take the memory of a daemon.
const IGNORE_FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Directories whose ignore files are kept for single paths (a few KiB each).
const CACHED_DIRS_MAX: usize = 1_024;

/// Names that only the system's own tools make sense of, wherever they stand.
const SYSTEM_NAMES: &[&str] = &[
    "lost+found",
    "$RECYCLE.BIN",
    "System Volume Information",
    ".Trashes",
    ".Spotlight-V100",
    ".fseventsd",
    ".DocumentRevisions-V100",
    ".TemporaryItems",
    ".git",
    ".hg",
    ".svn",
    ".bzr",
    ".jj",
];

/// Folders that hold no files of anybody.
const SYSTEM_FOLDERS: &[&str] = &["/proc", "/sys", "/dev", "/run"];

/// The answer to "does this path count?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleVerdict {
    /// It counts.
    Keep,
    /// It is passed over.
    Ignored {
        /// A clause for people, as in `the pattern "*.log" in /d/.gitignore leaves it out`.
        why: String,
        /// The file that decided, where it was a file.
        by: Option<PathBuf>,
    },
}

impl RuleVerdict {
    /// Whether it counts.
    pub fn is_keep(&self) -> bool {
        *self == RuleVerdict::Keep
    }

    fn ignored(why: impl Into<String>) -> RuleVerdict {
        RuleVerdict::Ignored {
            why: why.into(),
            by: None,
        }
    }
}

/// A pattern of the settings that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("the pattern \"{pattern}\" for {folder} cannot be understood: {message}")]
pub struct RulesError {
    /// The watched folder.
    pub folder: PathBuf,
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong with it.
    pub message: String,
}

/// Whether an edit of `path` can change which other paths count: walk its folder then.
pub fn is_rules_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        [
            HIPPO_FILE,
            GIT_FILE,
            builds::CACHE_TAG,
            builds::PYTHON_ENVIRONMENT,
        ]
        .iter()
        .any(|known| name == *known)
    })
}

/// The rules of one watched folder. Cheap to clone.
#[derive(Clone)]
pub struct Rules {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    hidden: bool,
    gitignore: bool,
    build_folders: bool,
    never: Vec<PathBuf>,
    exclude: Gitignore,
    patterns: Gitignore,
    cache: Mutex<HashMap<PathBuf, Cached>>,
}

/// The ignore files of a directory, as last read for a single path.
struct Cached {
    stamps: [Option<Stamp>; 2],
    own: Arc<DirRules>,
}

/// What changes when a file changes: inode, size, mtime, ctime.
type Stamp = (u64, i64, i64, i64, i64, i64);

/// The ignore files of one directory.
pub(super) struct DirRules {
    hippo: Option<Gitignore>,
    git: Option<Gitignore>,
}

/// The ignore files that bear on a directory's entries, the deepest first.
pub(super) type Chain = Option<Arc<Level>>;

pub(super) struct Level {
    above: Chain,
    own: Arc<DirRules>,
}

impl Rules {
    /// The rules of `folder`; fails on a pattern that cannot be understood.
    pub fn new(folder: &FolderSettings, ignore: &IgnoreSettings) -> Result<Rules, RulesError> {
        Ok(Rules {
            inner: Arc::new(Inner {
                folder: folder.path.clone(),
                hidden: ignore.hidden,
                gitignore: ignore.gitignore,
                build_folders: ignore.build_folders,
                never: Vec::new(),
                exclude: from_settings(&folder.path, &folder.exclude)?,
                patterns: from_settings(&folder.path, &ignore.patterns)?,
                cache: Mutex::default(),
            }),
        })
    }

    /// The same rules, which besides never look into `dirs`: hippo's own data, log
    /// and run folders, lest it index its own log for ever.
    #[must_use]
    pub fn never(self, dirs: impl IntoIterator<Item = PathBuf>) -> Rules {
        let Inner {
            folder,
            hidden,
            gitignore,
            build_folders,
            never,
            exclude,
            patterns,
            ..
        } = &*self.inner;
        Rules {
            inner: Arc::new(Inner {
                folder: folder.clone(),
                hidden: *hidden,
                gitignore: *gitignore,
                build_folders: *build_folders,
                never: never.iter().cloned().chain(dirs).collect(),
                exclude: exclude.clone(),
                patterns: patterns.clone(),
                cache: Mutex::default(),
            }),
        }
    }

    /// The watched folder that these are the rules of.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// Whether `path` counts, with the reason if it does not. It need not exist;
    /// `is_dir` says what it is, was or would be.
    pub fn verdict(&self, path: &Path, is_dir: bool) -> RuleVerdict {
        let Ok(below) = path.strip_prefix(&self.inner.folder) else {
            return RuleVerdict::ignored(format!(
                "it does not lie in {}",
                self.inner.folder.display()
            ));
        };
        let mut here = self.inner.folder.clone();
        let mut chain = self.cached(None, &here);
        let mut names = below.components().peekable();
        while let Some(name) = names.next() {
            here.push(name);
            let last = names.peek().is_none();
            match self.judge(&chain, &here, is_dir || !last) {
                RuleVerdict::Ignored { why, by } if !last => {
                    let why = format!("{why} (said of {})", here.display());
                    return RuleVerdict::Ignored { why, by };
                }
                RuleVerdict::Keep if !last => chain = self.cached(chain, &here),
                verdict => return verdict,
            }
        }
        RuleVerdict::Keep
    }

    /// The chain for the entries of `dir`, given what counts in `dir`'s own parents.
    pub(super) fn chain_of(&self, dir: &Path) -> Chain {
        let mut here = self.inner.folder.clone();
        let mut chain = self.cached(None, &here);
        for name in dir.strip_prefix(&here).unwrap_or(Path::new("")) {
            here.push(name);
            chain = self.cached(chain, &here);
        }
        chain
    }

    /// The chain for the entries of `dir`, its ignore files read now. The caller
    /// has listed it and knows which of them are there.
    pub(super) fn enter(&self, above: &Chain, dir: &Path, hippo: bool, git: bool) -> Chain {
        let own = DirRules {
            hippo: hippo.then(|| read(dir, HIPPO_FILE)).flatten(),
            git: (git && self.inner.gitignore)
                .then(|| read(dir, GIT_FILE))
                .flatten(),
        };
        link(above.clone(), Arc::new(own))
    }

    /// Whether an entry counts, those above it being known to.
    pub(super) fn judge(&self, chain: &Chain, path: &Path, is_dir: bool) -> RuleVerdict {
        let inner = &*self.inner;
        let name = path.file_name().unwrap_or_default();
        if is_dir && let Some(verdict) = inner.system(path) {
            return verdict;
        }
        for (rules, origin) in [
            (&inner.exclude, "this folder's exclude"),
            (&inner.patterns, "ignore.patterns"),
        ] {
            match rules.matched(path, is_dir) {
                Match::Ignore(glob) => {
                    let pattern = glob.original();
                    return RuleVerdict::ignored(format!(
                        "the pattern \"{pattern}\" in {origin} in the settings leaves it out"
                    ));
                }
                Match::Whitelist(_) => return RuleVerdict::Keep,
                Match::None => {}
            }
        }
        match first_match(chain, path, is_dir, |own| own.hippo.as_ref()) {
            Some(RuleVerdict::Keep) => return RuleVerdict::Keep,
            Some(ignored) => return ignored,
            None => {}
        }
        if let Some(ignored @ RuleVerdict::Ignored { .. }) =
            first_match(chain, path, is_dir, |own| own.git.as_ref())
        {
            return ignored;
        }
        if inner.hidden && name.as_bytes().starts_with(b".") {
            return RuleVerdict::ignored("it is hidden: its name begins with a dot");
        }
        if inner.build_folders
            && is_dir
            && let Some((why, by)) = builds::build_folder(path)
        {
            return RuleVerdict::Ignored { why, by };
        }
        RuleVerdict::Keep
    }

    /// As `enter`, through the cache: two lstat and no read where nothing changed.
    fn cached(&self, above: Chain, dir: &Path) -> Chain {
        let stamps = [HIPPO_FILE, GIT_FILE].map(|name| stamp(&dir.join(name)));
        let mut cache = self
            .inner
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if stamps == [None, None] {
            cache.remove(dir);
            return above;
        }
        if let Some(known) = cache.get(dir).filter(|known| known.stamps == stamps) {
            return link(above, known.own.clone());
        }
        let own = Arc::new(DirRules {
            hippo: stamps[0].and_then(|_| read(dir, HIPPO_FILE)),
            git: (self.inner.gitignore && stamps[1].is_some())
                .then(|| read(dir, GIT_FILE))
                .flatten(),
        });
        if cache.len() >= CACHED_DIRS_MAX {
            cache.clear();
        }
        let cached = Cached {
            stamps,
            own: own.clone(),
        };
        cache.insert(dir.to_owned(), cached);
        link(above, own)
    }
}

impl Inner {
    fn system(&self, path: &Path) -> Option<RuleVerdict> {
        if self.never.iter().any(|dir| dir == path) {
            return Some(RuleVerdict::ignored("hippo keeps its own files there"));
        }
        let name = path.file_name()?;
        let system = SYSTEM_NAMES.iter().any(|known| name == *known)
            || name.as_bytes().starts_with(b".Trash-")
            || SYSTEM_FOLDERS.iter().any(|known| path == Path::new(known));
        system.then(|| RuleVerdict::ignored("it is a system folder"))
    }
}

fn link(above: Chain, own: Arc<DirRules>) -> Chain {
    if own.hippo.is_none() && own.git.is_none() {
        return above;
    }
    Some(Arc::new(Level { above, own }))
}

fn first_match<'a>(
    chain: &'a Chain,
    path: &Path,
    is_dir: bool,
    pick: impl Fn(&'a DirRules) -> Option<&'a Gitignore>,
) -> Option<RuleVerdict> {
    let mut next = chain.as_deref();
    while let Some(level) = next {
        if let Some(rules) = pick(&level.own) {
            match rules.matched(path, is_dir) {
                Match::Ignore(glob) => {
                    let by = glob.from().map(Path::to_owned);
                    let file = by.as_deref().unwrap_or(Path::new("an ignore file"));
                    let why = format!(
                        "the pattern \"{}\" in {} leaves it out",
                        glob.original(),
                        file.display()
                    );
                    return Some(RuleVerdict::Ignored { why, by });
                }
                Match::Whitelist(_) => return Some(RuleVerdict::Keep),
                Match::None => {}
            }
        }
        next = level.above.as_deref();
    }
    None
}

fn from_settings(folder: &Path, patterns: &[String]) -> Result<Gitignore, RulesError> {
    let error = |pattern: &str, error: &ignore::Error| RulesError {
        folder: folder.to_owned(),
        pattern: pattern.to_owned(),
        message: error.to_string(),
    };
    let mut builder = GitignoreBuilder::new(folder);
    for pattern in patterns {
        builder
            .add_line(None, pattern)
            .map_err(|source| error(pattern, &source))?;
    }
    builder
        .build()
        .map_err(|source| error(&patterns.join(" "), &source))
}

/// The rules in `dir/name`. Lines that cannot be understood are passed over, as git
/// does; so is a file that cannot be read, or is none (a pipe would stall us).
#[allow(clippy::disallowed_methods)] // bounded by IGNORE_FILE_MAX_BYTES
fn read(dir: &Path, name: &str) -> Option<Gitignore> {
    let path = dir.join(name);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = open(&path, flags, Mode::empty()).ok()?;
    if FileType::from_raw_mode(fstat(&file).ok()?.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(IGNORE_FILE_MAX_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    let mut builder = GitignoreBuilder::new(dir);
    for line in String::from_utf8_lossy(&bytes)
        .trim_start_matches('\u{feff}')
        .lines()
    {
        // An error here is a line that git would not understand either.
        let _ = builder.add_line(Some(path.clone()), line);
    }
    builder.build().ok().filter(|rules| !rules.is_empty())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = lstat(path).ok()?;
    Some((
        found.st_ino,
        found.st_size,
        found.st_mtime as i64,
        found.st_mtime_nsec as i64,
        found.st_ctime as i64,
        found.st_ctime_nsec as i64,
    ))
}
