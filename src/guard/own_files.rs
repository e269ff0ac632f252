//! Protected folders of the settings, none of which shows the program's own files.
//!
//! A folder in which all files are the program's own (the state folder, for example) can
//! neither be protected nor contain a protected folder: that is refused, because a later
//! version may store other files there. In a protected folder above, these folders look like
//! missing ones, and so do the files that settings name, and the program itself.

use std::fs::Metadata;
use std::path::Path;

use super::tree::{FileId, GuardedFolder, Served, id};
use crate::config::Config;
use crate::files::trusted::PathRules;
use crate::files::{FileError, FileProblem, PROGRAM, program_path};

/// Opens the protected folder at `path`.
///
/// # Errors
///
/// As [`GuardedFolder::open`], and [`FileProblem::OwnFiles`].
pub(crate) fn open(
    config: &Config,
    path: &Path,
    served: Served,
) -> Result<GuardedFolder, FileError> {
    let own_folders = config.own_folders();
    let metas = own_folders.iter().flat_map(std::fs::metadata);
    let rules = Outside(metas.map(|meta| id(&meta)).collect());
    let mut folder = GuardedFolder::open_by_rules(path, config.euid(), served, &rules)?;
    let own_files = config.own_files().into_iter().chain(program_path());
    for path in own_folders.into_iter().chain(own_files) {
        folder = folder.hide(&path);
    }
    // Also if it was moved or replaced since it was started.
    Ok(folder.hide(Path::new(PROGRAM)))
}

/// Refuses these folders.
struct Outside(Vec<FileId>);

impl PathRules for Outside {
    fn refuses_folder(&self, _: &Path, folder: &Metadata) -> Option<FileProblem> {
        let is_own = self.0.contains(&id(folder));
        is_own.then_some(FileProblem::OwnFiles)
    }

    fn refuses_path(&self, _: &Path) -> Option<FileProblem> {
        None
    }
}
