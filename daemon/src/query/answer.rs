//! A question's way: parse, embed, search the legs side by side, drop what is stale, fuse, cut
//! a page, cut snippets.
//!
//! Promises: each leg has the same deadline, and one that fails or is late is named in
//! `missing_legs` while the others answer; a row is shown only if it is of its file's latest
//! revision, under the path that the file has now; pages of one question neither overlap nor
//! leave gaps while the index stays as it is.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hippo_config::Settings;
use hippo_index::{Embedding, Filter, Scored, Span, WordsQuery};

use super::fuse::{Found, Fused, Question, Ranked, fuse};
use super::link::link;
use super::neighbours::{Around, MAX_CONTEXT, Place};
use super::parse::Query;
use super::query_error::QueryError;
use super::snippet::{Wanted, snippet};
use super::within::Places;
use super::{route, when};
use crate::service::wire::{Answer, Fresh, Group, Hit, Legs, MissingLeg, SearchRequest};

/// The most hits in one answer.
pub const MAX_LIMIT: usize = 1_000;
/// The deepest that pages reach: beyond it nobody reads, and each page costs a deeper search.
pub const MAX_REACH: usize = 10_000;
/// The legs that can be asked for.
pub const LEGS: [&str; 4] = ["words", "passage", "joint", "names"];
/// What the joint leg ranks: pictures among themselves.
const PICTURES: &str = "image";

/// What a question needs of the rest of the daemon; a double of it stands in the tests.
pub trait Memory: Clone + Send + Sync + 'static {
    /// The settings in force.
    fn settings(&self) -> Arc<Settings>;
    /// The watched folders' paths.
    fn watched(&self) -> impl Future<Output = Result<Vec<PathBuf>, String>> + Send;
    /// The words leg.
    fn words(
        &self,
        query: WordsQuery,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The passage leg.
    fn passage(
        &self,
        question: Embedding,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The question in the passage space; None where there is no passage model.
    fn embed(&self, text: String)
    -> impl Future<Output = Option<Result<Embedding, String>>> + Send;
    /// The joint leg.
    fn joint(
        &self,
        question: JointQuestion,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The question in the joint space; None where there is no joint model.
    fn embed_joint(
        &self,
        text: String,
    ) -> impl Future<Output = Option<Result<JointQuestion, String>>> + Send;
    /// The names leg: the first segments of files whose names have these words.
    fn names(
        &self,
        tokens: Vec<String>,
        filter: Filter,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Scored>, String>> + Send;
    /// The segments at these places, of whatever revision.
    fn segments(
        &self,
        spans: Vec<Span>,
    ) -> impl Future<Output = Result<Vec<hippo_index::Hit>, String>> + Send;
    /// Where these files are now and which of their revisions counts.
    fn live(
        &self,
        files: Vec<u64>,
    ) -> impl Future<Output = Result<HashMap<u64, Live>, String>> + Send;
    /// How fresh an answer is.
    fn fresh(&self) -> Fresh;
}

/// A question as the joint model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct JointQuestion {
    /// The joint space.
    pub space: String,
    /// Its vector.
    pub vector: Vec<f32>,
    /// The similarities at which a picture begins to answer, and surely does.
    pub picture_scale: [f32; 2],
}

/// What the catalog knows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Where it is.
    pub path: PathBuf,
    /// The revision that counts.
    pub revision: u64,
    /// The oldest one whose rows say the same.
    pub since: u64,
    /// Other places of the same content.
    pub also_at: Vec<PathBuf>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// The question cannot be understood.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// `limit` and `offset` out of bounds.
    #[error("{0}")]
    Page(String),
    /// A leg that does not exist.
    #[error("there is no leg `{0}`: the legs are words, passage, joint and names")]
    UnknownLeg(String),
    /// No leg could answer.
    #[error("no leg could answer: {0}")]
    NoLeg(String),
    /// The catalog could not be read.
    #[error("the catalog could not be read: {0}")]
    Catalog(String),
}

struct Plan {
    query: Query,
    filter: Filter,
    limit: usize,
    offset: usize,
    /// Results wanted of each leg.
    depth: usize,
    /// The first tier.
    tier: usize,
    /// Neighbours wanted on each side of a hit.
    context: usize,
    deadline: Duration,
    words: bool,
    passage: bool,
    joint: bool,
    names: bool,
    /// The passage leg's absence is worth a word.
    passage_expected: bool,
    /// The joint leg's absence is.
    joint_expected: bool,
}

/// Answers a question.
pub async fn answer<M: Memory>(memory: &M, request: &SearchRequest) -> Result<Answer, SearchError> {
    let started = Instant::now();
    let fresh = memory.fresh();
    let plan = plan(memory, request).await?;
    let mut missing = Vec::new();
    let mut picture_scale = [0.0; 2];
    let legs = tokio::join!(
        words_leg(memory, &plan),
        passage_leg(memory, &plan),
        joint_leg(memory, &plan, &mut picture_scale),
        names_leg(memory, &plan)
    );
    let legs = [
        ("words", legs.0),
        ("passage", legs.1),
        ("joint", legs.2),
        ("names", legs.3),
    ]
    .map(|(name, leg)| take_leg(name, leg, &mut missing));
    let [words, passage, joint, names] = &legs;
    let unread = [words, passage, joint].into_iter().all(Option::is_none);
    let unnamed = names.as_ref().is_none_or(Vec::is_empty);
    // That no name has the words says nothing of the texts that could not be searched.
    if unread && unnamed && (names.is_none() || !missing.is_empty()) {
        let reasons: Vec<String> = missing.into_iter().map(|m| m.reason).collect();
        return Err(SearchError::NoLeg(reasons.join("; ")));
    }
    let legs = legs.map(Option::unwrap_or_default);
    let full = legs.iter().any(|leg| leg.len() >= plan.depth);
    let live = live(memory, &legs).await?;
    let question = Question {
        tokens: route::content_tokens(&plan.query.text()),
        dense_weight: route::dense_weight(route::asked(&plan.query), &memory.settings().search),
        for_pictures: route::for_pictures(&plan.query),
        picture_scale,
    };
    let [words, passage, joint, names] = legs.map(|leg| current(leg, &live, &plan.filter));
    let found = Found {
        words: &words,
        passage: &passage,
        joint: &joint,
        names: &names,
    };
    let order = fuse(&question, found, plan.tier);
    let end = plan.offset + plan.limit;
    let more = order.len() > end || (full && end < MAX_REACH);
    let wanted = Wanted::new(&plan.query.words, &plan.query.phrases);
    let page: Vec<Fused> = order
        .into_iter()
        .skip(plan.offset)
        .take(plan.limit)
        .collect();
    let places: Vec<Place> = page.iter().map(place_of).collect();
    let around = Around::read(memory, &places, plan.context, &live).await;
    let hits: Vec<Hit> = page
        .into_iter()
        .map(|fused| hit(fused, &wanted, &live, &around))
        .collect();
    Ok(Answer {
        query: request.q.clone(),
        groups: groups(&hits),
        hits,
        fresh,
        more,
        missing_legs: missing,
        took_ms: (started.elapsed().as_secs_f64() * 1e5).round() / 1e2,
    })
}

async fn plan<M: Memory>(memory: &M, request: &SearchRequest) -> Result<Plan, SearchError> {
    let settings = memory.settings();
    let now = jiff::Zoned::now();
    let mut query = Query::parse(&request.q, &now)?;
    for (key, values) in [
        ("kind", &request.kind),
        ("in", &request.within),
        ("lang", &request.lang),
    ] {
        for value in values {
            query.narrow(key, value, &now)?;
        }
    }
    for (key, value) in [("before", &request.before), ("after", &request.after)] {
        if let Some(value) = value {
            query.narrow(key, value, &now)?;
        }
    }
    query.check_range()?;
    let (limit, offset) = page(request, settings.search.limit)?;
    if let Some(unknown) = request
        .legs
        .iter()
        .find(|leg| !LEGS.contains(&leg.as_str()))
    {
        return Err(SearchError::UnknownLeg(unknown.clone()));
    }
    let wants = |leg: &str| request.legs.is_empty() || request.legs.iter().any(|l| l == leg);
    let tier = settings.search.leg_limit.max(1);
    Ok(Plan {
        filter: filter(memory, &query, request).await?,
        query,
        limit,
        offset,
        depth: depth(tier, offset + limit),
        tier,
        context: request.context,
        deadline: Duration::from_millis(settings.search.deadline_ms),
        words: wants("words"),
        passage: wants("passage"),
        joint: wants("joint"),
        names: wants("names"),
        passage_expected: request.legs.iter().any(|l| l == "passage"),
        joint_expected: request.legs.iter().any(|l| l == "joint"),
    })
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
        under,
        before_ms: query.before.as_ref().map(|m| m.epoch_ms),
        after_ms: query.after.as_ref().map(|m| m.epoch_ms),
        langs: query.langs.clone(),
        none: query.none.clone(),
        phrases: query.phrases.clone(),
    })
}

/// What a leg came back with: nothing asked, results, or a reason.
enum Leg {
    NotAsked,
    Found(Vec<Scored>),
    Missing(String),
}

async fn words_leg<M: Memory>(memory: &M, plan: &Plan) -> Leg {
    if !plan.words {
        return Leg::NotAsked;
    }
    let query = WordsQuery {
        any: plan.query.text(),
        phrases: plan.query.phrases.clone(),
        none: plan.query.none.clone(),
    };
    in_time(plan.deadline, async {
        match memory.words(query, plan.filter.clone(), plan.depth).await {
            Ok(found) => Leg::Found(found),
            Err(reason) => Leg::Missing(reason),
        }
    })
    .await
}

async fn passage_leg<M: Memory>(memory: &M, plan: &Plan) -> Leg {
    if !plan.passage {
        return Leg::NotAsked;
    }
    in_time(plan.deadline, async {
        let question = match memory.embed(plan.query.text()).await {
            Some(Ok(question)) => question,
            Some(Err(reason)) => {
                return Leg::Missing(format!("the question could not be embedded: {reason}"));
            }
            None if plan.passage_expected => {
                return Leg::Missing(
                    "there is no passage model; `hippo status` says why".to_owned(),
                );
            }
            None => return Leg::NotAsked,
        };
        match memory
            .passage(question, plan.filter.clone(), plan.depth)
            .await
        {
            Ok(found) => Leg::Found(found),
            Err(reason) => Leg::Missing(reason),
        }
    })
    .await
}

/// Pictures by what they show. Where the kinds asked for have none, there is nothing to ask.
async fn joint_leg<M: Memory>(memory: &M, plan: &Plan, picture_scale: &mut [f32; 2]) -> Leg {
    let kinds = &plan.filter.kinds;
    let has_pictures = kinds.is_empty() || kinds.iter().any(|kind| kind == PICTURES);
    let text = plan.query.text();
    if !plan.joint || !has_pictures || text.trim().is_empty() {
        return Leg::NotAsked;
    }
    in_time(plan.deadline, async {
        let question = match memory.embed_joint(text).await {
            Some(Ok(question)) => question,
            Some(Err(reason)) => {
                return Leg::Missing(format!("the question could not be embedded: {reason}"));
            }
            None if plan.joint_expected => {
                return Leg::Missing("there is no joint model; `hippo status` says why".to_owned());
            }
            None => return Leg::NotAsked,
        };
        *picture_scale = question.picture_scale;
        let filter = Filter {
            kinds: vec![PICTURES.to_owned()],
            ..plan.filter.clone()
        };
        match memory.joint(question, filter, plan.depth).await {
            Ok(found) => Leg::Found(found),
            Err(reason) => Leg::Missing(reason),
        }
    })
    .await
}

/// Files by what they are called.
async fn names_leg<M: Memory>(memory: &M, plan: &Plan) -> Leg {
    let tokens = route::content_tokens(&plan.query.text());
    if !plan.names || tokens.is_empty() {
        return Leg::NotAsked;
    }
    in_time(plan.deadline, async {
        match memory.names(tokens, plan.filter.clone(), plan.depth).await {
            Ok(found) => Leg::Found(found),
            Err(reason) => Leg::Missing(reason),
        }
    })
    .await
}

async fn in_time(deadline: Duration, search: impl Future<Output = Leg> + Send) -> Leg {
    let late = |_| {
        Leg::Missing(format!(
            "it did not answer within {} ms",
            deadline.as_millis()
        ))
    };
    tokio::time::timeout(deadline, search)
        .await
        .unwrap_or_else(late)
}

fn take_leg(name: &str, leg: Leg, missing: &mut Vec<MissingLeg>) -> Option<Vec<Scored>> {
    match leg {
        Leg::NotAsked => None,
        Leg::Found(found) => Some(found),
        Leg::Missing(reason) => {
            tracing::warn!(leg = name, reason, "a leg took no part in an answer");
            missing.push(MissingLeg {
                leg: name.to_owned(),
                reason,
            });
            None
        }
    }
}

async fn live<M: Memory>(
    memory: &M,
    legs: &[Vec<Scored>; LEGS.len()],
) -> Result<HashMap<u64, Live>, SearchError> {
    let files: HashSet<u64> = legs.iter().flatten().map(|s| s.row.file).collect();
    if files.is_empty() {
        return Ok(HashMap::new());
    }
    let found = memory.live(files.into_iter().collect()).await;
    found.map_err(SearchError::Catalog)
}

/// Keeps what is current, under the path of now, with the place that it had in its leg.
fn current(leg: Vec<Scored>, live: &HashMap<u64, Live>, filter: &Filter) -> Vec<Ranked> {
    let ranked = leg
        .into_iter()
        .enumerate()
        .filter_map(|(rank, mut scored)| {
            let known = live.get(&scored.row.file)?;
            // The row may not know yet that its file has left the folder that was asked for.
            let inside = filter.under.is_empty()
                || filter.under.iter().any(|dir| known.path.starts_with(dir));
            if !(known.since..=known.revision).contains(&scored.row.revision) || !inside {
                return None;
            }
            scored.row.path = known.path.to_string_lossy().into_owned();
            Some(Ranked { rank, scored })
        });
    ranked.collect()
}

fn place_of(fused: &Fused) -> Place {
    Place {
        file: fused.row.file,
        ordinal: fused.row.ordinal,
    }
}

fn hit(fused: Fused, wanted: &Wanted, live: &HashMap<u64, Live>, around: &Around) -> Hit {
    let (before, after) = around.beside(place_of(&fused));
    let cut = snippet(&fused.row.text, wanted);
    let row = fused.row;
    let mut also_at = fused.also_at;
    if let Some(known) = live.get(&row.file) {
        also_at.extend(
            known
                .also_at
                .iter()
                .map(|p| p.to_string_lossy().into_owned()),
        );
    }
    also_at.retain(|path| *path != row.path);
    also_at.sort();
    also_at.dedup();
    // The catalog's own bytes: a name that is no UTF-8 is still a link.
    let path = live.get(&row.file).map(|known| known.path.clone());
    let path = path.unwrap_or_else(|| PathBuf::from(&row.path));
    Hit {
        link: link(&path, row.page, row.t0_ms),
        before,
        after,
        also_at,
        file: row.file,
        kind: row.kind,
        title: row.title,
        lang: row.lang,
        page: row.page,
        t0_ms: row.t0_ms,
        t1_ms: row.t1_ms,
        source: row.source,
        text: row.text,
        snippet: cut.marked,
        marks: cut.marks,
        score: (fused.score * 1e6).round() / 1e6,
        legs: Legs {
            words: fused.words,
            passage: fused.passage,
            joint: fused.joint,
            names: fused.names,
        },
        changed_at: when::rfc3339(row.mtime_ms),
        path: row.path,
    }
}

fn groups(hits: &[Hit]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<u64, usize> = HashMap::new();
    for (i, hit) in hits.iter().enumerate() {
        let place = *places.entry(hit.file).or_insert_with(|| {
            groups.push(Group {
                path: hit.path.clone(),
                file: hit.file,
                kind: hit.kind.clone(),
                title: hit.title.clone(),
                score: hit.score,
                hits: Vec::new(),
            });
            groups.len() - 1
        });
        groups[place].hits.push(i);
    }
    groups
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
