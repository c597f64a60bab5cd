//! What each route does, once the gates are passed.

use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hippo_index::SpaceRole;

use super::api::Api;
use super::dispatch::{Asked, Service};
use super::events;
use super::fault::Fault;
use super::params::{Params, absolute, json};
use super::routes::{OPENAPI, Operation};
use super::wire;
use crate::query::{answer, context};
use crate::transcript::{self, Format};

/// When a `wait` does not say how long.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);
/// The longest `wait`; who needs more asks again.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// The longest pause with an end; who means more means for ever.
const MAX_PAUSE: Duration = Duration::from_hours(366 * 24);

pub(super) async fn handle<A: Api>(
    service: &Service<A>,
    operation: Operation,
    asked: Asked,
) -> Result<Response, Fault> {
    let api = &service.api;
    Ok(match operation {
        Operation::SearchByParameters => {
            Json(answer(api, &search_request(&asked.params)?).await?).into_response()
        }
        Operation::Search => Json(answer(api, &json(&asked.body)?).await?).into_response(),
        Operation::Context => Json(context(api, &json(&asked.body)?).await?).into_response(),
        Operation::Status => Json(api.status().await?).into_response(),
        Operation::Wait => Json(wait(api, json(&asked.body)?).await?).into_response(),
        Operation::Folders => {
            let folders = api.folders().await?;
            Json(wire::Folders { folders }).into_response()
        }
        Operation::AddFolder => {
            let request: wire::FolderRequest = json(&asked.body)?;
            let path = absolute("path", PathBuf::from(request.path))?;
            Json(api.add_folder(path).await?).into_response()
        }
        Operation::RemoveFolder => {
            let path = needed_path(&asked.params)?;
            api.remove_folder(path.clone()).await?;
            let path = path.to_string_lossy().into_owned();
            Json(wire::Removed { path }).into_response()
        }
        Operation::Why => Json(api.why(needed_path(&asked.params)?).await?).into_response(),
        Operation::Transcript => {
            let format = format(&asked.params)?;
            let said = api.transcript(needed_path(&asked.params)?).await?;
            let text = transcript::write(&said.lines, format);
            let by = (
                HeaderName::from_static(wire::TRANSCRIPT_BY),
                said.by.as_str(),
            );
            let kind = (header::CONTENT_TYPE, format.mime());
            ([kind, by], text).into_response()
        }
        Operation::Thumbnail => {
            let jpeg = api.thumbnail(needed_path(&asked.params)?).await?;
            ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response()
        }
        Operation::Pause => Json(pause(api, json(&asked.body)?).await?).into_response(),
        Operation::Resume => Json(api.resume().await?).into_response(),
        Operation::Retry => {
            let request: wire::RetryRequest = json(&asked.body)?;
            let under = request
                .path
                .map(|path| absolute("path", PathBuf::from(path)));
            let files = api.retry(under.transpose()?).await?;
            Json(wire::Retried { files }).into_response()
        }
        Operation::UseModel => {
            let request: wire::UseModelRequest = json(&asked.body)?;
            let role = role(&request.role)?;
            Json(api.use_model(role, request.name).await?).into_response()
        }
        Operation::LookForModels => Json(api.look_for_models().await?).into_response(),
        Operation::ForgetModel => {
            let request: wire::ForgetModelRequest = json(&asked.body)?;
            Json(api.forget_model(role(&request.role)?).await?).into_response()
        }
        Operation::Events => events::stream(api.clone(), asked.place),
        Operation::Shutdown => {
            api.shutdown();
            let pid = std::process::id();
            Json(wire::Stopping { pid }).into_response()
        }
        Operation::OpenApi => {
            ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
        }
    })
}

/// The parameters of `GET /v1/search` as the body of `POST /v1/search`.
fn search_request(params: &Params) -> Result<wire::SearchRequest, Fault> {
    Ok(wire::SearchRequest {
        q: params.one("q")?.unwrap_or_default(),
        like: params.one("like")?,
        limit: params.number("limit")?,
        offset: params.number("offset")?.unwrap_or_default(),
        kind: params.list("kind")?,
        // A folder's name may hold a comma.
        within: params.all("in")?,
        before: params.one("before")?,
        after: params.one("after")?,
        lang: params.list("lang")?,
        // Names have commas in them.
        camera: params.all("camera")?,
        place: params.all("place")?,
        show: params.all("show")?,
        speaker: params.all("speaker")?,
        sort: params.one("sort")?,
        legs: params.list("legs")?,
        min_quality: params.share("min_quality")?,
        cwd: params.one("cwd")?,
        all: params.flag("all")?,
        as_you_type: params.flag("as_you_type")?,
        context: params.number("context")?.unwrap_or_default(),
    })
}

async fn wait<A: Api>(api: &A, request: wire::WaitRequest) -> Result<wire::Waited, Fault> {
    let timeout = request
        .timeout_ms
        .map_or(DEFAULT_WAIT, Duration::from_millis);
    if timeout > MAX_WAIT {
        let what = format!("`timeout_ms` is longer than {} s", MAX_WAIT.as_secs());
        return Err(Fault::bad("bad_timeout", what).hint("wait again when it has passed"));
    }
    tokio::select! {
        waited = api.wait(timeout) => Ok(waited?),
        () = api.ending() => Err(ending()),
    }
}

async fn pause<A: Api>(api: &A, request: wire::PauseRequest) -> Result<wire::Paused, Fault> {
    let time = request.for_s.map(Duration::from_secs);
    if time.is_some_and(|time| time > MAX_PAUSE) {
        let what = format!("`for_s` is longer than {} s", MAX_PAUSE.as_secs());
        return Err(Fault::bad("bad_pause", what).hint("leave it out: until it is resumed"));
    }
    Ok(api.pause(time).await?)
}

fn ending() -> Fault {
    Fault::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "ending",
        "hippo is shutting down",
    )
    .hint("start it again with `hippo up --detach`")
}

/// The role of a model that makes vectors.
fn role(name: &str) -> Result<SpaceRole, Fault> {
    let known = SpaceRole::ALL.into_iter().find(|r| r.as_str() == name);
    known.ok_or_else(|| {
        let roles = SpaceRole::ALL.map(SpaceRole::as_str).join(", ");
        Fault::bad("bad_role", format!("there is no role `{name}` here"))
            .hint(format!("the roles are {roles}"))
    })
}

fn format(params: &Params) -> Result<Format, Fault> {
    let Some(name) = params.one("format")? else {
        return Ok(Format::Txt);
    };
    Format::named(&name).ok_or_else(|| {
        let names = Format::ALL.map(Format::as_str).join(", ");
        Fault::bad("bad_format", format!("there is no format `{name}`"))
            .hint(format!("the formats are {names}"))
    })
}

fn needed_path(params: &Params) -> Result<PathBuf, Fault> {
    let missing =
        || Fault::bad("missing_parameter", "`path` is missing").hint("write ?path=/the/whole/path");
    params.path("path")?.ok_or_else(missing)
}
