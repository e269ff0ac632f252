//! The base path, which is the URL path of the program, and the requested path below
//! it.
//!
//! `SCRIPT_NAME` is not enough: behind a rewrite it is an internal path of the server,
//! not the one in the URL. `REQUEST_URI` is not enough either: it is encoded, and a
//! visitor can write anything into it, for example `//evil.example/../login`. So both
//! are decoded, freed of dot segments and double slashes, and compared. The web
//! server's configuration chooses the base path, not the visitor. If the URL spells the
//! base path in another way, it is redirected: browsers compare the path of a cookie
//! with the URL byte by byte.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::MetaVariables;

/// Encodes all characters but the unreserved ones and the sub-delims of RFC 3986, and
/// `:`, `@` and `/`; of the sub-delims, `;` is encoded. `'` is not encoded, because
/// browsers do not encode it, and the path of a cookie is compared as text.
#[rustfmt::skip]
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b':').remove(b'@')
    .remove(b'!').remove(b'$').remove(b'&').remove(b'\'').remove(b'(').remove(b')').remove(b'*')
    .remove(b'+').remove(b',').remove(b'=');

/// As `PLAIN`, but brackets are not encoded either: browsers do not encode them, though
/// some proxies do. (Browsers differ in `|` and `^`; the path of a cookie cannot contain
/// `;`.)
pub(super) const PATH: &AsciiSet = &PLAIN.remove(b'[').remove(b']');

/// Encodes the characters that `http::Uri` refuses in a query and that a `Location`
/// should not contain.
#[rustfmt::skip]
pub(super) const RAW: &AsciiSet = &CONTROLS
    .add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{')
    .add(b'|').add(b'}');

/// As `PATH`, for the value of a field in a query, where `&` ends it and `+` is a space.
const IN_QUERY: &AsciiSet = &PATH.add(b'&').add(b'+');

/// The field of a query that names the path.
const PATH_FIELD: &[u8] = b"r=";

/// The most bytes of a URL to redirect to.
const MAX_URL: usize = 4000;

/// Where the program is on its site, and what was requested: the base path, which is
/// the URL path of the program, and the path below it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mount {
    base: String,
    path: Vec<u8>,
    by_query: bool,
    bare_index: bool,
    /// Whether `path` is the complete path of the URL, which is outside the base path.
    is_outside: bool,
    canonical_url: Option<String>,
}

/// The base path from the settings (Flask's `APPLICATION_ROOT`): absolute, without empty
/// or dot segments and without a query; stored without the slash at its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApplicationRoot(String);

/// A text that is not an [`ApplicationRoot`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ApplicationRootError;

error_texts! { ApplicationRootError:
    Self => "expected a path such as \"/\" or \"/app\": no empty or dot segments, no encoded slash, \
     backslash or control character";
}

impl std::str::FromStr for ApplicationRoot {
    type Err = ApplicationRootError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let plain = path
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"?#\\\"<>".contains(&b));
        if !plain || !path.starts_with('/') {
            return Err(ApplicationRootError);
        }
        // Proxies and rewrites decode a path more than once.
        let slashes = |path: &[u8]| path.iter().filter(|b| **b == b'/').count();
        let mut decoded = path.as_bytes().to_vec();
        loop {
            let odd = |b: &u8| b.is_ascii_control() || *b == b'\\';
            if tidy(&decoded) != decoded
                || slashes(&decoded) != slashes(path.as_bytes())
                || decoded.iter().any(odd)
            {
                return Err(ApplicationRootError);
            }
            let more = decode(&decoded);
            if more == decoded {
                break;
            }
            decoded = more;
        }
        let decoded = decode(path.trim_end_matches('/').as_bytes());
        Ok(Self(encode(&decoded)))
    }
}

impl ApplicationRoot {
    /// See [`Mount::base`].
    pub(crate) fn base(&self) -> &str {
        &self.0
    }
}

impl Mount {
    /// Finds the base path of a request and the path below it.
    ///
    /// `root` replaces the base path only. If the URL is that of the script itself, a
    /// query of the form `r=/login` names the path, for hosts that refuse
    /// `signet.cgi/login`; links then have the same form.
    #[doc(hidden)]
    pub fn new(vars: &MetaVariables, root: Option<&ApplicationRoot>) -> Self {
        let script = script_path(vars);
        let path_info = vars
            .get("PATH_INFO")
            .filter(|path| path.starts_with(b"/"))
            .unwrap_or_default();
        let uri = vars.get("REQUEST_URI").and_then(raw_path);
        let url_path = uri.map(|(raw, _)| tidy(&decode(raw)));

        let mut by_query = false;
        let (base, mut path) = if path_info.is_empty() {
            locate_without_path_info(vars, &script, url_path, root)
        } else {
            (locate(&script, path_info, url_path), path_info.to_vec())
        };
        if path_info.is_empty()
            && path == b"/"
            && (root.is_some() || base == script)
            && let Some(asked) = path_in_query(vars.query_string())
        {
            path = asked;
            by_query = true;
        }
        // BusyBox answers 404 to `signet.cgi/`.
        let bare_index = base == script
            && vars
                .get("SERVER_SOFTWARE")
                .is_some_and(|software| software.starts_with(b"busybox httpd"));
        let base = match root {
            Some(root) => root.0.clone(),
            None => encode(&without_last_slash(base)),
        };
        let canonical_url = uri.and_then(|(raw, rest)| respelled(&base, raw, rest));
        Self {
            base,
            path,
            by_query,
            bare_index,
            is_outside: false,
            canonical_url,
        }
    }

    /// The base path of a program that answers for another URL than its own. The request
    /// does not tell it: without `root`, the program is at the root of the host.
    pub(crate) fn elsewhere(root: Option<&ApplicationRoot>) -> Self {
        Self {
            base: root.map(|root| root.0.clone()).unwrap_or_default(),
            path: b"/".to_vec(),
            by_query: false,
            bare_index: false,
            is_outside: false,
            canonical_url: None,
        }
    }

    /// The mounts of a request for which the web server, not the visitor, may have named the
    /// path, in other ways than [`Mount::new`] expects: `REQUEST_URI` is then the URL of
    /// another page. The path is in the query, whatever the URL is; or it begins with the base
    /// path `root`, and is in `PATH_INFO` without `SCRIPT_NAME`, or in `SCRIPT_NAME` without
    /// `PATH_INFO`, as nginx passes it by its own `fastcgi_params`. Without `root`, the base
    /// path may be any beginning of that `SCRIPT_NAME`, if `is_wanted` accepts the rest.
    pub(crate) fn named_by_server(
        vars: &MetaVariables,
        root: Option<&ApplicationRoot>,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> impl Iterator<Item = Self> {
        let (script, path_info) = (vars.get("SCRIPT_NAME"), vars.get("PATH_INFO"));
        let by_query = match path_info {
            Some(_) => None,
            None => path_in_query(vars.query_string()).map(|path| Self {
                base: root.map_or_else(|| encode(&script_path(vars)), |root| root.0.clone()),
                path,
                by_query: true,
                ..Self::elsewhere(root)
            }),
        };
        let complete = || {
            let path = match (script, path_info) {
                (Some(path), None) if !vars.script_is_file() => path,
                (None, Some(path)) => path,
                (Some(_), _) | (None, None) => return None,
            };
            let base = decode(root?.0.as_bytes());
            let path = path.strip_prefix(base.as_slice())?.to_vec();
            Some(Self {
                path,
                ..Self::elsewhere(root)
            })
        };
        let has_path_info = vars.iter().any(|(name, _)| name == b"PATH_INFO");
        let unknown = script
            .filter(|_| root.is_none() && !has_path_info && !vars.script_is_file())
            .unwrap_or_default();
        let slashes = (0..unknown.len()).filter(move |at| unknown[*at] == b'/');
        let ends = slashes.filter(move |at| is_wanted(&unknown[*at..]));
        let ends = ends.map(move |at| Self {
            base: encode(&unknown[..at]),
            path: unknown[at..].to_vec(),
            ..Self::elsewhere(None)
        });
        by_query.into_iter().chain(complete()).chain(ends)
    }

    /// The `SCRIPT_NAME` of a request that is not for the URL which the visitor requested: it is
    /// no file and is not named like one (front controllers, `DirectoryIndex`), this URL is
    /// neither below it nor ends in it, and no `PATH_INFO` names a page. `None` if it can be a
    /// page of the program all the same, because the URL is below the base path `root`.
    pub(crate) fn script_of_another_url<'v>(
        vars: &'v MetaVariables,
        root: Option<&ApplicationRoot>,
    ) -> Option<&'v [u8]> {
        let script = vars.get("SCRIPT_NAME")?;
        if vars.get("PATH_INFO").is_some() {
            return None;
        }
        let url = without_last_slash(visible_path(vars.get("REQUEST_URI")?)?);
        let root = root.map(|root| decode(root.0.as_bytes()));
        let path = script_path(vars);
        let is_page = is_within(&path, &url)
            || url.ends_with(&path)
            || root.is_some_and(|root| !root.is_empty() && is_within(&root, &url));
        let name = path.rsplit(|byte| *byte == b'/').next();
        let is_program = || name.is_some_and(|name| name.contains(&b'.')) || vars.script_is_file();
        (!is_page && !is_program()).then_some(script)
    }

    /// The mount of a request for a URL outside the base path, which the web server passes
    /// to the program at `script`. `path` is the path of the URL, decoded.
    pub(super) fn outside(
        root: Option<&ApplicationRoot>,
        script: &[u8],
        path: Vec<u8>,
        by_query: bool,
    ) -> Self {
        Self {
            base: root.map_or_else(|| encode(script), |root| root.0.clone()),
            path,
            by_query,
            bare_index: false,
            is_outside: true,
            canonical_url: None,
        }
    }

    /// Whether the URL is outside the base path: [`Mount::path`] is then its complete path.
    pub(crate) fn is_outside(&self) -> bool {
        self.is_outside
    }

    /// The path that all URLs of the program begin with, percent-encoded. It is empty at
    /// the root of a host; otherwise it begins with a slash and does not end with one.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The requested path below the base path: decoded, any bytes, normally with a
    /// leading slash.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Whether the query named the path: `?r=/login`.
    pub fn by_query(&self) -> bool {
        self.by_query
    }

    /// The fields of the query `query` that are the program's own: all but the one that
    /// named the path.
    pub(crate) fn own_query<'q>(&self, query: &'q [u8]) -> Cow<'q, [u8]> {
        if !self.by_query {
            return query.into();
        }
        let mut pairs: Vec<&[u8]> = query.split(|b| *b == b'&').collect();
        if let Some(at) = pairs.iter().position(|pair| pair.starts_with(PATH_FIELD)) {
            pairs.remove(at);
        }
        pairs.join(&b'&').into()
    }

    /// The path and query to redirect to, if the URL spells the base path in another
    /// way, such as `/%7Eada` for `/~ada`: to such a URL, browsers do not send a cookie
    /// for `/~ada`. The rest of the path and the query are unchanged. `None` if no
    /// redirect is needed, or if it is not known where the base path ends.
    pub fn canonical_url(&self) -> Option<&str> {
        self.canonical_url.as_deref()
    }

    /// The URL, without scheme and host, of `path`, which is decoded, relative to the
    /// base path and begins with a slash.
    pub fn url_for(&self, path: &str) -> String {
        self.url_of(path.as_bytes())
    }

    /// As [`Mount::url_for`], for a path in any encoding.
    pub(super) fn url_of(&self, path: &[u8]) -> String {
        if self.by_query {
            let path = percent_encode(path, IN_QUERY);
            return format!("{}?r={path}", self.cookie_path());
        }
        if self.bare_index && path == b"/" && !self.base.is_empty() {
            return self.base.clone();
        }
        // Most paths are as long when they are encoded.
        let mut url = String::with_capacity(self.base.len() + path.len());
        url.push_str(&self.base);
        url.extend(percent_encode(path, PATH));
        url
    }

    /// The `Path` of the program's cookies: the base path, or `/`.
    pub fn cookie_path(&self) -> &str {
        if self.base.is_empty() {
            "/"
        } else {
            &self.base
        }
    }
}

/// The base path of a request with `PATH_INFO`: the part of the URL's path before
/// `PATH_INFO`. It is the path of the script, a folder above it, or, if the web server
/// rewrites another path, that path, in which no character is encoded twice.
///
/// Apache decodes a path again when it rewrites it: `/app/x/%252e%252e/login` becomes
/// `/login`. Then the base path must be the deepest folder of the script that contains
/// the URL, or below it, and `..` must not lead out of it. Otherwise it is the path of
/// the script.
fn locate(script: &[u8], path_info: &[u8], path: Option<Vec<u8>>) -> Vec<u8> {
    let Some(path) = path else {
        return script.to_vec();
    };
    let info = tidy(path_info);
    let fits = |base: &[u8]| is_within(base, script) || decode(base) == base;
    if let Some(base) = path.strip_suffix(info.as_slice())
        && fits(base)
    {
        return base.to_vec();
    }
    let again = decode(&path);
    if let Some(base) = tidy(&again).strip_suffix(info.as_slice())
        && fits(base)
        && is_within(deepest_folder(script, &path), base)
        && stays_within(base, &again)
    {
        return base.to_vec();
    }
    script.to_vec()
}

/// Whether `path` begins with `folder`, and no `..` leads out of it.
fn stays_within(folder: &[u8], path: &[u8]) -> bool {
    // The segments so far, and how many of them no `..` has removed.
    let (mut segments, mut kept) = (Vec::new(), usize::MAX);
    for segment in path.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." if segments.pop().is_none() => return false,
            b".." => kept = kept.min(segments.len()),
            _ => segments.push(segment),
        }
    }
    segments.truncate(kept);
    let wanted: Vec<&[u8]> = folder.split(|b| *b == b'/').skip(1).collect();
    segments.starts_with(&wanted)
}

/// The path of the script, decoded, without a slash at its end.
pub(super) fn script_path(vars: &MetaVariables) -> Vec<u8> {
    vars.get("SCRIPT_NAME")
        .filter(|name| name.starts_with(b"/"))
        .map(tidy)
        .map(without_last_slash)
        .unwrap_or_default()
}

/// Whether `path` is `folder` or is below it.
pub(super) fn is_within(folder: &[u8], path: &[u8]) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// The deepest of `script` and the folders above it that contains `path`.
fn deepest_folder<'s>(script: &'s [u8], path: &[u8]) -> &'s [u8] {
    let mut folder = script;
    while !is_within(folder, path) {
        let slash = folder.iter().rposition(|b| *b == b'/');
        folder = &folder[..slash.unwrap_or_default()];
    }
    folder
}

/// The URL of the path `raw` and the query `rest`, in which the base path is spelled as
/// `base`; `None` if it already is.
///
/// Also `None` if `raw` has dot segments, which browsers resolve; or if only characters
/// differ that are encoded in `base`: then the web server has decoded the URL (BusyBox),
/// or a proxy has encoded it again (nginx), and would do the same with the new URL.
fn respelled(base: &str, raw: &[u8], rest: &[u8]) -> Option<String> {
    if is_within(base.as_bytes(), raw) {
        return None;
    }
    let (before, after) = raw.split_at(end_of(&decode(base.as_bytes()), raw)?);
    let dots = |segment: &[u8]| matches!(decode(segment).as_slice(), b"." | b"..");
    if encode_more(before) == encode_more(base.as_bytes()) || after.split(|b| *b == b'/').any(dots)
    {
        return None;
    }
    let (after, rest) = (percent_encode(after, RAW), percent_encode(rest, RAW));
    let url = format!("{base}{after}{rest}");
    (url.len() <= MAX_URL).then_some(url)
}

/// Where the decoded path `base` ends in the raw path `raw`.
pub(super) fn end_of(base: &[u8], raw: &[u8]) -> Option<usize> {
    let mut wanted = base.split(|b| *b == b'/').skip(1).peekable();
    let mut end = 0;
    for segment in raw.split(|b| *b == b'/') {
        for part in decode(segment).split(|b| *b == b'/') {
            if !part.is_empty() && wanted.next() != Some(part) {
                return None;
            }
        }
        end += segment.len();
        if wanted.peek().is_none() {
            return Some(end);
        }
        end += 1;
    }
    None
}

/// The base path of a request without `PATH_INFO`, and the path below it: for the script
/// itself, for a front controller in its folder, or for a folder's index page.
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
    // FastCGI without PATH_INFO: SCRIPT_NAME may be the path of a page, not of a file.
    if let Some(root) = root
        && !(is_script && vars.script_is_file())
    {
        let root = decode(root.0.as_bytes());
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
        // The folder's index page, not a rewrite: requests for folder/login do not
        // reach the program, so links have to contain the script's name.
        Some(b"/") if vars.get("REDIRECT_URL").is_none() => bare,
        Some(rest) if rest.starts_with(b"/") && stays_within(folder, &decode(&path)) => {
            (folder.to_vec(), rest.to_vec())
        }
        _ => bare,
    }
}

/// The path of an encoded `REQUEST_URI`, decoded once, without dot segments and double
/// slashes; `None` if it has no path (`*`, junk).
pub(super) fn visible_path(uri: &[u8]) -> Option<Vec<u8>> {
    let (path, _) = raw_path(uri)?;
    Some(tidy(&decode(path)))
}

/// The path of an encoded `REQUEST_URI`, and the query with its question mark.
pub(super) fn raw_path(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = uri
        .iter()
        .position(|b| matches!(b, b'?' | b'#'))
        .unwrap_or(uri.len());
    let (mut path, query) = uri.split_at(end);
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
    Some((path, query))
}

pub(super) fn decode(path: &[u8]) -> Vec<u8> {
    percent_decode(path).collect()
}

/// Removes double slashes and resolves `.` and `..`, as web servers do before they choose
/// a program.
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
    let mut encoded = String::with_capacity(path.len());
    encoded.extend(percent_encode(path, PATH));
    encoded
}

/// As [`encode`], for a path in which some characters are already encoded.
fn encode_more(path: &[u8]) -> String {
    let mut encoded = String::new();
    let mut rest = path;
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let digits = after.first_chunk::<2>();
        let is_escape = digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        encoded.extend(percent_encode(before, PLAIN));
        encoded += if is_escape { "%" } else { "%25" };
        rest = after;
    }
    encoded.extend(percent_encode(rest, PLAIN));
    encoded
}

/// The path in a query `r=/login`, decoded: the value of the first `r`, if it begins
/// with a slash.
pub(crate) fn path_in_query(query: &[u8]) -> Option<Vec<u8>> {
    let value = query
        .split(|b| *b == b'&')
        .find_map(|pair| pair.strip_prefix(PATH_FIELD))?;
    let path = decode(value);
    path.starts_with(b"/").then_some(path)
}
