//! The life of one request: gateway, session, a handler, session, gateway; and
//! the two ways in which requests come.

mod exchange;
mod headers;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use crate::config::{Program, RecentConfig};
use crate::gateway::{self, Edge, Entrance, MetaVariables, Patient, fastcgi};
use crate::session::Session;
use crate::{Request, Response};
pub use exchange::respond;
pub(crate) use exchange::{Context, respond_to};
use exchange::{answer_cgi, respond_by};
pub(crate) use headers::keep_out_of_caches;
use headers::last_resort;

/// How long a body may take to arrive. Web servers have limits of their own;
/// this one is for those that have none.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program that is served.
const PROGRAM: Program = Program::SIGNET;

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
    crate::log::name_program(PROGRAM.name.as_str());
    match entrance {
        Entrance::Cgi => {
            answer_panics();
            let mut stdin = Patient::new(rustix::stdio::stdin(), PATIENCE);
            let length = gateway::longest(edge.vars.cgi_request());
            let answer = answer_cgi(edge, &mut stdin, check, handler);
            stdin.discard(length, rustix::stdio::stdout());
            answer.write();
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
    let settings = RefCell::new(RecentConfig::new(PROGRAM, edge));
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
        .unwrap_or_else(|_| last_resort())
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
            last_resort().write();
        }
        std::process::exit(0);
    }));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    gateway::log(format_args!("error: {panic}"));
}
