//! The folders that the web server serves, as far as the request names them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::gateway::MetaVariables;

/// The meta-variables that name a served folder, or a file in one.
const NAMES: [&str; 3] = ["DOCUMENT_ROOT", "CONTEXT_DOCUMENT_ROOT", "SCRIPT_FILENAME"];

/// The folders that the web server serves: no trusted file may be in them. Nothing else
/// of a request has an effect on settings.
#[derive(Clone, Debug, Default)]
pub struct ServedFolders {
    /// Device and inode of each.
    folders: Vec<(u64, u64)>,
    from_peer: bool,
}

impl ServedFolders {
    /// No folder is known.
    pub(super) const NONE: Self = Self {
        folders: Vec::new(),
        from_peer: false,
    };

    /// From the meta-variables of a CGI request, which the web server sets.
    pub(crate) fn of_cgi(vars: &MetaVariables) -> Self {
        let [root, context, script] = NAMES.map(|name| vars.path(name));
        // Apache sets both roots, usually to the same folder.
        let roots = [root, context.filter(|context| root != Some(*context))];
        let mut folders: Vec<(u64, u64)> =
            roots.into_iter().flatten().filter_map(identity).collect();
        // FastCGI servers name a folder if there is no script, with a slash at its
        // end or without one.
        if let Some(script) = script {
            let is_folder = script.as_os_str().as_encoded_bytes().ends_with(b"/");
            folders.extend(identity(script).or_else(|| {
                let folder = script.parent();
                let folder = folder.filter(|path| !roots.contains(&Some(*path)));
                folder.filter(|_| !is_folder).and_then(identity)
            }));
        }
        Self {
            folders,
            from_peer: false,
        }
    }

    /// From the parameters of a FastCGI request. Every process that can connect can send
    /// them, so they can make a folder refused, but cannot choose another one.
    pub(crate) fn of_fastcgi(vars: &MetaVariables) -> Self {
        Self {
            from_peer: true,
            ..Self::of_cgi(vars)
        }
    }

    /// Whether they are from the parameters of a FastCGI request.
    pub(super) fn is_from_peer(&self) -> bool {
        self.from_peer
    }

    /// Whether the folder at `path` is one of them, or in one.
    pub(crate) fn contain(&self, path: &Path) -> bool {
        let real = std::fs::canonicalize(path);
        real.is_ok_and(|real| {
            // If `/` were served, every folder would be in it.
            let above = real.ancestors().filter(|path| path.parent().is_some());
            let mut ids = above.filter_map(identity);
            ids.any(|id| self.folders.contains(&id))
        })
    }

    pub(super) fn contains(&self, folder: &Metadata) -> bool {
        self.folders.contains(&(folder.dev(), folder.ino()))
    }
}

/// Device and inode of a folder; `None` if it is not a folder.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(path).ok().filter(Metadata::is_dir)?;
    Some((meta.dev(), meta.ino()))
}

/// The values that [`ServedFolders`] are made from.
pub(super) fn named(vars: &MetaVariables) -> [Option<&[u8]>; 3] {
    NAMES.map(|name| vars.get(name))
}
