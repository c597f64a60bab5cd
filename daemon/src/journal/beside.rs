//! Transcripts that lie beside recordings: which files of the catalog are the transcript of which.
//!
//! As media players have it, `talk.srt` belongs to `talk.mp3`, and so do `talk.zh.srt` and
//! `talk.mp3.srt`. What has times goes before plain text, and a plain name before one with a
//! language in it.
//!
//! Promises: names alone decide, and only files that the rules let in count; whenever such a file
//! comes, changes or goes, the recordings beside it are queued in the same transaction.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hippo_extractors::format::format_class;
use rusqlite::{Connection, Transaction, params};

use super::files::{key_of, mark_dirty, path_of};
use super::{Journal, Result};

/// The format class of recordings and films.
pub const SOUND: &str = "sound";
/// The endings of transcripts, best first.
const ENDINGS: [&str; 5] = ["srt", "vtt", "lrc", "json", "txt"];
/// Files beside a recording that are looked at.
const LOOKED_AT: usize = 64;

impl Journal {
    /// The transcripts beside a recording, the one to be used first.
    pub fn transcripts_beside(&self, recording: &Path) -> Result<Vec<PathBuf>> {
        self.read("looking for transcripts", |c| transcripts(c, recording))
    }
}

/// The same within a transaction.
pub(super) fn transcripts(c: &Connection, recording: &Path) -> rusqlite::Result<Vec<PathBuf>> {
    let Some(stem) = recording.file_stem() else {
        return Ok(Vec::new());
    };
    let (low, high) = beginning_with(&recording.with_file_name(stem));
    let mut keys = c.prepare_cached(
        "SELECT key FROM file WHERE key >= ?1 AND key < ?2 AND state <> 7 LIMIT ?3",
    )?;
    let keys = keys.query_map(params![low, high, LOOKED_AT as i64], |row| {
        Ok(path_of(&row.get::<_, Vec<u8>>(0)?))
    })?;
    let mut found = keys.collect::<rusqlite::Result<Vec<PathBuf>>>()?;
    found.retain(|path| rank(recording, path).is_some());
    found.sort_by_cached_key(|path| (rank(recording, path), path.clone()));
    Ok(found)
}

/// Queues the recordings whose transcript the file at this key may be.
pub(super) fn queue_recordings(
    t: &Transaction<'_>,
    key: &[u8],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let transcript = path_of(key);
    if ending(&transcript).is_none() {
        return Ok(());
    }
    let Some(stem) = transcript.file_stem() else {
        return Ok(());
    };
    // The recording's own stem is this one, or this one less its last part.
    let whole = Path::new(stem);
    let less = whole.file_stem().filter(|less| *less != stem);
    for stem in [Some(stem), less].into_iter().flatten() {
        let (low, high) = beginning_with(&transcript.with_file_name(stem));
        let recordings: Vec<(i64, Vec<u8>, String)> = t
            .prepare_cached(
                "SELECT id, key, kind FROM file WHERE key >= ?1 AND key < ?2
                     AND kind IN ('audio', 'video', '') AND state <> 7",
            )?
            .query_map(params![low, high], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        for (id, key, kind) in recordings {
            let recording = path_of(&key);
            let its =
                recording.file_stem() == Some(stem) && rank(&recording, &transcript).is_some();
            // One that is being read for the first time has no kind yet, and may have looked for
            // its transcript before this one came.
            if its && (!kind.is_empty() || is_named_so(&recording)) {
                mark_dirty(t, id as u64, now_ms)?;
            }
        }
    }
    Ok(())
}

/// The keys of files whose names are this one, a dot, and more.
fn beginning_with(stem: &Path) -> (Vec<u8>, Vec<u8>) {
    let mut low = key_of(stem);
    let mut high = low.clone();
    low.push(b'.');
    high.push(b'.' + 1);
    (low, high)
}

/// Whether a file is a recording by its name.
fn is_named_so(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| format_class(name) == SOUND)
}

/// Where a name's ending stands among those of transcripts.
fn ending(path: &Path) -> Option<usize> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    ENDINGS.iter().position(|known| *known == extension)
}

/// How good a transcript of `recording` the file `transcript` is by its name, 0 best; none when
/// it is none.
fn rank(recording: &Path, transcript: &Path) -> Option<usize> {
    let ending = ending(transcript)?;
    let (stem, of) = (recording.file_stem()?, transcript.file_stem()?);
    let between = of.as_bytes().strip_prefix(stem.as_bytes())?;
    let by_name = match between.split_first() {
        None => 0,
        Some((b'.', part)) if recording.extension().map(OsStr::as_bytes) == Some(part) => 1,
        Some((b'.', part)) if is_language(part) => 2,
        Some(_) => return None,
    };
    // Times count for more than names.
    let timed = usize::from(ENDINGS[ending] == "txt");
    Some((timed * 3 + by_name) * ENDINGS.len() + ending)
}

/// Whether this is a language's name in a file's: `zh`, `en-GB`, `zh_Hans`.
fn is_language(part: &[u8]) -> bool {
    let mut parts = part.split(|b| *b == b'-' || *b == b'_');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.iter().all(u8::is_ascii_alphabetic)
        && parts.all(|region| {
            (2..=8).contains(&region.len()) && region.iter().all(u8::is_ascii_alphanumeric)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{ack, fact, journal};
    use crate::journal::{About, Ack, State, Verdict};
    use crate::scan::Change;

    #[test]
    fn names_tell_whose_transcript_it_is() {
        let recording = Path::new("/w/talk.one.mp3");
        let of = |name: &str| rank(recording, &Path::new("/w").join(name));
        let best_first = [
            "talk.one.srt",
            "talk.one.vtt",
            "talk.one.JSON",
            "talk.one.mp3.srt",
            "talk.one.en-GB.srt",
            "talk.one.zh_Hans.vtt",
            "talk.one.txt",
            "talk.one.zh.txt",
        ];
        let ranks: Vec<_> = best_first.map(|name| of(name).expect(name)).to_vec();
        assert!(ranks.is_sorted(), "{ranks:?}");
        for no in [
            "talk.srt",
            "talk.two.srt",
            "talk.one.notes.txt",
            "talk.one.m4a.srt",
            "talk.one2.srt",
            "talk.one.md",
            "talk.one.mp3",
        ] {
            assert_eq!(of(no), None, "{no}");
        }
    }

    #[test]
    fn a_transcript_that_comes_while_its_recording_is_first_read_is_not_missed() {
        let (_dir, journal, folder) = journal();
        let (talk, note) = (fact("/w/talk.mp3", 1, 1), fact("/w/talk.md", 2, 2));
        let new = [Change::New(talk.clone()), Change::New(note.clone())];
        journal.apply(folder, &new, 5, true).unwrap();
        let id = |path: &Path| journal.record(path).unwrap().unwrap().id;
        let ids = [id(&talk.path), id(&note.path)];
        let claims = journal.claim(&ids).unwrap();
        let words = Change::New(fact("/w/talk.srt", 3, 3));
        journal.apply(folder, &[words], 6, true).unwrap();
        for (claim, disk) in claims.iter().zip([&talk, &note]) {
            let read = ack(claim, disk.clone(), 1, Verdict::Done);
            journal.acknowledge(&[read], 7).unwrap();
        }
        let state = |path: &Path| journal.record(path).unwrap().unwrap().state;
        assert_eq!(state(&talk.path), State::Dirty, "it is read once more");
        assert_eq!(state(&note.path), State::Done);
    }

    #[test]
    fn a_recording_is_queued_whenever_its_transcript_comes_changes_or_goes() {
        let (_dir, journal, folder) = journal();
        let put = |path: &str, kind: &str, n: u64| {
            let disk = fact(path, n, n);
            let change = Change::New(disk.clone());
            journal.apply(folder, &[change], 5, true).unwrap();
            let id = journal.record(Path::new(path)).unwrap().unwrap().id;
            let claim = journal.claim(&[id]).unwrap().remove(0);
            let ack = Ack {
                about: About::of_kind(kind),
                ..ack(&claim, disk, 1, Verdict::Done)
            };
            journal.acknowledge(&[ack], 6).unwrap();
            id
        };
        let state = |path: &str| journal.record(Path::new(path)).unwrap().unwrap().state;
        let talk = "/w/talk.mp3";
        put(talk, "audio", 1);
        put("/w/talk.two.mp3", "audio", 2);
        put("/w/talk.pdf", "pdf", 3);
        let settle = || {
            let id = journal.record(Path::new(talk)).unwrap().unwrap().id;
            assert_eq!(state(talk), State::Dirty);
            let claim = journal.claim(&[id]).unwrap().remove(0);
            let done = ack(&claim, fact(talk, 1, 1), 2, Verdict::Done);
            let done = Ack {
                about: About::of_kind("audio"),
                ..done
            };
            journal.acknowledge(&[done], 6).unwrap();
            assert_eq!(state(talk), State::Done);
        };

        let words = put("/w/talk.en.srt", "text", 4);
        assert_eq!(
            journal.transcripts_beside(Path::new(talk)).unwrap(),
            [Path::new("/w/talk.en.srt")]
        );
        settle();
        let disk = fact("/w/talk.en.srt", 4, 40);
        let changed = Change::Changed { id: words, disk };
        journal.apply(folder, &[changed], 7, true).unwrap();
        settle();
        let disk = fact("/w/elsewhere.srt", 4, 40);
        let moved = Change::Moved {
            id: words,
            disk,
            touched: false,
        };
        journal.apply(folder, &[moved], 8, true).unwrap();
        settle();
        assert!(
            journal
                .transcripts_beside(Path::new(talk))
                .unwrap()
                .is_empty()
        );
        let plain = put("/w/talk.txt", "text", 5);
        settle();
        journal
            .apply(folder, &[Change::Gone { id: plain }], 9, true)
            .unwrap();
        settle();
        for other in ["/w/talk.two.mp3", "/w/talk.pdf"] {
            assert_eq!(state(other), State::Done, "{other}");
        }
    }
}
