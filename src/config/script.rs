//! Settings in a script that begins with `#!/path/of/signet`.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::files::trusted::{Anywhere, Opened, Readers, TrustedFile};
use crate::gateway::MetaVariables;
use crate::log::log;

/// The path of the script that the web server started: the kernel passes it as the
/// first argument of the program in its `#!` line.
///
/// A CGI server may pass words of the query as arguments (RFC 3875, 4.4). So the
/// argument is used only if it is the file that the server says it started
/// (`SCRIPT_FILENAME`). suEXEC passes the name without the folder; then the path is
/// that of the server.
pub(crate) fn cgi_script<'a>(
    argument: Option<&'a OsStr>,
    request: &'a MetaVariables,
) -> Option<&'a Path> {
    let argument = Path::new(argument?);
    let path = request.path("SCRIPT_FILENAME")?;
    let started = std::fs::metadata(path).ok()?;
    let named = std::fs::symlink_metadata(argument).ok()?;
    let path = if argument.is_absolute() {
        argument
    } else {
        path
    };
    is_same_file(&named, &started).then_some(path)
}

/// Opens a settings script. It must begin with `#!` and must be neither the program
/// itself nor a symbolic link (as for suEXEC). If its path is not trusted, that is
/// logged, and the script is not read.
pub(super) fn open_script(path: &Path, euid: u32) -> Option<(PathBuf, Opened)> {
    let path = std::path::absolute(path).ok()?;
    let meta = std::fs::symlink_metadata(&path).ok()?;
    let itself = std::fs::metadata("/proc/self/exe").ok();
    if !meta.is_file() || itself.is_some_and(|itself| is_same_file(&meta, &itself)) {
        return None;
    }
    let opened = TrustedFile::find(&path, euid, &Anywhere)
        .and_then(|file| file.open(Readers::Anybody))
        .inspect_err(|err| log(format_args!("the settings in {err}; they are not read")))
        .ok()?;
    let mut start = [0; 2];
    opened.file.read_exact_at(&mut start, 0).ok()?;
    (&start == b"#!").then_some((path, opened))
}

fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
