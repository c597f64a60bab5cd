//! Filters and victims as expressions of LanceDB.
//!
//! Expressions, not SQL text: a folder may be called `it's 100% "mine"`, and nothing that a
//! person names can become part of a statement.

use lancedb::datafusion::scalar::ScalarValue;
use lancedb::expr::{DfExpr, col, lit};

use crate::query::Filter;
use crate::row::Relocation;
use crate::schema as c;
use crate::segments::Span;

/// Entries of one `IN` list: planning and matching both grow with it, and 1,000 files are
/// found in one pass over the `file` index.
pub(crate) const IN_LIST_MAX: usize = 1_000;

/// The filter as one expression; none where all segments may be found.
pub(crate) fn filter(filter: &Filter) -> Option<DfExpr> {
    let mut all = Vec::new();
    if !filter.kinds.is_empty() {
        all.push(any_text(c::KIND, &filter.kinds));
    }
    if !filter.langs.is_empty() {
        all.push(any_text(c::LANG, &filter.langs));
    }
    if !filter.cameras.is_empty() {
        all.push(any_text(c::CAMERA, &filter.cameras));
    }
    if !filter.places.is_empty() {
        all.push(any_text(c::PLACE, &filter.places));
    }
    if !filter.shows.is_empty() {
        all.push(any_text(c::SHOW, &filter.shows));
    }
    if !filter.speakers.is_empty() {
        all.push(any_text(c::SPEAKER, &filter.speakers));
    }
    all.extend(under(&filter.under));
    let time = |ms| lit(ScalarValue::TimestampMillisecond(Some(ms), None));
    all.extend(filter.before_ms.map(|ms| col(c::DATED).lt(time(ms))));
    all.extend(filter.after_ms.map(|ms| col(c::DATED).gt_eq(time(ms))));
    all.into_iter().reduce(DfExpr::and)
}

fn any_text(column: &str, values: &[String]) -> DfExpr {
    let values = values.iter().map(|v| lit(v.as_str())).collect();
    col(column).in_list(values, false)
}

/// In or under any of these folders. A prefix is a range, which an index can answer: all that
/// begins with `/a/b/` sorts from `/a/b/` to before `/a/b0`, `0` being the character after `/`.
fn under(folders: &[String]) -> Option<DfExpr> {
    let each = folders.iter().map(|folder| {
        let base = folder.trim_end_matches('/');
        if base.is_empty() {
            return lit(true);
        }
        let inside = col(c::PATH)
            .gt_eq(lit(format!("{base}/")))
            .and(col(c::PATH).lt(lit(format!("{base}0"))));
        inside.or(col(c::PATH).eq(lit(base)))
    });
    each.reduce(DfExpr::or)
}

/// Rows of pictures that have this vector, of one file in `every`.
pub(crate) fn pictures(column: &str, every: u64) -> DfExpr {
    let chosen = (col(c::FILE) % lit(every.max(1))).eq(lit(0_u64));
    let pictures = col(c::KIND).eq(lit("image"));
    pictures.and(col(column).is_not_null()).and(chosen)
}

/// Rows of these files.
pub(crate) fn files(files: &[u64]) -> DfExpr {
    if let [file] = files {
        return col(c::FILE).eq(lit(*file));
    }
    col(c::FILE).in_list(files.iter().map(|f| lit(*f)).collect(), false)
}

/// Rows of these files that are older than this revision.
pub(crate) fn superseded(of: &[u64], revision: u64) -> DfExpr {
    files(of).and(col(c::REVISION).lt(lit(revision)))
}

/// Rows of exactly this revision of these files.
pub(crate) fn revision(of: &[u64], revision: u64) -> DfExpr {
    files(of).and(col(c::REVISION).eq(lit(revision)))
}

/// Rows of moved files that are not where their file is now.
pub(crate) fn elsewhere(moves: &[Relocation]) -> DfExpr {
    let of: Vec<u64> = moves.iter().map(|m| m.file).collect();
    let each = moves.iter().map(|m| {
        let left = col(c::PATH).not_eq(lit(m.path.as_str()));
        col(c::FILE).eq(lit(m.file)).and(left)
    });
    files(&of).and(balanced_or(&each.collect::<Vec<_>>()))
}

/// Rows of these stretches of files.
pub(crate) fn spans(spans: &[Span]) -> DfExpr {
    let of: Vec<u64> = spans.iter().map(|span| span.file).collect();
    let each = spans.iter().map(|span| {
        let from = col(c::ORDINAL).gt_eq(lit(span.first));
        let to = col(c::ORDINAL).lt_eq(lit(span.last));
        col(c::FILE).eq(lit(span.file)).and(from).and(to)
    });
    files(&of).and(balanced_or(&each.collect::<Vec<_>>()))
}

/// `OR` as a tree of logarithmic depth: expressions are walked by recursion.
fn balanced_or(all: &[DfExpr]) -> DfExpr {
    match all {
        [] => lit(false),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            balanced_or(left).or(balanced_or(right))
        }
    }
}
