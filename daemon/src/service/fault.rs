//! Every answer that is not a success: a status, a stable code, a sentence, a hint.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::api::ApiError;
use super::wire::{Problem, ProblemBody};
use crate::query::SearchError;

/// A request that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable, for programs.
    pub code: &'static str,
    /// What happened, to what.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            status,
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// The request is wrong.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// As it goes over the wire.
    pub fn problem(&self) -> Problem {
        Problem {
            error: ProblemBody {
                code: self.code.to_owned(),
                message: self.message.clone(),
                hint: self.hint.clone(),
            },
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.problem())).into_response();
        if self.code == "busy" {
            // Searches take milliseconds: a second is plenty.
            let seconds = axum::http::HeaderValue::from_static("1");
            response.headers_mut().insert("retry-after", seconds);
        }
        response
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Fault {
        let message = error.to_string();
        match error {
            ApiError::WaitTimedOut { .. } => {
                Fault::new(StatusCode::GATEWAY_TIMEOUT, "wait_timed_out", message)
                    .hint("`hippo status` shows what is at work; wait longer with a larger timeout")
            }
            ApiError::Resting { .. } => Fault::new(StatusCode::CONFLICT, "paused", message)
                .hint("`hippo status` shows what waits; questions are answered meanwhile"),
            ApiError::Refused(_) => Fault::new(StatusCode::CONFLICT, "refused", message),
            ApiError::Internal(_) => {
                tracing::error!(message, "a request failed");
                Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
                    .hint("the log has more; `hippo doctor` says where it is")
            }
        }
    }
}

impl From<SearchError> for Fault {
    fn from(error: SearchError) -> Fault {
        let message = error.to_string();
        match error {
            SearchError::Query(_) => Fault::bad("bad_query", message)
                .hint("`hippo search --help` explains how questions are written"),
            SearchError::Page(_) => Fault::bad("bad_page", message),
            SearchError::Like(_) => Fault::bad("bad_like", message),
            SearchError::Budget(_) => Fault::bad("bad_budget", message),
            SearchError::UnknownLeg(_) => Fault::bad("unknown_leg", message),
            SearchError::NoLeg(_) => Fault::new(StatusCode::SERVICE_UNAVAILABLE, "no_leg", message)
                .hint("`hippo status` shows what is wrong"),
            SearchError::Catalog(_) | SearchError::Table(_) => {
                Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
            }
        }
    }
}
