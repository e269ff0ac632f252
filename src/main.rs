//! Chooses between serving and the command line.

#![no_main]

use std::process::ExitCode;

use signet::process::Process;
use signet::{Entrance, app, cli};

signet::main!(@main |process: Process| match process.entrance {
    Entrance::Cgi | Entrance::FastCgi => {
        let code = app::server().run_as(process.entrance, process.edge);
        u8::from(code != ExitCode::SUCCESS)
    }
    Entrance::CommandLine => cli::run(process.edge, process.sockets, process.arguments),
});
