//! A file as the response to GET or HEAD (RFC 9110, 8.8, 13 and 14).
//!
//! An HTML or SVG file runs its scripts as a page of the site: whoever writes such a file
//! can act as any visitor who opens it.

mod content_type;
mod disposition;
mod http_date;
mod offload;
mod precondition;
mod range;
mod validators;

use std::fs::{File, Metadata};

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

pub use content_type::content_type;
pub use disposition::disposition;
pub use offload::respond_by_server;

use crate::gateway::{Body, FileRange, FileRangeError};
use crate::server::{Response, mark_as_file};
use precondition::Precondition;
use range::Range;
use validators::Validators;

/// The response to GET or HEAD of a file, or of a part of it.
///
/// `file` is open for reading, and `meta` is its metadata, read from the descriptor. `name`
/// is its last name on the disk: it decides the type, and is the name of a download.
/// `headers` are those of the request, `now` is in Unix seconds.
///
/// The response may be stored by the visitor's browser, which asks again before each use.
/// Several ranges are answered with the whole file (RFC 9110, 14.2).
///
/// # Errors
///
/// [`FileRangeError`] if `file` is not a regular file, is not open for reading, or became
/// shorter since `meta` was read.
pub fn respond(
    file: File,
    meta: &Metadata,
    name: &[u8],
    method: &Method,
    headers: &HeaderMap,
    now: u64,
) -> Result<Response, FileRangeError> {
    let size = meta.len();
    let validators = Validators::new(meta, now);
    let range = match Precondition::of(headers, &validators, now) {
        Precondition::Failed => {
            return Ok(without_content(StatusCode::PRECONDITION_FAILED));
        }
        Precondition::NotModified => {
            let mut response = without_content(StatusCode::NOT_MODIFIED);
            let fields = response.headers_mut();
            // Not Last-Modified: the tag is better (RFC 9110, 15.4.5).
            fields.insert(header::ETAG, validators.tag);
            // Every CGI response has a type, and a cache may take it over.
            fields.insert(header::CONTENT_TYPE, content_type(name));
            return Ok(response);
        }
        // Other methods have no ranges (RFC 9110, 14.2).
        Precondition::Fulfilled if method == Method::GET => {
            Range::of(headers, &validators, size, now)
        }
        Precondition::Fulfilled => Range::Whole,
    };
    let (status, start, length) = match range {
        Range::Whole => (StatusCode::OK, 0, size),
        Range::Part { start, length } => (StatusCode::PARTIAL_CONTENT, start, length),
        Range::Unsatisfiable => {
            let mut response = without_content(StatusCode::RANGE_NOT_SATISFIABLE);
            let range = field(format!("bytes */{size}"));
            response.headers_mut().insert(header::CONTENT_RANGE, range);
            return Ok(response);
        }
    };
    let mut response = Response::new(FileRange::new(file, start, length)?.into());
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, content_type(name));
    fields.insert(header::CONTENT_DISPOSITION, disposition(name));
    let bytes = const { HeaderValue::from_static("bytes") };
    fields.insert(header::ACCEPT_RANGES, bytes);
    fields.insert(header::ETAG, validators.tag);
    if let Some(date) = validators.last_modified {
        fields.insert(header::LAST_MODIFIED, field(date.to_string()));
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let last = start + length - 1;
        let range = field(format!("bytes {start}-{last}/{size}"));
        fields.insert(header::CONTENT_RANGE, range);
    }
    mark_as_file(&mut response);
    Ok(response)
}

fn without_content(status: StatusCode) -> Response {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    mark_as_file(&mut response);
    response
}

/// The value of a field, from text that is always ASCII without control characters.
fn field(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(const { HeaderValue::from_static("") })
}

#[cfg(test)]
mod tests;
