//! The handler of protected folders: files, and lists of their names.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::asked::{Asked, find, unusable};
use super::listing;
use crate::config::XSendfile;
use crate::gateway::MAX_FIELD_VALUE;
use crate::guard::response::{respond, respond_by_server};
use crate::guard::tree::{Found, GuardedFile, GuardedFolder, GuardedSubfolder, real_names};
use crate::guard::user::user;
use crate::server::{Context, Error, Failure, Request, Response, login_required, redirect};
use crate::session::Session;

/// The file that a folder shows.
const INDEX: &[u8] = b"index.html";

/// The folder of nginx's internal locations, by which it sends files.
const NGINX: &str = "/signet-sendfile";

/// A file; a folder's `index.html` or the list of its names.
pub(super) fn files(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let Some(user) = user(context, session)? else {
        return Err(login_required(request));
    };
    let url = context.guarded.as_ref().ok_or(Failure::NotFound)?;
    let asked = Asked::new(context, url, user)?;
    // First without the folder, in which nothing may be found by trying names.
    asked.check(asked.names(), &[])?;
    let tree = asked.tree()?;
    match find(&tree, &asked.path)? {
        Found::File(file) => send(request, &asked, file),
        Found::Folder(folder) => show(request, &asked, &tree, &folder),
        Found::Unreadable(err) => Err(asked.refused_or(&tree, unusable(err))),
        Found::Absent => Err(asked.refused_or(&tree, Failure::NotFound.into())),
    }
}

/// What a folder shows.
fn show(
    request: &Request,
    asked: &Asked<'_>,
    tree: &GuardedFolder,
    folder: &GuardedSubfolder,
) -> Result<Response, Error> {
    asked.check(real_names(&folder.folders), &folder.folders)?;
    if !asked.path.is_folder() {
        return Ok(redirect(&with_query(asked.folder_url(), request)));
    }
    let index = asked.path.file(INDEX).ok_or(Failure::NotFound)?;
    let check = || asked.check(asked.names().chain([INDEX]), &[]);
    match find(tree, &index)? {
        Found::File(file) => {
            check()?;
            send(request, asked, file)
        }
        Found::Unreadable(err) => {
            check()?;
            Err(unusable(err))
        }
        Found::Folder(_) | Found::Absent if asked.context.config.guard.listing => {
            listing::page(request, asked, tree, folder)
        }
        Found::Folder(_) | Found::Absent => Err(Failure::NotFound.into()),
    }
}

/// The URL with the query of the request, unless the query has the path, or the URL would
/// be too long for a header field.
fn with_query(url: String, request: &Request) -> String {
    match request.uri().query().filter(|_| !url.contains('?')) {
        Some(query) if url.len() + query.len() < MAX_FIELD_VALUE => format!("{url}?{query}"),
        Some(_) | None => url,
    }
}

fn send(request: &Request, asked: &Asked<'_>, file: GuardedFile) -> Result<Response, Error> {
    let GuardedFile {
        file,
        meta,
        folders,
        real_path,
    } = file;
    let name = real_path.file_name().unwrap_or_default().as_bytes();
    asked.check(real_names(&folders).chain([name]), &folders)?;
    let Context { config, now, .. } = asked.context;
    let server = config.guard.x_sendfile;
    if let Some(response) = server.and_then(|server| by_server(server, &real_path, name)) {
        return Ok(response);
    }
    let (method, headers) = (request.method(), request.headers());
    Ok(respond(file, &meta, name, method, headers, *now)?)
}

/// The response that asks the web server to send the file; `None` if it cannot be given
/// this path.
fn by_server(server: XSendfile, path: &Path, name: &[u8]) -> Option<Response> {
    let folder = match server {
        XSendfile::Nginx => NGINX,
        XSendfile::Lighttpd | XSendfile::Apache => "",
    };
    let path = [folder.as_bytes(), path.as_os_str().as_bytes()].concat();
    respond_by_server(server, &path, name)
}
