//! A CGI program with a list of notes for each path: `/shopping?milk` adds a note,
//! `/shopping` shows the list.
//!
//! If one visitor changes two lists at the same time, no note is lost when sessions are
//! stored on the server (`SESSION_TYPE = "filesystem"`).

use std::process::ExitCode;

use signet::{Request, Server, Session};

fn main() -> ExitCode {
    Server::named("notes").get("/{list}", notes).run()
}

fn notes(request: &Request, session: &mut Session) -> String {
    let list = signet::parameter(request, "list").unwrap_or_default();
    // With a prefix: a list named "username" would otherwise log the visitor in.
    let key = format!("list:{list}");
    let mut notes: Vec<String> = session.get_or(&key, Vec::new());
    let note = signet::meta_variables(request).query_string();
    if !note.is_empty() {
        notes.push(String::from_utf8_lossy(note).into_owned());
        session.insert(key, notes.clone());
    }
    notes.join("\n")
}
