//! Requests to a program without a process, a web server or a network, like Flask's
//! `test_client`.
//!
//! ```
//! use signet::testing::Client;
//! use signet::{Error, Request, Server, Session, redirect, url_for};
//!
//! let server = Server::named("counter")
//!     .get("/", |_: &Request, session: &mut Session| {
//!         let visits = session.get_or("visits", 0) + 1;
//!         session.insert("visits", visits);
//!         format!("Visit number {visits}")
//!     })
//!     .endpoint("visits")
//!     .post("/again", |request: &Request, _: &mut Session| {
//!         Ok::<_, Error>(redirect(&url_for(request, "visits", &[])?))
//!     });
//!
//! let mut client = Client::new(&server).mounted_at("/cgi-bin/counter.cgi");
//! assert_eq!(client.get("/").text(), "Visit number 1");
//! assert_eq!(client.post("/again", &[("name", "ada")]).text(), "Visit number 2");
//! assert_eq!(client.get("/nothing").status, 404);
//! ```

mod jar;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use jar::Jar;

use crate::gateway::{Environment, ProcessInput, variables_for};
use crate::log::logged_as;
use crate::server::Server;
use crate::session::key::generate;

/// Redirects that are followed, as by browsers.
const MAX_REDIRECTS: usize = 20;

/// A test client that keeps cookies as a browser does: it obeys their paths and expiry, and
/// ignores those for another domain. The program is at the root of `http://localhost`, unless
/// [`Client::mounted_at`] gives it another URL path.
///
/// The clock is fixed at 2026-01-01 00:00 UTC. [`Client::set_now`] sets another time.
/// Every client has its own secret key, and no state folder unless [`Client::state_dir`]
/// names one. Settings come from the program and from [`Client::setting`], not from the
/// environment of the test.
#[derive(Debug)]
pub struct Client<'s> {
    server: &'s Server<'s>,
    /// The URL path of the program.
    base: String,
    /// Settings and meta-variables.
    vars: Vec<(OsString, OsString)>,
    cookies: Jar,
    now: u64,
    follows_redirects: bool,
}

/// A response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What signet and the program, by [`signet::log`](crate::log()), wrote to the error log.
    pub log: String,
}

impl Response {
    /// The body as text. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header field, if the response has it and it is ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl<'s> Client<'s> {
    /// A client without cookies.
    pub fn new(server: &'s Server<'s>) -> Self {
        // Without random bytes, there is no key, and requests that use a session fail.
        let key = generate().unwrap_or_default();
        let client = Self {
            server,
            base: String::new(),
            vars: Vec::new(),
            cookies: Jar::default(),
            now: 1_767_225_600,
            follows_redirects: true,
        };
        client.setting("SECRET_KEY", &key)
    }

    /// Sets a setting, as in the environment but without the prefix `SIGNET_`:
    /// `setting("SESSION_COOKIE_NAME", "id")`.
    pub fn setting(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.meta_variable(&format!("SIGNET_{name}"), value)
    }

    /// Sets a meta-variable of all requests, such as `REMOTE_ADDR` or `HTTPS`. The client
    /// itself sets `PATH_INFO`, `CONTENT_LENGTH`, `CONTENT_TYPE` and `HTTP_COOKIE`.
    pub fn meta_variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let name = OsString::from(name);
        self.vars.retain(|(set, _)| *set != name);
        self.vars.push((name, value.as_ref().to_owned()));
        self
    }

    /// Puts the program at a URL path such as `/cgi-bin/counter.cgi`, as on a web server. A
    /// slash at its end does not count. A redirect that leaves this path is returned, not
    /// followed.
    pub fn mounted_at(mut self, path: &str) -> Self {
        path.trim_end_matches('/').clone_into(&mut self.base);
        self
    }

    /// Sets the state folder. Only this user may have the permission to write to it, and it
    /// must not be in a folder for temporary files: for integration tests, Cargo makes
    /// `env!("CARGO_TARGET_TMPDIR")`; in unit tests, use a folder below
    /// `concat!(env!("CARGO_MANIFEST_DIR"), "/target")`.
    pub fn state_dir(self, path: impl Into<PathBuf>) -> Self {
        self.setting("STATE_DIR", path.into())
    }

    /// Returns redirects instead of following them.
    pub fn without_redirects(mut self) -> Self {
        self.follows_redirects = false;
        self
    }

    /// Sets the clock, in Unix seconds.
    pub fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    /// The value of a cookie that the client has.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.value(name, self.now)
    }

    /// Adds a cookie for all paths, in place of all cookies with this name.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.set(name, value);
    }

    /// Requests a page. `path` is relative to the URL path of the program, and may have a
    /// query.
    pub fn get(&mut self, path: &str) -> Response {
        self.send(Method::GET, path, &[], b"")
    }

    /// Sends a form.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        // Pairs of texts can always be encoded.
        let body = serde_urlencoded::to_string(fields).unwrap_or_default();
        let form = [(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &form, body.as_bytes())
    }

    /// Sends any request, and follows redirects as browsers do, but not to other hosts.
    pub fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let (mut method, mut path) = (method, format!("{}{path}", self.base));
        let (mut headers, mut body) = (headers.to_vec(), body);
        let mut response = self.exchange(&method, &path, &headers, body);
        for _ in 0..MAX_REDIRECTS {
            let target = match self.follows_redirects {
                true => target_of(&response, &path),
                false => None,
            };
            let target = target.filter(|target| self.route(target).is_some());
            let Some(target) = target else { break };
            path = target;
            // RFC 9110, 15.4; and the Fetch standard, 4.4, for 301 and 302.
            let becomes_get = match response.status {
                StatusCode::SEE_OTHER => method != Method::HEAD,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
                _ => false,
            };
            if becomes_get && method != Method::GET {
                (method, body) = (Method::GET, b"");
                headers.retain(|(name, _)| !is_of_body(name));
            }
            response = self.exchange(&method, &path, &headers, body);
        }
        response
    }

    fn exchange(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let (url_path, _) = path.split_once('?').unwrap_or((path, ""));
        let route = self.route(url_path).unwrap_or(url_path);
        let decoded = percent_encoding::percent_decode_str(route).collect::<Vec<u8>>();
        let mut vars = variables_for(method.as_str(), path);
        vars.push(("SCRIPT_NAME".into(), self.base.clone().into()));
        vars.extend_from_slice(&self.vars);
        let mut set = |name: &str, value: &OsStr| vars.push((name.into(), value.to_owned()));
        set(
            "PATH_INFO",
            std::os::unix::ffi::OsStrExt::from_bytes(&decoded),
        );
        if !body.is_empty() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            set("CONTENT_LENGTH", body.len().to_string().as_ref());
        }
        for (name, value) in headers {
            let name = name.to_ascii_uppercase().replace('-', "_");
            match name.as_str() {
                "CONTENT_TYPE" => set(&name, value.as_ref()),
                _ => set(&format!("HTTP_{name}"), value.as_ref()),
            }
        }
        if let Some(cookies) = self.cookies.field(url_path, self.now) {
            set("HTTP_COOKIE", cookies.as_ref());
        }
        let input = ProcessInput {
            vars: Environment::of_test(vars.into_iter().collect()),
            argument: None,
            now: self.now,
            euid: rustix::process::geteuid().as_raw(),
        };
        let respond = || self.server.respond(input, &mut &*body);
        let (bytes, log) = logged_as(self.server.name(), respond);
        let response = parse(&bytes, log);
        for line in response.headers.get_all(SET_COOKIE) {
            if let Ok(line) = line.to_str() {
                self.cookies.receive(line, url_path, self.now);
            }
        }
        response
    }

    /// The part of a URL path below that of the program.
    fn route<'p>(&self, path: &'p str) -> Option<&'p str> {
        let route = path.strip_prefix(self.base.as_str())?;
        (route.is_empty() || route.starts_with(['/', '?'])).then_some(route)
    }
}

/// Whether a header field describes the body (the Fetch standard, "request-body-header name").
fn is_of_body(name: &str) -> bool {
    let names = [
        "Content-Encoding",
        "Content-Language",
        "Content-Location",
        "Content-Type",
    ];
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// The path and query to which a response to a request for `path` redirects; `None` if it
/// does not redirect, or to another host.
fn target_of(response: &Response, path: &str) -> Option<String> {
    match response.status.as_u16() {
        301 | 302 | 303 | 307 | 308 => {}
        _ => return None,
    }
    let location = response.headers.get(LOCATION)?.to_str().ok()?;
    let (location, _fragment) = location.split_once('#').unwrap_or((location, ""));
    let mut own = ["http://localhost", "https://localhost", "//localhost"].into_iter();
    let own = own.find_map(|own| location.strip_prefix(own));
    if let Some(rest) = own.filter(|rest| rest.is_empty() || rest.starts_with(['/', '?'])) {
        let slash = if rest.starts_with('/') { "" } else { "/" };
        return Some(format!("{slash}{rest}"));
    }
    let (base, _query) = path.split_once('?').unwrap_or((path, ""));
    let end = location.find('?').unwrap_or(location.len());
    let (target, query) = location.split_at(end);
    let has_scheme = target
        .split('/')
        .next()
        .is_some_and(|part| part.contains(':'));
    if has_scheme || target.starts_with("//") {
        return None;
    }
    if target.starts_with('/') {
        return Some(location.to_owned());
    }
    // Relative to the path of the request (RFC 3986, 5.2).
    if target.is_empty() {
        return Some(match query {
            "" => path.to_owned(),
            query => format!("{base}{query}"),
        });
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." => {}
            ".." if parts.len() > 1 => drop(parts.pop()),
            ".." => {}
            part => parts.push(part),
        }
    }
    Some(format!("{}{query}", parts.join("/")))
}

/// The response in the output of a CGI program (RFC 3875, section 6).
fn parse(bytes: &[u8], log: String) -> Response {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = bytes.split_at(end.map_or(bytes.len(), |end| end + 4));
    let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
    for line in String::from_utf8_lossy(head).lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        if name == "Status" {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            status = code.unwrap_or(status);
        } else if let (Ok(name), Ok(value)) =
            (name.parse::<HeaderName>(), HeaderValue::from_str(value))
        {
            headers.append(name, value);
        }
    }
    Response {
        status,
        headers,
        body: body.to_vec(),
        log,
    }
}
