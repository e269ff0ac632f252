//! Chooses between serving and the command line.

#![no_main]

use signet::process::Process;
use signet::{Entrance, app, cli};

signet::main!(@main |process: Process| match process.entrance {
    Entrance::Cgi | Entrance::FastCgi => process.serve(&app::server()),
    Entrance::CommandLine => cli::run(process.edge, process.sockets, process.arguments),
});
