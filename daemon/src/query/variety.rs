//! A place for each kind: of the first ten hits, the last go to kinds that have none.
//!
//! Texts have many segments and a picture one, so that ten passages about the sea leave no place
//! for the photograph of it, which is what somebody may have meant. Where all kinds are asked
//! for, the best picture, recording and document each have a place among the first ten, if they
//! answer the question well enough; what they displace comes right behind.
//!
//! Promise: only the first [`LOOKED_AT`] hits are moved, and they are the same for every page of
//! a question, so that pages fit together.

use super::fuse::Fused;

/// The hits of a first page.
const FIRST_PAGE: usize = 10;
/// So deep a kind is looked for.
pub(super) const LOOKED_AT: usize = 50;
/// The quality that a hit needs to be given a place.
const GOOD: f64 = 0.6;

/// Kinds as people tell them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Document,
    Picture,
    Recording,
}

impl Sort {
    const ALL: [Sort; 3] = [Sort::Document, Sort::Picture, Sort::Recording];

    fn of(fused: &Fused) -> Sort {
        match fused.row.lead.kind.as_str() {
            "image" => Sort::Picture,
            "audio" | "video" => Sort::Recording,
            _ => Sort::Document,
        }
    }
}

/// Gives kinds that the first page lacks its last places.
pub(super) fn each_kind_a_place(order: &mut [Fused]) {
    let looked_at = &order[..order.len().min(LOOKED_AT)];
    let Some((page, behind)) = looked_at.split_at_checked(FIRST_PAGE) else {
        return;
    };
    let lacking = Sort::ALL.into_iter().filter(|sort| {
        let mut sorts = page.iter().map(Sort::of);
        sorts.all(|other| other != *sort)
    });
    let best_of = |sort| {
        let good = |hit: &Fused| Sort::of(hit) == sort && hit.quality >= GOOD;
        behind.iter().position(good).map(|at| FIRST_PAGE + at)
    };
    let mut lifted: Vec<usize> = lacking.filter_map(best_of).collect();
    lifted.sort_unstable();
    let places = FIRST_PAGE - lifted.len()..FIRST_PAGE;
    for (place, at) in places.zip(lifted) {
        order[place..=at].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuse::tests_support::fused;
    use super::*;

    /// An order of these kinds (d, p, r), each of this quality.
    fn order(kinds: &str, quality: f64) -> Vec<Fused> {
        let kind = |letter| match letter {
            'p' => "image",
            'r' => "audio",
            _ => "text",
        };
        let many = kinds.len() as f64;
        let of = |(id, letter): (usize, char)| {
            let mut hit = fused(id, "");
            hit.row.lead.kind = kind(letter).to_owned();
            hit.score = 1.0 - id as f64 / many;
            hit.quality = quality;
            hit
        };
        kinds.chars().enumerate().map(of).collect()
    }

    fn ids(order: &[Fused]) -> Vec<u64> {
        order.iter().map(|hit| hit.row.lead.file).collect()
    }

    fn lifted(kinds: &str) -> Vec<u64> {
        let mut order = order(kinds, 1.0);
        each_kind_a_place(&mut order);
        ids(&order)
    }

    #[test]
    fn a_picture_behind_ten_texts_has_the_tenth_place() {
        let order = lifted("ddddddddddddpdp");
        assert_eq!(order[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 9, 10]);
        assert_eq!(order[12..], [11, 13, 14], "the other picture stays");
    }

    #[test]
    fn a_recording_has_one_too_and_the_better_comes_first() {
        let order = lifted("ddddddddddddrdpr");
        assert_eq!(order[..12], [0, 1, 2, 3, 4, 5, 6, 7, 12, 14, 8, 9]);
        let order = lifted("pppppppppppppppprpd");
        assert_eq!(order[..11], [0, 1, 2, 3, 4, 5, 6, 7, 16, 18, 8]);
    }

    #[test]
    fn what_every_kind_is_in_stays_as_it_is() {
        for kinds in [
            "dprddddddddddddp",
            "dddddd",
            "",
            "ddddddddddddddd",
            "dddddddddp",
        ] {
            let unmoved: Vec<u64> = (0..kinds.len() as u64).collect();
            assert_eq!(lifted(kinds), unmoved, "{kinds}");
        }
    }

    #[test]
    fn what_answers_poorly_or_lies_deep_is_given_nothing() {
        let mut poor = order("ddddddddddddp", GOOD / 2.0);
        each_kind_a_place(&mut poor);
        assert_eq!(ids(&poor), (0..13).collect::<Vec<u64>>());
        let deep = format!("{}p", "d".repeat(LOOKED_AT));
        assert_eq!(lifted(&deep), (0..=LOOKED_AT as u64).collect::<Vec<u64>>());
    }
}
