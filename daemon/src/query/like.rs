//! What the joint leg looks for: words, a picture, or a picture and what should be different.
//!
//! In a joint space a picture and a text are points of one sphere, so a picture with words beside
//! it is looked for in between (as Baldrati et al., 2022, compose them by summing), and what is to
//! be left out pushes away. Promise: words alone are asked as they are; a picture alone is as well.

use super::memory::{JointQuestion, Memory};
use super::plan::Plan;

/// How much a text moves a picture.
const WORDS_PULL: f32 = 1.0;
/// How far what is to be left out pushes.
const NONE_PUSH: f32 = 0.5;
/// Between pictures the cosine itself says how alike they are.
const LIKENESS: [f32; 2] = [0.0, 1.0];

/// The question in the joint space; none where there is no joint model, else why there is none.
pub(super) async fn question<M: Memory>(
    memory: &M,
    plan: &Plan,
) -> Option<Result<JointQuestion, String>> {
    let text = plan.query.text();
    let Some(picture) = &plan.like else {
        return embed(memory, text).await;
    };
    let mut asked = match memory.see(picture.clone()).await? {
        Ok(asked) => asked,
        Err(reason) => return Some(Err(reason)),
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
