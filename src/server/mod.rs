//! One request from start to end, for any program: its pages are a table of
//! routes, its error page a function.

mod context;
mod error_page;
mod exchange;
mod failure;
#[cfg(feature = "fastcgi")]
mod fastcgi;
mod form;
mod headers;
mod origin;
mod reply;
mod routes;
#[cfg(feature = "templates")]
mod templates;

use std::io::Read;
use std::panic::{PanicHookInfo, set_hook};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use crate::config::{Program, ProgramName};
use crate::gateway::{
    self, Answer, Body, DeadlineReader, Interface, MetaVariables, Mount, ProcessInput,
};
use crate::session::Session;

pub(crate) use context::Context;
pub use error_page::ErrorPage;
pub(crate) use failure::Failure;
pub use failure::{Error, FormError};
pub use form::{Form, form, query};
pub(crate) use headers::keep_out_of_caches;
use headers::last_resort;
pub(crate) use origin::CrossOrigin;
pub use reply::{IntoResponse, escape, html, redirect};
use routes::Routes;
pub use routes::UrlError;
#[cfg(feature = "templates")]
pub use templates::render;
#[cfg(all(test, feature = "program"))]
pub(crate) use templates::render_source;
#[cfg(feature = "program")]
pub(crate) use templates::{TemplateError, render_own};

/// The `cgi` crate's request.
pub type Request = cgi::Request;

/// A response. The `cgi` crate's converts to it.
pub type Response = http::Response<Body>;

/// How long the body of a request may take to be received by CGI, for web servers
/// without a limit of their own.
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
    error_page: ErrorHandler<'h>,
    #[cfg(feature = "templates")]
    templates: &'static [templates::Template],
}

impl<'h> Server<'h> {
    /// A program without routes: every address is answered with 404.
    ///
    /// The name selects the state folder (`~/.guestbook`), with it the secret key
    /// and the sessions, and begins the lines of the log. A session of one program
    /// is unknown to another. The name of the Cargo package is a good choice:
    /// `env!("CARGO_PKG_NAME")`.
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
            routes: Arc::default(),
            handlers: Vec::new(),
            fallback: None,
            error_page: Box::new(|page| Ok(error_page::plain(page))),
            #[cfg(feature = "templates")]
            templates: &[],
        }
    }

    /// Gives the program defaults of its own, as the text of a `signet.toml`. The
    /// owner's `signet.toml` and the environment override them. A mistake in them
    /// is logged, and every request answered with 503.
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

    /// Adds a page for some methods of a path.
    ///
    /// The path is below the mount and begins with a slash. A segment `{name}`
    /// stands for any one segment, and a last segment `{*name}` for the rest of
    /// the path; [`parameter`] returns what they matched. It is decoded UTF-8,
    /// not empty, and has no dot segments. Of several routes that match, the one
    /// with the fewest parameters counts, then the one that was added first.
    ///
    /// HEAD is answered as GET, without the body; OPTIONS by the table; other
    /// methods by 405, and a path that no route matches by 404.
    ///
    /// The body of a GET, HEAD or TRACE request has no meaning (RFC 9110, 9.3.1): it
    /// is not read, and the handler's request has an empty one. Use another method,
    /// such as POST or QUERY, for data in a body.
    ///
    /// # Panics
    ///
    /// If the path has another form.
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

    /// Answers every request that no route matches, whatever its path and method,
    /// in place of 404 and 405.
    pub fn fallback<R: IntoResponse>(
        mut self,
        handler: impl Fn(&Request, &mut Session) -> R + 'h,
    ) -> Self {
        self.fallback = Some(Box::new(move |request, session| {
            handler(request, session).into_response()
        }));
        self
    }

    /// Gives the route that was added last a name, by which [`url_for`] finds it.
    ///
    /// # Panics
    ///
    /// If no route was added, or another path has the name.
    #[track_caller]
    pub fn endpoint(mut self, name: &'static str) -> Self {
        self.routes_mut().name_last(name);
        self
    }

    /// Says of the route that was added last that the body of a POST is a form:
    /// another one is refused with status 415 before anybody waits for it.
    ///
    /// # Panics
    ///
    /// If no route was added.
    #[track_caller]
    pub fn takes_form(mut self) -> Self {
        self.routes_mut().last_takes_form();
        self
    }

    /// Shows failures by a page of the program's own. Its status, `Allow` and
    /// `Retry-After` are set afterwards; if it fails itself, a plain page is shown.
    pub fn error_page<R: IntoResponse>(mut self, page: impl Fn(&ErrorPage<'_>) -> R + 'h) -> Self {
        self.error_page = Box::new(move |error| page(error).into_response());
        self
    }

    #[expect(
        clippy::expect_used,
        reason = "only a request clones the Arc, and `self` is built"
    )]
    fn routes_mut(&mut self) -> &mut Routes {
        Arc::get_mut(&mut self.routes).expect("no request has begun")
    }

    /// Gives the program the Jinja templates that [`render`](crate::render) finds: file
    /// names and sources. A file of the same name in the owner's `TEMPLATES_DIR`
    /// replaces one.
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

    /// Serves what a web server started this process for: as CGI its one request,
    /// as FastCGI (a listening socket at descriptor 0) all that come.
    ///
    /// For each request it is read, the visitor's session opened, the handler
    /// called, the session saved, the response written.
    ///
    /// Whatever arrives, the answer is valid CGI and the exit code 0; a handler
    /// that panics is answered with a 500 page. (By FastCGI only if panics unwind:
    /// a worker that was built to abort ends, and another one is started.) Without
    /// a web server it says so and returns 2.
    pub fn run(&self) -> ExitCode {
        let input = ProcessInput::of_this_process();
        self.run_as(input.interface(), input)
    }

    /// As [`Server::run`], if the caller has already read the input of this process.
    pub fn run_as(&self, interface: Interface, input: ProcessInput) -> ExitCode {
        crate::log::name_program(self.program.name.as_str());
        match interface {
            Interface::Cgi => {
                answer_panics();
                let mut stdin = DeadlineReader::new(rustix::stdio::stdin(), BODY_TIME);
                let length = gateway::max_body_length(input.vars.cgi_request());
                let answer = exchange::answer_cgi(self, input, &mut stdin);
                stdin.discard(length, rustix::stdio::stdout());
                answer.write();
                ExitCode::SUCCESS
            }
            #[cfg(feature = "fastcgi")]
            Interface::FastCgi => self.serve_fastcgi(input),
            #[cfg(not(feature = "fastcgi"))]
            Interface::FastCgi => {
                gateway::log("this program is built without FastCGI: run it as CGI");
                ExitCode::FAILURE
            }
            Interface::CommandLine => {
                gateway::log(
                    "this is a CGI program: a web server starts it (or REQUEST_METHOD=GET)",
                );
                ExitCode::from(2)
            }
        }
    }

    /// All bytes of the answer to the request in `input`. Reads `stdin` only as far
    /// as the request's body goes.
    pub fn respond(&self, input: ProcessInput, stdin: &mut impl Read) -> Vec<u8> {
        bytes(exchange::answer_cgi(self, input, stdin))
    }

    /// The answer to a request that did not come with the environment of `input`.
    pub(crate) fn respond_to(
        &self,
        vars: MetaVariables,
        input: &ProcessInput,
        stdin: &mut impl Read,
    ) -> Vec<u8> {
        bytes(exchange::answer_to(self, vars, input, stdin))
    }

    /// The context of a request with these meta-variables.
    #[cfg(test)]
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

/// Where the web server put the program, and which page was asked for.
pub fn mount(request: &Request) -> &Mount {
    &Context::of(request).mount
}

/// The meta-variables of the request (RFC 3875, section 4.1).
pub fn meta_variables(request: &Request) -> &MetaVariables {
    &Context::of(request).vars
}

/// When the request began, in Unix seconds.
pub fn now(request: &Request) -> u64 {
    Context::of(request).now
}

/// The program's state folder, for files of its own. It is made if it is not there;
/// only the user that the program runs as may look into it.
///
/// # Errors
///
/// Status 503, with the reason in the log, if there is no fit place for it.
pub fn state_dir(request: &Request) -> Result<&Path, Error> {
    let made = Context::of(request).config.make_state_dir();
    made.map_err(|err| Failure::StateDir(err).into())
}

/// What the segment `{name}` or `{*name}` of the route's path matched.
pub fn parameter<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let parameters: &Arc<routes::Parameters> = request.extensions().get()?;
    let found = parameters.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

/// The URL of the page with this endpoint, without scheme and host. Parameters that the
/// route's path does not have are added as a query, as by Flask's `url_for`.
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

/// A bug is answered like any other failure, as nothing was written before.
fn answer_panics() {
    set_hook(Box::new(|panic| {
        log_panic(panic);
        if !gateway::answered() {
            last_resort().write();
        }
        std::process::exit(0);
    }));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    gateway::log(format_args!("error: {panic}"));
}
