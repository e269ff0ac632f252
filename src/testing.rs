//! Requests to a program without a process, a web server or a network, like Flask's
//! `test_client`.
//!
//! ```
//! use signet::testing::Client;
//! use signet::{Request, Server, Session, redirect};
//!
//! let server = Server::named("counter")
//!     .get("/", |_: &Request, session: &mut Session| {
//!         let visits = session.get_or("visits", 0) + 1;
//!         session.insert("visits", visits);
//!         format!("Visit number {visits}")
//!     })
//!     .post("/again", |_: &Request, _: &mut Session| redirect("/"));
//!
//! let mut client = Client::new(&server);
//! assert_eq!(client.get("/").text(), "Visit number 1");
//! assert_eq!(client.post("/again", &[("name", "ada")]).text(), "Visit number 2");
//! assert_eq!(client.get("/nothing").status, 404);
//! ```

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use cookie::Cookie;
use http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::gateway::{Environment, ProcessInput, logged, variables_for};
use crate::server::Server;
use crate::session::key::generate;

/// Redirects that are followed, as by browsers.
const MAX_REDIRECTS: usize = 20;

/// A test client that keeps cookies. The program is at the root of the host.
///
/// The clock is fixed at 2026-01-01 00:00 UTC. [`Client::set_now`] sets another time.
/// Every client has its own secret key, and no state folder unless [`Client::state_dir`]
/// names one. Settings come from the program and from [`Client::setting`], not from the
/// environment of the test.
#[derive(Debug)]
pub struct Client<'s> {
    server: &'s Server<'s>,
    settings: Vec<(OsString, OsString)>,
    cookies: Vec<Cookie<'static>>,
    now: u64,
    follows_redirects: bool,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What the program logged.
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
            settings: Vec::new(),
            cookies: Vec::new(),
            now: 1_767_225_600,
            follows_redirects: true,
        };
        client.setting("SECRET_KEY", &key)
    }

    /// Sets a setting, as in the environment but without the prefix `SIGNET_`:
    /// `setting("SESSION_COOKIE_NAME", "id")`.
    pub fn setting(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let name = OsString::from(format!("SIGNET_{name}"));
        self.settings.retain(|(set, _)| *set != name);
        self.settings.push((name, value.as_ref().to_owned()));
        self
    }

    /// Sets the state folder. Only this user may have the permission to write to it.
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
        let found = self.cookies.iter().find(|cookie| cookie.name() == name);
        found.map(Cookie::value)
    }

    /// Adds a cookie, or replaces the one with this name.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.keep(Cookie::new(name.to_owned(), value.to_owned()));
    }

    /// Requests a page. The path may have a query.
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

    /// Sends any request, and follows redirects.
    pub fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut response = self.exchange(&method, path, headers, body);
        for _ in 0..MAX_REDIRECTS {
            let target = response
                .headers
                .get(LOCATION)
                .filter(|_| self.follows_redirects);
            let Some(target) = target.and_then(|target| target.to_str().ok()) else {
                break;
            };
            let target = target.to_owned();
            // RFC 9110, 15.4: 307 and 308 keep the method and the body.
            response = match response.status {
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    self.exchange(&method, &target, headers, body)
                }
                _ => self.exchange(&Method::GET, &target, &[], b""),
            };
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
        let (route, _) = path.split_once('?').unwrap_or((path, ""));
        let decoded = percent_encoding::percent_decode_str(route).collect::<Vec<u8>>();
        let mut vars = variables_for(method.as_str(), path);
        vars.extend_from_slice(&self.settings);
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
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
                .collect();
            set("HTTP_COOKIE", pairs.join("; ").as_ref());
        }
        let input = ProcessInput {
            vars: Environment::of_test(vars.into_iter().collect()),
            argument: None,
            now: self.now,
            euid: rustix::process::geteuid().as_raw(),
        };
        let (bytes, log) = logged(|| self.server.respond(input, &mut &*body));
        let response = parse(&bytes, log);
        for line in response.headers.get_all(SET_COOKIE) {
            if let Some(cookie) = line.to_str().ok().and_then(|line| Cookie::parse(line).ok()) {
                self.keep(cookie.into_owned());
            }
        }
        response
    }

    /// Stores a cookie, or removes the one that it deletes.
    fn keep(&mut self, cookie: Cookie<'static>) {
        self.cookies.retain(|other| other.name() != cookie.name());
        if cookie.max_age().is_none_or(|age| age.is_positive()) {
            self.cookies.push(cookie);
        }
    }
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
