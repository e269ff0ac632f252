//! A CGI program that lets a visitor download the file `download.bin` in its folder, of any
//! size.

use std::fs::File;
use std::process::ExitCode;

use signet::http::{Response, header};
use signet::{Body, Error, FileRange, Server};

fn main() -> ExitCode {
    Server::named("download")
        .get("/", |_request, _session| "a page beside the download\n")
        .get("/file", |_request, _session| file())
        .run()
}

fn file() -> Result<signet::Response, Error> {
    let path = std::env::current_exe()?.with_file_name("download.bin");
    let range = FileRange::all(File::open(path)?)?;
    let response = Response::builder()
        // Without a type, it would be sent as text/plain, and shown.
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"download.bin\"",
        )
        .body(Body::from(range))?;
    Ok(response)
}
