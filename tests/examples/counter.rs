//! A CGI program that counts a visitor's visits.
//!
//! Without a web server:
//!
//! ```sh
//! REQUEST_METHOD=GET cargo run --example counter
//! ```

use std::process::ExitCode;

use signet::{Request, Response, Server, Session, UrlError};

fn main() -> ExitCode {
    Server::named("counter")
        .get("/", visits)
        .endpoint("visits")
        .get("/about", |_, _| "Counts your visits.\n")
        .run()
}

fn visits(request: &Request, session: &mut Session) -> Result<Response, UrlError> {
    // A session whose signature does not verify is empty.
    let visits = session.get_or("visits", 0) + 1;
    session.insert("visits", visits);
    let here = signet::url_for(request, "visits", &[])?;
    Ok(signet::html(format!(
        "<!doctype html><title>Visits</title><a href=\"{here}\">Visit number {visits}</a>\n"
    )))
}
