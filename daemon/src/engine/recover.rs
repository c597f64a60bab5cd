//! Bringing journal and table together at a start.
//!
//! After a clean end they agree. After anything else the table is counted: rows of a revision
//! that the journal never acknowledged go, files whose acknowledged rows are not all there are
//! read again. That covers a crash between any two steps of a commit, a table that had to step
//! back over an unreadable head, and one that had to be made anew.

use std::collections::BTreeMap;

use hippo_index::{OpenReport, Store};

use super::EngineError;
use crate::journal::{Journal, now_ms};

/// Set while the last end was a clean one.
pub(super) const CLEAN: &str = "clean";

/// Victims handed to the table at once.
const PURGE_BATCH: usize = 1_000;

/// What the comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Rows that nobody acknowledged: file and revision.
    orphans: Vec<(u64, u64)>,
    /// Files whose rows are not all there.
    lost: Vec<u64>,
}

pub(super) async fn recover(
    journal: &Journal,
    store: &Store,
    opened: &OpenReport,
    extractor: &str,
) -> Result<(), EngineError> {
    let clean = journal.number(CLEAN)? == Some(1);
    journal.set_number(CLEAN, 0)?;
    let interrupted = journal.recover(now_ms())?;
    let suspicious = opened.stepped_back > 0 || opened.set_aside.is_some() || opened.created;
    if let Some(path) = &opened.set_aside {
        tracing::error!(path = %path.display(), "the table could not be read and was set aside; everything is read again");
    }
    if opened.stepped_back > 0 {
        tracing::error!(
            versions = opened.stepped_back,
            "the table's latest versions could not be read; what they held is read again"
        );
    }
    if !clean || suspicious {
        let findings = audit(journal, store).await?;
        tracing::info!(
            interrupted,
            orphans = findings.orphans.len(),
            lost = findings.lost.len(),
            "recovered from an unclean end"
        );
    }
    renew_lost_spaces(journal, opened)?;
    let other = journal.requeue_other_extractors(extractor, now_ms())?;
    if other > 0 {
        tracing::info!(
            files = other,
            extractor,
            "files of another extractor are read again"
        );
    }
    Ok(())
}

/// A space whose column had to be made anew is empty, whatever files are said to have been
/// through it.
fn renew_lost_spaces(journal: &Journal, opened: &OpenReport) -> Result<(), EngineError> {
    for space in journal.spaces()? {
        if opened.spaces_added.contains(&space.name) && journal.is_used(space.id)? {
            tracing::error!(
                space = space.name,
                "the table had lost a generation of vectors; they are made again"
            );
            journal.renew_space(space.id)?;
        }
    }
    Ok(())
}

/// Compares what the table holds with what the journal acknowledged, and mends it.
async fn audit(journal: &Journal, store: &Store) -> Result<Findings, EngineError> {
    let held = store.census().await?;
    let acknowledged = journal.committed()?;
    let held = held.into_iter().map(|c| ((c.file, c.revision), c.rows));
    let findings = compare(held, &acknowledged);
    for batch in findings.orphans.chunks(PURGE_BATCH) {
        store.purge(batch).await?;
    }
    journal.lost(&findings.lost, now_ms())?;
    Ok(findings)
}

fn compare(
    held: impl Iterator<Item = ((u64, u64), u32)>,
    acknowledged: &BTreeMap<u64, (u64, u32)>,
) -> Findings {
    let mut findings = Findings::default();
    let mut whole = std::collections::BTreeSet::new();
    for ((file, revision), rows) in held {
        if acknowledged.get(&file) == Some(&(revision, rows)) {
            whole.insert(file);
        } else {
            findings.orphans.push((file, revision));
        }
    }
    findings.lost = acknowledged
        .keys()
        .filter(|file| !whole.contains(file))
        .copied()
        .collect();
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};
    use std::path::Path;

    use hippo_index::{Embedding, Facts, Options, Row, Space, SpaceRole};

    use super::*;
    use crate::journal::{About, Ack, Completion, Generation, SpaceRecord, Stage, Verdict};
    use crate::scan::{Change, DiskFact};

    #[test]
    fn what_was_never_acknowledged_goes_and_what_is_not_whole_is_read_again() {
        let acknowledged = BTreeMap::from([(1, (5, 2)), (2, (6, 3)), (3, (4, 1)), (4, (9, 1))]);
        let held = [
            ((1, 5), 2), // as acknowledged
            ((1, 7), 2), // a commit that a crash cut short
            ((2, 6), 2), // a row is missing
            ((4, 8), 1), // stepped back to an older revision
            ((9, 9), 1), // a file that the journal does not know
        ];
        assert_eq!(
            compare(held.into_iter(), &acknowledged),
            Findings {
                orphans: vec![(1, 7), (2, 6), (4, 8), (9, 9)],
                lost: vec![2, 3, 4]
            }
        );
    }

    const PATH: &str = "/w/a.txt";

    fn space() -> Space {
        Space {
            name: "m-1".to_owned(),
            role: SpaceRole::Passage,
            dim: 2,
        }
    }

    async fn open(dir: &Path, spaces: Vec<Space>) -> (Journal, Store, OpenReport) {
        let options = Options {
            uri: None,
            spaces,
            vector_index_rows: 1_000,
            cache_mib: 8,
        };
        let (store, report) = Store::open(&dir.join("index"), options).await.unwrap();
        let journal = Journal::open(&dir.join("journal.sqlite")).unwrap();
        (journal, store, report)
    }

    fn row(file: u64, revision: u64, ordinal: u32, embedded: bool) -> Row {
        let vector = Embedding {
            space: "m-1".to_owned(),
            vector: vec![1.0, ordinal as f32],
        };
        Row {
            id: format!("id{ordinal}"),
            file,
            revision,
            path: PATH.to_owned(),
            folder: "/w".to_owned(),
            kind: "text".to_owned(),
            title: None,
            lang: None,
            mime: "text/plain".to_owned(),
            mtime_ms: 1,
            ordinal,
            page: None,
            t0_ms: None,
            t1_ms: None,
            source: "body".to_owned(),
            text: format!("text {ordinal}"),
            vectors: if embedded { vec![vector] } else { Vec::new() },
            generation: "x1+".to_owned(),
            facts: Facts::default(),
            speaker: None,
            lines: Vec::new(),
        }
    }

    /// A file of two rows that no model has seen, and the space that it is to go through.
    async fn settled(journal: &Journal, store: &Store) -> (u64, u64) {
        let disk = DiskFact {
            path: PATH.into(),
            fsid: 1,
            ino: 1,
            size: 1,
            mtime_ns: 1,
            ctime_ns: 1,
        };
        let folder = journal.ensure_folder(Path::new("/w")).unwrap();
        let new = [Change::New(disk.clone())];
        journal.apply(folder, &new, 1, true).unwrap();
        let id = journal.candidates(1).unwrap()[0].id;
        let claim = journal.claim(&[id]).unwrap().remove(0);
        let revision = journal.next_revision().unwrap();
        let rows = vec![row(id, revision, 0, false), row(id, revision, 1, false)];
        store.commit(rows, &[], revision).await.unwrap();
        let ack = Ack {
            id,
            turn: claim.turn,
            disk,
            verdict: Verdict::Done,
            refusal: None,
            revision,
            segments: 2,
            placed: PATH.into(),
            content: Some([1; 32]),
            class: "text".to_owned(),
            generation: Generation::new("x1", []),
            about: About::of_kind("text"),
            feed: None,
            speakers: BTreeSet::new(),
        };
        journal.acknowledge(&[ack], 1).unwrap();
        let record = SpaceRecord {
            id: 0,
            role: "passage".to_owned(),
            model: "m".to_owned(),
            name: "m-1".to_owned(),
            stage: Stage::Active,
        };
        journal.arrange("passage", &[record]).unwrap();
        (id, journal.spaces().unwrap()[0].id)
    }

    #[tokio::test]
    async fn a_completion_that_a_crash_cuts_short_after_any_step_leaves_the_file_whole() {
        for steps in 0..=4 {
            let dir = tempfile::tempdir().unwrap();
            let (journal, store, _) = open(dir.path(), vec![space()]).await;
            let (id, number) = settled(&journal, &store).await;
            let mut revision = 0;
            if steps >= 1 {
                revision = journal.next_revision().unwrap();
            }
            if steps >= 2 {
                let rows = vec![row(id, revision, 0, true), row(id, revision, 1, true)];
                store.commit(rows, &[], revision).await.unwrap();
            }
            if steps >= 3 {
                let completion = Completion {
                    id,
                    from: 1,
                    revision,
                    segments: 2,
                    generation: Generation::new("x1", [number]),
                    placed: PATH.into(),
                };
                journal.complete(&[completion]).unwrap();
            }
            if steps >= 4 {
                store.commit(Vec::new(), &[id], revision).await.unwrap();
            }
            drop((journal, store));

            let (journal, store, opened) = open(dir.path(), vec![space()]).await;
            recover(&journal, &store, &opened, "x1").await.unwrap();
            let completed = steps >= 3;
            let committed = if completed { revision } else { 1 };
            let census = store.census().await.unwrap();
            let held: Vec<_> = census.iter().map(|c| (c.revision, c.rows)).collect();
            assert_eq!(held, [(committed, 2)], "after {steps} steps");
            assert_eq!(journal.live(&[id]).unwrap()[&id].revision, committed);
            assert_eq!(
                journal.counts().unwrap().pending,
                0,
                "nothing is read again"
            );
            let vectors = store.count_vectors("m-1").await.unwrap();
            assert_eq!(vectors, if completed { 2 } else { 0 });
            let lacking = journal
                .incomplete(&[number], &HashSet::new(), 9, 9)
                .unwrap();
            assert_eq!(lacking.is_empty(), completed, "it is gone on with");
        }
    }

    #[tokio::test]
    async fn a_generation_that_the_table_lost_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, store, _) = open(dir.path(), vec![space()]).await;
        let (id, number) = settled(&journal, &store).await;
        let completion = Completion {
            id,
            from: 1,
            revision: 1,
            segments: 2,
            generation: Generation::new("x1", [number]),
            placed: PATH.into(),
        };
        journal.complete(&[completion]).unwrap();
        store.drop_space("m-1").await.unwrap();
        drop((journal, store));
        let (journal, store, opened) = open(dir.path(), vec![space()]).await;
        recover(&journal, &store, &opened, "x1").await.unwrap();
        let renewed = journal.spaces().unwrap()[0].id;
        assert!(renewed > number);
        let lacking = journal
            .incomplete(&[renewed], &HashSet::new(), 9, 9)
            .unwrap();
        assert_eq!(lacking[0].id, id);
        // A space that no file has been through is as new as its column.
        drop((journal, store));
        let (journal, store, mut opened) = open(dir.path(), vec![space()]).await;
        opened.spaces_added = vec!["m-1".to_owned()];
        recover(&journal, &store, &opened, "x1").await.unwrap();
        assert_eq!(journal.spaces().unwrap()[0].id, renewed);
    }
}
