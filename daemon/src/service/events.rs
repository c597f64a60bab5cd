//! `GET /v1/events`: what happens, as server-sent events, until the asker leaves or the daemon
//! ends.
//!
//! A listener that is too slow misses events rather than holding anybody up; it is told with a
//! comment line, and every event carries the number of pending files, so that it is right again
//! with the next one.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::api::Api;
use super::wire;

/// Long enough to cost nothing, short enough for a dead listener to be noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Listener {
    events: Receiver<wire::Event>,
    ending: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Given back when the stream is dropped.
    _place: OwnedSemaphorePermit,
}

pub(super) fn stream<A: Api>(api: A, place: OwnedSemaphorePermit) -> Response {
    let listener = Listener {
        events: api.events(),
        ending: Box::pin(async move { api.ending().await }),
        _place: place,
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(events).keep_alive(keep_alive).into_response()
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        let received = tokio::select! {
            received = self.events.recv() => received,
            () = &mut self.ending => return None,
        };
        match received {
            Ok(event) => {
                // These types are always JSON: text, numbers and null.
                let data = serde_json::to_string(&event).ok()?;
                Some(Event::default().event(event.kind.as_str()).data(data))
            }
            Err(RecvError::Lagged(missed)) => {
                Some(Event::default().comment(format!("{missed} events missed")))
            }
            Err(RecvError::Closed) => None,
        }
    }
}
