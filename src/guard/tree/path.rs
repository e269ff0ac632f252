//! The path of a request below a guarded folder.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// The most names in a path. For each folder on the way, a descriptor is open.
pub(super) const MAX_NAMES: usize = 100;

/// Encodes all bytes but the unreserved characters of RFC 3986, section 2.3.
#[rustfmt::skip]
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of a request below a guarded folder: the names of the folders on the way and of
/// the file, or of folders only.
///
/// A name is a sequence of bytes, in no encoding. It is not empty, contains no NUL and no
/// `/`, and does not begin with a dot, so it is neither `.` nor `..`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GuardedPath {
    names: Vec<Vec<u8>>,
    is_folder: bool,
}

impl GuardedPath {
    /// Parses a percent-encoded path, without its query. It begins with a slash, or is
    /// empty: that is the guarded folder without the slash at its end.
    ///
    /// It is split at its slashes, then each name is decoded once. `None` if there is a
    /// name that [`GuardedPath`] does not allow (also if it was encoded, such as `%2e%2e`
    /// or `a%2fb`), an empty name (`//`), a `%` without two hexadecimal digits, a `?` or `#`
    /// that is not encoded, or more than 100 names. Nothing is removed or corrected: `a;b`,
    /// `a.` and `a%20` are names, and so are bytes that are not UTF-8, such as the overlong
    /// `%c0%ae`.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        Self::split(raw, decode)
    }

    /// Parses a path that is already decoded, such as `PATH_INFO`. The rules are those of
    /// [`GuardedPath::parse`]. An encoded slash can no longer be recognized here.
    pub fn parse_decoded(path: &[u8]) -> Option<Self> {
        Self::split(path, |name| Some(name.to_vec()))
    }

    fn split(path: &[u8], decode: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Self> {
        let Some(rest) = path.strip_prefix(b"/") else {
            return path.is_empty().then(Self::default);
        };
        let (names, is_folder) = match rest.strip_suffix(b"/") {
            Some(names) => (names, true),
            None if rest.is_empty() => {
                return Some(Self {
                    names: Vec::new(),
                    is_folder: true,
                });
            }
            None => (rest, false),
        };
        let names = names.split(|byte| *byte == b'/');
        let names = names.map(|name| decode(name).filter(|name| is_name(name)));
        let names: Vec<Vec<u8>> = names.take(MAX_NAMES + 1).collect::<Option<_>>()?;
        (names.len() <= MAX_NAMES).then_some(Self { names, is_folder })
    }

    /// The names, decoded. It has none for the guarded folder itself.
    pub fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// Whether a slash is at its end: what it leads to must be a folder.
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// The path of `name` in the folder with this path; `None` if [`GuardedPath`] does not
    /// allow the name.
    pub fn file(&self, name: &[u8]) -> Option<Self> {
        let mut names = self.names.clone();
        names.push(name.to_vec());
        (is_name(name) && names.len() <= MAX_NAMES).then_some(Self {
            names,
            is_folder: false,
        })
    }

    /// The path percent-encoded, as [`GuardedPath::parse`] reads it.
    pub fn encoded(&self) -> String {
        let mut path = String::new();
        for name in &self.names {
            path.push('/');
            path.extend(percent_encode(name, ENCODED));
        }
        if self.is_folder {
            path.push('/');
        }
        path
    }
}

/// Whether files with this name are shown.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name[0] != b'.' && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

fn decode(name: &[u8]) -> Option<Vec<u8>> {
    let mut after_percent = name.split(|byte| *byte == b'%').skip(1);
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let is_valid = after_percent.all(|text| text.get(..2).is_some_and(is_hex));
    let is_path = !name.iter().any(|byte| matches!(byte, b'?' | b'#'));
    (is_valid && is_path).then(|| percent_decode(name).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A path, its names, and whether it is that of a folder.
    type Case<'c> = (&'c [u8], &'c [&'c [u8]], bool);

    #[test]
    fn a_path_is_split_and_then_decoded_once() {
        #[rustfmt::skip]
        let cases: [Case<'_>; 17] = [
            (b"",                 &[],                       false),
            (b"/",                &[],                       true),
            (b"/a",               &[b"a"],                   false),
            (b"/a/",              &[b"a"],                   true),
            (b"/a/b c/d",         &[b"a", b"b c", b"d"],     false),
            (b"/%61%2E/b",        &[b"a.", b"b"],            false),
            (b"/a%20",            &[b"a "],                  false),
            (b"/a;x=1/b;/c",      &[b"a;x=1", b"b;", b"c"],  false),
            (b"/a%253f",          &[b"a%3f"],                false),
            (b"/a%252e%252e",     &[b"a%2e%2e"],             false),
            (b"/%3F%23%25",       &[b"?#%"],                 false),
            (b"/a.../b..",        &[b"a...", b"b.."],        false),
            (b"/%c0%ae%c0%ae/a",  &[b"\xc0\xae\xc0\xae", b"a"], false),
            (b"/%e0%80%af",       &[b"\xe0\x80\xaf"],        false),
            (b"/\xff\xc3\xa9",    &[b"\xff\xc3\xa9"],        false),
            (b"/a%0d%0a%01%7f",   &[b"a\r\n\x01\x7f"],       false),
            (b"/-rf/a\\..\\b+c",  &[b"-rf", b"a\\..\\b+c"],  false),
        ];
        for (raw, names, is_folder) in cases {
            let path = GuardedPath::parse(raw).unwrap_or_else(|| panic!("{raw:?}"));
            assert_eq!(path.names(), names, "{raw:?}");
            assert_eq!(path.is_folder(), is_folder, "{raw:?}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        let cases: [&[u8]; 30] = [
            b"a",
            b"//",
            b"//a",
            b"/a//b",
            b"/a//",
            b"/.",
            b"/..",
            b"/./a",
            b"/a/./b",
            b"/a/../b",
            b"/../a",
            b"/%2e%2e/a",
            b"/%2E./a",
            b"/.%2e/",
            b"/..%2fa",
            b"/a%2fb",
            b"/a%2Fb",
            b"/%2f",
            b"/a%00",
            b"/a%00.txt",
            b"/a\0",
            b"/.htaccess",
            b"/%2ehtaccess",
            b"/a/.git/config",
            b"/..;/a",
            b"/.../a",
            b"/a%",
            b"/a%2",
            b"/a%zz",
            b"/a?b",
        ];
        for raw in cases {
            assert_eq!(GuardedPath::parse(raw), None, "{raw:?}");
        }
        assert_eq!(GuardedPath::parse(b"/a#b"), None);
        assert_eq!(GuardedPath::parse(&b"/a".repeat(101)), None);
        assert!(GuardedPath::parse(&b"/a".repeat(100)).is_some());
    }

    #[test]
    fn a_decoded_path_is_not_decoded_again() {
        let path = GuardedPath::parse_decoded(b"/a%2fb?c#d/100%/").unwrap();
        assert_eq!(path.names(), [&b"a%2fb?c#d"[..], b"100%"]);
        assert!(path.is_folder());
        for path in [&b"/../a"[..], b"/a//b", b"/.a", b"/a\0", b"a"] {
            assert_eq!(GuardedPath::parse_decoded(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_file_is_named_in_its_folder() {
        let folder = GuardedPath::parse(b"/a/").unwrap();
        let file = folder.file(b"index.html").unwrap();
        assert_eq!(file, GuardedPath::parse(b"/a/index.html").unwrap());
        for name in [&b""[..], b"..", b".a", b"a/b", b"a\0"] {
            assert_eq!(folder.file(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn an_encoded_path_is_parsed_to_the_same(
            names in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..5),
            slash: bool,
        ) {
            let mut path = Vec::new();
            for name in &names {
                path.push(b'/');
                path.extend(name);
            }
            if slash {
                path.push(b'/');
            }
            if let Some(path) = GuardedPath::parse_decoded(&path) {
                let encoded = path.encoded();
                prop_assert!(encoded.is_ascii());
                prop_assert_eq!(GuardedPath::parse(encoded.as_bytes()), Some(path));
            }
        }

        #[test]
        fn no_bytes_are_parsed_to_a_name_that_leads_elsewhere(raw: Vec<u8>) {
            for path in [GuardedPath::parse(&raw), GuardedPath::parse_decoded(&raw)] {
                for name in path.iter().flat_map(GuardedPath::names) {
                    prop_assert!(!name.is_empty() && name[0] != b'.');
                    prop_assert!(!name.contains(&b'/') && !name.contains(&0));
                }
            }
        }
    }
}
