//! The URLs of protected folders: who gets a file, and where everybody else goes. (What
//! is at a path is tested in `tree`; what a file is answered with, in `guard::response`.)

mod list;
mod shown;
mod urls;
mod users;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use signet::testing::{Client, Response};

use crate::support::StateDir;
use crate::support::html::unescape;

type Server = signet::Server<'static>;

/// `htpasswd -nbBC 4 ada 'old secret 1'`.
const ADA: &str = "ada:$2y$04$AJ4T..S3XeAXHEw3UVH5GOx.GKdUVUgywtLSKmRnv4s5Ov4ekJK4C";
const PASSWORD: &str = "old secret 1";
const KEY: &str = "tests-only-7f3a91c6e0d24b58";

/// A folder beside the state folder, or in one there.
fn beside(state: &StateDir, name: &str) -> PathBuf {
    state.path().with_file_name(name)
}

/// Users, a folder `private` with files, and one of the site, `site`.
fn state() -> StateDir {
    let state = StateDir::new();
    state.write("users", format!("{ADA}\n"), 0o640);
    state.write("../private/a.txt", "the file", 0o644);
    state.write("../private/sub/index.html", "<p>index", 0o644);
    state.write("../private/list/b.txt", "b", 0o644);
    state.write("../private/script.php", "<?php", 0o644);
    state.write("../site/a.txt", "of the site", 0o644);
    state.write("../site/script.php", "<?php", 0o644);
    state
}

fn browser<'s>(server: &'s Server, state: &StateDir) -> Client<'s> {
    let site = format!("{{\"/old\": {:?}}}", beside(state, "site"));
    Client::new(server)
        .setting("SECRET_KEY", KEY)
        .setting("GUARD_DIR", beside(state, "private"))
        .setting("GUARD_DIRS", site)
        .setting("SESSION_COOKIE_PATH", "/")
        .state_dir(state.path())
        .without_redirects()
}

fn log_in(client: &mut Client<'_>) -> Response {
    client.post("/login", &[("username", "ada"), ("password", PASSWORD)])
}

fn ada<'s>(server: &'s Server, state: &StateDir) -> Client<'s> {
    let mut client = browser(server, state);
    assert_eq!(log_in(&mut client).status, 303);
    client
}

/// The URL of a redirect, decoded once.
fn location(response: &Response) -> String {
    decoded(response.header("location").unwrap_or_default())
}

fn decoded(url: &str) -> String {
    percent_decode_str(url).decode_utf8_lossy().into_owned()
}

fn write(folder: &Path, name: &[u8], text: &str) {
    fs::write(folder.join(OsStr::from_bytes(name)), text).unwrap();
}

/// The links of the table in a list, as (URL, text).
pub(crate) fn links(page: &str) -> Vec<(String, String)> {
    let (_, body) = page.split_once("<tbody>").unwrap_or_default();
    let rows = body.split("<tr><td><a href=\"").skip(1);
    rows.map(|row| {
        let (url, rest) = row.split_once("\"><bdi>").unwrap();
        let (text, _) = rest.split_once("</a>").unwrap();
        (unescape(url), unescape(&text.replace("</bdi>", "")))
    })
    .collect()
}
