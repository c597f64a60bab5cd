//! The passage model on a thread of its own.
//!
//! What it promises:
//! - A question waits for at most one batch of background work: questions go first, then
//!   small files, then bulk, and bulk is done in batches of [`BULK_BATCH`].
//! - The model is loaded when it is first needed and unloaded when nothing asked for it for a
//!   while; a thread with nothing to do sleeps.
//! - A model that cannot be opened is an answer, not an end: words go on without it, and the
//!   reason is kept for `status`.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hippo_config::Manifest;
use hippo_extractors::infer::{PassageModel, Runtime};
use tokio::sync::oneshot;

use crate::query::text::is_wide;

/// Passages per batch of bulk work: about half a second on a laptop's core, the longest that
/// a question waits.
const BULK_BATCH: usize = 16;

/// Files of up to this many passages go before bulk.
const SMALL_FILE: usize = 32;

/// A text of fewer than one wide letter (Han, kana, Hangul) in this many counts as spaced.
const MOSTLY_SPACED: usize = 10;

/// A model that failed to open is tried again after this long.
const REOPEN_AFTER: Duration = Duration::from_mins(1);

type Reply = oneshot::Sender<Result<Vec<Vec<f32>>, String>>;

struct Request {
    texts: Vec<String>,
    done: Vec<Vec<f32>>,
    is_query: bool,
    reply: Reply,
}

#[derive(Default)]
struct Queues {
    queries: VecDeque<Request>,
    small: VecDeque<Request>,
    bulk: VecDeque<Request>,
    closed: bool,
}

struct Shared {
    queues: Mutex<Queues>,
    ready: Condvar,
    failure: Mutex<Option<String>>,
}

/// Where the model lies and how to open it.
pub(super) struct ModelSource {
    /// The ONNX Runtime library; `None` when it was not found.
    pub(super) runtime: Option<PathBuf>,
    /// The model's folder.
    pub(super) dir: PathBuf,
    /// What the folder says of it.
    pub(super) manifest: Manifest,
    /// Threads for one batch.
    pub(super) threads: usize,
    /// Unload after this long without work.
    pub(super) unload_after: Duration,
}

/// A handle on the model's thread.
#[derive(Clone)]
pub(super) struct Embedder {
    id: String,
    dim: usize,
    languages: Vec<String>,
    shared: Arc<Shared>,
}

impl Embedder {
    /// Starts the thread. Nothing is loaded yet.
    pub(super) fn start(source: ModelSource) -> std::io::Result<Embedder> {
        let shared = Arc::new(Shared {
            queues: Mutex::default(),
            ready: Condvar::new(),
            failure: Mutex::new(None),
        });
        let embedder = Embedder {
            id: source.manifest.id(),
            dim: source.manifest.dim,
            languages: source.manifest.languages.clone(),
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new()
            .name("passage".into())
            .spawn(move || run(&shared, &source))?;
        Ok(embedder)
    }

    /// The space's name: the model and all that changes its vectors.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Numbers in one vector.
    pub(super) fn dim(&self) -> usize {
        self.dim
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

    /// Why the model could not be opened, if it could not.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.shared.failure).clone()
    }

    /// The vector of a question.
    pub(super) async fn query(&self, text: String) -> Result<Vec<f32>, String> {
        let mut vectors = self.ask(vec![text], true).await?;
        vectors
            .pop()
            .ok_or_else(|| "the model gave no vector".to_owned())
    }

    /// The vectors of a file's passages, in order.
    pub(super) async fn passages(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, String> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(texts, false).await
    }

    async fn ask(&self, texts: Vec<String>, is_query: bool) -> Result<Vec<Vec<f32>>, String> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            done: Vec::with_capacity(texts.len()),
            texts,
            is_query,
            reply,
        };
        {
            let mut queues = lock(&self.shared.queues);
            if is_query {
                queues.queries.push_back(request);
            } else if request.texts.len() <= SMALL_FILE {
                queues.small.push_back(request);
            } else {
                queues.bulk.push_back(request);
            }
        }
        self.shared.ready.notify_one();
        answer
            .await
            .map_err(|_| "the model's thread has ended".to_owned())?
    }

    /// Ends the thread after its current batch.
    pub(super) fn close(&self) {
        lock(&self.shared.queues).closed = true;
        self.shared.ready.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread does next.
enum Next {
    Work(Request),
    Unload,
    End,
}

fn run(shared: &Shared, source: &ModelSource) {
    // A question waits for this thread, so it keeps its normal priority.
    let mut model: Option<PassageModel> = None;
    let mut failed_at: Option<std::time::Instant> = None;
    loop {
        match next(shared, model.is_some().then_some(source.unload_after)) {
            Next::End => return,
            Next::Unload => {
                tracing::info!(
                    model = source.manifest.name,
                    "unloaded the idle passage model"
                );
                model = None;
            }
            Next::Work(request) => {
                if request.reply.is_closed() {
                    continue;
                }
                let may_try = failed_at.is_none_or(|at| at.elapsed() >= REOPEN_AFTER);
                if model.is_none() && may_try {
                    match open(source) {
                        Ok(opened) => {
                            model = Some(opened);
                            failed_at = None;
                            *lock(&shared.failure) = None;
                        }
                        Err(reason) => {
                            tracing::warn!(model = source.manifest.name, reason, "passage model");
                            failed_at = Some(std::time::Instant::now());
                            *lock(&shared.failure) = Some(reason);
                        }
                    }
                }
                if let Some(model) = &mut model {
                    step(shared, model, request);
                } else {
                    let reason = lock(&shared.failure).clone().unwrap_or_default();
                    let _ = request.reply.send(Err(reason));
                }
            }
        }
    }
}

fn next(shared: &Shared, unload_after: Option<Duration>) -> Next {
    let mut queues = lock(&shared.queues);
    loop {
        if queues.closed {
            return Next::End;
        }
        let found = queues
            .queries
            .pop_front()
            .or_else(|| queues.small.pop_front());
        if let Some(request) = found.or_else(|| queues.bulk.pop_front()) {
            return Next::Work(request);
        }
        queues = match unload_after {
            None => shared
                .ready
                .wait(queues)
                .unwrap_or_else(PoisonError::into_inner),
            Some(after) => {
                let (queues, waited) = shared
                    .ready
                    .wait_timeout(queues, after)
                    .unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() {
                    return Next::Unload;
                }
                queues
            }
        };
    }
}

fn open(source: &ModelSource) -> Result<PassageModel, String> {
    let library = source.runtime.as_deref().ok_or(
        "ONNX Runtime (libonnxruntime) was not found: `hippo doctor` says where it is looked for",
    )?;
    let runtime = Runtime::open(library).map_err(|e| e.to_string())?;
    PassageModel::open(&runtime, &source.dir, &source.manifest, source.threads)
        .map_err(|e| e.to_string())
}

/// Does one batch of a request; what is left of it goes back to the head of its queue.
fn step(shared: &Shared, model: &mut PassageModel, mut request: Request) {
    if request.is_query {
        let vector = model
            .embed_query(&request.texts[0])
            .map_err(|e| e.to_string());
        let _ = request.reply.send(vector.map(|v| vec![v]));
        return;
    }
    let from = request.done.len();
    let to = (from + BULK_BATCH).min(request.texts.len());
    let batch: Vec<&str> = request.texts[from..to].iter().map(String::as_str).collect();
    match model.embed_passages(&batch) {
        Err(error) => {
            let _ = request.reply.send(Err(error.to_string()));
        }
        Ok(vectors) => {
            request.done.extend(vectors);
            if request.done.len() == request.texts.len() {
                let _ = request.reply.send(Ok(request.done));
            } else {
                let small = request.texts.len() <= SMALL_FILE;
                let mut queues = lock(&shared.queues);
                let queue = if small {
                    &mut queues.small
                } else {
                    &mut queues.bulk
                };
                queue.push_front(request);
            }
        }
    }
}
