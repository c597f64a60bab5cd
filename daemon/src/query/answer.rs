//! A question's way: parse, embed, search the legs side by side, drop what is stale, fuse, read
//! what is shown, cut a page, cut snippets.
//!
//! Promises: a leg that fails or is late is named in `missing_legs` while the others answer;
//! pages of one question neither overlap nor leave gaps while the index stays as it is.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use hippo_extractors::Source;
use hippo_index::Hit as Row;

use super::link::link;
use super::memory::{Live, Memory};
use super::neighbours::{Around, Place};
use super::plan::{MAX_REACH, Plan};
use super::query_error::SearchError;
use super::ranking::{Ranking, rank};
use super::shown::Shown;
use super::snippet::{Wanted, snippet};
use super::sort::Sort;
use super::spoken;
use super::when;
use super::wordless::put_into_words;
use crate::service::wire::{Answer, Group, Hit, Legs, SearchRequest};
use crate::transcript::By;

/// Answers a question.
pub async fn answer<M: Memory>(memory: &M, request: &SearchRequest) -> Result<Answer, SearchError> {
    let started = Instant::now();
    let fresh = memory.fresh();
    let plan = Plan::new(memory, request).await?;
    let sort = plan.query.sort.unwrap_or_default();
    let end = plan.offset + plan.limit;
    // One more than is shown tells whether there are more; by time, any may be the first.
    let most = match sort {
        Sort::Best => end + 1,
        Sort::Newest | Sort::Oldest => usize::MAX,
    };
    let Ranking {
        order,
        live,
        missing,
        meant,
        full,
        no_match,
    } = rank(memory, &plan, most).await?;
    let deeper = sort == Sort::Best && full && order.len() == end && end < MAX_REACH;
    let more = order.len() > end || deeper;
    let mut shown = Shown::read(memory, order).await?;
    sort.apply(&mut shown);
    let wanted = Wanted::new(&meant.words(&plan.query), &plan.query.phrases);
    let mut page: Vec<Shown> = shown
        .into_iter()
        .skip(plan.offset)
        .take(plan.limit)
        .collect();
    put_into_words(memory, &mut page, &live).await;
    let places: Vec<Place> = page.iter().map(Shown::place).collect();
    let around = Around::read(memory, &places, plan.context, &live).await;
    let hits: Vec<Hit> = page
        .into_iter()
        .map(|shown| hit(shown, &wanted, &live, &around))
        .collect();
    Ok(Answer {
        query: request.q.clone(),
        groups: groups(&hits),
        hits,
        fresh,
        more,
        no_match,
        corrected: meant.corrected,
        missing_legs: missing,
        took_ms: (started.elapsed().as_secs_f64() * 1e5).round() / 1e2,
    })
}

fn hit(shown: Shown, wanted: &Wanted, live: &HashMap<u64, Live>, around: &Around) -> Hit {
    let (before, after) = around.beside(shown.place());
    let Shown { fused, row } = shown;
    let cut = snippet(&row.text, wanted);
    let at_ms = spoken::begins(&row, wanted);
    let transcript = published(&row);
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
        link: link(&path, row.page, at_ms.or(row.t0_ms)),
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
        at_ms,
        transcript: transcript.map(|by| by.as_str().to_owned()),
        source: row.source,
        text: row.text,
        snippet: cut.marked,
        marks: cut.marks,
        score: (fused.score * 1e6).round() / 1e6,
        quality: (fused.quality * 1e3).round() / 1e3,
        legs: Legs {
            words: fused.words,
            passage: fused.passage,
            joint: fused.joint,
            names: fused.names,
        },
        changed_at: when::rfc3339(row.mtime_ms),
        dated_at: row.facts.dated_ms.and_then(when::rfc3339),
        camera: row.facts.camera,
        place: row.facts.place,
        show: row.facts.show,
        speaker: row.speaker,
        alike: fused.alike,
        path: row.path,
    }
}

/// Which publisher's transcript a recording's segment is from.
fn published(row: &Row) -> Option<By> {
    let published = row.source == Source::Transcript.as_str();
    By::published(&row.generation).filter(|_| published)
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
