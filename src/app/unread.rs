//! A settings file in a place where it is not read.

use std::path::{Path, PathBuf};

use crate::files::program_path;

/// A `signet.toml` beside the program that is not the settings file.
pub(super) fn unread_settings(read: Option<&Path>) -> Option<PathBuf> {
    let path = program_path()?.with_file_name("signet.toml");
    (read != Some(&path) && path.is_file()).then_some(path)
}
