//! PDFs that mean harm: each one makes a careless reader recurse, allocate or loop for ever.
//!
//! They are made by code and not kept as files: the largest unpack to gigabytes, and what they
//! do is easier to read here than in a hex dump. Each is the smallest that shows its trick.

use std::fmt::Write as _;

use crate::documents::{FONT, Pdf, page_content};

/// A hostile document.
pub struct Hostile {
    /// What it is called on the disk.
    pub name: &'static str,
    /// What it tries.
    pub trick: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All of them.
pub fn all() -> Vec<Hostile> {
    let make = |name, trick, bytes| Hostile { name, trick, bytes };
    vec![
        make(
            "recursive-form.pdf",
            "a form that draws itself",
            recursive_form(),
        ),
        make(
            "mutual-forms.pdf",
            "two forms that draw each other twice: 2^depth calls",
            mutual_forms(),
        ),
        make(
            "million-objects.pdf",
            "a million objects, all annotations of one page",
            million_objects(),
        ),
        make(
            "zero-bomb.pdf",
            "a content stream of 3 GiB of blanks in 20 MiB",
            deflate_bomb(b" ", 3 << 30),
        ),
        make(
            "text-bomb.pdf",
            "a content stream that shows 2 GiB of letters",
            deflate_bomb(b"(ab)Tj", 2 << 30),
        ),
        make(
            "nested-arrays.pdf",
            "three million opening brackets",
            nested("[", "]"),
        ),
        make(
            "nested-dictionaries.pdf",
            "a million dictionaries in each other",
            nested("<</A ", ">>"),
        ),
        make(
            "page-tree-loop.pdf",
            "a page tree that is its own branch",
            page_tree_loop(),
        ),
        make(
            "bogus-xref.pdf",
            "a cross-reference table that points nowhere, and to itself",
            bogus_xref(),
        ),
        make(
            "huge-page.pdf",
            "a page wider than the solar system",
            huge_page(),
        ),
        make(
            "one-page-100k-times.pdf",
            "a hundred thousand pages that are one",
            many_pages(),
        ),
        make(
            "length-of-itself.pdf",
            "a stream whose length is that stream",
            length_of_itself(),
        ),
        make(
            "saved-states.pdf",
            "two million saved graphics states",
            saved_states(),
        ),
        make(
            "object-stream-loop.pdf",
            "an object stream that extends itself",
            object_stream_loop(),
        ),
    ]
}

const CATALOG: &str = "<< /Type /Catalog /Pages 2 0 R >>";

fn one_page(pdf: &mut Pdf, resources: &str) {
    pdf.object(1, CATALOG);
    pdf.object(2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    pdf.object(
        3,
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
             /Resources {resources} >>"
        ),
    );
}

fn recursive_form() -> Vec<u8> {
    let mut pdf = Pdf::new();
    one_page(&mut pdf, "<< /XObject << /Fm 5 0 R >> >>");
    pdf.stream(4, "", b"/Fm Do");
    pdf.stream(
        5,
        "/Type /XObject /Subtype /Form /BBox [0 0 100 100] /Resources << /XObject << /Fm 5 0 R >> >>",
        b"/Fm Do /Fm Do",
    );
    pdf.finish()
}

fn mutual_forms() -> Vec<u8> {
    const DEPTH: u32 = 40;
    let mut pdf = Pdf::new();
    one_page(&mut pdf, "<< /XObject << /Fm 10 0 R >> >>");
    pdf.stream(4, "", b"/Fm Do");
    for level in 0..DEPTH {
        pdf.stream(
            10 + level,
            &format!(
                "/Type /XObject /Subtype /Form /BBox [0 0 100 100] /Resources << /XObject << /Fm {} 0 R >> >>",
                10 + (level + 1) % DEPTH
            ),
            b"/Fm Do /Fm Do",
        );
    }
    pdf.finish()
}

fn million_objects() -> Vec<u8> {
    const OBJECTS: u32 = 1_000_000;
    let mut pdf = Pdf::new();
    pdf.object(1, CATALOG);
    pdf.object(2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    pdf.object(
        3,
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
             /Resources {FONT} /Annots 5 0 R >>"
        ),
    );
    pdf.stream(4, "", page_content("a page with many notes").as_bytes());
    let mut notes = String::from("[");
    for number in 10..10 + OBJECTS {
        let _ = write!(notes, "{number} 0 R ");
    }
    notes.push(']');
    pdf.object(5, notes);
    for number in 10..10 + OBJECTS {
        pdf.object(number, "<< /Subtype /Text /Contents (x) /Rect [0 0 9 9] >>");
    }
    pdf.finish()
}

fn deflate_bomb(pattern: &[u8], size: u64) -> Vec<u8> {
    let mut pdf = Pdf::new();
    one_page(&mut pdf, FONT);
    // The text operators of the second bomb need a text object to be shown in; a reader that
    // unpacks first and looks later is dead by then.
    pdf.stream(4, "/Filter /FlateDecode", &repeated(pattern, size));
    pdf.finish()
}

fn nested(open: &str, close: &str) -> Vec<u8> {
    let depth = 3_000_000 / open.len();
    let mut pdf = Pdf::new();
    one_page(&mut pdf, FONT);
    let mut body = open.repeat(depth);
    body.push_str("null");
    body.push_str(&close.repeat(depth));
    pdf.object(5, &body);
    // Once as an object and once in the way: in the page's own content.
    pdf.object(6, format!("<< /Type /Metadata /Deep {body} >>"));
    let mut page = page_content("a page beside an abyss");
    page.push_str(&open.repeat(depth));
    page.push_str(" TJ");
    pdf.stream(4, "", page.as_bytes());
    pdf.finish()
}

fn page_tree_loop() -> Vec<u8> {
    let mut pdf = Pdf::new();
    pdf.object(1, CATALOG);
    pdf.object(
        2,
        "<< /Type /Pages /Kids [2 0 R 3 0 R 2 0 R] /Count 2147483647 /Parent 3 0 R >>",
    );
    pdf.object(
        3,
        "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2147483647 /Parent 2 0 R >>",
    );
    pdf.finish()
}

fn bogus_xref() -> Vec<u8> {
    let mut pdf = Pdf::new();
    one_page(&mut pdf, FONT);
    pdf.stream(
        4,
        "",
        page_content("a page that is hard to find").as_bytes(),
    );
    let start = pdf.len();
    pdf.raw(
        format!(
            "xref\n0 4294967295\n0000000000 65535 f \n9999999999 00000 n \n0000000007 00000 n \n\
             trailer\n<< /Size 4294967295 /Root 1 0 R /Prev {start} /XRefStm {start} >>\n\
             startxref\n{start}\n%%EOF\n"
        )
        .as_bytes(),
    );
    let bytes = pdf.finish();
    // What `finish` wrote is cut off: only the bogus table stays.
    let keep = bytes
        .windows(5)
        .position(|window| window == b"%%EOF")
        .map_or(bytes.len(), |at| at + 6);
    bytes[..keep].to_vec()
}

fn huge_page() -> Vec<u8> {
    let mut pdf = Pdf::new();
    pdf.object(1, CATALOG);
    pdf.object(2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    pdf.object(
        3,
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [-1e30 -1e30 1e38 1e38] /UserUnit 1e30 \
             /Contents 4 0 R /Resources {FONT} >>"
        ),
    );
    pdf.stream(4, "", page_content("a lonely line on it").as_bytes());
    pdf.finish()
}

fn many_pages() -> Vec<u8> {
    const PAGES: usize = 100_000;
    let mut pdf = Pdf::new();
    pdf.object(1, CATALOG);
    pdf.object(
        2,
        format!(
            "<< /Type /Pages /Kids [{}] /Count {PAGES} >>",
            "3 0 R ".repeat(PAGES)
        ),
    );
    pdf.object(
        3,
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources {FONT} >>"
        ),
    );
    let text = "the same page again and again ".repeat(100);
    pdf.stream(4, "", page_content(&text).as_bytes());
    pdf.finish()
}

fn length_of_itself() -> Vec<u8> {
    let mut pdf = Pdf::new();
    one_page(&mut pdf, FONT);
    pdf.object(
        4,
        "<< /Length 4 0 R /Filter [/FlateDecode /FlateDecode /ASCIIHexDecode] /DecodeParms 4 0 R >>\n\
         stream\nBT ET\nendstream",
    );
    pdf.finish()
}

fn saved_states() -> Vec<u8> {
    const STATES: usize = 2_000_000;
    let mut pdf = Pdf::new();
    one_page(&mut pdf, FONT);
    let mut content = "q BT ".repeat(STATES);
    content.push_str("/F1 9 Tf (the bottom) Tj");
    pdf.stream(4, "", content.as_bytes());
    pdf.finish()
}

fn object_stream_loop() -> Vec<u8> {
    let mut pdf = Pdf::new();
    pdf.object(1, "<< /Type /Catalog /Pages 5 0 R /Extra 6 0 R >>");
    // Objects 5 and 6 are said to lie in each other's stream.
    pdf.stream(
        5,
        "/Type /ObjStm /N 2 /First 8 /Extends 5 0 R",
        b"5 0 6 0 << /Kids [5 0 R] >>",
    );
    pdf.stream(
        6,
        "/Type /ObjStm /N 1 /First 4 /Extends 5 0 R",
        b"6 0 5 0 R",
    );
    pdf.finish()
}

/// A zlib stream that unpacks to so many bytes of a repeated pattern of 1 to 8 bytes.
///
/// Deflate with the fixed codes of RFC 1951: the pattern once, then matches of 258 bytes at the
/// pattern's distance, 13 or 14 bits each.
fn repeated(pattern: &[u8], size: u64) -> Vec<u8> {
    const MATCH: u64 = 258;
    let mut bits = Bits::default();
    bits.out.extend_from_slice(&[0x78, 0x01]);
    bits.put(0b011, 3); // the last block, fixed codes
    for &byte in pattern {
        assert!(byte < 144, "only literals of eight bits");
        bits.code(0x30 + u32::from(byte), 8);
    }
    let (distance, extra, extra_bits) = match pattern.len() {
        length @ 1..=4 => (length as u32 - 1, 0, 0),
        length @ 5..=6 => (4, length as u32 - 5, 1),
        length @ 7..=8 => (5, length as u32 - 7, 1),
        length => panic!("a pattern of {length} bytes"),
    };
    for _ in 0..size / MATCH {
        bits.code(0b1100_0101, 8); // 285: a match of 258
        bits.code(distance, 5);
        bits.put(extra, extra_bits);
    }
    bits.code(0, 7); // the end of the block
    bits.put(0, 7); // fill the last byte
    // The checksum is wrong: whoever reads so far has lost already.
    bits.out.extend_from_slice(&[0, 0, 0, 0]);
    bits.out
}

#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    /// The lowest bits of a value, lowest first.
    fn put(&mut self, value: u32, count: u32) {
        self.held |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code, highest bit first.
    fn code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bombs_are_small_on_the_disk() {
        let bomb = repeated(b" ", 1 << 30);
        assert!(bomb.len() < 8 << 20, "{} bytes", bomb.len());
        let bomb = repeated(b"(ab)Tj", 1 << 20);
        // 14 bits for 258 bytes, and the ends.
        let expected = (1 << 20) / 258 * 14 / 8;
        assert!(bomb.len().abs_diff(expected) < 32, "{} bytes", bomb.len());
    }
}
