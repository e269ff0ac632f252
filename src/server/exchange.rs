//! One request from start to end: gateway, session, a handler, session, gateway.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Extensions, Method, StatusCode};

use super::headers::{keep_out_of_caches, last_resort, protect};
use crate::app::error::{ENDED_HERE_ONLY, Refusal, respond as error_response};
use crate::config::{Config, ConfigError, Program, ServedFolders, cgi_script};
use crate::gateway::{self, Announced, Answer, Body, Edge, MetaVariables, Mount, Site};
use crate::session::cookie::{CookiePath, CookieScope};
use crate::session::revocation::EndError;
use crate::session::{EVERYWHERE, Opened, Session};
use crate::{Request, Response, redirect_by};

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

/// The answer to the request in `edge`, whole. Reads `stdin` only as far as
/// the request's body goes.
pub fn respond(
    edge: Edge,
    stdin: &mut impl Read,
    check: impl FnOnce(&Parts) -> Option<Response>,
    handler: impl FnOnce(Request, &mut Session) -> Response,
) -> Vec<u8> {
    bytes(answer_cgi(edge, stdin, check, handler))
}

fn bytes(answer: Answer) -> Vec<u8> {
    answer.into_bytes().unwrap_or_else(|err| {
        gateway::log(err);
        last_resort().head
    })
}

/// As [`respond`], of which a file is not read yet.
pub(super) fn answer_cgi(
    edge: Edge,
    stdin: &mut impl Read,
    check: impl FnOnce(&Parts) -> Option<Response>,
    handler: impl FnOnce(Request, &mut Session) -> Response,
) -> Answer {
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
    bytes(respond_by(config, vars, edge.now, stdin, check, handler))
}

/// The settings, or why they are not usable and what is left then.
type Loaded = Result<Arc<Config>, (ConfigError, Arc<Config>)>;

fn load(edge: &Edge, script: Option<&Path>, served: &ServedFolders) -> Loaded {
    match Config::load(&Program::SIGNET, &edge.vars, script, served, edge.euid) {
        Ok(config) => Ok(Arc::new(config)),
        Err(err) => Err((
            err,
            Arc::new(Config::unusable(&Program::SIGNET, &edge.vars, edge.euid)),
        )),
    }
}

/// As [`answer_cgi`], by settings that were read already.
pub(super) fn respond_by(
    config: Loaded,
    vars: MetaVariables,
    now: u64,
    stdin: &mut impl Read,
    check: impl FnOnce(&Parts) -> Option<Response>,
    handler: impl FnOnce(Request, &mut Session) -> Response,
) -> Answer {
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
    Answer::new(response.map(Body::from), &method)
        .or_else(|err| {
            let mut response = error_response(err.into(), &context);
            protect(&mut response);
            Answer::new(response.map(Body::from), &method)
        })
        .unwrap_or_else(|_| last_resort())
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
