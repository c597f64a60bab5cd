//! Outcomes that go into one commit: those that are there, and those that follow closely.
//!
//! Promises: a batch is bounded in files, rows and time; what was just saved is hardly kept
//! waiting; the order is kept, and other work is handed on in its turn.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Work;
use crate::engine::job::{Finished, Reading};
use crate::journal::now_ms;

/// Files in one commit: a version of the table costs some 10 ms whatever its size, so many
/// files share one; a bound keeps a replay after a crash short.
const BATCH_FILES: usize = 256;

/// Rows in one commit: 20,000 rows with vectors are some 50 MB on their way to the disk.
const BATCH_ROWS: usize = 20_000;

/// How long an outcome waits for the next. Less than anyone notices, and enough while a folder
/// of small files is being read.
const COMPANY_MS: u64 = 15;
/// How long a batch is gathered at most: a version of the table for a quarter of a second costs
/// much less than ten do, and so do the fragments to be merged after it.
const BATCH_MS: u64 = 250;
/// A file that was saved so long ago at most may be asked for now: its batch is not gathered on.
const JUST_SAVED_MS: i64 = 5_000;

/// Takes what is there, and what follows each other closely, up to the bounds.
pub(super) async fn gather(
    first: Finished,
    work: &mut mpsc::Receiver<Work>,
) -> (Vec<Finished>, Option<Work>) {
    let company = || Instant::now() + Duration::from_millis(COMPANY_MS);
    let mut latest = Instant::now() + Duration::from_millis(BATCH_MS);
    let (mut rows, mut batch) = (0, Vec::new());
    let mut next = first;
    loop {
        if just_saved(&next) {
            latest = latest.min(company());
        }
        rows += rows_in(&next);
        batch.push(next);
        if batch.len() >= BATCH_FILES || rows >= BATCH_ROWS {
            return (batch, None);
        }
        match tokio::time::timeout_at(latest.min(company()), work.recv()).await {
            Ok(Some(Work::Finished(finished))) => next = *finished,
            Ok(Some(other)) => return (batch, Some(other)),
            Ok(None) | Err(_) => return (batch, None),
        }
    }
}

fn just_saved(finished: &Finished) -> bool {
    match &finished.reading {
        Reading::Outcome(outcome) => {
            let saved_ms = outcome.disk.mtime_ns / 1_000_000;
            (0..JUST_SAVED_MS).contains(&(now_ms() - saved_ms))
        }
        _ => false,
    }
}

fn rows_in(finished: &Finished) -> usize {
    match &finished.reading {
        Reading::Outcome(outcome) => outcome.rows.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Claim;

    fn finished(id: u64) -> Finished {
        Finished {
            claim: Claim {
                id,
                turn: 1,
                fsid: 1,
                path: format!("/d/{id}").into(),
                folder: "/d".into(),
                revision: 0,
                attempts: 0,
            },
            reading: Reading::Vanished,
            _guard: None,
        }
    }

    #[tokio::test]
    async fn a_batch_takes_what_is_there_up_to_its_bound_and_leaves_other_work_to_its_turn() {
        let (sender, mut work) = mpsc::channel(2 * BATCH_FILES);
        for id in 1..BATCH_FILES as u64 + 10 {
            let finished = Work::Finished(Box::new(finished(id)));
            sender.send(finished).await.unwrap();
        }
        sender.send(Work::Moves).await.unwrap();
        let ids = |batch: &[Finished]| batch.iter().map(|f| f.claim.id).collect::<Vec<_>>();

        let (batch, then) = gather(finished(0), &mut work).await;
        assert_eq!(ids(&batch), (0..BATCH_FILES as u64).collect::<Vec<_>>());
        assert!(then.is_none());

        let Some(Work::Finished(first)) = work.recv().await else {
            panic!("the rest is lost");
        };
        let (batch, then) = gather(*first, &mut work).await;
        assert_eq!(batch.len(), 10);
        assert_eq!(batch[9].claim.id, BATCH_FILES as u64 + 9);
        assert!(matches!(then, Some(Work::Moves)));

        drop(sender);
        let (batch, then) = gather(finished(7), &mut work).await;
        assert_eq!((ids(&batch), then.is_none()), (vec![7], true));
    }
}
