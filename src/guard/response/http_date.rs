//! Reading a date of a request (RFC 9110, 5.6.7).

use time::{Date, Month, Time, UtcDateTime};

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The date in Unix seconds; `None` if it is not in one of the three formats: the one of
/// today, and the obsolete ones of RFC 850 and of C's `asctime`. `now` (Unix seconds)
/// decides the century of a year of two digits. The name of the weekday need not fit the
/// date.
pub(super) fn parse(text: &str, now: u64) -> Option<i64> {
    imf_fixdate(text)
        .or_else(|| rfc850(text, now))
        .or_else(|| asctime(text))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &str) -> Option<i64> {
    let (day_name, rest) = text.split_once(", ")?;
    is_short(day_name).then_some(())?;
    let words: [&str; 5] = words(rest)?;
    let [day, month, year, clock, "GMT"] = words else {
        return None;
    };
    unix(digits(year, 4)?, month, digits(day, 2)?, clock)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(text: &str, now: u64) -> Option<i64> {
    let (day_name, rest) = text.split_once(", ")?;
    DAYS.contains(&day_name).then_some(())?;
    let [date, clock, "GMT"] = words(rest)? else {
        return None;
    };
    let mut parts = date.splitn(3, '-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let year: i32 = digits(year, 2)?;
    let today = UtcDateTime::from_unix_timestamp(i64::try_from(now).ok()?).ok()?;
    let mut year = today.year() - today.year() % 100 + 100 + year;
    // The latest such year that is at most 50 years away.
    while year > today.year() + 50 {
        year -= 100;
    }
    unix(year, month, digits(day, 2)?, clock)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<i64> {
    let (day_name, rest) = text.split_once(' ')?;
    is_short(day_name).then_some(())?;
    let (month, rest) = rest.split_once(' ')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let [clock, year] = words(rest.strip_prefix(' ')?)?;
    let day = match day.strip_prefix(' ') {
        Some(day) => digits(day, 1)?,
        None => digits(day, 2)?,
    };
    unix(digits(year, 4)?, month, day, clock)
}

fn is_short(day_name: &str) -> bool {
    DAYS.iter().any(|day| day[..3] == *day_name)
}

/// Exactly so many words, with one space between two.
fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split(' ').collect::<Vec<_>>().try_into().ok()
}

/// A number of exactly so many digits.
fn digits<N: std::str::FromStr>(text: &str, count: usize) -> Option<N> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn unix(year: i32, month: &str, day: u8, clock: &str) -> Option<i64> {
    let number = MONTHS.iter().position(|known| *known == month)?;
    let month = Month::try_from(u8::try_from(number + 1).ok()?).ok()?;
    let mut parts = clock.splitn(3, ':');
    let mut part = || digits(parts.next()?, 2);
    let (hour, minute, second): (u8, u8, u8) = (part()?, part()?, part()?);
    // A leap second is the beginning of the next minute in Unix seconds.
    let leap = second == 60;
    let time = Time::from_hms(hour, minute, if leap { 59 } else { second }).ok()?;
    let date = Date::from_calendar_date(year, month, day).ok()?;
    Some(UtcDateTime::new(date, time).unix_timestamp() + i64::from(leap))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: RFC 9110, 5.6.7 for the first three; then `date -u -d`.
    #[test]
    fn dates_have_three_formats() {
        /// 28 November 2026.
        const NOW: u64 = 1_795_824_000;
        #[rustfmt::skip]
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT",     Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT",    Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994",          Some(784_111_777)),
            ("Wed Nov 16 08:49:37 1994",          Some(784_975_777)),
            ("Mon, 06 Nov 1994 08:49:37 GMT",     Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT",     Some(0)),
            ("Wed, 31 Dec 1969 23:59:59 GMT",     Some(-1)),
            ("Sat, 31 Dec 2016 23:59:60 GMT",     Some(1_483_228_800)),
            ("Wednesday, 01-Jan-76 00:00:00 GMT", Some(3_345_062_400)),
            ("Friday, 01-Jan-77 00:00:00 GMT",    Some(220_924_800)),
            ("Tue, 29 Feb 2000 00:00:00 GMT",     Some(951_782_400)),
            ("Thu, 29 Feb 2001 00:00:00 GMT",     None),
            ("Sun, 06 Nov 1994 24:00:00 GMT",     None),
            ("Sun, 06 Nov 1994 08:49:37 UTC",     None),
            ("Sun, 06 Nov 1994 08:49:37 +0000",   None),
            ("Sun, 6 Nov 1994 08:49:37 GMT",      None),
            ("Sun, 06 Nov 94 08:49:37 GMT",       None),
            ("Sun, 06 Nov +994 08:49:37 GMT",     None),
            ("Sunday, 06-Nov-1994 08:49:37 GMT",  None),
            ("sun, 06 nov 1994 08:49:37 gmt",     None),
            ("Sun Nov 6 08:49:37 1994",           None),
            ("Sun Nov é 08:49:37 1994",           None),
            ("784111777",                         None),
            ("",                                  None),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text, NOW), want, "{text}");
        }
    }
}
