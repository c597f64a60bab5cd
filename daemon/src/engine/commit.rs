//! The only writer: outcomes, moves and departures, in batches.
//!
//! A batch of outcomes goes: stat every file again (a file that changed meanwhile is put back)
//! -> take a revision, durably -> add the new rows and delete the old ones, durably -> say so
//! in the journal, durably. A crash between any two steps leaves the work in the journal; rows
//! of a revision that was never acknowledged are found at the next start and removed.
//!
//! What is completed and what is caught up with goes its own ways (`complete`, `sweep`).
//!
//! A full disk pauses the writer with everything it holds, and it goes on by itself.
//!
//! Places are brought up to date whenever the writer is awake, and when it starts: a file can
//! move before its rows are acknowledged, or before a crash.

mod gather;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hippo_index::{Row, Space};
use tokio::sync::{mpsc, oneshot};

use super::bytes::fact;
use super::complete::{Completed, Completions};
use super::driver::Event;
use super::job::{Finished, OutcomeOf, Reading};
use super::shared::{Shared, blocking, lock};
use super::{EngineError, generations, sweep};
use crate::journal::{Ack, Claim, Verdict, now_ms};
use crate::service::wire::EventKind;
use gather::gather;

/// A failed commit is tried again after this long, then twice as long, up to the maximum.
const RETRY_MS: u64 = 500;
/// See [`RETRY_MS`].
const RETRY_MAX_MS: u64 = 30_000;

/// A file that could not be tried is tried again after this long, doubled with each attempt.
const LATER_MS: i64 = 1_000;
/// See [`LATER_MS`].
const LATER_MAX_MS: i64 = 300_000;

/// What the writer is asked to do.
pub(super) enum Work {
    /// A file was read.
    Finished(Box<Finished>),
    /// Some files moved: wake up, their places in the table are behind.
    Moves,
    /// Files gone since before this moment leave the table.
    Departures { until: i64 },
    /// These rows have vectors that they lacked. Answered when they are recorded.
    Completed(Vec<Completed>, oneshot::Sender<()>),
    /// The table's columns of vectors are to be those of the models in use. Answered then.
    Spaces(oneshot::Sender<()>),
}

/// Files whose outcome could be recorded, or not yet.
struct Batch {
    ready: Vec<(Claim, Box<OutcomeOf>)>,
    unchanged: Vec<(Claim, crate::scan::DiskFact)>,
    /// Changed or vanished under the reader: look again.
    again: Vec<Claim>,
    later: Vec<(Claim, String)>,
    /// The revision of an attempt that failed: some of its rows may be in the table.
    failed: Option<u64>,
    guards: Vec<super::shared::ReadingGuard>,
}

/// What the writer does until it is done: however often it takes.
enum Duty {
    Outcomes(Batch),
    Places,
    Departures { until: i64 },
    Completions(Completions),
    Spaces,
}

/// Runs until the channel closes. Dropping the last sender ends it after what it holds.
pub(super) async fn run(shared: Arc<Shared>, mut work: mpsc::Receiver<Work>) {
    // What the last life left behind.
    fulfil(&shared, &mut Duty::Places).await;
    while let Some(first) = work.recv().await {
        let mut next = Some(first);
        while let Some(work_now) = next.take() {
            match work_now {
                Work::Finished(finished) => {
                    let (batch, then) = gather(*finished, &mut work).await;
                    settle(&shared, batch).await;
                    next = then;
                }
                Work::Departures { until } => {
                    fulfil(&shared, &mut Duty::Departures { until }).await;
                }
                Work::Moves => {}
                Work::Completed(files, reply) => {
                    let completions = Completions::new(files);
                    fulfil(&shared, &mut Duty::Completions(completions)).await;
                    let _ = reply.send(());
                }
                Work::Spaces(reply) => {
                    fulfil(&shared, &mut Duty::Spaces).await;
                    let _ = reply.send(());
                }
            }
        }
        fulfil(&shared, &mut Duty::Places).await;
        shared.refresh();
    }
}

/// Records what was read.
async fn settle(shared: &Arc<Shared>, finished: Vec<Finished>) {
    let ids: Vec<u64> = finished.iter().map(|f| f.claim.id).collect();
    let mut duty = match sort(shared, finished).await {
        Ok(batch) => Duty::Outcomes(batch),
        Err(error) => return give_up(shared, &ids, &error).await,
    };
    if !fulfil(shared, &mut duty).await {
        return;
    }
    let Duty::Outcomes(batch) = duty else { return };
    announce(shared, &batch);
    let again = batch.again.iter().map(|claim| claim.path.clone()).collect();
    drop(batch);
    ended(shared, ids, again).await;
}

/// Tries until it is done: nothing that is due is dropped for a full disk. False when hippo
/// ends before; the journal still lists it then.
async fn fulfil(shared: &Arc<Shared>, duty: &mut Duty) -> bool {
    let mut wait_ms = RETRY_MS;
    let mut troubled = false;
    loop {
        let tried = match duty {
            Duty::Outcomes(batch) => commit(shared, batch).await,
            Duty::Places => sweep::relocate(shared).await,
            Duty::Departures { until } => sweep::depart(shared, *until).await,
            Duty::Completions(completions) => completions.attempt(shared).await,
            Duty::Spaces => generations::settle_columns(shared).await,
        };
        let Err(error) = tried else { break };
        troubled = true;
        report_trouble(shared, &error);
        let mut shutdown = shared.shutdown.subscribe();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            _ = shutdown.wait_for(|down| *down) => return false,
        }
        wait_ms = (wait_ms * 2).min(RETRY_MAX_MS);
    }
    if troubled {
        *lock(&shared.paused) = None;
    }
    true
}

/// The journal itself fails: the claims stay in it, and the next start finds them.
async fn give_up(shared: &Arc<Shared>, ids: &[u64], error: &EngineError) {
    tracing::error!(%error, files = ids.len(), "outcomes could not be recorded");
    ended(shared, ids.to_vec(), Vec::new()).await;
}

async fn ended(shared: &Arc<Shared>, ids: Vec<u64>, again: Vec<std::path::PathBuf>) {
    {
        let mut at_work = lock(&shared.at_work);
        for id in &ids {
            at_work.remove(id);
        }
    }
    let _ = shared.driver.send(Event::Committed { ids, again }).await;
}

fn report_trouble(shared: &Shared, error: &EngineError) {
    let reason = error.to_string();
    let mut paused = lock(&shared.paused);
    if paused.as_ref() != Some(&reason) {
        tracing::error!(reason, "writing to the table failed; trying again");
        *paused = Some(reason);
    }
}

/// Looks at every file once more and tells apart what can be recorded.
async fn sort(shared: &Arc<Shared>, finished: Vec<Finished>) -> Result<Batch, EngineError> {
    let shared = Arc::clone(shared);
    blocking(move || {
        let mut batch = Batch {
            ready: Vec::new(),
            unchanged: Vec::new(),
            again: Vec::new(),
            later: Vec::new(),
            failed: None,
            guards: Vec::new(),
        };
        for Finished {
            mut claim,
            reading,
            _guard: guard,
        } in finished
        {
            batch.guards.extend(guard);
            // A move while it was being read changes its place and nothing else.
            if let Some((path, folder)) = shared.journal.place_of(claim.id)? {
                claim.path = path;
                claim.folder = folder;
            } else {
                continue;
            }
            match reading {
                Reading::Outcome(outcome) if is_as_read(&claim, &outcome.disk) => {
                    batch.ready.push((claim, outcome));
                }
                Reading::Unchanged(disk) if is_as_read(&claim, &disk) => {
                    batch.unchanged.push((claim, disk));
                }
                Reading::Later(reason) => batch.later.push((claim, reason)),
                _ => batch.again.push(claim),
            }
        }
        Ok(batch)
    })
    .await
}

/// Whether the path still leads to the very bytes that were read. A rename changes the ctime
/// alone; so does a change of rights, and neither matters here.
fn is_as_read(claim: &Claim, read: &crate::scan::DiskFact) -> bool {
    std::fs::symlink_metadata(&claim.path).is_ok_and(|stat| {
        let now = fact(claim, &claim.path, &stat);
        stat.is_file() && (now.ino, now.size, now.mtime_ns) == (read.ino, read.size, read.mtime_ns)
    })
}

/// One attempt. What was done stays done: rows are taken out of the batch only with the ack.
async fn commit(shared: &Arc<Shared>, batch: &mut Batch) -> Result<(), EngineError> {
    put_back(shared, batch).await?;
    if batch.ready.is_empty() && batch.unchanged.is_empty() {
        return Ok(());
    }
    let writes = batch
        .ready
        .iter()
        .any(|(claim, outcome)| !outcome.rows.is_empty() || claim.revision > 0);
    if let Some(revision) = batch.failed {
        let left: Vec<_> = batch.ready.iter().map(|(c, _)| (c.id, revision)).collect();
        shared.store.purge(&left).await?;
        batch.failed = None;
    }
    let revision = if writes {
        write(shared, batch).await?
    } else {
        0
    };
    let acks: Vec<Ack> = batch
        .ready
        .iter()
        .map(|(claim, o)| ack(claim, o, revision))
        .collect();
    let unchanged: Vec<_> = batch
        .unchanged
        .iter()
        .map(|(c, disk)| (c.id, c.turn, disk.clone()))
        .collect();
    let journal = Arc::clone(shared);
    let orphans = blocking(move || {
        journal.journal.unchanged(&unchanged, now_ms())?;
        Ok(journal.journal.acknowledge(&acks, now_ms())?)
    })
    .await?;
    batch.failed = None;
    if !orphans.is_empty() {
        shared.store.remove(&orphans).await?;
    }
    Ok(())
}

/// Adds the rows and deletes those that they replace.
async fn write(shared: &Arc<Shared>, batch: &mut Batch) -> Result<u64, EngineError> {
    let journal = Arc::clone(shared);
    let revision = blocking(move || Ok(journal.journal.next_revision()?)).await?;
    batch.failed = Some(revision);
    let mut rows: Vec<Row> = Vec::new();
    let mut replaced = Vec::new();
    let known = shared.store.spaces();
    for (claim, outcome) in &batch.ready {
        if claim.revision > 0 {
            replaced.push(claim.id);
        }
        rows.extend(outcome.rows.iter().cloned().map(|row| Row {
            revision,
            path: claim.path.to_string_lossy().into_owned(),
            folder: claim.folder.to_string_lossy().into_owned(),
            ..row
        }));
    }
    forget_dropped(&mut rows, &known);
    shared.store.commit(rows, &replaced, revision).await?;
    Ok(revision)
}

/// A space may have been dropped after a vector was made and before it is written. Columns
/// change in this task alone, so they are the same until it is.
pub(super) fn forget_dropped(rows: &mut [Row], known: &[Space]) {
    for row in rows {
        row.vectors
            .retain(|vector| known.iter().any(|space| space.name == vector.space));
    }
}

fn ack(claim: &Claim, outcome: &OutcomeOf, revision: u64) -> Ack {
    let speakers = outcome.rows.iter().filter_map(|row| row.speaker.as_ref());
    let speakers: BTreeSet<&String> = speakers.collect();
    Ack {
        id: claim.id,
        turn: claim.turn,
        disk: outcome.disk.clone(),
        verdict: outcome.verdict,
        refusal: outcome.refusal.clone(),
        revision: if outcome.rows.is_empty() { 0 } else { revision },
        segments: outcome.rows.len() as u32,
        placed: claim.path.clone(),
        content: outcome.content,
        class: outcome.class.to_owned(),
        generation: outcome.generation.clone(),
        about: outcome.about.clone(),
        feed: outcome.feed.clone(),
        speakers: speakers.into_iter().cloned().collect(),
    }
}

/// Files that could not be tried, or that changed under the reader, wait again.
async fn put_back(shared: &Arc<Shared>, batch: &mut Batch) -> Result<(), EngineError> {
    if batch.later.is_empty() && batch.again.is_empty() {
        return Ok(());
    }
    let journal = Arc::clone(shared);
    let later = std::mem::take(&mut batch.later);
    let again: Vec<(u64, u64)> = batch.again.iter().map(|c| (c.id, c.turn)).collect();
    blocking(move || {
        for (claim, reason) in later {
            let wait = (LATER_MS << claim.attempts.min(16)).min(LATER_MAX_MS);
            tracing::warn!(path = %claim.path.display(), reason, "could not be tried, waits");
            journal
                .journal
                .give_back(claim.id, claim.turn, now_ms() + wait, &reason)?;
        }
        for (id, turn) in again {
            journal
                .journal
                .give_back(id, turn, 0, "it changed while it was being read")?;
        }
        Ok(())
    })
    .await
}

fn announce(shared: &Shared, batch: &Batch) {
    for (claim, _) in &batch.ready {
        shared.listening.take_up(claim.id);
    }
    shared.refresh();
    for (claim, outcome) in &batch.ready {
        match (&outcome.verdict, &outcome.refusal) {
            (Verdict::Failed, Some((stage, reason))) => {
                tracing::info!(path = %claim.path.display(), stage, reason, "could not be read");
                shared.emit(EventKind::Failed, Some(&claim.path), Some(stage), None);
            }
            _ => shared.emit(EventKind::Done, Some(&claim.path), None, None),
        }
    }
}
