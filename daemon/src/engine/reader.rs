//! Who reads what is written in pixels, on a thread of its own: a model, loaded when the first scan
//! comes and unloaded when none came for a while, or Tesseract.
//!
//! Nobody waits for it but the file that is read, so it has one queue and no lanes; who asks
//! holds one scan at a time, so the queue is as long as files are at work. A model that does
//! not open, or is not there, costs the text in pixels and nothing else.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hippo_config::Role;
use hippo_extractors::Scan;
use hippo_extractors::infer::{OcrModel, Runtime, ocr};
use tokio::sync::{mpsc, oneshot};

use super::embedder::REOPEN_AFTER;
use super::heap;
use super::model::ModelSource;
use super::tesseract::Tesseract;

/// The longest side of the scans that it is given, in pixels.
pub(super) const LONGEST_SIDE: u32 = ocr::LONGEST_SIDE;

/// Scans of a file that wait while one is read: with the one that the worker makes, three.
pub(super) const SCANS_WAITING: usize = 1;

/// What a scan says, row by row, or why it could not be read.
type Answer = Result<String, String>;

struct Request {
    scan: Scan,
    reply: oneshot::Sender<Answer>,
}

/// What is known of the model at work.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Why it could not be opened, if it could not.
    pub(super) failure: Option<String>,
}

/// What reads, and where it lies.
pub(super) enum Eyes {
    Model(Box<ModelSource>),
    Tesseract(Tesseract),
}

impl Eyes {
    fn unload_after(&self) -> Duration {
        match self {
            Eyes::Model(source) => source.unload_after,
            // There is nothing of it in memory.
            Eyes::Tesseract(_) => Duration::MAX,
        }
    }

    /// In memory, if it has to be; why it cannot be, in words.
    fn open(&self) -> Result<Open, String> {
        match self {
            Eyes::Model(source) => open(source).map(|model| Open::Model(Box::new(model))),
            Eyes::Tesseract(tesseract) => Ok(Open::Tesseract(tesseract.clone())),
        }
    }
}

/// What reads, ready to.
enum Open {
    Model(Box<OcrModel>),
    Tesseract(Tesseract),
}

impl Open {
    fn read(&mut self, scan: &Scan) -> Answer {
        match self {
            Open::Model(model) => match model.read(scan) {
                Ok(lines) => Ok(ocr::text(&lines)),
                Err(error) => Err(error.to_string()),
            },
            Open::Tesseract(tesseract) => tesseract.read(scan),
        }
    }
}

/// A handle on the reading thread, which ends with the last of them.
#[derive(Clone)]
pub(super) struct Reader {
    /// What it is called in the settings.
    pub(super) name: String,
    /// Who reads, and all that changes what is read.
    pub(super) id: String,
    sender: Sender<Request>,
    facts: Arc<Mutex<Facts>>,
}

impl Reader {
    pub(super) fn start(eyes: Eyes, name: String, id: String) -> std::io::Result<Reader> {
        let (sender, requests) = channel();
        let reader = Reader {
            name,
            id,
            sender,
            facts: Arc::default(),
        };
        let facts = Arc::clone(&reader.facts);
        std::thread::Builder::new()
            .name(Role::Ocr.as_str().into())
            .spawn(move || run(&requests, &eyes, &facts))?;
        Ok(reader)
    }

    /// What is known of it now.
    pub(super) fn facts(&self) -> Facts {
        lock(&self.facts).clone()
    }

    async fn read(&self, scan: Scan) -> Answer {
        let (reply, answer) = oneshot::channel();
        let request = Request { scan, reply };
        let ended = "the thread that reads pixels has ended";
        self.sender.send(request).map_err(|_| ended.to_owned())?;
        answer.await.map_err(|_| ended.to_owned())?
    }

    /// Reads a file's scans as they come: each one's page and what stands there. The first that
    /// cannot be read ends it, and the rest is not taken any more.
    pub(super) async fn read_all(
        &self,
        mut scans: mpsc::Receiver<Scan>,
    ) -> Result<Vec<(Option<u32>, String)>, String> {
        let mut read = Vec::new();
        while let Some(scan) = scans.recv().await {
            let page = scan.page;
            read.push((page, self.read(scan).await?));
        }
        Ok(read)
    }
}

fn run(requests: &Receiver<Request>, eyes: &Eyes, facts: &Mutex<Facts>) {
    let mut reading: Option<Open> = None;
    let mut failed_at: Option<Instant> = None;
    loop {
        let request = if reading.is_some() {
            requests.recv_timeout(eyes.unload_after())
        } else {
            requests.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        let Request { scan, reply } = match request {
            Ok(request) => request,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                tracing::info!("unloaded the idle model for OCR");
                reading = None;
                heap::trim();
                continue;
            }
        };
        if reply.is_closed() {
            continue;
        }
        let may_try = failed_at.is_none_or(|at| at.elapsed() >= REOPEN_AFTER);
        if reading.is_none() && may_try {
            let opened = eyes.open();
            failed_at = opened.is_err().then(Instant::now);
            lock(facts).failure = opened.as_ref().err().cloned();
            reading = opened.ok();
        }
        let answer = match &mut reading {
            Some(reading) => reading.read(&scan),
            None => Err(lock(facts).failure.clone().unwrap_or_default()),
        };
        let _ = reply.send(answer);
    }
}

fn open(source: &ModelSource) -> Result<OcrModel, String> {
    let library = source.runtime.as_deref().ok_or(
        "ONNX Runtime (libonnxruntime) was not found: `hippo doctor` says where it is looked for",
    )?;
    let opened = Runtime::open(library).and_then(|runtime| {
        OcrModel::open(&runtime, &source.dir, &source.manifest, source.threads)
    });
    opened.map_err(|error| {
        tracing::warn!(model = source.manifest.name, %error, "a model did not open");
        error.to_string()
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
