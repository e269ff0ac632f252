//! [`Server`]: a program's routes, handlers and error page, and all that is done for a
//! request.

mod context;
mod error_page;
mod exchange;
mod failure;
#[cfg(feature = "fastcgi")]
mod fastcgi;
mod form;
mod headers;
mod json;
mod local_path;
mod login;
mod origin;
mod reply;
mod routes;
mod target;
#[cfg(feature = "templates")]
mod templates;

use std::io::Read;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use crate::config::{Program, ProgramName};
use crate::gateway::{
    self, Answer, Body, ClientAddress, DeadlineReader, Interface, MetaVariables, Mount,
    ProcessInput,
};
use crate::session::{Login, Session};

pub(crate) use context::Context;
#[cfg(feature = "program")]
pub(crate) use context::DroppedCookie;
pub use error_page::ErrorPage;
pub(crate) use failure::Failure;
pub use failure::{Error, FormError};
pub use form::{Form, form, query};
pub(crate) use headers::keep_out_of_caches;
use headers::last_resort;
#[cfg(feature = "users")]
pub(crate) use headers::mark_as_file;
pub use json::{json, jsonify};
pub use local_path::{LocalPath, NotLocalPath};
pub use login::require_user;
#[cfg(feature = "users")]
pub(crate) use login::{login_required, login_url};
pub(crate) use origin::CrossOrigin;
pub use reply::{IntoResponse, escape, html, redirect};
use routes::Routes;
pub use routes::UrlError;
#[cfg(all(test, feature = "program"))]
pub(crate) use templates::render_from;
#[cfg(feature = "program")]
pub(crate) use templates::{TemplateError, render_own, render_own_from};
#[cfg(feature = "templates")]
pub use templates::{Variables, render};

/// A request: [`cgi::Request`], which is a type of the `http` crate.
///
/// - `method()`: the method (`REQUEST_METHOD`).
/// - `uri()`: the URL path of the program, the path of the route, and the query
///   (`QUERY_STRING`), percent-encoded in one spelling; without scheme and host. [`query`] and
///   [`parameter`] return the decoded values.
/// - `headers()`: the `HTTP_*` variables, `Content-Type` and `Content-Length`. `Proxy` is left
///   out, and Apache passes `Authorization` on only with `CGIPassAuth On`. Other variables are
///   in [`meta_variables`].
/// - `body()`: all of it, in memory. More than the setting `MAX_CONTENT_LENGTH` (64 KiB unless
///   set) gets status 413 before the handler is called. [`form`] and [`json`] read it.
pub type Request = cgi::Request;

/// The response of a handler. A handler may also return other types: see
/// [`IntoResponse`].
///
/// `http::Response::builder()` makes a response with a status and header fields. (The
/// compiler does not find `signet::Response::builder()`.) Without a `Content-Type`, it is
/// sent as `text/plain; charset=utf-8`.
///
/// These fields are added unless the response has them: `Content-Security-Policy:
/// base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'`,
/// `X-Frame-Options: DENY`, `X-Content-Type-Options: nosniff`, `Referrer-Policy: same-origin`
/// and `Cross-Origin-Opener-Policy: same-origin`. Because of `form-action`, a form whose
/// handler redirects to another host needs a policy of its own. If the handler used the
/// session, `Cache-Control` is replaced, so that no cache keeps the page.
///
/// The value of a header field has at most 4096 ASCII characters and no control characters.
/// The handler's `Content-Length` is ignored: it is sent for a [`FileRange`](crate::FileRange);
/// otherwise the web server adds it. Fields that only the web server may set are an error with
/// status 500: `Status`, `Connection`, `Transfer-Encoding` and other fields of the connection,
/// and `X-CGI-*`.
///
/// ```
/// use signet::http::{self, StatusCode, header};
/// use signet::{Body, Error, Request, Response, Session};
///
/// fn created(_request: &Request, _session: &mut Session) -> Result<Response, Error> {
///     let response = http::Response::builder()
///         .status(StatusCode::CREATED)
///         .header(header::CONTENT_TYPE, "application/json")
///         .body(Body::from("{\"id\": 7}"))?;
///     Ok(response)
/// }
///
/// let server = signet::Server::named("items").post("/", created);
/// let answer = signet::testing::Client::new(&server).post("/", &[]);
/// assert_eq!(answer.status, 201);
/// assert_eq!(answer.header("content-type"), Some("application/json"));
/// ```
pub type Response = http::Response<Body>;

/// The time in which the body of a CGI request must be received, for web servers
/// that have no such limit.
const BODY_TIME: Duration = Duration::from_secs(20);

type Handler<'h> = Box<dyn Fn(&Request, &mut Session) -> Result<Response, Error> + 'h>;
type ErrorHandler<'h> = Box<dyn Fn(&ErrorPage<'_>) -> Result<Response, Error> + 'h>;

/// A CGI program: its name and settings, its routes with their handlers, and its
/// error page.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     signet::Server::named("counter")
///         .get("/", |_request, session| {
///             let visits = session.get_or("visits", 0) + 1;
///             session.insert("visits", visits);
///             signet::html(format!("<p>Visit number {visits}</p>"))
///         })
///         .run()
/// }
/// ```
pub struct Server<'h> {
    program: Program,
    routes: Arc<Routes>,
    handlers: Vec<Handler<'h>>,
    fallback: Option<Handler<'h>>,
    /// Answers GET and HEAD for the URLs of protected folders.
    files: Option<Handler<'h>>,
    error_page: ErrorHandler<'h>,
    #[cfg(feature = "templates")]
    templates: &'static [context::Template],
    check_login: Option<Arc<context::CheckLogin>>,
    /// The handler of FastCGI's role Authorizer.
    authorizer: Option<Handler<'h>>,
    hidden: Option<Hidden<'h>>,
}

/// A page that is missing most of the time: see [`Server::hidden`].
struct Hidden<'h> {
    path: &'static str,
    takes_form: fn(&Context) -> bool,
    handler: Handler<'h>,
}

impl<'h> Server<'h> {
    /// A program without routes, which answers every request with 404.
    ///
    /// Its state folder has this name (`~/.guestbook`), so that it has its own secret key
    /// and sessions, and its log lines begin with the name. The name of the Cargo package
    /// is a good choice: `env!("CARGO_PKG_NAME")`.
    ///
    /// # Panics
    ///
    /// If `name` is not 1 to 64 ASCII letters, digits, `-` and `_`.
    #[track_caller]
    #[expect(clippy::panic, reason = "a mistake in the program's source")]
    pub fn named(name: &'static str) -> Self {
        let Ok(name) = ProgramName::new(name) else {
            panic!("{name:?} is not 1 to 64 ASCII letters, digits, - and _");
        };
        Self {
            program: Program { name, settings: "" },
            routes: Arc::new(Routes::with_room()),
            handlers: Vec::with_capacity(routes::ROOM),
            fallback: None,
            files: None,
            error_page: Box::new(|page| Ok(error_page::plain(page))),
            #[cfg(feature = "templates")]
            templates: &[],
            check_login: None,
            authorizer: None,
            hidden: None,
        }
    }

    /// Sets other defaults for the library's settings, as the text of a `signet.toml`. The
    /// owner's settings file and the environment override them.
    ///
    /// `deploy/README.md` lists the settings. They have the same names in every program: the
    /// file is `signet.toml` in the program's state folder, and variables of the environment
    /// have the prefix `SIGNET_`, such as `SIGNET_SESSION_TYPE`.
    ///
    /// Any other name is a mistake, which is logged, and every request gets 503. Keep options
    /// of the program itself in a file in [`state_dir`], or read them with `std::env::var`,
    /// under names that do not begin with `SIGNET_`. (With FastCGI, this is the environment of
    /// the worker.)
    pub fn settings(mut self, toml: &'static str) -> Self {
        self.program.settings = toml;
        self
    }

    /// Adds a page for GET and HEAD. See [`Server::route`].
    #[track_caller]
    pub fn get<R: IntoResponse>(
        self,
        path: &'static str,
        handler: impl Fn(&Request, &mut Session) -> R + 'h,
    ) -> Self {
        self.route(path, &[Method::GET], handler)
    }

    /// Adds a page for POST. See [`Server::route`].
    #[track_caller]
    pub fn post<R: IntoResponse>(
        self,
        path: &'static str,
        handler: impl Fn(&Request, &mut Session) -> R + 'h,
    ) -> Self {
        self.route(path, &[Method::POST], handler)
    }

    /// Adds a page: a handler for some methods of a path.
    ///
    /// `path` begins with a slash, is not percent-encoded, and is relative to the URL path
    /// of the program. A
    /// segment `{name}` matches any segment, and a last segment `{*name}` matches the
    /// rest of the path. [`parameter`] returns the matched value: decoded UTF-8, without
    /// NUL, CR and LF, without empty and dot segments (a slash may end it), so that it
    /// can be joined to the path of a folder. If several routes match, a route without
    /// `{*name}` comes before one with it; then the route with the fewest parameters is
    /// used, then the one that was added first.
    ///
    /// HEAD is answered as GET, without the body. OPTIONS is answered with the methods
    /// of the path. Other methods get 405; a path without a route gets 404. `/notes` and
    /// `/notes/` are two paths; unlike in Flask, neither redirects to the other.
    ///
    /// Requests with other methods than GET, HEAD, OPTIONS and TRACE must come from a page of
    /// the same origin, by `Sec-Fetch-Site` or, if the browser does not send it, by `Origin`.
    /// Other requests get 403, and the handler is not called. So forms need no CSRF token.
    /// Clients that send neither field, such as curl, are accepted. GET is not checked: its
    /// handler should change nothing.
    ///
    /// The body of a GET, HEAD or TRACE request has no meaning (RFC 9110, 9.3.1): it is
    /// not read, and the handler's request has an empty body. For data in a body, use
    /// another method, such as POST or QUERY.
    ///
    /// # Panics
    ///
    /// If `path` does not begin with a slash or is percent-encoded; if a parameter is not
    /// a complete segment, or has no name or the name of another one; if a segment follows
    /// `{*name}`; or if the route can never be used: it has no methods, HEAD without GET,
    /// or a method that the same path already has.
    #[track_caller]
    pub fn route<R: IntoResponse>(
        mut self,
        path: &'static str,
        methods: &'static [Method],
        handler: impl Fn(&Request, &mut Session) -> R + 'h,
    ) -> Self {
        self.routes_mut().add(path, methods);
        self.handlers.push(Box::new(move |request, session| {
            handler(request, session).into_response()
        }));
        self
    }

    /// Calls `handler` for every request for which there is no route, whatever its path
    /// and method. It replaces the responses 404 and 405, and the automatic response to
    /// OPTIONS.
    pub fn fallback<R: IntoResponse>(
        mut self,
        handler: impl Fn(&Request, &mut Session) -> R + 'h,
    ) -> Self {
        self.fallback = Some(Box::new(move |request, session| {
            handler(request, session).into_response()
        }));
        self
    }

    /// Calls `handler` for GET and HEAD of the URLs that `GUARD_DIR` and `GUARD_DIRS`
    /// protect.
    pub(crate) fn files<R: IntoResponse>(
        mut self,
        handler: impl Fn(&Request, &mut Session) -> R + 'h,
    ) -> Self {
        self.files = Some(Box::new(move |request, session| {
            handler(request, session).into_response()
        }));
        self
    }

    /// Names the route that was added last, for [`url_for`].
    ///
    /// # Panics
    ///
    /// If no route was added, or if a route with another path has this name.
    #[track_caller]
    pub fn endpoint(mut self, name: &'static str) -> Self {
        self.routes_mut().name_last(name);
        self
    }

    /// Lets the route that was added last accept only forms: a POST whose
    /// `Content-Type` is not that of a form gets status 415, by CGI before its body is
    /// read.
    ///
    /// # Panics
    ///
    /// If no route was added.
    #[track_caller]
    pub fn takes_form(mut self) -> Self {
        self.routes_mut().last_takes_form();
        self
    }

    /// Sets the function that makes error pages (Flask's `errorhandler`). The server then
    /// sets the status, `Allow` and `Retry-After` of its response. If the function returns an
    /// error, a plain page is sent.
    #[doc(alias = "errorhandler")]
    pub fn error_page<R: IntoResponse>(mut self, page: impl Fn(&ErrorPage<'_>) -> R + 'h) -> Self {
        self.error_page = Box::new(move |error| page(error).into_response());
        self
    }

    /// Has the login in every session judged by this function.
    pub(crate) fn check_login(
        mut self,
        check: impl Fn(&Context, &str, Option<&str>) -> Result<Login, Failure> + Send + Sync + 'static,
    ) -> Self {
        self.check_login = Some(Arc::new(check));
        self
    }

    /// Adds the answer to a web server that asks, about another request, whether a visitor
    /// may see a page. Method, origin and body of that request do not matter: the handler is
    /// called for every method, and no body is read. The session is not saved, because web
    /// servers differ in what they do with its cookie.
    pub(crate) fn check(
        mut self,
        path: &'static str,
        handler: impl Fn(&Request, &mut Session) -> Result<Response, Error> + 'h,
    ) -> Self {
        self.routes_mut().add_check(path);
        self.handlers.push(Box::new(handler));
        self
    }

    /// Sets the handler of FastCGI's role Authorizer: see [`Server::check`]. A response with
    /// status 200 allows the request; every other one is sent to the visitor.
    pub(crate) fn authorizer(
        mut self,
        handler: impl Fn(&Request, &mut Session) -> Result<Response, Error> + 'h,
    ) -> Self {
        self.authorizer = Some(Box::new(handler));
        self
    }

    /// Adds a page for GET and HEAD, and for POST if `takes_form` says so, which also works
    /// if the settings cannot be used. If `handler` returns the status 404, the answer is that
    /// to a request for any path without a page. The session of the page is not saved.
    #[cfg(feature = "program")]
    pub(crate) fn hidden(
        mut self,
        path: &'static str,
        takes_form: fn(&Context) -> bool,
        handler: impl Fn(&Request, &mut Session) -> Result<Response, Error> + 'h,
    ) -> Self {
        self.hidden = Some(Hidden {
            path,
            takes_form,
            handler: Box::new(handler),
        });
        self
    }

    #[expect(
        clippy::expect_used,
        reason = "only a request clones the Arc, and `self` is built"
    )]
    fn routes_mut(&mut self) -> &mut Routes {
        Arc::get_mut(&mut self.routes).expect("no request has begun")
    }

    /// Sets the Jinja templates for [`render`](crate::render): file names and sources. If
    /// the owner's `TEMPLATES_DIR` has a file of the same name, that is used instead.
    ///
    /// ```
    /// signet::Server::named("notes").templates(&[
    ///     ("note.html", "<h1>{{ title }}</h1>"),
    ///     // More often: ("note.html", include_str!("../templates/note.html"))
    /// ]);
    /// ```
    #[cfg(feature = "templates")]
    pub fn templates(mut self, templates: &'static [(&'static str, &'static str)]) -> Self {
        self.templates = templates;
        self
    }

    /// Serves one request by CGI, or all requests by FastCGI, if descriptor 0 is a listening
    /// socket. lighttpd and Apache's mod_fcgid start such workers themselves; for nginx and
    /// Caddy, `spawn-fcgi` starts them. A worker runs one handler at a time: other requests to
    /// the same worker wait until it returns.
    ///
    /// For each request, it reads the request, opens the visitor's session if the handler
    /// uses it, calls the handler, saves the session and writes the response.
    ///
    /// If the handler panics, the panic is logged and the visitor gets a page with status
    /// 500. A panic that the handler catches is logged and changes nothing else, if panics
    /// unwind. With `panic = "abort"`, no panic can be caught: by CGI, the visitor gets the
    /// page with status 500; a FastCGI worker ends, and another one is started.
    ///
    /// A fault after which no code of the process can run ends it without a response, and
    /// the web server sends an error page of its own: a stack overflow, a panic in a
    /// destructor while another panic unwinds, `std::process::abort`, or a signal. With
    /// FastCGI, the worker loses all requests that it has begun.
    ///
    /// By CGI, the exit code is 0 except after such a fault. The exit code of a worker is 1
    /// if its socket fails or if `FCGI_WEB_SERVER_ADDRS` is wrong. Without a web server,
    /// that is logged and the exit code is 2.
    pub fn run(&self) -> ExitCode {
        let input = ProcessInput::of_this_process();
        ExitCode::from(self.run_as(input.interface(), input))
    }

    /// As [`Server::run`], if the caller has already read the input of this process.
    /// Returns the exit code.
    pub(crate) fn run_as(&self, interface: Interface, input: ProcessInput) -> u8 {
        crate::log::name_program(self.program.name.as_str());
        match interface {
            Interface::Cgi => {
                set_hook(Box::new(answer_panic));
                // A panic that the handler caught has been logged, and no more.
                let answer = || self.answer_cgi(input);
                if catch_unwind(AssertUnwindSafe(answer)).is_err() && !gateway::answered() {
                    last_resort().write();
                }
                0
            }
            #[cfg(feature = "fastcgi")]
            Interface::FastCgi => self.serve_fastcgi(input),
            #[cfg(not(feature = "fastcgi"))]
            Interface::FastCgi => {
                gateway::log("this program is built without FastCGI: run it as CGI");
                1
            }
            Interface::CommandLine => {
                gateway::log(
                    "this is a CGI program: a web server starts it (or REQUEST_METHOD=GET)",
                );
                2
            }
        }
    }

    fn answer_cgi(&self, input: ProcessInput) {
        let mut stdin = DeadlineReader::new(rustix::stdio::stdin(), BODY_TIME);
        let length = gateway::max_body_length(input.vars.cgi_request());
        let answer = exchange::answer_cgi(self, input, &mut stdin);
        stdin.discard(length, rustix::stdio::stdout());
        answer.write();
    }

    /// The bytes of the response to the CGI request in `input`. Of `stdin`, no more than
    /// the body of the request is read.
    #[doc(hidden)]
    pub fn respond(&self, input: ProcessInput, stdin: &mut impl Read) -> Vec<u8> {
        bytes(exchange::answer_cgi(self, input, stdin))
    }

    /// The response to a request that is not in the environment of `input`.
    pub(crate) fn respond_to(
        &self,
        vars: MetaVariables,
        input: &ProcessInput,
        stdin: &mut impl Read,
    ) -> Vec<u8> {
        bytes(exchange::answer_to(self, vars, input, stdin))
    }

    /// The name of the program.
    pub(crate) fn name(&self) -> &'static str {
        self.program.name.as_str()
    }

    /// The context of a request with these meta-variables.
    #[cfg(feature = "program")]
    pub(crate) fn context_of(&self, vars: MetaVariables) -> Context {
        Context {
            #[cfg(feature = "templates")]
            templates: self.templates,
            ..Context::without_settings(vars, Arc::clone(&self.routes))
        }
    }
}

impl std::fmt::Debug for Server<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.program, self.routes)
    }
}

/// The URL path of the program, and the requested path below it.
pub fn mount(request: &Request) -> &Mount {
    &Context::of(request).mount
}

/// The meta-variables of the request (RFC 3875, section 4.1).
pub fn meta_variables(request: &Request) -> &MetaVariables {
    &Context::of(request).vars
}

/// The IP address of the client: `REMOTE_ADDR` or, with the setting `TRUST_PROXY`, the address
/// that the proxy sends. Without `TRUST_PROXY`, a proxy on another machine is taken for the
/// client. `None` if the address is not known, such as behind a proxy on this machine without
/// `TRUST_PROXY`.
#[doc(alias = "remote_addr")]
pub fn client_address(request: &Request) -> Option<IpAddr> {
    let context = Context::of(request);
    match ClientAddress::new(&context.vars, context.config.trust_proxy) {
        ClientAddress::Known(address) => Some(address),
        ClientAddress::Unknown(_) => None,
    }
}

/// When the request began, in Unix seconds.
pub fn now(request: &Request) -> u64 {
    Context::of(request).now
}

/// The program's state folder, for files of its own. If it does not exist, it is
/// created with mode 700. An existing folder may be readable by others (755), so create
/// private files with mode 600. Several requests may run at once, each in a process of its
/// own: lock a file while you change it ([`File::lock`](std::fs::File::lock)).
///
/// # Errors
///
/// Status 503, with the reason in the log, if no folder can be used.
pub fn state_dir(request: &Request) -> Result<&Path, Error> {
    let made = Context::of(request).config.make_state_dir();
    made.map_err(|err| Failure::StateDir(err).into())
}

/// The value of the segment `{name}` or `{*name}` of the route's path (Flask's
/// `request.view_args`).
#[doc(alias = "view_args")]
pub fn parameter<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let parameters: &Arc<routes::Parameters> = request.extensions().get()?;
    let found = parameters.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

/// The URL of the route with this endpoint, without scheme and host. Parameters that the
/// route's path does not have are added as a query, as Flask's `url_for` does.
///
/// # Errors
///
/// [`UrlError`].
pub fn url_for(
    request: &Request,
    endpoint: &str,
    parameters: &[(&str, &str)],
) -> Result<String, UrlError> {
    Context::of(request).url_for(endpoint, parameters)
}

fn bytes(answer: Answer) -> Vec<u8> {
    answer.into_bytes().unwrap_or_else(|err| {
        gateway::log(err);
        last_resort().head
    })
}

/// By CGI, nothing has been written when a handler panics: the visitor gets an error
/// page. If panics do not unwind, nothing runs after this.
fn answer_panic(panic: &PanicHookInfo<'_>) {
    log_panic(panic);
    if cfg!(panic = "abort") {
        if !gateway::answered() {
            last_resort().write();
        }
        std::process::exit(0);
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    gateway::log(format_args!("error: {panic}"));
}
