//! Who speaks in which file, so that a part of a name is enough to ask for them.
//!
//! The table's rows have the names; here they stand once a file, where all that there are can be
//! listed in a moment. Promise: what is acknowledged of a file and who speaks in it are recorded
//! in one transaction, and who speaks in no file is not here.

use std::collections::BTreeSet;

use rusqlite::{Transaction, params};

use super::{Journal, Result};

/// Speakers of one file that are kept: a transcript with more has something else in that place.
const SPEAKERS_MAX: usize = 1_000;

impl Journal {
    /// Who speaks in a file, in order; nobody in most.
    pub fn speakers(&self, id: u64) -> Result<Vec<String>> {
        self.read("looking up who speaks", |c| {
            c.prepare_cached("SELECT name FROM speaker WHERE file = ?1 ORDER BY name")?
                .query_map([id as i64], |row| row.get(0))?
                .collect()
        })
    }
}

/// Keeps who speaks in a file that was read.
pub(super) fn keep(
    t: &Transaction<'_>,
    id: u64,
    speakers: &BTreeSet<String>,
) -> rusqlite::Result<()> {
    t.prepare_cached("DELETE FROM speaker WHERE file = ?1")?
        .execute([id as i64])?;
    let mut insert = t.prepare_cached("INSERT INTO speaker VALUES (?1, ?2)")?;
    for name in speakers.iter().take(SPEAKERS_MAX) {
        insert.execute(params![id as i64, name])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::journal::tests::{ack, fact, journal};
    use crate::journal::{Ack, Facet, Verdict};
    use crate::scan::Change;

    #[test]
    fn speakers_are_those_of_the_files_that_there_are() {
        let (_dir, journal, folder) = journal();
        let put = |path: &str, speakers: &[&str]| {
            let at = Path::new(path);
            let n = path.len() as u64;
            if journal.record(at).unwrap().is_none() {
                let new = Change::New(fact(path, n, n));
                journal.apply(folder, &[new], 5, true).unwrap();
            }
            let id = journal.record(at).unwrap().unwrap().id;
            let claim = journal.claim(&[id]).unwrap().remove(0);
            let ack = Ack {
                speakers: speakers.iter().map(ToString::to_string).collect(),
                ..ack(&claim, fact(path, n, n), 1, Verdict::Done)
            };
            journal.acknowledge(&[ack], 6).unwrap();
            id
        };
        let again = |id: u64| {
            let disk = fact("/w/b.json", 9, 90);
            let changed = Change::Changed { id, disk };
            journal.apply(folder, &[changed], 7, true).unwrap();
        };
        let all = || journal.values_of(Facet::Speaker).unwrap();
        assert_eq!(all(), [""; 0]);
        let first = put("/w/a.vtt", &["Ada", "厚明"]);
        let second = put("/w/b.json", &["Bob", "Ada"]);
        assert_eq!(all(), ["Ada", "Bob", "厚明"]);
        assert_eq!(journal.speakers(first).unwrap(), ["Ada", "厚明"]);
        // Read again, and gone.
        again(second);
        put("/w/b.json", &["Eve"]);
        assert_eq!(all(), ["Ada", "Eve", "厚明"]);
        journal.remove_folder(folder).unwrap();
        assert_eq!(all(), [""; 0]);
        journal.forget(&[first]).unwrap();
        assert_eq!(journal.speakers(first).unwrap(), [""; 0]);
    }

    #[test]
    fn a_file_of_names_without_end_keeps_a_thousand() {
        let (_dir, journal, folder) = journal();
        let disk = fact("/w/a.json", 1, 1);
        let new = Change::New(disk.clone());
        journal.apply(folder, &[new], 5, true).unwrap();
        let id = journal.candidates(1).unwrap()[0].id;
        let claim = journal.claim(&[id]).unwrap().remove(0);
        let ack = Ack {
            speakers: (0..5_000).map(|n| format!("speaker {n}")).collect(),
            ..ack(&claim, disk, 1, Verdict::Done)
        };
        journal.acknowledge(&[ack], 6).unwrap();
        assert_eq!(journal.speakers(id).unwrap().len(), SPEAKERS_MAX);
    }
}
