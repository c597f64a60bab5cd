//! The model for OCR, on a thread of its own: loaded when the first scan comes, unloaded when
//! none came for a while.
//!
//! Nobody waits for it but the file that is read, so it has one queue and no lanes; who asks
//! holds one scan at a time, so the queue is as long as files are at work. A model that does
//! not open, or is not there, costs the text in pixels and nothing else.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hippo_config::{Manifest, Registry, Role, Settings};
use hippo_extractors::Scan;
use hippo_extractors::infer::{OcrModel, Runtime, ocr};
use tokio::sync::{mpsc, oneshot};

use super::EngineError;
use super::driver::Event;
use super::embedder::REOPEN_AFTER;
use super::model::ModelSource;
use super::models::threads;
use super::shared::{Shared, blocking};

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

/// A handle on the model's thread, which ends with the last of them.
#[derive(Clone)]
pub(super) struct Reader {
    /// The model's name in the settings.
    pub(super) name: String,
    /// The model and all that changes what it reads.
    pub(super) id: String,
    sender: Sender<Request>,
    facts: Arc<Mutex<Facts>>,
}

/// Who reads scans, by the settings.
#[derive(Clone, Default)]
pub(super) struct Chosen {
    /// The model that the settings name, or that lies here.
    pub(super) wanted: Option<String>,
    /// It, or why it is not used.
    pub(super) reader: Option<Result<Reader, String>>,
}

impl Chosen {
    /// The reader, if there is one.
    pub(super) fn reader(&self) -> Option<&Reader> {
        self.reader.as_ref()?.as_ref().ok()
    }
}

impl Reader {
    fn start(source: ModelSource, id: String) -> std::io::Result<Reader> {
        let (sender, requests) = channel();
        let reader = Reader {
            name: source.manifest.name.clone(),
            id,
            sender,
            facts: Arc::default(),
        };
        let facts = Arc::clone(&reader.facts);
        std::thread::Builder::new()
            .name(Role::Ocr.as_str().into())
            .spawn(move || run(&requests, &source, &facts))?;
        Ok(reader)
    }

    /// What is known of it now.
    pub(super) fn facts(&self) -> Facts {
        lock(&self.facts).clone()
    }

    async fn read(&self, scan: Scan) -> Answer {
        let (reply, answer) = oneshot::channel();
        let request = Request { scan, reply };
        let ended = "the thread of the model for OCR has ended";
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

fn run(requests: &Receiver<Request>, source: &ModelSource, facts: &Mutex<Facts>) {
    let mut model: Option<OcrModel> = None;
    let mut failed_at: Option<Instant> = None;
    loop {
        let request = if model.is_some() {
            requests.recv_timeout(source.unload_after)
        } else {
            requests.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        let Request { scan, reply } = match request {
            Ok(request) => request,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                tracing::info!(model = source.manifest.name, "unloaded the idle model");
                model = None;
                continue;
            }
        };
        if reply.is_closed() {
            continue;
        }
        let may_try = failed_at.is_none_or(|at| at.elapsed() >= REOPEN_AFTER);
        if model.is_none() && may_try {
            let opened = open(source);
            failed_at = opened.is_err().then(Instant::now);
            lock(facts).failure = opened.as_ref().err().cloned();
            model = opened.ok();
        }
        let answer = match &mut model {
            Some(model) => model
                .read(&scan)
                .map(|lines| ocr::text(&lines))
                .map_err(|error| error.to_string()),
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

/// Brings the reader in step with the settings and with what lies here. Files with writing that
/// this model has not read are read again, and found meanwhile as they were.
pub(super) async fn settle(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let settling = Arc::clone(shared);
    let queued = blocking(move || {
        let settings = settling.settings();
        let registry = Registry::load(&settling.paths);
        let wanted = registry
            .choice(&settings.models, Role::Ocr)
            .map(|choice| choice.name);
        let found = wanted.as_ref().map(|name| {
            let installed = registry
                .installed(name)
                .filter(|_| registry.is_present(name));
            let installed = installed.ok_or_else(|| format!("{name} is not here, or not whole"))?;
            if installed.manifest.role != Role::Ocr {
                return Err(format!("{name} is no model for OCR"));
            }
            Ok((installed.dir.clone(), installed.manifest.clone()))
        });
        let known = settling.ocr();
        let reader = found.map(|found| {
            let (dir, manifest) = found?;
            let id = manifest.id();
            match known.reader() {
                Some(reader) if reader.id == id => Ok(reader.clone()),
                _ => start(&settling, &settings, dir, manifest, id),
            }
        });
        let before = known.reader().map(|reader| reader.id.clone());
        let chosen = Chosen { wanted, reader };
        let now = chosen.reader().map(|reader| reader.id.clone());
        *settling.ocr.write().unwrap_or_else(PoisonError::into_inner) = chosen;
        match now {
            Some(id) if before.as_ref() != Some(&id) => Ok(settling.journal.read_pixels_by(&id)?),
            _ => Ok(0),
        }
    })
    .await?;
    if queued > 0 {
        tracing::info!(
            files = queued,
            "a model for OCR has come: files are read again"
        );
        shared.refresh();
        let _ = shared.driver.send(Event::Queued).await;
    }
    Ok(())
}

fn start(
    shared: &Shared,
    settings: &Settings,
    dir: PathBuf,
    manifest: Manifest,
    id: String,
) -> Result<Reader, String> {
    let source = ModelSource {
        runtime: shared.paths.find_library("onnxruntime"),
        dir,
        manifest,
        threads: threads(settings.models.threads),
        unload_after: std::time::Duration::from_secs(settings.models.unload_after_minutes * 60),
    };
    Reader::start(source, id).map_err(|error| format!("no thread for the model: {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
