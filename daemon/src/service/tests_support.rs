//! A double of the daemon, and a client, for the tests of the service.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hippo_config::Settings;
use hippo_index::{Embedding, Filter, Hit, Known, Lead, Near, Scored, SpaceRole, Span, WordsQuery};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Notify, broadcast, watch};

use super::api::{Api, ApiError};
use super::wire::{self, Event, EventKind, Fresh};
use crate::journal::Facet;
use crate::query::fuse::tests_support::{lead, row};
use crate::query::{Content, JointQuestion, Liked, Live, Memory};
use crate::transcript::{By, Transcript};

/// A daemon with one segment. Some words make it misbehave: see [`Memory::words`] below.
#[derive(Clone)]
pub(super) struct Double {
    pub(super) settings: Arc<Settings>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) ending: watch::Sender<bool>,
    /// Told when a question that hangs has arrived.
    pub(super) hanging: Arc<Notify>,
}

impl Double {
    pub(super) fn new(settings: Settings) -> Double {
        Double {
            settings: Arc::new(settings),
            events: broadcast::channel(16).0,
            ending: watch::Sender::new(false),
            hanging: Arc::default(),
        }
    }
}

pub(super) fn event() -> Event {
    Event {
        kind: EventKind::Progress,
        path: Some("/d/a.pdf".to_owned()),
        stage: Some("pdf page 3".to_owned()),
        done: Some(3),
        total: Some(10),
        pending: 4,
    }
}

pub(super) fn folder() -> wire::Folder {
    wire::Folder {
        path: "/d".to_owned(),
        state: wire::FolderState::Live,
        why: Some("because".to_owned()),
        files: 3,
        done: 1,
        pending: 1,
        failed: 1,
        skipped: 0,
        last_scan: Some("2026-01-01T00:00:00+08:00".to_owned()),
    }
}

pub(super) fn model() -> wire::ModelStatus {
    let space = || {
        Some(wire::SpaceStatus {
            model: "m".to_owned(),
            space: "m-1".to_owned(),
            covered: 1,
            total: 2,
            eta_s: Some(3),
            bytes: 4,
            provider: Some("cpu".to_owned()),
            loaded: true,
            memory_bytes: Some(5),
            texts_per_s: Some(6.5),
            picture_scale: Some([0.2, 0.3]),
            reason: Some("because".to_owned()),
        })
    };
    wire::ModelStatus {
        name: Some("m".to_owned()),
        state: "ready".to_owned(),
        reason: Some("because".to_owned()),
        covered: 1,
        total: 2,
        active: space(),
        building: space(),
        kept: space(),
    }
}

pub(super) fn status() -> wire::Status {
    let count = |name: &str| [(name.to_owned(), 1)].into_iter().collect();
    wire::Status {
        version: "0".to_owned(),
        pid: 1,
        uptime_s: 1,
        socket: "/s".to_owned(),
        home: "/h".to_owned(),
        state: wire::State::Syncing,
        fresh: Fresh::default(),
        folders: vec![folder()],
        counts: wire::Counts {
            by_state: count("done"),
            by_kind: count("text"),
        },
        segments: 1,
        at_work: vec![wire::AtWork {
            path: "/d/a.pdf".to_owned(),
            stage: "pdf page 3".to_owned(),
            done: 3,
            total: 10,
            seconds: 0.5,
        }],
        recent_failures: vec![wire::Failure {
            path: "/d/b.pdf".to_owned(),
            stage: "decode".to_owned(),
            reason: "truncated".to_owned(),
        }],
        models: wire::Models {
            passage: model(),
            joint: wire::ModelStatus::default(),
            ocr: wire::ModelStatus::default(),
            speech: wire::SpeechStatus {
                name: Some("whisper-tiny".to_owned()),
                state: "ready".to_owned(),
                reason: None,
                waiting: 2,
            },
        },
        sandbox: wire::Sandbox::default(),
        watch: wire::Watch::default(),
        index: wire::Index::default(),
        paused: wire::Paused {
            by: Some("asked".to_owned()),
            until: Some("2026-01-01T00:00:00+08:00".to_owned()),
            pending: 1,
        },
        waits: vec!["a model".to_owned()],
        memory: wire::Memory::default(),
    }
}

impl Memory for Double {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    async fn watched(&self) -> Result<Vec<PathBuf>, String> {
        Ok(vec![PathBuf::from("/d")])
    }

    async fn words(&self, query: WordsQuery, _: Filter, _: usize) -> Result<Vec<Scored>, String> {
        match query.any.as_str() {
            "hang" => {
                self.hanging.notify_one();
                std::future::pending().await
            }
            "panic" => panic!("asked to"),
            _ => Ok(vec![Scored {
                row: lead(&row(1, "the training cost"), 1),
                score: 3.0,
            }]),
        }
    }

    async fn vocabulary(&self, _: String, _: Near) -> Result<Vec<Known>, String> {
        Ok(Vec::new())
    }

    async fn passage(&self, _: Embedding, _: Filter, _: usize) -> Result<Vec<Scored>, String> {
        Ok(Vec::new())
    }

    async fn embed(&self, _: String) -> Option<Result<Embedding, String>> {
        None
    }

    async fn joint(&self, _: JointQuestion, _: Filter, _: usize) -> Result<Vec<Scored>, String> {
        Ok(Vec::new())
    }

    async fn embed_joint(&self, _: String) -> Option<Result<JointQuestion, String>> {
        None
    }

    async fn liked(&self, _: PathBuf) -> Result<Liked, String> {
        Ok(Liked::Picture(None))
    }

    async fn names(
        &self,
        _: Vec<String>,
        _: Option<String>,
        _: Filter,
        _: usize,
    ) -> Result<Vec<Scored>, String> {
        Ok(Vec::new())
    }

    async fn values_of(&self, _: Facet) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    async fn read(&self, leads: Vec<Lead>) -> Result<Vec<Option<Hit>>, String> {
        Ok(vec![Some(row(1, "the training cost")); leads.len()])
    }

    async fn segments(&self, _: Vec<Span>) -> Result<Vec<Hit>, String> {
        Ok(vec![row(1, "the training cost")])
    }

    async fn live(&self, files: Vec<u64>) -> Result<HashMap<u64, Live>, String> {
        let live = Live {
            content: Content::Of(1),
            path: PathBuf::from("/d/0001.txt"),
            revision: 1,
            since: 1,
            also_at: Vec::new(),
        };
        Ok(files.into_iter().map(|file| (file, live.clone())).collect())
    }

    fn fresh(&self) -> Fresh {
        Fresh::default()
    }
}

impl Api for Double {
    async fn status(&self) -> Result<wire::Status, ApiError> {
        Ok(status())
    }

    async fn why(&self, path: PathBuf) -> Result<wire::Why, ApiError> {
        Ok(wire::Why {
            path: path.to_string_lossy().into_owned(),
            ..wire::Why::default()
        })
    }

    async fn transcript(&self, _: PathBuf) -> Result<Transcript, ApiError> {
        Ok(Transcript {
            by: By::Beside,
            lines: Vec::new(),
        })
    }

    async fn thumbnail(&self, _: PathBuf) -> Result<Vec<u8>, ApiError> {
        Ok(b"\xFF\xD8\xFF\xD9".to_vec())
    }

    async fn wait(&self, timeout: Duration) -> Result<wire::Waited, ApiError> {
        match timeout.as_millis() {
            0 => Err(ApiError::WaitTimedOut { pending: 7 }),
            _ => Ok(wire::Waited {
                waited_ms: 1,
                pending: 0,
            }),
        }
    }

    async fn folders(&self) -> Result<Vec<wire::Folder>, ApiError> {
        Ok(vec![folder()])
    }

    async fn add_folder(&self, path: PathBuf) -> Result<wire::Folder, ApiError> {
        if path.starts_with("/refused") {
            return Err(ApiError::Refused("it is no folder".to_owned()));
        }
        Ok(folder())
    }

    async fn remove_folder(&self, _: PathBuf) -> Result<(), ApiError> {
        Ok(())
    }

    async fn pause(&self, _: Option<Duration>) -> Result<wire::Paused, ApiError> {
        Ok(status().paused)
    }

    async fn resume(&self) -> Result<wire::Paused, ApiError> {
        Ok(status().paused)
    }

    async fn retry(&self, under: Option<PathBuf>) -> Result<u64, ApiError> {
        Ok(if under.is_some() { 1 } else { 2 })
    }

    async fn use_model(
        &self,
        _: SpaceRole,
        name: Option<String>,
    ) -> Result<wire::ModelStatus, ApiError> {
        match name.as_deref() {
            Some("broken") => Err(ApiError::Refused("it does not open".to_owned())),
            _ => Ok(model()),
        }
    }

    async fn look_for_models(&self) -> Result<wire::Models, ApiError> {
        Ok(status().models)
    }

    async fn forget_model(&self, _: SpaceRole) -> Result<wire::ModelStatus, ApiError> {
        Ok(model())
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    async fn ending(&self) {
        let mut ending = self.ending.subscribe();
        let _ = ending.wait_for(|ending| *ending).await;
    }

    fn shutdown(&self) {
        self.ending.send_replace(true);
    }
}

/// Sends these bytes and reads until the other end closes.
pub(super) async fn exchange(socket: &std::path::Path, bytes: &[u8]) -> Vec<u8> {
    talk(socket, bytes, false).await
}

/// The same, but closes its own half after sending, as who has nothing more to say: hyper then
/// gives up on whatever is not finished.
pub(super) async fn blurt(socket: &std::path::Path, bytes: &[u8]) -> Vec<u8> {
    talk(socket, bytes, true).await
}

async fn talk(socket: &std::path::Path, bytes: &[u8], close: bool) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let mut answer = Vec::new();
    // A refused sender is cut off while it still writes.
    let _ = stream.write_all(bytes).await;
    if close {
        let _ = stream.shutdown().await;
    }
    let _ = stream.read_to_end(&mut answer).await;
    answer
}
