//! A program that shows the files of a folder: `htdocs` beside its own folder. If the web
//! server sets the meta-variable `SENT_BY` to `lighttpd`, `apache` or `nginx`, it lets that
//! server send them. A field `Sent-By` in a response says that the program sends it itself.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use signet::config::XSendfile;
use signet::guard::response::{respond, respond_by_server};
use signet::http::{HeaderValue, StatusCode};
use signet::{Error, Request, Response, Server, Session};

fn main() -> ExitCode {
    Server::named("file-server").get("/{*path}", file).run()
}

fn file(request: &Request, session: &mut Session) -> Result<Response, Error> {
    // As a page that is for logged-in users.
    let _ = session.get("username");
    let program = std::env::current_exe()?;
    let site = program.parent().and_then(Path::parent).unwrap_or(&program);
    let path = signet::parameter(request, "path").unwrap_or_default();
    let path = site.join("htdocs").join(path);
    let server = signet::meta_variables(request).get("SENT_BY");
    if let Some((server, root)) = server.and_then(|name| sender(name, site)) {
        let sent = path.strip_prefix(site).unwrap_or(&path);
        let name = path.file_name().unwrap_or_default().as_bytes();
        let path = root.join(sent);
        if let Some(response) = respond_by_server(server, path.as_os_str().as_bytes(), name) {
            return Ok(response);
        }
    }
    let file = File::open(&path).map_err(|_| Error::with_status(StatusCode::NOT_FOUND))?;
    let meta = file.metadata()?;
    let name = path.file_name().unwrap_or_default();
    let (method, headers) = (request.method(), request.headers());
    let mut response = respond(
        file,
        &meta,
        name.as_bytes(),
        method,
        headers,
        signet::now(request),
    )?;
    let program = HeaderValue::from_static("the program");
    response.headers_mut().insert("sent-by", program);
    Ok(response)
}

/// The web server of this name, and what it calls the folder `site`.
fn sender<'p>(name: &[u8], site: &'p Path) -> Option<(XSendfile, &'p Path)> {
    match name {
        b"lighttpd" => Some((XSendfile::Lighttpd, site)),
        b"apache" => Some((XSendfile::Apache, site)),
        b"nginx" => Some((XSendfile::Nginx, Path::new("/internal"))),
        _ => None,
    }
}
