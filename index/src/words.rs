//! The words leg: BM25 over `words`, OR for the question, exact for quotes.
//!
//! Rows that the index does not cover yet are scanned along, so a file saved a second ago is
//! found. Phrases and excluded words are settled on the text itself: the index gives the
//! segments that have all the tokens, best first, and more are fetched until the page is full
//! or there are no more.

use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use lancedb::Table;
use lancedb::index::scalar::{
    BooleanQuery, FtsQuery, FullTextSearchQuery, MatchQuery, Occur, Operator,
};
use lancedb::query::{ExecutableQuery as _, QueryBase as _, Select};

use crate::columns::Columns;
use crate::error::IndexError;
use crate::fold::{self, Phrase, Prepared};
use crate::predicate;
use crate::query::{Filter, WordsQuery};
use crate::row::{Lead, Scored};
use crate::schema as c;
use crate::segments::batches;
use crate::store::Store;

/// Tokens of one question: a pasted page would otherwise read half the index.
const TOKENS_MAX: usize = 256;
/// The first fetch, in pages, when hits are to be verified, and how it grows.
const FETCH_GROWTH: usize = 4;
/// Candidates that are looked at for one phrase of words that are everywhere. 64 Ki segments
/// of 2 KiB are the most that a search may read.
const FETCH_MAX: usize = 65_536;

const SCORE: &str = "_score";

impl Store {
    /// The best segments for a question of words, best first; scores are BM25, above 0.
    pub async fn words(
        &self,
        query: &WordsQuery,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        let _reading = self.reading().await?;
        let conditions = Conditions::new(
            query.phrases.iter().chain(&filter.phrases),
            query.none.iter().chain(&filter.none),
        );
        if limit == 0 {
            return Ok(Vec::new());
        }
        let Some(text) = fts_query(&query.any, &conditions) else {
            // Nothing to look up in an index: no words at all, or a phrase such as "++".
            return if conditions.phrases.is_empty() {
                Ok(Vec::new())
            } else {
                scan(&self.shared.table, filter, &conditions, limit).await
            };
        };
        verified(limit, &conditions, |fetch| {
            Box::pin(search(&self.shared.table, &text, filter, fetch))
        })
        .await
    }
}

/// What a hit must and must not contain.
pub(crate) struct Conditions {
    pub(crate) phrases: Vec<Phrase>,
    /// Tokens that every segment with all the phrases has.
    tokens: Vec<String>,
    none: Vec<Phrase>,
}

impl Conditions {
    pub(crate) fn new<'a>(
        phrases: impl Iterator<Item = &'a String>,
        none: impl Iterator<Item = &'a String>,
    ) -> Conditions {
        let phrases: Vec<&String> = phrases.collect();
        let mut tokens: Vec<String> = Vec::new();
        for token in phrases.iter().flat_map(|p| fold::phrase_tokens(p)) {
            if tokens.len() < TOKENS_MAX && !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        Conditions {
            phrases: phrases.iter().filter_map(|p| Phrase::new(p)).collect(),
            tokens,
            none: none.filter_map(|n| Phrase::new(n)).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.phrases.is_empty() && self.none.is_empty()
    }

    fn hold_for(&self, lead: &Lead) -> bool {
        let text = Prepared::new(&lead.text);
        // The title is indexed with the first segment, see the writer.
        let title = lead.title.as_deref().filter(|_| lead.ordinal == 0);
        let title = title.map(Prepared::new);
        let stands = |phrase: &Phrase| {
            phrase.stands_in(&text) || title.as_ref().is_some_and(|t| phrase.stands_in(t))
        };
        self.phrases.iter().all(stands) && !self.none.iter().any(stands)
    }
}

/// The first `limit` results of `fetch` for which the conditions hold, fetching more and more
/// until there are so many, or no more. (Boxed, for the compiler does not see yet that the
/// future of an async closure is `Send`.)
pub(crate) async fn verified<'a>(
    limit: usize,
    conditions: &Conditions,
    fetch: impl Fn(usize) -> BoxFuture<'a, Result<Vec<Scored>, IndexError>>,
) -> Result<Vec<Scored>, IndexError> {
    if conditions.is_empty() {
        return fetch(limit).await;
    }
    let mut wanted = limit.saturating_mul(FETCH_GROWTH).min(FETCH_MAX);
    loop {
        let found = fetch(wanted).await?;
        let exhausted = found.len() < wanted || wanted >= FETCH_MAX;
        let kept: Vec<Scored> = found
            .into_iter()
            .filter(|scored| conditions.hold_for(&scored.row))
            .take(limit)
            .collect();
        if kept.len() == limit || exhausted {
            return Ok(kept);
        }
        wanted = wanted.saturating_mul(FETCH_GROWTH).min(FETCH_MAX);
    }
}

/// Any of the question's words, all of the phrases'; none when there are no words at all.
fn fts_query(any: &str, conditions: &Conditions) -> Option<FtsQuery> {
    let mut tokens = fold::query_tokens(any);
    tokens.truncate(TOKENS_MAX);
    let matching = |tokens: &[String], operator| {
        let query = MatchQuery::new(tokens.join(" "))
            .with_column(Some(c::WORDS.to_owned()))
            .with_operator(operator);
        FtsQuery::Match(query)
    };
    match (tokens.is_empty(), conditions.tokens.is_empty()) {
        (true, true) => None,
        (false, true) => Some(matching(&tokens, Operator::Or)),
        (true, false) => Some(matching(&conditions.tokens, Operator::And)),
        (false, false) => Some(FtsQuery::Boolean(BooleanQuery::new([
            (Occur::Must, matching(&conditions.tokens, Operator::And)),
            (Occur::Should, matching(&tokens, Operator::Or)),
        ]))),
    }
}

async fn search(
    table: &Table,
    text: &FtsQuery,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Scored>, IndexError> {
    let mut wanted = c::LEAD.to_vec();
    wanted.push(SCORE);
    let mut query = table
        .query()
        .with_row_id()
        .full_text_search(FullTextSearchQuery::new_query(text.clone()))
        .select(Select::columns(&wanted))
        .limit(limit);
    if let Some(filter) = predicate::filter(filter) {
        query = query.only_if_expr(filter);
    }
    let mut found = Vec::new();
    for batch in batches(query, "be searched for words").await? {
        found.extend(Columns(&batch).scored(SCORE, |score| score)?);
    }
    best_first(&mut found);
    Ok(found)
}

/// Best first; equals in the order of the file, so that an answer does not dance.
pub(crate) fn best_first(found: &mut [Scored]) {
    found.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.row.file.cmp(&b.row.file))
            .then_with(|| a.row.ordinal.cmp(&b.row.ordinal))
    });
}

/// For phrases without a single word in them: all segments, until the page is full.
async fn scan(
    table: &Table,
    filter: &Filter,
    conditions: &Conditions,
    limit: usize,
) -> Result<Vec<Scored>, IndexError> {
    let mut query = table.query().with_row_id();
    query = query.select(Select::columns(&c::LEAD));
    if let Some(filter) = predicate::filter(filter) {
        query = query.only_if_expr(filter);
    }
    let batches = query.execute().await;
    let mut batches = batches.map_err(IndexError::table("be searched for a phrase"))?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(batch) = batches
            .try_next()
            .await
            .map_err(IndexError::table("be searched for a phrase"))?
    {
        let leads = Columns(&batch).leads()?.into_iter();
        let kept = leads.filter(|lead| conditions.hold_for(lead));
        // All alike: there is no word to weigh.
        found.extend(kept.map(|row| Scored { row, score: 1.0 }));
    }
    found.truncate(limit);
    Ok(found)
}
