//! `signet request`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

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
    let path_info = percent_decode_str(path).collect();
    vars.push(("PATH_INFO".into(), OsString::from_vec(path_info)));
    let mut set = |name: &str, value: &str| vars.push((name.into(), value.into()));
    if method == "POST" || !body.is_empty() {
        set("CONTENT_TYPE", "application/x-www-form-urlencoded");
        set("CONTENT_LENGTH", &body.len().to_string());
    }
    let cookies = arguments
        .cookie
        .iter()
        .map(|cookie| format!("Cookie: {cookie}"));
    let headers: Vec<String> = cookies.chain(arguments.header).collect();
    let fields = fields(&headers)?;
    // A given field replaces the default one.
    vars.retain(|(name, _)| fields.iter().all(|(given, _)| *name != **given));
    vars.extend(
        fields
            .into_iter()
            .map(|(name, value)| (name.into(), value.into())),
    );
    let vars = vars.into_iter().collect();
    site::check_request(input)?;
    print(&crate::app::server().respond_to(vars, input, &mut body.as_bytes()))
}

/// The meta-variables of header fields, such as `HTTP_HOST`. Those of the same name are one
/// variable (RFC 3875, 4.1.18).
fn fields(headers: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for header in headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Failure::new(format_args!("header has no colon: {header}")))?;
        let (name, value) = (
            name.trim().to_ascii_uppercase().replace('-', "_"),
            value.trim(),
        );
        let (name, separator) = match name.as_str() {
            "CONTENT_TYPE" | "CONTENT_LENGTH" => (name, ", "),
            "COOKIE" => (format!("HTTP_{name}"), "; "),
            _ => (format!("HTTP_{name}"), ", "),
        };
        match fields.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => *values += &format!("{separator}{value}"),
            None => fields.push((name, value.to_owned())),
        }
    }
    Ok(fields)
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
