//! A CGI program with a bug in the page `/bug`. Other requests still get their response,
//! and so does `/caught`, which catches the panic of a library that it calls. `/twice` and
//! `/deep` end the process: a panic while another one unwinds, and a stack overflow. The file
//! that `/cut` sends becomes shorter meanwhile.

use std::fs::File;
use std::hint::black_box;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::process::ExitCode;

use signet::{Error, FileRange, Request, Response, Server, Session};

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
        .get("/twice", |_, _| {
            let _second = PanicsInDrop;
            assert_ne!(black_box(1), 1, "the first bug");
            "never shown"
        })
        .get("/deep", |_, _| deep(1).to_string())
        .get("/file", |_, _| file())
        .get("/cut", |_, _| {
            let response = file();
            File::options()
                .write(true)
                .open(path()?)?
                .set_len(150_000)?;
            response
        })
        .run()
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        assert_ne!(black_box(1), 1, "the second bug");
    }
}

/// Recurses until the stack is full.
fn deep(depth: u64) -> u64 {
    let frame = black_box([depth; 1024]);
    match frame[0] {
        0 => 0,
        depth => deep(depth + 1) + frame[1],
    }
}

fn visits(_: &Request, session: &mut Session) -> Response {
    let visits = session.get_or("visits", 0) + 1;
    session.insert("visits", visits);
    signet::html(format!("<p>Visit number {visits}</p>"))
}

fn path() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("download.bin"))
}

fn file() -> Result<Response, Error> {
    Ok(Response::new(FileRange::all(File::open(path()?)?)?.into()))
}
