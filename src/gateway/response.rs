//! The header fields of a response, as the bytes of RFC 3875, section 6.

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::Body;

/// The most bytes of the value of a header field: enough for every cookie that browsers
/// accept, and less than every web server accepts (Apache: lines of 8190 bytes).
pub(crate) const MAX_FIELD_VALUE: usize = 4096;

/// Why a response cannot be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResponseError {
    /// A header value contains a byte outside 0x20–0x7E.
    Value(HeaderName),
    /// A header value is too long.
    Length(HeaderName),
    /// A field of the connection (RFC 3875, 6.3.4), of the gateway (`Status`), or a
    /// reserved one (`X-CGI-*`).
    Field(HeaderName),
    /// A field that may occur once is set several times.
    Repeated(HeaderName),
    /// The status is one of 100 to 199: such a response is followed by another one.
    Informational(StatusCode),
}

error_texts! { ResponseError:
    Self::Value(name) => "header {name} has a control character or a byte that is not ASCII";
    Self::Length(name) => "header {name} is longer than {MAX_FIELD_VALUE} bytes";
    Self::Field(name) => "header {name} may be set by the web server only";
    Self::Repeated(name) => "header {name} is set more than once";
    Self::Informational(status) => "a response cannot have the status {}", status.as_u16();
}

/// In the extensions of a response: it has no content, and only the header fields that its
/// handler set. Apache adds the fields of an authorizer's response to those of the page that
/// the visitor gets, and takes its `Content-Type` for a file of unknown type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bare;

/// The header fields of `response` and the empty line after them.
///
/// `Status` is always written, as the first field: without it, Apache replaces a response
/// with `Location` by a redirect of its own. `Content-Length` is written for a file, so
/// that a visitor notices if the response is cut off. Bytes in memory cannot be cut off,
/// and the web server adds the field.
pub(super) fn serialize(response: &Response<Body>) -> Result<Vec<u8>, ResponseError> {
    let status = response.status();
    if status.is_informational() {
        return Err(ResponseError::Informational(status));
    }
    let mut bytes = Vec::with_capacity(1024);
    bytes.extend_from_slice(b"Status: ");
    bytes.extend_from_slice(status.as_str().as_bytes());
    bytes.push(b' ');
    line_end(
        &mut bytes,
        reason_phrase(status).unwrap_or("Unknown").as_bytes(),
    );

    let headers = response.headers();
    // 304 repeats the type of what the client has.
    let is_ours = matches!(response.body(), Body::Bytes(_)) && has_content(status);
    if response.extensions().get::<Bare>().is_none() {
        push_content_type(&mut bytes, headers.get(header::CONTENT_TYPE), is_ours)?;
    }
    let mut before = None;
    for (name, value) in headers {
        // The values of one name follow each other.
        let is_repeated = before.replace(name) == Some(name);
        let is_left_out = name == header::CONTENT_TYPE || name == header::CONTENT_LENGTH;
        if is_repeated && (is_left_out || name == header::LOCATION) {
            return Err(ResponseError::Repeated(name.clone()));
        }
        if !is_left_out {
            check(name, value)?;
            push_title_case(&mut bytes, name);
            bytes.extend_from_slice(b": ");
            line_end(&mut bytes, value.as_bytes());
        }
    }
    if let Body::File(range) = response.body()
        && has_content(status)
    {
        bytes.extend_from_slice(b"Content-Length: ");
        line_end(&mut bytes, range.len().to_string().as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    Ok(bytes)
}

/// Whether a response of this status has content (RFC 9110, 6.4.1, 8.6 and 15.3.6).
pub(super) fn has_content(status: StatusCode) -> bool {
    let without = [
        StatusCode::NO_CONTENT,
        StatusCode::RESET_CONTENT,
        StatusCode::NOT_MODIFIED,
    ];
    !without.contains(&status)
}

fn line_end(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

fn check(name: &HeaderName, value: &HeaderValue) -> Result<(), ResponseError> {
    const OF_THE_SERVER: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "status",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    if OF_THE_SERVER.contains(&name.as_str()) || name.as_str().starts_with("x-cgi-") {
        return Err(ResponseError::Field(name.clone()));
    }
    // Of control characters, a `HeaderValue` can have the tab only.
    if !value.as_bytes().is_ascii() || value.as_bytes().contains(&b'\t') {
        return Err(ResponseError::Value(name.clone()));
    }
    if value.len() > MAX_FIELD_VALUE {
        return Err(ResponseError::Length(name.clone()));
    }
    Ok(())
}

/// One content type, with a charset if it is text that the program made, which is UTF-8.
/// The text of a file may be in another encoding, which HTML names itself. A response
/// without a type is not guessed to be HTML (CVE-2020-24553).
fn push_content_type(
    bytes: &mut Vec<u8>,
    value: Option<&HeaderValue>,
    is_ours: bool,
) -> Result<(), ResponseError> {
    bytes.extend_from_slice(b"Content-Type: ");
    let is_known = is_ours || value.is_none();
    let value = match value {
        Some(value) => {
            check(&header::CONTENT_TYPE, value)?;
            value.as_bytes()
        }
        None => b"text/plain",
    };
    bytes.extend_from_slice(value);
    let is =
        |part: Option<&[u8]>, name: &[u8]| part.is_some_and(|part| part.eq_ignore_ascii_case(name));
    let has_charset = || {
        let mut parts = value.split(|byte| *byte == b'=');
        // What follows the last one is a value.
        parts.next_back();
        parts.any(|part| is(part.last_chunk::<7>().map(|end| &end[..]), b"charset"))
    };
    if is_known && is(value.get(..5), b"text/") && !has_charset() {
        bytes.extend_from_slice(b"; charset=utf-8");
    }
    bytes.extend_from_slice(b"\r\n");
    Ok(())
}

/// The name of a status; `None` if it has none.
pub(crate) fn reason_phrase(status: StatusCode) -> Option<&'static str> {
    match status {
        // RFC 9110's name.
        StatusCode::PAYLOAD_TOO_LARGE => Some("Content Too Large"),
        status => status.canonical_reason(),
    }
}

/// `set-cookie` to `Set-Cookie`, as people and their tools expect to read it;
/// `variable-remote_user` to `Variable-REMOTE_USER`, a meta-variable that an authorizer sets
/// (FastCGI, 6.3).
fn push_title_case(bytes: &mut Vec<u8>, name: &HeaderName) {
    if let Some(variable) = name.as_str().strip_prefix("variable-") {
        bytes.extend_from_slice(b"Variable-");
        bytes.extend(variable.bytes().map(|byte| byte.to_ascii_uppercase()));
        return;
    }
    let start = bytes.len();
    bytes.extend_from_slice(name.as_str().as_bytes());
    for word in bytes[start..].split_mut(|byte| *byte == b'-') {
        if let Some(first) = word.first_mut() {
            first.make_ascii_uppercase();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileRange;
    use super::super::body::unnamed_file;
    use super::*;

    fn with(headers: &[(&str, &[u8])]) -> Response<Body> {
        let mut response = cgi::html_response(200, "page").map(Body::from);
        for (name, value) in headers {
            response.headers_mut().append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        response
    }

    #[test]
    fn a_header_that_could_split_or_reframe_is_refused() {
        let long = [b'a'; MAX_FIELD_VALUE + 1];
        #[rustfmt::skip]
        let cases: [(&str, &[u8], bool); 9] = [
            ("x-a", b"plain ~", true),
            ("x-a", b"tab\there", false),
            ("x-a", b"caf\xe9", false),
            ("x-a", &long, false),
            ("x-a", &long[..MAX_FIELD_VALUE], true),
            ("connection", b"close", false),
            ("transfer-encoding", b"chunked", false),
            ("x-cgi-remote-user", b"admin", false),
            ("content-type", b"text/html", false),
        ];
        for (name, value, ok) in cases {
            let outcome = serialize(&with(&[(name, value)]));
            assert_eq!(outcome.is_ok(), ok, "{name}: {:?}", value.get(..20));
        }
    }

    #[test]
    fn the_encoding_of_a_file_is_not_guessed() {
        for (kind, want) in [
            (Some("text/html"), "text/html"),
            (None, "text/plain; charset=utf-8"),
        ] {
            let (file, _) = unnamed_file("charset", b"<meta charset=latin1>");
            let mut response = Response::new(FileRange::all(file).unwrap().into());
            if let Some(kind) = kind {
                let kind = HeaderValue::from_static(kind);
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
            }
            let head = String::from_utf8(serialize(&response).unwrap()).unwrap();
            let want = format!("\r\nContent-Type: {want}\r\n");
            assert!(head.contains(&want), "{head}");
        }
    }

    #[test]
    fn several_cookies_are_several_lines() {
        let response = with(&[("set-cookie", b"a=1"), ("set-cookie", b"b=2")]);
        let want = "Status: 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
                    Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";
        assert_eq!(serialize(&response).unwrap(), want.as_bytes());
    }
}
