//! Serves requests by CGI or FastCGI, or runs the command line.

#![no_main]

use signet::process::Process;
use signet::{Interface, app, cli};

signet::main!(@main |process: Process| match process.interface {
    Interface::Cgi | Interface::FastCgi => process.serve(&app::server()),
    Interface::CommandLine => cli::run(process.input, process.sockets, process.arguments),
});
