//! Small well-formed documents: PDFs with a text layer, subtitles.
//!
//! A PDF is put together object by object, so that [`crate::hostile`] can put together ones that
//! no writer would.

use std::fmt::Write as _;

/// A PDF in the making.
pub struct Pdf {
    bytes: Vec<u8>,
    offsets: Vec<(u32, usize)>,
}

impl Pdf {
    /// The header, with the line of high bytes that says "binary".
    pub fn new() -> Self {
        Pdf {
            bytes: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(),
            offsets: Vec::new(),
        }
    }

    /// An object.
    pub fn object(&mut self, number: u32, body: impl AsRef<[u8]>) -> &mut Self {
        self.offsets.push((number, self.bytes.len()));
        self.bytes
            .extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        self.bytes.extend_from_slice(body.as_ref());
        self.bytes.extend_from_slice(b"\nendobj\n");
        self
    }

    /// A stream; `dictionary` without `/Length` and brackets.
    pub fn stream(&mut self, number: u32, dictionary: &str, data: &[u8]) -> &mut Self {
        let mut body = format!("<< {dictionary} /Length {} >>\nstream\n", data.len()).into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\nendstream");
        self.object(number, body)
    }

    /// Bytes as they are, between objects.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing; there always is the header.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The cross-reference table and the trailer; object 1 is the catalog.
    pub fn finish(mut self) -> Vec<u8> {
        self.offsets.sort_unstable();
        let size = self.offsets.last().map_or(0, |&(number, _)| number) + 1;
        let start = self.bytes.len();
        let mut table = String::from("xref\n0 1\n0000000000 65535 f \n");
        let mut at = 0;
        while at < self.offsets.len() {
            // One section for each run of numbers without a gap.
            let first = self.offsets[at].0;
            let run = self.offsets[at..]
                .iter()
                .zip(first..)
                .take_while(|((number, _), expected)| number == expected)
                .count();
            let _ = writeln!(table, "{first} {run}");
            for (_, offset) in &self.offsets[at..at + run] {
                let _ = writeln!(table, "{offset:010} 00000 n ");
            }
            at += run;
        }
        let _ = write!(
            table,
            "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        );
        self.bytes.extend_from_slice(table.as_bytes());
        self.bytes
    }
}

impl Default for Pdf {
    fn default() -> Self {
        Self::new()
    }
}

/// The font of every document here, as a resource dictionary.
pub const FONT: &str =
    "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>";

/// A page's content: so many characters a line, Latin letters only.
pub fn page_content(text: &str) -> String {
    const LINE: usize = 90;
    let mut content = String::from("BT /F1 11 Tf 14 TL 50 780 Td\n");
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() + word.len() >= LINE {
            let _ = writeln!(content, "({}) Tj T*", escape(&line));
            line.clear();
        }
        line.push_str(word);
        line.push(' ');
    }
    let _ = writeln!(content, "({}) Tj ET", escape(&line));
    content
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('(', r"\(")
        .replace(')', r"\)")
}

/// A PDF with this text on its pages.
pub fn pdf(title: &str, pages: &[String]) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let mut kids = String::new();
    for page in 0..pages.len() {
        let _ = write!(kids, "{} 0 R ", 10 + 2 * page);
    }
    pdf.object(1, "<< /Type /Catalog /Pages 2 0 R >>");
    pdf.object(
        2,
        format!(
            "<< /Type /Pages /Kids [{kids}] /Count {} /MediaBox [0 0 595 842] /Resources {FONT} >>",
            pages.len()
        ),
    );
    for (page, text) in pages.iter().enumerate() {
        let number = 10 + 2 * page as u32;
        pdf.object(
            number,
            format!(
                "<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>",
                number + 1
            ),
        );
        pdf.stream(number + 1, "", page_content(text).as_bytes());
    }
    // Its title only makes it another document; the trailer need not name it.
    pdf.raw(format!("% {title}\n").as_bytes());
    pdf.finish()
}

/// Subtitles, one cue of two seconds a line.
pub fn srt(lines: &[String]) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let time = |s: usize| format!("{:02}:{:02}:{:02},000", s / 3600, s / 60 % 60, s % 60);
        let _ = writeln!(
            text,
            "{}\n{} --> {}\n{line}\n",
            at + 1,
            time(2 * at),
            time(2 * at + 2)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_pdf_points_at_its_objects() {
        let bytes = pdf("t", &["one (two) three".to_owned(), "four".to_owned()]);
        let text = String::from_utf8_lossy(&bytes);
        let start: usize = text
            .rsplit("startxref\n")
            .next()
            .and_then(|rest| rest.lines().next()?.parse().ok())
            .unwrap();
        assert!(bytes[start..].starts_with(b"xref\n"));
        let entries = bytes[start..]
            .split(|&byte| byte == b'\n')
            .filter(|line| line.ends_with(b" n "))
            .map(|line| {
                String::from_utf8_lossy(&line[..10])
                    .parse::<usize>()
                    .unwrap()
            });
        let mut seen = 0;
        for offset in entries {
            let object = &bytes[offset..offset + 12];
            assert!(object.windows(6).any(|window| window == b" 0 obj"));
            seen += 1;
        }
        assert_eq!(seen, 6);
    }
}
