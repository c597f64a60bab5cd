//! The names leg: from words to files by what they are called, and to the segment that stands
//! for each; and the words of names, beside those of texts.
//!
//! The catalog finds the files and applies what it knows of the filter before its cut; a file is
//! shown by its first segment, which the table filters by language and speaker, and on which phrases
//! and exclusions are settled. The score is the share of the question that the name has, 0 to 1.

use std::collections::HashMap;
use std::path::Path;

use hippo_index::fold::{Phrase, Prepared};
use hippo_index::{Filter, Known, Lead, Scored, Span};

use crate::engine::Handle;
use crate::journal::Named;

pub(super) async fn names(
    handle: &Handle,
    tokens: Vec<String>,
    beginning: Option<String>,
    filter: Filter,
    limit: usize,
) -> Result<Vec<Scored>, String> {
    let by_catalog = filter.clone();
    let keep = move |named: &Named| kept(&by_catalog, named);
    let found = handle.named(tokens, beginning, limit, keep).await;
    let found = found.map_err(|e| e.to_string())?;
    let heads: Vec<Span> = found
        .iter()
        .map(|named| Span {
            file: named.file,
            first: 0,
            last: 0,
        })
        .collect();
    let by_table = Filter {
        langs: filter.langs.clone(),
        speakers: filter.speakers.clone(),
        ..Filter::default()
    };
    let rows = handle.store().leads(&heads, &by_table).await;
    let mut rows = rows.map_err(|e| e.to_string())?;
    let settled = Settled::new(&filter);
    // Rows of several revisions: the answer keeps the one that counts.
    let mut scored = Vec::with_capacity(found.len());
    for named in found {
        let (its, rest) = rows.into_iter().partition(|row| row.file == named.file);
        rows = rest;
        let its: Vec<Lead> = its;
        let its = its.into_iter().filter(|row| settled.hold_for(row, &named));
        scored.extend(its.map(|row| Scored {
            row,
            score: named.share as f32,
        }));
    }
    Ok(scored)
}

/// The words of texts and those of names, the commonest first.
pub(super) fn together(of_texts: Vec<Known>, of_names: Vec<Known>) -> Vec<Known> {
    let mut times: HashMap<String, u64> = HashMap::new();
    for Known { word, segments } in of_texts.into_iter().chain(of_names) {
        // A title is in both.
        let most = times.entry(word).or_default();
        *most = segments.max(*most);
    }
    let mut known: Vec<Known> = times
        .into_iter()
        .map(|(word, segments)| Known { word, segments })
        .collect();
    Known::commonest_first(&mut known);
    known
}

/// What the catalog can tell.
fn kept(filter: &Filter, named: &Named) -> bool {
    let under = |folder: &String| named.path.starts_with(Path::new(folder));
    (filter.kinds.is_empty() || filter.kinds.contains(&named.kind))
        && (filter.under.is_empty() || filter.under.iter().any(under))
        && filter.before_ms.is_none_or(|ms| named.dated_ms < ms)
        && filter.after_ms.is_none_or(|ms| named.dated_ms >= ms)
        && any_of(&filter.cameras, named.camera.as_ref())
        && any_of(&filter.places, named.place.as_ref())
        && any_of(&filter.shows, named.show.as_ref())
}

/// Nothing asked for, or one of what was.
fn any_of(wanted: &[String], value: Option<&String>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.contains(value))
}

/// What the segment, the title and the name must and must not have.
struct Settled {
    phrases: Vec<Phrase>,
    none: Vec<Phrase>,
}

impl Settled {
    fn new(filter: &Filter) -> Settled {
        let phrases = |list: &[String]| list.iter().filter_map(|p| Phrase::new(p)).collect();
        Settled {
            phrases: phrases(&filter.phrases),
            none: phrases(&filter.none),
        }
    }

    fn hold_for(&self, row: &Lead, named: &Named) -> bool {
        if self.phrases.is_empty() && self.none.is_empty() {
            return true;
        }
        let name = named.path.file_name().unwrap_or_default().to_string_lossy();
        // `"budget 2026"` is what Budget-2026 says.
        let spaced = name.replace(['-', '_', '.'], " ");
        let title = named.title.as_deref().unwrap_or_default();
        let texts = [&*name, &spaced, title, &row.text].map(Prepared::new);
        let stands = |phrase: &Phrase| texts.iter().any(|text| phrase.stands_in(text));
        self.phrases.iter().all(stands) && !self.none.iter().any(stands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::fuse::tests_support::{lead, row};

    fn named(path: &str) -> Named {
        Named {
            file: 1,
            share: 1.0,
            path: path.into(),
            title: Some("The plan".to_owned()),
            kind: "pdf".to_owned(),
            dated_ms: 1_000,
            camera: None,
            place: None,
            show: None,
        }
    }

    #[test]
    fn filters_hold_for_names() {
        let file = named("/d/in/Budget-2026.pdf");
        let list = |text: &str| vec![text.to_owned()];
        let filter = |change: fn(&mut Filter, Vec<String>), value: &str| {
            let mut filter = Filter::default();
            change(&mut filter, list(value));
            filter
        };
        assert!(kept(&filter(|f, v| f.kinds = v, "pdf"), &file));
        assert!(!kept(&filter(|f, v| f.kinds = v, "text"), &file));
        assert!(kept(&filter(|f, v| f.under = v, "/d"), &file));
        assert!(!kept(&filter(|f, v| f.under = v, "/d/i"), &file));
        let row = lead(&row(1, "about money"), 1);
        for (phrase, expect) in [
            ("budget 2026", true),
            ("the plan", true),
            ("about money", true),
            ("2026 budget", false),
        ] {
            let with = filter(|f, v| f.phrases = v, phrase);
            assert_eq!(
                Settled::new(&with).hold_for(&row, &file),
                expect,
                "{phrase}"
            );
            let without = filter(|f, v| f.none = v, phrase);
            assert_eq!(Settled::new(&without).hold_for(&row, &file), !expect);
        }
    }
}
