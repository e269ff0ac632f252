//! Chooses the entrance: a web server's CGI, or a person's shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    let edge = signet::Edge::of_this_process();
    // A web server may pass the words of a query as arguments (RFC 3875, 4.4):
    // under CGI a stranger writes argv, so decide before looking at it.
    if edge.vars.from_web_server() {
        signet::app::serve(edge)
    } else {
        signet::cli::run(edge)
    }
}
