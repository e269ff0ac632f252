//! A response whose file the web server sends (`X-Sendfile`).

use http::header::{self, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::{content_type, disposition};
use crate::config::XSendfile;
use crate::gateway::{Body, MAX_FIELD_VALUE};
use crate::server::{Response, mark_as_file};

/// What may stand in a path as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The response that asks `server` to send the file at `path`, whose last name on the disk
/// is `name`. The server answers conditions and ranges itself.
///
/// `path` is absolute and has no `.` and `..`; for nginx it is a URL path, not yet encoded.
///
/// `None` if `server` cannot be given this path; then the program sends the file itself.
pub fn respond_by_server(server: XSendfile, path: &[u8], name: &[u8]) -> Option<Response> {
    let field = match server {
        XSendfile::Lighttpd | XSendfile::Apache => "x-sendfile",
        XSendfile::Nginx => "x-accel-redirect",
    };
    let value = match server {
        XSendfile::Lighttpd => encoded(std::str::from_utf8(path).ok()?.as_bytes()),
        XSendfile::Apache => plain(path)?,
        XSendfile::Nginx => encoded(path),
    };
    if value.len() > MAX_FIELD_VALUE {
        return None;
    }
    let mut response = Response::new(Body::default());
    let fields = response.headers_mut();
    let value = HeaderValue::try_from(value).ok()?;
    fields.insert(HeaderName::from_static(field), value);
    fields.insert(header::CONTENT_TYPE, content_type(name));
    fields.insert(header::CONTENT_DISPOSITION, disposition(name));
    mark_as_file(&mut response);
    Some(response)
}

fn encoded(path: &[u8]) -> String {
    percent_encode(path, ENCODED).to_string()
}

/// The path, if a field can have it as it is.
fn plain(path: &[u8]) -> Option<String> {
    let is_plain = path
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~') && *byte != b'%');
    // A field loses a blank at its end.
    let path = std::str::from_utf8(path).ok()?;
    (is_plain && !path.ends_with(' ')).then(|| path.to_owned())
}
