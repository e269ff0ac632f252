//! A CGI program whose handler is at the other end of its standard streams, for
//! Flask's own tests: `flask_tests.py` starts it for each request of Flask.
//!
//! It writes a line, what the session holds as tagged JSON, and reads a line,
//! what became of it:
//!
//! ```json
//! {"accessed": true, "values": "{\"username\":\"ada\"}", "vary": "Accept"}
//! ```
//!
//! `values` is null where nothing was changed. The response follows.

use std::collections::BTreeMap;
use std::io::{Write, stdin, stdout};
use std::process::ExitCode;

use http::header::VARY;
use signet::session::tagged_json::{dumps, loads};
use signet::{Error, Request, Server, Session};

fn main() -> ExitCode {
    Server::named("peer-session")
        .get("/", converse)
        .get("/{*rest}", converse)
        .run()
}

fn converse(_: &Request, session: &mut Session) -> Result<cgi::Response, Error> {
    let held: BTreeMap<_, _> = session.values().clone();
    writeln!(stdout(), "{}", dumps(&held))?;

    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let after: serde_json::Value = serde_json::from_str(&line)?;
    if after["accessed"] == true {
        session.len();
    }
    if let Some(values) = after["values"].as_str() {
        let values = loads(values).ok_or_else(|| Error::new("values: not tagged JSON"))?;
        if values.is_empty() {
            session.clear();
        }
        for key in held.keys().filter(|key| !values.contains_key(*key)) {
            session.remove(key);
        }
        for (key, value) in values {
            session.insert(key, value);
        }
    }
    let mut response = cgi::text_response(200, "");
    if let Some(vary) = after["vary"].as_str() {
        response.headers_mut().insert(VARY, vary.parse()?);
    }
    Ok(response)
}
