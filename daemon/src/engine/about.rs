//! What the extractors found out about a file, as the catalog and the table keep it.

use hippo_extractors::Metadata;
use hippo_index::Facts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::journal::About;

/// Takes over what the worker says of a file.
pub(super) fn about(metadata: Metadata) -> About {
    let shot = metadata.shot.unwrap_or_default();
    let sound = metadata.sound.unwrap_or_default();
    // A recording's tags, or its feed, know better than its container.
    let dated = sound.date.or(shot.time);
    About {
        kind: metadata.kind.as_str().to_owned(),
        title: metadata.title,
        author: metadata.author,
        lang: metadata.lang,
        pages: metadata.pages,
        engine: Some(metadata.engine),
        notes: metadata.notes,
        position: shot.position,
        facts: Facts {
            dated_ms: dated.and_then(|dated| moment(&dated, &TimeZone::system())),
            camera: shot.camera,
            place: shot.place,
            show: sound.show,
            looks: metadata.looks,
        },
    }
}

/// A moment as files write it: `2024-05-17T14:03:22+08:00`, the same without a zone (a camera's
/// clock shows the time of where it is, which is mostly here), a day, a month or a year; or as
/// e-mail has it, `Tue, 05 Mar 2024 06:00:00 +0000`.
fn moment(written: &str, here: &TimeZone) -> Option<i64> {
    let written = written.trim();
    if let Ok(at) = written.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    // As feeds of podcasts write it.
    if let Ok(at) = jiff::fmt::rfc2822::parse(written) {
        return Some(at.timestamp().as_millisecond());
    }
    let whole = match written.len() {
        4 => format!("{written}-01-01"),
        7 => format!("{written}-01"),
        _ => written.to_owned(),
    };
    let at = whole.parse::<DateTime>().ok()?;
    let at = at.to_zoned(here.clone()).ok()?;
    Some(at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_files_write_them() {
        let here = TimeZone::fixed(jiff::tz::offset(8));
        let shown = |written: &str| {
            let at = jiff::Timestamp::from_millisecond(moment(written, &here)?).unwrap();
            Some(at.to_string())
        };
        for (written, expect) in [
            ("2024-05-17T14:03:22+08:00", "2024-05-17T06:03:22Z"),
            ("2024-05-17T14:03:22Z", "2024-05-17T14:03:22Z"),
            ("2024-05-17T14:03:22", "2024-05-17T06:03:22Z"),
            ("2024-05-17 14:03:22", "2024-05-17T06:03:22Z"),
            ("2024-05-17", "2024-05-16T16:00:00Z"),
            ("2024-05", "2024-04-30T16:00:00Z"),
            (" 2024 ", "2023-12-31T16:00:00Z"),
            ("Tue, 05 Mar 2024 06:00:00 +0200", "2024-03-05T04:00:00Z"),
            ("5 Mar 2024 06:00:00 GMT", "2024-03-05T06:00:00Z"),
        ] {
            assert_eq!(shown(written).as_deref(), Some(expect), "{written}");
        }
        for no_date in ["", "soon", "17.5.24", "2024-13-40", "９９９９"] {
            assert_eq!(shown(no_date), None, "{no_date}");
        }
    }
}
