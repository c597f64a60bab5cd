//! What a picture's metadata says: EXIF's time, camera and place, and whatever title,
//! description and keywords somebody gave it.
//!
//! Cameras fill these fields too, with zeros for a time they do not know and their own name
//! for a description; that is left out. What EXIF, XMP and IPTC all say is said once.

use exif::{Exif, In, Reader, Tag, Value};

use super::caption;
use crate::extraction::Shot;
use crate::parse::gazetteer;
use crate::parse::prose::as_claim;

/// The tag in which Windows keeps a title, in UTF-16.
const XP_TITLE: Tag = Tag(exif::Context::Tiff, 0x9C9B);
/// A comment, likewise.
const XP_COMMENT: Tag = Tag(exif::Context::Tiff, 0x9C9C);
/// Keywords with semicolons between them, likewise.
const XP_KEYWORDS: Tag = Tag(exif::Context::Tiff, 0x9C9E);
/// What cameras write where a person would describe the picture.
const CAMERAS_OWN: [&str; 4] = ["digital camera", "sony dsc", "dcim", "camera phone"];

/// What is known of a picture besides its pixels.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) keywords: Vec<String>,
    pub(super) author: Option<String>,
    pub(super) shot: Option<Shot>,
    /// What stands in the picture as text, a line for each piece of it.
    pub(super) writing: String,
}

impl About {
    /// The words by which the picture is found, a line each.
    pub(super) fn text(&self) -> String {
        let keywords = self.keywords.join(", ");
        let place = self.shot.as_ref().and_then(|shot| shot.place.as_deref());
        let mut lines: Vec<&str> = Vec::new();
        for line in [
            self.title.as_deref().unwrap_or_default(),
            self.description.as_deref().unwrap_or_default(),
            keywords.as_str(),
            place.unwrap_or_default(),
        ]
        .into_iter()
        .chain(self.writing.lines())
        {
            if !line.is_empty() && !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines.join("\n")
    }

    /// Takes over what it does not know itself.
    fn complete(&mut self, other: About) {
        self.title = self.title.take().or(other.title);
        self.description = self.description.take().or(other.description);
        self.author = self.author.take().or(other.author);
        for keyword in other.keywords {
            if !self.keywords.contains(&keyword) {
                self.keywords.push(keyword);
            }
        }
    }
}

/// Reads what there is of the three. XMP counts first: programs for pictures write it in
/// full and keep it up to date.
pub(super) fn about(exif: Option<Vec<u8>>, xmp: Option<&[u8]>, iptc: Option<&[u8]>) -> About {
    let mut about = About::default();
    if let Some(xmp) = xmp {
        about.complete(caption::xmp(&String::from_utf8_lossy(xmp)));
    }
    if let Some(iptc) = iptc {
        about.complete(caption::iptc(iptc));
    }
    if let Some(exif) = exif.and_then(parse) {
        about.complete(from_exif(&exif));
        about.shot = shot(&exif);
    }
    about
}

/// Tolerant: what can be read of damaged metadata is worth having.
fn parse(bytes: Vec<u8>) -> Option<Exif> {
    // WebP's chunk sometimes brings the mark of JPEG's segment along.
    let bytes = match bytes.strip_prefix(b"Exif\0\0") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    Reader::new()
        .continue_on_error(true)
        .read_raw(bytes)
        .or_else(|error| error.distill_partial_result(|_| {}))
        .ok()
}

fn from_exif(exif: &Exif) -> About {
    let person = |text: &String| {
        let lower = text.to_lowercase();
        !CAMERAS_OWN.iter().any(|own| lower.contains(own))
    };
    About {
        title: utf_16(exif, XP_TITLE).and_then(|text| as_claim(&text)),
        description: ascii(exif, Tag::ImageDescription)
            .filter(person)
            .or_else(|| utf_16(exif, XP_COMMENT).filter(person))
            .and_then(|text| caption::as_caption(&text)),
        keywords: utf_16(exif, XP_KEYWORDS)
            .map(|keywords| {
                keywords
                    .split(';')
                    .filter_map(as_claim)
                    .take(caption::KEYWORDS_MAX)
                    .collect()
            })
            .unwrap_or_default(),
        author: ascii(exif, Tag::Artist).and_then(|text| as_claim(&text)),
        shot: None,
        writing: String::new(),
    }
}

fn shot(exif: &Exif) -> Option<Shot> {
    let position = position(exif);
    let shot = Shot {
        time: time(exif),
        camera: camera(exif),
        position: position.map(gazetteer::position),
        place: position.and_then(gazetteer::name_of),
    };
    (shot != Shot::default()).then_some(shot)
}

/// When it was taken, or at least made, with the zone that belongs to that clock.
fn time(exif: &Exif) -> Option<String> {
    [
        (Tag::DateTimeOriginal, Tag::OffsetTimeOriginal),
        (Tag::DateTimeDigitized, Tag::OffsetTimeDigitized),
        (Tag::DateTime, Tag::OffsetTime),
    ]
    .into_iter()
    .find_map(|(time, zone)| {
        let mut at = exif::DateTime::from_ascii(ascii(exif, time)?.as_bytes()).ok()?;
        let known = (1..=9999).contains(&at.year)
            && (1..=12).contains(&at.month)
            && (1..=31).contains(&at.day)
            && at.hour < 24
            && at.minute < 60
            && at.second <= 60;
        if !known {
            return None;
        }
        if let Some(zone) = ascii(exif, zone) {
            // A zone that cannot be read leaves the time as it is.
            let _ = at.parse_offset(zone.as_bytes());
        }
        let zone = at.offset.map_or_else(String::new, |minutes| {
            let sign = if minutes < 0 { '-' } else { '+' };
            let minutes = minutes.unsigned_abs();
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        });
        Some(format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{zone}",
            at.year, at.month, at.day, at.hour, at.minute, at.second
        ))
    })
}

/// "Canon EOS R5", not "Canon Canon EOS R5".
fn camera(exif: &Exif) -> Option<String> {
    let maker = ascii(exif, Tag::Make).and_then(|text| as_claim(&text));
    let model = ascii(exif, Tag::Model).and_then(|text| as_claim(&text));
    match (maker, model) {
        (Some(maker), Some(model)) => {
            let first = maker.split(' ').next().unwrap_or(&maker).to_lowercase();
            Some(if model.to_lowercase().starts_with(&first) {
                model
            } else {
                format!("{maker} {model}")
            })
        }
        (maker, model) => model.or(maker),
    }
}

fn position(exif: &Exif) -> Option<(f64, f64)> {
    let latitude = degrees(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, "S", 90.0)?;
    let longitude = degrees(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, "W", 180.0)?;
    // A receiver without a fix writes zeros, and nobody lives there.
    (latitude != 0.0 || longitude != 0.0).then_some((latitude, longitude))
}

fn degrees(exif: &Exif, value: Tag, side: Tag, negative: &str, most: f64) -> Option<f64> {
    let Value::Rational(parts) = &exif.get_field(value, In::PRIMARY)?.value else {
        return None;
    };
    let part = |nth: usize| parts.get(nth).map_or(0.0, exif::Rational::to_f64);
    let degrees = part(0) + part(1) / 60.0 + part(2) / 3600.0;
    let south_or_west = ascii(exif, side).is_some_and(|side| side.eq_ignore_ascii_case(negative));
    // Not a number is in no range.
    (0.0..=most)
        .contains(&degrees)
        .then_some(if south_or_west { -degrees } else { degrees })
}

/// A field of one text. The format says ASCII; people write what they speak.
fn ascii(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(texts) = &exif.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let text = String::from_utf8_lossy(texts.first()?);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

fn utf_16(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Byte(bytes) = &exif.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|unit| *unit != 0)
        .collect();
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use exif::experimental::Writer;
    use exif::{Field, Rational};

    fn written(fields: &[(Tag, Value)]) -> Vec<u8> {
        let fields: Vec<Field> = fields
            .iter()
            .map(|(tag, value)| Field {
                tag: *tag,
                ifd_num: In::PRIMARY,
                value: value.clone(),
            })
            .collect();
        let mut writer = Writer::new();
        for field in &fields {
            writer.push_field(field);
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        writer.write(&mut bytes, false).unwrap();
        bytes.into_inner()
    }

    fn text(text: &str) -> Value {
        Value::Ascii(vec![text.as_bytes().to_vec()])
    }

    fn angle(degrees: u32, minutes: u32, centiseconds: u32) -> Value {
        let part = |num, denom| Rational { num, denom };
        Value::Rational(vec![
            part(degrees, 1),
            part(minutes, 1),
            part(centiseconds, 100),
        ])
    }

    #[test]
    fn a_phone_says_when_where_and_what() {
        let exif = written(&[
            (Tag::Make, text("Canon")),
            (Tag::Model, text("Canon EOS R5")),
            (Tag::DateTimeOriginal, text("2024:05:17 14:03:22")),
            (Tag::OffsetTimeOriginal, text("+08:00")),
            (Tag::DateTime, text("2025:01:01 00:00:00")),
            (Tag::GPSLatitude, angle(33, 51, 2_484)),
            (Tag::GPSLatitudeRef, text("S")),
            (Tag::GPSLongitude, angle(151, 12, 5_400)),
            (Tag::GPSLongitudeRef, text("E")),
            (Tag::ImageDescription, text("港口 at dusk")),
            (Tag::Artist, text("Li Lei")),
        ]);
        let about = about(Some([b"Exif\0\0".to_vec(), exif].concat()), None, None);
        let shot = about.shot.as_ref().unwrap();
        assert_eq!(shot.time.as_deref(), Some("2024-05-17T14:03:22+08:00"));
        assert_eq!(shot.camera.as_deref(), Some("Canon EOS R5"));
        assert_eq!(shot.position.as_deref(), Some("-33.85690, 151.21500"));
        let place = "Sydney Central Business District, Sydney 悉尼 雪梨, New South Wales 新南威尔士州, Australia 澳大利亚";
        assert_eq!(shot.place.as_deref(), Some(place));
        assert_eq!(about.author.as_deref(), Some("Li Lei"));
        assert_eq!(about.text(), format!("港口 at dusk\n{place}"));
    }

    #[test]
    fn what_a_camera_does_not_know_is_left_out() {
        let exif = written(&[
            (Tag::Make, text("OLYMPUS CORPORATION")),
            (Tag::Model, text("E-M1")),
            (Tag::DateTimeOriginal, text("0000:00:00 00:00:00")),
            (Tag::GPSLatitude, angle(0, 0, 0)),
            (Tag::GPSLongitude, angle(0, 0, 0)),
            (Tag::ImageDescription, text("OLYMPUS DIGITAL CAMERA")),
        ]);
        let known = about(Some(exif), None, None);
        let shot = known.shot.as_ref().unwrap();
        assert_eq!(shot.camera.as_deref(), Some("OLYMPUS CORPORATION E-M1"));
        assert_eq!((shot.time.as_ref(), shot.place.as_ref()), (None, None));
        assert_eq!(known.text(), "");
        assert_eq!(about(Some(b"junk".to_vec()), None, None), About::default());
    }

    #[test]
    fn a_place_that_cannot_be_is_none() {
        let nowhere = Value::Rational(vec![Rational { num: 1, denom: 0 }; 3]);
        let exif = written(&[
            (Tag::GPSLatitude, nowhere),
            (Tag::GPSLongitude, angle(10, 0, 0)),
        ]);
        assert_eq!(about(Some(exif), None, None).shot, None);
    }

    #[test]
    fn windows_titles_and_keywords_are_read() {
        let wide =
            |text: &str| Value::Byte(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        let exif = written(&[
            (XP_TITLE, wide("毕业典礼")),
            (XP_KEYWORDS, wide("family;学校; \0rest")),
        ]);
        let about = about(Some(exif), None, None);
        assert_eq!(about.title.as_deref(), Some("毕业典礼"));
        assert_eq!(about.text(), "毕业典礼\nfamily, 学校");
    }
}
