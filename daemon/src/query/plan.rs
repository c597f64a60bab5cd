//! What a request asks for, checked: the question, its filters, how much of which legs.

use std::path::PathBuf;
use std::time::Duration;

use hippo_index::Filter;
use hippo_index::fold::fold;

use super::legs::LEGS;
use super::like::{self, Like};
use super::memory::Memory;
use super::names::Key;
use super::neighbours::MAX_CONTEXT;
use super::parse::Query;
use super::quality::DEFAULT_FLOOR;
use super::query_error::{QueryError, SearchError};
use super::sort::{SORTED_DEPTH, Sort};
use super::within::Places;
use crate::journal::Facet;
use crate::service::wire::SearchRequest;

/// The most hits in one answer.
pub(super) const MAX_LIMIT: usize = 1_000;
/// The deepest that pages reach: beyond it nobody reads, and each page costs a deeper search.
pub(super) const MAX_REACH: usize = 10_000;

/// A request, understood.
pub(super) struct Plan {
    pub(super) query: Query,
    /// A file that is the question; words beside it move it.
    pub(super) like: Option<Like>,
    /// The words beside it.
    pub(super) beside: String,
    pub(super) filter: Filter,
    pub(super) limit: usize,
    pub(super) offset: usize,
    /// Results wanted of each leg.
    pub(super) depth: usize,
    /// The first tier.
    pub(super) tier: usize,
    /// The quality below which a hit is left out.
    pub(super) floor: f64,
    /// Whether pictures that look alike are shown each by itself.
    pub(super) all: bool,
    /// Whether the last word is still being typed.
    pub(super) open: bool,
    /// Neighbours wanted on each side of a hit.
    pub(super) context: usize,
    pub(super) deadline: Duration,
    pub(super) words: bool,
    pub(super) passage: bool,
    pub(super) joint: bool,
    pub(super) names: bool,
    /// The passage leg's absence is worth a word.
    pub(super) passage_expected: bool,
    /// The joint leg's absence is.
    pub(super) joint_expected: bool,
}

impl Plan {
    /// Checks all of a request and resolves its folders.
    pub(super) async fn new<M: Memory>(
        memory: &M,
        request: &SearchRequest,
    ) -> Result<Plan, SearchError> {
        let settings = memory.settings();
        let mut query = query(request)?;
        let (limit, offset) = page(request, settings.search.limit)?;
        let legs = &request.legs;
        if let Some(unknown) = legs.iter().find(|leg| !LEGS.contains(&leg.as_str())) {
            return Err(SearchError::UnknownLeg(unknown.clone()));
        }
        let deadline = Duration::from_millis(settings.search.deadline_ms);
        let filter = filter(memory, &query, request).await?;
        let like = match like(request)? {
            Some(path) => Some(Like::look(memory, path).await?),
            None => None,
        };
        let beside = query.text();
        if let Some(text) = like.as_ref().and_then(Like::text) {
            query.words.extend(like::telling_words(text));
        }
        let alone = like.as_ref().is_some_and(Like::is_picture);
        let named = |leg: &str| legs.iter().any(|l| l == leg);
        let wants = |leg: &str| legs.is_empty() || named(leg);
        let tier = settings.search.leg_limit.max(1);
        Ok(Plan {
            filter,
            depth: match query.sort.unwrap_or_default() {
                Sort::Best => depth(tier, offset + limit),
                _ => tier.max(SORTED_DEPTH),
            },
            query,
            limit,
            offset,
            tier,
            floor: floor(request)?,
            // Who asks for what looks alike wants to see it.
            all: request.all || alone,
            // A space says that a word is whole.
            open: request.as_you_type
                && like.is_none()
                && !request.q.ends_with(char::is_whitespace),
            context: request.context,
            deadline,
            words: wants("words") && !alone,
            passage: wants("passage") && !alone,
            joint: wants("joint") || alone,
            names: wants("names") && like.is_none(),
            passage_expected: named("passage"),
            joint_expected: named("joint") || alone,
            like,
            beside,
        })
    }
}

/// The question with the filters that stand beside it.
fn query(request: &SearchRequest) -> Result<Query, SearchError> {
    let now = jiff::Zoned::now();
    let mut query = match request.like {
        Some(_) => Query::beside(&request.q, &now)?,
        None => Query::parse(&request.q, &now)?,
    };
    for (key, values) in [
        ("kind", &request.kind),
        ("in", &request.within),
        ("lang", &request.lang),
        ("camera", &request.camera),
        ("place", &request.place),
        ("show", &request.show),
        ("speaker", &request.speaker),
    ] {
        for value in values {
            query.narrow(key, value, &now)?;
        }
    }
    for (key, value) in [
        ("before", &request.before),
        ("after", &request.after),
        ("sort", &request.sort),
    ] {
        if let Some(value) = value {
            query.narrow(key, value, &now)?;
        }
    }
    query.check_range()?;
    Ok(query)
}

/// The file that is the question, from the asker's directory.
fn like(request: &SearchRequest) -> Result<Option<PathBuf>, SearchError> {
    let Some(like) = &request.like else {
        return Ok(None);
    };
    let path = request
        .cwd
        .iter()
        .map(PathBuf::from)
        .collect::<PathBuf>()
        .join(like);
    if path.is_absolute() {
        return Ok(Some(path));
    }
    let what = format!("`like` is {like}; it must be the whole path of a file");
    Err(SearchError::Page(what))
}

fn page(request: &SearchRequest, default_limit: usize) -> Result<(usize, usize), SearchError> {
    let limit = request.limit.unwrap_or(default_limit);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let what = format!(
            "`limit` is {limit}; it can be 1 to {MAX_LIMIT}: ask for the rest with `offset`"
        );
        return Err(SearchError::Page(what));
    }
    if request.offset > MAX_REACH - limit {
        let what = format!(
            "`offset` and `limit` reach hit {}; pages reach {MAX_REACH}: narrow the question with filters",
            request.offset.saturating_add(limit)
        );
        return Err(SearchError::Page(what));
    }
    if request.context > MAX_CONTEXT {
        let what = format!(
            "`context` is {}; it can be 0 to {MAX_CONTEXT} segments on each side",
            request.context
        );
        return Err(SearchError::Page(what));
    }
    Ok((limit, request.offset))
}

fn floor(request: &SearchRequest) -> Result<f64, SearchError> {
    // How alike pictures are is for the eye to tell.
    let usual = if request.like.is_some() {
        0.0
    } else {
        DEFAULT_FLOOR
    };
    let floor = request.min_quality.unwrap_or(usual);
    if (0.0..=1.0).contains(&floor) {
        return Ok(floor);
    }
    let what = format!("`min_quality` is {floor}; it can be 0 (all that was found) to 1");
    Err(SearchError::Page(what))
}

/// Whole tiers, so that the pages of one tier come from the same search.
fn depth(tier: usize, reach: usize) -> usize {
    let mut depth = tier;
    while depth < reach {
        depth *= 2;
    }
    depth
}

async fn filter<M: Memory>(
    memory: &M,
    query: &Query,
    request: &SearchRequest,
) -> Result<Filter, SearchError> {
    let mut under = Vec::new();
    if !query.within.is_empty() {
        let places = Places {
            cwd: request.cwd.as_deref().map(PathBuf::from),
            home: std::env::var_os("HOME").map(PathBuf::from),
            watched: memory.watched().await.map_err(SearchError::Catalog)?,
        };
        let specs = query.within.clone();
        // Looks at the disk, where a dead network mount may hang.
        let resolved = tokio::task::spawn_blocking(move || places.resolve_all(&specs)).await;
        under = resolved.map_err(|e| SearchError::Catalog(e.to_string()))??;
    }
    Ok(Filter {
        kinds: query.kinds.clone(),
        cameras: named(memory, Facet::Camera, &query.cameras).await?,
        places: named(memory, Facet::Place, &query.places).await?,
        shows: named(memory, Facet::Show, &query.shows).await?,
        speakers: named(memory, Facet::Speaker, &query.speakers).await?,
        under,
        before_ms: query.before.as_ref().map(|m| m.epoch_ms),
        after_ms: query.after.as_ref().map(|m| m.epoch_ms),
        langs: query.langs.clone(),
        none: query.none.clone(),
        // What a picture shows stands in no text, and what is like a text says it in other words.
        phrases: match request.like {
            Some(_) => Vec::new(),
            None => query.phrases.clone(),
        },
    })
}

/// Which of the values that files have are meant. A part of one is enough: `canon r5` means a
/// Canon EOS R5.
async fn named<M: Memory>(
    memory: &M,
    facet: Facet,
    typed: &[String],
) -> Result<Vec<String>, SearchError> {
    if typed.is_empty() {
        return Ok(Vec::new());
    }
    let known = memory.values_of(facet).await;
    let known = known.map_err(SearchError::Catalog)?;
    let mut meant: Vec<String> = Vec::new();
    for typed in typed {
        let parts: Vec<String> = typed.split_whitespace().map(fold).collect();
        let fits = |value: &&String| {
            let value = fold(value);
            parts.iter().all(|part| value.contains(part.as_str()))
        };
        let before = meant.len();
        meant.extend(known.iter().filter(fits).cloned());
        if meant.len() == before {
            return Err(QueryError::UnknownValue {
                key: Key::of(facet).name(),
                value: typed.clone(),
                known: some_of(&known),
            }
            .into());
        }
    }
    Ok(meant)
}

/// A few of these, for an error.
fn some_of(known: &[String]) -> String {
    const NAMED: usize = 8;
    let mut text = known[..known.len().min(NAMED)].join(", ");
    if known.len() > NAMED {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
