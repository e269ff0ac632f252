//! Where the web server put us, and which page was asked for.
//!
//! `SCRIPT_NAME` is not enough: behind a rewrite it is the server's internal
//! path, not what the visitor sees. `REQUEST_URI` is not enough either: it is
//! raw and the visitor's own words, `//evil.example/../login` included. So the
//! two are held against each other, decoded and tidied first.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::MetaVariables;

/// What stays readable in a path: RFC 3986's unreserved and sub-delims
/// without `;`, and `:` `@` `/`. `'` too: browsers send it as it is, and a
/// cookie's path is compared as text.
pub(super) const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The mount of this request: its base path, and the route below it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mount {
    base: String,
    route: Vec<u8>,
    by_query: bool,
}

/// A base path set by hand (Flask's `APPLICATION_ROOT`): absolute, with no
/// empty or dot segments, no query; stored without its last slash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApplicationRoot(String);

/// `APPLICATION_ROOT` is not an absolute, plain path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be a path such as \"/\" or \"/app\", without empty or dot segments")]
pub struct ApplicationRootError;

impl std::str::FromStr for ApplicationRoot {
    type Err = ApplicationRootError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let plain = path
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"?#\\\"<>".contains(&b));
        if !plain || !path.starts_with('/') || tidy(path.as_bytes()) != path.as_bytes() {
            return Err(ApplicationRootError);
        }
        let decoded: Vec<u8> = percent_decode(path.trim_end_matches('/').as_bytes()).collect();
        Ok(Self(encode(&decoded)))
    }
}

impl Mount {
    /// Finds the base path and the route of a request.
    ///
    /// `root` overrides the base path, not the route. Without `PATH_INFO`, a
    /// query of the form `r=/login` is the route, for hosts that refuse
    /// `signet.cgi/login`; links then keep that form.
    pub fn new(vars: &MetaVariables, root: Option<&ApplicationRoot>) -> Self {
        let script = vars
            .get("SCRIPT_NAME")
            .filter(|name| name.starts_with(b"/"))
            .map(tidy)
            .map(without_last_slash)
            .unwrap_or_default();
        let path_info = vars
            .get("PATH_INFO")
            .filter(|path| path.starts_with(b"/"))
            .unwrap_or_default();
        let path = vars.get("REQUEST_URI").and_then(visible_path);

        let mut by_query = false;
        let (base, mut route) = if path_info.is_empty() {
            locate_without_path_info(vars, &script, path, root)
        } else {
            (locate(&script, path_info, path), path_info.to_vec())
        };
        if path_info.is_empty()
            && route == b"/"
            && let Some(asked) = route_in_query(vars.query_string())
        {
            route = asked;
            by_query = true;
        }
        let base = match root {
            Some(root) => root.0.clone(),
            None if by_query => encode(&script),
            None => encode(&without_last_slash(base)),
        };
        Self {
            base,
            route,
            by_query,
        }
    }

    /// The path that all our URLs begin with, percent-encoded: empty at the
    /// root of a host, else with a leading and no trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What was asked for below the base: decoded, any bytes, normally with a
    /// leading slash.
    pub fn route(&self) -> &[u8] {
        &self.route
    }

    /// Whether this request named its route as `?r=/login`.
    pub fn by_query(&self) -> bool {
        self.by_query
    }

    /// The URL, path only, of `route` (decoded, with its leading slash).
    pub fn url_for(&self, route: &str) -> String {
        if self.by_query {
            let base = if self.base.is_empty() {
                "/"
            } else {
                &self.base
            };
            return format!("{base}?r={}", encode(route.as_bytes()));
        }
        format!("{}{}", self.base, encode(route.as_bytes()))
    }

    /// The `Path` of our cookies: the base path, or `/`.
    pub fn cookie_path(&self) -> &str {
        if self.base.is_empty() {
            "/"
        } else {
            &self.base
        }
    }
}

/// With `PATH_INFO`, the base is what stands before it in the URL.
fn locate(script: &[u8], path_info: &[u8], path: Option<Vec<u8>>) -> Vec<u8> {
    let Some(path) = path else {
        return script.to_vec();
    };
    let info = tidy(path_info);
    // A server that rewrites may have decoded the path a second time.
    for path in [
        path.clone(),
        tidy(&percent_decode(&path).collect::<Vec<u8>>()),
    ] {
        if let Some(before) = path.strip_suffix(info.as_slice()) {
            return before.to_vec();
        }
    }
    script.to_vec()
}

/// Without `PATH_INFO`: the script itself, a front controller in its folder,
/// or a folder's index page.
fn locate_without_path_info(
    vars: &MetaVariables,
    script: &[u8],
    path: Option<Vec<u8>>,
    root: Option<&ApplicationRoot>,
) -> (Vec<u8>, Vec<u8>) {
    let bare = (script.to_vec(), b"/".to_vec());
    let Some(path) = path else {
        return bare;
    };
    let is_script = without_last_slash(path.clone()) == script;
    // A script that is no file may be a page's address: FastCGI without PATH_INFO.
    if let Some(root) = root
        && !(is_script && vars.script_is_file())
    {
        let root: Vec<u8> = percent_decode(root.0.as_bytes()).collect();
        if let Some(rest) = path.strip_prefix(root.as_slice())
            && rest.starts_with(b"/")
        {
            return (root.clone(), rest.to_vec());
        }
    }
    if is_script {
        return bare;
    }
    let folder = match script.iter().rposition(|b| *b == b'/') {
        Some(slash) => &script[..slash],
        None => return bare,
    };
    match path.strip_prefix(folder) {
        // A folder's index page, not a rewrite: nothing brings
        // folder/login to us, so links have to name the script.
        Some(b"/") if vars.get("REDIRECT_URL").is_none() => bare,
        Some(rest) if rest.starts_with(b"/") => (folder.to_vec(), rest.to_vec()),
        _ => bare,
    }
}

/// The path of a raw `REQUEST_URI`: without query, decoded once, tidied;
/// `None` if it has no path (`*`, junk).
pub(super) fn visible_path(uri: &[u8]) -> Option<Vec<u8>> {
    let end = uri
        .iter()
        .position(|b| matches!(b, b'?' | b'#'))
        .unwrap_or(uri.len());
    let mut path = &uri[..end];
    if !path.starts_with(b"/") {
        let text = std::str::from_utf8(path).ok()?;
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return None;
        }
        path = rest
            .find('/')
            .map_or(&b"/"[..], |slash| &rest.as_bytes()[slash..]);
    }
    let decoded: Vec<u8> = percent_decode(path).collect();
    Some(tidy(&decoded))
}

/// Joins double slashes and resolves `.` and `..`, as the servers do before
/// they choose a program.
pub(super) fn tidy(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut tidied = Vec::with_capacity(path.len());
    for part in parts {
        tidied.push(b'/');
        tidied.extend_from_slice(part);
    }
    let last = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    if tidied.is_empty() || matches!(last, b"" | b"." | b"..") {
        tidied.push(b'/');
    }
    tidied
}

fn without_last_slash(mut path: Vec<u8>) -> Vec<u8> {
    if path.last() == Some(&b'/') {
        path.pop();
    }
    path
}

fn encode(path: &[u8]) -> String {
    percent_encode(path, PATH).to_string()
}

/// The route in a query `r=/login`, decoded; the first `r` counts, and only
/// one that begins with a slash.
fn route_in_query(query: &[u8]) -> Option<Vec<u8>> {
    let value = query
        .split(|b| *b == b'&')
        .find_map(|pair| pair.strip_prefix(b"r="))?;
    let route: Vec<u8> = percent_decode(value).collect();
    route.starts_with(b"/").then_some(route)
}
