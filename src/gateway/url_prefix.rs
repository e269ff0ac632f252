//! Prefixes of URL paths.

use super::ApplicationRoot;

/// The path with which some URLs of the host begin: absolute, not `/`, without empty or dot
/// segments and without a query; stored percent-encoded, without the slash at its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UrlPrefix(String);

/// A text that is not a [`UrlPrefix`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UrlPrefixError;

error_texts! { UrlPrefixError:
    Self => "expected URL paths such as \"/private\": not \"/\", no empty or dot segments, no \
     encoded slash, backslash or control character";
}

impl std::str::FromStr for UrlPrefix {
    type Err = UrlPrefixError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let root: ApplicationRoot = path.parse().map_err(|_| UrlPrefixError)?;
        match root.base() {
            "" => Err(UrlPrefixError),
            base => Ok(Self(base.to_owned())),
        }
    }
}

impl UrlPrefix {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
