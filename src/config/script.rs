//! Settings in a `#!` script: finding and opening it.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::files::trusted::{Anywhere, Opened, Readers, TrustedFile};
use crate::gateway::{MetaVariables, log};

/// The `#!` rule: a text file whose first line is `#!/path/of/signet` is a
/// script, and the kernel passes its path as our first argument.
///
/// Under CGI a query can put any word there, too. So the argument counts only
/// if it is the very file that the server says it started (`SCRIPT_FILENAME`).
///
/// suEXEC starts it by its name alone; then the path is the server's.
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

/// Opens a script of settings: it has to begin with `#!`, not be the program
/// itself or a symbolic link (as suEXEC has it), and be trusted. One that is not
/// trusted is not read, and logged.
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
