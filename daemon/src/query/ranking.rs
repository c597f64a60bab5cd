//! From a plan to one order of segments: the legs, what of them is current, fusion.
//!
//! Promises: a segment is in the order only if it is of its file's latest revision, under the
//! path that the file has now; what is deeper in the legs never moves what is above it;
//! what is no good match is not in it; where all kinds are asked for, each has a place.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use hippo_index::{Filter, Scored, fold};

use super::alike;
use super::fuse::{Found, Fused, Question, Ranked, Segment, fuse};
use super::legs::{self, LEGS, LegsFound};
use super::like::Like;
use super::memory::{Live, Memory};
use super::plan::Plan;
use super::quality::Quality;
use super::query_error::SearchError;
use super::route;
use super::spelling::Meant;
use super::variety;
use crate::service::wire::MissingLeg;

/// What was found, best first.
pub(super) struct Ranking {
    pub(super) order: Vec<Fused>,
    /// Whether something was found and nothing of it was good enough.
    pub(super) no_match: bool,
    /// What the catalog knows of the files in it.
    pub(super) live: HashMap<u64, Live>,
    /// Legs that took no part though they were asked.
    pub(super) missing: Vec<MissingLeg>,
    /// What the question's words were taken to mean.
    pub(super) meant: Meant,
    /// Whether a leg gave all that it was asked for, so that there may be more.
    pub(super) full: bool,
}

/// Searches the legs and brings them together: the best `most` of what is good enough.
pub(super) async fn rank<M: Memory>(
    memory: &M,
    plan: &Plan,
    most: usize,
) -> Result<Ranking, SearchError> {
    let LegsFound {
        found,
        missing,
        picture_scale,
        meant,
    } = legs::search(memory, plan).await?;
    let full = found.iter().any(|leg| leg.len() >= plan.depth);
    let live = live(memory, &found).await?;
    let text = plan.query.text();
    let question = Question {
        tokens: meant.terms(&plan.query),
        one_word: fold::query_tokens(&text).len() == 1,
        dense_weight: route::dense_weight(route::asked(&plan.query), &memory.settings().search),
        for_pictures: plan.like.as_ref().is_some_and(Like::is_picture)
            || route::for_pictures(&plan.query),
        picture_scale,
    };
    let mut legs = found.map(|leg| current(leg, &live, &plan.filter));
    if let Some(like) = &plan.like {
        let itself = |found: &Ranked| Path::new(&found.row.path) == like.path;
        for leg in &mut legs {
            leg.retain(|found| !itself(found));
        }
    }
    let [words, passage, joint, names] = legs;
    let found = Found {
        words: &words,
        passage: &passage,
        joint: &joint,
        names: &names,
    };
    let mut all = fuse(&question, found, plan.tier);
    if !plan.all {
        all = alike::folded(all);
    }
    let any = !all.is_empty();
    let all_kinds = plan.filter.kinds.is_empty() && !question.for_pictures;
    let deep = most.max(if all_kinds { variety::LOOKED_AT } else { 0 });
    let mut order = Quality::of(&all, &question.tokens, plan.floor).keep(all, deep);
    if all_kinds {
        variety::each_kind_a_place(&mut order);
    }
    order.truncate(most);
    Ok(Ranking {
        no_match: any && order.is_empty(),
        order,
        live,
        missing,
        meant,
        full,
    })
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
        .filter_map(|(rank, Scored { row: lead, score })| {
            let known = live.get(&lead.file)?;
            // The row may not know yet that its file has left the folder that was asked for.
            let inside = filter.under.is_empty()
                || filter.under.iter().any(|dir| known.path.starts_with(dir));
            if !(known.since..=known.revision).contains(&lead.revision) || !inside {
                return None;
            }
            let row = Segment {
                path: known.path.to_string_lossy().into_owned(),
                content: known.content,
                lead,
            };
            Some(Ranked { rank, row, score })
        });
    ranked.collect()
}
