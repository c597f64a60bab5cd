//! What is marked, where the window lies, and that no text can break either.

use super::*;
use proptest::prelude::*;

fn marked(text: &str, words: &str) -> String {
    snippet(text, &Wanted::new(&[words.to_owned()], &[])).marked
}

#[test]
fn matches_are_marked_through_folding() {
    for (text, words, expect) in [
        (
            "Training costs. The Cost falls",
            "cost",
            "Training costs. The <mark>Cost</mark> falls",
        ),
        (
            "每个人的个人知识库会有一个智能代理",
            "個人知識庫 智能代理",
            "每<mark>个人</mark>的<mark>个人知识库</mark>会有一个<mark>智能代理</mark>",
        ),
        (
            "用 Ｎｏｔｉｏｎ ＡＩ 续写",
            "notion ai 续写",
            "用 <mark>Ｎｏｔｉｏｎ</mark> <mark>ＡＩ</mark> <mark>续写</mark>",
        ),
        (
            "脑机\n接口很有意思",
            "脑机接口",
            "<mark>脑机 接口</mark>很有意思",
        ),
        ("concatenate cat", "cat", "concatenate <mark>cat</mark>"),
        ("nothing here", "what is the cost", "nothing here"),
        (
            "what is the cost",
            "what is the cost",
            "what is the <mark>cost</mark>",
        ),
        (
            "the   end\t\n of\u{0} it",
            "end",
            "the <mark>end</mark> of it",
        ),
        ("Straße", "STRASSE", "<mark>Straße</mark>"),
        ("a <mark>b</mark> c", "b", "a <mark>b</mark> c"),
        ("", "x", ""),
    ] {
        assert_eq!(marked(text, words), expect, "{text}");
    }
}

#[test]
fn phrases_are_marked_whole() {
    let wanted = Wanted::new(&[], &["deep  learning".to_owned()]);
    let cut = snippet("learning Deep\nLearning deep", &wanted);
    assert_eq!(cut.marked, "learning <mark>Deep Learning</mark> deep");
    assert_eq!(cut.marks, [[9, 22]]);
}

#[test]
fn marks_count_characters_without_markers() {
    let cut = snippet(
        "每年下降，成本下降",
        &Wanted::new(&["下降".to_owned()], &[]),
    );
    assert_eq!(cut.marks, [[2, 4], [7, 9]]);
}

#[test]
fn the_window_lies_where_most_different_words_stand() {
    let filler = "Lorem ipsum dolor sit amet consectetur. ".repeat(20);
    let text = format!("cost cost cost. {filler}The training cost falls by 70 % a year. {filler}");
    let cut = marked(&text, "training cost year");
    assert!(
        cut.contains("<mark>training</mark> <mark>cost</mark> falls by 70 % a <mark>year</mark>"),
        "{cut}"
    );
    assert!(cut.starts_with("…The ") && cut.ends_with('…'), "{cut}");
    let han = "我们今天来聊一下这个话题吧。".repeat(30);
    let cut = marked(&format!("{han}脑机接口是下一个机会。{han}"), "脑机接口");
    assert!(cut.starts_with("…<mark>脑机接口</mark>是下一个"), "{cut}");
}

#[test]
fn a_match_at_the_end_shows_what_stands_before_it() {
    let text = format!("{}finally", "word ".repeat(200));
    let cut = marked(&text, "finally");
    assert!(cut.ends_with("<mark>finally</mark>"), "{cut}");
    assert!(cut.len() > MAX_COLUMNS - 20, "{cut}");
}

/// What a program does that only wants the words.
fn plain(cut: &Snippet) -> String {
    cut.marked.replace(OPEN, "").replace(CLOSE, "")
}

proptest! {
    #[test]
    fn any_text_gives_a_snippet_that_agrees_with_its_marks(
        parts in prop::collection::vec(prop_oneof![
            any::<String>(),
            prop::sample::select(vec!["cost", "下降", "個人", "\n", " ", "<mark>", "</mark>", "Ａ", "<m<mark>ark>"]).prop_map(str::to_owned),
        ], 0..40),
        words in prop::sample::select(vec!["cost", "下降 个人", "a", "mark"]),
    ) {
        let text = parts.concat();
        let cut = snippet(&text, &Wanted::new(&[words.to_owned()], &["个人".to_owned()]));
        let chars: Vec<char> = plain(&cut).chars().collect();
        let opens = cut.marked.matches(OPEN).count();
        prop_assert_eq!(opens, cut.marks.len());
        prop_assert!(chars.iter().map(|c| columns(*c)).sum::<usize>() <= MAX_COLUMNS + 2);
        let mut last = 0;
        for [start, end] in &cut.marks {
            prop_assert!(last <= *start && start < end && *end <= chars.len());
            last = *end;
        }
        prop_assert!(!plain(&cut).contains('\n'));
    }
}
