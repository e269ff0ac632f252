//! The life of one request: gateway, session, a handler, session, gateway; and
//! the two ways in which requests come.

use std::cell::RefCell;
use std::io::Read;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Extensions, Method, StatusCode};

use crate::app::error::{ENDED_HERE_ONLY, Refusal, respond as error_response};
use crate::config::{Config, ConfigError, RecentConfig, ServedFolders, cgi_script};
use crate::gateway::{
    self, Announced, Edge, Entrance, MetaVariables, Mount, Patient, Site, fastcgi,
};
use crate::session::cookie::{CookiePath, CookieScope};
use crate::session::revocation::EndError;
use crate::session::{EVERYWHERE, Opened, Session};
use crate::{Request, Response, redirect_by};

/// How long a body may take to arrive. Web servers have limits of their own;
/// this one is for those that have none.
const PATIENCE: Duration = Duration::from_secs(20);

/// `Cache-Control` of a page for one visitor. Lynx and ELinks do not know
/// `no-store`, and Lynx finds `no-cache` at the end only.
macro_rules! private {
    () => {
        "no-store, no-cache"
    };
}

/// The answer when the error page itself fails.
const LAST_RESORT: &[u8] = concat!(
    "Status: 500 Internal Server Error\r\n",
    "Content-Type: text/html; charset=utf-8\r\n",
    concat!("Cache-Control: ", private!(), "\r\n"),
    "Vary: Cookie\r\n",
    "X-Content-Type-Options: nosniff\r\n",
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\r\n",
    "<!doctype html><html lang=\"en\"><title>Internal Server Error</title>",
    "<p>Something went wrong on this site.</p></html>\n",
)
.as_bytes();

/// What every request carries for the pages, besides its [`Mount`].
#[derive(Clone, Debug)]
struct Served {
    config: Arc<Config>,
    now: u64,
}

/// What a page may know about its request.
pub(crate) struct Context<'r> {
    pub(crate) mount: &'r Mount,
    pub(crate) config: &'r Config,
    pub(crate) now: u64,
}

impl<'r> Context<'r> {
    /// The context in a request that [`answer`] built.
    #[expect(clippy::expect_used, reason = "`answer` puts both into every request")]
    pub(crate) fn of(extensions: &'r Extensions) -> Self {
        let served: &Served = extensions.get().expect("the request came through serve");
        let mount = extensions.get().expect("the request came through serve");
        Self {
            mount,
            config: &served.config,
            now: served.now,
        }
    }
}

/// Serves what a web server started this process for: as CGI its one request,
/// as FastCGI (a listening socket at descriptor 0) all that come.
///
/// For each request it is read, the visitor's session opened, `handler`
/// called, the session saved, the response written.
///
/// Whatever arrives, the answer is valid CGI and the exit code 0; a `handler`
/// that panics is answered with a 500 page. (By FastCGI only if panics unwind: a
/// worker that was built to abort ends, and another one is started.) Without a
/// web server around, it says so and returns 2.
pub fn serve(handler: impl FnMut(Request, &mut Session) -> Response) -> ExitCode {
    serve_after(|_| None, handler)
}

/// As [`serve`], but `check` sees the request before its body is read and may
/// answer in place of `handler`: an unknown page need not wait for a body.
pub fn serve_after(
    check: impl FnMut(&Parts) -> Option<Response>,
    handler: impl FnMut(Request, &mut Session) -> Response,
) -> ExitCode {
    let edge = Edge::of_this_process();
    serve_edge(edge.entrance(), edge, &[], check, handler)
}

/// As [`serve_after`], for a process that has looked at its edge already.
/// `routes` are the pages there are, for servers that do not tell them from
/// where we are.
pub(crate) fn serve_edge(
    entrance: Entrance,
    edge: Edge,
    routes: &[&str],
    check: impl FnMut(&Parts) -> Option<Response>,
    handler: impl FnMut(Request, &mut Session) -> Response,
) -> ExitCode {
    match entrance {
        Entrance::Cgi => {
            answer_panics();
            let mut stdin = Patient::new(rustix::stdio::stdin(), PATIENCE);
            let length = gateway::longest(edge.vars.cgi_request());
            let answer = respond(edge, &mut stdin, check, handler);
            stdin.discard(length, rustix::stdio::stdout());
            gateway::answer(&answer);
            ExitCode::SUCCESS
        }
        Entrance::FastCgi => serve_fastcgi(edge, routes, check, handler),
        Entrance::CommandLine => {
            gateway::log("this is a CGI program: a web server starts it (or REQUEST_METHOD=GET)");
            ExitCode::from(2)
        }
    }
}

/// One worker: see [`fastcgi`].
fn serve_fastcgi(
    edge: Edge,
    routes: &[&str],
    mut check: impl FnMut(&Parts) -> Option<Response>,
    mut handler: impl FnMut(Request, &mut Session) -> Response,
) -> ExitCode {
    let allowed = match fastcgi::web_server_addrs(&edge.vars) {
        Ok(allowed) => allowed,
        Err(err) => {
            gateway::log(err);
            return ExitCode::FAILURE;
        }
    };
    let settings = RefCell::new(RecentConfig::new(edge));
    let limit = |vars: &MetaVariables| {
        let config = settings.borrow_mut().load(vars, gateway::now());
        config.map_or(0, |config| config.max_content_length)
    };
    let mut ignored = fastcgi::IgnoredSettings::default();
    let answer = |mut vars: MetaVariables, body: Vec<u8>| {
        ignored.look_at(&vars);
        fastcgi::split_script_name(&mut vars, routes);
        let now = gateway::now();
        // A bug in one request is no reason to drop those beside it.
        catch_unwind(AssertUnwindSafe(|| {
            let mut settings = settings.borrow_mut();
            let config = settings.load(&vars, now);
            let config = config.map_err(|err| (err, Arc::new(settings.unusable())));
            let body = &mut body.as_slice();
            respond_by(config, vars, now, body, &mut check, &mut handler)
        }))
        .unwrap_or_else(|_| LAST_RESORT.to_vec())
    };
    set_hook(Box::new(log_panic));
    match fastcgi::work(allowed.as_deref(), answer, limit) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            gateway::log(format_args!("FastCGI socket: {err}"));
            ExitCode::FAILURE
        }
    }
}

/// A bug is answered like any other failure, as nothing was written before.
fn answer_panics() {
    set_hook(Box::new(|panic| {
        log_panic(panic);
        if !gateway::answered() {
            gateway::answer(LAST_RESORT);
        }
        std::process::exit(0);
    }));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    gateway::log(format_args!("error: {panic}"));
}

/// The answer to the request in `edge`, whole. Reads `stdin` only as far as
/// the request's body goes.
pub fn respond(
    edge: Edge,
    stdin: &mut impl Read,
    check: impl FnOnce(&Parts) -> Option<Response>,
    handler: impl FnOnce(Request, &mut Session) -> Response,
) -> Vec<u8> {
    let request = edge.vars.cgi_request();
    let script = cgi_script(edge.argument.as_deref(), request);
    let config = load(&edge, script, &ServedFolders::of_cgi(request));
    let (vars, now) = (edge.vars.into_cgi_request(), edge.now);
    respond_by(config, vars, now, stdin, check, handler)
}

/// The answer to a request that did not come with the environment of `edge`.
pub(crate) fn respond_to(
    vars: MetaVariables,
    edge: &Edge,
    stdin: &mut impl Read,
    check: impl FnOnce(&Parts) -> Option<Response>,
    handler: impl FnOnce(Request, &mut Session) -> Response,
) -> Vec<u8> {
    let script = edge.argument.as_deref().map(Path::new);
    let config = load(edge, script, &ServedFolders::of_cgi(&vars));
    respond_by(config, vars, edge.now, stdin, check, handler)
}

/// The settings, or why they are not usable and what is left then.
type Loaded = Result<Arc<Config>, (ConfigError, Arc<Config>)>;

fn load(edge: &Edge, script: Option<&Path>, served: &ServedFolders) -> Loaded {
    match Config::load(&edge.vars, script, served, edge.euid) {
        Ok(config) => Ok(Arc::new(config)),
        Err(err) => Err((err, Arc::new(Config::unusable(&edge.vars, edge.euid)))),
    }
}

/// As [`respond`], by settings that were read already.
fn respond_by(
    config: Loaded,
    vars: MetaVariables,
    now: u64,
    stdin: &mut impl Read,
    check: impl FnOnce(&Parts) -> Option<Response>,
    handler: impl FnOnce(Request, &mut Session) -> Response,
) -> Vec<u8> {
    let method = vars.request_method().unwrap_or(Method::GET);
    let (config, unusable) = match config {
        Ok(config) => (config, None),
        Err((err, config)) => (config, Some(Refusal::from(err))),
    };
    let mount = Mount::new(&vars, config.application_root.as_ref());
    let served = Served {
        config: Arc::clone(&config),
        now,
    };
    let context = Context {
        mount: &mount,
        config: &config,
        now,
    };

    let outcome = match unusable {
        Some(refusal) => Err(refusal),
        None => answer(vars, mount.clone(), served, stdin, check, handler),
    };
    if let Some(err) = config.refused_state_dir()
        && !outcome
            .as_ref()
            .is_err_and(|refusal| refusal.is_because(err))
    {
        gateway::log(format_args!(
            "{err}; nothing in it is read, be it settings, pages, \
             or who was logged out everywhere"
        ));
    }
    let mut response = outcome.unwrap_or_else(|refusal| error_response(refusal, &context));
    protect(&mut response);
    gateway::serialize(&response, &method)
        .or_else(|err| {
            let mut response = error_response(err.into(), &context);
            protect(&mut response);
            gateway::serialize(&response, &method)
        })
        .unwrap_or_else(|_| LAST_RESORT.to_vec())
}

fn answer(
    vars: MetaVariables,
    mount: Mount,
    served: Served,
    stdin: &mut impl Read,
    check: impl FnOnce(&Parts) -> Option<Response>,
    handler: impl FnOnce(Request, &mut Session) -> Response,
) -> Result<Response, Refusal> {
    if let Some(status) = vars.error_document() {
        // Another page's failure, and another page's body: not ours to serve.
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
        return Err(Refusal::new(status));
    }
    // With a path of its own the cookie comes by any spelling.
    if served.config.cookie_path.is_none()
        && let Some(url) = mount.canonical_url()
    {
        let mut response = redirect_by(StatusCode::PERMANENT_REDIRECT, url);
        keep_out_of_caches(&mut response);
        return Ok(response);
    }
    let config = Arc::clone(&served.config);
    let now = served.now;
    let path = config.cookie_path.as_ref().map(CookiePath::as_str);
    let path = path.unwrap_or(mount.cookie_path()).to_owned();
    let cookies: Vec<Vec<u8>> = vars.all("HTTP_COOKIE").map(<[u8]>::to_vec).collect();

    let mut head = gateway::head(vars, mount)?;
    head.extensions.insert(served);
    let vars: &gateway::MetaVariables = match head.extensions.get() {
        Some(vars) => vars,
        None => return Err(Refusal::new(StatusCode::BAD_REQUEST)),
    };
    let site = Site::new(vars, config.trust_proxy);
    if !head.method.is_safe() {
        site.check_origin()?;
    }
    let https = site.is_https();
    if let Some(response) = check(&head) {
        return Ok(response);
    }
    let limit = config.max_content_length;
    let announced = Announced::new(&head.method, vars, limit)?;
    let keeper = config.keeper(now)?;
    for refused in &config.refused_fallbacks {
        gateway::log(format_args!("{refused}; it is not used"));
    }
    let body = gateway::read_body(announced, limit, stdin)?;

    let sessions = config.session_interface(&keeper)?;
    let headers = cookies.iter().map(Vec::as_slice);
    let Opened {
        mut session,
        notes,
        several,
    } = sessions.open(headers, now)?;
    for note in notes {
        gateway::log(note);
    }
    if let Some(several) = several {
        let name = config.cookie.name.as_str();
        gateway::log(format_args!(
            "a request had several cookies called {name:?}, and {several}: if another program on \
             this host sets the others, give both the same SESSION_COOKIE_PATH, or one of them \
             another SESSION_COOKIE_NAME"
        ));
    }
    let mut response = handler(Request::from_parts(head, body), &mut session);

    if !sessions.end_everywhere(&session, now)? {
        gateway::log(EndError::TooMany);
        session.flash(EVERYWHERE, ENDED_HERE_ONLY);
    }
    let scope = CookieScope {
        path: &path,
        secure: config.cookie_secure.unwrap_or(https),
    };
    let line = match sessions.save(&session, scope, now) {
        // Only that it was in use: the page is as good without it.
        Err(err) if !session.modified() => {
            gateway::log(err);
            None
        }
        saved => saved?,
    };
    if let Some(line) = line {
        let line = HeaderValue::try_from(line)
            .map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR))?;
        response.headers_mut().append(header::SET_COOKIE, line);
        keep_out_of_caches(&mut response);
    } else if session.accessed() {
        keep_out_of_caches(&mut response);
    }
    Ok(response)
}

/// Marks a page as made for one visitor.
pub(crate) fn keep_out_of_caches(response: &mut Response) {
    let headers = response.headers_mut();
    let names_cookie = headers.get_all(header::VARY).iter().any(|vary| {
        vary.to_str().is_ok_and(|vary| {
            vary.split(',').any(|name| {
                matches!(name.trim(), "*") || name.trim().eq_ignore_ascii_case("cookie")
            })
        })
    });
    if !names_cookie {
        let cookie = const { HeaderValue::from_static("Cookie") };
        headers.append(header::VARY, cookie);
    }
    let private = const { HeaderValue::from_static(private!()) };
    headers.insert(header::CACHE_CONTROL, private);
}

/// Headers that every response has unless its page set its own.
fn protect(response: &mut Response) {
    const OPENER: &str = "cross-origin-opener-policy";
    const NO_FRAMES: &str =
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
    // In constants, as to look at each byte takes a while.
    let same_origin = || const { HeaderValue::from_static("same-origin") };
    let defaults = [
        (
            header::X_CONTENT_TYPE_OPTIONS,
            const { HeaderValue::from_static("nosniff") },
        ),
        // Not no-referrer: with that, browsers send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, same_origin()),
        (
            header::CONTENT_SECURITY_POLICY,
            const { HeaderValue::from_static(NO_FRAMES) },
        ),
        (
            header::X_FRAME_OPTIONS,
            const { HeaderValue::from_static("DENY") },
        ),
        (const { HeaderName::from_static(OPENER) }, same_origin()),
    ];
    let headers = response.headers_mut();
    for (name, value) in defaults {
        headers.entry(name).or_insert(value);
    }
}
