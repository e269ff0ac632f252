//! `signet request`.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Failure, print, site};
use crate::gateway::{ProcessInput, variables_for};

/// Settings are those of a web server's request: from the environment, `signet.toml`
/// and the state folder.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// GET, HEAD, POST or another method, in upper or lower case
    method: String,
    /// The path below the URL path of the program, with its query: /login
    path: String,
    /// A Cookie header, NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    cookie: Vec<String>,
    /// A form field; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    form: Vec<String>,
    /// A header field; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
}

pub(super) fn run(arguments: Arguments, input: &ProcessInput) -> Result<(), Failure> {
    let method = arguments.method.to_ascii_uppercase();
    let body = form(&arguments.form)?;
    let url = &arguments.path;
    let (path, _) = url.split_once('?').unwrap_or((url, ""));
    if !path.starts_with('/') {
        return Err(Failure::new(format_args!(
            "path must begin with a slash: {path}"
        )));
    }
    let mut vars = variables_for(&method, url);
    let mut set = |name: &str, value: &str| vars.push((name.into(), value.into()));
    set("PATH_INFO", &percent_decode_str(path).decode_utf8_lossy());
    if !arguments.cookie.is_empty() {
        set("HTTP_COOKIE", &arguments.cookie.join("; "));
    }
    if method == "POST" || !body.is_empty() {
        set("CONTENT_TYPE", "application/x-www-form-urlencoded");
        set("CONTENT_LENGTH", &body.len().to_string());
    }
    for header in &arguments.header {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Failure::new(format_args!("header has no colon: {header}")))?;
        let name = name.trim().to_ascii_uppercase().replace('-', "_");
        let variable = match name.as_str() {
            "CONTENT_TYPE" | "CONTENT_LENGTH" => name,
            _ => format!("HTTP_{name}"),
        };
        // A given header replaces the default one.
        if variable != "HTTP_COOKIE" {
            vars.retain(|(other, _)| *other != *variable);
        }
        vars.push((variable.into(), value.trim().into()));
    }
    let vars = vars.into_iter().collect();
    site::check_request(input)?;
    print(&crate::app::server().respond_to(vars, input, &mut body.as_bytes()))
}

fn form(fields: &[String]) -> Result<String, Failure> {
    let pairs: Result<Vec<String>, Failure> = fields
        .iter()
        .map(|field| {
            let (name, value) = field
                .split_once('=')
                .ok_or_else(|| Failure::new(format_args!("form field has no =: {field}")))?;
            let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
            Ok(format!("{}={}", encode(name), encode(value)))
        })
        .collect();
    Ok(pairs?.join("&"))
}
