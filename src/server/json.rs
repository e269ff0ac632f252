//! JSON in requests and responses.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{Error, Failure, FormError};
use super::reply::document;
use super::{Request, Response};

/// Reads the JSON in the body of `request` into any type that serde can deserialize, such
/// as a struct of the program (Flask's `request.get_json`).
///
/// ```
/// use signet::http::StatusCode;
/// use signet::{Error, IntoResponse, Request, Response, Session, json, jsonify};
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Note {
///     text: String,
/// }
///
/// fn add(request: &Request, _session: &mut Session) -> Result<Response, Error> {
///     let note: Note = json(request)?;
///     (StatusCode::CREATED, jsonify(&note)?).into_response()
/// }
///
/// let server = signet::Server::named("notes").post("/", add);
/// let mut client = signet::testing::Client::new(&server);
/// let fields = [("Content-Type", "application/json")];
/// let mut post = |body: &[u8]| client.send(signet::http::Method::POST, "/", &fields, body);
/// assert_eq!(post(b"{\"text\": \"milk\"}").text(), "{\"text\":\"milk\"}");
/// assert_eq!(post(b"{}").status, 400);
/// ```
///
/// # Errors
///
/// Status 415 if `Content-Type` is not `application/json` or `application/...+json`. Status
/// 400 if the body is not JSON in UTF-8, or does not fit `T`. Nothing is logged; with
/// `DEBUG`, the error page says what is wrong. [`Error::form_error`] returns the reason.
#[doc(alias = "get_json")]
pub fn json<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    check_content_type(request.headers()).map_err(Failure::from)?;
    let value = serde_json::from_slice(request.body());
    value.map_err(|err| Failure::Form(FormError::Json(err.to_string())).into())
}

/// Accepts the media types that Flask's `request.is_json` accepts.
fn check_content_type(headers: &HeaderMap) -> Result<(), FormError> {
    let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let value = String::from_utf8_lossy(value.unwrap_or_default());
    let kind = value.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    match kind.strip_prefix("application/") {
        Some(name) if name == "json" || name.ends_with("+json") => Ok(()),
        Some(_) | None => Err(FormError::NotJson(value.into_owned())),
    }
}

/// A response with `value` as JSON, with status 200 (Flask's `jsonify`).
///
/// # Errors
///
/// Status 500, with the reason in the log, if serde cannot write `value` as JSON, such as a
/// map whose keys are lists.
pub fn jsonify<T: Serialize + ?Sized>(value: &T) -> Result<Response, Error> {
    let kind = const { HeaderValue::from_static("application/json") };
    let text = serde_json::to_string(value)?;
    Ok(document(StatusCode::OK, kind, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_json_if_content_type_says_so() {
        #[rustfmt::skip]
        let cases = [
            ("application/json",                 true),
            ("Application/JSON; charset=utf-8",  true),
            ("application/problem+json",         true),
            ("application/jsonp",                false),
            ("application/json5",                false),
            ("text/json",                        false),
            ("text/plain",                       false),
            ("image/x+json",                     false),
            ("",                                 false),
        ];
        for (value, want) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(check_content_type(&headers).is_ok(), want, "{value}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }
}
