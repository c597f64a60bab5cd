//! Tells a worker that stands still from one that nobody lets run.
//!
//! Workers have idle priority. Beside a compiler on all cores one gets a hundredth of a
//! processor, and a file of a second's work would miss any deadline through no fault of its
//! own. So at the end of a deadline the worker's processor time is looked at.

use std::time::{Duration, Instant};

use super::process::Work;

/// A worker that would run and got less than this part of the deadline in processor time,
/// in hundredths, is starved and not stalled: idle priority beside a compiler on all cores
/// gets one part in a hundred.
const STARVED_PERCENT: u32 = 50;

/// How many deadlines a starved worker may take. Its file may be endless all the same.
const STARVED_DEADLINES: u32 = 10;

/// Tells a worker that nobody lets run from one that stands still.
#[derive(Debug)]
pub(super) struct Patience {
    /// Its sign of life that this is about.
    pub(super) alive: Instant,
    /// Its processor time then.
    used: Option<Duration>,
    /// What was granted beyond the deadline.
    pub(super) grace: Duration,
}

impl Patience {
    pub(super) fn new(alive: Instant) -> Patience {
        Patience {
            alive,
            used: None,
            grace: Duration::ZERO,
        }
    }

    /// Notes what the worker has used at its last sign of life, as near as it is looked at.
    pub(super) fn look(&mut self, alive: Instant, work: Option<Work>) {
        if self.alive != alive {
            *self = Patience::new(alive);
        }
        self.used = self.used.or(work.map(|work| work.used));
    }

    /// At the end of a deadline: whether to wait some more.
    pub(super) fn starved(&mut self, stall: Duration, work: Option<Work>) -> bool {
        let (Some(before), Some(work)) = (self.used, work) else {
            return false;
        };
        let busy = work.used.saturating_sub(before) >= stall * STARVED_PERCENT / 100;
        if !work.runnable || busy || self.grace >= stall * (STARVED_DEADLINES - 1) {
            return false;
        }
        self.grace += stall;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(20);

    fn work(runnable: bool, seconds: u64) -> Work {
        let used = Duration::from_secs(seconds);
        Work { runnable, used }
    }

    #[test]
    fn promise_17_a_worker_that_nobody_lets_run_is_not_stalled() {
        let alive = Instant::now();
        let check = |at_end: Option<Work>| {
            let mut waiting = Patience::new(alive);
            waiting.look(alive, Some(work(true, 5)));
            waiting.look(alive, Some(work(true, 6)));
            waiting.starved(STALL, at_end)
        };
        assert!(check(Some(work(true, 6))), "ready to run, and not let");
        assert!(!check(Some(work(true, 15))), "it ran and came to nothing");
        assert!(!check(Some(work(false, 6))), "it sleeps");
        assert!(!check(None), "nothing is known");
    }

    #[test]
    fn promise_17_even_a_starved_worker_has_its_end() {
        let mut waiting = Patience::new(Instant::now());
        let idle = Some(work(true, 0));
        waiting.look(waiting.alive, idle);
        let deadlines = (1..).take_while(|_| waiting.starved(STALL, idle));
        assert_eq!(deadlines.count() as u32, STARVED_DEADLINES - 1);
    }
}
