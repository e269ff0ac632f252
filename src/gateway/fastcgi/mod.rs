//! FastCGI 1.0: many requests in one process, each answered as if it were a
//! CGI process of its own.
//!
//! The one role is Responder. A worker is one process with one thread: it
//! waits for whichever connection has something to say, so a peer that stops
//! in the middle of a record holds up nobody. More workers are more processes
//! on one socket. Nothing is carried from a request to the next.
//!
//! No crate does this soundly: of those that could be tried, each could be
//! ended by one bad record, or lost requests whose records were cut in an
//! unusual way.

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

/// `FCGI_WEB_SERVER_ADDRS` (section 3.2 of the specification): the addresses
/// that may connect by TCP; `None` if it is unset. An IPv4 address in IPv6's form
/// (`::ffff:127.0.0.1`) is that IPv4 address. Blanks and a comma at the end do not
/// matter.
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

/// `FCGI_WEB_SERVER_ADDRS` has something else than IP addresses in it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("FCGI_WEB_SERVER_ADDRS: {0:?} is not an IP address")]
pub(crate) struct WebServerAddrsError(String);

/// Tells the owner, once, that a request came with what looks like a setting.
///
/// Apache's mod_fcgid passes the variables of `SetEnv` so. They are not read, as
/// whoever can connect to the socket could send them, too.
#[derive(Debug, Default)]
pub(crate) struct IgnoredSettings {
    said: bool,
}

impl IgnoredSettings {
    /// Longer names than this are no setting's.
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

/// Gives a request the PATH_INFO that its server left out.
///
/// Several servers, asked for `/app/login` in a set-up without a script, put
/// all of it into SCRIPT_NAME. Where its end is a route and no file of that name is
/// the script, the end is PATH_INFO; the longest end that is one.
pub(crate) fn split_script_name(vars: &mut MetaVariables, is_route: impl Fn(&[u8]) -> bool) {
    if vars.get("PATH_INFO").is_some() {
        return;
    }
    let (Some(script), Some(uri)) = (vars.get("SCRIPT_NAME"), vars.get("REQUEST_URI")) else {
        return;
    };
    // Both tidied, as the server has tidied one of them only.
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
