//! The settings as the rest of hippo sees them: validated, complete, with units.
//!
//! Every field has a default, so that a settings file need hold nothing but
//! folders; an empty one is good too. The limits' reasons stand beside them. The
//! reference for people is `docs/settings.md`, which a test holds to this file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::raw::{SettingsError, SettingsErrors};
use crate::validate;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Everything that a person can set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Settings {
    /// The folders to remember. None is fine: `hippo add` brings the first.
    pub folders: Vec<FolderSettings>,
    /// What is left out inside every folder.
    pub ignore: IgnoreSettings,
    /// How large a file may be, and what may come out of it.
    pub limits: Limits,
    /// How changes on disk are noticed.
    pub watch: WatchSettings,
    /// The sandboxed processes that read files.
    pub worker: WorkerSettings,
    /// Which models play which role.
    pub models: ModelSettings,
    /// When work waits for the mains.
    pub power: PowerSettings,
    /// The table.
    pub index: IndexSettings,
    /// Answers.
    pub search: SearchSettings,
    /// The socket.
    pub service: ServiceSettings,
    /// What is written down about hippo's own doings.
    pub log: LogSettings,
}

/// One folder to remember.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderSettings {
    /// Absolute; a leading `~` has been expanded.
    pub path: PathBuf,
    /// Patterns of `.gitignore` style for this folder alone. Checked.
    pub exclude: Vec<String>,
}

/// What is left out inside every folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoreSettings {
    /// Leave out files and folders whose name begins with a dot: they hold
    /// programs' state rather than a person's words, and often secrets.
    pub hidden: bool,
    /// Follow `.gitignore` files: what is not worth keeping is not worth finding.
    /// `.hippoignore` files are always followed.
    pub gitignore: bool,
    /// Leave out the usual build folders (`target`, `node_modules`, ...), which
    /// hold many files that no person wrote.
    pub build_folders: bool,
    /// More patterns of `.gitignore` style, for all folders. Checked.
    pub patterns: Vec<String>,
}

impl Default for IgnoreSettings {
    fn default() -> Self {
        Self {
            hidden: true,
            gitignore: true,
            build_folders: true,
            patterns: Vec::new(),
        }
    }
}

/// How large a file may be, and what may come out of it.
///
/// These bound memory and time in the worker; what exceeds them is skipped with a
/// reason that names the limit. They travel to the worker, hence the serde derives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Plain text, Markdown, HTML, source, CSV, JSON. 32 MiB is some five thousand
    /// pages: above it one meets dumps and logs, not writing.
    pub text_max_bytes: u64,
    /// PDF. 512 MiB covers scanned books; pages are read one by one.
    pub pdf_max_bytes: u64,
    /// Subtitles and transcripts. A day of speech is about 1 MiB.
    pub subtitle_max_bytes: u64,
    /// Text extracted from one file, whatever its kind: it is what a worker's
    /// answer may hold in memory, and what stops a decompression bomb.
    pub file_text_max_bytes: u64,
    /// Segments of one file: 200,000 are 64 MiB of text at about 330 bytes each.
    pub file_max_segments: u32,
    /// Pages of one PDF: four times the longest book printed.
    pub pdf_max_pages: u32,
    /// Pictures. 256 MiB covers a scanner's uncompressed pages; it is read whole.
    pub picture_max_bytes: u64,
    /// Pixels of one picture: above the largest single shots of phones but for their
    /// stunt modes. Decoding takes up to eight bytes a pixel, so that 100 million fit a
    /// worker's memory; with more, `worker.memory_max_mib` must grow too.
    pub picture_max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_max_bytes: 32 * MIB,
            pdf_max_bytes: 512 * MIB,
            subtitle_max_bytes: 8 * MIB,
            file_text_max_bytes: 64 * MIB,
            file_max_segments: 200_000,
            pdf_max_pages: 20_000,
            picture_max_bytes: 256 * MIB,
            picture_max_pixels: 100_000_000,
        }
    }
}

/// How changes on disk are noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchSettings {
    /// Milliseconds for which a path must be quiet before it is read: an editor
    /// writes a file in several steps, 150 ms outlast them and are not felt.
    pub settle_ms: u64,
    /// Milliseconds after which a path is read though it never comes to rest, so
    /// that a log which grows for ever is indexed too.
    pub max_wait_ms: u64,
    /// Minutes between full scans, which find what the watch could not see.
    pub rescan_minutes: u64,
    /// Seconds between looks at folders that cannot be watched (network file
    /// systems, watches used up).
    pub poll_seconds: u64,
    /// Folders watched at most; none leaves it to the system's own limit. What is
    /// beyond it is polled.
    pub max_watches: Option<u64>,
    /// Changed paths held between the watch and the engine. When they are more, a
    /// scan is asked for instead: nothing is lost. 16,384 paths are about 2 MiB.
    pub hint_capacity: usize,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            settle_ms: 150,
            max_wait_ms: 5_000,
            rescan_minutes: 60,
            poll_seconds: 30,
            max_watches: None,
            hint_capacity: 16_384,
        }
    }
}

/// The sandboxed processes that read files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// How many; 0 is one a core, at most eight.
    pub count: usize,
    /// Memory of each, in MiB. A worker that needs more is stopped and its file
    /// recorded as failed: one hostile file must not take the machine's memory.
    pub memory_max_mib: u64,
    /// Milliseconds without a sign of life after which a worker is stopped. It is
    /// no limit on the whole: a file that takes an hour and shows progress is fine.
    pub stall_ms: u64,
    /// Files after which a worker is replaced, so that slow leaks in a parser end.
    pub files_per_worker: u64,
    /// Another program to run in place of this one, for tests. Not in the reference.
    pub program: Option<PathBuf>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            count: 0,
            memory_max_mib: 1024,
            stall_ms: 20_000,
            files_per_worker: 2_000,
            program: None,
        }
    }
}

/// Which models play which role. A name is that of a folder,
/// `<models folder>/<name>/manifest.toml`; "none" is no model, whatever lies there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelSettings {
    /// The models of the roles that are not named here.
    pub profile: ProfileSetting,
    /// Vectors of pictures, and of texts in the same space.
    pub joint: Option<String>,
    /// Vectors of passages.
    pub passage: Option<String>,
    /// Speech to text.
    pub speech: Option<String>,
    /// Where somebody speaks.
    pub voice: Option<String>,
    /// Text in pictures.
    pub ocr: Option<String>,
    /// Threads for a model; 0 is one a core.
    pub threads: usize,
    /// Minutes without work after which a model leaves memory.
    pub unload_after_minutes: u64,
    /// Where the hub is looked for in place of huggingface.co; `HF_ENDPOINT` comes first.
    pub endpoint: Option<String>,
    /// A plain mirror, `<mirror>/<model>/<file>`, in place of every address.
    pub mirror: Option<String>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            profile: ProfileSetting::Auto,
            joint: None,
            passage: None,
            speech: None,
            voice: None,
            ocr: None,
            threads: 0,
            unload_after_minutes: 10,
            endpoint: None,
            mirror: None,
        }
    }
}

/// What plays the roles that no setting names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileSetting {
    /// What lies here: of the profile `small`, else of `demo`.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// The models of this profile, be they there or not.
    #[serde(untagged)]
    Named(&'static str),
}

/// What background work does on the battery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBattery {
    /// Files are read, few at once; recordings and new vectors wait for the mains.
    #[default]
    Slow,
    /// All of it waits for the mains.
    Pause,
    /// As on the mains.
    Ignore,
}

impl OnBattery {
    /// All of them.
    pub const ALL: [OnBattery; 3] = [OnBattery::Slow, OnBattery::Pause, OnBattery::Ignore];

    /// The word in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            OnBattery::Slow => "slow",
            OnBattery::Pause => "pause",
            OnBattery::Ignore => "ignore",
        }
    }
}

/// When work waits for the mains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerSettings {
    /// What background work does on the battery.
    pub battery: OnBattery,
    /// Where the kernel tells of batteries and mains; another folder for tests. Not in the
    /// reference.
    pub supplies: PathBuf,
}

impl Default for PowerSettings {
    fn default() -> Self {
        Self {
            battery: OnBattery::Slow,
            supplies: PathBuf::from("/sys/class/power_supply"),
        }
    }
}

/// The table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSettings {
    /// Where the table lies, when not in the data folder: `s3://…`, `gs://…`,
    /// `az://…`, `db://…`, or an absolute path.
    pub uri: Option<String>,
    /// Rows from which an approximate vector index is built: below it, comparing
    /// with every row is exact and takes about 70 ms.
    pub vector_index_rows: usize,
    /// Memory for index pages, in MiB.
    pub cache_mib: usize,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            uri: None,
            vector_index_rows: 100_000,
            cache_mib: 64,
        }
    }
}

/// Answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchSettings {
    /// Hits in an answer when the question does not say.
    pub limit: usize,
    /// Rows that each way of finding (words, vectors) brings to the fusion. It must
    /// well exceed `limit`, or grouping by file starves.
    pub leg_limit: usize,
    /// Weight of vectors against words, 0 to 1, for a question in English.
    pub dense_weight_en: f32,
    /// The same for Chinese, where words alone are weaker.
    pub dense_weight_zh: f32,
    /// The same where both are mixed.
    pub dense_weight_mixed: f32,
    /// The same for quotes, identifiers and file names: words decide.
    pub dense_weight_exact: f32,
    /// Milliseconds after which a question is given up.
    pub deadline_ms: u64,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            limit: 10,
            leg_limit: 100,
            dense_weight_en: 0.5,
            dense_weight_zh: 0.75,
            dense_weight_mixed: 0.65,
            dense_weight_exact: 0.2,
            deadline_ms: 5_000,
        }
    }
}

/// The socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSettings {
    /// The largest request, in KiB: a long paragraph is 4 KiB.
    pub max_body_kib: usize,
    /// Requests at work at once; more are refused with "busy, try again".
    pub max_concurrent: usize,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            max_body_kib: 1024,
            max_concurrent: 64,
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Data at risk, or a person is needed.
    Error,
    /// And what went wrong and was handled.
    Warn,
    /// And what was done.
    #[default]
    Info,
    /// And how.
    Debug,
    /// And every step.
    Trace,
}

impl LogLevel {
    /// All of them, quietest first.
    pub const ALL: [LogLevel; 5] = [
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ];

    /// The word in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// What is written down about hippo's own doings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSettings {
    /// How much.
    pub level: LogLevel,
    /// Daily log files kept.
    pub keep_files: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            keep_files: 7,
        }
    }
}

impl Settings {
    /// Reads the settings file; one that does not exist is the defaults.
    pub fn load(path: &Path) -> Result<Settings, SettingsErrors> {
        match std::fs::read_to_string(path) {
            Ok(text) => Settings::parse(&text, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(error) => Err(SettingsErrors {
                origin: path.to_owned(),
                errors: vec![SettingsError {
                    key: String::new(),
                    line: None,
                    message: format!("the file cannot be read: {error}"),
                }],
            }),
        }
    }

    /// Checks a settings text. `origin` is what errors call it.
    pub fn parse(text: &str, origin: &Path) -> Result<Settings, SettingsErrors> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        validate::parse(text, origin, home.as_deref())
    }
}
