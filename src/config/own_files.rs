//! The program's own files and folders, which no protected folder may show.

use std::path::{Path, PathBuf};

use super::{Config, users};
use crate::files::trusted::TrustedFolder;

impl Config {
    /// The folders in which all files are the program's own: the state folder,
    /// `SESSION_FILE_DIR`, `TEMPLATES_DIR`. They need not exist, and may be refused.
    pub(crate) fn own_folders(&self) -> Vec<PathBuf> {
        let state = self.state_dir().or(self.given_state_dir());
        let sessions = self.session_file_dir.iter().flatten().next();
        let sessions = sessions.map(TrustedFolder::path);
        let folders = [
            state,
            sessions.or(self.given_session_dir.as_deref()),
            #[cfg(feature = "templates")]
            self.templates_dir.as_deref(),
        ];
        owned(folders)
    }

    /// The files of the program that can be elsewhere: settings name them, or they are
    /// symbolic links in the state folder. They need not exist, and may be refused.
    pub(crate) fn own_files(&self) -> Vec<PathBuf> {
        let in_state_dir = self.state_dir().map(|dir| dir.join(users::FILE_NAME));
        let users = self.given_users_file.as_deref().or(in_state_dir.as_deref());
        let groups = self.given_groups_file.as_deref();
        let key = self.given_key_file.as_deref();
        owned([users, groups, key, self.file.as_deref()])
    }
}

fn owned<const N: usize>(paths: [Option<&Path>; N]) -> Vec<PathBuf> {
    paths.into_iter().flatten().map(PathBuf::from).collect()
}
