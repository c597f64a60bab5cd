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
    generation: &str,
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
    let other = journal.requeue_other_generations(generation, now_ms())?;
    if other > 0 {
        tracing::info!(
            files = other,
            generation,
            "files of another generation are brought up to date"
        );
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
    use super::*;

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
}
