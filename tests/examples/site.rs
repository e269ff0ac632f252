//! A CGI program for `tests/peers`: `/set?key=value` stores a text in the
//! session, `/get` shows what it holds, a line for each key.
//!
//! A request with the header `X-Hold: PATH` is a slow one: when it has its
//! session it writes to the FIFO `PATH.read` and goes on when there is
//! something to read in `PATH.go`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::process::ExitCode;

use signet::MetaVariables;

fn main() -> ExitCode {
    signet::serve(|request, session| {
        let slow = request.headers().get("x-hold");
        let slow = slow.and_then(|path| path.to_str().ok());
        if slow.is_some_and(|path| hold(path).is_err()) {
            return cgi::text_response(400, "There is no such FIFO.\n");
        }
        let vars: Option<&MetaVariables> = request.extensions().get();
        let query = vars.map_or(&[][..], MetaVariables::query_string);
        let query = String::from_utf8_lossy(query);
        match (signet::mount(&request).route(), query.split_once('=')) {
            (b"/set", Some((key, value))) => {
                session.insert(key, value);
                cgi::text_response(200, "")
            }
            (b"/get", _) => {
                let texts = session.iter().filter_map(|(key, value)| {
                    let value = value.as_str()?;
                    Some(format!("{key}={value}\n"))
                });
                cgi::text_response(200, texts.collect::<String>())
            }
            _ => cgi::text_response(404, "There is no such page.\n"),
        }
    })
}

fn hold(path: &str) -> io::Result<()> {
    fs::write(format!("{path}.read"), "\n")?;
    File::open(format!("{path}.go"))?.read_exact(&mut [0])
}
