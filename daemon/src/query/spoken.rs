//! When the line of a moment that answers a question is said.
//!
//! A moment lasts up to a minute; who wants to hear the answer wants its sentence. The line that
//! has most of the question in it is that, the earlier of two that have as much. Where no word of
//! the question stands in the moment (its meaning was found), nothing tells which it is.

use std::ops::Range;

use hippo_index::Hit;

use super::snippet::Wanted;

/// When the line that answers begins, in milliseconds; none where its time is not known.
pub(super) fn begins(hit: &Hit, wanted: &Wanted) -> Option<u64> {
    let matches = wanted.matches(&hit.text);
    let starts: Vec<usize> = hit.lines.iter().map(|line| line.at as usize).collect();
    let best = best_line(&starts, &matches, |needle| wanted.weight(needle))?;
    hit.lines.get(best).map(|line| line.t0_ms)
}

/// Which of the lines that begin at these places has the most different needles in it.
fn best_line(
    starts: &[usize],
    matches: &[(Range<usize>, usize)],
    weight: impl Fn(usize) -> f32,
) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (line, start) in starts.iter().enumerate() {
        let end = starts.get(line + 1).copied().unwrap_or(usize::MAX);
        let inside = matches
            .iter()
            .filter(|(at, _)| (*start..end).contains(&at.start));
        let mut needles: Vec<usize> = inside.map(|(_, needle)| *needle).collect();
        needles.sort_unstable();
        needles.dedup();
        let value: f32 = needles.into_iter().map(&weight).sum();
        if value > best.map_or(0.0, |(_, most)| most) {
            best = Some((line, value));
        }
    }
    best.map(|(line, _)| line)
}

#[cfg(test)]
mod tests {
    use hippo_index::Line;

    use super::*;
    use crate::query::fuse::tests_support::row;

    fn asked(question: &[&str], lines: &[(&str, u64)]) -> Option<u64> {
        let mut hit = row(1, "");
        for (text, t0_ms) in lines {
            let at = hit.text.len() as u32;
            hit.lines.push(Line { at, t0_ms: *t0_ms });
            hit.text += text;
        }
        let words: Vec<String> = question.iter().map(|word| (*word).to_owned()).collect();
        begins(&hit, &Wanted::new(&words, &[]))
    }

    const TALK: [(&str, u64); 4] = [
        ("Welcome to the water podcast. ", 1_000),
        ("The cost was high once. ", 4_000),
        (
            "Now training cost falls, every year, training cost falls. ",
            9_000,
        ),
        ("训练成本每年都在下降。", 15_000),
    ];

    #[test]
    fn the_line_with_most_of_the_question_is_the_one() {
        assert_eq!(asked(&["training", "cost"], &TALK), Some(9_000));
        assert_eq!(asked(&["cost"], &TALK), Some(4_000), "the earlier of two");
        assert_eq!(asked(&["podcast"], &TALK), Some(1_000));
        assert_eq!(asked(&["訓練成本"], &TALK), Some(15_000));
    }

    #[test]
    fn without_words_or_times_nothing_is_told() {
        assert_eq!(asked(&["otter"], &TALK), None);
        assert_eq!(asked(&["otter"], &[]), None);
        assert_eq!(asked(&[], &TALK), None);
    }
}
