//! Pictures that look alike are one hit: bursts, and copies at other sizes.
//!
//! Two pictures look alike when few bits of their perceptual hashes differ. The best of them is
//! shown and names the others; what is written in a picture makes it one of its own, since pages
//! of print look much the same. Promise: what comes later in the order changes nothing of what
//! was folded before it, so that pages fit together.

use super::fuse::{Fused, READ};

/// Bits of the hash in which pictures that look alike differ at most. Of 50 photographs and
/// drawings, copies at half and quarter size and of poor quality differ in at most 6; of those
/// turned by a degree, or cut by a fiftieth, nine in ten differ in at most 10; and no two that
/// show different things in fewer than 18.
const ALIKE_BITS: u32 = 10;
/// Others that a hit names at most; more look the same as these.
const NAMED_MAX: usize = 32;

/// Leaves of pictures that look alike the best, which names the others.
pub(super) fn folded(order: Vec<Fused>) -> Vec<Fused> {
    let mut kept: Vec<Fused> = Vec::with_capacity(order.len());
    let mut faces: Vec<(u64, usize)> = Vec::new();
    for fused in order {
        let Some(looks) = fused.row.lead.looks.filter(|_| !is_read(&fused)) else {
            kept.push(fused);
            continue;
        };
        let alike = |(other, _): &&(u64, usize)| (looks ^ other).count_ones() <= ALIKE_BITS;
        if let Some((_, at)) = faces.iter().find(alike) {
            name(&mut kept[*at], fused);
        } else {
            faces.push((looks, kept.len()));
            kept.push(fused);
        }
    }
    kept
}

/// Whether it was found by what is written in it.
fn is_read(fused: &Fused) -> bool {
    fused.words.is_some() && fused.row.lead.source == READ
}

fn name(shown: &mut Fused, other: Fused) {
    let paths = std::iter::once(other.row.path).chain(other.also_at);
    for path in paths {
        if shown.alike.len() < NAMED_MAX && path != shown.row.path {
            shown.alike.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::fuse::tests_support::fused;

    fn picture(id: usize, looks: u64) -> Fused {
        let mut picture = fused(id, "");
        picture.row.lead.kind = "image".to_owned();
        picture.row.lead.looks = Some(looks);
        picture
    }

    fn paths(order: &[Fused]) -> Vec<&str> {
        order.iter().map(|fused| fused.row.path.as_str()).collect()
    }

    #[test]
    fn the_best_of_a_burst_names_the_others() {
        let order = folded(vec![
            picture(1, 0),
            picture(2, u64::MAX),
            picture(3, 0b11_1111_1111),
            fused(4, "a text"),
            picture(5, 0b111_1111_1111),
        ]);
        let shown = ["/d/0001.txt", "/d/0002.txt", "/d/0004.txt", "/d/0005.txt"];
        assert_eq!(paths(&order), shown);
        assert_eq!(order[0].alike, ["/d/0003.txt"]);
        assert!(order[1..].iter().all(|other| other.alike.is_empty()));
    }

    #[test]
    fn pages_of_print_stay_apart() {
        let mut page = picture(2, 1);
        page.row.lead.source = "ocr".to_owned();
        page.words = Some(3.0);
        assert_eq!(folded(vec![picture(1, 1), page]).len(), 2);
    }
}
