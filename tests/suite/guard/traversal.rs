//! Known spellings of paths that lead out of a folder or to hidden files: encodings, overlong
//! UTF-8, other slashes and dots, parameters, NUL, short names, absolute URIs. They are sent
//! as they stand, by CGI, by FastCGI and through web servers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use percent_encoding::percent_decode_str;

use super::{ADA, cookie_of, state_of};
use crate::fastcgi::{answered, asks, with};
use crate::support::application::{Application, program_at};
use crate::support::cgi::os;
use crate::support::fastcgi::request;
use crate::support::response::Response;
use crate::support::{Cgi, StateDir};

/// What is outside of the folder, and what is hidden in it.
pub(crate) const OUTSIDE: &str = "from outside";

/// What is shown.
pub(crate) const INSIDE: &str = "from inside";

/// The spellings of `..`, most of which are something else.
const DOTS: [&str; 60] = [
    "..",
    "%2e%2e",
    ".%2e",
    "%2e.",
    "%2E%2E",
    "%252e%252e",
    "%25252e%25252e",
    "%%32%65%%32%65",
    "%25%32%65%25%32%65",
    "%c0%ae%c0%ae",
    "%C0%2E%C0%2E",
    "%c0.%c0.",
    "%e0%80%ae%e0%80%ae",
    "%f0%80%80%ae%f0%80%80%ae",
    "%f8%80%80%80%ae%f8%80%80%80%ae",
    "%fc%80%80%80%80%ae%fc%80%80%80%80%ae",
    "%u002e%u002e",
    "%uff0e%uff0e",
    "%ef%bc%8e%ef%bc%8e",
    "%e2%80%a5",
    "%e2%80%a4%e2%80%a4",
    "%e3%80%82%e3%80%82",
    "%ef%b9%92%ef%b9%92",
    "%c2%b7%c2%b7",
    "%80%ae%80%ae",
    "&#46;&#46;",
    "\\x2e\\x2e",
    "0x2e0x2e",
    "..;",
    "..;a=b",
    "..%3b",
    "%2e%2e;",
    ";..",
    ".;.",
    "..%00",
    "%00..",
    ".%00.",
    "..%20",
    "%20..",
    "..%09",
    "..%0a",
    "..%0d%0a",
    "..%01",
    "..%7f",
    "..%c2%a0",
    "...",
    "....",
    "..%2e",
    ".../...",
    "....//",
    "..././",
    "..~",
    "~..",
    "..::$DATA",
    "..%3a%3a$DATA",
    "..:",
    "..*",
    "..?",
    "..%23",
    "..%26",
];

/// The spellings of `/`, most of which are something else.
const SLASHES: [&str; 20] = [
    "/",
    "//",
    "/./",
    "%2f",
    "%2F",
    "%252f",
    "%25252f",
    "%%32%66",
    "%c0%af",
    "%c1%9c",
    "%e0%80%af",
    "%f0%80%80%af",
    "%u2215",
    "%ef%bc%8f",
    "%e2%88%95",
    "\\",
    "%5c",
    "%255c",
    "%ef%bc%bc",
    "/;/",
];

/// Other targets. `MOUNT` is the path of the folder.
const OTHERS: [&str; 96] = [
    "MOUNT/.hidden",
    "MOUNT/%2ehidden",
    "MOUNT/%2Ehidden",
    "MOUNT/%252ehidden",
    "MOUNT/.%68idden",
    "MOUNT/sub/.hidden",
    "MOUNT/.hidden/",
    "MOUNT/.hidden%00",
    "MOUNT/.hidden/x",
    "MOUNT/./.hidden",
    "MOUNT//.hidden",
    "MOUNT/;/.hidden",
    "MOUNT/.hidden;",
    "MOUNT/.hidden;.txt",
    "MOUNT/.hidden%20",
    "MOUNT/.hidden.",
    "MOUNT/.HIDDEN",
    "MOUNT/%c0%aehidden",
    "MOUNT/%ef%bc%8ehidden",
    "MOUNT/\\.hidden",
    "MOUNT/.signet-users",
    "MOUNT/%2esignet-users",
    "MOUNT/sub/.signet-users",
    "MOUNT/.htaccess",
    "MOUNT/.git/HEAD",
    "MOUNT/link",
    "MOUNT/link/",
    "MOUNT/link/.",
    "MOUNT/link%2f",
    "MOUNT/link/outside.txt",
    "MOUNT/link/../link/outside.txt",
    "MOUNT/absolute",
    "MOUNT/absolute/outside.txt",
    "MOUNT/a.txt/../link/outside.txt",
    "MOUNT/a.txt/..",
    "MOUNT/a.txt/../../outside.txt",
    "MOUNT/none/../../outside.txt",
    "MOUNT/sub/../../outside.txt",
    "MOUNT/sub/%2e%2e/%2e%2e/outside.txt",
    "MOUNT/sub/..%2f../outside.txt",
    "MOUNT;/../outside.txt",
    "MOUNT;x=y/../outside.txt",
    "MOUNT%00/../outside.txt",
    "MOUNT%20/../outside.txt",
    "MOUNT./../outside.txt",
    "MOUNT/..",
    "MOUNT/../",
    "MOUNT/%2e%2e",
    "MOUNT/%2e%2e/",
    "MOUNT/%2e%2e%2f",
    "MOUNT/..;/",
    "MOUNT/?/../outside.txt",
    "MOUNT/?path=../outside.txt",
    "MOUNT/?r=/../outside.txt",
    "MOUNT/#/../outside.txt",
    "MOUNT//etc/passwd",
    "MOUNT///etc/passwd",
    "MOUNT/%2fetc%2fpasswd",
    "MOUNT/%2f%2fetc/passwd",
    "MOUNT/etc/passwd",
    "MOUNT/file:///etc/passwd",
    "MOUNT/file:%2f%2f%2fetc%2fpasswd",
    "MOUNT/C:/windows/win.ini",
    "MOUNT/C:%5cwindows%5cwin.ini",
    "MOUNT/%5c%5clocalhost%5cc$%5cx",
    "MOUNT/\\\\localhost\\c$\\x",
    "MOUNT/proc/self/environ",
    "MOUNT/dev/stdin",
    "MOUNT/~root/",
    "MOUNT/~",
    "MOUNT/*",
    "MOUNT/a*",
    "MOUNT/[a].txt",
    "MOUNT/{a,b}.txt",
    "MOUNT/$HOME",
    "MOUNT/${HOME}",
    "MOUNT/`id`",
    "MOUNT/|id",
    "MOUNT/%7cid",
    "MOUNT/WEB-INF/web.xml",
    "MOUNT/HIDDEN~1",
    "MOUNT/OUTSID~1.TXT",
    "MOUNT/A.TXT",
    "MOUNT/a.txt.",
    "MOUNT/a.txt%20",
    "MOUNT/a.txt%00",
    "MOUNT/a.txt%00.html",
    "MOUNT/a.txt::$DATA",
    "MOUNT/a.txt:stream",
    "MOUNT/a.txt/",
    "MOUNT/a.txt/x",
    "http://example.org/MOUNT/../outside.txt",
    "http://example.org/../outside.txt",
    "//example.org/MOUNT/../outside.txt",
    "file:///etc/passwd",
    "MOUNT/%",
];

/// All targets of requests, for a folder at `mount`. Each is printable ASCII.
pub(crate) fn targets(mount: &str) -> BTreeSet<String> {
    let mut targets = BTreeSet::new();
    for dots in DOTS {
        targets.insert(format!("{mount}/{dots}/outside.txt"));
        targets.insert(format!(
            "{mount}/sub/{}etc/passwd",
            format!("{dots}/").repeat(12)
        ));
    }
    for slash in SLASHES {
        for dots in ["..", "%2e%2e", "..;", "%c0%ae%c0%ae", "%252e%252e"] {
            targets.insert(format!("{mount}{slash}{dots}{slash}outside.txt"));
            targets.insert(format!(
                "{mount}/{}etc{slash}passwd",
                format!("{dots}{slash}").repeat(12)
            ));
        }
    }
    targets.extend(OTHERS.map(|target| target.replace("MOUNT", mount)));
    targets
}

/// Fills the folder at `path`, and the one above it.
pub(crate) fn fill(path: &Path) {
    let above = path.parent().expect("a folder above");
    fs::create_dir_all(path.join("sub")).expect("mkdir");
    fs::create_dir_all(above.join("beside")).expect("mkdir");
    for name in ["a.txt", "sub/b.txt", "index.html", "sub/index.html"] {
        fs::write(path.join(name), INSIDE).expect("write a file");
    }
    for name in [
        ".hidden",
        "sub/.hidden",
        "../outside.txt",
        "../beside/outside.txt",
    ] {
        fs::write(path.join(name), OUTSIDE).expect("write a file");
    }
    for (name, target) in [
        ("link", "../beside".into()),
        ("absolute", above.join("beside")),
    ] {
        std::os::unix::fs::symlink(target, path.join(name)).expect("symlink");
    }
}

/// Asserts that nothing from outside is in an answer, and without a login nothing at all.
#[track_caller]
pub(crate) fn assert_contained(name: &str, status: u16, body: &[u8], is_logged_in: bool) {
    let text = String::from_utf8_lossy(body);
    for outside in [OUTSIDE, "root:x:0:", "root:*:0:", "$2y$"] {
        assert!(!text.contains(outside), "{name}: {text}");
    }
    assert!(is_logged_in || !text.contains(INSIDE), "{name}: {text}");
    // Servers do not know some methods and versions.
    assert!(
        status < 500 || matches!(status, 501 | 505),
        "{name}: {status} {text}"
    );
}

/// The site of a user, with a protected folder.
fn site() -> (StateDir, String) {
    let state = state_of(ADA);
    fill(&state.path().with_file_name("private"));
    let cookie = cookie_of(&state, "ada");
    (state, cookie)
}

/// What servers make of a target: PATH_INFO is decoded once, or not at all.
fn paths(target: &str) -> [Vec<u8>; 2] {
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_prefix("/app").unwrap_or(path);
    [percent_decode_str(path).collect(), path.into()]
}

#[test]
fn no_spelling_of_a_path_leads_out_by_cgi() {
    let (state, cookie) = site();
    let targets = targets("/app/files");
    assert!(targets.len() >= 300, "{}", targets.len());
    let (mut answers, mut inside) = (0, 0);
    for target in &targets {
        let [path, _] = paths(target);
        // No variable can contain it.
        if path.contains(&0) {
            continue;
        }
        let request = Cgi::get("/")
            .state(&state)
            .var("SIGNET_GUARD_DIR", state.path().with_file_name("private"))
            .var("PATH_INFO", os(&path))
            .var("REQUEST_URI", target)
            .cookie(&cookie);
        let response = request.run().response();
        let name = format!("{target} {}", path.escape_ascii());
        assert_contained(&name, response.status, &response.body, true);
        answers += 1;
        inside += usize::from(response.text().contains(INSIDE));
    }
    assert!(answers > 250 && inside > 0, "{answers} {inside}");
}

#[test]
fn no_spelling_of_a_path_leads_out_by_fastcgi() {
    let (state, cookie) = site();
    let private = state.path().with_file_name("private");
    let worker = Application::worker(program_at(&state).env("SIGNET_GUARD_DIR", private));
    let mut client = worker.connect();
    for target in targets("/app/files") {
        for path in paths(&target) {
            for cookie in ["", &cookie] {
                let mut params: Vec<(Vec<u8>, Vec<u8>)> =
                    with(asks("GET", "/"), "HTTP_COOKIE", cookie)
                        .into_iter()
                        .map(|(name, value)| (name.into(), value.into()))
                        .collect();
                for (name, value) in &mut params {
                    match name.as_slice() {
                        b"PATH_INFO" => value.clone_from(&path),
                        b"REQUEST_URI" => *value = target.clone().into(),
                        _ => {}
                    }
                }
                client.send(&request(1, true, &params, b""));
                let response: Response = answered(&mut client, 1);
                let name = format!("{target} {}", path.escape_ascii());
                assert_contained(&name, response.status, &response.body, !cookie.is_empty());
            }
        }
    }
}
