//! Meta-variables to a `cgi::Request` without its body.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Uri, Version};
use percent_encoding::percent_encode;

use super::mount::{PATH, RAW, raw_path};
use super::{MetaVariableError, MetaVariables, Mount};

/// More headers than any server passes on; `HeaderMap` has a limit of its own
/// further up.
const MAX_HEADERS: usize = 1000;

/// Why the head of a request cannot be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub(crate) enum RequestError {
    /// A meta-variable without the form it must have.
    MetaVariable(MetaVariableError),
    /// The URL is longer than a URI can be (65 534 bytes).
    TooLong,
}

error_texts! { RequestError:
    Self::MetaVariable(err) => "{err}";
    Self::TooLong => "URL is too long";
}

from_errors! { RequestError:
    MetaVariable(MetaVariableError);
}

/// What a web server wants of a program (FastCGI, section 6; CGI has the first only).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// The response to the request.
    Responder,
    /// Whether the visitor may make the request, which another program or the web server
    /// itself answers. There is no body.
    Authorizer,
}

/// Makes the request, without its body.
///
/// Its URI is the path and query of the URL that the visitor sees, in one spelling.
pub(crate) fn head(vars: &MetaVariables, mount: &Mount) -> Result<Parts, RequestError> {
    let mut uri = match mount.is_outside() {
        true => String::new(),
        false => mount.base().to_owned(),
    };
    uri.extend(percent_encode(mount.path(), PATH));
    if uri.is_empty() {
        uri.push('/');
    }
    // A rule of the web server may have replaced the query.
    let visible = || raw_path(vars.get("REQUEST_URI")?)?.1.strip_prefix(b"?");
    let query = match mount.is_outside() {
        true => visible().unwrap_or_default(),
        false => vars.query_string(),
    };
    let query: String = percent_encode(query, RAW).collect();
    // A longer query than a URI can hold is still in the meta-variables.
    if !query.is_empty() && uri.len() + query.len() < usize::from(u16::MAX) - 1 {
        uri.push('?');
        uri.push_str(&query);
    }
    let uri = Uri::try_from(uri).map_err(|_| RequestError::TooLong)?;

    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = vars.request_method()?;
    parts.uri = uri;
    parts.version = match vars.get("SERVER_PROTOCOL") {
        Some(b"HTTP/0.9") => Version::HTTP_09,
        Some(b"HTTP/1.0") => Version::HTTP_10,
        Some(b"HTTP/2.0" | b"HTTP/2") => Version::HTTP_2,
        Some(b"HTTP/3.0" | b"HTTP/3") => Version::HTTP_3,
        _ => Version::HTTP_11,
    };
    parts.headers = headers(vars);
    Ok(parts)
}

/// The client's header fields (RFC 3875, 4.1.18). What `http` cannot hold is
/// left out; it is still in the meta-variables.
fn headers(vars: &MetaVariables) -> HeaderMap {
    let fields = || {
        vars.iter().filter_map(|(name, value)| match name {
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" => Some((name, value)),
            // httpoxy (CVE-2016-5385); and two that have variables of their own.
            b"HTTP_PROXY" | b"HTTP_CONTENT_TYPE" | b"HTTP_CONTENT_LENGTH" => None,
            _ => Some((name.strip_prefix(b"HTTP_")?, value)),
        })
    };
    let mut headers = HeaderMap::with_capacity(fields().count().min(MAX_HEADERS));
    let mut dashed = Vec::with_capacity(64);
    for (name, value) in fields() {
        dashed.clear();
        dashed.extend(name.iter().map(|b| if *b == b'_' { b'-' } else { *b }));
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(&dashed),
            HeaderValue::from_bytes(value),
        ) && headers.len() < MAX_HEADERS
        {
            headers.append(name, value);
        }
    }
    headers
}
