//! A guestbook: a form, a message for the next page, and a page for each entry. The
//! entries are a file in the program's state folder, `~/.guestbook`.

#![cfg_attr(not(test), no_main)]

use std::fs::{self, File};
use std::io::{ErrorKind, Write};

use signet::http::StatusCode;
use signet::{Error, Form, Request, Response, Server, Session, escape, form, html, redirect};
use signet::{parameter, state_dir, url_for};

signet::main!(server: Server::named("guestbook")
    .get("/", list)
    .endpoint("list")
    .post("/", add)
    .takes_form()
    .get("/entries/{number}", show)
    .endpoint("show"));

fn list(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let mut page = String::from("<!doctype html><title>Guestbook</title><h1>Guestbook</h1>\n");
    for flash in session.take_flashes() {
        page += &format!("<p role=\"status\">{}</p>\n", escape(&flash.message));
    }
    for (number, entry) in entries(request)?.iter().enumerate() {
        let url = url_for(request, "show", &[("number", &number.to_string())])?;
        page += &format!("<p><a href=\"{url}\">{}</a></p>\n", escape(entry));
    }
    let url = url_for(request, "list", &[])?;
    page += &format!("<form action=\"{url}\" method=\"post\"><input name=\"entry\"> <button>Add");
    Ok(html(page + "</button></form>\n"))
}

fn add(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let form: Form = form(request)?;
    let entry = form.get("entry").unwrap_or_default().trim();
    if entry.is_empty() || entry.len() > 500 || entry.contains(char::is_control) {
        session.flash("An entry is one line of at most 500 letters.", "error");
    } else {
        let path = state_dir(request)?.join("entries.txt");
        let mut file = File::options().append(true).create(true).open(path)?;
        file.write_all(format!("{entry}\n").as_bytes())?;
        session.flash("Thank you.", "message");
    }
    Ok(redirect(&url_for(request, "list", &[])?))
}

fn show(request: &Request, _session: &mut Session) -> Result<Response, Error> {
    let missing = || Error::with_status(StatusCode::NOT_FOUND);
    let number = parameter(request, "number").and_then(|number| number.parse().ok());
    let number: usize = number.ok_or_else(missing)?;
    let entries = entries(request)?;
    let entry = entries.get(number).ok_or_else(missing)?;
    Ok(html(format!(
        "<!doctype html><title>Entry</title>{}",
        escape(entry)
    )))
}

fn entries(request: &Request) -> Result<Vec<String>, Error> {
    match fs::read_to_string(state_dir(request)?.join("entries.txt")) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(err) => Err(err.into()),
    }
}
