//! Follows a path component by component, and checks every folder and symbolic link on
//! the way: see [`trusted`](super::trusted).

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::owners::{Access, At, Owners, SEARCH, WRITE};
use super::{FileError, FileProblem};

/// The most symbolic links in one path, as in the kernel.
const MAX_LINKS: usize = 40;

/// The caller's rules for paths.
pub(crate) trait PathRules {
    /// Why this folder, which is on the way, is refused.
    fn refuses_folder(&self, path: &Path, folder: &Metadata) -> Option<FileProblem>;

    /// Why this path is refused: that of the folder or the file's folder, or of a
    /// folder with a symbolic link that was followed.
    fn refuses_path(&self, path: &Path) -> Option<FileProblem>;
}

/// A [`PathRules`] without rules.
pub(crate) struct Anywhere;

impl PathRules for Anywhere {
    fn refuses_folder(&self, _: &Path, _: &Metadata) -> Option<FileProblem> {
        None
    }

    fn refuses_path(&self, _: &Path) -> Option<FileProblem> {
        None
    }
}

/// A path that is followed.
pub(super) struct Walk<'w> {
    owners: &'w Owners,
    rules: &'w dyn PathRules,
    /// The part that was followed, without symbolic links.
    pub(super) path: PathBuf,
    /// The metadata of each component of `path` that exists.
    pub(super) found: Vec<Metadata>,
    /// How many components at the end of `path` do not exist.
    pub(super) missing: usize,
    /// The folders that hold the symbolic links that were followed.
    links: Vec<PathBuf>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(owners: &'w Owners, rules: &'w dyn PathRules) -> Self {
        Self {
            owners,
            rules,
            path: PathBuf::with_capacity(256),
            found: Vec::with_capacity(16),
            missing: 0,
            links: Vec::new(),
        }
    }

    /// Follows `path`, which is absolute.
    pub(super) fn along(&mut self, path: &Path) -> Result<(), FileError> {
        let outcome = self.follow(path).and_then(|()| {
            let is_file = self.missing == 0 && !self.found.last().is_some_and(Metadata::is_dir);
            let end = match self.path.parent() {
                Some(folder) if is_file => folder,
                _ => &self.path,
            };
            let mut folders = self.links.iter().map(PathBuf::as_path).chain([end]);
            let refused = folders.find_map(|path| self.rules.refuses_path(path));
            refused.map_or(Ok(()), Err)
        });
        outcome.map_err(|problem| FileError::on_the_way(path, &self.path, problem))
    }

    /// Goes on along `path` from here, or from the root if it is absolute.
    pub(super) fn follow(&mut self, path: &Path) -> Result<(), FileProblem> {
        for part in path.components() {
            match part {
                Component::Prefix(_) | Component::CurDir => {}
                Component::RootDir => {
                    self.found.clear();
                    self.path.push("/");
                    let root = std::fs::symlink_metadata("/")?;
                    self.enter(root)?;
                }
                // A name that does not exist may become a symbolic link.
                Component::ParentDir if self.missing > 0 => return Err(FileProblem::Missing),
                Component::ParentDir if self.found.len() > 1 => {
                    self.found.pop();
                    self.path.pop();
                }
                Component::ParentDir => {}
                Component::Normal(name) => {
                    if let Some(target) = self.step(name)? {
                        self.follow(&target)?;
                        if self.missing > 0 {
                            return Err(FileProblem::Missing);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes on to `name`. Returns the target if that is a symbolic link.
    fn step(&mut self, name: &OsStr) -> Result<Option<PathBuf>, FileProblem> {
        if self.missing > 0 {
            self.missing += 1;
            self.path.push(name);
            return Ok(None);
        }
        let Some(folder) = self.found.last().filter(|meta| meta.is_dir()) else {
            return Err(FileProblem::NotAFolder);
        };
        // Only there: see `enter`.
        let at = At::Path(&self.path);
        let others_add = is_sticky(folder) && self.owners.others_can(WRITE, folder.into(), at);
        self.path.push(name);
        let meta = match std::fs::symlink_metadata(&self.path) {
            Ok(meta) => meta,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                if others_add {
                    self.path.pop();
                    let access = Access::from(folder);
                    return Err(access.writable(access.mode & 0o755));
                }
                self.missing = 1;
                return Ok(None);
            }
            Err(err) => return Err(err.into()),
        };
        if meta.is_dir() {
            self.enter(meta)?;
            return Ok(None);
        }
        // Others may have made a hard link there to a file of a trusted user.
        if others_add && meta.nlink() > 1 {
            return Err(FileProblem::Names);
        }
        if !meta.is_symlink() {
            self.found.push(meta);
            return Ok(None);
        }
        self.owners.check_owner(meta.uid())?;
        if self.links.len() == MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        let target = std::fs::read_link(&self.path)?;
        self.path.pop();
        self.links.push(self.path.clone());
        Ok(Some(target))
    }

    fn enter(&mut self, folder: Metadata) -> Result<(), FileProblem> {
        if let Some(problem) = self.rules.refuses_folder(&self.path, &folder) {
            return Err(problem);
        }
        self.owners.check_owner(folder.uid())?;
        if !is_sticky(&folder) {
            let (access, at) = (Access::from(&folder), At::Path(&self.path));
            self.owners.check_writers(access, at, access.mode & 0o755)?;
        }
        self.found.push(folder);
        Ok(())
    }

    /// Whether others cannot enter one of the folders above the file. Checked only if
    /// its mode lets them read it.
    pub(super) fn shuts_in(&self) -> bool {
        let Some((file, folders)) = self.found.split_last() else {
            return false;
        };
        let mut folders = folders.iter().rev().zip(self.path.ancestors().skip(1));
        file.mode() & 0o077 != 0
            && folders
                .any(|(meta, path)| !self.owners.others_can(SEARCH, meta.into(), At::Path(path)))
    }
}

/// Whether only the owner of an entry and the owner of the folder can replace the entry.
fn is_sticky(folder: &Metadata) -> bool {
    folder.mode() & 0o1000 != 0
}
