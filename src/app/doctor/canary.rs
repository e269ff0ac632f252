//! URLs at which the web server may show the files of a protected folder without a login.
//! The visitor's browser requests them: the server's answer tells what it does.

use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::gateway::{MetaVariables, UrlPrefix};
use crate::guard::tree::{Found, GuardedFolder, GuardedPath};

/// The most names that are looked at for one that can be shown.
const MAX_NAMES: usize = 1000;

/// The URLs of a file in the folder: below each served folder that contains it, and below
/// `prefix`, the row of `GUARD_DIRS`. `None` if no served folder contains it.
pub(super) fn urls(
    vars: &MetaVariables,
    folder: &GuardedFolder,
    prefix: Option<&UrlPrefix>,
) -> Option<Vec<String>> {
    let path = folder.path();
    let mut bases: Vec<String> = served(vars)
        .into_iter()
        .filter_map(|(root, url)| {
            let below = path.strip_prefix(root.canonicalize().ok()?).ok()?;
            Some(format!("{url}{}", encoded(below)))
        })
        .collect();
    if bases.is_empty() {
        return None;
    }
    if let Some(prefix) = prefix {
        bases.push(prefix.as_str().to_owned());
    }
    bases.sort();
    bases.dedup();
    let Some(name) = shown_file(folder) else {
        return Some(Vec::new());
    };
    let name = encoded(Path::new(&name));
    Some(bases.iter().map(|base| format!("{base}{name}")).collect())
}

/// The served folders that the request names, and the URL paths of their contents.
fn served(vars: &MetaVariables) -> Vec<(PathBuf, String)> {
    let url = |name| vars.get(name).and_then(|url| std::str::from_utf8(url).ok());
    let above = |url: &str| {
        let (above, _) = url.rsplit_once('/').unwrap_or_default();
        encoded(Path::new(above))
    };
    let script = vars.path("SCRIPT_FILENAME").and_then(Path::parent);
    let roots = [
        (vars.path("DOCUMENT_ROOT"), Some(String::new())),
        (
            vars.path("CONTEXT_DOCUMENT_ROOT"),
            Some(encoded(Path::new(
                url("CONTEXT_PREFIX").unwrap_or_default(),
            ))),
        ),
        (script, url("SCRIPT_NAME").map(above)),
    ];
    let roots = roots.into_iter();
    roots
        .filter_map(|(root, url)| Some((root?.to_owned(), url?)))
        // If `/` were served, every folder would be in it.
        .filter(|(root, _)| root.is_absolute() && root.parent().is_some())
        .collect()
}

/// The name of a file in the folder that logged-in users see.
fn shown_file(folder: &GuardedFolder) -> Option<String> {
    let entries = std::fs::read_dir(folder.path()).ok()?.take(MAX_NAMES);
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.find(|name| {
        let path = GuardedPath::parse_decoded(format!("/{name}").as_bytes());
        let found = path.map(|path| folder.find(&path));
        matches!(found, Some(Ok(Found::File(_))))
    })
}

/// The path as part of a URL, each name after a slash.
fn encoded(path: &Path) -> String {
    let text = path.to_string_lossy();
    let names = text.split('/').filter(|name| !name.is_empty());
    names
        .map(|name| format!("/{}", utf8_percent_encode(name, NON_ALPHANUMERIC)))
        .collect()
}
