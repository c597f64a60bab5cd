//! Titles, descriptions and keywords out of XMP and IPTC.
//!
//! XMP is RDF in XML, and could say the same in many ways; every program says it in one:
//! Dublin Core's elements with items in them. Those are looked for in the text, so that a
//! packet which is cut or nested ten thousand deep costs no more than reading it once.
//! IPTC's data sets are numbers, lengths and text, wrapped in a resource of Photoshop's.

use super::about::About;
use crate::parse::prose::{TITLE_MAX_CHARS, as_claim};

/// Keywords of one picture: an agency's have some fifty.
pub(super) const KEYWORDS_MAX: usize = 100;

/// Characters of a description: an agency's caption has some five hundred.
const CAPTION_MAX_CHARS: usize = 4_000;

/// Photoshop's resource that holds IPTC's data sets.
const IPTC_RESOURCE: u16 = 0x0404;

/// A description: a sentence or several, on one line.
pub(super) fn as_caption(text: &str) -> Option<String> {
    let short = as_claim(text);
    if short.is_some() || text.chars().count() <= TITLE_MAX_CHARS {
        return short;
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(line.chars().take(CAPTION_MAX_CHARS).collect())
}

/// What an XMP packet calls the picture.
pub(super) fn xmp(packet: &str) -> About {
    About {
        title: items(packet, "dc:title").find_map(|text| as_claim(&text)),
        description: items(packet, "dc:description").find_map(|text| as_caption(&text)),
        keywords: items(packet, "dc:subject")
            .filter_map(|text| as_claim(&text))
            .take(KEYWORDS_MAX)
            .collect(),
        author: items(packet, "dc:creator").find_map(|text| as_claim(&text)),
        shot: None,
        writing: String::new(),
    }
}

/// The texts of the `<rdf:li>` inside an element.
fn items<'a>(packet: &'a str, element: &str) -> impl Iterator<Item = String> + use<'a> {
    let inside = between(packet, &format!("<{element}"), &format!("</{element}>")).unwrap_or("");
    inside.split("<rdf:li").skip(1).filter_map(|item| {
        let (attributes, text) = item.split_once('>')?;
        if attributes.ends_with('/') {
            return None;
        }
        Some(unescaped(text.split('<').next()?))
    })
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let after = &text[text.find(start)? + start.len()..];
    Some(&after[..after.find(end)?])
}

/// XML's five entities, and characters by their number.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').map(|end| (&rest[1..end], end + 1));
        let known = entity.and_then(|(name, len)| Some((character(name)?, len)));
        // What is no entity stays as it is.
        let (character, len) = known.unwrap_or(('&', 1));
        out.push(character);
        rest = &rest[len..];
    }
    out.push_str(rest);
    out
}

fn character(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

/// What IPTC's data sets call the picture, as JPEG's Photoshop segment holds them.
pub(super) fn iptc(segment: &[u8]) -> About {
    let mut about = About::default();
    let Some(sets) = resource(segment, IPTC_RESOURCE) else {
        return about;
    };
    let mut rest = sets;
    // A mark, the record, the set, a length of two bytes (longer ones are for no text).
    while let [0x1C, record, set, high, low, after @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, after)) = after.split_at_checked(len) else {
            break;
        };
        rest = after;
        let claim = || as_claim(&text_of(value));
        match (record, set) {
            (2, 5) => about.title = about.title.or_else(claim),
            (2, 120) => {
                about.description = about.description.or_else(|| as_caption(&text_of(value)));
            }
            (2, 80) => about.author = about.author.or_else(claim),
            (2, 25) if about.keywords.len() < KEYWORDS_MAX => about.keywords.extend(claim()),
            _ => {}
        }
    }
    about
}

/// Most of it is UTF-8 by now, whatever it declares; the rest is Latin.
fn text_of(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(value).0.into_owned(),
    }
}

/// The resource of this number, out of Photoshop's list: "8BIM", the number, a name and the
/// data, both padded to even lengths.
fn resource(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let [b'8', b'B', b'I', b'M', high, low, name_len, after @ ..] = rest else {
            return None;
        };
        let name = (usize::from(*name_len) + 1).next_multiple_of(2) - 1;
        let (len, after) = after.get(name..)?.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (data, after) = after.split_at_checked(len)?;
        if u16::from_be_bytes([*high, *low]) == wanted {
            return Some(data);
        }
        rest = after.get(len % 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dublin_core_is_found_in_a_packet() {
        let packet = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description>
            <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Fish &amp; chips &#x4E2D;</rdf:li></rdf:Alt></dc:title>
            <dc:subject><rdf:Bag><rdf:li>海边</rdf:li><rdf:li/><rdf:li>pier</rdf:li></rdf:Bag></dc:subject>
            <dc:creator><rdf:Seq><rdf:li>A &unknown; B</rdf:li></rdf:Seq></dc:creator>
            </rdf:Description></rdf:RDF></x:xmpmeta>"#;
        let about = xmp(packet);
        assert_eq!(about.title.as_deref(), Some("Fish & chips 中"));
        assert_eq!(about.keywords, ["海边", "pier"]);
        assert_eq!(about.author.as_deref(), Some("A &unknown; B"));
        assert_eq!(about.description, None);
        for end in 0..packet.len() {
            if packet.is_char_boundary(end) {
                xmp(&packet[..end]);
            }
        }
    }

    #[test]
    fn iptc_is_found_among_photoshops_resources() {
        let set = |number: u8, text: &[u8]| {
            let len = (text.len() as u16).to_be_bytes();
            [&[0x1C, 2, number, len[0], len[1]], text].concat()
        };
        let sets = [
            set(5, "标题".as_bytes()),
            set(25, b"caf\xE9"),
            set(25, b"sea"),
            set(120, b"A quiet pier"),
        ]
        .concat();
        let resource = |number: u16, data: &[u8]| {
            let mut bytes = [b"8BIM", &number.to_be_bytes()[..], &[0, 0]].concat();
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(data);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
            bytes
        };
        let segment = [resource(0x03ED, b"odd"), resource(IPTC_RESOURCE, &sets)].concat();
        let about = iptc(&segment);
        assert_eq!(about.title.as_deref(), Some("标题"));
        assert_eq!(about.keywords, ["café", "sea"]);
        assert_eq!(about.description.as_deref(), Some("A quiet pier"));
        for end in 0..segment.len() {
            iptc(&segment[..end]);
        }
    }
}
