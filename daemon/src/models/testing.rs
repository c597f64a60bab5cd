//! A file server that misbehaves as it is told, and models to fetch from it.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hippo_config::{Manifest, ModelSettings, Published};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

use super::*;

/// How one request is answered.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// As it should be.
    Well,
    /// Well, once so many requests wait for it.
    Together(Arc<Barrier>),
    /// The connection is closed after so many bytes of the body.
    Cut(usize),
    /// After so many bytes nothing comes any more; the connection stays.
    Stall(usize),
    /// Not even a status.
    Silent,
    /// The whole file, whatever part was asked for.
    WholeAlways,
    /// A part that begins so many bytes too early.
    OtherPart(usize),
    /// This status, and some page.
    Status(u16),
    /// To this path.
    Redirect(&'static str),
    /// A `Content-Length` that is not the body's; the connection closes after the body.
    Claims(usize),
    /// Other bytes, and as many.
    Wrong,
    /// The file and more, its length not told.
    Longer,
}

/// A request: path, and the first byte asked for.
pub(super) type Asked = (String, Option<usize>);

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    script: HashMap<String, VecDeque<Act>>,
    asked: Vec<Asked>,
    at_once: usize,
    most_at_once: usize,
}

/// Listens until it is dropped with the test's runtime.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(super) async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            address: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::default(),
        };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                // A client that goes away is what some tests are about.
                tokio::spawn(async move {
                    let _ = server.serve(stream).await;
                });
            }
        });
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn has(&self, path: &str, bytes: &[u8]) {
        self.state().files.insert(path.to_owned(), bytes.to_vec());
    }

    /// What happens to the next requests for a path; after that all goes well.
    pub(super) fn acts(&self, path: &str, acts: impl IntoIterator<Item = Act>) {
        let acts = acts.into_iter().collect();
        self.state().script.insert(path.to_owned(), acts);
    }

    /// The requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.state().most_at_once
    }

    /// One request a connection.
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut start = None;
        loop {
            line.clear();
            stream.read_line(&mut line).await?;
            if line.trim().is_empty() {
                break;
            }
            let lower = line.to_lowercase();
            if let Some(range) = lower.strip_prefix("range: bytes=") {
                start = range.trim().trim_end_matches('-').parse().ok();
            }
        }
        let act = {
            let mut state = self.state();
            state.asked.push((path.clone(), start));
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
            let script = state.script.get_mut(&path);
            script.and_then(VecDeque::pop_front).unwrap_or(Act::Well)
        };
        let done = self.answer(&mut stream, &path, start, act).await;
        self.state().at_once -= 1;
        done
    }

    async fn answer(
        &self,
        stream: &mut BufReader<TcpStream>,
        path: &str,
        start: Option<usize>,
        act: Act,
    ) -> std::io::Result<()> {
        let file = self.state().files.get(path).cloned();
        let Some(file) = file.filter(|_| !matches!(act, Act::Status(_) | Act::Redirect(_))) else {
            let (status, location) = match act {
                Act::Status(status) => (status, String::new()),
                Act::Redirect(to) => (302, format!("location: {to}\r\n")),
                _ => (404, String::new()),
            };
            let head = format!("HTTP/1.1 {status} x\r\n{location}content-length: 4\r\n\r\npage");
            return stream.write_all(head.as_bytes()).await;
        };
        let total = file.len();
        let asked = start.filter(|_| !matches!(act, Act::WholeAlways | Act::Longer));
        if asked.is_some_and(|start| start >= total) {
            let head = format!("HTTP/1.1 416 x\r\ncontent-range: bytes */{total}\r\n");
            let head = format!("{head}content-length: 0\r\n\r\n");
            return stream.write_all(head.as_bytes()).await;
        }
        let back = if let Act::OtherPart(n) = act { n } else { 0 };
        let from = asked.unwrap_or(0).saturating_sub(back);
        let mut body = file[from..].to_vec();
        if matches!(act, Act::Wrong) {
            body = body.iter().map(|byte| !byte).collect();
        }
        let status = match asked {
            Some(_) => format!("206 x\r\ncontent-range: bytes {from}-{}/{total}", total - 1),
            None => "200 x".to_owned(),
        };
        let length = match act {
            Act::Silent => {
                wait_for_the_client_to_go(stream).await;
                return Ok(());
            }
            Act::Longer => {
                body.extend_from_slice(b"and more");
                String::new()
            }
            Act::Claims(length) => format!("content-length: {length}\r\n"),
            _ => format!("content-length: {}\r\n", body.len()),
        };
        if let Act::Together(barrier) = &act {
            barrier.wait().await;
        }
        let head = format!("HTTP/1.1 {status}\r\n{length}\r\n");
        stream.write_all(head.as_bytes()).await?;
        match act {
            Act::Cut(at) => body.truncate(at),
            Act::Stall(at) => {
                body.truncate(at);
                stream.write_all(&body).await?;
                wait_for_the_client_to_go(stream).await;
                return Ok(());
            }
            _ => {}
        }
        stream.write_all(&body).await?;
        stream.shutdown().await
    }
}

async fn wait_for_the_client_to_go(stream: &mut BufReader<TcpStream>) {
    let mut byte = [0];
    // It sends nothing more: this ends with the connection.
    let _ = stream.read(&mut byte).await;
}

/// A file of a model to come.
pub(super) struct Part {
    name: &'static str,
    bytes: Vec<u8>,
    /// What the manifest says beyond its name and address.
    told: Told,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Told {
    /// Size and hash.
    All,
    /// Nothing.
    Nothing,
    /// A hash.
    Hash,
}

/// Bytes that differ at every place from those of another `seed`.
pub(super) fn bytes(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ seed).collect()
}

pub(super) fn part(name: &'static str, bytes: Vec<u8>) -> Part {
    Part {
        name,
        bytes,
        told: Told::All,
    }
}

impl Part {
    pub(super) fn told(self, told: Told) -> Part {
        Part { told, ..self }
    }
}

/// A server, a folder of models, and a model called `tiny` that goes from one to the other.
pub(super) struct Scene {
    _dir: tempfile::TempDir,
    pub(super) models: PathBuf,
    pub(super) server: Server,
    pub(super) patience: Patience,
    pub(super) steps: Mutex<Vec<(String, Step)>>,
}

impl Scene {
    pub(super) async fn new() -> Scene {
        let dir = tempfile::tempdir().unwrap();
        Scene {
            models: dir.path().join("models"),
            _dir: dir,
            server: Server::start().await,
            patience: quick(),
            steps: Mutex::default(),
        }
    }

    /// Puts the files on the server.
    pub(super) fn publish(&self, parts: &[Part]) -> Published {
        let address = &self.server.address;
        let mut lines = vec!["name = \"tiny\"\nrole = \"tags\"\nlicence = \"MIT\"".to_owned()];
        for part in parts {
            let path = format!("/{}", part.name);
            self.server.has(&path, &part.bytes);
            lines.push(format!("[[files]]\nname = \"{}\"", part.name));
            lines.push(format!("url = \"{address}{path}\""));
            if part.told == Told::All {
                lines.push(format!("bytes = {}", part.bytes.len()));
            }
            if part.told != Told::Nothing {
                lines.push(format!("sha256 = \"{}\"", hash_of(&part.bytes)));
            }
        }
        published(&lines.join("\n"))
    }

    pub(super) fn store(&self) -> Store {
        Store::open(&self.models).unwrap()
    }

    pub(super) async fn pull(&self, published: &Published) -> Result<Outcome, ModelsError> {
        self.pull_with(published, &ModelSettings::default()).await
    }

    pub(super) async fn pull_with(
        &self,
        published: &Published,
        settings: &ModelSettings,
    ) -> Result<Outcome, ModelsError> {
        let sources = Sources::new(settings, &|_| None);
        let puller = Puller::new(sources, self.patience.clone()).unwrap();
        let installed = Manifest::load(&self.models.join("tiny")).ok();
        let installed = installed.map(|manifest| hippo_config::Installed {
            dir: self.models.join("tiny"),
            manifest,
        });
        let report = |file: &str, step| self.steps.lock().unwrap().push((file.to_owned(), step));
        let store = self.store();
        puller
            .pull(&store, published, installed.as_ref(), &report)
            .await
    }

    /// Whether the model lies there with these contents and nothing beside it.
    pub(super) fn holds(&self, parts: &[Part]) {
        let folder = self.models.join("tiny");
        for part in parts {
            let found = fs::read(folder.join(part.name)).unwrap();
            assert!(found == part.bytes, "{} holds other bytes", part.name);
        }
        Manifest::load(&folder).unwrap();
        assert!(!self.models.join("tiny.new").exists());
        assert!(!self.models.join("tiny.old").exists());
    }

    pub(super) fn is_absent(&self) -> bool {
        !self.models.join("tiny").exists()
    }
}

pub(super) fn published(text: &str) -> Published {
    Published {
        manifest: Manifest::parse(text, Path::new("tiny.toml")).unwrap(),
        text: text.to_owned(),
        path: None,
    }
}

pub(super) fn hash_of(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    check::sha256(file.path()).unwrap()
}

/// Waits that a test does not feel, and a stall that no busy machine feigns.
pub(super) fn quick() -> Patience {
    Patience {
        stall: Duration::from_mins(2),
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(2),
        tries: 4,
    }
}
