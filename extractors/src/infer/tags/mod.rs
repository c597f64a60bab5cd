//! Words for what a picture shows: each of a vocabulary that lies near it in the joint space.
//!
//! Zero-shot recognition as CLIP does it (Radford et al. 2021): the names of things become
//! vectors once, a picture is compared with all of them, and what is as near as the model's
//! manifest says that a right answer is (`picture.answers`) is one of its tags. So the threshold is
//! each model's own. The vocabulary is bilingual: names in English and Chinese of what emoji show
//! (Unicode CLDR) and of what else photographs and screenshots show, some 3,200 in all.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Tags of one picture at most.
pub const TAGS_MAX: usize = 8;

/// A thing that pictures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Its name in English.
    pub english: &'static str,
    /// Its name in Chinese.
    pub chinese: &'static str,
}

/// All that can be told, each thing once.
pub fn vocabulary() -> &'static [Tag] {
    static VOCABULARY: LazyLock<Vec<Tag>> = LazyLock::new(|| {
        let lists = [include_str!("everyday.tsv"), include_str!("cldr.tsv")];
        let mut known = HashSet::new();
        let lines = lists.iter().flat_map(|list| list.lines());
        lines
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('\t'))
            .filter(|(english, _)| known.insert(*english))
            .map(|(english, chinese)| Tag { english, chinese })
            .collect()
    });
    &VOCABULARY
}

/// What a model is given for each of the vocabulary: English where it knows that (`languages` is
/// empty for a model that knows many).
pub fn names(languages: &[String]) -> Vec<String> {
    let english = languages.is_empty() || languages.iter().any(|language| language == "en");
    let name = |tag: &Tag| if english { tag.english } else { tag.chinese };
    vocabulary()
        .iter()
        .map(|tag| name(tag).to_owned())
        .collect()
}

/// Which of the vocabulary a picture shows, surest first: those whose vector is at least
/// `surely` near its own. All vectors have length 1.
pub fn choose(picture: &[f32], names: &[Vec<f32>], surely: f32) -> Vec<Tag> {
    let nearness = |name: &[f32]| picture.iter().zip(name).map(|(a, b)| a * b).sum::<f32>();
    let mut near: Vec<(f32, Tag)> = names
        .iter()
        .zip(vocabulary())
        .map(|(name, tag)| (nearness(name), *tag))
        .filter(|(near, _)| *near >= surely)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(TAGS_MAX);
    near.into_iter().map(|(_, tag)| tag).collect()
}

/// Tags as people and language models read them: `dog 狗, beach 海滩`.
pub fn text(tags: &[Tag]) -> String {
    let both = tags
        .iter()
        .map(|tag| format!("{} {}", tag.english, tag.chinese));
    both.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_whole_and_names_each_thing_once() {
        let all = vocabulary();
        assert!(all.len() > 3_000, "{}", all.len());
        let english: HashSet<_> = all.iter().map(|tag| tag.english).collect();
        assert_eq!(english.len(), all.len());
        for tag in all {
            let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
            assert!(tag.english.chars().any(char::is_alphabetic), "{tag:?}");
            assert!(!tag.english.contains(han), "{tag:?}");
            assert!(tag.chinese.chars().any(char::is_alphabetic), "{tag:?}");
        }
    }

    #[test]
    fn models_are_asked_in_a_language_that_they_know() {
        let first = |languages: &[&str]| {
            let languages: Vec<String> = languages.iter().map(ToString::to_string).collect();
            names(&languages).swap_remove(0)
        };
        assert_eq!(first(&[]), vocabulary()[0].english);
        assert_eq!(first(&["zh", "en"]), vocabulary()[0].english);
        assert_eq!(first(&["zh"]), vocabulary()[0].chinese);
    }

    #[test]
    fn what_is_near_enough_is_told_surest_first() {
        let mut names = vec![vec![0.0, 1.0]; vocabulary().len()];
        names[3] = vec![0.8, 0.6];
        names[5] = vec![1.0, 0.0];
        let tags = choose(&[1.0, 0.0], &names, 0.5);
        assert_eq!(tags, [vocabulary()[5], vocabulary()[3]]);
        assert_eq!(choose(&[0.0, 1.0], &names, 0.5).len(), TAGS_MAX);
        assert!(choose(&[-1.0, 0.0], &names, 0.5).is_empty());
        let text = text(&tags[..1]);
        let tag = vocabulary()[5];
        assert_eq!(text, format!("{} {}", tag.english, tag.chinese));
    }
}
