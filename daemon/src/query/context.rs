//! Evidence for a language model: what an answer would show, whole, cited, and within a budget.
//!
//! The same legs and the same order as a search. Segments beside a hit have half of its claim:
//! what was found often begins before it or ends behind it. Promise: filters hold for what
//! stands beside a hit as they do for the hit.

use std::collections::{HashMap, HashSet};

use hippo_index::fold::{Phrase, Prepared};
use hippo_index::{Filter, Hit};

use super::evidence::{Candidate, goes_on, pack};
use super::memory::{Live, Memory};
use super::neighbours::{Around, Place};
use super::plan::Plan;
use super::query_error::SearchError;
use super::ranking::{Ranking, rank};
use super::shown::Shown;
use super::tokens::tokens;
use super::wordless::put_into_words;
use crate::service::wire::{Context, ContextRequest};

/// When a request does not say: about six pages.
const DEFAULT_TOKENS: usize = 4_000;
/// Less holds no passage with its heading.
const MIN_TOKENS: usize = 100;
/// More than a search's best segments make nobody wiser.
const MAX_TOKENS: usize = 32_000;
/// So many segments of 160 tokens fill the largest budget.
const MOST_HITS: usize = 200;
/// Segments beside a hit on each side.
const BESIDE: usize = 1;
/// Their claim, as a share of the hit's.
const BESIDE_CLAIM: f64 = 0.5;

/// Gathers evidence for a question.
pub async fn context<M: Memory>(
    memory: &M,
    request: &ContextRequest,
) -> Result<Context, SearchError> {
    let fresh = memory.fresh();
    let budget = request.tokens.unwrap_or(DEFAULT_TOKENS);
    if !(MIN_TOKENS..=MAX_TOKENS).contains(&budget) {
        return Err(SearchError::Budget(format!(
            "`tokens` is {budget}; it can be {MIN_TOKENS} to {MAX_TOKENS}"
        )));
    }
    let plan = Plan::new(memory, &request.search()).await?;
    let Ranking {
        order,
        live,
        missing,
        no_match,
        meant,
        ..
    } = rank(memory, &plan, MOST_HITS).await?;
    let mut order = Shown::read(memory, order).await?;
    put_into_words(memory, &mut order, &live).await;
    let mut room = budget;
    let fitting = order.iter().take_while(|shown| {
        let fits = tokens(&shown.row.text) <= room;
        room = room.saturating_sub(tokens(&shown.row.text));
        fits
    });
    let beside = beside(memory, &order[..fitting.count()], &plan.filter, &live).await;
    let hits = order.into_iter().map(|shown| Candidate {
        score: shown.fused.score,
        row: shown.row,
        beside: None,
    });
    let spans = pack(hits.chain(beside).collect(), budget);
    Ok(Context {
        question: request.q.clone(),
        tokens: spans.iter().map(|span| span.tokens).sum(),
        budget,
        spans,
        no_match,
        corrected: meant.corrected,
        missing,
        fresh,
    })
}

/// What stands right before and after these hits, unless it is one of them.
async fn beside<M: Memory>(
    memory: &M,
    order: &[Shown],
    filter: &Filter,
    live: &HashMap<u64, Live>,
) -> Vec<Candidate> {
    let places: Vec<Place> = order.iter().map(Shown::place).collect();
    let around = Around::read(memory, &places, BESIDE, live).await;
    let hits: HashSet<Place> = places.into_iter().collect();
    let none: Vec<Phrase> = filter.none.iter().filter_map(|p| Phrase::new(p)).collect();
    let one_of = |wanted: &[String], value: Option<&String>| {
        wanted.is_empty() || value.is_some_and(|value| wanted.contains(value))
    };
    let kept = |row: &Hit| {
        let text = Prepared::new(&row.text);
        one_of(&filter.langs, row.lang.as_ref())
            && one_of(&filter.speakers, row.speaker.as_ref())
            && !none.iter().any(|phrase| phrase.stands_in(&text))
    };
    let mut found = Vec::new();
    for shown in order {
        let hit = &shown.row;
        for row in around.rows_beside(shown.place()) {
            let place = Place {
                file: row.file,
                ordinal: row.ordinal,
            };
            let joined = goes_on(hit, row) || goes_on(row, hit);
            if joined && !hits.contains(&place) && kept(row) {
                found.push(Candidate {
                    row: Hit {
                        path: hit.path.clone(),
                        ..row.clone()
                    },
                    score: shown.fused.score * BESIDE_CLAIM,
                    beside: Some(hit.ordinal),
                });
            }
        }
    }
    found
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
