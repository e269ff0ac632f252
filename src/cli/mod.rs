//! The command line. It is not used in processes that a web server starts, as
//! parsing the arguments takes as long as serving a page.

mod cookie;
mod doctor;
mod fastcgi;
mod key;
mod manual;
mod print;
mod request;
mod rules;
mod server_files;
mod sessions;
mod site;
#[cfg(feature = "users")]
mod terminal;
#[cfg(feature = "users")]
mod user;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdout};

use crate::gateway::ProcessInput;
use crate::log::write_all;

/// A login page and Flask's signed sessions as one CGI program.
///
/// Web servers start it without arguments. In a shell, these commands set it up
/// and show its keys, sessions and users. Without a users file, the login page
/// accepts any name without a password, and protects nothing.
#[derive(Debug, Parser)]
#[command(name = "signet", version, verbatim_doc_comment)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create, replace and check secret keys
    #[command(subcommand)]
    Key(key::Command),
    /// Decode session cookies
    #[command(subcommand)]
    Cookie(cookie::Command),
    /// List and end sessions
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// Add, change, remove and check users
    #[cfg(feature = "users")]
    #[command(subcommand)]
    User(user::Command),
    /// Say what is right and wrong with a site, and what to do next
    ///
    /// The same findings as on the page /doctor, except those about a visitor's request. It
    /// creates and corrects nothing. The exit code is 1 if something is wrong.
    Doctor,
    /// Serve by FastCGI on a socket
    Fastcgi(fastcgi::Arguments),
    /// Run one request as a web server does and print the response
    Request(request::Arguments),
    /// Print server configurations, templates and other files
    #[command(subcommand)]
    Print(print::Command),
}

/// Why a command failed: the reason, and maybe what to do about it.
#[derive(Debug)]
struct Failure {
    reason: String,
    hint: Option<String>,
}

impl Failure {
    fn new(reason: impl Display) -> Self {
        Self {
            reason: reason.to_string(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Runs the command line in `arguments` (without the program's own name).
/// `sockets` are those that systemd has opened for this process.
///
/// Returns the exit code: 0 on success, 1 if the command failed, 2 if the arguments
/// are wrong.
#[cold]
#[inline(never)]
pub fn run(
    input: ProcessInput,
    sockets: Vec<OwnedFd>,
    arguments: impl IntoIterator<Item = OsString>,
) -> u8 {
    // If a settings script was started in a shell, the kernel puts its path before the
    // arguments.
    let argument = input.argument.filter(|path| is_script(Path::new(path)));
    let arguments = arguments.into_iter().skip(usize::from(argument.is_some()));
    let input = ProcessInput { argument, ..input };
    let arguments = std::iter::once(OsString::from("signet")).chain(arguments);
    let command = match Arguments::try_parse_from(arguments) {
        Ok(Arguments {
            command: Some(command),
        }) => command,
        Ok(Arguments { command: None }) => {
            let help = Arguments::command().render_help().to_string();
            return finish(print(help.as_bytes()));
        }
        Err(err) if !err.use_stderr() => {
            return finish(print(err.render().to_string().as_bytes()));
        }
        Err(err) => {
            let text = err.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            note(format_args!("{}", text.trim_end()));
            return 2;
        }
    };
    finish(match command {
        Command::Key(command) => key::run(command, &input),
        Command::Cookie(command) => cookie::run(command, &input),
        Command::Sessions(command) => sessions::run(command, &input),
        #[cfg(feature = "users")]
        Command::User(command) => user::run(command, &input),
        Command::Doctor => doctor::run(&input),
        Command::Fastcgi(arguments) => fastcgi::run(arguments, sockets, &input),
        Command::Request(arguments) => request::run(arguments, &input),
        Command::Print(command) => print::run(command),
    })
}

/// Whether it is the path of a settings script, which begins with `#!`. A path has a slash:
/// a word without one is a command.
fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    path.components().nth(1).is_some()
        && path.is_file()
        && File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok())
        && start == *b"#!"
}

fn finish(outcome: Result<(), Failure>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            note(format_args!("{}", failure.reason));
            if let Some(hint) = failure.hint {
                note(format_args!("hint: {hint}"));
            }
            1
        }
    }
}

/// Writes to standard output. A reader that has ended (`| head`) is not an error.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    match write_all(stdout(), bytes, None) {
        Ok(()) | Err(Errno::PIPE) => Ok(()),
        Err(err) => Err(Failure::new(format_args!("standard output: {err}"))),
    }
}

/// `1 session`, `2 sessions`.
fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Writes a line to standard error.
fn note(line: impl Display) {
    // If that fails, there is no other place for an error message.
    let _ = write_all(stderr(), format!("signet: {line}\n").as_bytes(), None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
