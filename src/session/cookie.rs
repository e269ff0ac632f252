//! The session's cookie: reads `Cookie` and writes `Set-Cookie`.

use std::borrow::Cow;

use cookie::{Cookie, Expiration, SameSite};
use time::OffsetDateTime;

use super::moment::Moment;
use super::signing::MAX_PAYLOAD;

/// The name of a cookie: a token (RFC 6265, 4.1.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieName(Cow<'static, str>);

/// A text that is not a [`CookieName`]: empty, too long or not a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CookieNameError;

error_texts! { CookieNameError:
    Self => "expected a cookie name: up to {MAX_NAME} letters, digits and !#$%&'*+-.^_`|~";
}

/// The most bytes of a cookie's name. Browsers drop a cookie whose name and value are
/// longer than 4096 together (RFC 6265bis, 5.6); an id has 43.
///
/// The rest is for the longest path and domain, and for a small signed session.
pub(crate) const MAX_NAME: usize = 1024;

/// The most bytes of a header's value.
const MAX_LINE: usize = 4096;

impl std::str::FromStr for CookieName {
    type Err = CookieNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(token) {
            return Err(CookieNameError);
        }
        Ok(Self(name.to_owned().into()))
    }
}

impl CookieName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `__Host-`: the browser demands `Secure`, `Path=/` and no `Domain`.
    /// Browsers compare the prefix without regard to case.
    pub fn is_host_only(&self) -> bool {
        self.has_prefix("__host-")
    }

    /// `__Secure-`, `__Http-` or `__Host-`: the browser demands `Secure`.
    pub fn is_secure_only(&self) -> bool {
        self.is_host_only() || self.is_http_only() || self.has_prefix("__secure-")
    }

    /// `__Http-` or `__Host-Http-`: the browser demands `HttpOnly`.
    pub fn is_http_only(&self) -> bool {
        self.has_prefix("__http-") || self.has_prefix("__host-http-")
    }

    fn has_prefix(&self, prefix: &str) -> bool {
        self.0
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }
}

/// A cookie's `Domain` that browsers accept, without the dot in front that
/// browsers ignore (RFC 6265, 5.2.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieDomain(String);

/// Why a text is not a [`CookieDomain`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CookieDomainError {
    /// It is not a host name in ASCII: labels of 1 to 63 letters, digits, `-` (not
    /// at an end) and `_` with dots between, 253 bytes in all (RFC 1123, 2.1).
    NotAHostName,
    /// It is an IP address, which has no hosts below it.
    IpAddress,
    /// It has one label: browsers treat it as a public suffix (`com`).
    OneLabel,
}

error_texts! { CookieDomainError:
    Self::NotAHostName =>
        "expected a host name such as example.org (in ASCII, xn-- for other letters)";
    Self::IpAddress =>
        "expected a host name, not an IP address; without this setting the cookie works there";
    Self::OneLabel =>
        "expected a host name with a dot in it; without this setting the cookie works at one host";
}

impl std::str::FromStr for CookieDomain {
    type Err = CookieDomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let domain = text.trim_start_matches('.');
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if domain.parse::<std::net::IpAddr>().is_ok() {
            return Err(CookieDomainError::IpAddress);
        }
        if domain.len() > 253 || !domain.split('.').all(is_label) {
            return Err(CookieDomainError::NotAHostName);
        }
        // A name that ends in a number is an IPv4 address (URL Standard, 3.5).
        let last = domain.rsplit('.').next().unwrap_or_default();
        let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
        let is_hex = hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_hex || last.bytes().all(|b| b.is_ascii_digit()) {
            return Err(CookieDomainError::IpAddress);
        }
        if !domain.contains('.') && !domain.eq_ignore_ascii_case("localhost") {
            return Err(CookieDomainError::OneLabel);
        }
        Ok(Self(domain.to_owned()))
    }
}

impl CookieDomain {
    /// The domain, without a dot in front.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers accept it from `host`, which may have a port (RFC 6265, 5.1.3).
    pub(crate) fn covers(&self, host: &[u8]) -> bool {
        let end = host.iter().rposition(|b| *b == b':').unwrap_or(host.len());
        let (host, domain) = (&host[..end], self.0.as_bytes());
        let Some(at) = host.len().checked_sub(domain.len()) else {
            return false;
        };
        host[at..].eq_ignore_ascii_case(domain) && (at == 0 || host[at - 1] == b'.')
    }
}

/// A cookie's `Path` that browsers compare with the path of a URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookiePath(String);

/// A text that is not a [`CookiePath`]: browsers would never send the cookie back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CookiePathError;

error_texts! { CookiePathError:
    Self =>
        "expected a path that begins with /, percent-encoded, without ; and dot segments, up to {MAX_PATH} bytes";
}

/// The most bytes of a cookie's path. Browsers ignore a longer attribute (RFC 6265bis, 5.6).
pub(crate) const MAX_PATH: usize = 1024;

impl std::str::FromStr for CookiePath {
    type Err = CookiePathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        // Browsers percent-encode these in an address, and compare the bytes
        // (URL Standard, 1.3; RFC 6265, 5.1.4). `;` ends the attribute.
        let plain = |b: u8| b.is_ascii_graphic() && !br#"";<>?#\^`{|}"#.contains(&b);
        let is_dots = |segment: &str| {
            let segment = segment.to_ascii_lowercase().replace("%2e", ".");
            segment == "." || segment == ".."
        };
        let good = path.starts_with('/')
            && path.len() <= MAX_PATH
            && path.bytes().all(plain)
            && !path.split('/').any(is_dots);
        good.then(|| Self(path.to_owned())).ok_or(CookiePathError)
    }
}

impl CookiePath {
    /// Whether browsers send the cookie to every URL below `base`, which is
    /// percent-encoded and has no slash at its end (RFC 6265, 5.1.4).
    pub(crate) fn covers(&self, base: &str) -> bool {
        let folder = self.0.strip_suffix('/').unwrap_or(&self.0);
        let rest = base.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// `/`
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How often a permanent session is refreshed during its lifetime. With each response, as in
/// Flask, no page could be cached. For users, `SESSION_REFRESH_EACH_REQUEST` in
/// `src/config/table.rs` says "a tenth".
const REFRESHES: u64 = 10;

/// The attributes of the session's cookie, except those that depend on the request.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// `SESSION_COOKIE_NAME`.
    pub name: CookieName,
    /// `SESSION_COOKIE_DOMAIN`; `None`: this host only.
    pub domain: Option<CookieDomain>,
    /// `SESSION_COOKIE_HTTPONLY`.
    pub http_only: bool,
    /// `SESSION_COOKIE_SAMESITE`; `None`: no such attribute.
    pub same_site: Option<SameSite>,
    /// `SESSION_COOKIE_PARTITIONED`.
    pub partitioned: bool,
    /// `PERMANENT_SESSION_LIFETIME`, seconds.
    pub lifetime: u64,
    /// `SESSION_ABSOLUTE_LIFETIME`, seconds; `None`: no such limit.
    pub absolute_lifetime: Option<u64>,
    /// `SESSION_REFRESH_EACH_REQUEST`.
    pub refresh: bool,
    /// `MAX_COOKIE_SIZE`: the most bytes of a `Set-Cookie` value; 0 means 4096.
    pub max_size: usize,
}

impl Default for CookieSettings {
    /// Flask's defaults, except `SameSite=Lax`.
    fn default() -> Self {
        Self {
            name: CookieName("session".into()),
            domain: None,
            http_only: true,
            same_site: Some(SameSite::Lax),
            partitioned: false,
            lifetime: 31 * 24 * 60 * 60,
            absolute_lifetime: None,
            refresh: true,
            max_size: 4093,
        }
    }
}

/// The most bytes of signed cookies that are verified in one request. Browsers keep
/// at most 4096 of each (RFC 6265, 6.1) and send one or two.
const MAX_VERIFIED: usize = 16 * 1024;

/// The same if `MAX_COOKIE_SIZE` is 0, for clients that store larger cookies.
const MAX_VERIFIED_UNLIMITED: usize = 64 * 1024;

impl CookieSettings {
    /// The settings of another cookie for the same pages: its name is the session's and
    /// `suffix`, which is of letters, digits and `_`. Scripts of a page cannot read it,
    /// whatever `SESSION_COOKIE_HTTPONLY` says, and `MAX_COOKIE_SIZE` is of sessions only.
    pub(crate) fn beside(&self, suffix: &'static str) -> Self {
        Self {
            name: CookieName(format!("{}{suffix}", self.name.as_str()).into()),
            http_only: true,
            max_size: 0,
            ..self.clone()
        }
    }

    /// The most bytes of signed cookies that are verified in one request.
    pub(super) fn max_verified(&self) -> usize {
        match self.max_size {
            0 => MAX_VERIFIED_UNLIMITED,
            _ => MAX_VERIFIED,
        }
    }

    /// Seconds after which a session that is in use is saved again.
    pub(crate) fn refreshed_after(&self) -> u64 {
        (self.lifetime / REFRESHES).max(1)
    }

    /// Whether a session that began at this moment has reached
    /// `SESSION_ABSOLUTE_LIFETIME` at `now` (Unix seconds), used or not.
    pub(crate) fn is_past_absolute_lifetime(&self, began: Moment, now: u64) -> bool {
        let limit = self.absolute_lifetime;
        limit.is_some_and(|limit| now.saturating_sub(began.second()) > limit)
    }
}

/// The attributes of the cookie that depend on the request.
#[derive(Clone, Copy, Debug)]
pub struct CookieScope<'r> {
    /// `Path`.
    pub path: &'r str,
    /// The base path, with which the URLs of all pages begin; `/` at the root.
    pub mount: &'r str,
    /// `Secure`.
    pub secure: bool,
}

/// The session does not fit into a cookie. Nothing was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CookieTooLarge {
    /// The `Set-Cookie` value is larger than `MAX_COOKIE_SIZE`.
    Cookie {
        /// Bytes of the value.
        size: usize,
        /// `MAX_COOKIE_SIZE`, or the limit of a header.
        limit: usize,
    },
    /// The session is larger than the limit of decompression when a cookie is read.
    Session {
        /// Bytes of the session as JSON.
        size: usize,
    },
}

error_texts! { CookieTooLarge:
    Self::Cookie { size, limit } =>
        "session cookie has {size} bytes, more than the limit {limit} (see MAX_COOKIE_SIZE); it was not sent";
    Self::Session { size } =>
        "session has {size} bytes of JSON, more than {MAX_PAYLOAD}; its cookie was not sent";
}

/// The values of all cookies called `name` in one `Cookie` header.
///
/// `;` separates pairs, also inside quotes, and blanks and tabs around a pair are
/// trimmed. Nothing else is trimmed: with other white space of Unicode a different
/// name would count as this one.
pub(crate) fn values_of<'h>(name: &CookieName, header: &'h [u8]) -> impl Iterator<Item = &'h str> {
    let name = name.as_str();
    header.split(|b| *b == b';').filter_map(move |pair| {
        let start = pair.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
        let end = pair.iter().rposition(|b| !matches!(b, b' ' | b'\t'))?;
        let value = pair[start..=end]
            .strip_prefix(name.as_bytes())?
            .strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    })
}

/// The `Set-Cookie` value that stores `value`, until `expires` (Unix seconds)
/// or until the browser window closes.
///
/// # Errors
///
/// [`CookieTooLarge`], counted as Werkzeug does: a browser would silently drop it.
pub(crate) fn line(
    settings: &CookieSettings,
    scope: CookieScope<'_>,
    value: String,
    expires: Option<u64>,
) -> Result<String, CookieTooLarge> {
    let mut cookie = attributes(settings, scope, value);
    if let Some(expires) = expires {
        let end = i64::try_from(expires).unwrap_or(i64::MAX);
        if let Ok(end) = OffsetDateTime::from_unix_timestamp(end) {
            cookie.set_expires(Expiration::DateTime(end));
        }
    }
    let line = cookie.to_string();
    let limit = match settings.max_size {
        0 => MAX_LINE,
        size => size.min(MAX_LINE),
    };
    if line.len() > limit {
        return Err(CookieTooLarge::Cookie {
            size: line.len(),
            limit,
        });
    }
    Ok(line)
}

/// The `Set-Cookie` value that deletes the cookie. It has the same attributes, or the
/// browser would ignore it. It expires one second after the epoch, as in PHP: some
/// browsers do not accept 0 as a date.
pub(super) fn deletion(settings: &CookieSettings, scope: CookieScope<'_>, path: &str) -> String {
    let mut cookie = attributes(settings, CookieScope { path, ..scope }, String::new());
    cookie.set_max_age(time::Duration::ZERO);
    cookie.set_expires(OffsetDateTime::UNIX_EPOCH + time::Duration::SECOND);
    cookie.to_string()
}

/// The `Set-Cookie` value that deletes a cookie at the base path, if another path is set: a
/// cookie from the time before that setting would outlive a logout, and contradict the next
/// login.
pub(super) fn deletion_at_mount(
    settings: &CookieSettings,
    scope: CookieScope<'_>,
) -> Option<String> {
    let is_other = scope.path != scope.mount && !settings.name.is_host_only();
    is_other.then(|| deletion(settings, scope, scope.mount))
}

/// The most paths at which other cookies of the session's name are deleted.
const MAX_OTHER_PATHS: usize = 8;

/// The `Set-Cookie` values that delete the other cookies of the session's name that a
/// browser sends to all pages: their path is the base path or above it (RFC 6265,
/// 5.1.4).
pub(super) fn deletions_of_others(
    settings: &CookieSettings,
    scope: CookieScope<'_>,
) -> Vec<String> {
    // Such a cookie always has the path `/`.
    if settings.name.is_host_only() {
        return Vec::new();
    }
    let mut paths = vec!["/".to_owned()];
    let mut mount = scope.mount;
    while !mount.is_empty() && mount != "/" && paths.len() < MAX_OTHER_PATHS {
        paths.extend([mount.to_owned(), format!("{mount}/")]);
        mount = mount.rsplit_once('/').map_or("", |(above, _)| above);
    }
    let (own, any) = (|path: &String| path != scope.path, |_: &String| true);
    let deletions = |settings, wanted: &dyn Fn(&String) -> bool| {
        let paths = paths.iter().filter(|path| wanted(path));
        Vec::from_iter(paths.map(|path| deletion(settings, scope, path)))
    };
    let mut lines = deletions(settings, &own);
    if settings.domain.is_some() {
        // Cookies that were set before this setting are of this host only.
        let this_host = CookieSettings {
            domain: None,
            ..settings.clone()
        };
        lines.extend(deletions(&this_host, &any));
    }
    lines
}

fn attributes<'c>(
    settings: &'c CookieSettings,
    scope: CookieScope<'c>,
    value: String,
) -> Cookie<'c> {
    let mut cookie = Cookie::new(settings.name.as_str(), value);
    cookie.set_http_only(settings.http_only);
    cookie.set_path(scope.path);
    cookie.set_same_site(settings.same_site);
    cookie.set_secure(scope.secure);
    if let Some(domain) = &settings.domain {
        cookie.set_domain(domain.0.as_str());
    }
    if settings.partitioned {
        cookie.set_partitioned(true);
    }
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_of_exactly_the_name_are_read() {
        let name: CookieName = "session".parse().unwrap();
        #[rustfmt::skip]
        let cases: [(&str, &[&str]); 12] = [
            ("session=V", &["V"]),
            ("a=1;\tsession=V ;session=W", &["V", "W"]),
            ("session =V", &[]),
            ("session= V", &[" V"]),
            ("SESSION=V; xsession=V; session2=V", &[]),
            ("\u{2000}session=V", &[]),
            ("=session=V", &[]),
            ("%73ession=V", &[]),
            ("x=\"1; session=V; y=2\"", &["V"]),
            ("x=1,session=V", &[]),
            ("session", &[]),
            (";;=;", &[]),
        ];
        for (header, want) in cases {
            let values: Vec<_> = values_of(&name, header.as_bytes()).collect();
            assert_eq!(values, want, "{header}");
        }
    }

    /// A login with the longest settings fits in a header.
    #[test]
    fn the_longest_name_leaves_room_for_the_longest_attributes() {
        let longest = "n".repeat(MAX_NAME);
        assert!(format!("{longest}n").parse::<CookieName>().is_err());
        let label = "d".repeat(63);
        let domain = format!("{label}.{label}.{label}.{}", "d".repeat(61));
        let settings = CookieSettings {
            name: longest.parse().unwrap(),
            domain: Some(domain.parse().unwrap()),
            same_site: Some(SameSite::Strict),
            partitioned: true,
            max_size: 0,
            ..CookieSettings::default()
        };
        let path = format!("/{}", "p".repeat(1023));
        let scope = CookieScope {
            path: &path,
            mount: &path,
            secure: true,
        };
        let token = "t".repeat(500);
        line(&settings, scope, token.clone(), Some(1_800_000_000)).unwrap();
        line(
            &settings.beside("_known"),
            scope,
            token,
            Some(1_800_000_000),
        )
        .unwrap();
    }
}
