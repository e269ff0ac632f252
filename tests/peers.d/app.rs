//! The site of `tests/peers` with signet: `/set?key=value` stores a text in the
//! session, `/get` shows what it holds, a line for each key.
//!
//! A request with the header `X-Hold: PATH` is a slow one: when it has read its
//! session it writes to the FIFO `PATH.read`, and waits until it can read from the
//! FIFO `PATH.go`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::process::ExitCode;

use http::StatusCode;
use signet::{Error, Form, Request, Server, Session};

fn main() -> ExitCode {
    Server::named("site")
        .get("/set", set)
        .get("/get", get)
        .run()
}

fn set(request: &Request, session: &mut Session) -> Result<&'static str, Error> {
    session.len(); // reads it
    hold(request)?;
    let form: Form = signet::query(request)?;
    for (key, value) in form.iter() {
        session.insert(key, value);
    }
    Ok("")
}

fn get(request: &Request, session: &mut Session) -> Result<String, Error> {
    let texts = session.iter().filter_map(|(key, value)| {
        let value = value.as_str()?;
        Some(format!("{key}={value}\n"))
    });
    let texts = texts.collect();
    hold(request)?;
    Ok(texts)
}

/// Waits if the request is a slow one, whose session has been read.
fn hold(request: &Request) -> Result<(), Error> {
    let Some(path) = request.headers().get("x-hold") else {
        return Ok(());
    };
    let path = path.to_str()?;
    wait(path).map_err(|_| Error::with_status(StatusCode::BAD_REQUEST))
}

fn wait(path: &str) -> io::Result<()> {
    fs::write(format!("{path}.read"), "\n")?;
    File::open(format!("{path}.go"))?.read_exact(&mut [0])
}
