//! The picture in the tags of a recording or a film, read like any other picture.

use hippo_config::Limits;
use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{StandardVisualKey, Visual};

use super::STAGE;
use crate::extraction::{Metadata, Refusal, Wants};
use crate::parse::picture::{self, Form};
use crate::parse::writer::Writer;

/// Reads the cover in the place of its recording.
pub(super) fn read(
    reader: &mut dyn FormatReader,
    wants: &Wants,
    limits: &Limits,
    writer: Writer<'_>,
) -> Result<Metadata, Refusal> {
    let cover = cover(reader).ok_or_else(|| Refusal::skipped(STAGE, "it has no cover"))?;
    if Form::of(&cover).is_none() {
        let reason = "its cover is no picture that hippo decodes";
        return Err(Refusal::skipped(STAGE, reason));
    }
    picture::read(cover, wants, limits, writer)
}

/// The front cover, or else the first picture.
fn cover(reader: &mut dyn FormatReader) -> Option<Vec<u8>> {
    let mut found: Option<Visual> = None;
    let mut log = reader.metadata();
    while let Some(revision) = log.current() {
        for visual in &revision.media.visuals {
            let is_front = visual.usage == Some(StandardVisualKey::FrontCover);
            if found.is_none() || is_front {
                found = Some(visual.clone());
            }
        }
        if log.pop().is_none() {
            break;
        }
    }
    Some(found?.data.into_vec())
}
