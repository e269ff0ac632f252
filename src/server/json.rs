//! JSON in requests and responses.

use http::StatusCode;
use http::header::HeaderValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{Error, Failure, FormError};
use super::form::content_type;
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
    let kind = content_type(request.headers());
    if !is_json(&kind) {
        return Err(Failure::Form(FormError::NotJson(kind.into_owned())).into());
    }
    let value = serde_json::from_slice(request.body());
    value.map_err(|err| Failure::Form(FormError::Json(err.to_string())).into())
}

/// Whether it is a media type that Flask's `request.is_json` accepts.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let name = kind.strip_prefix("application/");
    name.is_some_and(|name| name == "json" || name.ends_with("+json"))
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
            assert_eq!(is_json(value), want, "{value}");
        }
        assert!(!is_json(&content_type(&http::HeaderMap::new())));
    }
}
