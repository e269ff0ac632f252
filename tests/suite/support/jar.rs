//! The part of a browser that remembers: a cookie jar for one host that knows
//! Path, Domain, Secure, deletion and nothing else (RFC 6265, 5.3 and 5.4).

use super::response::SetCookie;

/// What a browser holds between two requests.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    cookies: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    name: String,
    path: String,
    domain: Option<String>,
    value: String,
    secure: bool,
}

impl Jar {
    /// Takes in the cookies of the answer to a request for `path`.
    pub(crate) fn store(&mut self, path: &str, cookies: &[SetCookie]) {
        for cookie in cookies {
            let default = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let default = if default.is_empty() { "/" } else { default };
            let scope = cookie.attribute("Path").unwrap_or(default);
            let domain = cookie.attribute("Domain");
            // Another path is another cookie: a deletion must name the same.
            self.cookies.retain(|kept| {
                kept.name != cookie.name || kept.path != scope || kept.domain.as_deref() != domain
            });
            if cookie.deletes() {
                continue;
            }
            self.cookies.push(Kept {
                name: cookie.name.clone(),
                path: scope.to_owned(),
                domain: domain.map(str::to_owned),
                value: cookie.value.clone(),
                secure: cookie.has("Secure"),
            });
        }
    }

    /// The Cookie header for a request, longest path first; `None` if there
    /// is nothing to send.
    pub(crate) fn header(&self, path: &str, https: bool) -> Option<String> {
        let mut sent: Vec<&Kept> = self
            .cookies
            .iter()
            .filter(|kept| matches(path, &kept.path) && (https || !kept.secure))
            .collect();
        sent.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        let pairs: Vec<String> = sent
            .iter()
            .map(|kept| format!("{}={}", kept.name, kept.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// RFC 6265, 5.1.4.
fn matches(path: &str, scope: &str) -> bool {
    match path.strip_prefix(scope) {
        Some(rest) => rest.is_empty() || scope.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// The examples of RFC 6265, 5.1.4, and what follows from them.
#[test]
fn paths_match_as_in_a_browser() {
    let cases = [
        ("/app", "/app", true),
        ("/app/", "/app", true),
        ("/app/login", "/app", true),
        ("/application", "/app", false),
        ("/", "/app", false),
        ("/app", "/app/", false),
        ("/anything", "/", true),
    ];
    for (path, scope, want) in cases {
        assert_eq!(matches(path, scope), want, "{path} in {scope}");
    }
}
