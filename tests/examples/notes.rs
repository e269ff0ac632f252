//! A CGI program that keeps a list of notes for each address below it:
//! `/shopping?milk` writes one down, `/shopping` shows them.
//!
//! Requests of one visitor at the same time lose nothing of different lists
//! where sessions are kept on the server (`SESSION_TYPE = "filesystem"`).

use std::process::ExitCode;

use signet::{Request, Server, Session, Value};

fn main() -> ExitCode {
    Server::named("notes").get("/{list}", notes).run()
}

fn notes(request: &Request, session: &mut Session) -> String {
    let list = signet::parameter(request, "list").unwrap_or_default();
    let mut notes: Vec<String> = session.get_as(list).ok().flatten().unwrap_or_default();
    let note = signet::meta_variables(request).query_string();
    if !note.is_empty() {
        notes.push(String::from_utf8_lossy(note).into_owned());
        let value = notes.iter().map(|note| note.as_str().into()).collect();
        session.insert(list, Value::List(value));
    }
    notes.join("\n")
}
