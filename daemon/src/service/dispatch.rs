//! The gates that every request passes, in this order: known parameters, a free place, a body
//! of bounded size, a deadline, a net for panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use futures::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::api::Api;
use super::fault::Fault;
use super::handlers;
use super::params::Params;
use super::routes::{Deadline, ROUTES, Route};

/// Requests that wait (`wait`, `events`) at once; they cost a task each, but should neither be
/// boundless nor take the places of searches.
const MAX_LONG: usize = 64;
/// What a body's sender may take, on routes with a deadline of their own.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// What handlers share.
pub struct Service<A> {
    pub(super) api: A,
    quick: Arc<Semaphore>,
    long: Arc<Semaphore>,
    max_body_bytes: usize,
}

/// A request past the gates.
pub(super) struct Asked {
    pub(super) params: Params,
    pub(super) body: Vec<u8>,
    /// Held for as long as the request is at work.
    pub(super) place: OwnedSemaphorePermit,
}

/// The router over `api`.
pub fn router<A: Api>(api: A) -> Router {
    let settings = api.settings();
    let service = Arc::new(Service {
        api,
        quick: Arc::new(Semaphore::new(settings.service.max_concurrent.max(1))),
        long: Arc::new(Semaphore::new(MAX_LONG)),
        max_body_bytes: settings.service.max_body_kib.saturating_mul(1024),
    });
    let mut router = Router::new();
    for route in &ROUTES {
        router = router.route(route.path, method_router(Arc::clone(&service), route));
    }
    router
        .fallback(|uri: Uri| async move { not_found(uri.path()) })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            method_not_allowed(&method, uri.path())
        })
}

fn method_router<A: Api>(service: Arc<Service<A>>, route: &'static Route) -> MethodRouter {
    let filter = match route.method {
        "POST" => MethodFilter::POST,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    on(filter, move |request: Request| async move {
        let answer = AssertUnwindSafe(dispatch(service, route, request)).catch_unwind();
        match answer.await {
            Ok(Ok(response)) => response,
            Ok(Err(fault)) => fault.into_response(),
            Err(_) => {
                tracing::error!(path = route.path, "a request panicked; this is a bug");
                let what = "the request ran into a bug of hippo's; the daemon goes on";
                Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "bug", what).into_response()
            }
        }
    })
}

async fn dispatch<A: Api>(
    service: Arc<Service<A>>,
    route: &'static Route,
    request: Request,
) -> Result<Response, Fault> {
    let params = Params::parse(request.uri().query(), route.params)?;
    let places = match route.deadline {
        Deadline::After(_) => &service.quick,
        Deadline::Own => &service.long,
    };
    let place = Arc::clone(places).try_acquire_owned().map_err(|_| {
        Fault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many requests are at work",
        )
        .hint("try again in a second; `service.max_concurrent` is the bound")
    })?;
    let body_limit = if route.body {
        service.max_body_bytes
    } else {
        0
    };
    let work = async {
        let read = read_body(request, body_limit);
        let body = in_time(BODY_DEADLINE, read).await??;
        let asked = Asked {
            params,
            body,
            place,
        };
        handlers::handle(&service, route.operation, asked).await
    };
    match route.deadline {
        Deadline::After(limit) => in_time(limit, work).await?,
        Deadline::Own => work.await,
    }
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::time::timeout(limit, work).await.map_err(|_| {
        let what = format!("the request was not done within {} s", limit.as_secs());
        Fault::new(StatusCode::GATEWAY_TIMEOUT, "timeout", what)
            .hint("`hippo status` shows what is at work")
    })
}

async fn read_body(request: Request, limit: usize) -> Result<Vec<u8>, Fault> {
    let too_large = || {
        let what = match limit {
            0 => "this route takes no body".to_owned(),
            _ => format!("the body is larger than {} KiB", limit / 1024),
        };
        Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
            .hint("`service.max_body_kib` is the bound")
    };
    let declared = request.headers().get("content-length");
    let declared: Option<u64> = declared
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok());
    if declared.is_some_and(|bytes| bytes > limit as u64) {
        return Err(too_large());
    }
    let body = axum::body::to_bytes(request.into_body(), limit).await;
    body.map(Into::into).map_err(|error| {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(e) = cause {
            if e.is::<http_body_util::LengthLimitError>() {
                return too_large();
            }
            cause = e.source();
        }
        Fault::bad("bad_body", format!("the body broke off: {error}"))
    })
}

fn not_found(path: &str) -> Fault {
    Fault::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!("there is nothing at {path}"),
    )
    .hint("GET /v1/openapi.json lists what there is")
}

fn method_not_allowed(method: &Method, path: &str) -> Fault {
    let methods: Vec<&str> = ROUTES
        .iter()
        .filter(|r| r.path == path)
        .map(|r| r.method)
        .collect();
    let what = format!("{path} does not take {method}");
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", what)
        .hint(format!("it takes {}", methods.join(", ")))
}
