//! What podcasts' feeds say of the recordings that lie around them.
//!
//! A feed names the files of its episodes by their addresses. A recording of such a name in the
//! feed's folder, or below it, is that episode: it takes its title, its show and its day from the
//! feed where its own tags have none.
//!
//! Promises: names alone decide, and of several feeds the nearest; whenever a feed says something
//! else of a file, comes, moves or goes, the recordings that it is about are queued in the same
//! transaction, and no others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hippo_extractors::{Episode, Feed};
use rusqlite::{Connection, Transaction, params};

use super::files::{path_of, subtree_range};
use super::{Journal, Result};

/// Stands in the generation of a recording's rows in which a feed has a say.
pub const FEED: &str = "~feed";

/// What a feed says of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The feed's file.
    pub feed: PathBuf,
    /// The podcast.
    pub show: Option<String>,
    /// The episode.
    pub episode: Episode,
}

/// Title, show and date of an episode, as the journal keeps them.
type Said = (Option<String>, Option<String>, Option<String>);

impl Journal {
    /// What a feed says of the recording at this path.
    pub fn announced(&self, recording: &Path) -> Result<Option<Announced>> {
        self.read("looking for a feed", |c| announced(c, recording))
    }

    /// What this file says of recordings, if it is a feed.
    pub fn feed(&self, id: u64) -> Result<Option<Feed>> {
        self.read("looking up a feed", |c| {
            let said = said_by(c, id)?;
            let show = said.values().find_map(|(_, show, _)| show.clone());
            let episode = |(file, (title, _, date))| Episode { file, title, date };
            let episodes: Vec<_> = said.into_iter().map(episode).collect();
            Ok((!episodes.is_empty()).then_some(Feed { show, episodes }))
        })
    }
}

/// The nearest feed that names this recording, and what it says.
pub(super) fn announced(c: &Connection, recording: &Path) -> rusqlite::Result<Option<Announced>> {
    let Some(name) = recording.file_name().and_then(|name| name.to_str()) else {
        return Ok(None);
    };
    let mut said = c.prepare_cached(
        "SELECT file.key, episode.title, episode.show, episode.date
         FROM episode JOIN file ON file.id = episode.feed
         WHERE episode.name = ?1 AND file.state <> 7",
    )?;
    let said = said.query_map([name], |row| {
        Ok(Announced {
            feed: path_of(&row.get::<_, Vec<u8>>(0)?),
            show: row.get(2)?,
            episode: Episode {
                file: name.to_owned(),
                title: row.get(1)?,
                date: row.get(3)?,
            },
        })
    })?;
    let said = said.collect::<rusqlite::Result<Vec<_>>>()?;
    let around = said
        .into_iter()
        .filter(|said| is_around(&said.feed, recording));
    // Deeper is nearer; by name, so that it is the same one each time.
    Ok(around.max_by_key(|said| (said.feed.components().count(), said.feed.clone())))
}

/// Whether a recording lies beside a feed or below its folder.
fn is_around(feed: &Path, recording: &Path) -> bool {
    feed.parent()
        .is_some_and(|folder| recording.starts_with(folder))
}

/// Keeps what a file that was read says of recordings (most say nothing), and queues those of
/// which it said something else before.
pub(super) fn keep(t: &Transaction<'_>, id: u64, feed: Option<&Feed>) -> rusqlite::Result<()> {
    let before = said_by(t, id)?;
    let mut after: BTreeMap<String, Said> = BTreeMap::new();
    if let Some(Feed { show, episodes }) = feed {
        for Episode { file, title, date } in episodes {
            let said = (title.clone(), show.clone(), date.clone());
            // A feed that names a file twice means the newer episode, which stands first.
            after.entry(file.clone()).or_insert(said);
        }
    }
    if before == after {
        return Ok(());
    }
    t.prepare_cached("DELETE FROM episode WHERE feed = ?1")?
        .execute([id as i64])?;
    let mut insert = t.prepare_cached("INSERT INTO episode VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (name, (title, show, date)) in &after {
        insert.execute(params![id as i64, name, title, show, date])?;
    }
    let key: Option<Vec<u8>> = t
        .prepare_cached("SELECT key FROM file WHERE id = ?1")?
        .query_row([id as i64], |row| row.get(0))
        .ok();
    let Some(key) = key else { return Ok(()) };
    let is_news = |name: &str| before.get(name) != after.get(name);
    queue_around(t, &path_of(&key), is_news)
}

/// Queues the recordings that the feed at this place is about: it comes there, or leaves.
pub(super) fn queue_recordings(t: &Transaction<'_>, id: u64, place: &Path) -> rusqlite::Result<()> {
    let said = said_by(t, id)?;
    if said.is_empty() {
        return Ok(());
    }
    queue_around(t, place, |name| said.contains_key(name))
}

fn said_by(c: &Connection, id: u64) -> rusqlite::Result<BTreeMap<String, Said>> {
    c.prepare_cached("SELECT name, title, show, date FROM episode WHERE feed = ?1")?
        .query_map([id as i64], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))
        })?
        .collect()
}

/// Queues the recordings around a feed whose names are wanted: those, too, that are being read for
/// the first time, of which nobody knows yet what they are.
fn queue_around(
    t: &Transaction<'_>,
    feed: &Path,
    wanted: impl Fn(&str) -> bool,
) -> rusqlite::Result<()> {
    let Some(folder) = feed.parent() else {
        return Ok(());
    };
    let (low, high) = subtree_range(folder);
    let recordings: Vec<(i64, Vec<u8>)> = t
        .prepare_cached(
            "SELECT id, key FROM file WHERE key >= ?1 AND key < ?2
                 AND kind IN ('audio', 'video', '') AND state <> 7",
        )?
        .query_map(params![low, high], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    // They have not changed themselves: whoever waits for the feed waits for them.
    let mut requeue = t.prepare_cached(
        "UPDATE file SET state = 0, turn = turn + 1, attempts = 0, interrupted = 0, retry_at = 0
         WHERE id = ?1",
    )?;
    for (recording, key) in recordings {
        let path = path_of(&key);
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(&wanted) {
            requeue.execute([recording])?;
        }
    }
    Ok(())
}

/// Whether what lies around a recording told something of it where it was, or does where it is
/// now: then it is read anew when it moves.
pub(super) fn move_matters(t: &Transaction<'_>, id: u64, to: &Path) -> rusqlite::Result<bool> {
    let (kind, generation): (String, Option<String>) = t
        .prepare_cached("SELECT kind, generation FROM file WHERE id = ?1")?
        .query_row([id as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if !matches!(kind.as_str(), "audio" | "video") {
        return Ok(false);
    }
    let told = generation.is_some_and(|made| made.contains("~beside:") || made.contains(FEED));
    Ok(told || announced(t, to)?.is_some() || !super::beside::transcripts(t, to)?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{ack, fact, journal};
    use crate::journal::{About, Ack, State, Verdict};
    use crate::scan::Change;

    struct World {
        _dir: tempfile::TempDir,
        journal: Journal,
        folder: u64,
    }

    impl World {
        fn new() -> World {
            let (dir, journal, folder) = journal();
            World {
                _dir: dir,
                journal,
                folder,
            }
        }

        fn id(&self, path: &str) -> u64 {
            self.journal.record(Path::new(path)).unwrap().unwrap().id
        }

        /// Brings a file to its end.
        fn settle(&self, path: &str, kind: &str, feed: Option<Feed>) {
            let claim = self.journal.claim(&[self.id(path)]).unwrap().remove(0);
            let ack = Ack {
                about: About::of_kind(kind),
                feed,
                ..ack(&claim, fact(path, claim.id, 1), 1, Verdict::Done)
            };
            self.journal.acknowledge(&[ack], 6).unwrap();
        }

        fn put(&self, path: &str, kind: &str, feed: Option<Feed>) {
            let known = self.journal.record(Path::new(path)).unwrap().is_some();
            let n = path.len() as u64;
            if known {
                let disk = fact(path, n, n + 1);
                let changed = Change::Changed {
                    id: self.id(path),
                    disk,
                };
                self.apply(changed);
            } else {
                self.apply(Change::New(fact(path, n, n)));
            }
            self.settle(path, kind, feed);
        }

        fn apply(&self, change: Change) {
            self.journal.apply(self.folder, &[change], 5, true).unwrap();
        }

        /// Whether it waits to be read; brings it to its end.
        fn waits(&self, path: &str) -> bool {
            let waits =
                self.journal.record(Path::new(path)).unwrap().unwrap().state == State::Dirty;
            if waits {
                self.settle(path, "audio", None);
            }
            waits
        }
    }

    fn feed(show: &str, episodes: &[(&str, &str)]) -> Feed {
        let episode = |(file, title): &(&str, &str)| Episode {
            file: (*file).to_owned(),
            title: Some((*title).to_owned()),
            date: None,
        };
        Feed {
            show: Some(show.to_owned()),
            episodes: episodes.iter().map(episode).collect(),
        }
    }

    const ONE: &str = "/w/pod/2024/one.mp3";
    const TWO: &str = "/w/pod/two.mp3";

    #[test]
    fn the_nearest_feed_above_a_recording_names_it() {
        let world = World::new();
        let shows = |path: &str| {
            let announced = world.journal.announced(Path::new(path)).unwrap();
            announced.and_then(|said| said.show)
        };
        world.put(
            "/w/all.xml",
            "text",
            Some(feed("All", &[("one.mp3", "1"), ("two.mp3", "2")])),
        );
        world.put(
            "/w/pod/2024/feed.xml",
            "text",
            Some(feed("Near", &[("one.mp3", "One")])),
        );
        assert_eq!(shows(ONE).as_deref(), Some("Near"));
        assert_eq!(shows(TWO).as_deref(), Some("All"));
        assert_eq!(shows("/w/pod/three.mp3"), None);
        assert_eq!(shows("/elsewhere/one.mp3"), None);
        let kept = world.journal.feed(world.id("/w/all.xml")).unwrap();
        assert_eq!(
            kept,
            Some(feed("All", &[("one.mp3", "1"), ("two.mp3", "2")]))
        );
    }

    #[test]
    fn recordings_are_queued_when_their_feed_says_something_else_and_no_others() {
        let world = World::new();
        world.put(ONE, "audio", None);
        world.put(TWO, "audio", None);
        let waiting = || (world.waits(ONE), world.waits(TWO));
        let xml = "/w/pod/feed.xml";
        world.put(
            xml,
            "text",
            Some(feed("Pod", &[("one.mp3", "One"), ("two.mp3", "Two")])),
        );
        assert_eq!(waiting(), (true, true));
        world.put(
            xml,
            "text",
            Some(feed("Pod", &[("one.mp3", "One"), ("two.mp3", "Two!")])),
        );
        assert_eq!(waiting(), (false, true));
        let disk = fact("/w/pod/2024/feed.xml", 15, 16);
        world.apply(Change::Moved {
            id: world.id(xml),
            disk,
            touched: false,
        });
        assert_eq!(
            waiting(),
            (true, true),
            "it leaves the one, and comes to the other"
        );
        assert_eq!(world.journal.announced(Path::new(TWO)).unwrap(), None);
        world.apply(Change::Gone {
            id: world.id("/w/pod/2024/feed.xml"),
        });
        assert_eq!(waiting(), (true, false));
        assert_eq!(world.journal.announced(Path::new(ONE)).unwrap(), None);
    }

    #[test]
    fn a_recording_that_moves_to_a_feed_or_a_transcript_is_read_anew() {
        let world = World::new();
        world.put(TWO, "audio", None);
        let move_to = |from: &str, path: &str| {
            let disk = fact(path, 1, 1);
            world.apply(Change::Moved {
                id: world.id(from),
                disk,
                touched: false,
            });
            world.waits(path)
        };
        assert!(!move_to(TWO, "/w/two.mp3"));
        world.put(
            "/w/pod/feed.xml",
            "text",
            Some(feed("Pod", &[("two.mp3", "Two")])),
        );
        assert!(move_to("/w/two.mp3", TWO));
        world.put("/w/x/two.srt", "text", None);
        assert!(move_to(TWO, "/w/x/two.mp3"));
    }
}
