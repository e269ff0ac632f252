//! A CGI program that says which method and body it was sent.

use std::process::ExitCode;

fn main() -> ExitCode {
    signet::serve(|request, _session| {
        let body = String::from_utf8_lossy(request.body());
        cgi::text_response(200, format!("{} {:?}\n", request.method(), body))
    })
}
