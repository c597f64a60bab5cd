//! Completing rows in the background: a model is changed, or comes late, and every row gets its
//! vector without any file being read again.
//!
//! A file's generation names the spaces that its rows have been through. This task takes files
//! at rest whose generation lacks a space that is wanted, reads their rows from the table,
//! embeds their text in the lowest lane of the model's thread and hands them to the one writer,
//! which commits them under a new revision if the file is still at the one that was read. When
//! no file with rows lacks the building space, it takes over in one transaction of the journal.
//!
//! What it promises:
//! - Files stay done and searchable throughout; nobody who waits waits for this.
//! - It is resumed from the journal alone: what is to be done is what generations lack.
//! - It is bounded (some [`BATCH_SECONDS`] of work at a time), gives way to questions and to
//!   fresh files, pauses while the disk is full, and leaves the table's care no further behind
//!   than it found it.
//! - A text that a model fails on, again and again, holds up nothing else: its file goes on
//!   without that vector.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use hippo_index::{Row, SpaceRole, Step, Store};
use tokio::sync::{mpsc, oneshot};

use super::commit::Work;
use super::complete::Completed;
use super::embedder::{Embedder, REOPEN_AFTER};
use super::lineup::{InUse, Lineup, is_picture};
use super::rest::{self, rests};
use super::shared::{Next, Shared, after, blocking, lock};
use super::{EngineError, looks, tags, upkeep};
use crate::journal::{Generation, Incomplete, Made};

/// A batch is of so many seconds of work: what a crash makes hippo do again.
const BATCH_SECONDS: f64 = 5.0;

/// Rows of a batch, at least and at most: below, a commit costs more than its vectors; above,
/// the rows that no index holds yet slow every search down.
const BATCH_ROWS: (u64, u64) = (64, 2_048);

/// Files of a batch: one list of a query on the table.
const BATCH_FILES: usize = 512;

/// Files of a batch that are at work: a picture is decoded while another is looked at.
const FILES_AT_ONCE: usize = 2;

/// A file whose texts a model fails on is tried so often.
const ATTEMPTS: u32 = 3;

/// The disk is looked at again after so long while it is full.
const WHILE_PAUSED: Duration = Duration::from_secs(5);

/// After an error of the table or the journal.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// What the task remembers; all of it may be forgotten.
#[derive(Default)]
struct State {
    /// Models that failed, and when they are tried again.
    resting: HashMap<u64, Instant>,
    /// How often a file's texts made a model fail.
    failed: HashMap<u64, u32>,
    /// Files whose rows are not all there: what is wrong with them is not for this task.
    passed_over: HashSet<u64>,
}

pub(super) async fn run(shared: Arc<Shared>, commits: mpsc::Sender<Work>) {
    let mut pulse = shared.pulse.subscribe();
    let mut shutdown = shared.shutdown.subscribe();
    let mut state = State::default();
    loop {
        pulse.mark_unchanged();
        let next = tokio::select! {
            next = step(&shared, &commits, &mut state) => next,
            _ = shutdown.wait_for(|down| *down) => return,
        };
        let next = next.unwrap_or_else(|error| {
            tracing::warn!(%error, "completing rows failed; it is tried again");
            Next::Time(AFTER_TROUBLE)
        });
        let time = match next {
            Next::More => continue,
            Next::Change => None,
            Next::Time(time) => Some(time),
        };
        tokio::select! {
            changed = pulse.changed() => if changed.is_err() { return },
            () = shared.models.changed.notified() => {}
            () = after(time) => {}
            _ = shutdown.wait_for(|down| *down) => return,
        }
    }
}

/// One batch, or a switch, or the reason why there is nothing to do.
async fn step(
    shared: &Arc<Shared>,
    commits: &mpsc::Sender<Work>,
    state: &mut State,
) -> Result<Next, EngineError> {
    let lineup = shared.models.lineup();
    if !columns_are_settled(&lineup, &shared.store) {
        let (reply, done) = oneshot::channel();
        let _ = commits.send(Work::Spaces(reply)).await;
        // An answer that never comes: hippo is ending.
        let _ = done.await;
    }
    if lock(&shared.paused).is_some() {
        return Ok(Next::Time(WHILE_PAUSED));
    }
    let now = Instant::now();
    state.resting.retain(|_, until| *until > now);
    let rested = |space: &&InUse| space.embedder.is_ok() && !state.resting.contains_key(&space.id);
    let spaces: Vec<InUse> = to_fill(&lineup, &shared.store)
        .filter(rested)
        .cloned()
        .collect();
    let batch = next_batch(shared, &spaces, &state.passed_over).await?;
    if batch.is_empty() {
        if switch(shared, &lineup).await? {
            return Ok(Next::More);
        }
        if !state.passed_over.is_empty() {
            state.passed_over.clear();
            return Ok(Next::Time(AFTER_TROUBLE));
        }
        let soonest = state.resting.values().min();
        return Ok(soonest.map_or(Next::Change, |until| Next::Time(*until - now)));
    }
    if let Some(rest) = rests(shared, rest::Work::Bulk) {
        return Ok(rest.next());
    }
    let started = Instant::now();
    let mut completed = read(shared, batch, state).await?;
    for space in &spaces {
        fill(shared, space, &mut completed, state).await?;
    }
    completed.retain(|file| file.changed);
    let rows = completed.iter().map(|file| file.rows.len()).sum::<usize>();
    if rows > 0 {
        hand_over(shared, commits, &lineup, completed).await;
        lock(&shared.filling).note(rows, started.elapsed());
    }
    Ok(Next::More)
}

/// The spaces that every row should have a vector in and that have a column.
pub(super) fn to_fill<'a>(
    lineup: &'a Lineup,
    store: &Store,
) -> impl Iterator<Item = &'a InUse> + use<'a> {
    let there = store.spaces();
    lineup
        .wanted()
        .filter(move |wanted| there.contains(&wanted.space))
}

/// Leaves rows, and what they are said to have been through, without spaces that are no more.
pub(super) fn forget_strangers(lineup: &Lineup, rows: &mut [Row], made: &mut Generation) {
    let known: HashMap<u64, &str> = lineup
        .all()
        .map(|space| (space.id, space.space.name.as_str()))
        .filter(|(id, _)| made.spaces.contains(id))
        .collect();
    made.spaces.retain(|id| known.contains_key(id));
    for row in rows {
        row.vectors
            .retain(|vector| known.values().any(|name| *name == vector.space));
    }
}

/// By what rows were made, in names.
pub(super) fn in_names(lineup: &Lineup, made: &Generation) -> String {
    let spaces = lineup.all().filter(|s| made.spaces.contains(&s.id));
    let names: Vec<&str> = spaces.map(|s| s.space.name.as_str()).collect();
    format!("{}+{}", made.extractor, names.join("+"))
}

/// Writes on each row by what it was made: the table stands alone.
pub(super) fn sign(lineup: &Lineup, rows: &mut [Row], made: &Generation) {
    let signature = in_names(lineup, made);
    for row in rows {
        row.generation.clone_from(&signature);
    }
}

/// Whether some of these rows get their vector of this space from a picture.
pub(super) fn needs_pictures(space: &InUse, rows: &[Row]) -> bool {
    space.space.role == SpaceRole::Joint && rows.iter().any(is_picture)
}

fn columns_are_settled(lineup: &Lineup, store: &Store) -> bool {
    let there = store.spaces();
    let unknown = |name: &str| !lineup.all().any(|space| space.space.name == name);
    let lacking = |space: &InUse| space.embedder.is_ok() && !there.contains(&space.space);
    !there.iter().any(|space| unknown(&space.name)) && !lineup.wanted().any(lacking)
}

/// Makes the table's columns those of the spaces in use. The writer calls it, and nobody else.
pub(super) async fn settle_columns(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let lineup = shared.models.lineup();
    for there in shared.store.spaces() {
        if !lineup.all().any(|space| space.space.name == there.name) {
            shared.store.drop_space(&there.name).await?;
            tracing::info!(space = there.name, "dropped a generation of vectors");
        }
    }
    for wanted in lineup.wanted().filter(|space| space.embedder.is_ok()) {
        let space = &wanted.space.name;
        match shared.store.add_space(&wanted.space).await {
            Ok(true) => tracing::info!(space, "began a generation of vectors"),
            Ok(false) => {}
            Err(error) if error.retryable() => return Err(error.into()),
            // Nothing else must wait for it.
            Err(error) => tracing::error!(space, %error, "no room for a generation of vectors"),
        }
    }
    for role in SpaceRole::ALL {
        // It is not searched before it is whole, and its index is best trained on all of it.
        if let Some(building) = &lineup.of(role).building {
            shared.store.hold_index(&building.space.name, true);
        }
    }
    Ok(())
}

async fn next_batch(
    shared: &Arc<Shared>,
    spaces: &[InUse],
    except: &HashSet<u64>,
) -> Result<Vec<Incomplete>, EngineError> {
    let ids: Vec<u64> = spaces.iter().map(|space| space.id).collect();
    let speeds = spaces.iter().map(|space| {
        let embedder = space.embedder.as_ref().ok();
        embedder.and_then(|e| e.facts().texts_per_second())
    });
    // Small until the speed is known; a cast of infinity (no space) is the largest number.
    let slowest = speeds.fold(f64::INFINITY, |least, speed| {
        least.min(speed.unwrap_or(0.0))
    });
    let rows = ((slowest * BATCH_SECONDS) as u64).clamp(BATCH_ROWS.0, BATCH_ROWS.1);
    let (shared, except) = (Arc::clone(shared), except.clone());
    blocking(move || {
        let journal = &shared.journal;
        Ok(journal.incomplete(&ids, &except, BATCH_FILES, rows)?)
    })
    .await
}

/// A file of the batch while it is at work.
struct Filling {
    file: Incomplete,
    rows: Vec<Row>,
    made: Generation,
    changed: bool,
}

async fn read(
    shared: &Arc<Shared>,
    batch: Vec<Incomplete>,
    state: &mut State,
) -> Result<Vec<Filling>, EngineError> {
    let wanted: Vec<(u64, u64)> = batch.iter().map(|f| (f.id, f.revision)).collect();
    let mut found = shared.store.rows_of_all(&wanted).await?;
    let mut filling = Vec::with_capacity(batch.len());
    for file in batch {
        let rows = found.remove(&file.id).unwrap_or_default();
        if rows.len() == file.segments as usize {
            let made = file.generation.clone();
            filling.push(Filling {
                file,
                rows,
                made,
                changed: false,
            });
        } else {
            // It was committed anew since the journal was asked.
            state.passed_over.insert(file.id);
        }
    }
    Ok(filling)
}

/// Gives the rows of a batch their vectors of one space.
async fn fill(
    shared: &Arc<Shared>,
    space: &InUse,
    batch: &mut [Filling],
    state: &mut State,
) -> Result<(), EngineError> {
    let Ok(embedder) = &space.embedder else {
        return Ok(());
    };
    let lacking = batch
        .iter_mut()
        .filter(|file| !file.made.spaces.contains(&space.id));
    let files: Vec<_> = lacking
        .map(|file| fill_file(shared, space, embedder, file))
        .collect();
    let mut files = stream::iter(files).buffered(FILES_AT_ONCE);
    while let Some((file, made)) = files.next().await {
        match made {
            Ok(()) => {}
            Err(reason) if embedder.facts().failure.is_some() => {
                tracing::debug!(space = space.space.name, reason, "the model rests");
                state
                    .resting
                    .insert(space.id, Instant::now() + REOPEN_AFTER);
                return Ok(());
            }
            Err(reason) => {
                let attempts = state.failed.entry(file.file.id).or_default();
                *attempts += 1;
                if *attempts < ATTEMPTS {
                    state.passed_over.insert(file.file.id);
                    continue;
                }
                let (file, space) = (file.file.id, &space.space.name);
                tracing::warn!(file, space, reason, "a file goes on without this vector");
            }
        }
        file.made.spaces.insert(space.id);
        file.changed = true;
        state.failed.remove(&file.file.id);
    }
    Ok(())
}

/// Gives the rows of a file their vectors of one space; why that failed, with the file.
async fn fill_file<'a>(
    shared: &Arc<Shared>,
    space: &InUse,
    embedder: &Embedder,
    file: &'a mut Filling,
) -> (&'a mut Filling, Result<(), String>) {
    let (at, texts): (Vec<_>, Vec<_>) = space
        .texts_of(&file.rows)
        .map(|(at, text)| (at, text.to_owned()))
        .unzip();
    let made = async {
        if needs_pictures(space, &file.rows) {
            looks::again(shared, space, file.file.id, &mut file.rows).await?;
        }
        let vectors = embedder.texts_in_background(texts).await?;
        space.give(&mut file.rows, at, vectors);
        tags::renew(shared, space, &mut file.rows).await
    };
    let made = made.await;
    (file, made)
}

/// Lets the writer record a batch, and the table be cared for.
async fn hand_over(
    shared: &Arc<Shared>,
    commits: &mpsc::Sender<Work>,
    lineup: &Lineup,
    batch: Vec<Filling>,
) {
    let completed = batch.into_iter().map(|mut file| {
        forget_strangers(lineup, &mut file.rows, &mut file.made);
        sign(lineup, &mut file.rows, &file.made);
        Completed {
            id: file.file.id,
            revision: file.file.revision,
            generation: file.made,
            rows: file.rows,
        }
    });
    let (reply, done) = oneshot::channel();
    let _ = commits
        .send(Work::Completed(completed.collect(), reply))
        .await;
    let _ = done.await;
    upkeep::care(shared).await;
}

/// Lets a building space that is whole take over. `true` if one has.
async fn switch(shared: &Arc<Shared>, lineup: &Lineup) -> Result<bool, EngineError> {
    let mut switched = false;
    for role in SpaceRole::ALL {
        let Some(building) = &lineup.of(role).building else {
            continue;
        };
        let (id, name) = (building.id, building.space.name.clone());
        let counting = Arc::clone(shared);
        let made = blocking(move || Ok(counting.journal.made()?)).await?;
        if !made.iter().all(|made| made.generation.has_all(&[id])) {
            continue;
        }
        // From the first question on it should be as fast as the one that it replaces.
        shared.store.hold_index(&name, false);
        shared.store.maintain(Step::Index).await?;
        let _alone = shared.models.changing.lock().await;
        let switching = Arc::clone(shared);
        switched |= blocking(move || {
            let shared = switching;
            let done = shared.journal.switch(role.as_str(), id)?;
            shared
                .models
                .reread(&shared.paths, &shared.settings(), &shared.journal)?;
            Ok(done)
        })
        .await?;
        if switched {
            tracing::info!(space = name, "a new generation answers");
        }
    }
    Ok(switched)
}

/// Rows that have been through this space, and all rows.
pub(super) fn coverage(made: &[Made], space: u64) -> (u64, u64) {
    let has = |made: &&Made| made.generation.has_all(&[space]);
    let covered = made.iter().filter(has).map(|made| made.segments).sum();
    (covered, made.iter().map(|made| made.segments).sum())
}

/// How fast rows are completed, by the latest that were.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rows: f64,
    seconds: f64,
}

impl Pace {
    /// Halved when it is of more: it follows what the machine does now.
    const MEMORY_S: f64 = 60.0;

    fn note(&mut self, rows: usize, took: Duration) {
        if self.seconds > Self::MEMORY_S {
            self.rows /= 2.0;
            self.seconds /= 2.0;
        }
        self.rows += rows as f64;
        self.seconds += took.as_secs_f64();
    }

    /// Rows a second; `None` before the first batch.
    pub(super) fn rows_per_second(&self) -> Option<f64> {
        (self.rows > 0.0).then(|| self.rows / self.seconds.max(f64::EPSILON))
    }
}
