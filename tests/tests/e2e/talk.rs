//! Questions about a real conversation of 80 minutes in Chinese.

use std::fs;

use hippo_tests::client::{hits, text};
use hippo_tests::{Daemon, Rng, TempHome, corpus};

const TALK: &str = "corpus/podcast/indigo-talk.zh.txt";

/// A question, and words of the passages that answer it: one of them must stand in one of the
/// first three hits. They were found by reading the text.
const QUESTIONS: [(&str, &[&str]); 7] = [
    (
        "训练成本每年下降多少",
        &["关于训练成本是每年 60% 的下降", "它是每年要降 75%"],
    ),
    ("脑机接口", &["以后装个什么脑机接口"]),
    ("谁被称为神经网络之父", &["就神经网络之父"]),
    ("stable diffusion 插件 野蛮生长", &["野蛮生长的方式"]),
    ("Notion AI 续写", &["它里面有个续写功能"]),
    // Traditional characters, for a Simplified text.
    ("個人知識庫 智能代理", &["knowledge base 的这样的一个代理"]),
    (
        "中英文语料的差异",
        &[
            "有一些人说英文的逻辑性更好，语料更多",
            "英文基本上高质量的作品",
            "它有很好的语料",
        ],
    ),
];

fn talk(test: &str) -> Option<(TempHome, Daemon, String)> {
    let source = corpus::shared(test, TALK)?;
    let content = fs::read_to_string(source).unwrap();
    let home = TempHome::new();
    home.write("indigo-talk.zh.txt", &content);
    let daemon = Daemon::start(&home);
    daemon.wait();
    Some((home, daemon, content))
}

#[test]
fn the_talk_answers_seven_questions_among_the_first_three_hits() {
    let Some((_home, daemon, content)) = talk("the seven questions") else {
        return;
    };
    let mut unanswered = Vec::new();
    for (question, passages) in QUESTIONS {
        for passage in passages {
            assert!(content.contains(passage), "not in the text: {passage}");
        }
        let answer = daemon.client().search(question, 3);
        let found: Vec<String> = hits(&answer).iter().map(|hit| text(&hit["text"])).collect();
        assert!(found.len() <= 3);
        let answered = passages
            .iter()
            .any(|passage| found.iter().any(|text| text.contains(passage)));
        if !answered {
            unanswered.push(format!("{question}\n    -> {}", found.join("\n    -> ")));
        }
    }
    assert!(unanswered.is_empty(), "{}", unanswered.join("\n"));
}

#[test]
fn no_chinese_words_that_stand_in_the_talk_come_back_empty() {
    const QUERIES: usize = 200;
    let test = "words that stand in the text";
    let Some((_home, daemon, content)) = talk(test) else {
        return;
    };
    let mut rng = Rng::from_env(test);
    // Runs of Han characters as they stand, of two or more.
    let runs: Vec<Vec<char>> = content
        .split(|c: char| !corpus::is_han(c))
        .map(|run| run.chars().collect::<Vec<char>>())
        .filter(|run| run.len() >= 2)
        .collect();
    let mut empty = Vec::new();
    for _ in 0..QUERIES {
        let run = rng.pick(&runs);
        let length = 2 + rng.below(run.len().min(8) - 1);
        let start = rng.below(run.len() - length + 1);
        let query: String = run[start..start + length].iter().collect();
        let found = hits(&daemon.client().search(&query, 200));
        if found.is_empty() {
            empty.push(query);
        } else {
            // And not just anything: a segment with these very words is among them.
            let stands = found.iter().any(|hit| text(&hit["text"]).contains(&query));
            assert!(stands, "no hit holds {query}");
        }
    }
    assert!(empty.is_empty(), "came back empty: {empty:?}");
}

#[test]
fn a_single_character_and_a_traditional_one_find_the_talk() {
    let Some((_home, daemon, _)) = talk("single characters") else {
        return;
    };
    for query in ["脑", "腦", "药"] {
        assert!(
            !hits(&daemon.client().search(query, 3)).is_empty(),
            "{query} found nothing"
        );
    }
}
