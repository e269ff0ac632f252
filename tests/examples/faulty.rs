//! A CGI program with a bug in the page `/bug`. Other requests still get their response,
//! and so does `/caught`, which catches the panic of a library that it calls.

use std::hint::black_box;
use std::panic::catch_unwind;
use std::process::ExitCode;

use signet::{Request, Response, Server, Session};

fn main() -> ExitCode {
    Server::named("faulty")
        .get("/", visits)
        .get("/bug", |request, session| {
            let _ = visits(request, session);
            assert_ne!(signet::mount(request).path(), b"/bug", "the bug");
            "never shown"
        })
        .get("/caught", |_, _| {
            let outcome = catch_unwind(|| assert_ne!(black_box(1), 1, "a bug"));
            format!("caught {}", outcome.is_err())
        })
        .run()
}

fn visits(_: &Request, session: &mut Session) -> Response {
    let visits = session.get_or("visits", 0) + 1;
    session.insert("visits", visits);
    signet::html(format!("<p>Visit number {visits}</p>"))
}
