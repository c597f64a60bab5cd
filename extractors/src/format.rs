//! What a file's name and size tell before a byte of it is read.
//!
//! Names lie, so nothing here is a promise about the bytes: `parse::sniff` looks at
//! those. What the name is good for is to leave millions of files unopened
//! ([`refuse_unread`]) and to choose between readings of the same text
//! ([`format_class`]: a `.md` and a `.txt` of the same bytes give other segments).

mod names;

use std::ffi::OsStr;

use hippo_config::Limits;

use crate::extraction::Refusal;

/// How far a recording came that waits for ffmpeg to be installed.
pub const NEEDS_FFMPEG: &str = "ffmpeg";

/// Whether this build decodes HEIC and AVIF.
const HEIF: bool = cfg!(feature = "heif");

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Text,
    Markdown,
    Html,
    Xml,
    Code,
    Csv,
    Tsv,
    Json,
    JsonLines,
    Notebook,
    Srt,
    Vtt,
    Lrc,
    Pdf,
    /// A recording, or a film's sound track.
    Sound,
    /// The same of a kind that ffmpeg has to make plain sound of first.
    ForeignSound,
    Picture,
}

/// Kinds that a name may announce and that hippo does not read yet, or never will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unread {
    Heic,
    Avif,
    Drawing,
    RawPhoto,
    Picture,
    Audio,
    Video,
    Office,
    Book,
    Mail,
    Archive,
    Other,
}

impl Unread {
    /// Why such a file is skipped.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Unread::Heic if HEIF => {
                "a HEIC picture of a kind that hippo cannot decode: save it as JPEG"
            }
            Unread::Heic => {
                "a HEIC picture, and this hippo was built without the feature heif, which decodes \
                 it: save it as JPEG (phones take JPEG when their camera is set to \"most \
                 compatible\")"
            }
            Unread::Avif if HEIF => {
                "an AVIF picture of a kind that hippo cannot decode: save it as PNG"
            }
            Unread::Avif => {
                "an AVIF picture, and this hippo was built without the feature heif, which \
                 decodes it: save it as JPEG, PNG or WebP"
            }
            Unread::Drawing => {
                "a drawing of a kind that hippo does not draw: save it as SVG, PNG or PDF"
            }
            Unread::RawPhoto => {
                "a camera's raw picture, which hippo does not develop: save it as JPEG"
            }
            Unread::Picture => {
                "a kind of picture that hippo cannot decode: save it as JPEG, PNG or WebP"
            }
            Unread::Audio => "a recording of a kind that hippo does not read",
            Unread::Video => "a video of a kind that hippo does not read",
            Unread::Office => "an office document: hippo does not read office documents yet",
            Unread::Book => "an e-book: hippo does not read e-books yet",
            Unread::Mail => "e-mail: hippo does not read e-mail yet",
            Unread::Archive => "an archive: hippo does not look into archives yet",
            Unread::Other => "not a kind that hippo reads",
        }
    }
}

/// What a name announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// A format that hippo reads.
    As(Known),
    /// A kind that it does not.
    Unread(Unread),
    /// Nothing: the bytes must tell.
    Unknown,
}

/// A format with what is said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) format: Format,
    /// Same class and same bytes: same extraction.
    pub(crate) class: &'static str,
    pub(crate) mime: &'static str,
}

/// Longest extension looked at, in bytes: "geojsonl" is 8; what is longer is no
/// extension but a sentence with a dot in it.
const EXTENSION_MAX_BYTES: usize = 12;

/// What the name announces, without regard to case.
pub(crate) fn by_name(name: &OsStr) -> Named {
    let name = name.to_string_lossy();
    let name = name.rsplit('/').next().unwrap_or(&name);
    let lower = name.to_ascii_lowercase();
    if let Some(named) = names::by_whole_name(&lower) {
        return named;
    }
    match lower.rsplit_once('.') {
        // ".bashrc" has no extension; it is a name.
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= EXTENSION_MAX_BYTES => {
            names::by_extension(extension)
        }
        _ => Named::Unknown,
    }
}

/// The largest recording or film: three hours of the best picture. It is streamed, so that
/// memory sets no bound; `parse::sound` bounds how long it may play.
const SOUND_MAX_BYTES: u64 = 64 << 30;

/// The largest file of this format that is read, in bytes.
pub(crate) fn max_bytes(format: Format, limits: &Limits) -> u64 {
    match format {
        Format::Pdf => limits.pdf_max_bytes,
        Format::Picture => limits.picture_max_bytes,
        Format::Srt | Format::Vtt | Format::Lrc => limits.subtitle_max_bytes,
        Format::Sound | Format::ForeignSound => SOUND_MAX_BYTES,
        _ => limits.text_max_bytes,
    }
}

/// The refusal of a file that is larger than its format's limit.
pub(crate) fn refuse_size(stage: &str, size: u64, max_bytes: u64) -> Refusal {
    Refusal::skipped(
        stage,
        format!(
            "too large: {}, and the limit for its kind is {} (see [limits] in the settings)",
            human_bytes(size),
            human_bytes(max_bytes)
        ),
    )
}

/// Whole binary units, as limits are written in.
fn human_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (name, unit) in UNITS {
        if bytes >= unit {
            return format!("{:.1} {name}", bytes as f64 / unit as f64);
        }
    }
    format!("{bytes} bytes")
}

/// From the name and the size alone, before a byte is read: empty files, kinds that
/// hippo does not read, files too large for their kind. `None`: worth opening.
pub fn refuse_unread(name: &OsStr, size: u64, limits: &Limits) -> Option<Refusal> {
    const STAGE: &str = "name";
    if size == 0 {
        return Some(Refusal::skipped(STAGE, "the file is empty"));
    }
    let max_bytes = match by_name(name) {
        Named::Unread(unread) => return Some(Refusal::skipped(STAGE, unread.reason())),
        Named::As(known) => max_bytes(known.format, limits),
        // It may turn out to be anything; `extract` checks again once it knows.
        Named::Unknown => limits
            .pdf_max_bytes
            .max(limits.text_max_bytes)
            .max(limits.picture_max_bytes),
    };
    (size > max_bytes).then(|| refuse_size(STAGE, size, max_bytes))
}

/// The media type that a name announces of a recording or a film that ffmpeg has to make plain
/// sound of before it can be read; none of any other file.
pub fn foreign_sound(name: &OsStr) -> Option<&'static str> {
    match by_name(name) {
        Named::As(known) if known.format == Format::ForeignSound => Some(known.mime),
        _ => None,
    }
}

/// Same class => the same bytes give the same extraction, so content that lies at two
/// paths is extracted once.
pub fn format_class(name: &OsStr) -> &'static str {
    match by_name(name) {
        Named::As(known) => known.class,
        Named::Unread(_) => "unread",
        Named::Unknown => "unknown",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Generous limits for tests that are not about limits.
    pub(crate) fn limits() -> Limits {
        Limits {
            text_max_bytes: 32 << 20,
            pdf_max_bytes: 512 << 20,
            subtitle_max_bytes: 8 << 20,
            file_text_max_bytes: 64 << 20,
            file_max_segments: 200_000,
            pdf_max_pages: 20_000,
            picture_max_bytes: 256 << 20,
            picture_max_pixels: 100_000_000,
        }
    }

    fn unread(name: &str, size: u64) -> Option<String> {
        refuse_unread(OsStr::new(name), size, &limits()).map(|refusal| refusal.reason)
    }

    #[test]
    fn a_name_and_a_size_leave_files_unopened() {
        assert_eq!(unread("a.txt", 0).unwrap(), "the file is empty");
        let heic = unread("Holiday.HEIC", 5);
        assert_eq!(heic.is_none(), HEIF);
        if let Some(heic) = heic {
            assert!(heic.contains("built without the feature heif"), "{heic}");
        }
        assert_eq!(unread("Holiday.JPG", 5), None);
        assert!(unread("Holiday.JPG", 257 << 20).is_some());
        assert_eq!(
            unread("program.exe", 5).unwrap(),
            "not a kind that hippo reads"
        );
        assert_eq!(unread("notes.md", 5), None);
        assert_eq!(unread("no-extension", 5), None);
        assert_eq!(unread("strange.zzz", 5), None);
        let reason = unread("a.srt", 9 << 20).unwrap();
        assert_eq!(
            reason,
            "too large: 9.0 MiB, and the limit for its kind is 8.0 MiB (see [limits] in the settings)"
        );
        assert_eq!(unread("a.pdf", 9 << 20), None);
        assert_eq!(unread("unknown", 33 << 20), None);
        assert!(unread("unknown", 513 << 20).is_some());
    }

    #[test]
    fn some_recordings_take_ffmpeg() {
        let foreign = |name: &str| foreign_sound(OsStr::new(name));
        assert_eq!(foreign("talk.WMA"), Some("audio/x-ms-wma"));
        assert_eq!(foreign("film.avi"), Some("video/x-msvideo"));
        assert_eq!(foreign("talk.mp3"), None);
        assert_eq!(unread("talk.wma", 5), None);
        assert!(unread("tune.mid", 5).is_some());
    }

    #[test]
    fn classes_part_readings_of_the_same_bytes() {
        let class = |name: &str| format_class(OsStr::new(name));
        assert_eq!(class("a.txt"), "text");
        assert_eq!(class("b.TXT"), "text");
        assert_eq!(class("a.md"), "markdown");
        assert_eq!(class("a.tar.gz"), "unread");
        assert_eq!(class("Makefile"), "code");
        assert_eq!(class(".hidden"), "unknown");
        assert_eq!(class("Dr. Smith said hello to us"), "unknown");
        assert_eq!(class("页.pdf"), "pdf");
        assert_eq!(class("a.jpg"), class("b.PNG"));
        assert_eq!(class("a.wma"), class("b.mp3"));
    }
}
