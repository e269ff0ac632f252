//! Which files a web server would execute, by their names.

/// The extensions besides those that begin with `php`.
const EXECUTED: [&[u8]; 14] = [
    b"phtml", b"phtm", b"phar", b"pht", b"cgi", b"fcgi", b"pl", b"plx", b"ppl", b"perl", b"py",
    b"rb", b"lua", b"shtml",
];

/// Whether a web server could execute a file with this name, so that its source must not be
/// shown. Apache executes a file with such an extension anywhere in its name
/// (`a.php.bak`), in upper or lower case: `mod_mime`, *Files with Multiple Extensions*.
pub fn is_executed(name: &[u8]) -> bool {
    let extensions = name.split(|byte| *byte == b'.').skip(1);
    extensions
        .map(<[u8]>::to_ascii_lowercase)
        .any(|extension| extension.starts_with(b"php") || EXECUTED.contains(&extension.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_counts_anywhere_in_the_name() {
        let executed = [
            "a.php",
            "a.PHP",
            "a.php5",
            "a.phps",
            "a.php~",
            "a.php.bak",
            "a.b.php.txt",
            "a.phtml",
            "a.pht",
            "a.phar",
            "a.cgi",
            "a.fcgi",
            "a.fcgi.old",
            "a.pl",
            "a.plx",
            "a.ppl",
            "a.perl",
            "a.lua",
            "a.phtm",
            "a.Py",
            "a.rb",
            "a.shtml",
            ".php",
        ];
        for name in executed {
            assert!(is_executed(name.as_bytes()), "{name}");
        }
        let shown = [
            "php", "a", "a.", "a.html", "a.plan", "a.pyc", "a-php", "cgi.a", "a.xphp", "",
        ];
        for name in shown {
            assert!(!is_executed(name.as_bytes()), "{name}");
        }
        assert!(is_executed(b"\xff.php\xff"));
    }
}
