//! How work ended: outcomes made durable, and outcomes taken over by other files of the same
//! content.
//!
//! What the table holds is recorded whatever the turn; only the state waits for its own turn,
//! so that a file that changed meanwhile is read again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hippo_extractors::Feed;
use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params};

use super::about::{About, COLUMNS};
use super::files::key_of;
use super::generation::Generation;
use super::{Journal, Result, State, feeds, speakers};
use crate::scan::DiskFact;

/// How work on a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its rows are in the table.
    Done,
    /// It could not be read.
    Failed,
    /// It is not meant to be read.
    Skipped,
}

/// The end of one piece of work, to be made durable after the table is.
#[derive(Debug, Clone)]
pub struct Ack {
    /// The file.
    pub id: u64,
    /// The turn that was claimed.
    pub turn: u64,
    /// The file as it was when it was read.
    pub disk: DiskFact,
    /// The outcome.
    pub verdict: Verdict,
    /// For a refusal: at which stage and why.
    pub refusal: Option<(String, String)>,
    /// The rows' revision; 0 when there are none now.
    pub revision: u64,
    /// How many rows.
    pub segments: u32,
    /// Whether the table holds the path that the journal holds.
    pub placed: PathBuf,
    /// BLAKE3 of the bytes.
    pub content: Option<[u8; 32]>,
    /// The format class that the name asked for.
    pub class: String,
    /// By what the rows were made.
    pub generation: Generation,
    /// What the file is and says of itself.
    pub about: About,
    /// What it says of recordings around it.
    pub feed: Option<Feed>,
    /// Who speaks in its rows.
    pub speakers: BTreeSet<String>,
}

/// A file whose outcome can be taken over by another of the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Donor {
    /// The file.
    pub id: u64,
    /// Its rows' revision; 0 when it has none.
    pub revision: u64,
    /// Its outcome.
    pub verdict: Verdict,
    /// For a refusal: at which stage and why.
    pub refusal: Option<(String, String)>,
    /// By what its rows were made.
    pub generation: Generation,
    /// What the file is and says of itself.
    pub about: About,
}

impl Journal {
    /// A file that was already read from the same bytes under the same kind of name by the
    /// same extractor (`generation` up to its first `+`, less what it found inside the bytes):
    /// `id` itself if it was, otherwise another. Failures are only taken over from the file itself, so that a retry by hand is
    /// a real one; where a model reads what is written in pixels, only what it has read is.
    pub fn donor(
        &self,
        id: u64,
        content: &[u8; 32],
        class: &str,
        (extractor, reader): (&str, Option<&str>),
    ) -> Result<Option<Donor>> {
        self.read("looking for the same content", |c| {
            c.prepare_cached(&format!(
                "SELECT id, revision, verdict, stage, reason, generation, {COLUMNS}
                 FROM file WHERE content = ?1 AND class = ?2
                     AND substr(generation, 1, instr(generation, '+') - 1)
                         IN (?3, ?3 || '~inside:times', ?3 || '~inside:text')
                     AND (?5 IS NULL OR instr(generation, '+o=') = 0
                         OR substr(generation, instr(generation, '+o=') + 3) = ?5)
                     AND (id = ?4 OR verdict = 6 OR (verdict = 4 AND (revision > 0 OR segments = 0)))
                 ORDER BY id <> ?4, verdict, revision = 0 LIMIT 1",
            ))?
            .query_row(params![content, class, extractor, id as i64, reader], donor)
            .optional()
        })
    }

    /// Makes outcomes durable, in one transaction. Returns the ids of files that meanwhile
    /// left the catalog, whose rows must leave the table again.
    pub fn acknowledge(&self, acks: &[Ack], now_ms: i64) -> Result<Vec<u64>> {
        self.write("acknowledging work", |t| {
            let mut orphans = Vec::new();
            for ack in acks {
                if !acknowledge_one(t, ack, now_ms)? {
                    orphans.push(ack.id);
                }
            }
            Ok(orphans)
        })
    }

    /// Ends work on files whose bytes turned out to be those that are committed.
    pub fn unchanged(&self, files: &[(u64, u64, DiskFact)], now_ms: i64) -> Result<()> {
        self.write("acknowledging unchanged files", |t| {
            for (id, turn, disk) in files {
                settle(t, *id, *turn, None, disk, now_ms)?;
            }
            Ok(())
        })
    }
}

fn donor(row: &Row<'_>) -> rusqlite::Result<Donor> {
    let state: State = row.get(2)?; // the `verdict` column
    let stage: Option<String> = row.get(3)?;
    let reason: Option<String> = row.get(4)?;
    let verdict = match state {
        State::Failed => Verdict::Failed,
        State::Skipped => Verdict::Skipped,
        _ => Verdict::Done,
    };
    Ok(Donor {
        id: row.get::<_, i64>(0)? as u64,
        revision: row.get::<_, i64>(1)? as u64,
        verdict,
        refusal: stage.zip(reason).filter(|_| verdict != Verdict::Done),
        generation: Generation::parse(&row.get::<_, String>(5)?),
        about: About::read(row, 6)?,
    })
}

fn acknowledge_one(t: &Transaction<'_>, ack: &Ack, now_ms: i64) -> rusqlite::Result<bool> {
    let state = match ack.verdict {
        Verdict::Done => State::Done,
        Verdict::Failed => State::Failed,
        Verdict::Skipped => State::Skipped,
    };
    let (stage, reason) = match &ack.refusal {
        Some((stage, reason)) => (Some(stage), Some(reason)),
        None => (None, None),
    };
    // What the table holds is recorded whatever the turn; only the state waits for its own
    // turn, so that a file that changed meanwhile is read again.
    let placed = key_of(&ack.placed);
    let generation = ack.generation.to_string();
    let about = ack.about.values();
    let (id, revision) = (ack.id as i64, ack.revision as i64);
    let mut values: Vec<&dyn ToSql> = params![
        id,
        placed,
        revision,
        ack.segments,
        ack.content,
        ack.class,
        generation,
        stage,
        reason,
        state,
    ]
    .to_vec();
    values.extend(about.iter().map(|value| &**value));
    let updated = t
        .prepare_cached(&format!(
            "UPDATE file SET revision = ?3, since = 0, segments = ?4, content = ?5, class = ?6,
                 generation = ?7, stage = ?8, reason = ?9, verdict = ?10,
                 behind = (?3 > 0 AND key <> ?2),
                 ({COLUMNS}) = (?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
                     ?23)
             WHERE id = ?1",
        ))?
        .execute(values.as_slice())?;
    settle(t, ack.id, ack.turn, Some(state), &ack.disk, now_ms)?;
    if updated == 1 {
        feeds::keep(t, ack.id, ack.feed.as_ref())?;
        speakers::keep(t, ack.id, &ack.speakers)?;
    }
    Ok(updated == 1)
}

/// The work of this turn has ended; a file that was marked again meanwhile keeps waiting.
fn settle(
    t: &Transaction<'_>,
    id: u64,
    turn: u64,
    state: Option<State>,
    disk: &DiskFact,
    now_ms: i64,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE file SET state = coalesce(?3, verdict, 0), interrupted = 0,
             done_at = ?4, fsid = ?5, ino = ?6, size = ?7, mtime_ns = ?8, ctime_ns = ?9
         WHERE id = ?1 AND turn = ?2",
    )?
    .execute(params![
        id as i64,
        turn as i64,
        state,
        now_ms,
        disk.fsid as i64,
        disk.ino as i64,
        disk.size as i64,
        disk.mtime_ns,
        disk.ctime_ns
    ])
    .map(|_| ())
}
