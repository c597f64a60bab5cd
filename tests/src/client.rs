//! The daemon's socket, spoken to by hand: HTTP/1.0 over a Unix socket, JSON in and out.
//!
//! No HTTP library on purpose. One request a connection, the answer ends where the connection
//! does, and what a test sends is exactly what it says, well-formed or not.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long one answer may take before the test gives up on the daemon.
const ANSWER_S: u64 = 120;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// The daemon's socket.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// Names a socket; nothing is connected yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Client {
            socket: socket.into(),
        }
    }

    /// Sends one request.
    pub fn request(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> std::io::Result<Reply> {
        self.request_within(Duration::from_secs(ANSWER_S), method, target, body)
    }

    fn request_within(
        &self,
        patience: Duration,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> std::io::Result<Reply> {
        let mut stream = self.send(method, target, body)?;
        stream.set_read_timeout(Some(patience))?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        parse(&bytes)
    }

    /// Sends bytes as they are and reads all that comes back.
    pub fn raw(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(ANSWER_S)))?;
        stream.write_all(bytes)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn send(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> std::io::Result<UnixStream> {
        let mut stream = UnixStream::connect(&self.socket)?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!("{method} {target} HTTP/1.0\r\nHost: localhost\r\n");
        if !body.is_empty() {
            head.push_str("Content-Type: application/json\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        Ok(stream)
    }

    fn good(&self, method: &str, target: &str, body: Option<&Value>) -> Value {
        let reply = self
            .request(method, target, body)
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        assert_eq!(reply.status, 200, "{method} {target}: {}", reply.body);
        reply.body
    }

    /// `GET`, which must succeed.
    pub fn get(&self, target: &str) -> Value {
        self.good("GET", target, None)
    }

    /// `POST`, which must succeed.
    pub fn post(&self, target: &str, body: &Value) -> Value {
        self.good("POST", target, Some(body))
    }

    /// `/v1/status`.
    pub fn status(&self) -> Value {
        self.get("/v1/status")
    }

    /// `/v1/why`.
    pub fn why(&self, path: &Path) -> Value {
        self.get(&format!("/v1/why?path={}", encode(&path.to_string_lossy())))
    }

    /// The state that `/v1/why` gives.
    pub fn state_of(&self, path: &Path) -> String {
        text(&self.why(path)["state"])
    }

    /// `/v1/search` with so many hits.
    pub fn search(&self, question: &str, limit: usize) -> Value {
        self.get(&format!("/v1/search?q={}&limit={limit}", encode(question)))
    }

    /// The paths that answer a question, each once, best first.
    pub fn paths(&self, question: &str) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for hit in hits(&self.search(question, 100)) {
            let also = hit["also_at"].as_array().cloned().unwrap_or_default();
            for path in std::iter::once(&hit["path"]).chain(&also) {
                let path = PathBuf::from(text(path));
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        paths
    }

    /// Whether a question is answered by this file.
    pub fn finds(&self, question: &str, path: &Path) -> bool {
        self.paths(question).iter().any(|found| found == path)
    }

    /// `/v1/wait`: returns when all that existed at the call is searchable.
    pub fn wait(&self, timeout: Duration) -> Result<Value, Reply> {
        let body = json!({ "timeout_ms": timeout.as_millis() as u64 });
        let reply = self
            .request_within(
                timeout + Duration::from_secs(ANSWER_S),
                "POST",
                "/v1/wait",
                Some(&body),
            )
            .unwrap_or_else(|error| panic!("POST /v1/wait: {error}"));
        if reply.status == 200 {
            Ok(reply.body)
        } else {
            Err(reply)
        }
    }

    /// `/v1/events`, from now on.
    pub fn events(&self) -> std::io::Result<Events> {
        let stream = self.send("GET", "/v1/events", None)?;
        Ok(Events {
            reader: BufReader::new(stream),
            line: Vec::new(),
        })
    }
}

/// Server-sent events as they come.
pub struct Events {
    reader: BufReader<UnixStream>,
    line: Vec<u8>,
}

impl Events {
    /// The next event, or nothing when none comes in time or the daemon is gone.
    pub fn next_within(&mut self, patience: Duration) -> Option<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            self.reader.get_ref().set_read_timeout(Some(left)).ok()?;
            match self.reader.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => {
                    let line = std::mem::take(&mut self.line);
                    if let Some(data) = line.strip_prefix(b"data:") {
                        return serde_json::from_slice(data).ok();
                    }
                }
                // A part of a line stays in `line` for the next call.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return None;
                }
                Err(_) => return None,
            }
        }
    }
}

fn parse(bytes: &[u8]) -> std::io::Result<Reply> {
    let bad = |what: &str| std::io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let split = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or_else(|| bad("the connection ended without an answer"))?;
    let head = String::from_utf8_lossy(&bytes[..split]);
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| bad("no HTTP status"))?;
    let body = &bytes[split + 4..];
    let body = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    Ok(Reply { status, body })
}

/// Percent-encodes for a query string.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(byte as char);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The hits of an answer.
pub fn hits(answer: &Value) -> Vec<Value> {
    answer["hits"]
        .as_array()
        .unwrap_or_else(|| panic!("an answer without hits: {answer}"))
        .clone()
}

/// A value as text; empty where it is none.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
