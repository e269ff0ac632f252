//! Responses to conditional and range requests. Expected values: RFC 9110.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use http::HeaderName;

use super::*;

/// `Sun, 06 Nov 1994 08:49:37 GMT`
const MODIFIED: u64 = 784_111_777;
const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const NOW: u64 = MODIFIED + 86_400;

/// A file of ten bytes that was changed at this time.
fn file(name: &str, modified: Duration) -> (File, Metadata) {
    let name = format!("signet-{}-response-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, "0123456789").unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    file.set_modified(UNIX_EPOCH + modified).unwrap();
    let meta = file.metadata().unwrap();
    (file, meta)
}

fn answer(
    name: &str,
    modified: Duration,
    method: &Method,
    headers: &[(HeaderName, &str)],
) -> Response {
    let (file, meta) = file(name, modified);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        // A file of each row has an inode of its own.
        let tag = Validators::new(&meta, NOW).tag;
        let tag = tag.to_str().unwrap();
        let value = value.replace("TAG", tag.trim_start_matches("W/"));
        map.append(name, value.parse().unwrap());
    }
    respond(file, &meta, b"a.txt", method, &map, NOW).unwrap()
}

fn text<'r>(response: &'r Response, name: &HeaderName) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[test]
fn conditions_are_evaluated_in_their_order() {
    use header::{
        IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    };
    const PART: &str = "bytes=2-4";
    #[rustfmt::skip]
    let cases: Vec<(&[(HeaderName, &str)], u16)> = vec![
        (&[], 200),
        (&[(IF_MATCH, "TAG")], 200),
        (&[(IF_MATCH, "*")], 200),
        (&[(IF_MATCH, "\"a\", TAG")], 200),
        (&[(IF_MATCH, "\"a\""), (IF_MATCH, "TAG")], 200),
        (&[(IF_MATCH, "\"a\"")], 412),
        (&[(IF_MATCH, "W/TAG")], 412),
        (&[(IF_MATCH, "")], 412),
        (&[(IF_UNMODIFIED_SINCE, SAME)], 200),
        (&[(IF_UNMODIFIED_SINCE, AFTER)], 200),
        (&[(IF_UNMODIFIED_SINCE, BEFORE)], 412),
        (&[(IF_UNMODIFIED_SINCE, "yesterday")], 200),
        (&[(IF_MATCH, "TAG"), (IF_UNMODIFIED_SINCE, BEFORE)], 200),
        (&[(IF_NONE_MATCH, "TAG")], 304),
        (&[(IF_NONE_MATCH, "W/TAG")], 304),
        (&[(IF_NONE_MATCH, "*")], 304),
        (&[(IF_NONE_MATCH, "\"a\",TAG")], 304),
        (&[(IF_NONE_MATCH, "\"a\"")], 200),
        (&[(IF_NONE_MATCH, "\"*\"")], 200),
        (&[(IF_MODIFIED_SINCE, SAME)], 304),
        (&[(IF_MODIFIED_SINCE, AFTER)], 304),
        (&[(IF_MODIFIED_SINCE, BEFORE)], 200),
        (&[(IF_MODIFIED_SINCE, "Sunday, 06-Nov-94 08:49:37 GMT")], 304),
        (&[(IF_MODIFIED_SINCE, "yesterday")], 200),
        (&[(IF_NONE_MATCH, "\"a\""), (IF_MODIFIED_SINCE, AFTER)], 200),
        (&[(IF_NONE_MATCH, "TAG"), (IF_MODIFIED_SINCE, BEFORE)], 304),
        (&[(IF_MATCH, "\"a\""), (IF_NONE_MATCH, "TAG")], 412),
        (&[(IF_MATCH, "TAG"), (IF_NONE_MATCH, "TAG")], 304),
        (&[(RANGE, PART)], 206),
        (&[(RANGE, PART), (IF_RANGE, "TAG")], 206),
        (&[(RANGE, PART), (IF_RANGE, SAME)], 206),
        (&[(RANGE, PART), (IF_RANGE, "W/TAG")], 200),
        (&[(RANGE, PART), (IF_RANGE, "\"a\"")], 200),
        (&[(RANGE, PART), (IF_RANGE, BEFORE)], 200),
        (&[(RANGE, PART), (IF_RANGE, AFTER)], 200),
        (&[(RANGE, PART), (IF_RANGE, "yesterday")], 200),
        (&[(RANGE, PART), (IF_NONE_MATCH, "TAG")], 304),
        (&[(RANGE, PART), (IF_MATCH, "\"a\"")], 412),
        (&[(RANGE, "bytes=10-")], 416),
        (&[(RANGE, "bytes=10-"), (IF_RANGE, "\"a\"")], 200),
        (&[(RANGE, "bytes=0-1"), (RANGE, "bytes=2-3")], 200),
        (&[(IF_RANGE, "\"a\"")], 200),
    ];
    for (headers, want) in cases {
        let modified = Duration::from_secs(MODIFIED);
        let response = answer("order", modified, &Method::GET, headers);
        assert_eq!(response.status(), want, "{headers:?}");
        let (range, length) = match want {
            200 => ("", 10),
            206 => ("bytes 2-4/10", 3),
            416 => ("bytes */10", 0),
            _ => ("", 0),
        };
        let seen = text(&response, &header::CONTENT_RANGE);
        assert_eq!(
            (seen, response.body().len()),
            (range, length),
            "{headers:?}"
        );
        // RFC 9110, 15.3.7 and 15.4.5.
        let has_tag = matches!(want, 200 | 206 | 304);
        assert_eq!(
            response.headers().contains_key(header::ETAG),
            has_tag,
            "{want}"
        );
        // HEAD has no range (RFC 9110, 14.2).
        let response = answer("order", modified, &Method::HEAD, headers);
        let want = if matches!(want, 206 | 416) { 200 } else { want };
        assert_eq!(response.status(), want, "HEAD {headers:?}");
    }
}

/// Two changes within one step of the clock have the same tag and date, so that neither
/// is strong (RFC 9110, 8.8.1 and 8.8.2.2).
#[test]
fn a_file_that_has_just_changed_has_a_weak_tag() {
    use header::{ETAG, IF_MATCH, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE};
    let now = Duration::from_secs(NOW);
    for (modified, is_weak) in [
        (now - Duration::from_secs(3), false),
        (now - Duration::from_secs(1), true),
        (now, true),
        (now + Duration::from_secs(9), true),
    ] {
        let get = |headers: &[_]| answer("recent", modified, &Method::GET, headers);
        let whole = get(&[]);
        assert_eq!(
            text(&whole, &ETAG).starts_with("W/"),
            is_weak,
            "{modified:?}"
        );
        let date = text(&whole, &LAST_MODIFIED);
        let status = |headers: &[_]| get(headers).status().as_u16();
        let strong = |yes, no| if is_weak { no } else { yes };
        assert_eq!(status(&[(IF_NONE_MATCH, "TAG")]), 304, "{modified:?}");
        assert_eq!(
            status(&[(IF_MATCH, "TAG")]),
            strong(200, 412),
            "{modified:?}"
        );
        for validator in ["TAG", date] {
            let headers = [(RANGE, "bytes=0-1"), (IF_RANGE, validator)];
            assert_eq!(
                status(&headers),
                strong(206, 200),
                "{modified:?} {validator}"
            );
        }
        // Never later than the present (RFC 9110, 8.8.2.1).
        let last = modified.min(now).as_secs();
        let last = crate::session::DateTime::from_unix(last as i64).unwrap();
        assert_eq!(date, last.to_string(), "{modified:?}");
    }
}

#[test]
fn a_tag_changes_with_the_file() {
    let second = Duration::from_secs(MODIFIED);
    let (file, meta) = file("tag", second);
    let tag = |meta: &Metadata| Validators::new(meta, NOW).tag;
    let first = tag(&meta);
    assert_eq!(tag(&file.metadata().unwrap()), first);
    file.set_modified(UNIX_EPOCH + second + Duration::from_nanos(1))
        .unwrap();
    let later = tag(&file.metadata().unwrap());
    file.set_len(9).unwrap();
    file.set_modified(UNIX_EPOCH + second).unwrap();
    let shorter = tag(&file.metadata().unwrap());
    assert!(first != later && first != shorter && later != shorter);
}

#[test]
fn a_file_that_became_shorter_is_no_response() {
    let (file, meta) = file("cut", Duration::from_secs(MODIFIED));
    file.set_len(9).unwrap();
    let outcome = respond(file, &meta, b"a", &Method::GET, &HeaderMap::new(), NOW);
    assert!(
        matches!(outcome, Err(FileRangeError::OutOfRange { size: 9, .. })),
        "{outcome:?}"
    );
}

/// What each server makes of it: `tests/suite/guard/sent_by_server.rs`.
#[test]
fn each_server_gets_a_path_in_its_own_form() {
    use crate::config::XSendfile::{self, Apache, Lighttpd, Nginx};
    let special = "/srv/a b/\u{e9}?%#;\n.txt".as_bytes();
    let encoded = "/srv/a%20b/%C3%A9%3F%25%23%3B%0A.txt";
    let long = [b'a'; 4097];
    #[rustfmt::skip]
    let cases: [(XSendfile, &str, &[u8], Option<&str>); 12] = [
        (Lighttpd, "x-sendfile",       special,         Some(encoded)),
        (Nginx,    "x-accel-redirect", special,         Some(encoded)),
        (Apache,   "x-sendfile",       special,         None),
        (Apache,   "x-sendfile",       b"/srv/a ?#;+b", Some("/srv/a ?#;+b")),
        (Apache,   "x-sendfile",       b"/srv/%41",     None),
        (Apache,   "x-sendfile",       b"/srv/a ",      None),
        (Lighttpd, "x-sendfile",       b"/srv/\xff",    None),
        (Nginx,    "x-accel-redirect", b"/srv/\xff",    Some("/srv/%FF")),
        (Apache,   "x-sendfile",       b"/srv/\xff",    None),
        (Lighttpd, "x-sendfile",       &long,           None),
        (Nginx,    "x-accel-redirect", &long,           None),
        (Apache,   "x-sendfile",       &long,           None),
    ];
    for (server, field, path, want) in cases {
        let response = respond_by_server(server, path, b"a.txt");
        let value = response.map(|response| response.headers()[field].clone());
        let value = value.as_ref().map(|value| value.to_str().unwrap());
        assert_eq!(value, want, "{server:?} {}", path.escape_ascii());
    }
}
