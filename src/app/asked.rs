//! What a user asks for in a protected folder.

use std::path::Path;

use crate::config::{ConfigProblem, GuardedDir, ServedFolders};
use crate::files::{FileError, FileProblem};
use crate::gateway::{GuardedUrl, MetaVariables, UrlPrefix};
use crate::guard::access::Access;
use crate::guard::own_files;
use crate::guard::tree::{Entry, FolderFd, Found, GuardedFolder, GuardedPath};
use crate::guard::tree::{GuardedSubfolder, Served, real_names};
use crate::server::{Context, Error, Failure};

/// A user's request for a file or folder.
pub(super) struct Asked<'r> {
    pub(super) context: &'r Context,
    pub(super) user: String,
    access: Access<'r>,
    /// Which protected folder it is.
    dir: GuardedDir,
    /// The prefix of its URLs; `None` for those below `/files`.
    prefix: Option<&'r UrlPrefix>,
    /// The names in the path that leads to it, as rules for users have them.
    above: Vec<Vec<u8>>,
    /// The path below.
    pub(super) path: GuardedPath,
}

impl<'r> Asked<'r> {
    /// # Errors
    ///
    /// The groups of users are not known; or the URL leads to no file, whatever is in the
    /// folder.
    pub(super) fn new(
        context: &'r Context,
        url: &GuardedUrl,
        user: String,
    ) -> Result<Self, Failure> {
        let config = &context.config;
        let access = Access::load(config, &user)?;
        let path = url.below.as_deref().and_then(GuardedPath::parse);
        let dir = url.prefix.map_or(GuardedDir::Files, GuardedDir::Prefix);
        let prefix = config.guard.prefix(dir);
        let above = prefix.map_or_else(|| b"/files".to_vec(), UrlPrefix::decoded);
        let above = above.split(|byte| *byte == b'/').skip(1);
        Ok(Self {
            context,
            user,
            access,
            dir,
            prefix,
            above: above.map(<[u8]>::to_vec).collect(),
            path: path.ok_or(Failure::NotFound)?,
        })
    }

    /// Opens the protected folder.
    pub(super) fn tree(&self) -> Result<GuardedFolder, Error> {
        let Context { config, vars, .. } = self.context;
        let path = config.guard.path(self.dir).ok_or(Failure::NotFound)?;
        let served = served(self.dir, path, vars);
        own_files::open(config, path, served).map_err(|err| {
            let problem = ConfigProblem::Folder(Box::new(err));
            let err = config.guard_error(self.dir, problem);
            err.map_or(Failure::NotFound, Failure::Config).into()
        })
    }

    /// Refuses the user if rules for paths forbid these names below the protected folder, or
    /// if the nearest `.signet-users` in `folders` does.
    pub(super) fn check<'n>(
        &'n self,
        names: impl IntoIterator<Item = &'n [u8]>,
        folders: &[FolderFd],
    ) -> Result<(), Failure> {
        self.access.require(&self.user, &self.below(names), folders)
    }

    /// Whether the list of `folder`, which is asked for, shows `name` to the user: if a rule
    /// for paths forbids it, it does not. A symbolic link is judged by its own path and as
    /// what it leads to.
    pub(super) fn lists(
        &self,
        folder: &GuardedSubfolder,
        name: &[u8],
        entry: &Entry,
    ) -> Result<bool, Error> {
        let listed = real_names(&folder.folders).chain([name]);
        let folders = match entry.real_names().eq(listed) {
            true => &[],
            false => &*entry.folders,
        };
        let path = self.below(self.names().chain([name]));
        if !self.access.allows_path(&self.user, &path) {
            return Ok(false);
        }
        let real = self.below(entry.real_names());
        let refusal = self.access.refusal(&self.user, &real, folders);
        Ok(refusal.map_err(unusable)?.is_none())
    }

    /// The names of the path that is asked for.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.path.names().iter().map(Vec::as_slice)
    }

    /// The path to these names below the protected folder, as rules have it.
    fn below<'n>(&'n self, names: impl IntoIterator<Item = &'n [u8]>) -> Vec<&'n [u8]> {
        let above = self.above.iter().map(Vec::as_slice);
        above.chain(names).collect()
    }

    /// `otherwise`; or 403 if the user may not open the nearest existing folder, so that the
    /// answer does not reveal which files exist.
    pub(super) fn refused_or(&self, tree: &GuardedFolder, otherwise: Error) -> Error {
        let names = self.path.names();
        for depth in (0..names.len()).rev() {
            let above = [&joined(&names[..depth])[..], b"/"].concat();
            let above = GuardedPath::parse_decoded(&above).map(|above| find(tree, &above));
            match above {
                Some(Ok(Found::Folder(folder))) => {
                    let refused = self.check(real_names(&folder.folders), &folder.folders);
                    return refused.err().map_or(otherwise, Error::from);
                }
                Some(Err(err)) => return err,
                Some(Ok(Found::File(_) | Found::Unreadable(_) | Found::Absent)) | None => {}
            }
        }
        otherwise
    }

    /// The URL of a path below the protected folder, which is decoded and is empty or begins
    /// with a slash.
    pub(super) fn url_of(&self, below: &[u8]) -> String {
        match self.prefix {
            Some(prefix) => prefix.url_of(below),
            None => self.context.mount.url_of_file(below),
        }
    }

    /// The URL of the folder that is asked for, with a slash at its end.
    pub(super) fn folder_url(&self) -> String {
        self.url_of(&[&joined(self.path.names())[..], b"/"].concat())
    }
}

/// What is at a path.
///
/// # Errors
///
/// A fault of the machine.
pub(super) fn find(tree: &GuardedFolder, path: &GuardedPath) -> Result<Found, Error> {
    tree.find(path).map_err(unusable)
}

/// The error that a file or folder cannot be used, and what to do: status 403 if the program
/// may not read it, as of web servers; otherwise 503.
pub(super) fn unusable(err: FileError) -> Error {
    let failure = match matches!(err.problem, FileProblem::Unreadable { .. }) {
        true => Failure::Unreadable(err),
        false => Failure::Unavailable(Box::new(err)),
    };
    failure.into()
}

/// Whether the web server, too, serves the files of a protected folder.
pub(super) fn served(dir: GuardedDir, path: &Path, vars: &MetaVariables) -> Served {
    let is_in_site = match dir {
        // Its URLs are those of the site.
        GuardedDir::Prefix(_) => true,
        GuardedDir::Files => ServedFolders::of_cgi(vars).contain(path),
    };
    match is_in_site {
        true => Served::BySite,
        false => Served::ByNobodyElse,
    }
}

/// The names as a path, each after a slash.
pub(super) fn joined(names: &[Vec<u8>]) -> Vec<u8> {
    let names = names.iter();
    names
        .flat_map(|name| [b"/", name.as_slice()].concat())
        .collect()
}
