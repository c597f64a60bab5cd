//! A file as the question, by itself or with what should be different.
//!
//! A picture is asked in the joint space, where a picture and a text are points of one sphere: with
//! words beside it it is looked for in between (as Baldrati et al., 2022, compose them by summing),
//! and what is to be left out pushes away. Any other file is asked by what it says: its beginning
//! by meaning, the words that it uses most by words. Promise: words alone are asked as they are; a
//! picture alone is as well; a file never finds itself.

use std::collections::HashMap;
use std::path::PathBuf;

use hippo_index::fold;

use super::memory::{JointQuestion, Liked, Memory};
use super::plan::Plan;
use super::query_error::SearchError;
use super::text::is_common;

/// How much a text moves a picture.
const WORDS_PULL: f32 = 1.0;
/// How far what is to be left out pushes.
const NONE_PUSH: f32 = 0.5;
/// Between pictures the cosine itself says how alike they are.
const LIKENESS: [f32; 2] = [0.0, 1.0];

/// Words that a text is looked for by.
const TELLING_WORDS: usize = 24;
/// What a joint model is shown of a text: its heading, or its first sentence.
const SHOWN_CHARS: usize = 160;

/// The file that is the question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Like {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) what: Liked,
}

impl Like {
    /// Looks at the file.
    pub(super) async fn look<M: Memory>(memory: &M, path: PathBuf) -> Result<Like, SearchError> {
        let what = memory.liked(path.clone()).await.map_err(|reason| {
            SearchError::Like(format!("{} cannot be asked with: {reason}", path.display()))
        })?;
        Ok(Like { path, what })
    }

    /// Whether it is a picture.
    pub(super) fn is_picture(&self) -> bool {
        matches!(self.what, Liked::Picture(_))
    }

    /// What it says, where it is no picture.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.what {
            Liked::Text(text) => Some(text),
            Liked::Picture(_) => None,
        }
    }
}

/// The words that a text uses most, of those that say what it is about.
pub(super) fn telling_words(text: &str) -> Vec<String> {
    let mut times: HashMap<&str, (usize, usize)> = HashMap::new();
    let words = fold::words(text);
    for (at, word) in words.split(' ').enumerate() {
        let telling = word.chars().count() > 1 && word.chars().any(char::is_alphabetic);
        if telling && !is_common(word) {
            times.entry(word).or_insert((0, at)).0 += 1;
        }
    }
    let mut words: Vec<_> = times.into_iter().collect();
    words.sort_by_key(|(_, (times, first))| (std::cmp::Reverse(*times), *first));
    let words = words.into_iter().take(TELLING_WORDS);
    words.map(|(word, _)| word.to_owned()).collect()
}

/// What the passage model is asked: the words, and what the file says.
pub(super) fn passage_question(plan: &Plan) -> String {
    match plan.like.as_ref().and_then(Like::text) {
        Some(text) => [&plan.beside, text]
            .map(str::trim)
            .join(" ")
            .trim()
            .to_owned(),
        None => plan.query.text(),
    }
}

/// The question in the joint space; none where there is no joint model, else why there is none.
pub(super) async fn question<M: Memory>(
    memory: &M,
    plan: &Plan,
) -> Option<Result<JointQuestion, String>> {
    let text = plan.query.text();
    let mut asked = match plan.like.as_ref().map(|like| &like.what) {
        None => return embed(memory, text).await,
        Some(Liked::Text(_)) => {
            let shown = passage_question(plan).chars().take(SHOWN_CHARS).collect();
            return embed(memory, shown).await;
        }
        Some(Liked::Picture(asked)) => asked.clone()?,
    };
    let wanted = (!text.trim().is_empty()).then_some((text, WORDS_PULL));
    let unwanted = plan
        .query
        .none
        .iter()
        .map(|text| (text.clone(), -NONE_PUSH));
    for (text, weight) in wanted.into_iter().chain(unwanted) {
        match embed(memory, text).await? {
            Ok(moved) if moved.space == asked.space => {
                asked.vector = moved_by(&asked.vector, &moved.vector, weight);
            }
            Ok(_) => {
                return Some(Err(
                    "the joint model changed meanwhile: ask again".to_owned()
                ));
            }
            Err(reason) => return Some(Err(reason)),
        }
    }
    asked.picture_scale = LIKENESS;
    Some(Ok(asked))
}

async fn embed<M: Memory>(memory: &M, text: String) -> Option<Result<JointQuestion, String>> {
    let asked = memory.embed_joint(text).await?;
    Some(asked.map_err(|reason| format!("the question could not be embedded: {reason}")))
}

/// One vector moved by another, of length 1 again.
fn moved_by(vector: &[f32], by: &[f32], weight: f32) -> Vec<f32> {
    let sum: Vec<f32> = vector.iter().zip(by).map(|(a, b)| a + weight * b).collect();
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > f32::EPSILON {
        sum.into_iter().map(|x| x / length).collect()
    } else {
        vector.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_the_words_that_it_uses_most() {
        let words = telling_words("The cats and the cats of 2024 saw a dog. 训练成本和训练");
        assert_eq!(words[0], "cats");
        assert_eq!(words[1], "训练");
        assert!(words.contains(&"dog".to_owned()) && !words.contains(&"the".to_owned()));
        assert!(!words.contains(&"2024".to_owned()));
        assert!(telling_words("").is_empty());
    }

    #[test]
    fn words_pull_and_what_is_unwanted_pushes() {
        let (picture, word) = ([1.0, 0.0], [0.0, 1.0]);
        let near = moved_by(&picture, &word, WORDS_PULL);
        assert!((near[0] - near[1]).abs() < 1e-6 && near[1] > 0.7);
        let far = moved_by(&picture, &word, -NONE_PUSH);
        assert!(far[0] > 0.8 && far[1] < 0.0);
        assert_eq!(
            moved_by(&picture, &[-1.0, 0.0], 1.0),
            picture,
            "nothing is left"
        );
    }
}
