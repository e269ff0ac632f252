//! A CGI program with a bug, which `/bug` shows: what do others see of it?

use std::process::ExitCode;

fn main() -> ExitCode {
    signet::serve(|request, session| {
        let visits = session.get_as("visits").ok().flatten().unwrap_or(0) + 1;
        session.insert("visits", visits);
        assert_ne!(signet::mount(&request).route(), b"/bug", "the bug");
        signet::html(format!("<p>Visit number {visits}</p>"))
    })
}
