use super::*;
use proptest::prelude::*;

fn has(text: &str, token: &str) -> bool {
    words(text).split(' ').any(|t| t == token)
}

#[test]
fn traditional_finds_simplified() {
    assert_eq!(fold("個人知識庫"), "个人知识库");
    assert_eq!(query_tokens("個人知識庫"), query_tokens("个人知识库"));
    assert_eq!(fold("乾隆的乾淨"), "干隆的干净");
    assert_eq!(fold("看著著名"), "看着着名");
}

#[test]
fn width_case_and_composition_are_one() {
    assert_eq!(fold("ＡＢＣ　１２"), "abc 12");
    assert_eq!(
        fold("Straße ΟΔΥΣΣΕΥΣ İstanbul"),
        "strasse οδυσσευσ istanbul"
    );
    assert_eq!(fold("e\u{301}"), fold("É"));
    assert_eq!(fold("ｶﾞ"), "ガ");
    assert_eq!(fold("co\u{AD}operate"), "cooperate");
    assert_eq!(fold("\u{FB01}ne"), "fine");
}

#[test]
fn han_is_cut_into_grams() {
    assert_eq!(words("脑机接口"), "脑 机 接 口 脑机 机接 接口");
    assert_eq!(query_tokens("脑机接口"), ["脑机", "机接", "接口"]);
    assert_eq!(query_tokens("脑"), ["脑"]);
    assert_eq!(
        query_tokens("用Notion AI续写"),
        ["用", "notion", "ai", "续写"]
    );
    assert!(has("脑机\n接口", "机接"), "a wrapped line is one run");
    assert!(!has("脑机\n\n接口", "机接"), "paragraphs are not");
    assert!(has("カタカナとひらがな", "カタ") && has("한국어", "국어"));
}

#[test]
fn identifiers_are_found_whole_and_in_parts() {
    let text = "call getUserName or parse_http_HTTPServer in lib.rs, don't";
    for token in [
        "getusername",
        "get",
        "user",
        "name",
        "parse_http_httpserver",
        "parse",
        "http",
        "server",
        "lib.rs",
        "lib",
        "rs",
        "don't",
    ] {
        assert!(has(text, token), "{token} in {}", words(text));
    }
    assert_eq!(words("plain Words"), "plain words", "no form twice");
    assert_eq!(phrase_tokens("getUser lib.rs"), ["getuser", "lib", "rs"]);
}

#[test]
fn a_blob_is_no_token_of_a_megabyte() {
    let token = words(&"a".repeat(1_000_000));
    assert_eq!(token.len(), 128);
    assert_eq!(query_tokens(&"a".repeat(500)), [token]);
}

#[test]
fn phrases_stand_exactly_but_for_folding() {
    let stands =
        |phrase: &str, text: &str| Phrase::new(phrase).unwrap().stands_in(&Prepared::new(text));
    assert!(stands("Quick  brown", "the QUICK\n  Brown fox"));
    assert!(!stands("cat", "concatenate") && stands("cat", "a concatenated cat."));
    assert!(!stands("quick fox", "quick brown fox"));
    assert!(stands("腦機接口", "关于脑机\n接口的书"));
    assert!(stands("C++", "in c++ and rust") && !stands("C++", "in c and rust"));
    assert!(stands("机接", "脑机接口"), "no word boundaries in Han");
    assert!(Phrase::new(" \n").is_none());
}

#[test]
fn the_map_leads_back() {
    let original = "Ａé﷽ ﬁx e\u{301}\u{AD}個人";
    let folded = Folded::new(original);
    let at = folded.text.find("个人").unwrap();
    assert_eq!(&original[folded.original_range(at..at + 6)], "個人");
    let at = folded.text.find("fi").unwrap();
    assert_eq!(
        &original[folded.original_range(at..at + 1)],
        "ﬁ",
        "whole pieces"
    );
    assert_eq!(
        folded.original_range(0..folded.text.len()),
        0..original.len()
    );
}

/// Text such as people keep: mixed scripts, compositions, line breaks, oddities.
fn mixed() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::collection::vec(
            prop_oneof![
                "[a-zA-Z_.']{1,8}",
                "[脑机接口個人知識庫智能著乾隆計畫]{1,6}",
                "[가각나ひらガｶﾞกข้]{1,4}",
                "[ \n\t,。，!]{1,3}",
                "[éÉßςΣİǅﬁ①\u{301}\u{AD}\u{200b}]{1,3}",
            ],
            0..20
        ).prop_map(|parts| parts.concat()),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever part of a run of Han is copied out of a text, all its tokens are the text's.
    #[test]
    fn a_part_of_a_run_is_found(before in mixed(), run in "[脑机接口個人知識庫智能著乾隆計畫]{1,12}", after in mixed(), from in 0usize..12, len in 1usize..12) {
        let part: String = run.chars().skip(from).take(len).collect();
        let text = format!("{before}{run}{after}");
        for token in query_tokens(&part) {
            prop_assert!(has(&text, &token), "{token} of {part} in {text:?}");
        }
        if let Some(phrase) = Phrase::new(&part) {
            prop_assert!(phrase.stands_in(&Prepared::new(&text)));
        }
    }

    /// The same for whole words between spaces.
    #[test]
    fn a_word_is_found(before in mixed(), word in "[a-zA-Z][a-zA-Z0-9_.é]{0,12}", after in mixed()) {
        let text = format!("{before} {word} {after}");
        for token in query_tokens(&word).into_iter().chain(phrase_tokens(&word)) {
            prop_assert!(has(&text, &token), "{token} of {word} in {text:?}");
        }
    }

    /// A text's own tokens are all in its index entry: nothing can be asked for in its own
    /// words and not be found.
    #[test]
    fn a_text_finds_itself(text in mixed()) {
        for token in query_tokens(&text).into_iter().chain(phrase_tokens(&text)) {
            prop_assert!(has(&text, &token), "{token} of {text:?} in {:?}", words(&text));
        }
    }

    #[test]
    fn the_map_is_in_bounds(text in mixed(), a in 0usize..200, b in 0usize..200) {
        let folded = Folded::new(&text);
        prop_assert_eq!(&folded.text, &fold(&text));
        let range = folded.original_range(a..b);
        prop_assert!(range.start <= range.end && range.end <= text.len());
        prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
    }

    /// What the map gives for a part folds to something that contains the part.
    #[test]
    fn the_map_is_faithful(text in mixed(), a in 0usize..200, b in 0usize..200) {
        let folded = Folded::new(&text);
        let boundary = |at: usize| {
            let at = at.min(folded.text.len());
            (0..=at).rev().find(|i| folded.text.is_char_boundary(*i)).unwrap()
        };
        let (a, b) = (boundary(a.min(b)), boundary(a.max(b)));
        let part = &folded.text[a..b];
        let original = &text[folded.original_range(a..b)];
        prop_assert!(fold(original).contains(part), "{part:?} from {original:?} of {text:?}");
    }

    /// The index splits at spaces: a token must hold none.
    #[test]
    fn tokens_hold_no_space(text in mixed()) {
        for token in query_tokens(&text) {
            prop_assert!(!token.is_empty() && !token.chars().any(char::is_whitespace));
        }
    }
}
