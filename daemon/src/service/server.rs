//! Connections: accepted, checked, bounded, served, and ended with the daemon.
//!
//! Every limit on what an unfinished request may hold is here: connections at once, the size of
//! a head, the time in which it must come.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::api::Api;
use super::dispatch::router;
use super::fault::Fault;
use super::socket::is_owner;

/// Connections at once: every one of the concurrent requests and as many again that idle.
const MAX_CONNECTIONS: usize = 512;
/// A request's head: a path of 4,096 bytes, percent-encoded, is 12 KiB; a question 24 KiB.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Clients on the same machine send a head at once; who dawdles makes room.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// What requests at work may take when the daemon ends.
const GRACE: Duration = Duration::from_secs(3);
/// After an error of `accept` (no descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the daemon ends, then lets requests at work finish.
pub async fn serve<A: Api>(listener: &UnixListener, api: A) {
    let router = router(api.clone());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (end, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    let ending = api.ending();
    tokio::pin!(ending);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut ending => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let place = Arc::clone(&places).try_acquire_owned().ok();
                let connection = connection(stream, router.clone(), place, ended.clone());
                connections.spawn(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    end.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::info!("requests at work were cut off");
    }
}

async fn connection(
    mut stream: UnixStream,
    router: Router,
    place: Option<OwnedSemaphorePermit>,
    ended: watch::Receiver<bool>,
) {
    if !matches!(is_owner(&stream), Ok(true)) {
        tracing::warn!("another user's connection was refused");
        let fault = Fault::new(
            axum::http::StatusCode::FORBIDDEN,
            "forbidden",
            "this hippo belongs to another user",
        );
        return refuse(&mut stream, &fault).await;
    }
    let Some(_place) = place else {
        let fault = Fault::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many connections are open",
        );
        return refuse(&mut stream, &fault.hint("try again in a second")).await;
    };
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let answer = router.clone().oneshot(request.map(axum::body::Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let outcome = tokio::select! {
        outcome = &mut serving => Some(outcome),
        () = until(ended) => None,
    };
    let outcome = if let Some(outcome) = outcome {
        outcome
    } else {
        serving.as_mut().graceful_shutdown();
        serving.await
    };
    if let Err(error) = outcome {
        // Clients that go away in the middle, and bytes that are no HTTP.
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn until(mut flag: watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}

/// An answer without a server: nothing is read from whom we do not talk to.
async fn refuse(stream: &mut UnixStream, fault: &Fault) {
    let body = serde_json::to_string(&fault.problem()).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        fault.status,
        body.len()
    );
    let write = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.shutdown().await
    };
    // Who does not read what is said need not hear it.
    let _ = tokio::time::timeout(Duration::from_secs(1), write).await;
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod openapi_tests;
