//! The URLs of protected folders, and the path below them.
//!
//! A web server passes such a URL to the program, for example by a rule in the folder:
//! `/private/a.pdf` to `/cgi-bin/signet.cgi`. The URL that the visitor sees decides, in
//! `REQUEST_URI`: what a rule makes of it was decoded more than once.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::mount::{PATH, decode, end_of, is_within, path_in_query, raw_path, script_path, tidy};
use super::{ApplicationRoot, MetaVariables, Mount, UrlPrefix};

/// What a decoded path may contain as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');

/// The URL path of the files, relative to the base path.
const FILES: &str = "/files";

/// The URL of a file in a protected folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GuardedUrl {
    /// The number of the prefix; `None` if it is below the base path, in `/files`.
    pub(crate) prefix: Option<usize>,
    /// The path below, percent-encoded: it is empty or begins with a slash. `None` if dot
    /// segments lead there.
    pub(crate) below: Option<Vec<u8>>,
}

impl UrlPrefix {
    /// Whether the path, which is decoded, is this prefix or below it.
    fn contains(&self, path: &[u8]) -> bool {
        is_within(&self.decoded(), path)
    }

    /// Whether the base path is this prefix or below it.
    pub(crate) fn contains_base(&self, base: &str) -> bool {
        let base: Vec<u8> = percent_decode_str(base).collect();
        self.contains(&base)
    }

    /// The path, decoded.
    pub(crate) fn decoded(&self) -> Vec<u8> {
        decode(self.as_str().as_bytes())
    }
}

impl GuardedUrl {
    /// The URL of the request, if it has one of the prefixes, and the mount. Of several
    /// prefixes, the longest counts.
    ///
    /// The base path is not part of such a URL: it is `root`, or the path of the script,
    /// where every web server that runs the script finds the login.
    pub(crate) fn with_prefix<'p>(
        vars: &MetaVariables,
        root: Option<&ApplicationRoot>,
        prefixes: impl Iterator<Item = &'p UrlPrefix>,
    ) -> Option<(Mount, Self)> {
        let mut prefixes = prefixes.enumerate().peekable();
        prefixes.peek()?;
        let raw = requested_path(vars)?;
        let path = tidy(&decode(raw));
        let matching = prefixes.filter(|(_, prefix)| prefix.contains(&path));
        let (number, prefix) = matching.max_by_key(|(_, prefix)| prefix.as_str().len())?;
        let below = end_of(&prefix.decoded(), raw).map(|end| raw[end..].to_vec());
        let by_query =
            vars.get("PATH_INFO").is_none() && path_in_query(vars.query_string()).is_some();
        let mount = Mount::outside(root, &script_path(vars), path, by_query);
        let url = Self {
            prefix: Some(number),
            below,
        };
        Some((mount, url))
    }

    /// The URL of the request, if it is below `/files` of the base path.
    pub(crate) fn below_base(vars: &MetaVariables, mount: &Mount) -> Option<Self> {
        let below = mount.path().strip_prefix(FILES.as_bytes())?;
        if !(below.is_empty() || below.starts_with(b"/")) {
            return None;
        }
        // The URL that the visitor sees, unless the query has the path, or a proxy has
        // changed the base path.
        let raw = || {
            let raw = requested_path(vars)?;
            let folder = decode(format!("{}{FILES}", mount.base()).as_bytes());
            let rest = &raw[end_of(&folder, raw)?..];
            is_within(&folder, &tidy(&decode(raw))).then(|| rest.to_vec())
        };
        let raw = if mount.by_query() { None } else { raw() };
        let encoded = || percent_encode(below, ENCODED).to_string().into_bytes();
        Some(Self {
            prefix: None,
            below: Some(raw.unwrap_or_else(encoded)),
        })
    }
}

/// The path of the URL that the visitor requested. `None` also if the URL has a fragment, which
/// no browser sends: Caddy takes it for a part of the path, and resolves dot segments in it.
fn requested_path(vars: &MetaVariables) -> Option<&[u8]> {
    let uri = vars.get("REQUEST_URI")?;
    let (path, _) = raw_path(uri)?;
    (!uri.contains(&b'#')).then_some(path)
}

impl Mount {
    /// The URL, without scheme and host, of a path below `/files`, which is decoded and is
    /// empty or begins with a slash.
    pub(crate) fn url_of_file(&self, below: &[u8]) -> String {
        self.url_of(&[FILES.as_bytes(), below].concat())
    }
}

impl UrlPrefix {
    /// The URL of a path below the prefix, which is decoded and is empty or begins with a
    /// slash.
    pub(crate) fn url_of(&self, below: &[u8]) -> String {
        let mut url = self.as_str().to_owned();
        url.extend(percent_encode(below, PATH));
        url
    }
}
