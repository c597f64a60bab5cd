//! Days in questions: `2024`, `2024-03`, `2024-03-01`, `today`, `yesterday`, `7d`, `12h`.
//!
//! Each stands for one moment: the beginning of the year, month or day in the asker's zone.
//! `before:` takes what lies strictly before it, `after:` what lies at or after it, so that
//! `after:2024-03 before:2024-04` is March and nothing else. Spans of days and longer begin at
//! midnight, so that the pages of one answer do not shift while somebody reads them.

use jiff::{Span, Zoned, civil};

/// Years further back or ahead than this are typing errors, not dates.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9998;
/// The longest span: more than any file's age; keeps calendar arithmetic in range.
const MAX_SPAN: i64 = 100_000;

/// What can be written, for messages.
pub const FORMS: &str = "2024, 2024-03, 2024-03-01, today, yesterday, 7d, 2w, 3m, 1y or 12h";

/// The moment that `spec` stands for, in milliseconds since the epoch.
pub fn moment(spec: &str, now: &Zoned) -> Option<i64> {
    let spec = spec.trim().to_lowercase();
    let at = match spec.as_str() {
        "now" => return Some(now.timestamp().as_millisecond()),
        "today" | "今天" => now.start_of_day().ok()?,
        "yesterday" | "昨天" => now.yesterday().ok()?.start_of_day().ok()?,
        _ => span_back(&spec, now).or_else(|| calendar(&spec, now))?,
    };
    Some(at.timestamp().as_millisecond())
}

/// `7d`: the midnight seven days ago; hours are counted from now.
fn span_back(spec: &str, now: &Zoned) -> Option<Zoned> {
    let unit = spec.chars().next_back()?;
    let number = &spec[..spec.len() - unit.len_utf8()];
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: i64 = number.parse().ok().filter(|n| *n <= MAX_SPAN)?;
    let span = match unit {
        'h' => return now.checked_sub(Span::new().try_hours(n).ok()?).ok(),
        'd' | '天' => Span::new().try_days(n).ok()?,
        'w' | '周' => Span::new().try_weeks(n).ok()?,
        'm' => Span::new().try_months(n).ok()?,
        'y' => Span::new().try_years(n).ok()?,
        _ => return None,
    };
    now.checked_sub(span).ok()?.start_of_day().ok()
}

/// A year, a month or a day; `-`, `/` and `.` separate.
fn calendar(spec: &str, now: &Zoned) -> Option<Zoned> {
    let parts: Vec<&str> = spec.split(['-', '/', '.']).collect();
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| -> Option<i16> {
        let plain = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    let (year, month, day) = match parts.as_slice() {
        [y] => (number(y, 4..=4)?, 1, 1),
        [y, m] => (number(y, 4..=4)?, number(m, 1..=2)?, 1),
        [y, m, d] => (number(y, 4..=4)?, number(m, 1..=2)?, number(d, 1..=2)?),
        _ => return None,
    };
    if !YEARS.contains(&year) {
        return None;
    }
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let date = civil::Date::new(year, month, day).ok()?;
    date.to_zoned(now.time_zone().clone())
        .ok()?
        .start_of_day()
        .ok()
}

/// A moment as people and programs read it: RFC 3339 in the local zone.
pub fn rfc3339(epoch_ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(epoch_ms).ok()?;
    let local = at.to_zoned(jiff::tz::TimeZone::system());
    Some(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        // Shanghai's offset, fixed, so that the test needs no zone database.
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        civil::date(2024, 3, 15)
            .at(10, 30, 0, 0)
            .to_zoned(zone)
            .unwrap()
    }

    fn shown(spec: &str) -> Option<String> {
        let at = jiff::Timestamp::from_millisecond(moment(spec, &now())?).unwrap();
        let local = at.to_zoned(now().time_zone().clone());
        Some(local.strftime("%Y-%m-%d %H:%M").to_string())
    }

    #[test]
    fn each_form_is_the_beginning_of_what_it_names() {
        for (spec, expect) in [
            ("2024", "2024-01-01 00:00"),
            ("2023-11", "2023-11-01 00:00"),
            ("2024-02-29", "2024-02-29 00:00"),
            ("2024/3/1", "2024-03-01 00:00"),
            ("today", "2024-03-15 00:00"),
            ("昨天", "2024-03-14 00:00"),
            ("Yesterday", "2024-03-14 00:00"),
            ("7d", "2024-03-08 00:00"),
            ("2w", "2024-03-01 00:00"),
            ("1m", "2024-02-15 00:00"),
            ("1y", "2023-03-15 00:00"),
            ("12h", "2024-03-14 22:30"),
        ] {
            assert_eq!(shown(spec).as_deref(), Some(expect), "{spec}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for spec in [
            "",
            "d",
            "-1d",
            "2023-02-29",
            "2024-13",
            "0001",
            "24-03-01",
            "99999999999999999999d",
            "100000y",
            "soon",
            "1.5d",
            "２０２４",
        ] {
            assert_eq!(moment(spec, &now()), None, "{spec}");
        }
    }
}
