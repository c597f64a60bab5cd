//! The command line's end of the socket.

use std::io;
use std::path::PathBuf;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::Exit;
use crate::service::wire::{Problem, ProblemBody};

/// Why the service gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody listens.
    #[error("hippo is not running")]
    NotRunning,
    /// The socket is there but not for us, or something else is wrong with it.
    #[error("cannot reach hippo at {}: {source}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection broke off.
    #[error("hippo broke off the connection: {0}")]
    BrokenOff(String),
    /// The service said no.
    #[error("{}", problem.error.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        problem: Problem,
    },
}

impl ClientError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            ClientError::NotRunning => Exit::NotRunning,
            ClientError::Refused { problem, .. } if problem.error.code == "wait_timed_out" => {
                Exit::TimedOut
            }
            // The service understood the request but not the question.
            ClientError::Refused { status: 400, .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        self.problem().error.hint
    }

    pub(super) fn problem(&self) -> Problem {
        let (code, hint) = match self {
            ClientError::Refused { problem, .. } => return problem.clone(),
            ClientError::NotRunning => ("not_running", Some("start it with `hippo up --detach`")),
            ClientError::Unreachable { .. } => (
                "unreachable",
                Some("`hippo doctor` explains what was found"),
            ),
            ClientError::BrokenOff(_) => (
                "broken_off",
                Some("the log may say why; `hippo doctor` says where it is"),
            ),
        };
        let mut problem = problem(code, self);
        problem.error.hint = hint.map(str::to_owned);
        problem
    }
}

/// A failure of the command line's own, in the service's shape.
pub(super) fn problem(code: &str, error: impl std::fmt::Display) -> Problem {
    Problem {
        error: ProblemBody {
            code: code.to_owned(),
            message: format!("{error:#}"),
            hint: None,
        },
    }
}

/// Asks the service; a connection for each request.
#[derive(Debug, Clone)]
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> Client {
        Client { socket }
    }

    /// The answer's JSON, as it came.
    pub(super) async fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<String, ClientError> {
        Ok(self.whole(method, path, body).await?.1)
    }

    /// The answer's headers and its body.
    pub(super) async fn whole(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<(HeaderMap, String), ClientError> {
        let response = self.open(method, path, body).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = text(response).await?;
        if status.is_success() {
            return Ok((headers, text));
        }
        Err(refused(status, &text))
    }

    /// GET, understood.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        understand(&self.raw("GET", path, None).await?)
    }

    /// POST, understood.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        understand(&self.raw("POST", path, Some(to_json(body)?)).await?)
    }

    /// A response whose body is still to come.
    pub(super) async fn open(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream = self.connect().await?;
        let broken = |error: hyper::Error| ClientError::BrokenOff(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // Ends with the response; its errors arrive there too.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "hippo")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| ClientError::BrokenOff(error.to_string()))?;
        sender.send_request(request).await.map_err(broken)
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        UnixStream::connect(&self.socket)
            .await
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    ClientError::NotRunning
                }
                _ => ClientError::Unreachable {
                    socket: self.socket.clone(),
                    source,
                },
            })
    }
}

/// A value as a body.
pub(super) fn to_json(body: &impl Serialize) -> Result<String, ClientError> {
    serde_json::to_string(body).map_err(|error| ClientError::BrokenOff(error.to_string()))
}

async fn text(response: Response<Incoming>) -> Result<String, ClientError> {
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| ClientError::BrokenOff(error.to_string()))?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

fn understand<T: DeserializeOwned>(text: &str) -> Result<T, ClientError> {
    serde_json::from_str(text).map_err(|error| {
        let what = format!("its answer cannot be read ({error}); is another version running?");
        ClientError::BrokenOff(what)
    })
}

fn refused(status: StatusCode, text: &str) -> ClientError {
    let problem = serde_json::from_str(text)
        .unwrap_or_else(|_| problem("unknown", format!("{status}: {text}")));
    ClientError::Refused {
        status: status.as_u16(),
        problem,
    }
}
