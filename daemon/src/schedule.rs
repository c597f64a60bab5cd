//! What to work on next: a pure function of the queue, the free places and the clock.
//!
//! What it promises:
//! - What was saved a moment ago comes first; within an age, small before large.
//! - Two kinds of place. Heavy files (a long PDF, one day a recording) can fill theirs, and a
//!   note saved a second ago still finds a light one free.
//! - Folders take turns, so that a folder of a hundred thousand files does not hold up another.
//! - A file that waits for its retry does not hold up others, and the plan says when to look
//!   again, so that nobody polls.

use std::collections::{BTreeMap, HashSet};

use crate::journal::Candidate;

/// Up to this size a file is light: read, and its vectors made, in well under a second.
pub const LIGHT_MAX_BYTES: u64 = 256 * 1024;

/// Ages that are told apart: a minute (being worked on), a day, a month, older.
const AGES_MS: [i64; 3] = [60_000, 86_400_000, 30 * 86_400_000];

/// Places that are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// For light files only.
    pub light: usize,
    /// For any file.
    pub heavy: usize,
}

/// What to do now, and when to look again if nothing else happens.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files to claim, in order; `true` for those that take a heavy place.
    pub start: Vec<(u64, bool)>,
    /// The earliest retry among what was passed over, in milliseconds since the epoch.
    pub look_again_at: Option<i64>,
}

/// Whether a file of this size takes a heavy place.
pub fn is_heavy(size: u64) -> bool {
    size > LIGHT_MAX_BYTES
}

/// Chooses among `candidates`, leaving out `busy`.
pub fn plan(candidates: &[Candidate], busy: &HashSet<u64>, free: Places, now_ms: i64) -> Plan {
    let mut plan = Plan::default();
    let mut ready = Vec::with_capacity(candidates.len());
    for candidate in candidates.iter().filter(|c| !busy.contains(&c.id)) {
        if candidate.retry_at > now_ms {
            let soonest = plan.look_again_at.get_or_insert(candidate.retry_at);
            *soonest = candidate.retry_at.min(*soonest);
        } else {
            ready.push(candidate);
        }
    }
    ready.sort_by_key(|c| (c.interrupted, age(c, now_ms), c.size, c.id));

    let mut turns: BTreeMap<u64, u32> = BTreeMap::new();
    let mut order: Vec<_> = ready
        .into_iter()
        .map(|c| {
            let turn = turns.entry(c.folder).or_default();
            *turn += 1;
            ((c.interrupted, age(c, now_ms) > 0, *turn, c.folder), c)
        })
        .collect();
    order.sort_by_key(|(rank, _)| *rank);

    let mut free = free;
    for (_, candidate) in order {
        if is_heavy(candidate.size) {
            if free.heavy > 0 {
                free.heavy -= 1;
                plan.start.push((candidate.id, true));
            }
        } else if free.light > 0 {
            free.light -= 1;
            plan.start.push((candidate.id, false));
        }
    }
    plan
}

fn age(candidate: &Candidate, now_ms: i64) -> usize {
    let age = now_ms - candidate.changed_at;
    AGES_MS.iter().take_while(|&&limit| age >= limit).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000_000;

    fn file(id: u64, folder: u64, size: u64, age_ms: i64) -> Candidate {
        Candidate {
            id,
            folder,
            size,
            changed_at: NOW - age_ms,
            interrupted: 0,
            retry_at: 0,
        }
    }

    fn order(candidates: &[Candidate], light: usize, heavy: usize) -> Vec<u64> {
        plan(candidates, &HashSet::new(), Places { light, heavy }, NOW)
            .start
            .into_iter()
            .map(|(id, _)| id)
            .collect()
    }

    #[test]
    fn fresh_before_old_and_small_before_large() {
        let queue = [
            file(1, 1, 10, 5_000_000),
            file(2, 1, 900, 10),
            file(3, 1, 5, 20),
            file(4, 1, 1, 9_000_000_000),
        ];
        assert_eq!(order(&queue, 9, 9), [3, 2, 1, 4]);
    }

    #[test]
    fn heavy_files_never_take_the_light_places() {
        let mut queue: Vec<_> = (0..20).map(|id| file(id, 1, 1 << 30, 10)).collect();
        queue.push(file(99, 1, 100, 9_000_000_000));
        assert_eq!(order(&queue, 1, 2), [0, 1, 99]);
    }

    #[test]
    fn folders_take_turns() {
        let mut queue: Vec<_> = (0..100).map(|id| file(id, 1, 1, 90_000_000)).collect();
        queue.push(file(500, 2, 9_000, 90_000_000));
        assert!(order(&queue, 4, 0).contains(&500));
    }

    #[test]
    fn a_retry_is_waited_for_without_polling() {
        let mut late = file(1, 1, 1, 10);
        late.retry_at = NOW + 4_000;
        let plan = plan(&[late], &HashSet::new(), Places { light: 1, heavy: 1 }, NOW);
        assert_eq!(
            plan,
            Plan {
                start: vec![],
                look_again_at: Some(NOW + 4_000)
            }
        );
    }

    #[test]
    fn what_was_interrupted_goes_last() {
        let mut culprit = file(1, 1, 1, 10);
        culprit.interrupted = 1;
        assert_eq!(
            order(&[culprit, file(2, 1, 100_000, 9_000_000_000)], 1, 1),
            [2]
        );
    }

    proptest! {
        #[test]
        fn never_more_than_the_places_nor_twice_nor_busy(
            sizes in prop::collection::vec((0u64..1 << 22, 0u64..4, 0i64..1 << 36), 0..200),
            light in 0usize..8, heavy in 0usize..4, busy in prop::collection::hash_set(0u64..200, 0..20),
        ) {
            let queue: Vec<_> = sizes
                .iter()
                .enumerate()
                .map(|(id, &(size, folder, age))| file(id as u64, folder, size, age))
                .collect();
            let plan = plan(&queue, &busy, Places { light, heavy }, NOW);
            prop_assert!(plan.start.iter().filter(|(_, heavy)| *heavy).count() <= heavy);
            prop_assert!(plan.start.iter().filter(|(_, heavy)| !*heavy).count() <= light);
            let ids: HashSet<_> = plan.start.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(ids.len(), plan.start.len());
            prop_assert!(ids.is_disjoint(&busy));
            // Work conserving: a place stays free only if nothing fits it.
            let waiting = |want_heavy: bool| queue.iter()
                .filter(|c| is_heavy(c.size) == want_heavy && !busy.contains(&c.id)).count();
            let started = |want_heavy: bool| plan.start.iter().filter(|(_, h)| *h == want_heavy).count();
            prop_assert_eq!(started(true), waiting(true).min(heavy));
            prop_assert_eq!(started(false), waiting(false).min(light));
        }
    }
}
