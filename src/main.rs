//! Chooses the entrance: a web server's CGI, or a person's shell.

use std::process::ExitCode;

use signet::Edge;

/// The C library's allocator maps and unmaps memory page by page in a program
/// as short as this one; this one maps 64 KiB once and uses it again.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[expect(clippy::disallowed_methods, reason = "no web server started us")]
fn main() -> ExitCode {
    let edge = Edge::of_this_process();
    // A web server may pass the words of a query as arguments (RFC 3875, 4.4):
    // under CGI a stranger writes argv, so decide before looking at it.
    if edge.vars.from_web_server() {
        signet::app::serve(edge)
    } else {
        signet::cli::run(edge, std::env::args_os().skip(1))
    }
}
