//! Dates as Flask writes them (HTTP dates) and as it reads them.

use std::fmt;
use std::iter::successors;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Month, Time, UtcDateTime};

use crate::session::number;

/// A date and time in UTC: Unix seconds in the years 1 to 9999.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DateTime(UtcDateTime);

/// Seconds outside the years that Python's `datetime` has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DateTimeRange;

error_texts! { DateTimeRange:
    Self => "not a date in the years 1 to 9999";
}

/// `IMF-fixdate` (RFC 9110, 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Names of time zones and their offsets in hours (RFC 5322, 4.3).
#[rustfmt::skip]
const ZONES: [(&str, i64); 14] = [
    ("UT", 0), ("UTC", 0), ("GMT", 0), ("Z", 0), ("AST", -4), ("ADT", -3), ("EST", -5),
    ("EDT", -4), ("CST", -6), ("CDT", -5), ("MST", -7), ("MDT", -6), ("PST", -8), ("PDT", -7),
];

impl DateTime {
    /// The date at `seconds` after 1970 (Unix seconds).
    ///
    /// # Errors
    ///
    /// [`DateTimeRange`] before the year 1 or after 9999.
    pub fn from_unix(seconds: i64) -> Result<Self, DateTimeRange> {
        UtcDateTime::from_unix_timestamp(seconds)
            .ok()
            .filter(|at| (1..=9999).contains(&at.year()))
            .map(Self)
            .ok_or(DateTimeRange)
    }

    /// Unix seconds.
    pub fn to_unix(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// Reads a date as Flask does, by `email.utils.parsedate_to_datetime` of
    /// Python 3.11: the forms of RFC 9110, 5.6.7 and of RFC 5322, 3.3, and many
    /// similar ones. Without a time zone it is UTC.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let first = *words.first()?;
        if first.ends_with(',') || DAYS.iter().any(|day| day.eq_ignore_ascii_case(first)) {
            words.remove(0);
        } else if let Some((_, rest)) = first.rsplit_once(',') {
            words[0] = rest;
        }
        // 14-Nov-23 22:13:20 GMT
        if let [date, rest @ ..] = words.as_slice()
            && rest.len() == 2
            && date.split('-').count() == 3
        {
            words = date.split('-').chain(rest.iter().copied()).collect();
        }
        if let [_, _, _, clock] = words.as_slice() {
            let sign = clock.find('+').or_else(|| clock.find('-'));
            let (clock, zone) = clock.split_at(sign.filter(|at| *at > 0).unwrap_or(clock.len()));
            words.truncate(3);
            words.extend([clock, zone]);
        }
        let [mut day, mut month, mut year, mut clock, mut zone] = *words.first_chunk()?;
        if month_number(month).is_none() {
            (day, month) = (month, day);
        }
        let month = month_number(month)?;
        if year.find(':').is_some_and(|at| at > 0) {
            (year, clock) = (clock, year);
        }
        let [day, mut year, clock] =
            [day, year, clock].map(|word| word.strip_suffix(',').unwrap_or(word));
        if !year.starts_with(|first: char| first.is_ascii_digit()) {
            (year, zone) = (zone, year);
        }
        let by = if clock.contains(':') { ':' } else { '.' };
        let mut clock = clock.split(by);
        let (hour, minute) = (clock.next()?, clock.next()?);
        let second = clock.next().unwrap_or("0");
        if clock.next().is_some() {
            return None;
        }
        let date = Date::from_calendar_date(full_year(number(year)?), month, number(day)?);
        let time = Time::from_hms(number(hour)?, number(minute)?, number(second)?);
        let local = UtcDateTime::new(date.ok()?, time.ok()?);
        Self::from_unix(local.unix_timestamp() - offset(zone)?).ok()
    }
}

/// The month of a full name or of its first three letters.
fn month_number(name: &str) -> Option<Month> {
    let mut months = successors(Some(Month::January), |month| Some(month.next())).take(12);
    months.find(|month| {
        let full = month.to_string();
        name.eq_ignore_ascii_case(&full) || name.eq_ignore_ascii_case(&full[..3])
    })
}

fn full_year(year: i32) -> i32 {
    match year {
        0..=68 => year + 2000,
        69..=99 => year + 1900,
        year => year,
    }
}

/// The offset of a zone in seconds; 0 for an unknown zone. `None` if it is a day or
/// more.
fn offset(zone: &str) -> Option<i64> {
    let known = ZONES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(zone));
    let seconds = match known {
        Some((_, hours)) => hours * 3600,
        None => {
            let (sign, digits) = match zone.strip_prefix('-') {
                Some(digits) => (-1, digits),
                None => (1, zone.strip_prefix('+').unwrap_or(zone)),
            };
            let clock: i64 = number(digits).unwrap_or(0);
            let hours = (clock / 100).checked_mul(3600)?;
            sign * hours.checked_add(clock % 100 * 60)?
        }
    };
    (seconds.abs() < 24 * 3600).then_some(seconds)
}

impl fmt::Display for DateTime {
    /// An HTTP date.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.format(HTTP_DATE).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: what `werkzeug.http.parse_date` of Werkzeug 3.1.9 with
    /// Python 3.11 makes of them, in UTC.
    #[test]
    fn dates_are_read_as_flask_reads_them() {
        let same = "Tue, 14 Nov 2023 22:13:20 GMT";
        #[rustfmt::skip]
        let cases = [
            (same, same),
            ("Tue, 14 Nov 2023 22:13:20 +0000",       same),
            ("Tue, 14 Nov 2023 23:13:20 +0100",       same),
            ("Tue, 14 Nov 2023 17:13:20 EST",         same),
            ("tue, 14 NOV 2023 22:13:20 gmt",         same),
            ("14 Nov 2023 22:13:20 GMT",              same),
            ("14 Nov 2023 22:13:20",                  same),
            ("14 November 2023 22:13:20 -0000",       same),
            ("Nov 14 2023 22:13:20 UTC",              same),
            ("Tue,14 Nov 2023 22:13:20 GMT",          same),
            ("Tuesday, 14-Nov-23 22:13:20 GMT",       same),
            ("Tue Nov 14 22:13:20 2023",              same),
            ("Tue, 14 Nov 2023 22:13:20+0000",        same),
            ("Tue, 14 Nov 2023 22.13.20 GMT",         same),
            ("Tue, 14 Nov 2023 22:13:20 XYZ",         same),
            ("Wed, 14 Nov 2023 22:13:20 GMT",         same),
            ("Tue, 14 Nov 2023 22:13 GMT",            "Tue, 14 Nov 2023 22:13:00 GMT"),
            ("Tue, 14 Nov 68 22:13:20 GMT",           "Wed, 14 Nov 2068 22:13:20 GMT"),
            ("Tue, 14 Nov 69 22:13:20 GMT",           "Fri, 14 Nov 1969 22:13:20 GMT"),
            ("",                                      ""),
            ("soon",                                  ""),
            ("2026-11-28T01:02:03.456789",            ""),
            ("2026-11-28 01:02:03",                   ""),
            ("1700000000",                            ""),
            ("Tue, 31 Feb 2023 22:13:20 GMT",         ""),
            ("Tue, 14 Nov 2023 24:13:20 GMT",         ""),
            ("Tue, 14 Nov 2023 22:13:60 GMT",         ""),
            ("Tue, 14 Nov 2023 22:13:20 +2400",       ""),
            ("Tue, 14 Nov 10000 22:13:20 GMT",        ""),
            ("14 Nov 2023 22:13:20 9000000000000000000", ""),
            ("14 Nov 2023 22:13:20 -9000000000000000000", ""),
            ("14 Nov 2023 22:13:20 256204778801521599", ""),
        ];
        for (text, want) in cases {
            let date = DateTime::parse(text).map(|date| date.to_string());
            assert_eq!(date.unwrap_or_default(), want, "{text}");
        }
    }
}
