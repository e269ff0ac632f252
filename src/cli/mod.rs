//! For people in a shell.
use crate::Edge;
use std::process::ExitCode;
/// stub
pub fn run(_edge: Edge) -> ExitCode {
    ExitCode::SUCCESS
}
