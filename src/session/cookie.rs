//! The session's cookie: opened from `Cookie`, saved into `Set-Cookie`.

use cookie::{Cookie, Expiration, SameSite};
use time::OffsetDateTime;

use super::dict::Session;
use super::signing::{Signer, decode_payload, encode_payload};
use super::tagged_json;

/// A cookie's name: a token (RFC 6265, 4.1.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieName(String);

/// The name is empty or no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be a cookie name: letters, digits and !#$%&'*+-.^_`|~")]
pub struct CookieNameError;

impl std::str::FromStr for CookieName {
    type Err = CookieNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(CookieNameError);
        }
        Ok(Self(name.to_owned()))
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

    /// `__Secure-` or `__Host-`: the browser demands `Secure`.
    pub fn is_secure_only(&self) -> bool {
        self.is_host_only() || self.has_prefix("__secure-")
    }

    fn has_prefix(&self, prefix: &str) -> bool {
        self.0
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }
}

/// The attributes of the session's cookie, but for what a request decides.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// `SESSION_COOKIE_NAME`.
    pub name: CookieName,
    /// `SESSION_COOKIE_DOMAIN`; `None`: this host only.
    pub domain: Option<String>,
    /// `SESSION_COOKIE_HTTPONLY`.
    pub http_only: bool,
    /// `SESSION_COOKIE_SAMESITE`.
    pub same_site: SameSite,
    /// `SESSION_COOKIE_PARTITIONED`.
    pub partitioned: bool,
    /// `PERMANENT_SESSION_LIFETIME`, seconds.
    pub lifetime: u64,
    /// `SESSION_REFRESH_EACH_REQUEST`.
    pub refresh: bool,
    /// `MAX_COOKIE_SIZE`: bytes of a whole `Set-Cookie` value; 0: no limit.
    pub max_size: usize,
}

impl Default for CookieSettings {
    /// Flask's defaults, but for `SameSite=Lax`.
    fn default() -> Self {
        Self {
            name: CookieName("session".to_owned()),
            domain: None,
            http_only: true,
            same_site: SameSite::Lax,
            partitioned: false,
            lifetime: 31 * 24 * 60 * 60,
            refresh: true,
            max_size: 4093,
        }
    }
}

/// What a request decides about the cookie.
#[derive(Clone, Copy, Debug)]
pub struct CookieScope<'r> {
    /// `Path`.
    pub path: &'r str,
    /// `Secure`.
    pub secure: bool,
}

/// The session does not fit into a cookie; nothing was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("session cookie has {size} bytes, more than MAX_COOKIE_SIZE {limit}; it was not sent")]
pub struct CookieTooLarge {
    /// Bytes of the whole `Set-Cookie` value.
    pub size: usize,
    /// `MAX_COOKIE_SIZE`.
    pub limit: usize,
}

/// The session that the `Cookie` headers carry; an empty one if none verifies.
///
/// Every cookie of the name is tried. Those that verify may be several
/// spellings of one session, then the newest counts; two different sessions
/// are ambiguous (a browser's order of them is not to be relied on, RFC 6265,
/// 4.2.2) and mean an empty one.
pub fn open<'h>(
    headers: impl Iterator<Item = &'h [u8]>,
    settings: &CookieSettings,
    signer: &Signer<'_>,
    now: u64,
) -> Session {
    let mut found: Option<Session> = None;
    for token in headers.flat_map(|header| values_of(&settings.name, header)) {
        let Ok(verified) = signer.verify(token, settings.lifetime, now) else {
            continue;
        };
        // Signed but malformed: no session, where Flask answers 500.
        let values = decode_payload(verified.payload).and_then(|json| tagged_json::loads(&json));
        let Some(values) = values else { continue };
        match &found {
            Some(other) if *other.values() != values => return Session::new(),
            Some(other) if other.signed_at() >= Some(verified.signed_at) => {}
            _ => found = Some(Session::loaded(values, verified.signed_at)),
        }
    }
    found.unwrap_or_default()
}

/// The values of all cookies called `name` in one `Cookie` header.
///
/// `;` separates, whatever quotes say, and blanks and tabs around a pair are
/// not part of it. Nothing else is trimmed: Unicode has blanks that make
/// another cookie's name look like ours.
fn values_of<'h>(name: &CookieName, header: &'h [u8]) -> impl Iterator<Item = &'h str> {
    let name = name.0.clone();
    header.split(|b| *b == b';').filter_map(move |pair| {
        let start = pair.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
        let end = pair.iter().rposition(|b| !matches!(b, b' ' | b'\t'))?;
        let value = pair[start..=end]
            .strip_prefix(name.as_bytes())?
            .strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    })
}

/// The `Set-Cookie` value that `session` calls for, if any.
///
/// One is sent when the session was modified; when it is permanent and a tenth
/// of its lifetime has passed (Flask sends one every time, which makes every
/// page uncacheable); and, as a deletion, when it was emptied. A visitor who
/// stored nothing gets none.
///
/// # Errors
///
/// [`CookieTooLarge`], counted as Werkzeug does: a browser would drop it
/// without a word.
pub fn save(
    session: &Session,
    settings: &CookieSettings,
    scope: CookieScope<'_>,
    signer: &Signer<'_>,
    now: u64,
) -> Result<Option<String>, CookieTooLarge> {
    if session.values().is_empty() {
        let deletion = session.emptied().then(|| {
            let mut cookie = attributes(settings, scope, String::new());
            cookie.set_max_age(time::Duration::ZERO);
            cookie.set_expires(OffsetDateTime::UNIX_EPOCH);
            cookie.to_string()
        });
        return Ok(deletion);
    }
    let permanent = session.is_permanent();
    let aged = session
        .signed_at()
        .is_some_and(|at| now.saturating_sub(at) >= (settings.lifetime / 10).max(1));
    let refresh_due = permanent && settings.refresh && aged;
    if !session.modified() && !refresh_due {
        return Ok(None);
    }
    let payload = encode_payload(&tagged_json::dumps(session.values()));
    let mut cookie = attributes(settings, scope, signer.sign(&payload, now));
    if permanent {
        let end = i64::try_from(now.saturating_add(settings.lifetime)).unwrap_or(i64::MAX);
        if let Ok(end) = OffsetDateTime::from_unix_timestamp(end) {
            cookie.set_expires(Expiration::DateTime(end));
        }
    }
    let line = cookie.to_string();
    if settings.max_size > 0 && line.len() > settings.max_size {
        return Err(CookieTooLarge {
            size: line.len(),
            limit: settings.max_size,
        });
    }
    Ok(Some(line))
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
        cookie.set_domain(domain.as_str());
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
    fn only_a_pair_of_exactly_our_name_counts() {
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
}
