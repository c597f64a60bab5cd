//! Days in questions: `2024`, `2024-03`, `2024-03-01`, `yesterday`, `last month`, `3 weeks ago`,
//! `7d`, and in Chinese `昨天`, `上周`, `去年`, `三天前`.
//!
//! Each stands for one moment: the beginning of the year, month, week or day in the asker's zone;
//! weeks begin on Monday. `before:` takes what lies strictly before it, `after:` what lies at or
//! after it, so that `after:2024-03 before:2024-04` is March and nothing else, and
//! `after:"last month" before:"this month"` is last month. Spans of days and longer begin at
//! midnight, so that the pages of one answer do not shift while somebody reads them.

use jiff::{Span, Unit, Zoned, civil};

/// Years further back or ahead than this are typing errors, not dates.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9998;
/// The longest span: more than any file's age; keeps calendar arithmetic in range.
const MAX_SPAN: i64 = 100_000;

/// What can be written, for messages.
pub const FORMS: &str = "2024, 2024-03, 2024-03-01, today, yesterday, 7d, 2w, 3m, 1y, 12h, \
    \"this week\", \"last month\" or \"3 weeks ago\" (with the quotes); 昨天, 上周, 去年 or 三天前";

/// The moment that `spec` stands for, in milliseconds since the epoch.
pub fn moment(spec: &str, now: &Zoned) -> Option<i64> {
    let spec = spec.trim().to_lowercase();
    let at = match spec.as_str() {
        "now" | "现在" => return Some(now.timestamp().as_millisecond()),
        _ => named(&spec, now)
            .or_else(|| ago(&spec, now))
            .or_else(|| span_back(&spec, now))
            .or_else(|| calendar(&spec, now))?,
    };
    Some(at.timestamp().as_millisecond())
}

/// Days, weeks, months and years that have a name: `yesterday`, `last week`, `上个月`.
fn named(spec: &str, now: &Zoned) -> Option<Zoned> {
    let (unit, back) = match spec {
        "today" | "今天" => (Unit::Day, 0),
        "yesterday" | "昨天" => (Unit::Day, 1),
        "前天" => (Unit::Day, 2),
        "今年" => (Unit::Year, 0),
        "去年" => (Unit::Year, 1),
        "前年" => (Unit::Year, 2),
        _ => relative(spec)?,
    };
    back_by(unit, back, now)
}

/// `this week`, `last-month`, `本周`, `上个月`.
fn relative(spec: &str) -> Option<(Unit, i64)> {
    const THESE: [(&str, i64); 7] = [
        ("this", 0),
        ("last", 1),
        ("previous", 1),
        ("本", 0),
        ("这", 0),
        ("這", 0),
        ("上", 1),
    ];
    let (word, back) = THESE.iter().find(|(word, _)| spec.starts_with(word))?;
    let rest = spec[word.len()..].trim_start_matches([' ', '-', '_']);
    Some((unit(rest.trim_start_matches(['个', '個']))?, *back))
}

/// `3 weeks ago`, `an hour ago`, `三天前`, `两个月前`.
fn ago(spec: &str, now: &Zoned) -> Option<Zoned> {
    let rest = spec
        .strip_suffix("ago")
        .or_else(|| spec.strip_suffix('前'))?;
    let rest = rest.trim_matches([' ', '-', '_']);
    let end = |c: char| c.is_ascii_digit() || han_number(c).is_some();
    let number = match rest.find(|c| !end(c))? {
        0 => rest.split([' ', '-', '_']).next()?,
        digits => &rest[..digits],
    };
    let word = rest[number.len()..].trim_start_matches([' ', '-', '_', '个', '個']);
    let n = match number {
        "a" | "an" | "one" => 1,
        "two" => 2,
        "three" => 3,
        _ => digits(number).or_else(|| {
            let mut chars = number.chars();
            han_number(chars.next()?).filter(|_| chars.next().is_none())
        })?,
    };
    match word {
        "hour" | "hours" | "小时" | "小時" => hours_ago(n, now),
        _ => days_and_longer(unit(word)?, n, now),
    }
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "day" | "days" | "天" | "日" => Unit::Day,
        "week" | "weeks" | "周" | "週" | "星期" | "礼拜" | "禮拜" => Unit::Week,
        "month" | "months" | "月" => Unit::Month,
        "year" | "years" | "年" => Unit::Year,
        _ => return None,
    })
}

fn han_number(c: char) -> Option<i64> {
    let place = "一二三四五六七八九十".chars().position(|n| n == c);
    match c {
        '两' | '兩' => Some(2),
        _ => Some(place? as i64 + 1),
    }
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The beginning of this unit, or of the one so many before it.
fn back_by(unit: Unit, back: i64, now: &Zoned) -> Option<Zoned> {
    let today = now.date();
    let first = match unit {
        Unit::Week => {
            let monday = today.weekday().to_monday_zero_offset();
            today.checked_sub(Span::new().days(monday)).ok()?
        }
        Unit::Month => today.first_of_month(),
        Unit::Year => today.first_of_year(),
        _ => today,
    };
    let first = first.checked_sub(span(unit, back)?).ok()?;
    let at = first.to_zoned(now.time_zone().clone()).ok()?;
    at.start_of_day().ok()
}

fn hours_ago(n: i64, now: &Zoned) -> Option<Zoned> {
    let hours = (n <= MAX_SPAN).then(|| Span::new().try_hours(n).ok());
    now.checked_sub(hours.flatten()?).ok()
}

/// The midnight of the day so many units ago.
fn days_and_longer(unit: Unit, n: i64, now: &Zoned) -> Option<Zoned> {
    now.checked_sub(span(unit, n)?).ok()?.start_of_day().ok()
}

fn span(unit: Unit, n: i64) -> Option<Span> {
    if n > MAX_SPAN {
        return None;
    }
    match unit {
        Unit::Week => Span::new().try_weeks(n),
        Unit::Month => Span::new().try_months(n),
        Unit::Year => Span::new().try_years(n),
        _ => Span::new().try_days(n),
    }
    .ok()
}

/// `7d`: the midnight seven days ago; hours are counted from now.
fn span_back(spec: &str, now: &Zoned) -> Option<Zoned> {
    let last = spec.chars().next_back()?;
    let n = digits(&spec[..spec.len() - last.len_utf8()])?;
    let unit = match last {
        'h' => return hours_ago(n, now),
        'd' | '天' => Unit::Day,
        'w' | '周' => Unit::Week,
        'm' => Unit::Month,
        'y' => Unit::Year,
        _ => return None,
    };
    days_and_longer(unit, n, now)
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
            // The 15th is a Friday.
            ("this week", "2024-03-11 00:00"),
            ("last week", "2024-03-04 00:00"),
            ("Last-Month", "2024-02-01 00:00"),
            ("this year", "2024-01-01 00:00"),
            ("previous year", "2023-01-01 00:00"),
            ("3 weeks ago", "2024-02-23 00:00"),
            ("a month ago", "2024-02-15 00:00"),
            ("2-days-ago", "2024-03-13 00:00"),
            ("an hour ago", "2024-03-15 09:30"),
            ("今天", "2024-03-15 00:00"),
            ("前天", "2024-03-13 00:00"),
            ("本周", "2024-03-11 00:00"),
            ("上周", "2024-03-04 00:00"),
            ("上星期", "2024-03-04 00:00"),
            ("上个月", "2024-02-01 00:00"),
            ("上個月", "2024-02-01 00:00"),
            ("这个月", "2024-03-01 00:00"),
            ("去年", "2023-01-01 00:00"),
            ("三天前", "2024-03-12 00:00"),
            ("两个月前", "2024-01-15 00:00"),
            ("12小时前", "2024-03-14 22:30"),
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
            "last",
            "last decade",
            "ago",
            "weeks ago",
            "some weeks ago",
            "99999999999 days ago",
            "前",
            "上",
            "十二天前",
        ] {
            assert_eq!(moment(spec, &now()), None, "{spec}");
        }
    }
}
