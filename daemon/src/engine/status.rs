//! `status`, `folders` and `why`: what the journal, the table and the live facts say, put in
//! the words of the wire.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hippo_extractors::Kind;

use super::rest::{Rest, Work, rests};
use super::shared::{FolderRuntime, Shared, blocking, lock};
use super::{EngineError, ear, generations, model_status};
use crate::journal::{Counts, FEED, FileRecord, FolderCounts, FolderRecord, State};
use crate::scan::RuleVerdict;
use crate::service::wire;
use crate::watch::{Coverage, Covered};

/// Failures that `status` names; `hippo why` tells of any other.
const RECENT_FAILURES: usize = 10;

/// Everything at a glance.
pub(super) async fn status(shared: &Arc<Shared>) -> Result<wire::Status, EngineError> {
    let counting = Arc::clone(shared);
    let (counts, records, failures, made, unheard) = blocking(move || {
        let journal = &counting.journal;
        Ok((
            journal.counts()?,
            journal.folders()?,
            journal.recent_failures(RECENT_FAILURES)?,
            journal.made()?,
            ear::unheard(&counting)?,
        ))
    })
    .await?;
    let coverage = shared.watcher.coverage();
    let table = shared.store.stats().await?;
    let maintained_at = shared.maintained_at.load(Ordering::Relaxed) as i64;
    Ok(wire::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_s: shared.started.elapsed().as_secs(),
        socket: shared.paths.socket().display().to_string(),
        home: shared.paths.data_dir.display().to_string(),
        state: state(shared, &counts),
        fresh: wire::Fresh {
            pending: counts.pending,
            failed: counts.failed,
        },
        folders: shared
            .folders()
            .iter()
            .map(|folder| wire_folder(shared, folder, &records, &counts, &coverage))
            .collect(),
        counts: wire::Counts {
            by_state: counts
                .by_state
                .iter()
                .map(|(k, v)| ((*k).to_owned(), *v))
                .collect(),
            by_kind: counts.by_kind.clone(),
        },
        segments: counts.segments,
        at_work: at_work(shared),
        recent_failures: failures
            .into_iter()
            .map(|f| wire::Failure {
                path: f.path.display().to_string(),
                stage: f.stage,
                reason: f.reason,
            })
            .collect(),
        models: model_status::all(shared, &made, unheard),
        sandbox: sandbox(shared),
        watch: wire::Watch {
            watched_dirs: coverage.watched_dirs,
            polled_dirs: coverage.polled_dirs,
            notes: coverage.notes,
        },
        index: wire::Index {
            rows: table.rows,
            unindexed: table.unindexed,
            bytes: table.bytes,
            versions: table.versions,
            last_maintenance: (maintained_at > 0).then(|| moment(maintained_at)),
        },
        paused: paused(shared),
        waits: waits(shared, &counts, unheard),
        memory: wire::Memory {
            rss_bytes: rss_bytes(),
        },
    })
}

/// The watched folders.
pub(super) async fn folders(shared: &Arc<Shared>) -> Result<Vec<wire::Folder>, EngineError> {
    let counting = Arc::clone(shared);
    let (counts, records) =
        blocking(move || Ok((counting.journal.counts()?, counting.journal.folders()?))).await?;
    let coverage = shared.watcher.coverage();
    Ok(shared
        .folders()
        .iter()
        .map(|folder| wire_folder(shared, folder, &records, &counts, &coverage))
        .collect())
}

/// The folders of which a part is only polled.
pub(super) fn polled(shared: &Shared) -> Vec<PathBuf> {
    let coverage = shared.watcher.coverage();
    let polled = coverage
        .folders
        .into_iter()
        .filter(|f| f.state != Covered::Live);
    polled.map(|f| f.path).collect()
}

fn state(shared: &Shared, counts: &Counts) -> wire::State {
    let rests = rests(shared, Work::Files).is_some();
    if lock(&shared.paused).is_some() || rests {
        wire::State::Paused
    } else if shared.scans_running.load(Ordering::Relaxed) > 0 {
        wire::State::Scanning
    } else if counts.pending > 0 || !lock(&shared.at_work).is_empty() {
        wire::State::Syncing
    } else {
        wire::State::Idle
    }
}

fn wire_folder(
    shared: &Shared,
    folder: &FolderRuntime,
    records: &[FolderRecord],
    counts: &Counts,
    coverage: &Coverage,
) -> wire::Folder {
    let record = records.iter().find(|record| record.id == folder.id);
    let scanned_at = record.and_then(|record| record.scanned_at);
    let (state, why) = folder_state(shared, folder, scanned_at, coverage);
    let none = FolderCounts::default();
    let files = counts.folders.get(&folder.id).unwrap_or(&none);
    wire::Folder {
        path: folder.path.display().to_string(),
        state,
        why,
        files: files.files,
        done: files.done,
        pending: files.pending,
        failed: files.failed,
        skipped: files.skipped,
        last_scan: scanned_at.map(moment),
    }
}

fn folder_state(
    shared: &Shared,
    folder: &FolderRuntime,
    scanned_at: Option<i64>,
    coverage: &Coverage,
) -> (wire::FolderState, Option<String>) {
    if let Some(why) = lock(&folder.unavailable).clone() {
        let there = folder.path.exists();
        let state = if there {
            wire::FolderState::Unavailable
        } else {
            wire::FolderState::Missing
        };
        return (state, Some(why));
    }
    if scanned_at.is_none() && shared.scans_running.load(Ordering::Relaxed) > 0 {
        return (wire::FolderState::Scanning, None);
    }
    let unreadable = lock(&folder.unreadable).join("; ");
    let unreadable = (!unreadable.is_empty()).then_some(unreadable);
    let covered = coverage
        .folders
        .iter()
        .find(|c| c.path == folder.path)
        .map(|c| &c.state);
    match covered {
        Some(Covered::Polled { why }) => (wire::FolderState::Polled, Some(why.clone())),
        Some(Covered::Partial {
            watched,
            polled,
            why,
        }) => (
            wire::FolderState::Polled,
            Some(format!(
                "{watched} directories are watched, {polled} polled: {why}"
            )),
        ),
        Some(Covered::Live) | None => (wire::FolderState::Live, unreadable),
    }
}

fn at_work(shared: &Shared) -> Vec<wire::AtWork> {
    lock(&shared.at_work)
        .values()
        .map(|work| wire::AtWork {
            path: work.path.display().to_string(),
            stage: work.stage.clone(),
            done: work.done,
            total: work.total,
            seconds: work.since.elapsed().as_secs_f64(),
        })
        .collect()
}

fn sandbox(shared: &Shared) -> wire::Sandbox {
    let report = shared.pool.sandbox();
    wire::Sandbox {
        landlock: report.landlock.as_str().to_owned(),
        seccomp: report.seccomp.as_str().to_owned(),
        rlimits: report.rlimits,
        missing: report.missing,
    }
}

/// Whether the reading of files rests, and for what.
pub(super) fn paused(shared: &Shared) -> wire::Paused {
    let rest = rests(shared, Work::Files);
    let until = match rest {
        Some(Rest::Asked { until }) => until.map(moment),
        _ => None,
    };
    wire::Paused {
        by: rest.map(|rest| rest.as_str().to_owned()),
        until,
        pending: shared.fresh().pending,
    }
}

/// What waits, and for what.
fn waits(shared: &Shared, counts: &Counts, unheard: u64) -> Vec<String> {
    let mut waits = Vec::new();
    let work = [
        (counts.pending, Work::Files, "files"),
        (unheard, Work::Bulk, "recordings"),
    ];
    for (waiting, work, what) in work {
        match rests(shared, work) {
            Some(rest) if waiting > 0 => {
                waits.push(format!("{waiting} {what} wait: {}", rest.in_words()));
            }
            // Nothing waits, and still one wants to know.
            Some(rest @ Rest::Asked { .. }) if waits.is_empty() => waits.push(rest.in_words()),
            _ => {}
        }
    }
    if let Some(reason) = lock(&shared.paused).clone() {
        waits.push(format!("{} files wait: {reason}", counts.pending));
    }
    for folder in shared.folders() {
        if let Some(why) = lock(&folder.unavailable).clone() {
            waits.push(format!("{}: {why}", folder.path.display()));
        }
    }
    waits.extend(model_status::waits(shared));
    waits
}

/// All that is known of one path, and the rule that leaves it out if one does.
pub(super) async fn why(shared: &Arc<Shared>, path: &Path) -> Result<wire::Why, EngineError> {
    let looking = Arc::clone(shared);
    let wanted = path.to_owned();
    let known = blocking(move || {
        let record = looking.journal.record(&wanted)?;
        let speakers = match &record {
            Some(record) => looking.journal.speakers(record.id)?,
            None => Vec::new(),
        };
        Ok((record, speakers))
    });
    let (record, speakers) = known.await?;
    let mut why = wire::Why {
        path: path.display().to_string(),
        speakers,
        ..wire::Why::default()
    };
    match record {
        Some(record) => describe(shared, &mut why, &record),
        None => explain_absence(shared, path, &mut why),
    }
    Ok(why)
}

fn describe(shared: &Shared, why: &mut wire::Why, record: &FileRecord) {
    record.state.as_str().clone_into(&mut why.state);
    let about = &record.about;
    why.kind = (!about.kind.is_empty()).then(|| about.kind.clone());
    why.size = Some(record.size);
    why.revision = Some(record.revision);
    why.segments = Some(u64::from(record.segments));
    why.title.clone_from(&about.title);
    why.dated_at = about.facts.dated_ms.map(moment);
    why.camera.clone_from(&about.facts.camera);
    why.position.clone_from(&about.position);
    why.place.clone_from(&about.facts.place);
    why.show.clone_from(&about.facts.show);
    why.extractor.clone_from(&about.engine);
    let lineup = shared.models.lineup();
    let made = record.generation.as_ref();
    why.generation = made.map(|made| generations::in_names(&lineup, made));
    why.content = record
        .content
        .map(|content| blake3::Hash::from(content).to_hex().to_string());
    why.changed_at = Some(moment(record.changed_at));
    why.done_at = record.done_at.map(moment);
    why.attempts = Some(u64::from(record.attempts));
    why.stage.clone_from(&record.stage);
    why.reason.clone_from(&record.reason);
    let sees = lineup.joint.active.is_some();
    why.explanation = explanation(record, sees);
    if record.state == State::Done && is_sound(&about.kind) {
        let hearing = hearing(shared, record);
        why.explanation.push_str(&hearing);
    }
}

fn is_sound(kind: &str) -> bool {
    kind == Kind::Audio.as_str() || kind == Kind::Video.as_str()
}

/// What is to come of a recording that was read.
fn hearing(shared: &Shared, record: &FileRecord) -> String {
    let made = record.generation.as_ref();
    if made.is_some_and(|made| made.extractor.replace(FEED, "").contains('~')) {
        return String::new();
    }
    match shared.listening.wanted() {
        None => {
            " What is said in it will find it once there is a speech model: `hippo models pull`."
                .to_owned()
        }
        Some((name, Some(reason))) => {
            format!(" What is said in it waits for the model {name}: {reason}.")
        }
        Some((_, None)) => match lock(&shared.at_work).get(&record.id) {
            Some(work) => format!(
                " It is being heard: {} of {} minutes.",
                work.done / 60_000,
                work.total / 60_000
            ),
            None => " It waits to be heard.".to_owned(),
        },
    }
}

/// `sees` says that a joint model is there.
fn explanation(record: &FileRecord, sees: bool) -> String {
    let reason = record.reason.as_deref().unwrap_or("no reason was recorded");
    let stage = record.stage.as_deref().unwrap_or("reading");
    let mut text = match record.state {
        State::Done if record.segments == 0 => {
            "It was read, and there are no words in it to be found by.".to_owned()
        }
        State::Done if record.about.kind == Kind::Image.as_str() && !sees => {
            "It was read. Its title and captions, where it has any, find it; what it shows will, \
             once there is a joint model: `hippo models pull`."
                .to_owned()
        }
        State::Done => {
            let many = if record.segments == 1 { "" } else { "s" };
            let by = record.about.engine.as_deref();
            let by = by.map(|e| format!(", read by {e}")).unwrap_or_default();
            format!("It is searchable: {} segment{many}{by}.", record.segments)
        }
        State::Failed => format!(
            "It could not be read (at: {stage}): {reason}. It is tried again when it changes, or by `hippo retry`."
        ),
        State::Skipped => format!("It is left out: {reason}."),
        State::Missing => {
            "It is no longer there; what was read from it leaves the index now.".to_owned()
        }
        _ if record.attempts > 1 => format!("It waits to be tried again: {reason}."),
        State::Dirty => "It has changed and waits to be read.".to_owned(),
        _ => "It is being read at this moment.".to_owned(),
    };
    let notes = &record.about.notes;
    if record.state == State::Done && !notes.is_empty() {
        let _ = write!(text, " Note: {}.", notes.join("; "));
    }
    text
}

fn explain_absence(shared: &Shared, path: &Path, why: &mut wire::Why) {
    let stat = std::fs::symlink_metadata(path);
    let Some(folder) = shared.folder_of(path) else {
        "not watched".clone_into(&mut why.state);
        why.explanation = format!(
            "It is in no watched folder: `hippo add {}` watches its folder.",
            path.parent().unwrap_or(path).display()
        );
        return;
    };
    let is_dir = stat.as_ref().is_ok_and(std::fs::Metadata::is_dir);
    if let RuleVerdict::Ignored { why: rule, by } = folder.rules.verdict(path, is_dir) {
        "ignored".clone_into(&mut why.state);
        why.ignored_by = by.map(|by| by.display().to_string());
        why.explanation = format!("It is left out: {rule}.");
        why.reason = Some(rule);
        return;
    }
    let (state, explanation) = match stat {
        Err(_) => ("not found", "There is no such file."),
        Ok(stat) if stat.is_dir() => (
            "folder",
            "It is a folder in a watched one: ask about the files in it.",
        ),
        Ok(stat) if stat.is_symlink() => (
            "ignored",
            "It is a symbolic link: links are not followed, what they lead to is found at its own place.",
        ),
        Ok(stat) if !stat.is_file() => ("ignored", "It is not a regular file."),
        Ok(_) => (
            "pending",
            "It has not been looked at yet: a scan is on its way.",
        ),
    };
    state.clone_into(&mut why.state);
    explanation.clone_into(&mut why.explanation);
}

/// A moment of the journal's clock, RFC 3339 in the local zone.
pub(super) fn moment(ms: i64) -> String {
    let zone = jiff::tz::TimeZone::system();
    jiff::Timestamp::from_millisecond(ms)
        .map(|at| {
            at.to_zoned(zone)
                .strftime("%Y-%m-%dT%H:%M:%S%:z")
                .to_string()
        })
        .unwrap_or_default()
}

/// Resident memory of this process; 0 where the system does not tell.
pub(super) fn rss_bytes() -> u64 {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else {
        return 0;
    };
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
