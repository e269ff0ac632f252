//! Dates for owners of a site.

use time::UtcDateTime;

/// Unix seconds as `2026-11-25 20:00:00`, with the name of the time zone behind it: `zone`.
pub(crate) fn utc(seconds: u64, zone: &str) -> String {
    let at = i64::try_from(seconds).ok();
    match at.and_then(|at| UtcDateTime::from_unix_timestamp(at).ok()) {
        Some(at) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}{zone}",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        ),
        None => format!("{seconds} s"),
    }
}
