//! Filling the free places: what the planner picks of the queue is claimed, durably, and its
//! jobs are set going.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Driver;
use crate::engine::commit::Work;
use crate::engine::job;
use crate::engine::place::Place;
use crate::engine::rest::{self, rests};
use crate::engine::shared::{Next, blocking};
use crate::journal::now_ms;
use crate::schedule::plan;

/// The planner's window on the queue, per folder and order: more than there are places.
const WINDOW: usize = 64;

impl Driver {
    /// Fills the free places.
    pub(super) async fn dispatch(&mut self) {
        if self.free.light == 0 && self.free.heavy == 0 {
            return;
        }
        if self.shared.fresh().pending <= self.busy.len() as u64 {
            return;
        }
        if let Some(rest) = rests(&self.shared, rest::Work::Files) {
            self.look_again = match rest.next() {
                Next::Time(time) => Some(Instant::now() + time),
                Next::Change | Next::More => None,
            };
            return;
        }
        let places = rest::places(&self.shared, self.free, self.all);
        let shared = Arc::clone(&self.shared);
        let candidates = blocking(move || Ok(shared.journal.candidates(WINDOW)?)).await;
        let planned = match candidates {
            Ok(candidates) => plan(&candidates, &self.busy, places, now_ms()),
            Err(error) => {
                tracing::error!(%error, "the queue could not be read");
                return;
            }
        };
        self.look_again = planned
            .look_again_at
            .map(|at| Instant::now() + Duration::from_millis((at - now_ms()).max(1) as u64));
        self.start(planned.start).await;
    }

    /// Claims files, durably, and sets their jobs going.
    async fn start(&mut self, files: Vec<(u64, bool)>) {
        if files.is_empty() {
            return;
        }
        let ids: Vec<u64> = files.iter().map(|(id, _)| *id).collect();
        let heavy: HashSet<u64> = files
            .iter()
            .filter(|(_, heavy)| *heavy)
            .map(|(id, _)| *id)
            .collect();
        let shared = Arc::clone(&self.shared);
        let claims = match blocking(move || Ok(shared.journal.claim(&ids)?)).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::error!(%error, "work could not be claimed");
                return;
            }
        };
        for claim in claims {
            let heavy = heavy.contains(&claim.id);
            if heavy {
                self.free.heavy -= 1;
            } else {
                self.free.light -= 1;
            }
            self.busy.insert(claim.id);
            let shared = Arc::clone(&self.shared);
            let commits = self.commits.clone();
            let place = Place::new(shared.driver.clone(), self.turns.clone(), heavy);
            self.jobs.spawn(async move {
                let finished = job::read(&shared, claim, &place).await;
                // A full channel holds the place: what was read is bounded by it.
                let _ = commits.send(Work::Finished(Box::new(finished))).await;
                place.leave().await;
            });
        }
    }
}
