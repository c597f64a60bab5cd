//! Bytes to text, whatever they were written in.
//!
//! In this order: a byte order mark; valid UTF-8; UTF-16 without a mark; a label that the
//! document itself carries; and at last a guess over the legacy encodings (GB18030, Big5,
//! Shift-JIS, EUC, windows-125x). Text has hardly any control characters; what has many
//! in every reading is refused as binary.

use encoding_rs::{Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

/// The guess looks at so much: it is sure after a few KiB, and slow over megabytes.
const GUESS_MAX_BYTES: usize = 1 << 20;
/// UTF-16 is recognised by so much of the beginning.
const UTF_16_SAMPLE_BYTES: usize = 16 << 10;
/// One control character in so many characters is still text (form feeds, terminal
/// colours and a log's torn lines are far below; random bytes are one in ten).
const CHARS_PER_CONTROL: usize = 200;
/// So many control characters are let pass in the smallest file.
const CONTROLS_FREE: usize = 2;
/// One damaged sequence in so many good ones is damaged UTF-8, not another encoding.
const GOOD_PER_DAMAGED: usize = 20;

/// The bytes are no text in any encoding known here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotText;

/// A text and what it was written in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// WHATWG name, such as "gb18030".
    pub(crate) encoding: &'static str,
    /// Whether some of it could not be read.
    pub(crate) lossy: bool,
}

/// Decodes a whole file. `label` is the encoding that the document names itself, if any.
pub(crate) fn decode(bytes: Vec<u8>, label: Option<&str>) -> Result<Decoded, NotText> {
    if let Some((encoding, bom_bytes)) = Encoding::for_bom(&bytes) {
        return checked(with(encoding, &bytes[bom_bytes..]));
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => {
            return checked(Decoded {
                text,
                encoding: UTF_8.name(),
                lossy: false,
            });
        }
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    if let Some(encoding) = utf_16_without_mark(&bytes) {
        return checked(with(encoding, &bytes));
    }
    if is_damaged_utf_8(&bytes) {
        return checked(with(UTF_8, &bytes));
    }
    let named = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    // A document that names UTF-8 and is none is no authority.
    if let Some(encoding) =
        named.filter(|encoding| *encoding != UTF_8 && !encoding.is_single_byte())
    {
        let decoded = with(encoding, &bytes);
        if !decoded.lossy {
            return checked(decoded);
        }
    }
    checked(with(guess(&bytes), &bytes))
}

/// Whether the head of a file is text for certain, so that a magic number of two letters
/// ("BM" of a bitmap) does not make a picture of a note on cars.
pub(crate) fn is_plain(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.contains('\0') && controls_are_few(valid)
}

fn with(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    // GB18030 is GBK and more.
    let encoding = if encoding == GBK { GB18030 } else { encoding };
    let (text, lossy) = encoding.decode_without_bom_handling(bytes);
    Decoded {
        text: text.into_owned(),
        encoding: encoding.name(),
        lossy,
    }
}

fn checked(mut decoded: Decoded) -> Result<Decoded, NotText> {
    if !controls_are_few(&decoded.text) {
        return Err(NotText);
    }
    if decoded.lossy {
        let damaged = decoded
            .text
            .chars()
            .filter(|c| *c == char::REPLACEMENT_CHARACTER)
            .count();
        if damaged * GOOD_PER_DAMAGED > decoded.text.chars().count() {
            return Err(NotText);
        }
    }
    if decoded.text.contains('\r') {
        decoded.text = decoded.text.replace("\r\n", "\n").replace('\r', "\n");
    }
    Ok(decoded)
}

fn controls_are_few(text: &str) -> bool {
    let (mut chars, mut controls) = (0, 0);
    for c in text.chars() {
        chars += 1;
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b' | '\u{85}') {
            controls += 1;
        }
    }
    controls <= CONTROLS_FREE || controls * CHARS_PER_CONTROL <= chars
}

/// UTF-16 betrays itself by the zeros of its ASCII, or by being all Han, kana and
/// full-width punctuation when read as such, which no other encoding's bytes are.
fn utf_16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    if bytes.len() < 4 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let sample = &bytes[..bytes.len().min(UTF_16_SAMPLE_BYTES)];
    [(UTF_16LE, u16::from_le_bytes as fn([u8; 2]) -> u16), (UTF_16BE, u16::from_be_bytes)]
        .into_iter()
        .find(|(_, read)| {
            let mut likely = 0;
            let mut breaks = 0;
            let mut units = 0;
            for pair in sample.chunks_exact(2) {
                let unit = read([pair[0], pair[1]]);
                units += 1;
                likely += usize::from(matches!(unit,
                    0x09 | 0x0A | 0x0D | 0x20..=0x7E | 0xA0..=0x24F | 0x370..=0x4FF | 0x2010..=0x203B
                    | 0x3000..=0x30FF | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 | 0xFF01..=0xFF5E));
                breaks += usize::from(matches!(unit, 0x0A | 0x20 | 0x2E | 0x3001 | 0x3002 | 0xFF0C));
            }
            likely * 100 >= units * 97 && breaks * 300 >= units
        })
        .map(|(encoding, _)| encoding)
}

/// Whether the bytes are UTF-8 with a few holes: a file cut in the middle of a
/// character, a log with some binary in it.
fn is_damaged_utf_8(bytes: &[u8]) -> bool {
    let (mut good, mut damaged) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        damaged += usize::from(!chunk.invalid().is_empty());
    }
    damaged * GOOD_PER_DAMAGED < good
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    let sample = &bytes[..bytes.len().min(GUESS_MAX_BYTES)];
    detector.feed(sample, sample.len() == bytes.len());
    detector.guess(None, chardetng::Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, EUC_JP, EUC_KR, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    const ZH: &str = "训练成本每年下降多少？这是一个值得讨论的问题，我们今天来聊一聊人工智能。\n第二行，关于脑机接口的发展。\n";
    const ZH_HANT: &str =
        "個人知識庫與智能代理，這是一個值得討論的問題。\n我們今天來聊一聊人工智慧的發展與未來。\n";
    const JA: &str =
        "これは日本語の文章です。文字コードの判定を確かめるために書きました。\n二行目です。\n";
    const KO: &str = "이것은 한국어 문장입니다. 문자 인코딩을 확인하기 위해 작성했습니다.\n";
    const RU: &str = "Быстрая коричневая лиса перепрыгивает через ленивую собаку.\n";
    const FR: &str = "Les élèves étaient déjà là, près de la fenêtre, où l'on voyait la forêt.\n";

    fn read(bytes: &[u8]) -> (String, &'static str) {
        let decoded = decode(bytes.to_vec(), None).unwrap();
        assert!(!decoded.lossy);
        (decoded.text, decoded.encoding)
    }

    #[test]
    fn legacy_encodings_are_told_apart() {
        for (encoding, text) in [
            (GB18030, ZH),
            (BIG5, ZH_HANT),
            (SHIFT_JIS, JA),
            (EUC_JP, JA),
            (EUC_KR, KO),
            (WINDOWS_1251, RU),
            (WINDOWS_1252, FR),
        ] {
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable);
            assert_eq!(read(&bytes), (text.to_owned(), encoding.name()));
        }
    }

    #[test]
    fn unicode_with_and_without_marks() {
        for text in [ZH, ZH_HANT, JA, FR, "plain ASCII, nothing else\n"] {
            assert_eq!(read(text.as_bytes()), (text.to_owned(), "UTF-8"));
            let marked = format!("\u{feff}{text}");
            assert_eq!(read(marked.as_bytes()).0, text);
            let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(read(&le), (text.to_owned(), "UTF-16LE"), "{text}");
            let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(read(&be), (text.to_owned(), "UTF-16BE"), "{text}");
            let le_marked: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(read(&le_marked).0, text);
        }
    }

    #[test]
    fn damaged_utf_8_stays_utf_8() {
        let mut bytes = ZH.repeat(3).into_bytes();
        bytes[31] = 0xFF;
        bytes.pop();
        bytes.pop();
        let decoded = decode(bytes, None).unwrap();
        assert!(decoded.lossy);
        assert_eq!(decoded.encoding, "UTF-8");
        assert!(decoded.text.contains("人工智能"));
    }

    #[test]
    fn a_document_that_names_its_encoding_is_heard() {
        let (bytes, _, _) = BIG5.encode("短文");
        let decoded = decode(bytes.into_owned(), Some("big5")).unwrap();
        assert_eq!(decoded.text, "短文");
    }

    #[test]
    fn binary_is_no_text() {
        let mut state = 1_u32;
        let junk: Vec<u8> = (0..5000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        assert_eq!(decode(junk.clone(), None), Err(NotText));
        assert_eq!(decode(junk[..300].to_vec(), None), Err(NotText));
        assert_eq!(decode(vec![0; 4096], None), Err(NotText));
        assert!(!is_plain(&junk));
        assert!(is_plain("BMW 是一种汽车".as_bytes()));
        assert!(is_plain(&"汽车".as_bytes()[..4]));
    }

    #[test]
    fn line_ends_become_one() {
        assert_eq!(read(b"a\r\nb\rc\n").0, "a\nb\nc\n");
    }
}
