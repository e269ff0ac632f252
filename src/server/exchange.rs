//! Handles one request: reads it, opens the session, calls the handler, saves the
//! session and makes the response.

use std::cell::Cell;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use super::context::Context;
use super::failure::{Error, Failure};
use super::form::check_content_type;
use super::headers::{keep_out_of_caches, last_resort, protect, set_allow};
use super::origin::check_origin;
use super::reply::redirect_by;
use super::routes::{Methods, NoRoute, Parameters};
use super::target::{Misdirected, Target};
use super::{Handler, Hidden, Request, Response, Server, error_page};
use crate::config::{Config, ConfigError, ServedFolders, cgi_script};
use crate::gateway::{
    self, Answer, Bare, Body, BodyLength, Interface, MetaVariables, ProcessInput, Role, Started,
};
use crate::session::revocation::EndError;
use crate::session::{CheckLogin, EVERYWHERE, Login, Session, SessionInterface};

/// The flashed message if [`Session::end_everywhere`] could end only this session.
///
/// [`Session::end_everywhere`]: crate::session::Session::end_everywhere
const ENDED_HERE_ONLY: &str = "You are logged out in this browser only. Other browsers could not be logged out at the moment.";

/// The response to the request of a CGI process. Of `stdin`, no more than the body of
/// the request is read.
pub(super) fn answer_cgi(
    server: &Server<'_>,
    input: ProcessInput,
    stdin: &mut impl Read,
) -> Answer {
    let request = input.vars.cgi_request();
    let script = cgi_script(input.argument.as_deref(), request);
    let config = load(server, &input, script, &ServedFolders::of_cgi(request));
    let started = Started::by_cgi(&input.vars, script);
    let (vars, now) = (input.vars.into_cgi_request(), input.now);
    respond_by(server, config, vars, started, Asked::by_cgi(now), stdin)
}

/// The response to a request that is not in the environment of `input`.
pub(super) fn answer_to(
    server: &Server<'_>,
    vars: MetaVariables,
    input: &ProcessInput,
    stdin: &mut impl Read,
) -> Answer {
    let script = input.argument.as_deref().map(Path::new);
    let config = load(server, input, script, &ServedFolders::of_cgi(&vars));
    let started = Started::before(Arc::new(input.vars.clone()), script);
    respond_by(
        server,
        config,
        vars,
        started,
        Asked::by_cgi(input.now),
        stdin,
    )
}

/// The settings; or why they cannot be used, and the settings for the error page.
type Loaded = Result<Arc<Config>, (ConfigError, Arc<Config>)>;

fn load(
    server: &Server<'_>,
    input: &ProcessInput,
    script: Option<&Path>,
    served: &ServedFolders,
) -> Loaded {
    let program = &server.program;
    Config::load(program, &input.vars, script, served, input.euid)
        .map(Arc::new)
        .map_err(|err| {
            (
                err,
                Arc::new(Config::unusable(program, &input.vars, input.euid)),
            )
        })
}

/// How the web server asked, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) role: Role,
    pub(super) interface: Interface,
    /// Unix seconds.
    pub(super) now: u64,
}

impl Asked {
    fn by_cgi(now: u64) -> Self {
        Self {
            role: Role::Responder,
            interface: Interface::Cgi,
            now,
        }
    }
}

/// The response, with settings that have been read.
pub(super) fn respond_by(
    server: &Server<'_>,
    config: Loaded,
    vars: MetaVariables,
    started: Started,
    Asked {
        role,
        interface,
        now,
    }: Asked,
    stdin: &mut impl Read,
) -> Answer {
    let method = vars.request_method().unwrap_or(Method::GET);
    let (config, unusable) = match config {
        Ok(config) => (config, None),
        Err((err, config)) => (config, Some(Failure::Config(err))),
    };
    let Target {
        mount,
        guarded,
        check,
    } = Target::new(server, &config, &vars, role);
    let context = Arc::new(Context {
        mount,
        guarded,
        config,
        routes: Arc::clone(&server.routes),
        #[cfg(feature = "templates")]
        templates: server.templates,
        check_login: server.check_login.clone(),
        vars,
        interface,
        started,
        now,
    });
    // Whether the handler used the session: then its error pages are also for one visitor.
    let used = Cell::new(false);
    let hidden = match check {
        Some(_) => None,
        None => hidden(server, &context, unusable.is_none(), stdin),
    };
    let outcome = match (hidden, unusable) {
        (Some(outcome), _) => {
            used.set(true);
            outcome
        }
        (None, Some(failure)) => Err(failure),
        (None, None) => match check {
            Some(handler) => {
                // The cookie decides.
                used.set(true);
                ask(handler, &context)
            }
            None => answer(server, &context, stdin, &used),
        },
    };
    if let Some(err) = context.config.refused_state_dir()
        && outcome
            .as_ref()
            .err()
            .and_then(Failure::state_dir)
            .is_none()
    {
        gateway::log(format_args!(
            "{err}; nothing in it is read, be it settings, pages, \
             or who was logged out everywhere"
        ));
    }
    let failed = |failure: &Failure| error_page::respond(server, failure, &context);
    let finish = |mut response: Response| {
        if response.extensions().get::<Bare>().is_none() {
            protect(&mut response);
            if used.get() {
                keep_out_of_caches(&mut response);
            }
        }
        Answer::new(response, &method)
    };
    finish(outcome.unwrap_or_else(|failure| failed(&failure)))
        .or_else(|err| finish(failed(&err.into())))
        .unwrap_or_else(|_| last_resort())
}

/// The answer of the page that [`Server::hidden`] adds; `None` if the request is for another
/// one, or if the page is missing at the moment.
fn hidden(
    server: &Server<'_>,
    context: &Arc<Context>,
    is_usable: bool,
    stdin: &mut impl Read,
) -> Option<Result<Response, Failure>> {
    let page = server.hidden.as_ref()?;
    // A web server that asks whether a visitor may see another page would take it for a yes.
    let is_asked = context.mount.path() == page.path.as_bytes()
        && context.guarded.is_none()
        && Misdirected::of(server, &context.config, &context.vars).is_none();
    is_asked.then(|| answer_hidden(page, context, is_usable, stdin))?
}

/// See [`hidden`]. It is not inlined, because most requests are for other pages.
#[cold]
#[inline(never)]
fn answer_hidden(
    page: &Hidden<'_>,
    context: &Arc<Context>,
    is_usable: bool,
    stdin: &mut impl Read,
) -> Option<Result<Response, Failure>> {
    let Context {
        config,
        vars,
        mount,
        ..
    } = context.as_ref();
    let redirects = is_usable && config.cookie_path.is_none() && mount.canonical_url().is_some();
    if vars.error_document().is_some() || redirects {
        return None;
    }
    let mut head = gateway::head(vars, mount).ok()?;
    match head.method {
        Method::GET | Method::HEAD => {}
        Method::POST if (page.takes_form)(context) => {
            if let Err(err) = check_origin(vars, config.trust_proxy) {
                return Some(Err(err.into()));
            }
        }
        _ => return None,
    }
    let limit = config.max_content_length;
    let body = BodyLength::new(&head.method, vars, limit)
        .and_then(|length| gateway::read_body(length, limit, stdin));
    let body = match body {
        Ok(body) => body,
        Err(err) => return Some(Err(err.into())),
    };
    head.extensions.insert(Arc::clone(context));
    let request = Request::from_parts(head, body);
    let (mut session, _) = lazy_session(context);
    match (page.handler)(&request, &mut session) {
        Err(Error(Failure::NotFound)) => None,
        outcome => Some(outcome.map_err(|err| err.0)),
    }
}

/// The answer to a web server that asks about another request: see [`Server::check`].
fn ask(handler: &Handler<'_>, context: &Arc<Context>) -> Result<Response, Failure> {
    let mut head = gateway::head(&context.vars, &context.mount)?;
    head.extensions.insert(Arc::clone(context));
    let request = Request::from_parts(head, Vec::new());
    let (mut session, opened) = lazy_session(context);
    let outcome = handler(&request, &mut session);
    opened.interface.take().transpose()?;
    opened.unknown.take().map_or(Ok(()), Err)?;
    match outcome.map_err(|err| err.0) {
        Err(Failure::LoginRequired(url)) => Ok(redirect_by(StatusCode::SEE_OTHER, &url)),
        outcome => outcome,
    }
}

fn answer(
    server: &Server<'_>,
    context: &Arc<Context>,
    stdin: &mut impl Read,
    used: &Cell<bool>,
) -> Result<Response, Failure> {
    let Context {
        config,
        routes,
        vars,
        mount,
        guarded,
        ..
    } = context.as_ref();
    if let Some(status) = vars.error_document() {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
        return Err(Failure::ErrorDocument(status));
    }
    if let Some(err) = config.guard_above_program(mount.base()) {
        return Err(Failure::Config(err));
    }
    if guarded.is_none()
        && let Some(err) = Misdirected::of(server, config, vars)
    {
        return Err(Failure::Unavailable(Box::new(err)));
    }
    // With SESSION_COOKIE_PATH, browsers send the cookie to any spelling.
    if config.cookie_path.is_none()
        && let Some(url) = mount.canonical_url()
    {
        let mut response = redirect_by(StatusCode::PERMANENT_REDIRECT, url);
        keep_out_of_caches(&mut response);
        return Ok(response);
    }
    let mut head = gateway::head(vars, mount)?;
    if !head.method.is_safe() {
        check_origin(vars, config.trust_proxy)?;
    }
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let found = match guarded.as_ref().and(server.files.as_ref()) {
        Some(files) if is_read => Ok((files, Parameters::new())),
        Some(_) => Err(NoRoute::MethodNotAllowed(Methods::of_file())),
        None => match (routes.find(&head.method, mount.path()), &server.fallback) {
            (Ok((number, parameters)), _) => {
                if routes.takes_form(number) && head.method == Method::POST {
                    check_content_type(&head.headers)?;
                }
                Ok((&server.handlers[number], parameters))
            }
            (Err(_), Some(fallback)) => Ok((fallback, Parameters::new())),
            (Err(err), None) => Err(err),
        },
    };
    let (handler, parameters) = match found {
        Ok(found) => found,
        Err(NoRoute::MethodNotAllowed(methods)) if head.method == Method::OPTIONS => {
            return Ok(options(&methods));
        }
        Err(err) => return Err(err.into()),
    };
    let limit = config.max_content_length;
    let length = BodyLength::new(&head.method, vars, limit)?;
    let body = gateway::read_body(length, limit, stdin)?;

    head.extensions.insert(Arc::clone(context));
    if !parameters.is_empty() {
        head.extensions.insert(Arc::new(parameters));
    }
    let request = Request::from_parts(head, body);
    let (mut session, opened) = lazy_session(context);
    let accessed = session.mark();
    let outcome = handler(&request, &mut session);
    let is_replaced = !accessed.is_of(&session);
    used.set(accessed.get() || is_replaced);
    let sessions = opened.interface.take().transpose()?;
    if is_replaced {
        return Err(Failure::ReplacedSession);
    }
    let mut response = match outcome.map_err(|err| err.0) {
        Err(Failure::LoginRequired(url)) => redirect_by(StatusCode::SEE_OTHER, &url),
        // Flask also saves the session of `abort(404)`.
        Err(failure) if failure.status() < StatusCode::INTERNAL_SERVER_ERROR => {
            error_page::respond(server, &failure, context)
        }
        outcome => outcome?,
    };
    // A logout works all the same.
    match opened.unknown.take() {
        Some(failure) if !session.is_logout() => return Err(failure),
        Some(failure) => failure.reason().into_iter().for_each(gateway::log),
        None => {}
    }
    if let Some(sessions) = sessions {
        save(context, &sessions, session, &mut response)?;
    }
    Ok(response)
}

/// What becomes of a session when it is opened.
#[derive(Default)]
struct Opened {
    /// The interface that saves it, or why it cannot be opened; `None` if the handler does
    /// not use the session.
    interface: Cell<Option<Result<SessionInterface, Failure>>>,
    /// Why its login could not be judged.
    unknown: Cell<Option<Failure>>,
}

/// The session of a request, which its first use opens.
fn lazy_session(context: &Arc<Context>) -> (Session, Rc<Opened>) {
    let opened = Rc::<Opened>::default();
    let session = Session::lazy({
        let (context, opened) = (Arc::clone(context), Rc::clone(&opened));
        move || match open(&context, &opened.unknown) {
            Ok((interface, mut session)) => {
                if context.config.session_permanent {
                    session.set_permanent_by_default();
                }
                opened.interface.set(Some(Ok(interface)));
                session
            }
            Err(failure) => {
                opened.interface.set(Some(Err(failure)));
                Session::new()
            }
        }
    });
    (session, opened)
}

/// Opens the session of a request. If its login cannot be judged, `unknown` gets the
/// reason.
fn open(
    context: &Context,
    unknown: &Cell<Option<Failure>>,
) -> Result<(SessionInterface, Session), Failure> {
    let Context { config, now, .. } = context;
    for refused in &config.refused_fallbacks {
        gateway::log(format_args!("{refused}; it is not used"));
    }
    let sessions = config.session_interface(*now)?;
    let check = context.check_login.as_ref().map(|check| {
        move |user: &str, proof: Option<&str>| {
            check(context, user, proof).unwrap_or_else(|failure| {
                // That of another cookie is the same.
                unknown.set(Some(failure));
                Login::Unknown
            })
        }
    });
    let check = check.as_ref().map(|check| check as CheckLogin<'_>);
    let opened = sessions.open(context.vars.all("HTTP_COOKIE"), check, *now)?;
    for err in opened.refused {
        gateway::log(err);
    }
    if let Some(duplicates) = opened.duplicates {
        let name = config.cookie.name.as_str();
        gateway::log(format_args!(
            "a request had several cookies called {name:?}, and {duplicates}: if another program on \
             this host sets the others, give both the same SESSION_COOKIE_PATH, or one of them \
             another SESSION_COOKIE_NAME"
        ));
    }
    Ok((sessions, opened.session))
}

/// Saves the session of a request, and puts its cookie into the response.
fn save(
    context: &Context,
    sessions: &SessionInterface,
    mut session: Session,
    response: &mut Response,
) -> Result<(), Failure> {
    let Context { now, .. } = context;
    let have_ended = sessions.end_everywhere(&session, *now)?;
    if !have_ended {
        gateway::log(EndError::TooMany);
    }
    if !have_ended || session.ends_unknown() {
        session.flash(ENDED_HERE_ONLY, EVERYWHERE);
    }
    session.apply_default_permanence();
    let mut lines = match sessions.save(&session, context.cookie_scope(), *now, &|err| {
        gateway::log(err)
    }) {
        // Only the time of the last use, or a proof by the new key, was to be saved: the page
        // does not need that.
        Err(err) if !session.has_changes() => {
            gateway::log(err);
            Vec::new()
        }
        saved => saved?,
    };
    lines.append(&mut session.take_cookies());
    if !lines.is_empty() {
        keep_out_of_caches(response);
        context.dropped_cookies().for_each(gateway::log);
    }
    for line in lines {
        let line = HeaderValue::try_from(line)
            .map_err(|_| Failure::Status(StatusCode::INTERNAL_SERVER_ERROR))?;
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(())
}

/// The response to OPTIONS: the methods of the path (RFC 9110, 9.3.7).
fn options(methods: &Methods) -> Response {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    set_allow(&mut response, methods);
    keep_out_of_caches(&mut response);
    response
}
