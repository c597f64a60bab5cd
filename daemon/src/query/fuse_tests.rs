//! The promises of fusion, each by name.

use super::tests_support::segment;
use super::*;
use proptest::prelude::*;

fn leg(results: &[(usize, &str, f32)]) -> Vec<Ranked> {
    let ranked = results.iter().enumerate();
    let ranked = ranked.map(|(rank, (id, text, score))| Ranked {
        rank,
        row: segment(*id, text),
        score: *score,
    });
    ranked.collect()
}

fn question(text: &str, dense_weight: f64) -> Question {
    Question {
        tokens: crate::query::route::content_tokens(text)
            .into_iter()
            .map(|token| Term(vec![token]))
            .collect(),
        one_word: hippo_index::fold::query_tokens(text).len() == 1,
        dense_weight,
        for_pictures: false,
        picture_scale: [0.2, 0.3],
    }
}

/// Fuses words and passages, as most questions are.
fn fuse(question: &Question, words: &[Ranked], passage: &[Ranked], tier: usize) -> Vec<Fused> {
    let found = Found {
        words,
        passage,
        joint: &[],
        names: &[],
    };
    super::fuse(question, found, tier)
}

fn ids(order: &[Fused]) -> Vec<usize> {
    order.iter().map(|f| f.row.lead.file as usize).collect()
}

/// A passage leg of `n` unrelated results, best first, from `best` down.
fn noise(n: usize, best: f32, step: f32) -> Vec<Ranked> {
    let results: Vec<(usize, &str, f32)> = (0..n)
        .map(|i| (1000 + i, "something else entirely", best - step * i as f32))
        .collect();
    leg(&results)
}

const TIER: usize = 200;

#[test]
fn an_absent_leg_lowers_nothing() {
    let words = leg(&[(1, "training cost", 9.0), (2, "cost", 4.5)]);
    let alone = fuse(&question("training cost", 0.5), &words, &[], TIER);
    assert_eq!(ids(&alone), [1, 2]);
    assert!((alone[0].score - 1.0).abs() < 1e-9 && (alone[1].score - 0.5).abs() < 1e-9);
    let passage = leg(&[(3, "what it takes to teach a model", 0.7), (4, "x", 0.3)]);
    let alone = fuse(&question("training cost", 0.2), &[], &passage, TIER);
    assert_eq!(ids(&alone), [3, 4]);
    assert!((alone[0].score - 1.0).abs() < 1e-9);
    assert!(fuse(&question("x", 0.5), &[], &[], TIER).is_empty());
}

#[test]
fn a_weak_resemblance_never_outranks_exact_words() {
    for weight in [0.2, 0.5, 0.65, 0.75, 1.0] {
        // The exact hit is not even in the passage leg, whose best stands out a little.
        let words = leg(&[(1, "关于脑机接口的讨论", 19.0)]);
        let order = fuse(
            &question("脑机接口", weight),
            &words,
            &noise(200, 0.36, 0.0017),
            TIER,
        );
        assert_eq!(ids(&order)[0], 1, "weight {weight}");
    }
}

#[test]
fn a_flat_passage_leg_does_not_decide() {
    let words = leg(&[
        (1, "大家的个人知识库将来由代理管理", 14.0),
        (2, "知识", 3.0),
    ]);
    // A model that does not know the language: everything is equally near.
    let order = fuse(
        &question("個人知識庫 智能代理", 0.75),
        &words,
        &noise(200, 0.84, 0.0004),
        TIER,
    );
    assert_eq!(ids(&order)[0], 1);
}

#[test]
fn a_leg_that_matched_common_words_alone_does_not_decide() {
    let words = leg(&[(1, "the end of it all", 2.0), (2, "what is the", 1.5)]);
    let passage = leg(&[
        (3, "training got cheaper", 0.62),
        (4, "a", 0.2),
        (5, "b", 0.1),
        (6, "c", 0.05),
    ]);
    let order = fuse(
        &question("what is the price of teaching", 0.5),
        &words,
        &passage,
        TIER,
    );
    assert_eq!(ids(&order)[0], 3);
}

#[test]
fn a_strong_resemblance_beats_a_partial_match() {
    let words = leg(&[
        (1, "the plugin broke", 4.0),
        (7, "training got cheaper each year", 3.0),
    ]);
    let mut results = vec![
        (7, "training got cheaper each year", 0.70),
        (3, "cost of learning", 0.65),
    ];
    results.extend((0..50).map(|i| (100 + i, "else", 0.20 - 0.001 * i as f32)));
    let order = fuse(
        &question("plugin training price decline", 0.5),
        &words,
        &leg(&results),
        TIER,
    );
    assert_eq!(ids(&order)[0], 7);
}

#[test]
fn models_whose_similarities_lie_close_together_are_heard_too() {
    // As E5 gives them: unrelated texts at 0.75, a good answer at 0.88.
    let words = leg(&[(1, "the plugin broke", 4.0)]);
    let mut results = vec![(3, "learning gets cheaper", 0.88)];
    results.extend((0..50).map(|i| (100 + i, "else", 0.77 - 0.001 * i as f32)));
    let order = fuse(
        &question("plugin training price decline", 0.5),
        &words,
        &leg(&results),
        TIER,
    );
    assert_eq!(ids(&order)[0], 3);
    assert_eq!(ids(&order)[1], 1);
    assert!(order[2].score < order[0].score / 2.0);
}

#[test]
fn the_same_content_at_two_paths_is_one_hit() {
    let mut words = leg(&[(2, "cost", 4.0), (1, "cost", 4.0), (3, "cost", 2.0)]);
    for result in &mut words[..2] {
        result.row.content = Content::Hash([1; 32]);
    }
    let order = fuse(&question("cost", 0.5), &words, &[], TIER);
    assert_eq!(ids(&order), [1, 3]);
    assert_eq!(order[0].also_at, ["/d/0002.txt"]);
}

#[test]
fn equal_scores_go_by_path_whatever_came_first() {
    let forth = leg(&[(1, "cost", 4.0), (2, "cost", 4.0), (3, "cost", 4.0)]);
    let back = leg(&[(3, "cost", 4.0), (2, "cost", 4.0), (1, "cost", 4.0)]);
    for words in [forth, back] {
        assert_eq!(
            ids(&fuse(&question("cost", 0.5), &words, &[], TIER)),
            [1, 2, 3]
        );
    }
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    let words = leg(&[(1, "a b", f32::NAN), (2, "a b", 3.0)]);
    let passage = leg(&[(3, "x", f32::INFINITY), (4, "y", f32::NAN)]);
    let order = fuse(&question("a1 b1", 0.5), &words, &passage, TIER);
    assert_eq!(order.len(), 4);
    assert!(order.iter().all(|f| (0.0..=1.0).contains(&f.score)));
}

proptest! {
    #[test]
    fn what_is_deeper_never_moves_what_is_above(
        words in prop::collection::vec((0usize..40, 0.0f32..20.0), 0..40),
        passage in prop::collection::vec((0usize..40, -1.0f32..1.0), 0..40),
        weight in 0.0f64..1.0,
    ) {
        let ranked = |mut results: Vec<(usize, f32)>| {
            let mut seen = HashSet::new();
            results.retain(|(id, _)| seen.insert(*id));
            results.sort_by(|a, b| b.1.total_cmp(&a.1));
            let results: Vec<_> = results.iter().map(|(id, s)| (*id, "alpha beta", *s)).collect();
            leg(&results)
        };
        let (words, passage) = (ranked(words), ranked(passage));
        let asked = question("alpha gamma", weight);
        let shallow = |leg: &[Ranked]| leg.iter().take(10).cloned().collect::<Vec<_>>();
        let first = fuse(&asked, &shallow(&words), &shallow(&passage), 10);
        let all = fuse(&asked, &words, &passage, 10);
        prop_assert_eq!(ids(&first), ids(&all)[..first.len()].to_vec());
        prop_assert!(all.windows(2).all(|w| w[0].score >= w[1].score));
        prop_assert!(all.iter().all(|f| (0.0..=1.0).contains(&f.score)));
        let unique: HashSet<usize> = ids(&all).into_iter().collect();
        prop_assert_eq!(unique.len(), all.len());
    }
}

#[test]
fn a_picture_is_found_by_its_looks_below_exact_words() {
    let words = leg(&[
        (1, "the whiteboard of the kitchen", 9.0),
        (2, "a board", 2.0),
    ]);
    let joint = leg(&[(3, "", 0.31), (4, "", 0.26), (5, "", 0.19)]);
    let found = Found {
        words: &words,
        passage: &[],
        joint: &joint,
        names: &[],
    };
    let mut asked = question("whiteboard kitchen", 0.5);
    let order = super::fuse(&asked, found, TIER);
    assert_eq!(
        ids(&order),
        [1, 3, 4, 2],
        "0.19 is below where pictures answer"
    );
    assert_eq!((order[1].words, order[1].joint), (None, Some(0.31)));
    asked.for_pictures = true;
    let order = super::fuse(&asked, found, TIER);
    assert_eq!(ids(&order)[..2], [1, 3]);
    assert!((order[1].score - 1.0).abs() < 1e-6);
}

#[test]
fn where_a_picture_is_asked_for_by_name_texts_count_by_their_share_of_the_question() {
    let words = leg(&[(1, "a kitchen", 9.0), (2, "a board", 2.0)]);
    let mut joint = leg(&[(3, "", 0.27)]);
    let mut asked = question("whiteboard kitchen", 0.5);
    let order = |asked: &Question, joint: &[Ranked]| {
        let found = Found {
            words: &words,
            passage: &[],
            joint,
            names: &[],
        };
        ids(&super::fuse(asked, found, TIER))
    };
    assert_eq!(order(&asked, &joint), [1, 3, 2]);
    asked.for_pictures = true;
    assert_eq!(order(&asked, &joint), [3, 1, 2]);
    joint[0].score = 0.19;
    assert_eq!(order(&asked, &joint), [1, 2], "no picture answers");
}

#[test]
fn looks_and_words_of_one_picture_add_up() {
    let words = leg(&[
        (1, "birthday cake", 9.0),
        (2, "cake", 3.0),
        (3, "cake", 2.9),
    ]);
    let joint = leg(&[(3, "cake", 0.27)]);
    let found = Found {
        words: &words,
        passage: &[],
        joint: &joint,
        names: &[],
    };
    let order = super::fuse(&question("birthday cake", 0.5), found, TIER);
    assert_eq!(ids(&order), [1, 3, 2]);
}

#[test]
fn a_name_finds_its_file_and_lifts_what_is_in_it() {
    let words = leg(&[(1, "the budget of 2025", 4.0), (2, "budget", 3.0)]);
    let names = leg(&[(2, "budget", 1.0), (3, "nothing about it", 1.0)]);
    let found = Found {
        words: &words,
        names: &names,
        ..Found::default()
    };
    let order = super::fuse(&question("budget 2026", 0.5), found, TIER);
    let two = order.iter().find(|f| f.row.lead.file == 2).unwrap();
    assert_eq!((order[0].row.lead.file, two.names), (2, Some(1.0)));
    assert_eq!(ids(&order), [2, 3, 1], "a file that only its name finds");
    assert!(order.iter().all(|f| f.score <= 1.0));
    // A file in which other legs found something is not shown by its head as well.
    assert_eq!(order.len(), 3);
    // A text that has every word gives way to no name.
    let exact = leg(&[(1, "the budget of 2026", 4.0), (2, "budget", 3.0)]);
    let found = Found {
        words: &exact,
        names: &names[1..],
        ..Found::default()
    };
    let order = super::fuse(&question("budget 2026", 0.5), found, TIER);
    assert_eq!(order[0].row.lead.file, 1);
}

#[test]
fn the_same_passage_in_two_files_is_shown_once_and_where_it_can_be_played() {
    let said = "The otter crosses the river at night, and nobody has seen it do so.";
    let mut words = leg(&[
        (1, said, 4.0),
        (2, said, 3.9),
        (3, "an otter", 2.0),
        (4, "an otter", 2.0),
    ]);
    words[1].row.lead.kind = "audio".to_owned();
    let order = fuse(&question("otter river", 0.5), &words, &[], TIER);
    assert_eq!(ids(&order), [2, 3, 4], "short texts are nobody's copy");
    assert_eq!(order[0].also_at, [words[0].row.path.clone()]);
    assert_eq!(order[0].words, Some(4.0));

    // What one file says twice are two places; a copy of the file has them at the same places.
    let mut twice = leg(&[
        (1, said, 4.0),
        (2, said, 3.0),
        (3, said, 4.0),
        (4, said, 3.0),
    ]);
    for (at, file) in [(1, 1), (3, 3)] {
        twice[at].row.lead.file = file;
        twice[at].row.content = Content::Of(file);
        twice[at].row.lead.ordinal = 1;
    }
    let order = fuse(&question("otter river", 0.5), &twice, &[], TIER);
    assert_eq!(order.len(), 2);
    assert!(order.iter().all(|fused| fused.also_at.len() == 1));
}

#[test]
fn a_picture_is_one_hit_whatever_finds_it() {
    let mut words = leg(&[
        (1, "sale ends on sunday", 4.0),
        (1, "the sale of the year", 3.0),
        (2, "sale", 2.0),
    ]);
    words[1].row.lead.ordinal = 2;
    let mut joint = leg(&[(1, "", 0.25)]);
    joint[0].row.lead.ordinal = 1;
    for ranked in words.iter_mut().chain(&mut joint) {
        if ranked.row.lead.file == 1 {
            ranked.row.lead.kind = "image".to_owned();
        }
    }
    let found = Found {
        words: &words,
        joint: &joint,
        ..Found::default()
    };
    let order = super::fuse(&question("sale sunday", 0.5), found, TIER);
    assert_eq!(ids(&order), [1, 2]);
    assert_eq!((order[0].words, order[0].joint), (Some(4.0), Some(0.25)));
    assert_eq!(order[0].row.lead.text, "sale ends on sunday");
}

#[test]
fn a_models_words_for_a_picture_weigh_as_much_as_its_looks() {
    let mut words = leg(&[(1, "dog 狗, beach 海滩", 9.0), (2, "the dog is old", 4.0)]);
    words[0].row.lead.kind = "image".to_owned();
    words[0].row.lead.source = "tags".to_owned();
    let order = fuse(&question("dog", 0.5), &words, &[], TIER);
    let by_tags = order.iter().find(|f| f.row.lead.file == 1).unwrap();
    assert!((by_tags.score - PICTURE_CEILING).abs() < 1e-9);
    let mut asked = question("dog", 0.5);
    asked.for_pictures = true;
    assert_eq!(ids(&fuse(&asked, &words, &[], TIER))[0], 1);
    // What is written in it is a text like any other.
    let mut read = words[0].clone();
    read.rank = 2;
    read.row.lead.ordinal = 1;
    read.row.lead.source = "ocr".to_owned();
    read.row.lead.text = "beware of the dog".to_owned();
    words.push(read);
    let order = fuse(&question("dog", 0.5), &words, &[], TIER);
    let by_writing = order.iter().find(|f| f.row.lead.file == 1).unwrap();
    assert_eq!(by_writing.row.lead.text, "beware of the dog");
    assert!(by_writing.score > PICTURE_CEILING);
}
