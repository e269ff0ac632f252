//! A CGI program that sends the file `download.bin` in its folder, of any size.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use signet::gateway::FileRange;
use signet::{Error, Response, Server};

fn main() -> ExitCode {
    Server::named("download")
        .get("/", |_request, _session| "a page beside the download\n")
        .get("/file", |_request, _session| file())
        .get("/cut", |_request, _session| {
            let response = file();
            // Another program makes it shorter while it is sent.
            path().and_then(|path| File::options().write(true).open(path)?.set_len(HALF))?;
            response
        })
        .run()
}

const HALF: u64 = 150_000;

fn path() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("download.bin"))
}

fn file() -> Result<Response, Error> {
    let range = FileRange::all(File::open(path()?)?)?;
    Ok(Response::new(range.into()))
}
