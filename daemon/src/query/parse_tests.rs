//! What each form of a question means, and that no form can break the parser.

use super::super::names::one_slip;
use super::*;
use proptest::prelude::*;

fn now() -> Zoned {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    jiff::civil::date(2024, 3, 15)
        .at(10, 30, 0, 0)
        .to_zoned(zone)
        .unwrap()
}

fn parse(text: &str) -> Query {
    Query::parse(text, &now()).unwrap()
}

fn error(text: &str) -> String {
    Query::parse(text, &now()).unwrap_err().to_string()
}

#[test]
fn a_plain_question_is_only_words() {
    for text in [
        "训练成本每年下降多少",
        "https://example.org/a:b",
        "10:30",
        "std::fs::read",
        "C++",
        "don't",
        "re:invent",
        "mailto:me@example.org",
        "find:it",
        "king:arthur",
        "--verbose",
        "5\"",
        "a-b",
        "C:\\Users",
    ] {
        let query = parse(text);
        assert_eq!(query.words, [text], "{text}");
        assert_eq!(query.text(), text);
    }
    assert_eq!(
        parse("stable diffusion　插件").words,
        ["stable", "diffusion", "插件"]
    );
}

#[test]
fn quotes_of_all_sorts_are_phrases() {
    for text in [
        "\"deep  learning\"",
        "“deep learning”",
        "「deep learning」",
        "『deep learning』",
        "＂deep learning＂",
        "\"deep learning",
    ] {
        let query = parse(text);
        assert_eq!(query.phrases, ["deep learning"], "{text}");
        assert!(query.words.is_empty());
    }
    let query = parse("他说“人工智能”很好");
    assert_eq!(query.words, ["他说", "很好"]);
    assert_eq!(query.phrases, ["人工智能"]);
}

#[test]
fn a_minus_leaves_out() {
    let query = parse("apple -pie -\"apple juice\" －梨 - x");
    assert_eq!(query.words, ["apple", "x"]);
    assert_eq!(query.none, ["pie", "apple juice", "梨"]);
}

#[test]
fn filters_narrow() {
    let query = parse(
        "cost kind:pdf,Photos KIND：text in:\"~/My Papers\" in:notes lang:zh-CN after:2024-03 before:yesterday",
    );
    assert_eq!(query.words, ["cost"]);
    assert_eq!(query.kinds, ["pdf", "image", "text"]);
    assert_eq!(query.within, ["~/My Papers", "notes"]);
    assert_eq!(query.langs, ["zh"]);
    assert!(query.after.unwrap().epoch_ms < query.before.unwrap().epoch_ms);
}

#[test]
fn speakers_are_named_with_or_without_quotes() {
    let query = parse("tea speaker:厚明 speaker：\"Ada, Countess\" speaker:「林 雨」 speaker:厚明");
    assert_eq!(query.words, ["tea"]);
    assert_eq!(query.speakers, ["厚明", "Ada, Countess", "林 雨"]);
    assert_eq!(Query::parse(&query.to_string(), &now()), Ok(query));
}

#[test]
fn dates_are_written_in_words_too() {
    let query = parse("cost after:\"last month\" before:昨天 sort:time");
    assert_eq!(query.words, ["cost"]);
    assert_eq!(query.after.unwrap().spec, "last month");
    assert_eq!(query.before.unwrap().spec, "昨天");
    assert_eq!(query.sort, Some(Sort::Newest));
    assert_eq!(parse("x sort:newest sort:best").sort, Some(Sort::Best));
}

#[test]
fn the_narrower_date_wins() {
    let query = parse("x before:2024 before:2023 after:2020 after:2021");
    assert_eq!(query.before.unwrap().spec, "2023");
    assert_eq!(query.after.unwrap().spec, "2021");
    let far = parse("x before:2020 after:2021");
    assert!(matches!(
        far.check_range(),
        Err(QueryError::EmptyRange { .. })
    ));
}

#[test]
fn errors_say_what_to_write_instead() {
    for (text, says) in [
        ("", "empty"),
        ("  ?! ", "empty"),
        ("kind:pdf", "budget kind:pdf"),
        ("-x", "nothing to look for"),
        ("x kind:", "`kind:pdf`"),
        ("x kind: pdf", "no space after the colon"),
        ("x kind:doc", "text, pdf, image, audio and video"),
        ("x after:soon", "2024-03-01"),
        ("x lang:klingon", "lang:zh"),
        ("x after:last month", "\"last month\""),
        ("x sort:size", "best, newest"),
        ("x order:newest", "did you mean `sort:newest`"),
        ("x knid:pdf", "did you mean `kind:pdf`"),
        ("x type:pdf", "did you mean `kind:pdf`"),
        ("x since:7d", "did you mean `after:7d`"),
        ("x folder:~/a", "did you mean `in:~/a`"),
        ("x -kind:pdf", "name what is wanted"),
        ("x -speaker:ada", "`speaker:\"ada lovelace\"`"),
        ("x speakers:ada", "did you mean `speaker:ada`"),
        ("x speaker:", "has no value"),
    ] {
        let message = error(text);
        assert!(message.contains(says), "{text}: {message}");
    }
    assert!(matches!(
        Query::parse(&"x".repeat(MAX_QUERY_BYTES + 1), &now()),
        Err(QueryError::TooLong { .. })
    ));
    assert!(matches!(
        Query::parse(&"x ".repeat(MAX_TERMS + 1), &now()),
        Err(QueryError::TooManyTerms { .. })
    ));
}

#[test]
fn a_slip_is_one_letter() {
    for (typed, name, slip) in [
        ("knid", "kind", true),
        ("kin", "kind", true),
        ("kindd", "kind", true),
        ("kinf", "kind", true),
        ("kind", "kind", false),
        ("dnik", "kind", false),
        ("i", "in", false),
        ("befroe", "before", true),
        ("", "lang", false),
    ] {
        assert_eq!(one_slip(typed, name), slip, "{typed}");
    }
}

/// Pieces of questions, so that most inputs are close to the grammar.
fn piece() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "\"",
        "”",
        "“",
        "「",
        "」",
        "『",
        "』",
        "＂",
        "-",
        "－",
        "--",
        ":",
        "：",
        "kind:",
        "in:",
        "in：",
        "before:",
        "after:",
        "lang:",
        "speaker:",
        "sort:",
        "knid:",
        "pdf",
        "zh",
        "2024-03",
        "7d",
        "3 weeks ago",
        "上周",
        "天前",
        "last-",
        "newest",
        "～",
        "~/a b",
        " ",
        "　",
        "\u{0}",
        "，",
        ",",
        "::",
        "https://",
        "word",
        "人工智能",
        "5\"",
        "\t",
        "\u{301}",
        "🦛",
    ]);
    prop_oneof![special.prop_map(str::to_owned), any::<String>()]
}

#[test]
fn a_value_that_looks_like_code_is_shown_in_quotes() {
    let query = Query::parse("a in:\":x\"", &now()).unwrap();
    assert_eq!(query.within, [":x"]);
    assert_eq!(Query::parse(&query.to_string(), &now()), Ok(query));
}

proptest! {
    #[test]
    fn no_input_panics_and_what_is_shown_parses_back(pieces in prop::collection::vec(piece(), 0..12)) {
        let text = pieces.concat();
        if let Ok(query) = Query::parse(&text, &now()) {
            let shown = query.to_string();
            prop_assert_eq!(Query::parse(&shown, &now()), Ok(query), "{}", shown);
        }
    }
}
