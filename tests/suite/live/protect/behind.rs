//! What is behind the web servers: files of a site, PHP, and an application.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use super::super::apache::server_user;
use super::super::hostile_names::fill;
use super::super::site::{Site, User};
use crate::support::ADA;
use crate::support::http::{Server, free_port};

pub(super) const SECRET: &str = "only for those who are logged in";

/// Shows the variables, without the cookie, and the body.
const PAGE: &str = "<?php header('Content-Type: text/plain'); unset($_SERVER['HTTP_COOKIE']);\n\
    foreach ($_SERVER as $name => $value) if (is_string($value)) echo \"$name=$value\\n\";\n\
    echo 'body: ', file_get_contents('php://input');\n";

/// A site with content, and with users for signet, which runs as `owner`.
pub(super) fn site(owner: User) -> Site {
    let site = Site::new();
    let root = User::current();
    for folder in ["run", "htdocs", "htdocs/private", "htdocs/private/sub"] {
        site.folder(folder, root, 0o755);
    }
    site.file("htdocs/public.txt", "for everybody", root, 0o644);
    site.file("htdocs/private/secret.txt", SECRET, root, 0o644);
    site.file("htdocs/private/page.php", PAGE, root, 0o644);
    fill(&site.folder("htdocs/private/names", root, 0o755), root);
    let state = site.folder("state", owner, 0o700);
    site.file("state/users", ADA, owner, 0o600);
    site.file("state/groups", "staff: ada\nboard: bob\n", owner, 0o600);
    // As the shipped files say. That signet could serve the files as well does not matter.
    let settings = format!(
        "APPLICATION_ROOT = \"/account\"\nSESSION_COOKIE_PATH = \"/\"\nGROUPS_FILE = {:?}\n\
         GUARD_DIRS = {{ \"/private\" = {:?} }}\n",
        state.join("groups"),
        site.path().join("htdocs/private"),
    );
    site.file("state/signet.toml", settings, owner, 0o600);
    site
}

/// An application, which answers with the request.
pub(super) fn application() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listen");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            let is_complete = |request: &[u8]| {
                let text = String::from_utf8_lossy(request).into_owned();
                let (head, body) = text.split_once("\r\n\r\n")?;
                let length = head.to_ascii_lowercase();
                let length = length.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
                (body.len() >= length.unwrap_or(0)).then_some(())
            };
            while is_complete(&request).is_none() {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
                    Ok(0) | Err(_) => break,
                }
            }
            let length = request.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n"
            );
            // The visitor may be gone.
            let _ = stream.write_all(&[head.as_bytes(), &request].concat());
        }
    });
    port
}

/// PHP by FastCGI, at a port.
pub(super) fn php() -> Server {
    let port = free_port();
    let mut command = Command::new("php-cgi");
    command
        .args(["-b", &format!("127.0.0.1:{port}")])
        .env_clear();
    let owner = server_user();
    if owner != User::current() {
        command.uid(owner.uid).gid(owner.gid);
    }
    Server::start(&mut command, port)
}
