//! A site whose requests run in this process: at any second of any clock, and
//! one inside another.

use std::cell::Cell;
use std::collections::BTreeMap;

use rustix::process::geteuid;
use signet::gateway::logged;
use signet::{ProcessInput, Server, Session, app};

use crate::support::response::Response;
use crate::support::{KEY, StateDir};

/// A second at which tests begin; any will do.
pub(super) const NOW: u64 = 1_800_000_000;

pub(super) struct Site {
    pub(super) state: StateDir,
    vars: Vec<(String, String)>,
}

impl Site {
    /// A site of these settings, named without `SIGNET_`.
    pub(super) fn new(settings: &[(&str, &str)]) -> Self {
        let vars = settings
            .iter()
            .map(|(name, value)| (format!("SIGNET_{name}"), (*value).to_owned()));
        Self {
            state: StateDir::new(),
            vars: vars.collect(),
        }
    }

    /// The same site, its settings changed.
    pub(super) fn with(mut self, settings: &[(&str, &str)]) -> Self {
        self.vars.extend(Self::new(settings).vars);
        self
    }

    /// Somebody who has not been here.
    pub(super) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            site: self,
            cookie: None,
        }
    }

    fn input(&self, now: u64, cookie: Option<&str>, vars: &[(&str, &str)]) -> ProcessInput {
        let state = self.state.path().to_str().expect("a path in UTF-8");
        let site = self.vars.iter().map(|(name, value)| (&**name, &**value));
        let request = [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("HTTP_HOST", "example.org"),
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", "/app"),
            ("PATH_INFO", "/"),
            ("SIGNET_SECRET_KEY", KEY),
            ("SIGNET_STATE_DIR", state),
        ];
        let header = cookie.map(|value| format!("session={value}"));
        let header = header.as_deref().map(|value| ("HTTP_COOKIE", value));
        let vars = request.into_iter().chain(site).chain(vars.iter().copied());
        // Of one name the last counts.
        let vars: BTreeMap<&str, &str> = vars.chain(header).collect();
        let vars = vars.into_iter();
        ProcessInput {
            vars: vars.collect(),
            argument: None,
            now,
            euid: geteuid().as_raw(),
        }
    }

    /// The names of the records in the store, and of nothing else.
    pub(super) fn records(&self) -> Vec<String> {
        let snapshot = self.state.snapshot();
        let names = snapshot.names().into_iter();
        names
            .map(|name| name.to_str().expect("a name in UTF-8").to_owned())
            .filter(|name| name.starts_with("sessions/") && name.len() > 60)
            .filter(|name| !name.starts_with("sessions/ended/"))
            .collect()
    }
}

/// A browser.
#[derive(Clone)]
pub(super) struct Visitor<'s> {
    site: &'s Site,
    /// The value of its session cookie.
    pub(super) cookie: Option<String>,
}

impl Visitor<'_> {
    /// Sends the request of this visitor's that `page` answers.
    pub(super) fn visit<R>(&mut self, now: u64, page: impl FnOnce(&mut Session) -> R) -> R {
        let (seen, response) = self.try_visit(now, page);
        assert_eq!(response.status, 200, "{response:?}");
        seen
    }

    /// As [`Visitor::visit`], with the answer, whatever it is.
    pub(super) fn try_visit<R>(
        &mut self,
        now: u64,
        page: impl FnOnce(&mut Session) -> R,
    ) -> (R, Response) {
        let (page, seen) = (Cell::new(Some(page)), Cell::new(None));
        let input = self.site.input(now, self.cookie.as_deref(), &[]);
        let server = Server::named("signet").get("/", |_, session| {
            // Before anything else happens.
            session.open();
            seen.set(page.take().map(|page| page(session)));
            signet::html("<!doctype html><title>Page</title>")
        });
        let response = self.answer(|| server.respond(input, &mut std::io::empty()));
        (seen.take().expect("the page was not asked"), response)
    }

    /// The answer of a built-in page.
    pub(super) fn get(&mut self, now: u64, path: &str) -> Response {
        let input = self
            .site
            .input(now, self.cookie.as_deref(), &[("PATH_INFO", path)]);
        self.answer(|| app::server().respond(input, &mut std::io::empty()))
    }

    /// The answer of a built-in page to a form.
    pub(super) fn post(&mut self, now: u64, path: &str, body: &str) -> Response {
        let length = body.len().to_string();
        let vars = [
            ("PATH_INFO", path),
            ("REQUEST_METHOD", "POST"),
            ("CONTENT_TYPE", "application/x-www-form-urlencoded"),
            ("CONTENT_LENGTH", &length),
        ];
        let input = self.site.input(now, self.cookie.as_deref(), &vars);
        self.answer(|| app::server().respond(input, &mut body.as_bytes()))
    }

    #[track_caller]
    pub(super) fn log_in(&mut self, now: u64, name: &str) {
        let response = self.post(now, "/login", &format!("username={name}"));
        assert_eq!(response.status, 303, "{response:?}");
        assert_eq!(self.user(now).as_deref(), Some(name));
    }

    #[track_caller]
    pub(super) fn log_out(&mut self, now: u64) {
        let response = self.post(now, "/logout", "");
        assert_eq!(response.status, 303, "{response:?}");
    }

    #[track_caller]
    pub(super) fn log_out_everywhere(&mut self, now: u64) {
        let response = self.post(now, "/logout", "everywhere=1");
        assert_eq!(response.status, 303, "{response:?}");
    }

    /// As whom the site knows the visitor, who thereby uses the session.
    #[track_caller]
    pub(super) fn user(&mut self, now: u64) -> Option<String> {
        let response = self.get(now, "/");
        assert_eq!(response.status, 200, "{response:?}");
        let (_, rest) = response.text().split_once("Logged in as ")?;
        let name: String = rest
            .trim_start_matches("<strong>")
            .chars()
            .take_while(|letter| letter.is_alphanumeric())
            .collect();
        Some(name)
    }

    /// The answer to a request, whose cookie is kept as by a browser. What was
    /// logged is printed, to be seen if the test fails.
    #[track_caller]
    fn answer(&mut self, request: impl FnOnce() -> Vec<u8>) -> Response {
        let (answer, lines) = logged(request);
        print!("{lines}");
        let response = Response::parse(&answer).expect("a CGI response");
        if let Some(cookie) = response.cookie("session") {
            self.cookie = (!cookie.deletes()).then_some(cookie.value);
        }
        response
    }
}
