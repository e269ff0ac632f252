//! Reads forms and queries, into types of the program or as pairs.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

use super::failure::{Error, Failure, FormError};
use super::{Context, Request};

/// The fields of a form or a query, in the order in which they were sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields with this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

/// Reads the form in the body of `request` into a [`Form`], or into any type that serde
/// can deserialize from its fields.
///
/// # Errors
///
/// Status 415 if `Content-Type` is not `application/x-www-form-urlencoded`, or if it
/// names another charset than UTF-8. Status 400 if the fields are not UTF-8, or if a
/// field of `T` is missing or has another type. With `DEBUG`, the error page says what is
/// wrong. The log says it if the page with the form and the handler do not fit together:
/// for wrong fields, and for `multipart/form-data`, which is not read.
///
/// [`Error::form_error`] returns the reason, for a page of the program's own:
///
/// ```
/// use signet::{Error, FormError, IntoResponse, Request, Response, Session, form};
///
/// #[derive(serde::Deserialize)]
/// struct Order {
///     count: u32,
/// }
///
/// fn order(request: &Request, _session: &mut Session) -> Result<Response, Error> {
///     match form(request) {
///         Ok(Order { count }) => format!("{count} ordered").into_response(),
///         Err(err) => match err.form_error() {
///             Some(FormError::Fields(_)) => "How many? Write a number.".into_response(),
///             _ => Err(err),
///         },
///     }
/// }
///
/// let server = signet::Server::named("shop").post("/", order);
/// let mut client = signet::testing::Client::new(&server);
/// assert_eq!(client.post("/", &[("count", "7")]).text(), "7 ordered");
/// assert_eq!(client.post("/", &[("count", "many")]).text(), "How many? Write a number.");
/// ```
pub fn form<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    check_content_type(request.headers()).map_err(Failure::from)?;
    fields(request.body()).map_err(|err| Failure::Form(err).into())
}

/// Reads the query of `request`, as [`form`] reads a body.
///
/// On hosts without `PATH_INFO`, the first field `r` of a query names the path:
/// `/x.cgi?r=/search&q=milk`. Then this field is left out. (A browser replaces the query of
/// a form's `action` by the fields of a GET form: such a form needs the hidden field `r`
/// with the path.)
///
/// # Errors
///
/// Status 400 if the fields are not UTF-8, or if a field of `T` is missing or has
/// another type. Nothing is logged; with `DEBUG`, the error page says what is wrong.
#[doc(alias = "args")]
pub fn query<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    let context = Context::of(request);
    if context.mount.is_outside() {
        let query = request.uri().query().unwrap_or_default();
        return fields(query.as_bytes()).map_err(|err| Failure::Query(err).into());
    }
    let query = context.mount.own_query(context.vars.query_string());
    fields(&query).map_err(|err| Failure::Query(err).into())
}

fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormError> {
    if percent_decode(bytes).decode_utf8().is_err() {
        return Err(FormError::NotUtf8);
    }
    serde_urlencoded::from_bytes(bytes).map_err(|err| FormError::Fields(err.to_string()))
}

/// Labels of UTF-8 (WHATWG Encoding, 4.2) and of ASCII, which is a part of it.
const UTF_8_LABELS: [&str; 7] = [
    "unicode-1-1-utf-8",
    "unicode11utf8",
    "unicode20utf8",
    "utf-8",
    "utf8",
    "x-unicode20utf8",
    "us-ascii",
];

/// The value of `Content-Type`; empty if there is none.
pub(super) fn content_type(headers: &HeaderMap) -> Cow<'_, str> {
    let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    String::from_utf8_lossy(value.unwrap_or_default())
}

pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), FormError> {
    let value = content_type(headers);
    let mut parts = value.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if kind.eq_ignore_ascii_case("multipart/form-data") {
        return Err(FormError::Multipart);
    }
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            let charset = charset.trim_matches('"');
            UTF_8_LABELS
                .iter()
                .any(|known| charset.eq_ignore_ascii_case(known))
        }
        _ => true,
    };
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") && parts.all(is_utf8) {
        return Ok(());
    }
    Err(FormError::ContentType(value.into_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_form_is_url_encoded_and_utf_8() {
        #[rustfmt::skip]
        let cases = [
            ("application/x-www-form-urlencoded",                     true),
            ("Application/X-WWW-Form-Urlencoded; Charset=\"UTF-8\"",  true),
            ("application/x-www-form-urlencoded;charset=us-ascii",    true),
            ("application/x-www-form-urlencoded; charset=UTF8",       true),
            ("application/x-www-form-urlencoded; charset=\"utf8\"",   true),
            ("application/x-www-form-urlencoded; charset=unicode-1-1-utf-8", true),
            ("application/x-www-form-urlencoded; charset=utf-16",     false),
            ("application/x-www-form-urlencoded; charset=latin1",     false),
            ("application/json",                                      false),
            ("text/plain",                                            false),
            ("multipart/form-data; boundary=x",                       false),
            ("",                                                      false),
        ];
        for (value, want) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(check_content_type(&headers).is_ok(), want, "{value}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn the_field_of_a_query_that_names_the_path_is_left_out() {
        let cases = [
            // PATH_INFO, query                       fields
            ("", "r=/search&q=milk&r=2", "q=milk&r=2"),
            ("", "q=milk&r=%2Fsearch", "q=milk"),
            ("", "r=/", ""),
            ("", "r=2&q=milk", "r=2&q=milk"),
            ("/search", "r=/search&q=milk", "r=/search&q=milk"),
        ];
        for (path, text, wanted) in cases {
            let vars = [
                ("SCRIPT_NAME", "/x.cgi"),
                ("PATH_INFO", path),
                ("QUERY_STRING", text),
            ];
            let context = Context::without_settings(vars.into_iter().collect(), Arc::default());
            let mut request = Request::default();
            request.extensions_mut().insert(Arc::new(context));
            let seen: Form = query(&request).unwrap();
            assert_eq!(seen, fields(wanted.as_bytes()).unwrap(), "{path} {text}");
        }
    }

    #[test]
    fn fields_are_pairs_or_a_type_of_the_program() {
        let form: Form = fields(b"a=1&b=+%C3%BC%26&a=2&c").unwrap();
        assert_eq!(form.get("b"), Some(" \u{fc}&"));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((form.get("c"), form.get("d")), (Some(""), None));
        let typed: std::collections::BTreeMap<String, u8> = fields(b"a=1&b=2").unwrap();
        assert_eq!(typed["b"], 2);
        for bytes in [&b"a=x"[..], b"a=256", b"a=%FF", b"a=%C0%AF"] {
            let outcome = fields::<std::collections::BTreeMap<String, u8>>(bytes);
            let status = Failure::Form(outcome.unwrap_err()).status();
            assert_eq!(status, http::StatusCode::BAD_REQUEST, "{bytes:?}");
        }
    }
}
