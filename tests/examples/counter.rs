//! A CGI program of one page that counts a visitor's visits.
//!
//! Without a web server:
//!
//! ```sh
//! GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET SCRIPT_NAME=/counter.cgi \
//!     SIGNET_SECRET_KEY=$(signet key new) cargo run -q --example counter
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    signet::serve(|request, session| {
        let mount = signet::mount(&request);
        if mount.route() != b"/" {
            return cgi::text_response(404, "There is no such page.\n");
        }
        // A session that is not ours to trust is empty, never an error.
        let visits = session.get_as("visits").ok().flatten().unwrap_or(0) + 1;
        session.insert("visits", visits);
        let here = mount.url_for("/");
        signet::html(format!(
            "<!doctype html><title>Visits</title><a href=\"{here}\">Visit number {visits}</a>\n"
        ))
    })
}
