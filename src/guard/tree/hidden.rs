//! Files and folders that a guarded folder does not show, wherever they are in it.

use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::fstat;
use rustix::io::Errno;

/// The device and inode number of a file or folder.
pub(crate) type FileId = (u64, u64);

/// Hidden files and folders.
#[derive(Default)]
pub(super) struct Hidden {
    files: Vec<FileId>,
    /// Names in folders: a file that is replaced has the same name, but another number.
    names: Vec<(FileId, Vec<u8>)>,
}

impl Hidden {
    /// Adds what is at `path`, and what will be there or where a symbolic link there leads.
    pub(super) fn add(&mut self, path: &Path) {
        self.files.extend(id_at(path));
        self.add_name(path);
        if path.is_symlink()
            && let Ok(target) = path.canonicalize()
        {
            self.add_name(&target);
        }
    }

    fn add_name(&mut self, path: &Path) {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name())
            && let Some(folder) = id_at(folder)
        {
            self.names.push((folder, name.as_bytes().to_vec()));
        }
    }

    pub(super) fn has(&self, file: FileId) -> bool {
        self.files.contains(&file)
    }

    /// Whether this name in an open folder is hidden.
    pub(super) fn has_name(&self, folder: impl AsFd, name: &[u8]) -> Result<bool, Errno> {
        let mut folders = self.names.iter().filter(|(_, hidden)| hidden == name);
        let Some((first, _)) = folders.next() else {
            return Ok(false);
        };
        let stat = fstat(folder)?;
        let id = (stat.st_dev, stat.st_ino);
        Ok(*first == id || folders.any(|(folder, _)| *folder == id))
    }
}

pub(crate) fn id(meta: &Metadata) -> FileId {
    (meta.dev(), meta.ino())
}

fn id_at(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).as_ref().map(id).ok()
}
