//! The request meta-variables of RFC 3875, section 4.1, as bytes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use http::Method;

/// The meta-variables of one request.
///
/// A variable with an empty value counts as unset (RFC 3875, 4.1). If a name occurs
/// several times, as FastCGI servers may send it, [`get`](Self::get) returns the last
/// value and [`all`](Self::all) returns all of them.
#[derive(Clone, Debug, Default)]
pub struct MetaVariables {
    /// All entries `NAME=VALUE`, one after the other: an allocation for each name and
    /// value would take a tenth of a request's time.
    bytes: Vec<u8>,
    vars: Vec<Variable>,
    /// For each hash of a name, the last variable with this hash. A request looks up
    /// about thirty names; comparing each of them with all variables took as long as the
    /// allocations.
    last: [Number; HASHES],
}

const HASHES: usize = 32;

/// The number of a variable, from 1; 0 means none.
type Number = u32;

/// The position of an entry in the bytes.
#[derive(Clone, Copy, Debug)]
struct Variable {
    start: usize,
    equals: usize,
    end: usize,
    /// The previous variable with the same hash.
    before: Number,
}

/// A hash that is different for most of the usual names.
fn hash(name: &[u8]) -> usize {
    let byte = |at: usize| usize::from(name.get(at).copied().unwrap_or_default());
    let (middle, last) = (byte(name.len() / 2), byte(name.len().wrapping_sub(1)));
    (name.len() + 3 * middle + 5 * last) % HASHES
}

/// A meta-variable that does not have the form of RFC 3875.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MetaVariableError {
    /// `REQUEST_METHOD` is unset or not a token (RFC 3875, 4.1.12).
    Method,
    /// `CONTENT_LENGTH` contains other characters than digits (RFC 3875, 4.1.2).
    ContentLength,
}

error_texts! { MetaVariableError:
    Self::Method => "REQUEST_METHOD is missing or not a token";
    Self::ContentLength => "CONTENT_LENGTH is not a number";
}

impl<N: AsRef<OsStr>, V: AsRef<OsStr>> FromIterator<(N, V)> for MetaVariables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(vars: I) -> Self {
        let mut all = Self::with_room();
        for (name, value) in vars {
            all.set(name.as_ref().as_bytes(), value.as_ref().as_bytes());
        }
        all
    }
}

impl MetaVariables {
    /// No variables, with room for those of a request.
    fn with_room() -> Self {
        Self {
            bytes: Vec::with_capacity(2048),
            vars: Vec::with_capacity(64),
            last: [0; HASHES],
        }
    }

    /// See [`super::Environment::from_entries`].
    pub(super) fn from_environ<'e>(entries: impl Iterator<Item = &'e [u8]>) -> Self {
        let mut all = Self::with_room();
        for entry in entries {
            let behind_first = entry.get(1..).unwrap_or_default();
            if let Some(at) = behind_first.iter().position(|byte| *byte == b'=') {
                all.push(&[entry], at + 1);
            }
        }
        all
    }

    /// Sets `name` to `value`; [`get`](Self::get) then returns this value.
    pub(crate) fn set(&mut self, name: &[u8], value: &[u8]) {
        self.push(&[name, b"=", value], name.len());
    }

    /// Adds an entry, in parts, with a name of `length` bytes.
    fn push(&mut self, parts: &[&[u8]], length: usize) {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let equals = start + length;
        let hash = hash(&self.bytes[start..equals]);
        self.vars.push(Variable {
            start,
            equals,
            end: self.bytes.len(),
            before: self.last[hash],
        });
        self.last[hash] = Number::try_from(self.vars.len()).unwrap_or_default();
    }

    fn at(&self, var: &Variable) -> (&[u8], &[u8]) {
        (
            &self.bytes[var.start..var.equals],
            &self.bytes[var.equals + 1..var.end],
        )
    }

    /// The last value of `name`; `None` if it is empty or if there is none.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut number = self.last[hash(name.as_bytes())];
        loop {
            let var = self
                .vars
                .get(usize::try_from(number).ok()?.checked_sub(1)?)?;
            let (other, value) = self.at(var);
            if other == name.as_bytes() {
                return (!value.is_empty()).then_some(value);
            }
            number = var.before;
        }
    }

    /// As [`get`](Self::get), as a path.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.get(name)
            .map(|value| Path::new(OsStr::from_bytes(value)))
    }

    /// Whether `SCRIPT_FILENAME` is a file.
    pub(crate) fn script_is_file(&self) -> bool {
        self.path("SCRIPT_FILENAME").is_some_and(Path::is_file)
    }

    /// All values of `name` that are not empty, in the order in which they were given.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(n, _)| *n == name.as_bytes())
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// All variables, in the order in which they were given.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        self.vars.iter().map(|var| self.at(var))
    }

    /// `REQUEST_METHOD`, case-sensitive.
    ///
    /// # Errors
    ///
    /// [`MetaVariableError::Method`] if it is unset or not a token.
    pub fn request_method(&self) -> Result<Method, MetaVariableError> {
        let value = self
            .get("REQUEST_METHOD")
            .ok_or(MetaVariableError::Method)?;
        Method::from_bytes(value).map_err(|_| MetaVariableError::Method)
    }

    /// `CONTENT_LENGTH` in bytes; `None` if unset or empty. A number that does not fit
    /// into `u64` is `u64::MAX`, which is above every limit.
    ///
    /// # Errors
    ///
    /// [`MetaVariableError::ContentLength`] if it contains other characters than digits.
    /// (Rust's own parser would accept `+3`.)
    pub fn content_length(&self) -> Result<Option<u64>, MetaVariableError> {
        let Some(digits) = self.get("CONTENT_LENGTH") else {
            return Ok(None);
        };
        digits
            .iter()
            .try_fold(0u64, |sum, byte| {
                byte.is_ascii_digit().then(|| {
                    sum.saturating_mul(10)
                        .saturating_add(u64::from(byte - b'0'))
                })
            })
            .map(Some)
            .ok_or(MetaVariableError::ContentLength)
    }

    /// `QUERY_STRING`, still encoded; empty if unset.
    pub fn query_string(&self) -> &[u8] {
        self.get("QUERY_STRING").unwrap_or_default()
    }

    /// Whether the client's connection to the web server is HTTPS.
    ///
    /// Read from `HTTPS` if it is set, otherwise from `REQUEST_SCHEME`. Headers of a
    /// proxy are not read: any client can send them.
    pub fn is_https(&self) -> bool {
        match self.get("HTTPS") {
            Some(value) => value.eq_ignore_ascii_case(b"on") || value == b"1",
            None => self
                .get("REQUEST_SCHEME")
                .is_some_and(|value| value.eq_ignore_ascii_case(b"https")),
        }
    }

    /// The status of another request for which the web server wants an error page:
    /// `REDIRECT_STATUS` from 400 on, which Apache's `ErrorDocument` sets. Other
    /// meta-variables are then those of the failed request.
    pub fn error_document(&self) -> Option<u16> {
        let status = std::str::from_utf8(self.get("REDIRECT_STATUS")?).ok()?;
        status.parse().ok().filter(|code| (400..600).contains(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(vars: &[(&str, &str)]) -> MetaVariables {
        vars.iter().copied().collect()
    }

    #[test]
    fn content_length_is_digits_only() {
        let bad = Err(MetaVariableError::ContentLength);
        #[rustfmt::skip]
        let cases = [
            ("", Ok(None)), ("0", Ok(Some(0))), ("007", Ok(Some(7))), ("+3", bad), ("-1", bad),
            (" 3", bad), ("3 ", bad), ("3,3", bad), ("0x3", bad), ("1e3", bad), ("٣", bad),
            ("18446744073709551615", Ok(Some(u64::MAX))),
            ("999999999999999999999999999999", Ok(Some(u64::MAX))),
        ];
        for (value, want) in cases {
            assert_eq!(
                meta(&[("CONTENT_LENGTH", value)]).content_length(),
                want,
                "{value}"
            );
        }
    }

    #[test]
    fn the_last_of_several_counts_and_empty_is_unset() {
        let vars = meta(&[("SCRIPT_NAME", "/login"), ("SCRIPT_NAME", "")]);
        assert_eq!(vars.get("SCRIPT_NAME"), None);
        assert!(vars.all("SCRIPT_NAME").eq([b"/login"]));
    }

    #[test]
    fn each_of_many_names_has_its_value() {
        let names: Vec<String> = (0..500).map(|number| format!("N{number}")).collect();
        let mut vars: MetaVariables = names.iter().map(|name| (name, name)).collect();
        vars.set(b"N7", b"other");
        for name in &names {
            let want = if name == "N7" { "other" } else { name };
            assert_eq!(vars.get(name), Some(want.as_bytes()));
        }
        assert_eq!((vars.get("N500"), vars.get("")), (None, None));
    }

    #[test]
    fn entries_are_read_as_the_standard_library_reads_them() {
        let entries: [&[u8]; 7] = [b"A=1", b"B", b"", b"=C", b"=D=2", b"E=", b"F==3=\xff"];
        let vars = MetaVariables::from_environ(entries.into_iter());
        let wanted: [(&[u8], &[u8]); 4] =
            [(b"A", b"1"), (b"=D", b"2"), (b"E", b""), (b"F", b"=3=\xff")];
        assert!(vars.iter().eq(wanted), "{vars:?}");
    }

    #[test]
    fn https_is_believed_from_the_server_only() {
        type Vars<'t> = &'t [(&'t str, &'t str)];
        #[rustfmt::skip]
        let cases: [(Vars<'_>, bool); 7] = [
            (&[("HTTPS", "on")], true),
            (&[("HTTPS", "ON")], true),
            (&[("HTTPS", "1")], true),
            (&[("HTTPS", "off"), ("REQUEST_SCHEME", "https")], false),
            (&[("HTTPS", ""), ("REQUEST_SCHEME", "https")], true),
            (&[("HTTP_HTTPS", "on")], false),
            (&[("HTTP_X_FORWARDED_PROTO", "https")], false),
        ];
        for (vars, want) in cases {
            assert_eq!(meta(vars).is_https(), want, "{vars:?}");
        }
    }
}
