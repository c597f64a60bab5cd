//! A file's place in the schedule, from its claim until it is handed to commit.
//!
//! Heavy places are few, for what takes one is read in the worker. While its vectors are made the
//! worker would have nothing to do, and the model nothing while it reads: so a heavy place is
//! given back when its file has been read, and pictures are decoded while others are looked at.
//!
//! Promises: a place is given back once; what has been read and is not committed yet is bounded
//! by [`TURNS`].

use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::driver::Event;

/// Heavy files whose vectors are made, or that wait for commit: two runs of a model's worth of
/// pictures. A file takes one, and one more for each MiB of its text.
const TURNS: u32 = 8;

/// The turns that there are.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(TURNS as usize)))
    }
}

/// The place of one file.
pub(super) struct Place {
    driver: mpsc::Sender<Event>,
    turns: Turns,
    heavy: bool,
    /// Taken when the file had been read: the place itself is given back then.
    turn: OnceLock<OwnedSemaphorePermit>,
}

impl Place {
    pub(super) fn new(driver: mpsc::Sender<Event>, turns: Turns, heavy: bool) -> Place {
        Place {
            driver,
            turns,
            heavy,
            turn: OnceLock::new(),
        }
    }

    /// The file has been read, to so many bytes of text. Waits while too many others have.
    pub(super) async fn has_read(&self, bytes: usize) {
        if !self.heavy {
            return;
        }
        let many = (bytes >> 20).saturating_add(1).min(TURNS as usize) as u32;
        let turns = Arc::clone(&self.turns.0);
        if let Ok(turn) = turns.acquire_many_owned(many).await
            && self.turn.set(turn).is_ok()
        {
            let _ = self.driver.send(Event::Read { heavy: true }).await;
        }
    }

    /// The file is in commit's hands.
    pub(super) async fn leave(self) {
        if self.turn.get().is_none() {
            let heavy = self.heavy;
            let _ = self.driver.send(Event::Read { heavy }).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the driver was told of so many places, all of them heavy or none.
    fn given_back(events: &mut mpsc::Receiver<Event>, heavy: bool) -> usize {
        let mut many = 0;
        while let Ok(event) = events.try_recv() {
            assert!(matches!(event, Event::Read { heavy: h } if h == heavy));
            many += 1;
        }
        many
    }

    #[tokio::test]
    async fn a_heavy_place_is_given_back_when_its_file_has_been_read() {
        let (driver, mut events) = mpsc::channel(16);
        let place = Place::new(driver, Turns::default(), true);
        place.has_read(10).await;
        assert_eq!(given_back(&mut events, true), 1);
        place.leave().await;
        assert_eq!(given_back(&mut events, true), 0, "once");
    }

    #[tokio::test]
    async fn a_light_place_and_one_whose_file_was_refused_are_given_back_in_the_end() {
        let (driver, mut events) = mpsc::channel(16);
        let light = Place::new(driver.clone(), Turns::default(), false);
        light.has_read(10).await;
        assert_eq!(given_back(&mut events, false), 0);
        light.leave().await;
        assert_eq!(given_back(&mut events, false), 1);
        Place::new(driver, Turns::default(), true).leave().await;
        assert_eq!(given_back(&mut events, true), 1);
    }

    #[tokio::test]
    async fn who_has_read_much_waits_until_others_are_committed() {
        let (driver, mut events) = mpsc::channel(16);
        let turns = Turns::default();
        let place = || Place::new(driver.clone(), turns.clone(), true);
        let (book, other) = (place(), place());
        book.has_read(7 << 20).await;
        let mut waiting = Box::pin(other.has_read(1));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert_eq!(given_back(&mut events, true), 1);
        book.leave().await;
        waiting.await;
        assert_eq!(given_back(&mut events, true), 1);
    }
}
