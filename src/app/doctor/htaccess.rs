//! Files `.htaccess` in the subfolders of a protected folder that switch off the rules by which
//! Apache passes its URLs to the program: everybody then sees these subfolders.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{Mode, OFlags, open};

use crate::gateway::MetaVariables;

const FILE_NAME: &str = ".htaccess";

/// The most subfolders that are searched, and how deep they may be.
const MAX_FOLDERS: usize = 10_000;
const MAX_DEPTH: usize = 50;

/// The most files that are named.
const MAX_FOUND: usize = 20;

/// The most bytes of a file.
const MAX_FILE: u64 = 64 * 1024;

/// Whether the web server may read files `.htaccess`: it does not say that it is one that has
/// none. Other servers that read them have many names.
pub(super) fn is_read(vars: &MetaVariables) -> bool {
    let server = vars.get("SERVER_SOFTWARE").unwrap_or_default();
    let server = server.to_ascii_lowercase();
    let others = [&b"lighttpd"[..], b"nginx", b"caddy"];
    !others.iter().any(|name| server.starts_with(name))
}

/// What a search has found.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The files that switch off the rules.
    pub(super) found: Vec<PathBuf>,
    /// Whether a limit ended the search, or something could not be read.
    pub(super) is_cut: bool,
}

impl Search {
    /// Searches the subfolders of `root` until `end`. Symbolic links to folders are not
    /// followed.
    pub(super) fn below(root: &Path, end: Instant) -> Self {
        let mut search = Self::default();
        let is_late = || Instant::now() > end;
        let (mut waiting, mut folders) = (vec![(root.to_owned(), 0)], 0);
        while let Some((folder, depth)) = waiting.pop() {
            if is_late() || search.found.len() >= MAX_FOUND {
                search.is_cut = true;
                break;
            }
            let Ok(entries) = folder.read_dir() else {
                search.is_cut = true;
                continue;
            };
            for entry in entries {
                if is_late() {
                    search.is_cut = true;
                    break;
                }
                let entry = entry.and_then(|entry| Ok((entry.file_type()?.is_dir(), entry)));
                match entry {
                    Ok((true, _)) if depth == MAX_DEPTH || folders == MAX_FOLDERS => {
                        search.is_cut = true;
                    }
                    Ok((true, entry)) => {
                        folders += 1;
                        waiting.push((entry.path(), depth + 1));
                    }
                    Ok((false, entry)) if depth > 0 && entry.file_name() == FILE_NAME => {
                        search.look(entry.path());
                    }
                    Ok((false, _)) => {}
                    Err(_) => search.is_cut = true,
                }
            }
        }
        search.found.sort();
        search
    }

    fn look(&mut self, path: PathBuf) {
        match read(&path) {
            Some(text) if ends_rules(&text) => self.found.push(path),
            Some(_) => {}
            None => self.is_cut = true,
        }
    }
}

/// The text of a regular file that is not too large. This does not wait for a pipe.
fn read(path: &Path) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
    let is_whole = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE);
    is_whole.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether Apache does not apply the rules of the folder above, or may not do so further down:
/// `RewriteEngine Off`, or `RewriteOptions` that do not pass the rules on.
fn ends_rules(text: &str) -> bool {
    // A backslash at the end of a line joins the next one.
    let text = text.replace("\\\r\n", "").replace("\\\n", "");
    let (mut is_off, mut has_options, mut passes_on) = (false, false, false);
    for line in text.lines() {
        let mut words = line
            .split_ascii_whitespace()
            .map(|word| word.trim_matches(['"', '\'']).to_ascii_lowercase());
        match words.next().as_deref() {
            Some("rewriteengine") => is_off |= words.next().as_deref() == Some("off"),
            Some("rewriteoptions") => {
                has_options = true;
                for word in words {
                    is_off |= word == "ignoreinherit";
                    passes_on |= word == "inheritdownbefore";
                }
            }
            Some(_) | None => {}
        }
    }
    is_off || has_options && !passes_on
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    /// Searches a new folder that `fill` has filled, for this time.
    fn search(fill: fn(&Path), time: Duration) -> Search {
        let name = format!("signet-htaccess-{}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir(&root).unwrap();
        fill(&root);
        let search = Search::below(&root, Instant::now() + time);
        fs::remove_dir_all(&root).unwrap();
        search
    }

    /// A subfolder with a file that ends the rules.
    fn open_folder(path: &Path) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join(FILE_NAME), "RewriteEngine Off\n").unwrap();
    }

    fn make_many(root: &Path, count: usize, make: fn(&Path)) {
        for number in 0..count {
            make(&root.join(number.to_string()));
        }
    }

    fn at_depth(root: &Path, depth: usize) -> PathBuf {
        root.join(vec!["a"; depth].join("/"))
    }

    #[test]
    fn a_search_ends_at_its_limits_and_says_so() {
        const LONG: Duration = Duration::from_secs(60);
        type Row = (&'static str, fn(&Path), Duration, (usize, bool));
        #[rustfmt::skip]
        let rows: [Row; 11] = [
            ("nothing",           |_| {},                                                       LONG,           (0, false)),
            ("not in the folder", open_folder,                                                  LONG,           (0, false)),
            ("a subfolder",       |root| open_folder(&root.join("a")),                          LONG,           (1, false)),
            ("no time",           |root| open_folder(&root.join("a")),                          Duration::ZERO, (0, true)),
            ("a link",            |root| symlink(root, root.join("a")).unwrap(),                LONG,           (0, false)),
            ("the depth",         |root| open_folder(&at_depth(root, MAX_DEPTH)),               LONG,           (1, false)),
            ("deeper",            |root| open_folder(&at_depth(root, MAX_DEPTH + 1)),           LONG,           (0, true)),
            ("the files",         |root| make_many(root, MAX_FOUND, open_folder),                    LONG,           (MAX_FOUND, false)),
            ("more files",        |root| make_many(root, MAX_FOUND + 1, open_folder),                LONG,           (MAX_FOUND, true)),
            ("more folders",      |root| make_many(root, MAX_FOLDERS + 1, |path| fs::create_dir(path).unwrap()), LONG, (0, true)),
            ("a long file",       |root| {
                open_folder(&root.join("a"));
                let text = "#".repeat(MAX_FILE as usize) + "\nRewriteEngine Off\n";
                fs::write(root.join("a").join(FILE_NAME), text).unwrap();
            },                                                                                  LONG,           (0, true)),
        ];
        for (name, fill, time, want) in rows {
            let search = search(fill, time);
            assert_eq!((search.found.len(), search.is_cut), want, "{name}");
        }
    }

    #[test]
    fn directives_that_end_the_rules_of_the_folder_above() {
        #[rustfmt::skip]
        let cases = [
            ("RewriteEngine Off\n",                                         true),
            ("  rewriteENGINE\t\"off\"",                                    true),
            ("Rewrite\\\nEngine \\\r\n  Off\r\n",                           true),
            ("<IfModule mod_rewrite.c>\nRewriteEngine off\n</IfModule>\n",  true),
            ("RewriteOptions IgnoreInherit InheritDownBefore\n",            true),
            ("RewriteOptions AllowNoSlash\n",                               true),
            ("RewriteEngine On\nRewriteRule ^x$ /y [L]\n",                  false),
            ("# RewriteEngine Off\n#RewriteOptions IgnoreInherit\n",        false),
            ("ErrorDocument 404 \"RewriteEngine Off\"\n",                   false),
            ("",                                                            false),
            (include_str!("../../../deploy/apache/private.htaccess"),       false),
            (include_str!("../../../deploy/apache/.htaccess"),              false),
        ];
        for (text, want) in cases {
            assert_eq!(ends_rules(text), want, "{text:?}");
        }
    }
}
