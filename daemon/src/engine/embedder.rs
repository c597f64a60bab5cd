//! A model on a thread of its own.
//!
//! What it promises:
//! - A question waits for at most one run of other work, in the order of its lane (`lanes`). A
//!   run is of as much as [`Input::at_once`] says; of background work it takes some
//!   [`BACKGROUND_BATCH_MS`] ms, and none begins while any model has a question to answer.
//! - The model is loaded when it is first needed and unloaded when nothing asked for it for a
//!   while; a thread with nothing to do sleeps.
//! - A model that cannot be opened is an answer, not an end: words go on without it, and the
//!   reason is kept for `status`.

mod thread;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hippo_config::PictureTower;
use hippo_extractors::Picture;
use tokio::sync::{OnceCell, oneshot};

use super::lanes::{Lane, Queues, Request};
use super::model::{Input, ModelSource, TEXTS_AT_ONCE};
use super::tags::Names;
use crate::query::text::is_wide;

/// A batch of background work takes about so long: a question that comes in the middle of one
/// has its usual time doubled at most.
const BACKGROUND_BATCH_MS: u64 = 20;

/// Files of up to this many texts go before bulk.
const SMALL_FILE: usize = 32;

/// A text of fewer than one wide letter (Han, kana, Hangul) in this many counts as spaced.
const MOSTLY_SPACED: usize = 10;

/// A model that failed to open is tried again after this long.
pub(super) const REOPEN_AFTER: Duration = Duration::from_mins(1);

/// What the model's speed is told from is halved when it is of this many seconds of work: the
/// figure follows what the machine does now.
const SPEED_MEMORY_S: f64 = 20.0;

/// Questions being answered, over all models.
#[derive(Clone, Default)]
pub(super) struct Questions(Arc<AtomicUsize>);

impl Questions {
    /// One more, until the guard is dropped.
    pub(super) fn one_more(&self) -> QuestionGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        QuestionGuard(self.clone())
    }

    fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A question is being answered while this lives.
pub(super) struct QuestionGuard(Questions);

impl Drop for QuestionGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Shared {
    queues: Mutex<Queues>,
    ready: Condvar,
    facts: Mutex<Facts>,
    questions: Questions,
}

/// What is known of a model at work.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Why it could not be opened, if it could not.
    pub(super) failure: Option<String>,
    /// What runs it; `None` before it was first loaded.
    pub(super) provider: Option<&'static str>,
    /// Whether it is in memory now.
    pub(super) loaded: bool,
    /// How much the process grew when it was loaded.
    pub(super) memory_bytes: Option<u64>,
    texts: f64,
    seconds: f64,
}

impl Facts {
    /// Texts that it makes vectors of in a second, by the latest that it did.
    pub(super) fn texts_per_second(&self) -> Option<f64> {
        (self.texts > 0.0 && self.seconds > 0.0).then(|| self.texts / self.seconds)
    }

    fn note(&mut self, texts: usize, took: Duration) {
        if self.seconds > SPEED_MEMORY_S {
            self.texts /= 2.0;
            self.seconds /= 2.0;
        }
        self.texts += texts as f64;
        self.seconds += took.as_secs_f64();
    }

    /// Texts in a batch of background work.
    fn background_batch(&self) -> usize {
        let texts = self.texts_per_second().unwrap_or(0.0) * BACKGROUND_BATCH_MS as f64 / 1_000.0;
        (texts as usize).clamp(1, TEXTS_AT_ONCE)
    }
}

/// A handle on the model's thread, which ends with the last of them.
#[derive(Clone)]
pub(super) struct Embedder {
    languages: Arc<Vec<String>>,
    /// How it sees pictures, if it does.
    picture: Option<PictureTower>,
    /// The vectors of the names of tags, once they were wanted.
    tag_names: Arc<OnceCell<Names>>,
    /// Closes the queue when the last handle is dropped.
    closing: Arc<Closing>,
}

struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        lock(&self.0.queues).closed = true;
        self.0.ready.notify_one();
    }
}

impl Embedder {
    /// Starts the thread. Nothing is loaded yet.
    pub(super) fn start(source: ModelSource, questions: &Questions) -> std::io::Result<Embedder> {
        let shared = Arc::new(Shared {
            queues: Mutex::default(),
            ready: Condvar::new(),
            facts: Mutex::default(),
            questions: questions.clone(),
        });
        let embedder = Embedder {
            languages: Arc::new(source.manifest.languages.clone()),
            picture: source.manifest.picture.clone(),
            tag_names: Arc::default(),
            closing: Arc::new(Closing(Arc::clone(&shared))),
        };
        std::thread::Builder::new()
            .name(source.manifest.role.as_str().into())
            .spawn(move || thread::run(&shared, &source))?;
        Ok(embedder)
    }

    fn shared(&self) -> &Shared {
        &self.closing.0
    }

    /// Whether the model was trained for what this is written in. A vector of a text that is
    /// nothing but unknown tokens would lie near every other such text.
    pub(super) fn knows(&self, text: &str) -> bool {
        let wide = text.chars().filter(|&c| is_wide(c)).count();
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let knows_wide = ["zh", "ja", "ko"]
            .iter()
            .any(|w| self.languages.iter().any(|l| l == w));
        self.languages.is_empty() || knows_wide || wide * MOSTLY_SPACED <= letters
    }

    /// The languages that it was trained for; empty for many.
    pub(super) fn languages(&self) -> &[String] {
        &self.languages
    }

    /// How it sees pictures, if it does.
    pub(super) fn picture(&self) -> Option<&PictureTower> {
        self.picture.as_ref()
    }

    /// The vectors of the names of tags; `tags` makes them.
    pub(super) fn tag_names(&self) -> &OnceCell<Names> {
        &self.tag_names
    }

    /// What is known of it now.
    pub(super) fn facts(&self) -> Facts {
        lock(&self.shared().facts).clone()
    }

    /// The vector of a question.
    pub(super) async fn question(&self, text: String) -> Result<Vec<f32>, String> {
        let mut vectors = self.ask(Input::Texts(vec![text]), Lane::Question).await?;
        vectors
            .pop()
            .ok_or_else(|| "the model gave no vector".to_owned())
    }

    /// The vector of a picture that is the question.
    pub(super) async fn like(&self, picture: Picture) -> Result<Vec<f32>, String> {
        let input = Input::Pictures(vec![picture]);
        let mut vectors = self.ask(input, Lane::Question).await?;
        vectors
            .pop()
            .ok_or_else(|| "the model gave no vector".to_owned())
    }

    /// The vectors of a fresh file's texts, in order.
    pub(super) async fn texts(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, String> {
        let lane = if texts.len() <= SMALL_FILE {
            Lane::Small
        } else {
            Lane::Bulk
        };
        self.ask(Input::Texts(texts), lane).await
    }

    /// The vectors of a fresh file's pictures, in order; a note that was saved meanwhile goes
    /// before them.
    pub(super) async fn pictures(&self, pictures: Vec<Picture>) -> Result<Vec<Vec<f32>>, String> {
        self.ask(Input::Pictures(pictures), Lane::Pictures).await
    }

    /// The vectors of texts that nobody waits for, in order.
    pub(super) async fn texts_in_background(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.ask(Input::Texts(texts), Lane::Background).await
    }

    /// The vectors of pictures that nobody waits for, in order.
    pub(super) async fn pictures_in_background(
        &self,
        pictures: Vec<Picture>,
    ) -> Result<Vec<Vec<f32>>, String> {
        self.ask(Input::Pictures(pictures), Lane::Background).await
    }

    async fn ask(&self, input: Input, lane: Lane) -> Result<Vec<Vec<f32>>, String> {
        if input.len() == 0 {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let request = Request {
            lane,
            done: Vec::with_capacity(input.len()),
            input,
            reply,
        };
        lock(&self.shared().queues).push(request);
        self.shared().ready.notify_one();
        answer
            .await
            .map_err(|_| "the model's thread has ended".to_owned())?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_background_work_take_their_time_and_no_more() {
        let mut facts = Facts::default();
        assert_eq!(facts.background_batch(), 1, "nothing is known yet");
        facts.note(10, Duration::from_secs(1));
        assert_eq!(facts.background_batch(), 1);
        for _ in 0..1_000 {
            facts.note(400, Duration::from_secs(1));
        }
        assert_eq!(facts.background_batch(), 8, "it follows what it measures");
        for _ in 0..1_000 {
            facts.note(100_000, Duration::from_secs(1));
        }
        assert_eq!(facts.background_batch(), TEXTS_AT_ONCE);
    }
}
