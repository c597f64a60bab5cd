//! Traditional to Simplified Chinese, one character at a time.
//!
//! From fast2s's table, asked once for each character without its context (see the module
//! above for why), and with the few characters folded that fast2s converts in certain words
//! only: in an index it is better that 著 and 着 meet than that each keeps its reading.

use std::sync::LazyLock;

/// Han characters of the basic plane; fast2s knows no others.
const FIRST: u32 = 0x3400;
const LAST: u32 = 0x9FFF;

/// Folded in every context, where fast2s looks at the neighbours.
const ALWAYS: [(char, char); 3] = [('著', '着'), ('藉', '借'), ('祇', '只')];

/// 27,648 entries of 2 bytes, made when first needed in about a millisecond.
static TABLE: LazyLock<Box<[u16]>> = LazyLock::new(|| {
    let mut utf8 = [0; 4];
    (FIRST..=LAST)
        .map(|code| {
            let Some(c) = char::from_u32(code) else {
                return code as u16;
            };
            if let Some((_, folded)) = ALWAYS.iter().find(|(from, _)| *from == c) {
                return *folded as u32 as u16;
            }
            let simplified = fast2s::convert(c.encode_utf8(&mut utf8)).chars().next();
            // Every entry of fast2s's table stays in the basic plane; were one not to, the
            // character would stay as it is.
            simplified
                .and_then(|s| u16::try_from(s as u32).ok())
                .unwrap_or(code as u16)
        })
        .collect()
});

/// The Simplified form of `c`, or `c`.
pub(super) fn simplify(c: char) -> char {
    let code = c as u32;
    if (FIRST..=LAST).contains(&code) {
        char::from_u32(u32::from(TABLE[(code - FIRST) as usize])).unwrap_or(c)
    } else {
        c
    }
}
