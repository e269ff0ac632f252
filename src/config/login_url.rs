//! `LOGIN_URL`: the login of another program on the same host.

use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::gateway::ApplicationRoot;

/// The path of a login page on this host, perhaps with a query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoginUrl(String);

/// A text that is not a [`LoginUrl`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoginUrlError;

error_texts! { LoginUrlError:
    Self => "expected the path of a page on this host, such as \"/account/login\": no scheme, host \
     or fragment, no empty or dot segments, no encoded slash, backslash or control character";
}

impl FromStr for LoginUrl {
    type Err = LoginUrlError;

    fn from_str(text: &str) -> Result<Self, LoginUrlError> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let is_plain = |b: u8| b.is_ascii_graphic() && !b"#\\\"<>".contains(&b);
        if path.parse::<ApplicationRoot>().is_err() || !query.bytes().all(is_plain) {
            return Err(LoginUrlError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl LoginUrl {
    /// The URL, without scheme and host, with the page to return to in the parameter `next`.
    pub fn with_next(&self, next: Option<&str>) -> String {
        let mut url = self.0.clone();
        if let Some(next) = next {
            url += if url.contains('?') {
                "&next="
            } else {
                "?next="
            };
            url.extend(utf8_percent_encode(next, NON_ALPHANUMERIC));
        }
        url
    }
}
