//! A place in a file as a link that viewers, players and browsers understand.
//!
//! `file:///a/b.pdf#page=3` (RFC 8118) and `file:///a/b.mp3#t=1843` (Media Fragments, whole
//! seconds, rounded down so that nothing of the moment is missed). All bytes but RFC 3986's
//! unreserved ones and `/` are percent-encoded, so any file name survives, also one that is no
//! UTF-8.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The link to this place. A moment tells more than a page.
pub fn link(path: &Path, page: Option<u32>, t0_ms: Option<u64>) -> String {
    let mut out = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out.push_str(&fragment(page, t0_ms));
    out
}

/// `#page=3`, `#t=1843`, or nothing where the file has neither pages nor time.
pub fn fragment(page: Option<u32>, t0_ms: Option<u64>) -> String {
    match (page, t0_ms) {
        (_, Some(t0)) => format!("#t={}", t0 / 1_000),
        (Some(page), None) => format!("#page={page}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn places_are_links_and_names_are_encoded() {
        for (path, page, t0, expect) in [
            ("/d/a.pdf", Some(3), None, "file:///d/a.pdf#page=3"),
            ("/d/e.mp3", None, Some(1_843_999), "file:///d/e.mp3#t=1843"),
            ("/d/a~b_c-d.txt", None, None, "file:///d/a~b_c-d.txt"),
            ("/d/50% #1?.md", None, None, "file:///d/50%25%20%231%3F.md"),
            ("/d/播.md", None, None, "file:///d/%E6%92%AD.md"),
        ] {
            assert_eq!(link(Path::new(path), page, t0), expect);
        }
        let odd = Path::new(OsStr::from_bytes(b"/d/\xff"));
        assert_eq!(link(odd, None, None), "file:///d/%FF");
    }
}
