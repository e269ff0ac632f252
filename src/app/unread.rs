//! A settings file where it is not read.

use std::path::{Path, PathBuf};

/// A `signet.toml` beside the program that is not the settings file.
pub(super) fn unread_settings(read: Option<&Path>) -> Option<PathBuf> {
    let program = std::fs::read_link("/proc/self/exe").ok()?;
    let path = program.with_file_name("signet.toml");
    (read != Some(&path) && path.is_file()).then_some(path)
}
