//! What a file is by its first bytes.
//!
//! Names lie: a PNG saved as `.pdf`, a web page of an error saved as `.pdf`, junk saved as
//! `.txt`. The bytes decide what is read; where they contradict the name the user is told.

use super::{encoding, picture};
use crate::extraction::Refusal;
use crate::format::{Format, Known, NEEDS_FFMPEG, Named, Unread};

const STAGE: &str = "sniff";
/// So much of a file is looked at.
pub(crate) const HEAD_BYTES: usize = 8 << 10;
/// A PDF's header may stand behind this much of something else (readers allow it).
const PDF_HEADER_WITHIN_BYTES: usize = 1024;

/// How to read a file, or why not.
pub(crate) fn decide(head: &[u8], named: Named) -> Result<Known, Refusal> {
    if is_pdf(head) {
        return Ok(Known {
            format: Format::Pdf,
            class: "pdf",
            mime: "application/pdf",
        });
    }
    let plain = encoding::is_plain(head);
    if let Some(form) = picture::Form::of(head)
        && is_meant(form, plain, named)
    {
        return Ok(Known {
            format: Format::Picture,
            class: "picture",
            mime: form.mime(),
        });
    }
    if let Some(noun) = sound(head, plain) {
        return match named {
            Named::As(known) if is_sound(known) => Ok(Known {
                format: Format::Sound,
                ..known
            }),
            Named::As(known) => Err(Refusal::failed(
                STAGE,
                format!("named {} but is {noun}", announced(known)),
            )),
            Named::Unread(_) | Named::Unknown => Ok(SOUND),
        };
    }
    if let Some((unread, noun)) = foreign(head, plain) {
        return Err(match named {
            // Another picture or recording under this one's name is no mistake of the user's.
            Named::As(known)
                if known.format == Format::Picture && is_picture(unread)
                    || known.format == Format::Sound
                        && matches!(unread, Unread::Audio | Unread::Video) =>
            {
                Refusal::skipped(STAGE, unread.reason())
            }
            Named::As(known)
                if known.format == Format::ForeignSound
                    && matches!(unread, Unread::Audio | Unread::Video) =>
            {
                needs_ffmpeg()
            }
            Named::As(known) => {
                Refusal::failed(STAGE, format!("named {} but is {noun}", announced(known)))
            }
            Named::Unread(_) | Named::Unknown => Refusal::skipped(STAGE, unread.reason()),
        });
    }
    match named {
        Named::As(known) if matches!(known.format, Format::Pdf | Format::Picture) => {
            let what = misnamed(head, plain, known.format);
            Err(Refusal::failed(
                STAGE,
                format!("named {} but {what}", announced(known)),
            ))
        }
        Named::As(known) if is_sound(known) => match no_sound(head, plain) {
            Some(reason) => Err(Refusal::failed(STAGE, reason)),
            None if known.format == Format::ForeignSound => Err(needs_ffmpeg()),
            None => Ok(known),
        },
        Named::As(known) if known.class == "text" => Ok(plain_text_in_dress(head).unwrap_or(known)),
        Named::As(known) => Ok(known),
        Named::Unread(unread) => Err(Refusal::skipped("name", unread.reason())),
        Named::Unknown => Ok(nameless(head)),
    }
}

/// Whether bytes like a picture's are one under this name. Letters may begin like a signature;
/// and an SVG is text, which is read as text where the name says so.
fn is_meant(form: picture::Form, plain: bool, named: Named) -> bool {
    if form != picture::Form::Svg {
        return !plain;
    }
    match named {
        Named::As(known) => known.format == Format::Picture,
        Named::Unread(unread) => is_picture(unread),
        Named::Unknown => true,
    }
}

fn is_sound(known: Known) -> bool {
    matches!(known.format, Format::Sound | Format::ForeignSound)
}

/// The refusal of a recording that ffmpeg was to make plain sound of, and has not.
fn needs_ffmpeg() -> Refusal {
    let reason = "a recording or film of a kind that ffmpeg has to decode, which is not installed \
                  (Debian: apt install ffmpeg): it is read when hippo starts with it";
    Refusal::skipped(NEEDS_FFMPEG, reason)
}

/// The refusal of a file that was to be text and is none.
pub(crate) fn not_text(named: Named) -> Refusal {
    match named {
        Named::As(known) => Refusal::failed(
            "decode",
            format!("named {} but is binary data, not text", announced(known)),
        ),
        Named::Unread(unread) => Refusal::skipped("name", unread.reason()),
        Named::Unknown => Refusal::skipped("decode", Unread::Other.reason()),
    }
}

/// What the name announces: one word for the class, so that equal bytes of one class give
/// equal reasons.
fn announced(known: Known) -> String {
    match known.class {
        "text" => ".txt".to_owned(),
        "markdown" => ".md".to_owned(),
        "code" => "like source code".to_owned(),
        "sound" => "like a recording".to_owned(),
        "picture" => "like a picture".to_owned(),
        other => format!(".{other}"),
    }
}

fn is_pdf(head: &[u8]) -> bool {
    let head = &head[..head.len().min(PDF_HEADER_WITHIN_BYTES)];
    head.windows(5).any(|window| window == b"%PDF-")
}

/// What the user is told of bytes that are read as something else than they are named.
/// Equal bytes of one class get equal notes, so nothing is said of a PNG named .jpg.
pub(crate) fn contradiction(known: Known, named: Named) -> Option<String> {
    match named {
        Named::As(other) if known.format == Format::Picture && other.class != known.class => {
            Some(format!("named {} but is a picture", announced(other)))
        }
        _ => None,
    }
}

fn is_picture(unread: Unread) -> bool {
    matches!(
        unread,
        Unread::Heic | Unread::Avif | Unread::Drawing | Unread::RawPhoto | Unread::Picture
    )
}

/// What the bytes are, when they are something that is not read.
fn foreign(head: &[u8], plain: bool) -> Option<(Unread, String)> {
    if head.starts_with(b"{\\rtf") {
        return Some((Unread::Office, "an RTF document".to_owned()));
    }
    if plain {
        return None;
    }
    let found = infer::get(head)?;
    let (unread, noun) = match found.mime_type() {
        "application/x-ole-storage" => (
            Unread::Office,
            "an office document of the old kind".to_owned(),
        ),
        "application/epub+zip" | "application/x-mobipocket-ebook" | "image/vnd.djvu" => {
            (Unread::Book, "an e-book".to_owned())
        }
        "application/vnd.sqlite3" => (Unread::Other, "a database".to_owned()),
        "image/heif" => (Unread::Heic, "a HEIC picture".to_owned()),
        "image/avif" => (Unread::Avif, "an AVIF picture".to_owned()),
        "image/x-canon-cr2" => (Unread::RawPhoto, "a camera's raw picture".to_owned()),
        _ => match found.matcher_type() {
            infer::MatcherType::Image => (Unread::Picture, article(found.extension(), "picture")),
            infer::MatcherType::Audio => (Unread::Audio, article(found.extension(), "recording")),
            infer::MatcherType::Video => (Unread::Video, article(found.extension(), "video")),
            infer::MatcherType::Doc => (Unread::Office, article(found.extension(), "document")),
            infer::MatcherType::Book => (Unread::Book, "an e-book".to_owned()),
            infer::MatcherType::Archive => (Unread::Archive, article(found.extension(), "archive")),
            infer::MatcherType::App => (Unread::Other, "a program".to_owned()),
            infer::MatcherType::Font => (Unread::Other, "a font".to_owned()),
            infer::MatcherType::Text | infer::MatcherType::Custom => return None,
        },
    };
    Some((unread, noun))
}

/// "a PNG picture", "an MP3 recording".
fn article(extension: &str, noun: &str) -> String {
    let name = match extension {
        "jpg" => "JPEG".to_owned(),
        "tif" => "TIFF".to_owned(),
        "gz" => "gzip".to_owned(),
        other => other.to_ascii_uppercase(),
    };
    // The letters whose names begin with a vowel: an "em pee three".
    let article = if name.starts_with(['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X'])
    {
        "an"
    } else {
        "a"
    };
    format!("{article} {name} {noun}")
}

/// What the bytes are, when they are sound that is read: a name for it.
fn sound(head: &[u8], plain: bool) -> Option<&'static str> {
    if plain {
        return None;
    }
    let at = |from: usize, len: usize| head.get(from..from + len).unwrap_or_default();
    match (at(0, 4), at(8, 4)) {
        (b"RIFF", b"WAVE") => return Some("a WAV recording"),
        (b"FORM", b"AIFF" | b"AIFC") => return Some("an AIFF recording"),
        (b"fLaC", _) => return Some("a FLAC recording"),
        (b"OggS", _) => return Some("an Ogg recording"),
        (b"caff", _) => return Some("a CAF recording"),
        (b"\x1A\x45\xDF\xA3", _) => return Some("a Matroska video"),
        _ => {}
    }
    if at(4, 4) == b"ftyp" {
        return match at(8, 4) {
            // Pictures live in the same boxes.
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"avif"
            | b"avis" | b"crx " => None,
            b"M4A " | b"M4B " | b"M4P " => Some("an M4A recording"),
            b"qt  " => Some("a QuickTime video"),
            _ => Some("an MP4 video"),
        };
    }
    if head.starts_with(b"ID3") {
        return Some("an MP3 recording");
    }
    match infer::get(head)?.mime_type() {
        "audio/mpeg" => Some("an MP3 recording"),
        "audio/aac" => Some("an AAC recording"),
        _ => None,
    }
}

const SOUND: Known = Known {
    format: Format::Sound,
    class: "sound",
    mime: "audio/*",
};

/// What is surely no recording, whatever its name.
fn no_sound(head: &[u8], plain: bool) -> Option<&'static str> {
    if looks_like_html(head) {
        Some("named like a recording but is a web page (often a failed download)")
    } else if head.iter().all(|byte| *byte == 0) {
        Some("named like a recording but holds only zeros (often an unfinished download)")
    } else if plain {
        Some("named like a recording but is plain text")
    } else {
        None
    }
}

/// What stands in place of a format that has a signature.
fn misnamed(head: &[u8], plain: bool, wanted: Format) -> &'static str {
    if looks_like_html(head) {
        "is a web page (often a failed download)"
    } else if head.iter().all(|byte| *byte == 0) {
        "holds only zeros (often an unfinished download)"
    } else if plain {
        "is plain text"
    } else if wanted == Format::Pdf {
        "has no PDF header: damaged, or something else"
    } else {
        "has no header of a picture that hippo reads: damaged, or something else"
    }
}

/// Text under a text's name that has a better reading.
fn plain_text_in_dress(head: &[u8]) -> Option<Known> {
    let start = trimmed(head);
    if start.starts_with(b"WEBVTT") {
        Some(VTT)
    } else if super::subtitle::looks_like_srt(&String::from_utf8_lossy(
        &head[..head.len().min(512)],
    )) {
        Some(SRT)
    } else {
        None
    }
}

const VTT: Known = Known {
    format: Format::Vtt,
    class: "vtt",
    mime: "text/vtt",
};
const SRT: Known = Known {
    format: Format::Srt,
    class: "srt",
    mime: "application/x-subrip",
};

/// A name that says nothing: markers in the text may.
fn nameless(head: &[u8]) -> Known {
    if let Some(known) = plain_text_in_dress(head) {
        return known;
    }
    let start = trimmed(head);
    let (format, class, mime) = if looks_like_html(head) {
        (Format::Html, "html", "text/html")
    } else if start.starts_with(b"<?xml") {
        (Format::Xml, "xml", "text/xml")
    } else if start.starts_with(b"#!") {
        (Format::Code, "code", "text/x-source")
    } else if start.starts_with(b"{") || start.starts_with(b"[{") {
        (Format::Json, "json", "application/json")
    } else {
        (Format::Text, "text", "text/plain")
    };
    Known {
        format,
        class,
        mime,
    }
}

fn looks_like_html(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&trimmed(head)[..trimmed(head).len().min(1024)])
        .to_ascii_lowercase();
    start.starts_with("<!doctype html")
        || start.starts_with("<html")
        || (start.starts_with('<') && start.contains("<html"))
}

/// Without the byte order mark and leading space.
fn trimmed(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(head)
        .trim_ascii_start()
}

#[cfg(test)]
mod tests;
