//! Paths of this host, such as the page to return to after a login.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{percent_decode, percent_encode_byte};

use super::{Context, Request};
use crate::gateway::path_in_query;

/// Bytes of a path with its query. Apache refuses a header line from 8190 bytes on.
const MAX: usize = 2048;

/// A path of this host, perhaps with a query: `/notes/7?edit=1`. Use it for a redirect to an
/// address that a visitor sent, such as the field `next` of a login form.
///
/// ```
/// use signet::LocalPath;
///
/// let next: LocalPath = "/notes/7?edit=1".parse()?;
/// assert_eq!(next.as_str(), "/notes/7?edit=1");
/// assert!("//evil.example".parse::<LocalPath>().is_err());
/// # Ok::<(), signet::NotLocalPath>(())
/// ```
///
/// `parse` accepts what a browser resolves to the same path of the same host (WHATWG URL,
/// 4.4), whatever page it is on:
///
/// - The text begins with `/`. No segment of the path is `.` or `..`, and none but the last
///   is empty, so that the text does not begin with `//`.
/// - This also holds after the path was percent-decoded once or twice, which adds no slash,
///   backslash or control character. (Apache decodes a path a second time when it rewrites
///   it.)
/// - Each character is a letter, a digit, or one of ``-._~!$&'()*+,;=:@/%[]``; in the query
///   also `?`. There is no fragment.
/// - A space, a character beyond ASCII, and `'` in the query are percent-encoded, as
///   browsers do. A space at the end is refused, because browsers remove it.
/// - The result has at most 2048 bytes.
///
/// So the text may be the value of `Location`. It has no `"`, `<` or `>`; as every text, it
/// has to be escaped in HTML for its `&` and `'`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LocalPath {
    url: String,
    /// The length of the path, which the query follows.
    path: usize,
}

/// The text is not a path of this host, or is too long. The text is left out: a visitor
/// sent it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotLocalPath;

error_texts! { NotLocalPath:
    Self => "expected a path of this host, such as /notes/7?edit=1, of at most {MAX} bytes";
}

impl FromStr for LocalPath {
    type Err = NotLocalPath;

    fn from_str(text: &str) -> Result<Self, NotLocalPath> {
        let mut url = String::with_capacity(text.len().min(MAX));
        let mut path = None;
        for byte in text.bytes() {
            match byte {
                b'?' => {
                    path.get_or_insert(url.len());
                    url.push('?');
                }
                b'\'' if path.is_some() => url.push_str(percent_encode_byte(byte)),
                b' ' | 0x80.. => url.push_str(percent_encode_byte(byte)),
                _ if is_plain(byte) => url.push(char::from(byte)),
                _ => return Err(NotLocalPath),
            }
            if url.len() > MAX {
                return Err(NotLocalPath);
            }
        }
        let path = path.unwrap_or(url.len());
        let slashes = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
        let wanted = slashes(&url.as_bytes()[..path]);
        let stays = spellings(&url[..path])
            .iter()
            .all(|path| has_plain_segments(path) && slashes(path) == wanted);
        if !stays || text.ends_with(' ') {
            return Err(NotLocalPath);
        }
        Ok(Self { url, path })
    }
}

impl LocalPath {
    /// The URL of `request`, for a login that returns to it. `None` if the path is not
    /// plain, or the URL is too long.
    pub fn of(request: &Request) -> Option<Self> {
        let mount = &Context::of(request).mount;
        let mut url = match request.uri().path() {
            // The query has the route.
            path if mount.is_outside() => path.to_owned(),
            _ if mount.by_query() => mount.cookie_path().to_owned(),
            path if path.strip_prefix(mount.base()) == Some("/") => mount.url_for("/"),
            path => path.to_owned(),
        };
        if let Some(query) = request.uri().query() {
            url.push('?');
            url.push_str(query);
        }
        url.parse().ok()
    }

    /// The path with its query: ASCII without spaces and control characters.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The path alone, percent-encoded.
    pub fn path(&self) -> &str {
        &self.url[..self.path]
    }

    /// The query without its `?`, percent-encoded.
    pub fn query(&self) -> Option<&str> {
        self.url.get(self.path + 1..)
    }

    /// Whether it can lead to the page `route` of this program, such as `/logout`: the
    /// path ends in the route, in any percent-encoding, or the query names it
    /// (`?r=/logout`).
    ///
    /// A login does not return to the pages of the login. The rest of the path is not
    /// compared, because a program can have several addresses: behind a rewrite, `/logout`
    /// is also `/cgi-bin/signet.cgi/logout`.
    pub fn can_lead_to(&self, route: &str) -> bool {
        let ends_in_route = |path: &Vec<u8>| path.ends_with(route.as_bytes());
        spellings(self.path()).iter().any(ends_in_route)
            || self
                .query()
                .and_then(|query| path_in_query(query.as_bytes()))
                .is_some_and(|named| named == route.as_bytes())
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Whether a byte may be in a path or query as it is: RFC 3986's unreserved characters,
/// sub-delims and `:` `@` `/` `%`, and brackets, which browsers do not encode.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%[]".contains(&byte)
}

/// `path` as it is, and percent-decoded once and twice.
fn spellings(path: &str) -> [Vec<u8>; 3] {
    let once: Vec<u8> = percent_decode(path.as_bytes()).collect();
    let twice = percent_decode(&once).collect();
    [path.as_bytes().to_vec(), once, twice]
}

/// Whether `path` is absolute, and no browser or server resolves it to another path.
fn has_plain_segments(path: &[u8]) -> bool {
    let mut segments = path.split(|byte| *byte == b'/');
    let (first, last) = (segments.next(), segments.next_back());
    let dots = |segment: &[u8]| matches!(segment, b"." | b"..");
    first == Some(b"")
        && last.is_some_and(|last| !dots(last))
        && segments.all(|segment| !segment.is_empty() && !dots(segment))
        && !path
            .iter()
            .any(|byte| byte.is_ascii_control() || *byte == b'\\')
}
