//! When background work rests: because somebody asked for it (`hippo pause`), or because the
//! machine runs on its battery.
//!
//! Promises: what is at work comes to its end, and nothing new begins; a recording stops at its
//! next checkpoint; questions are answered, and changes noticed, as ever. A pause outlives a
//! restart, unless its time has run out. The battery is looked at when work is about to begin,
//! and while work waits for it: never when there is nothing to do.

use std::sync::Arc;
use std::time::Duration;

use hippo_config::OnBattery;
use tokio::sync::watch;

use super::driver::Event;
use super::shared::{Next, Shared, blocking};
use super::{EngineError, power};
use crate::journal::{Journal, now_ms};
use crate::schedule::Places;

/// Until when, milliseconds since the epoch, in the journal.
const PAUSED_UNTIL: &str = "paused_until";
/// No pause.
const NOT_PAUSED: i64 = 0;
/// A pause that somebody has to end.
const FOR_EVER: i64 = i64::MAX;
/// While work waits for the mains, they are looked for again after so long.
const LOOK_FOR_MAINS: Duration = Duration::from_mins(1);
/// Files that are read at once on the battery: a note is, an archive takes its time.
const ON_BATTERY: Places = Places { light: 2, heavy: 1 };

/// Work that can rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Reading files.
    Files,
    /// Hearing recordings, completing vectors: hours of all cores, and nobody waits.
    Bulk,
}

/// Why work rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Somebody asked for it, until then.
    Asked { until: Option<i64> },
    /// The machine is not plugged in.
    Battery,
}

impl Rest {
    /// When to look again.
    pub(super) fn next(self) -> Next {
        match self {
            Rest::Asked { until: None } => Next::Change,
            Rest::Asked { until: Some(until) } => {
                Next::Time(Duration::from_millis((until - now_ms()).max(1) as u64))
            }
            Rest::Battery => Next::Time(LOOK_FOR_MAINS),
        }
    }

    /// Its name on the wire.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Rest::Asked { .. } => "asked",
            Rest::Battery => "battery",
        }
    }

    /// What it waits for, in words.
    pub(super) fn in_words(self) -> String {
        match self {
            Rest::Asked { until: None } => {
                "hippo is paused; `hippo resume` lets it go on".to_owned()
            }
            Rest::Asked { until: Some(until) } => {
                let until = super::status::moment(until);
                format!("hippo is paused until {until}; `hippo resume` lets it go on now")
            }
            Rest::Battery => {
                "this machine runs on its battery, and hippo waits for the mains (the setting \
                 `power.battery`)"
                    .to_owned()
            }
        }
    }
}

/// The pause that was asked for.
pub(super) struct Pause {
    until: watch::Sender<i64>,
}

impl Pause {
    /// As the last life of the daemon left it.
    pub(super) fn load(journal: &Journal) -> Result<Pause, EngineError> {
        let until = journal.number(PAUSED_UNTIL)?.unwrap_or(NOT_PAUSED);
        Ok(Pause {
            until: watch::Sender::new(until),
        })
    }

    /// Tells when it changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<i64> {
        self.until.subscribe()
    }

    fn asked(&self, now_ms: i64) -> Option<Rest> {
        match *self.until.borrow() {
            FOR_EVER => Some(Rest::Asked { until: None }),
            until => (until > now_ms).then_some(Rest::Asked { until: Some(until) }),
        }
    }
}

/// Why work of this kind rests, if it does.
pub(super) fn rests(shared: &Shared, work: Work) -> Option<Rest> {
    let asked = shared.pause.asked(now_ms());
    asked.or_else(|| waits_for_mains(shared, work).then_some(Rest::Battery))
}

fn waits_for_mains(shared: &Shared, work: Work) -> bool {
    let settings = shared.settings();
    let waits = match settings.power.battery {
        OnBattery::Ignore => false,
        OnBattery::Slow => work == Work::Bulk,
        OnBattery::Pause => true,
    };
    waits && power::on_battery(&settings.power.supplies)
}

/// What may be begun of `free` places, out of `all`.
pub(super) fn places(shared: &Shared, free: Places, all: Places) -> Places {
    let settings = shared.settings();
    let slow = settings.power.battery == OnBattery::Slow;
    if !slow || !power::on_battery(&settings.power.supplies) {
        return free;
    }
    within(ON_BATTERY, free, all)
}

/// The free places when no more than `most` may be taken at once.
fn within(most: Places, free: Places, all: Places) -> Places {
    let left = |free: usize, all: usize, most: usize| free.min(most.saturating_sub(all - free));
    Places {
        light: left(free.light, all.light, most.light),
        heavy: left(free.heavy, all.heavy, most.heavy),
    }
}

/// Lets background work rest: so long, or until [`resume`].
pub(super) async fn pause(shared: &Arc<Shared>, time: Option<Duration>) -> Result<(), EngineError> {
    let until = time.map_or(FOR_EVER, |time| {
        let ms = i64::try_from(time.as_millis()).unwrap_or(FOR_EVER);
        now_ms().saturating_add(ms)
    });
    set(shared, until).await
}

/// Lets it go on.
pub(super) async fn resume(shared: &Arc<Shared>) -> Result<(), EngineError> {
    set(shared, NOT_PAUSED).await
}

async fn set(shared: &Arc<Shared>, until: i64) -> Result<(), EngineError> {
    let keeping = Arc::clone(shared);
    blocking(move || Ok(keeping.journal.set_number(PAUSED_UNTIL, until)?)).await?;
    tracing::info!(paused = until != NOT_PAUSED, "background work");
    shared.pause.until.send_replace(until);
    // Who waits is told, and the loop looks at its queue.
    shared.refresh();
    let _ = shared.driver.send(Event::Queued).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(until: i64) -> Pause {
        Pause {
            until: watch::Sender::new(until),
        }
    }

    #[test]
    fn a_pause_ends_by_itself_when_its_time_has_run_out() {
        assert_eq!(pause(NOT_PAUSED).asked(5), None);
        assert_eq!(pause(10).asked(5), Some(Rest::Asked { until: Some(10) }));
        assert_eq!(pause(10).asked(10), None);
        assert_eq!(pause(FOR_EVER).asked(5), Some(Rest::Asked { until: None }));
    }

    #[test]
    fn a_pause_is_kept_for_the_next_life() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("journal.sqlite")).unwrap();
        assert_eq!(Pause::load(&journal).unwrap().asked(5), None);
        journal.set_number(PAUSED_UNTIL, 10).unwrap();
        let kept = Pause::load(&journal).unwrap();
        assert_eq!(kept.asked(5), Some(Rest::Asked { until: Some(10) }));
    }

    #[test]
    fn on_the_battery_few_places_are_taken_at_once() {
        let all = Places {
            light: 24,
            heavy: 3,
        };
        for (free, left) in [
            ((24, 3), (2, 1)),
            ((23, 2), (1, 0)),
            ((10, 0), (0, 0)),
            ((22, 3), (0, 1)),
        ] {
            let free = Places {
                light: free.0,
                heavy: free.1,
            };
            let places = within(ON_BATTERY, free, all);
            assert_eq!((places.light, places.heavy), left, "{free:?}");
        }
    }
}
