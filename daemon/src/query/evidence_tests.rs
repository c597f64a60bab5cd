//! Spans are put together, cited, and kept within their budget.

use proptest::prelude::*;

use super::*;
use crate::query::fuse::tests_support::row;

fn segment(file: u64, ordinal: u32, text: &str) -> Hit {
    Hit {
        file,
        ordinal,
        path: format!("/d/{file}.txt"),
        id: format!("{file}-{ordinal}"),
        ..row(0, text)
    }
}

fn hit(row: Hit, score: f64) -> Candidate {
    Candidate {
        row,
        score,
        beside: None,
    }
}

fn texts(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.text.as_str()).collect()
}

#[test]
fn neighbours_become_one_span_and_what_they_share_stands_once() {
    let cut = "the sentence that was cut in two goes on";
    let spans = pack(
        vec![
            hit(segment(1, 3, &format!("{cut} to its end.")), 0.4),
            hit(segment(2, 0, "Something else."), 0.6),
            hit(segment(1, 2, &format!("Here {cut}")), 0.9),
            hit(segment(1, 4, "A new line."), 0.2),
            hit(segment(1, 6, "Far away."), 0.3),
        ],
        1_000,
    );
    assert_eq!(
        texts(&spans),
        [
            format!("Here {cut} to its end.\n\nA new line.").as_str(),
            "Something else.",
            "Far away."
        ]
    );
    let numbers: Vec<(usize, f64)> = spans.iter().map(|s| (s.n, s.score)).collect();
    assert_eq!(numbers, [(1, 0.9), (2, 0.6), (3, 0.3)]);
}

#[test]
fn pages_stay_apart_and_moments_grow_together() {
    let page = |ordinal, page| Hit {
        page: Some(page),
        kind: "pdf".to_owned(),
        title: Some("A guide\nto the town".to_owned()),
        ..segment(1, ordinal, &format!("page {page}"))
    };
    let moment = |ordinal, t0: u64| Hit {
        t0_ms: Some(t0),
        t1_ms: Some(t0 + 900),
        ..segment(2, ordinal, "said")
    };
    let spans = pack(
        vec![
            hit(page(0, 1), 0.9),
            hit(page(1, 2), 0.8),
            hit(moment(8, 61_000), 0.7),
            hit(moment(9, 62_000), 0.7),
        ],
        1_000,
    );
    assert_eq!(texts(&spans), ["page 1", "page 2", "said\nsaid"]);
    assert_eq!(
        markdown(&spans[1]),
        "[2] /d/1.txt#page=2 (A guide to the town)\n\npage 2\n\n"
    );
    assert_eq!(spans[1].link, "file:///d/1.txt#page=2");
    assert_eq!(
        (spans[2].t0_ms, spans[2].t1_ms),
        (Some(61_000), Some(62_900))
    );
    assert!(markdown(&spans[2]).starts_with("[3] /d/2.txt#t=61\n"));
}

#[test]
fn the_same_passage_of_two_files_stands_once() {
    let passage = "The last boat leaves at twenty to nine in the evening.";
    let spans = pack(
        vec![
            hit(segment(1, 0, passage), 0.9),
            hit(segment(2, 0, &passage.replace("boat", "**boat**")), 0.8),
            hit(segment(3, 0, &format!("{passage} So says the guide.")), 0.7),
            hit(segment(4, 0, "boat"), 0.6),
            hit(segment(5, 0, ""), 0.5),
            hit(segment(6, 0, ""), 0.4),
            hit(segment(7, 0, "Boat!"), 0.3),
        ],
        1_000,
    );
    let files: Vec<&str> = spans.iter().map(|span| span.path.as_str()).collect();
    assert_eq!(files, ["/d/1.txt", "/d/4.txt", "/d/5.txt", "/d/6.txt"]);
}

#[test]
fn what_stands_beside_a_hit_comes_only_with_it() {
    let beside = |ordinal, text: &str, of| Candidate {
        beside: Some(of),
        ..hit(segment(1, ordinal, text), 0.4)
    };
    let long = "word ".repeat(200);
    let spans = pack(
        vec![
            hit(segment(1, 5, &long), 0.8),
            beside(4, "before what is too long", 5),
            hit(segment(1, 1, "short"), 0.8),
            beside(2, "after what is short", 1),
        ],
        60,
    );
    assert_eq!(texts(&spans), ["short\n\nafter what is short"]);
}

#[test]
fn what_fits_no_budget_is_cut() {
    let long = "训练成本每年下降多少，".repeat(40);
    let spans = pack(vec![hit(segment(1, 0, &long), 0.9)], 100);
    let text = spans[0].text.strip_suffix('…').unwrap();
    assert!(
        long.starts_with(text) && text.chars().count() > 40,
        "{text}"
    );
    assert!((95..=100).contains(&spans[0].tokens));
    assert!(pack(vec![hit(segment(1, 0, &long), 0.9)], 10).is_empty());
    assert!(pack(Vec::new(), 100).is_empty());
}

proptest! {
    #[test]
    fn no_budget_is_exceeded(
        rows in prop::collection::vec(
            (0_u64..4, 0_u32..12, "[a-z 训练成本0-9\n]{0,80}", 0.0_f64..1.0), 0..40),
        budget in 20_usize..400,
    ) {
        let candidates: Vec<Candidate> = rows
            .into_iter()
            .map(|(file, ordinal, text, score)| hit(segment(file, ordinal, &text), score))
            .collect();
        let spans = pack(candidates, budget);
        let whole: String = spans.iter().map(markdown).collect();
        let sum: usize = spans.iter().map(|span| span.tokens).sum();
        prop_assert!(sum <= budget, "{sum} of {budget}");
        prop_assert!(tokens(&whole) <= sum);
    }
}
