//! How near a picture must be to a text to answer it, told from the pictures that there are.
//!
//! In a joint space every text is nearer to other texts than to any picture (the modality gap,
//! arXiv 2203.02053), and how far the pictures lie from it differs between models and between
//! libraries, so what a manifest says of that (`picture.answers`) is a first guess. Here it is
//! measured: some pictures are compared with all names of the vocabulary of tags. Those are
//! thousands of background questions, and nearly none has to do with a given picture. Where one of
//! a hundred such pairs lies, a picture begins to answer; where each picture's nearest name or two
//! lie, it surely does.
//!
//! It is done at rest, kept in the journal under the name of the space, and done again when there
//! are twice the pictures or half.

use std::sync::{Arc, PoisonError, RwLock};

use hippo_index::SpaceRole;

use super::shared::{Shared, blocking};
use super::{EngineError, tags};
use crate::journal::{Journal, PictureScale};

/// Fewer pictures show too little: from eight on, figures vary by some hundredths.
const LEAST_PICTURES: u64 = 8;
/// Pictures that are compared: with each of 3,200 names, half a second of one core.
const SAMPLE: u64 = 256;
/// The share of background pairs above where a picture begins to answer, and where it surely does.
const SHARES: [f64; 2] = [0.01, 0.0005];
/// A scale that is shorter tells nothing apart.
const LEAST_SPAN: f32 = 0.01;
/// How finely cosines are told apart.
const STEPS_PER_ONE: f32 = 2_000.0;

/// The scales that were measured, by the names of their spaces.
pub(super) struct Scales(RwLock<Vec<(String, PictureScale)>>);

impl Scales {
    pub(super) fn open(journal: &Journal) -> Result<Scales, EngineError> {
        Ok(Scales(RwLock::new(journal.picture_scales()?)))
    }

    /// The scale of a space, where it was measured.
    pub(super) fn of(&self, space: &str) -> Option<PictureScale> {
        let scales = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = scales.iter().find(|(name, _)| name == space);
        known.map(|(_, scale)| *scale)
    }

    fn set(&self, space: &str, scale: PictureScale) {
        let mut scales = self.0.write().unwrap_or_else(PoisonError::into_inner);
        scales.retain(|(name, _)| name != space);
        scales.push((space.to_owned(), scale));
    }
}

/// Measures what similarities mean in the joint space that answers, if that is due.
pub(super) async fn renew(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let lineup = shared.models.lineup();
    let Some(space) = &lineup.of(SpaceRole::Joint).active else {
        return Ok(());
    };
    let Ok(embedder) = &space.embedder else {
        return Ok(());
    };
    let name = &space.space.name;
    let counting = Arc::clone(shared);
    let pictures = blocking(move || Ok(counting.journal.pictures()?)).await?;
    if !is_due(pictures, shared.models.scales.of(name)) {
        return Ok(());
    }
    let every = pictures.div_ceil(SAMPLE);
    let sample = shared.store.pictures(name, every).await?;
    if (sample.len() as u64) < LEAST_PICTURES {
        return Ok(());
    }
    let names = match tags::of_vocabulary(shared, space, embedder).await {
        Ok(names) => names.clone(),
        Err(reason) => {
            tracing::debug!(reason, "what similarities mean is not measured yet");
            return Ok(());
        }
    };
    let (keeping, name) = (Arc::clone(shared), name.clone());
    blocking(move || {
        if let Some(answers) = measure(&sample, &names) {
            let scale = PictureScale { answers, pictures };
            keeping.journal.keep_picture_scale(&name, scale)?;
            keeping.models.scales.set(&name, scale);
            tracing::info!(?answers, pictures, "measured what similarities mean");
        }
        Ok(())
    })
    .await
}

fn is_due(pictures: u64, known: Option<PictureScale>) -> bool {
    pictures >= LEAST_PICTURES
        && known.is_none_or(|known| {
            pictures >= known.pictures.saturating_mul(2) || pictures <= known.pictures / 2
        })
}

/// The cosines above which those [`SHARES`] of all pairs lie. None where the two are hardly
/// apart, as with a model that gives everything the same vector.
fn measure(pictures: &[Vec<f32>], names: &[Vec<f32>]) -> Option<[f32; 2]> {
    let mut pairs_at = vec![0_u64; 2 * STEPS_PER_ONE as usize + 1];
    for picture in pictures {
        for name in names {
            let cosine: f32 = picture.iter().zip(name).map(|(a, b)| a * b).sum();
            // Not a number counts as the least.
            let step = (cosine.clamp(-1.0, 1.0) + 1.0) * STEPS_PER_ONE;
            pairs_at[step as usize] += 1;
        }
    }
    let pairs = (pictures.len() * names.len()) as f64;
    let above = |share: f64| {
        let mut left = pairs * share;
        let step = pairs_at.iter().rposition(|at| {
            left -= *at as f64;
            left < 0.0
        });
        step.unwrap_or_default() as f32 / STEPS_PER_ONE - 1.0
    };
    let answers = SHARES.map(above);
    (answers[1] - answers[0] >= LEAST_SPAN).then_some(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit vectors whose cosines with (1, 0) are these.
    fn at(cosines: impl Iterator<Item = f32>) -> Vec<Vec<f32>> {
        cosines.map(|c| vec![c, (1.0 - c * c).sqrt()]).collect()
    }

    #[test]
    fn a_scale_lies_where_the_fewest_pairs_do() {
        // Ten thousand pairs, evenly from 0.2 to 0.3, and ten right ones.
        let background = (0..9_990).map(|i| 0.2 + 0.1 * i as f32 / 9_990.0);
        let names = at(background.chain([0.4; 10]));
        let [begins, surely] = measure(&[vec![1.0, 0.0]], &names).unwrap();
        assert!((begins - 0.299).abs() < 0.001, "{begins}");
        assert!((surely - 0.4).abs() < 0.001, "{surely}");
    }

    #[test]
    fn a_model_that_tells_nothing_apart_has_no_scale() {
        let one = vec![vec![1.0, 0.0]; 20];
        assert_eq!(measure(&one, &one), None);
        assert_eq!(measure(&[], &one), None);
        assert_eq!(measure(&[vec![f32::NAN; 2]], &one), None);
    }

    #[test]
    fn it_is_measured_again_when_the_library_is_another() {
        let known = |pictures| {
            Some(PictureScale {
                answers: [0.2, 0.3],
                pictures,
            })
        };
        for (pictures, before, due) in [
            (7, None, false),
            (8, None, true),
            (100, known(51), false),
            (100, known(50), true),
            (100, known(199), false),
            (100, known(200), true),
            (0, known(200), false),
        ] {
            assert_eq!(is_due(pictures, before), due, "{pictures} {before:?}");
        }
    }
}
