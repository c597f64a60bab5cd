//! No request breaks what reads it: whatever is asked becomes a plan, or an error of the asker's.

use proptest::prelude::*;

use super::*;
use crate::query::double::Double;
use crate::query::{answer, context};
use crate::service::wire::ContextRequest;

/// What somebody may send who wants it to break: any characters, those with a meaning in any
/// order, controls, and 64 KiB of either.
fn hostile() -> impl Strategy<Value = String> {
    let marks = "[ \"“”「」『』＂:：,|~/.*?%<>&;\u{0}-\u{1f}\u{7f}\u{202e}\u{feff}－-]{0,60}";
    let filters = prop::sample::select(vec![
        "kind:",
        "in:",
        "before:",
        "after:",
        "lang:",
        "sort:",
        "camera:",
        "place:",
        "show:\"",
        "speaker:",
        "-kind:",
        "in:\"",
        "after:\"",
        "last ",
        "ago",
        "99999999999999999999",
        "前",
        "上",
        "..",
        "/",
        "~",
        "newest",
        "x ",
    ]);
    let piece = prop_oneof![
        any::<String>(),
        marks.prop_map(|text| text),
        filters.prop_map(str::to_owned),
    ];
    let pieces = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    prop_oneof![
        4 => pieces.clone(),
        1 => pieces.prop_map(|text| {
            let times = (64 * 1024) / text.len().max(1);
            text.repeat(times)
        }),
    ]
}

/// Whether it is the asker who is told to ask otherwise.
fn blames_the_question(error: &SearchError) -> bool {
    matches!(
        error,
        SearchError::Query(_) | SearchError::Page(_) | SearchError::UnknownLeg(_)
    )
}

proptest! {
    #[test]
    fn hostile_requests_are_answered_or_refused(
        q in hostile(),
        within in hostile(),
        before in prop::option::of(hostile()),
        sort in prop::option::of(hostile()),
        kind in prop::collection::vec(hostile(), 0..2),
        numbers in (prop::option::of(any::<usize>()), any::<usize>(), any::<usize>()),
        min_quality in prop::option::of(any::<f64>()),
        plain in any::<bool>(),
    ) {
        let memory = Double::of(&["the training cost", "训练成本"]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut request = SearchRequest { q: q.clone(), ..SearchRequest::default() };
        if !plain {
            request.within = vec![within];
            (request.before, request.sort, request.kind) = (before, sort, kind);
            (request.limit, request.offset, request.context) = numbers;
            request.min_quality = min_quality;
        }
        if let Err(error) = runtime.block_on(answer(&memory, &request)) {
            prop_assert!(blames_the_question(&error), "{error}");
        }
        let request = ContextRequest { q, ..ContextRequest::default() };
        if let Err(error) = runtime.block_on(context(&memory, &request)) {
            prop_assert!(blames_the_question(&error), "{error}");
        }
    }
}
