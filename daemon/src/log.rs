//! Where the log goes: a file a day, the oldest removed, for this user alone.
//!
//! `RUST_LOG` decides over the setting `log.level`. Lines are never dropped to keep up: a log
//! that loses the line before the crash is none. In the foreground the terminal sees them too.

use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hippo_config::LogSettings;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// The files' names, before the date.
pub const PREFIX: &str = "hippo.log";
/// What others write at the same level, which is theirs to read.
const QUIETER: &str = "lance=warn,lancedb=warn,lance_core=warn,lance_table=warn,lance_index=warn,\
                       lance_encoding=warn,lance_io=warn,lance_file=warn,datafusion=warn,\
                       object_store=warn,tantivy=warn,ort=warn,hyper=warn,h2=warn,pdfium_render=warn,\
                       html5ever=error,selectors=error,lopdf=error,pdf_extract=error";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder or file cannot be made.
    #[error("cannot write the log in {}: {reason}", dir.display())]
    Open {
        /// The folder.
        dir: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Starts logging. What is returned has to live as long as the process: dropping it writes out
/// what is left.
pub fn init(dir: &Path, settings: &LogSettings, foreground: bool) -> Result<WorkerGuard, LogError> {
    let failed = |reason: String| LogError::Open {
        dir: dir.to_owned(),
        reason,
    };
    let appender = appender(dir, settings).map_err(failed)?;
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(appender);
    let file = fmt::layer()
        .with_ansi(false)
        .with_writer(writer)
        .with_filter(filter(settings));
    let terminal = std::io::stderr().is_terminal();
    let screen = foreground.then(|| {
        let layer = fmt::layer()
            .with_ansi(terminal)
            .with_target(false)
            .with_writer(std::io::stderr);
        layer.with_filter(filter(settings))
    });
    let registry = tracing_subscriber::registry().with(file).with(screen);
    // Somebody else's subscriber (a test's) stays.
    let _ = registry.try_init();
    Ok(guard)
}

fn appender(dir: &Path, settings: &LogSettings) -> Result<RollingFileAppender, String> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|error| error.to_string())?;
    // Files get their mode from the umask, which the daemon sets to 0077 before anything else.
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(PREFIX)
        .max_log_files(settings.keep_files.max(1))
        .build(dir)
        .map_err(|error| error.to_string())
}

fn filter(settings: &LogSettings) -> EnvFilter {
    let ours = || EnvFilter::new(format!("{},{QUIETER}", settings.level.as_str()));
    match std::env::var("RUST_LOG") {
        Ok(wanted) if !wanted.trim().is_empty() => {
            EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
                eprintln!("RUST_LOG is not understood ({error}); going by log.level");
                ours()
            })
        }
        _ => ours(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_log_is_a_file_a_day_in_a_folder_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("state/log");
        let mut appender = appender(&logs, &LogSettings::default()).unwrap();
        appender.write_all(b"line\n").unwrap();
        let names: Vec<_> = std::fs::read_dir(&logs)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 1);
        assert!(
            names[0].to_string_lossy().starts_with("hippo.log."),
            "{names:?}"
        );
    }

    #[test]
    fn every_level_makes_a_filter() {
        for level in hippo_config::LogLevel::ALL {
            let settings = LogSettings {
                level,
                ..LogSettings::default()
            };
            let shown = filter(&settings).to_string();
            assert!(shown.contains("lance=warn"), "{shown}");
        }
    }
}
