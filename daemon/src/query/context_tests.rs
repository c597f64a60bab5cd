//! Evidence from the small memory that answers are tested with.

use std::sync::Arc;

use super::*;
use crate::query::double::Double;

fn ask(q: &str, tokens: usize) -> ContextRequest {
    ContextRequest {
        q: q.to_owned(),
        tokens: Some(tokens),
        ..ContextRequest::default()
    }
}

/// One file of these segments.
fn talk(texts: &[&str]) -> Double {
    let mut memory = Double::of(texts);
    let mut rows: Vec<Hit> = memory.rows.iter().cloned().collect();
    for (at, row) in rows.iter_mut().enumerate() {
        row.file = 1;
        row.path = "/d/0001.txt".to_owned();
        row.ordinal = at as u32;
    }
    memory.rows = Arc::new(rows);
    memory
}

#[tokio::test]
async fn a_hit_comes_with_what_stands_beside_it() {
    let memory = talk(&["far", "before", "the training cost", "after", "far"]);
    let found = context(&memory, &ask("training cost", 200)).await.unwrap();
    let texts: Vec<&str> = found.spans.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts, ["before\n\nthe training cost\n\nafter"]);
    assert_eq!(found.question, "training cost");
    assert_eq!((found.budget, found.tokens), (200, found.spans[0].tokens));
    assert_eq!(found.fresh.pending, 3);
}

#[tokio::test]
async fn filters_hold_for_what_stands_beside_a_hit() {
    let memory = talk(&["a pie", "the cost", "after"]);
    let found = context(&memory, &ask("cost -pie", 200)).await.unwrap();
    assert_eq!(found.spans[0].text, "the cost\n\nafter");
}

#[tokio::test]
async fn what_another_says_beside_a_hit_is_left_out_where_a_speaker_is_asked_for() {
    let mut memory = talk(&[
        "Ada Lovelace: the cost",
        "厚明: 成本",
        "Ada Lovelace: after",
    ]);
    let rows = Arc::make_mut(&mut memory.rows);
    for row in rows.iter_mut() {
        row.speaker = row.text.split(": ").next().map(str::to_owned);
    }
    let found = context(&memory, &ask("cost", 200)).await.unwrap();
    assert_eq!(found.spans[0].text, "Ada Lovelace: the cost\n\n厚明: 成本");
    let by_ada = ask("cost speaker:ada", 200);
    let found = context(&memory, &by_ada).await.unwrap();
    assert_eq!(found.spans[0].text, "Ada Lovelace: the cost");
}

#[tokio::test]
async fn budgets_out_of_bounds_are_refused() {
    let memory = Double::of(&["cost"]);
    for tokens in [0, MIN_TOKENS - 1, MAX_TOKENS + 1] {
        let refused = context(&memory, &ask("cost", tokens)).await.unwrap_err();
        assert!(refused.to_string().contains("100 to 32000"), "{refused}");
    }
    let default = ContextRequest {
        tokens: None,
        ..ask("cost", 0)
    };
    let found = context(&memory, &default).await.unwrap();
    assert_eq!(found.budget, DEFAULT_TOKENS);
}
