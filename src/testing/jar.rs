//! The cookies of a browser at `http://localhost` (RFC 6265, 5.3 and 5.4).

use cookie::{Cookie, Expiration};

/// The host of all requests.
const HOST: &str = "localhost";

/// Cookies, in the order in which they were first set.
///
/// Browsers also send cookies with `Secure` to `http://localhost`.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    name: String,
    value: String,
    path: String,
    /// The last Unix second of its life; `None` if it ends with the browser.
    expires: Option<u64>,
}

impl Jar {
    /// Keeps the cookie of a `Set-Cookie` line in the response to a request for `path`, or
    /// removes the one that it deletes. A cookie for another host is ignored.
    pub(super) fn receive(&mut self, line: &str, path: &str, now: u64) {
        let Ok(cookie) = Cookie::parse(line) else {
            return;
        };
        let domain = cookie.domain().unwrap_or(HOST);
        if !domain.eq_ignore_ascii_case(HOST) {
            return;
        }
        let unsigned = |seconds: i64| u64::try_from(seconds).unwrap_or(0);
        let expires = match (cookie.max_age(), cookie.expires()) {
            (Some(age), _) => match unsigned(age.whole_seconds()) {
                0 => Some(0),
                age => Some(now.saturating_add(age)),
            },
            (None, Some(Expiration::DateTime(at))) => Some(unsigned(at.unix_timestamp())),
            (None, _) => None,
        };
        let path = match cookie.path() {
            Some(path) if path.starts_with('/') => path,
            _ => default_path(path),
        };
        self.keep(
            Kept {
                name: cookie.name().to_owned(),
                value: cookie.value().to_owned(),
                path: path.to_owned(),
                expires,
            },
            now,
        );
    }

    /// Adds a cookie for all paths, in place of all cookies with this name.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|other| other.name != name);
        self.0.push(Kept {
            name: name.to_owned(),
            value: value.to_owned(),
            path: "/".to_owned(),
            expires: None,
        });
    }

    fn keep(&mut self, cookie: Kept, now: u64) {
        let is_same = |other: &Kept| other.name == cookie.name && other.path == cookie.path;
        let at = self.0.iter().position(is_same);
        match (at, cookie.is_live(now)) {
            (Some(at), true) => self.0[at] = cookie,
            (Some(at), false) => drop(self.0.remove(at)),
            (None, true) => self.0.push(cookie),
            (None, false) => {}
        }
    }

    /// The value of a cookie, for whichever path it is.
    pub(super) fn value(&self, name: &str, now: u64) -> Option<&str> {
        let mut live = self.0.iter().filter(|cookie| cookie.is_live(now));
        let found = live.find(|cookie| cookie.name == name);
        found.map(|cookie| cookie.value.as_str())
    }

    /// The field `Cookie` of a request for `path`; `None` if it has no cookies.
    pub(super) fn field(&self, path: &str, now: u64) -> Option<String> {
        let sent = |cookie: &&Kept| cookie.is_live(now) && is_below(path, &cookie.path);
        let mut sent: Vec<&Kept> = self.0.iter().filter(sent).collect();
        // Longer paths first; this sort keeps the order of cookies with equal paths.
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = sent
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Kept {
    fn is_live(&self, now: u64) -> bool {
        self.expires.is_none_or(|end| now <= end)
    }
}

/// The path of a cookie that names none (RFC 6265, 5.1.4): that of the request without its
/// last segment.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(slash) => &path[..slash],
    }
}

/// Whether a request for `path` gets a cookie with the path `of` (RFC 6265, 5.1.4).
fn is_below(path: &str, of: &str) -> bool {
    path.strip_prefix(of)
        .is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 00:00 UTC.
    const NOW: u64 = 1_767_225_600;

    /// The cookies of a request for `path` after these lines in responses to `/a/b`.
    fn sent(lines: &[&str], path: &str) -> Option<String> {
        let mut jar = Jar::default();
        for line in lines {
            jar.receive(line, "/a/b", NOW);
        }
        jar.field(path, NOW)
    }

    /// RFC 6265, 5.1.4.
    #[test]
    fn a_cookie_is_sent_to_its_path_and_below() {
        let cases = [
            // cookie              path       is sent
            ("n=v; Path=/", "/", true),
            ("n=v; Path=/", "/a/b", true),
            ("n=v; Path=/a", "/a", true),
            ("n=v; Path=/a", "/a/", true),
            ("n=v; Path=/a", "/a/b", true),
            ("n=v; Path=/a", "/ab", false),
            ("n=v; Path=/a", "/", false),
            ("n=v; Path=/a", "/A/b", false),
            ("n=v; Path=/a/", "/a/b", true),
            ("n=v; Path=/a/", "/a", false),
            // Without a path, with an empty one, or with one that is relative: "/a".
            ("n=v", "/a/c/d", true),
            ("n=v", "/", false),
            ("n=v; Path=", "/a/c", true),
            ("n=v; Path=b", "/b", false),
            ("n=v; Path=/b; Path=/c", "/c", true),
        ];
        for (line, path, is_sent) in cases {
            let want = is_sent.then(|| "n=v".to_owned());
            assert_eq!(sent(&[line], path), want, "{line} {path}");
        }
        for (path, want) in [("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b/c", "/a/b")] {
            assert_eq!(default_path(path), want, "{path}");
        }
    }

    /// RFC 6265, 5.3, step 6.
    #[test]
    fn a_cookie_for_another_host_is_ignored() {
        for (domain, is_kept) in [
            ("localhost", true),
            (".LocalHost", true),
            ("", true),
            ("example.org", false),
            ("www.localhost", false),
            ("host", false),
        ] {
            let line = format!("n=v; Path=/; Domain={domain}");
            assert_eq!(sent(&[&line], "/").is_some(), is_kept, "{line}");
        }
    }

    /// RFC 6265, 5.2.1, 5.2.2 and 5.3, step 3.
    #[test]
    fn a_cookie_ends_at_its_time() {
        let cases = [
            // attributes                                       seconds from now
            ("", None),
            ("; Max-Age=60", Some(60)),
            ("; Max-Age=0", Some(0)),
            ("; Max-Age=-1", Some(0)),
            ("; Max-Age=99999999999999999999", Some(i64::MAX as u64)),
            ("; Max-Age=1h", None),
            ("; Expires=Thu, 01 Jan 2026 00:01:00 GMT", Some(60)),
            ("; Expires=Thursday, 01-Jan-26 00:01:00 GMT", Some(60)),
            ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("; Expires=tomorrow", None),
            (
                "; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                Some(60),
            ),
            (
                "; Max-Age=0; Expires=Thu, 01 Jan 2026 00:01:00 GMT",
                Some(0),
            ),
        ];
        for (attributes, seconds) in cases {
            let mut jar = Jar::default();
            jar.receive("n=old; Path=/", "/", NOW);
            jar.receive(&format!("n=new; Path=/{attributes}"), "/", NOW);
            let at = |now: u64| jar.field("/", now);
            let new = Some("n=new".to_owned());
            let want = if seconds == Some(0) {
                None
            } else {
                new.clone()
            };
            assert_eq!(at(NOW), want, "{attributes}: the old one is replaced");
            assert_eq!(
                jar.value("n", NOW).is_some(),
                want.is_some(),
                "{attributes}"
            );
            if let Some(seconds @ 1..) = seconds {
                let end = NOW + seconds;
                assert_eq!(at(end), new, "{attributes}");
                assert_eq!(at(end + 1), None, "{attributes}");
                assert_eq!(jar.value("n", end + 1), None, "{attributes}");
            }
        }
    }

    /// RFC 6265, 5.3, step 11, and 5.4, step 2.
    #[test]
    fn cookies_of_one_name_are_those_of_different_paths() {
        let lines = ["n=1; Path=/", "m=2; Path=/", "n=3; Path=/a", "n=4; Path=/"];
        assert_eq!(sent(&lines, "/a").unwrap(), "n=3; n=4; m=2");
        assert_eq!(sent(&lines, "/").unwrap(), "n=4; m=2");
        let deleted = [&lines[..], &["n=; Path=/a; Max-Age=0"]].concat();
        assert_eq!(sent(&deleted, "/a").unwrap(), "n=4; m=2");
        let other = [&lines[..], &["n=; Path=/b; Max-Age=0"]].concat();
        assert_eq!(sent(&other, "/a").unwrap(), "n=3; n=4; m=2");
        let mut jar = Jar::default();
        jar.receive("n=1; Path=/a", "/", NOW);
        jar.set("n", "2");
        assert_eq!(jar.field("/a", NOW).unwrap(), "n=2");
        jar.receive("no pair", "/", NOW);
        assert_eq!(jar.field("/", NOW).unwrap(), "n=2");
    }
}
