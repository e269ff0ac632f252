//! FastCGI 1.0: many requests in one process, with the same responses as by CGI.
//!
//! The roles are Responder and Authorizer. A worker is a process with one thread, which waits for all
//! its connections at once: a peer that stops in the middle of a record delays no other
//! request. Several workers are several processes with one socket. Requests share no
//! data.
//!
//! All crates that were tried ended after one wrong record, or lost requests whose
//! records were divided in an unusual way.

mod connection;
#[cfg(test)]
mod mutations;
mod program;
mod record;
mod signals;
mod worker;

use std::net::IpAddr;

use super::mount::{tidy, visible_path};
use super::{Environment, MetaVariables, log};

pub(crate) use program::{ProgramFile, RUNNING};
pub(crate) use signals::{asked_to_end, received};
pub(crate) use worker::{GRACE, work};

/// `FCGI_WEB_SERVER_ADDRS` (section 3.2 of the specification): the addresses that may
/// connect by TCP; `None` if it is unset. An IPv4 address in IPv6's form
/// (`::ffff:127.0.0.1`) is that IPv4 address. Blanks and a comma at the end are ignored.
///
/// # Errors
///
/// [`WebServerAddrsError`] if an entry is not an IP address, or if the list is empty.
pub(crate) fn web_server_addrs(
    environment: &Environment,
) -> Result<Option<Vec<IpAddr>>, WebServerAddrsError> {
    let Some(list) = environment.get("FCGI_WEB_SERVER_ADDRS") else {
        return Ok(None);
    };
    let list = String::from_utf8_lossy(list);
    let listed = list.split(',').map(str::trim);
    let addresses: Vec<IpAddr> = listed
        .filter(|address| !address.is_empty())
        .map(|address| match address.parse::<IpAddr>() {
            Ok(address) => Ok(address.to_canonical()),
            Err(_) => Err(WebServerAddrsError(address.to_owned())),
        })
        .collect::<Result<_, _>>()?;
    if addresses.is_empty() {
        return Err(WebServerAddrsError(list.into_owned()));
    }
    Ok(Some(addresses))
}

/// `FCGI_WEB_SERVER_ADDRS` contains an entry that is not an IP address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct WebServerAddrsError(String);

error_texts! { WebServerAddrsError:
    Self(text) => "FCGI_WEB_SERVER_ADDRS: {text:?} is not an IP address";
}

/// Logs once that a parameter of a request has the name of a setting.
///
/// Apache's mod_fcgid passes the variables of `SetEnv` as parameters. Settings are not
/// read from them, because everybody who can connect to the socket can send them.
#[derive(Debug, Default)]
pub(crate) struct IgnoredSettings {
    said: bool,
}

impl IgnoredSettings {
    /// The most bytes of a setting's name.
    const MAX_NAME: usize = 64;

    pub(crate) fn look_at(&mut self, vars: &MetaVariables) {
        if self.said {
            return;
        }
        let is_setting = |mut name: &[u8]| {
            while let Some(rest) = name.strip_prefix(b"REDIRECT_") {
                name = rest;
            }
            name.starts_with(b"SIGNET_") || name == b"SSL_SIGNET_CONFIG"
        };
        let found = vars
            .iter()
            .find(|(name, _)| name.len() <= Self::MAX_NAME && is_setting(name));
        if let Some((name, _)) = found {
            self.said = true;
            log(format_args!(
                "{} is ignored: it came as a parameter of a FastCGI request; set it in the \
                 worker's own environment (mod_fcgid: FcgidInitialEnv, not SetEnv) or in signet.toml",
                String::from_utf8_lossy(name)
            ));
        }
    }
}

/// Sets the PATH_INFO of a request whose web server does not.
///
/// If a configuration names no script, some web servers put the complete path, such as
/// `/app/login`, into SCRIPT_NAME. Then the longest end of it that has a route becomes
/// PATH_INFO, unless SCRIPT_FILENAME is a file.
pub(crate) fn split_script_name(vars: &mut MetaVariables, is_route: impl Fn(&[u8]) -> bool) {
    if vars.get("PATH_INFO").is_some() {
        return;
    }
    let (Some(script), Some(uri)) = (vars.get("SCRIPT_NAME"), vars.get("REQUEST_URI")) else {
        return;
    };
    // The server has resolved dot segments in one of them only.
    if vars.script_is_file() || visible_path(uri) != Some(tidy(script)) {
        return;
    }
    let mut slashes = (0..script.len()).filter(|at| script[*at] == b'/');
    if let Some(at) = slashes.find(|at| is_route(&script[*at..])) {
        let script = script.to_vec();
        let (base, route) = script.split_at(at);
        vars.set(b"SCRIPT_NAME", base);
        vars.set(b"PATH_INFO", route);
    }
}

/// Whether [`split_script_name`] has set the PATH_INFO of this request.
#[cfg(feature = "program")]
pub(crate) fn is_split(vars: &MetaVariables) -> bool {
    let get = |name| vars.get(name).unwrap_or_default();
    let complete = [get("SCRIPT_NAME"), get("PATH_INFO")].concat();
    // The web server's value is still there, before the new one.
    !get("PATH_INFO").is_empty() && vars.all("SCRIPT_NAME").any(|given| given == complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SCRIPT_NAME and REQUEST_URI as real servers sent them (Debian 12), without
    /// PATH_INFO. The script is where the set-up has put the program.
    #[test]
    fn what_stands_behind_the_mount_is_path_info() {
        #[rustfmt::skip]
        let rows = [
            // nginx 1.22.1, its own fastcgi_params
            ("/",            "/",                              "",      "/"),
            ("/login",       "/login?next=%2Fa%20b&x=1",       "",      "/login"),
            ("/login",       "//evil.example/../login",        "",      "/login"),
            ("/login",       "//evil.example/%2e%2e/login",    "",      "/login"),
            ("/app/login",   "//evil.example/../app/login",    "/app",  "/login"),
            // Apache 2.4.71, ProxyPass /app/
            ("/app/",        "/app/?--version+-s+/etc/passwd", "/app",  "/"),
            ("/app/login",   "/app/login?x=1",                 "/app",  "/login"),
            // lighttpd 1.4.69, without fix-root-scriptname
            ("/login",       "/login?next=%2F",                "",      "/login"),
            // Not a page: mod_fcgid 2.3.9 with FcgidWrapper virtual; the mount
            // itself, of lighttpd.
            ("/a%25b",       "/a%2525b",                       "/a%25b", "-"),
            ("/app",         "/app",                           "/app",  "-"),
        ];
        for (script, uri, base, route) in rows {
            let mut vars = MetaVariables::default();
            vars.set(b"SCRIPT_NAME", script.as_bytes());
            vars.set(b"REQUEST_URI", uri.as_bytes());
            split_script_name(&mut vars, |path| {
                matches!(path, b"/" | b"/login" | b"/logout")
            });
            let text = |name| String::from_utf8_lossy(vars.get(name).unwrap_or_default());
            let route = if route == "-" { "" } else { route };
            assert_eq!(
                (&*text("SCRIPT_NAME"), &*text("PATH_INFO")),
                (base, route),
                "{uri}"
            );
        }
    }
}
