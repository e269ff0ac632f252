//! A CGI program that keeps a list of notes for each address below it:
//! `/shopping?milk` writes one down, `/shopping` shows them.
//!
//! Requests of one visitor at the same time lose nothing of different lists
//! where sessions are kept on the server (`SESSION_TYPE = "filesystem"`).

use std::process::ExitCode;

use signet::{MetaVariables, Value};

fn main() -> ExitCode {
    signet::serve(|request, session| {
        let route = signet::mount(&request).route().to_owned();
        let list = String::from_utf8_lossy(&route).into_owned();
        let mut notes: Vec<String> = session.get_as(&list).ok().flatten().unwrap_or_default();
        let vars: Option<&MetaVariables> = request.extensions().get();
        let note = vars.map_or(&[][..], MetaVariables::query_string);
        if !note.is_empty() {
            notes.push(String::from_utf8_lossy(note).into_owned());
            let value = notes.iter().map(|note| note.as_str().into()).collect();
            session.insert(list, Value::List(value));
        }
        let mut response = cgi::text_response(200, notes.join("\n"));
        let text = http::HeaderValue::from_static("text/plain; charset=utf-8");
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, text);
        response
    })
}
