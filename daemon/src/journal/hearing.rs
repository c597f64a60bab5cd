//! What was heard of recordings: utterances as they come, checkpoints, and who waits to be heard.
//!
//! It is kept by the recording's bytes and the recogniser, so a copy, a rename, another embedding
//! model or another extractor cost no second hearing, and two recognisers do not mix.
//!
//! What it promises: a checkpoint and the utterances before it are one transaction; so are the
//! end of a hearing and the queueing of the files that it is about. That a hearing begins is
//! written down before it does, so a recording that ends hippo is known and comes last.

use std::collections::HashSet;
use std::path::PathBuf;

use rusqlite::{OptionalExtension, params};

use super::files::path_of;
use super::{Journal, Result, lock, sqlite};

/// How far the hearing of a recording has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hearing {
    /// The recogniser.
    pub model: String,
    /// Where it goes on, in the recogniser's own words; empty at the start.
    pub checkpoint: String,
    /// What was said up to there: one JSON object a line.
    pub said: String,
    /// Nothing more will come.
    pub ended: bool,
    /// Why it ended before the recording did, if it did.
    pub reason: Option<String>,
}

/// A recording that waits to be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// The file.
    pub id: u64,
    /// Where it is.
    pub path: PathBuf,
    /// BLAKE3 of its bytes.
    pub content: [u8; 32],
}

/// A recording at rest whose bytes this recogniser (?1) has not heard to their end, and that has
/// no transcript with times, beside it or inside.
const UNHEARD: &str = "kind IN ('audio', 'video') AND state = 4 AND content IS NOT NULL
    AND instr(generation, '~beside:times') = 0 AND instr(generation, '~inside:times') = 0
    AND NOT EXISTS (SELECT 1 FROM heard WHERE heard.content = file.content
        AND heard.model = ?1 AND heard.ended = 1)";

impl Journal {
    /// How far this recogniser has come with these bytes.
    pub fn hearing(&self, content: &[u8; 32], model: &str) -> Result<Option<Hearing>> {
        self.read("looking up a hearing", |c| {
            c.prepare_cached(
                "SELECT model, checkpoint, said, ended, reason FROM heard
                 WHERE content = ?1 AND model = ?2",
            )?
            .query_row(params![content, model], hearing)
            .optional()
        })
    }

    /// What was heard of these bytes to their end, by `preferred` if it has heard them.
    pub fn heard(&self, content: &[u8; 32], preferred: &str) -> Result<Option<Hearing>> {
        self.read("looking up what was heard", |c| {
            c.prepare_cached(
                "SELECT model, checkpoint, said, ended, reason FROM heard
                 WHERE content = ?1 AND ended = 1 ORDER BY model <> ?2 LIMIT 1",
            )?
            .query_row(params![content, preferred], hearing)
            .optional()
        })
    }

    /// Writes down that hearing begins; how often it has, this time included, since it last came
    /// to a checkpoint or was laid down.
    pub fn begin_hearing(&self, content: &[u8; 32], model: &str) -> Result<u32> {
        self.write("beginning to hear a recording", |t| {
            t.prepare_cached(
                "INSERT INTO heard (content, model, begun) VALUES (?1, ?2, 1)
                 ON CONFLICT DO UPDATE SET begun = begun + 1 RETURNING begun",
            )?
            .query_row(params![content, model], |row| row.get(0))
        })
    }

    /// Hearing stops for now, for no fault of the recording.
    pub fn lay_down_hearing(&self, content: &[u8; 32], model: &str) -> Result<()> {
        self.write("laying a hearing down", |t| {
            t.prepare_cached("UPDATE heard SET begun = 0 WHERE content = ?1 AND model = ?2")?
                .execute(params![content, model])
                .map(drop)
        })
    }

    /// Keeps what was said since the last checkpoint, and the new one.
    pub fn keep_hearing(
        &self,
        content: &[u8; 32],
        model: &str,
        checkpoint: &str,
        said: &str,
    ) -> Result<()> {
        self.write("keeping what was heard", |t| {
            t.prepare_cached(
                "INSERT INTO heard (content, model, checkpoint, said) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET checkpoint = ?3, said = said || ?4, begun = 0
                 WHERE ended = 0",
            )?
            .execute(params![content, model, checkpoint, said])
            .map(drop)
        })
    }

    /// The recording is heard, as far as it goes. What other recognisers made of it goes, and
    /// every file of these bytes is queued, to get its rows.
    pub fn end_hearing(
        &self,
        content: &[u8; 32],
        model: &str,
        said: &str,
        reason: Option<&str>,
    ) -> Result<()> {
        self.write("recording the end of a hearing", |t| {
            t.execute(
                "INSERT INTO heard (content, model, said, ended, reason) VALUES (?1, ?2, ?3, 1, ?4)
                 ON CONFLICT DO UPDATE SET checkpoint = '', said = said || ?3, ended = 1,
                     reason = ?4",
                params![content, model, said, reason],
            )?;
            t.execute(
                "DELETE FROM heard WHERE content = ?1 AND model <> ?2",
                params![content, model],
            )?;
            t.execute(
                "UPDATE file SET state = 0, turn = turn + 1, attempts = 0, retry_at = 0
                 WHERE content = ?1 AND state IN (4, 5, 6)",
                [content],
            )?;
            Ok(())
        })
    }

    /// The recording to hear next: those that changed since `fresh` first, and short before
    /// long, so that an hour of talk does not hold up a voice memo; what hippo ended at last of
    /// all. Those of `except` are passed over.
    pub fn next_unheard(
        &self,
        model: &str,
        fresh: i64,
        except: &HashSet<u64>,
    ) -> Result<Option<Unheard>> {
        self.read("looking for what was not heard", |c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT id, key, content FROM file WHERE {UNHEARD}
                 ORDER BY coalesce((SELECT begun FROM heard WHERE heard.content = file.content
                     AND heard.model = ?1), 0), changed_at < ?2, size, id"
            ))?;
            let mut rows = statement.query(params![model, fresh])?;
            while let Some(row) = rows.next()? {
                let id = row.get::<_, i64>(0)? as u64;
                if !except.contains(&id) {
                    return Ok(Some(Unheard {
                        id,
                        path: path_of(&row.get::<_, Vec<u8>>(1)?),
                        content: row.get(2)?,
                    }));
                }
            }
            Ok(None)
        })
    }

    /// How many recordings wait to be heard, without those of `except`.
    pub fn unheard(&self, model: &str, except: &HashSet<u64>) -> Result<u64> {
        self.read("counting what was not heard", |c| {
            let mut statement =
                c.prepare_cached(&format!("SELECT id FROM file WHERE {UNHEARD}"))?;
            let ids = statement.query_map([model], |row| row.get::<_, i64>(0))?;
            let mut count = 0;
            for id in ids {
                count += u64::from(!except.contains(&(id? as u64)));
            }
            Ok(count)
        })
    }

    /// Forgets what was said in recordings that are no longer there: afterwards it is in none of
    /// the journal's files.
    pub fn forget_unowned_hearings(&self) -> Result<u64> {
        let unowned = "NOT EXISTS (SELECT 1 FROM file WHERE file.content = heard.content)";
        let any: bool = self.read("looking for recordings that are gone", |c| {
            c.query_row(
                &format!("SELECT EXISTS (SELECT 1 FROM heard WHERE {unowned})"),
                [],
                |row| row.get(0),
            )
        })?;
        if !any {
            return Ok(0);
        }
        let forgotten = self.write("forgetting what was heard", |t| {
            let n = t.execute(&format!("DELETE FROM heard WHERE {unowned}"), [])?;
            Ok(n as u64)
        })?;
        // Pages as they were stand in the write-ahead log until it is emptied.
        lock(&self.writer)
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|source| sqlite(&self.path, "emptying its log", source))?;
        Ok(forgotten)
    }
}

fn hearing(row: &rusqlite::Row<'_>) -> rusqlite::Result<Hearing> {
    Ok(Hearing {
        model: row.get(0)?,
        checkpoint: row.get(1)?,
        said: row.get(2)?,
        ended: row.get(3)?,
        reason: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::tests::{ack, fact, journal};
    use crate::journal::{About, Ack, State, Verdict};
    use crate::scan::Change;

    const BYTES: [u8; 32] = [9; 32];

    /// A recording whose tags were read.
    fn recording(journal: &Journal, folder: u64, path: &str, size: u64, content: [u8; 32]) -> u64 {
        let disk = fact(path, size, size);
        let change = Change::New(disk.clone());
        journal.apply(folder, &[change], 5, true).unwrap();
        let id = journal.record(Path::new(path)).unwrap().unwrap().id;
        let claim = journal.claim(&[id]).unwrap().remove(0);
        let ack = Ack {
            content: Some(content),
            about: About::of_kind("audio"),
            ..ack(&claim, disk, 0, Verdict::Done)
        };
        journal.acknowledge(&[ack], 6).unwrap();
        id
    }

    fn next(journal: &Journal, model: &str) -> Option<u64> {
        let next = journal.next_unheard(model, 0, &HashSet::new()).unwrap();
        next.map(|file| file.id)
    }

    #[test]
    fn short_recordings_are_heard_first_and_each_content_once() {
        let (_dir, journal, folder) = journal();
        let long = recording(&journal, folder, "/w/long.mp3", 900, BYTES);
        let short = recording(&journal, folder, "/w/short.mp3", 10, [1; 32]);
        assert_eq!(journal.unheard("a", &HashSet::new()).unwrap(), 2);
        assert_eq!(next(&journal, "a"), Some(short));
        journal.end_hearing(&[1; 32], "a", "", None).unwrap();
        let state = |path| journal.record(Path::new(path)).unwrap().unwrap().state;
        assert_eq!(state("/w/short.mp3"), State::Dirty, "it gets its rows");
        assert_eq!(state("/w/long.mp3"), State::Done);
        assert_eq!(next(&journal, "a"), Some(long));
        journal.end_hearing(&BYTES, "a", "", None).unwrap();
        assert_eq!(next(&journal, "a"), None);
        assert_eq!(journal.unheard("a", &HashSet::new()).unwrap(), 0);
    }

    #[test]
    fn what_cannot_be_opened_holds_up_nobody_and_what_ended_hippo_comes_last() {
        let (_dir, journal, folder) = journal();
        let small = recording(&journal, folder, "/w/small.mp3", 1, BYTES);
        let large = recording(&journal, folder, "/w/large.mp3", 2, [1; 32]);
        let except = HashSet::from([small]);
        let passed = journal.next_unheard("a", 0, &except).unwrap().unwrap();
        assert_eq!(passed.id, large);
        assert_eq!(journal.unheard("a", &except).unwrap(), 1);

        assert_eq!(journal.begin_hearing(&BYTES, "a").unwrap(), 1);
        assert_eq!(journal.begin_hearing(&BYTES, "a").unwrap(), 2);
        assert_eq!(next(&journal, "a"), Some(large));
        journal.lay_down_hearing(&BYTES, "a").unwrap();
        assert_eq!(next(&journal, "a"), Some(small));
        journal.begin_hearing(&BYTES, "a").unwrap();
        journal.keep_hearing(&BYTES, "a", "at 1", "").unwrap();
        assert_eq!(journal.begin_hearing(&BYTES, "a").unwrap(), 1);
    }

    #[test]
    fn what_was_said_is_kept_with_its_checkpoint_until_another_model_is_through() {
        let (_dir, journal, folder) = journal();
        recording(&journal, folder, "/w/a.mp3", 10, BYTES);
        journal.keep_hearing(&BYTES, "a", "at 1", "one\n").unwrap();
        journal.keep_hearing(&BYTES, "a", "at 2", "two\n").unwrap();
        let known = journal.hearing(&BYTES, "a").unwrap().unwrap();
        assert_eq!(known.checkpoint, "at 2");
        assert_eq!(known.said, "one\ntwo\n");
        assert_eq!(journal.heard(&BYTES, "a").unwrap(), None, "not to its end");
        let cut = Some("cut off");
        journal.end_hearing(&BYTES, "a", "three\n", cut).unwrap();
        journal.keep_hearing(&BYTES, "b", "at 1", "uno\n").unwrap();
        let heard = journal.heard(&BYTES, "b").unwrap().unwrap();
        assert_eq!(heard.model, "a");
        assert_eq!(heard.said, "one\ntwo\nthree\n");
        assert_eq!(heard.reason.as_deref(), cut);
        journal.end_hearing(&BYTES, "b", "", None).unwrap();
        assert_eq!(journal.heard(&BYTES, "a").unwrap().unwrap().model, "b");
        assert_eq!(journal.hearing(&BYTES, "a").unwrap(), None);
    }

    #[test]
    fn what_was_said_goes_with_the_last_file_that_holds_it_off_the_disk_too() {
        let (dir, journal, folder) = journal();
        recording(&journal, folder, "/w/a.mp3", 10, BYTES);
        let secret = "a word that nobody else says\n";
        journal.end_hearing(&BYTES, "a", secret, None).unwrap();
        let on_disk = || {
            let files = std::fs::read_dir(dir.path()).unwrap();
            files.flatten().any(|file| {
                let bytes = std::fs::read(file.path()).unwrap();
                let needle = secret.trim().as_bytes();
                bytes.windows(needle.len()).any(|window| window == needle)
            })
        };
        assert_eq!(journal.forget_unowned_hearings().unwrap(), 0);
        assert!(on_disk());
        journal.remove_folder(folder).unwrap();
        let gone = journal.missing(i64::MAX, 9).unwrap();
        journal.forget(&gone).unwrap();
        assert_eq!(journal.forget_unowned_hearings().unwrap(), 1);
        assert_eq!(journal.heard(&BYTES, "a").unwrap(), None);
        assert!(!on_disk());
    }
}
