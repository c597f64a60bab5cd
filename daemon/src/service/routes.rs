//! What there is, in one table: the router, the strict reading of parameters and the test of
//! `openapi.json` all look here.

use std::time::Duration;

/// The OpenAPI description, as it is served.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `GET /v1/search`
    SearchByParameters,
    /// `POST /v1/search`
    Search,
    /// `POST /v1/context`
    Context,
    /// `GET /v1/status`
    Status,
    /// `POST /v1/wait`
    Wait,
    /// `GET /v1/folders`
    Folders,
    /// `POST /v1/folders`
    AddFolder,
    /// `DELETE /v1/folders`
    RemoveFolder,
    /// `GET /v1/why`
    Why,
    /// `GET /v1/transcript`
    Transcript,
    /// `GET /v1/thumbnail`
    Thumbnail,
    /// `POST /v1/pause`
    Pause,
    /// `POST /v1/resume`
    Resume,
    /// `POST /v1/retry`
    Retry,
    /// `POST /v1/models/use`
    UseModel,
    /// `POST /v1/models/look`
    LookForModels,
    /// `POST /v1/models/forget`
    ForgetModel,
    /// `GET /v1/events`
    Events,
    /// `POST /v1/shutdown`
    Shutdown,
    /// `GET /v1/openapi.json`
    OpenApi,
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// What it does.
    pub operation: Operation,
    /// The parameters that it knows.
    pub params: &'static [&'static str],
    /// Whether it reads a body.
    pub body: bool,
    /// How long it may take.
    pub deadline: Deadline,
}

/// How long a route may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// At most this.
    After(Duration),
    /// It has one of its own, and counts among the long ones.
    Own,
}

/// Status and folders count files by SQL: milliseconds, even with a million files.
const QUICK: Deadline = Deadline::After(Duration::from_secs(10));
/// A search's legs have their own, shorter deadline; this one holds what stands around them.
const SEARCH: Deadline = Deadline::After(Duration::from_secs(30));
/// Adding a folder looks at its file system, removing one deletes its rows.
const FOLDER: Deadline = Deadline::After(Duration::from_mins(1));
/// A model is opened and tried before it is used.
const MODEL: Deadline = Deadline::After(Duration::from_mins(1));

/// The parameters of a search.
const SEARCH_PARAMS: &[&str] = &[
    "q",
    "like",
    "limit",
    "offset",
    "kind",
    "in",
    "before",
    "after",
    "lang",
    "camera",
    "place",
    "show",
    "speaker",
    "sort",
    "legs",
    "min_quality",
    "all",
    "as_you_type",
    "cwd",
    "context",
];

const fn route(
    method: &'static str,
    path: &'static str,
    operation: Operation,
    params: &'static [&'static str],
    deadline: Deadline,
) -> Route {
    let body = matches!(
        operation,
        Operation::Search
            | Operation::Context
            | Operation::Wait
            | Operation::AddFolder
            | Operation::Pause
            | Operation::Retry
            | Operation::UseModel
            | Operation::ForgetModel
    );
    Route {
        method,
        path,
        operation,
        params,
        body,
        deadline,
    }
}

/// All routes.
pub const ROUTES: [Route; 20] = [
    route(
        "GET",
        "/v1/search",
        Operation::SearchByParameters,
        SEARCH_PARAMS,
        SEARCH,
    ),
    route("POST", "/v1/search", Operation::Search, &[], SEARCH),
    route("POST", "/v1/context", Operation::Context, &[], SEARCH),
    route("GET", "/v1/status", Operation::Status, &[], QUICK),
    route("POST", "/v1/wait", Operation::Wait, &[], Deadline::Own),
    route("GET", "/v1/folders", Operation::Folders, &[], QUICK),
    route("POST", "/v1/folders", Operation::AddFolder, &[], FOLDER),
    route(
        "DELETE",
        "/v1/folders",
        Operation::RemoveFolder,
        &["path"],
        FOLDER,
    ),
    route("GET", "/v1/why", Operation::Why, &["path"], QUICK),
    route(
        "GET",
        "/v1/transcript",
        Operation::Transcript,
        &["path", "format"],
        QUICK,
    ),
    route(
        "GET",
        "/v1/thumbnail",
        Operation::Thumbnail,
        &["path"],
        // A large picture that is decoded while others are being read.
        MODEL,
    ),
    route("POST", "/v1/pause", Operation::Pause, &[], QUICK),
    route("POST", "/v1/resume", Operation::Resume, &[], QUICK),
    route("POST", "/v1/retry", Operation::Retry, &[], FOLDER),
    route("POST", "/v1/models/use", Operation::UseModel, &[], MODEL),
    route(
        "POST",
        "/v1/models/look",
        Operation::LookForModels,
        &[],
        MODEL,
    ),
    route(
        "POST",
        "/v1/models/forget",
        Operation::ForgetModel,
        &[],
        MODEL,
    ),
    route("GET", "/v1/events", Operation::Events, &[], Deadline::Own),
    route("POST", "/v1/shutdown", Operation::Shutdown, &[], QUICK),
    route("GET", "/v1/openapi.json", Operation::OpenApi, &[], QUICK),
];
