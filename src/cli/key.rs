//! `signet key`.

use std::path::PathBuf;

use super::{Failure, print};
use crate::session::key;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a new key: 64 hex digits
    ///
    /// Nobody needs this to start: a site makes its own key at the first
    /// visit. It is for a key that several programs share.
    New {
        /// Write it to FILE, mode 0600, instead of printing it
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::New { file: Some(path) } => key::create_file(&path).map_err(Failure::new),
        Command::New { file: None } => {
            let text = key::generate().map_err(Failure::new)?;
            print(format!("{text}\n").as_bytes())
        }
    }
}
