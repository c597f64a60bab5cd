//! The legs of a question, searched side by side.
//!
//! Promise: each leg has the same deadline, and one that fails or is late is named among the
//! missing while the others answer.

use std::future::Future;
use std::time::Duration;

use hippo_index::{Filter, Scored, WordsQuery};

use super::like;
use super::memory::Memory;
use super::plan::Plan;
use super::query_error::SearchError;
use super::route;
use super::spelling::Meant;
use crate::service::wire::MissingLeg;

/// The legs that can be asked for.
pub(super) const LEGS: [&str; 4] = ["words", "passage", "joint", "names"];
/// What the joint leg ranks: pictures among themselves.
const PICTURES: &str = "image";
/// What the legs gave, in the order of [`LEGS`].
pub(super) struct LegsFound {
    pub(super) found: [Vec<Scored>; LEGS.len()],
    /// Legs that took no part though they were asked.
    pub(super) missing: Vec<MissingLeg>,
    /// The similarities at which a picture begins to answer, and surely does.
    pub(super) picture_scale: [f32; 2],
    /// What the question's words were taken to mean.
    pub(super) meant: Meant,
}

/// Searches every leg that is asked for; an error when none of them could answer.
pub(super) async fn search<M: Memory>(memory: &M, plan: &Plan) -> Result<LegsFound, SearchError> {
    let mut missing = Vec::new();
    let mut picture_scale = [0.0; 2];
    let mut meant = Meant::at_first(memory, &plan.query, plan.open).await;
    let typed = meant.clone();
    let mut legs = tokio::join!(
        words_leg(memory, plan, &mut meant),
        passage_leg(memory, plan),
        joint_leg(memory, plan, &mut picture_scale),
        names_leg(memory, plan, &typed)
    );
    if meant != typed {
        legs.3 = names_leg(memory, plan, &meant).await;
    }
    let legs = [
        (LEGS[0], legs.0),
        (LEGS[1], legs.1),
        (LEGS[2], legs.2),
        (LEGS[3], legs.3),
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
    Ok(LegsFound {
        found: legs.map(Option::unwrap_or_default),
        missing,
        picture_scale,
        meant,
    })
}

/// What a leg came back with: nothing asked, results, or a reason.
enum Leg {
    NotAsked,
    Found(Vec<Scored>),
    Missing(String),
}

/// Twice where words were mistyped, as are names: as they stand, and as they were meant.
async fn words_leg<M: Memory>(memory: &M, plan: &Plan, meant: &mut Meant) -> Leg {
    if !plan.words {
        return Leg::NotAsked;
    }
    let search = |meant: &Meant| {
        let query = WordsQuery {
            any: meant.text(&plan.query),
            phrases: plan.query.phrases.clone(),
            none: plan.query.none.clone(),
        };
        memory.words(query, plan.filter.clone(), plan.depth)
    };
    in_time(plan.deadline, async {
        let mut found = search(meant).await;
        if let Ok(literal) = &found
            && plan.like.is_none()
            && meant.correct(memory, &plan.query, literal).await
        {
            found = search(meant).await;
        }
        found.map_or_else(Leg::Missing, Leg::Found)
    })
    .await
}

async fn passage_leg<M: Memory>(memory: &M, plan: &Plan) -> Leg {
    if !plan.passage {
        return Leg::NotAsked;
    }
    in_time(plan.deadline, async {
        let question = match memory.embed(like::passage_question(plan)).await {
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
    let empty = plan.query.text().trim().is_empty() && plan.like.is_none();
    if !plan.joint || !has_pictures || empty {
        return Leg::NotAsked;
    }
    in_time(plan.deadline, async {
        let question = match like::question(memory, plan).await {
            Some(Ok(question)) => question,
            Some(Err(reason)) => return Leg::Missing(reason),
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
async fn names_leg<M: Memory>(memory: &M, plan: &Plan, meant: &Meant) -> Leg {
    let mut tokens = route::content_tokens(&meant.asked(&plan.query));
    if !plan.names || tokens.is_empty() {
        return Leg::NotAsked;
    }
    let beginning = meant.beginning.clone();
    tokens.retain(|token| beginning.as_ref() != Some(token));
    in_time(plan.deadline, async {
        let found = memory.names(tokens, beginning, plan.filter.clone(), plan.depth);
        found.await.map_or_else(Leg::Missing, Leg::Found)
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
