//! A CGI program that sends the file `download.bin` beside it, however long it is.

use std::fs::File;
use std::process::ExitCode;

use signet::gateway::FileRange;
use signet::{Error, Response, Server};

fn main() -> ExitCode {
    Server::named("download")
        .get("/", |_request, _session| "a page beside the download\n")
        .get("/file", |_request, _session| file())
        .run()
}

fn file() -> Result<Response, Error> {
    let path = std::env::current_exe()?.with_file_name("download.bin");
    let range = FileRange::all(File::open(path)?)?;
    Ok(Response::new(range.into()))
}
