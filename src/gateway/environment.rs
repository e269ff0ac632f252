//! The environment of this process, as opposed to what a request says.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::MetaVariables;

/// The environment that this process was started with.
///
/// Settings come from here and never from [`MetaVariables`]: a FastCGI peer
/// writes those. Only under CGI, where the web server starts a process for each
/// request, does the environment hold the meta-variables as well.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    vars: MetaVariables,
    is_of_test: bool,
}

impl Environment {
    /// Reads entries `NAME=VALUE`, as a process is given them. An entry without
    /// `=` is ignored; a name may begin with `=`.
    pub fn from_entries<'e>(entries: impl Iterator<Item = &'e [u8]>) -> Self {
        MetaVariables::from_environ(entries).into()
    }

    /// The environment of a test: it has no home folder and no folder of the system,
    /// whoever runs the test.
    pub(crate) fn of_test(vars: MetaVariables) -> Self {
        Self {
            vars,
            is_of_test: true,
        }
    }

    /// Whether a state folder may be looked for where no variable names one.
    pub(crate) fn has_default_folders(&self) -> bool {
        !self.is_of_test
    }

    /// Whether a web server started this process as a CGI program.
    ///
    /// Decided before argv is looked at: a server may pass the words of a
    /// query as arguments (RFC 3875, 4.4; CVE-2012-1823).
    pub fn is_of_cgi(&self) -> bool {
        self.vars
            .iter()
            .any(|(name, _)| name == b"GATEWAY_INTERFACE" || name == b"REQUEST_METHOD")
    }

    /// How many sockets systemd says it has opened for the process `pid`, from
    /// descriptor 3 on (sd_listen_fds(3)).
    pub fn passed_sockets(&self, pid: u32) -> i32 {
        let number = |name| std::str::from_utf8(self.get(name)?).ok();
        let is_ours = number("LISTEN_PID").is_some_and(|text| text.parse() == Ok(pid));
        let sockets = number("LISTEN_FDS").filter(|_| is_ours);
        sockets.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The request of a CGI process.
    pub(crate) fn cgi_request(&self) -> &MetaVariables {
        &self.vars
    }

    /// The request of a CGI process, by value.
    pub(crate) fn into_cgi_request(self) -> MetaVariables {
        self.vars
    }

    /// The value of `name`, unless it is unset or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.vars.get(name)
    }

    /// The value of `name` as a path, unless it is unset or empty.
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.vars.path(name)
    }

    /// Every variable, in the order given.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        self.vars.iter()
    }
}

/// The variables of a request that no web server sent, for `url` at the root of
/// `http://localhost`; all but `PATH_INFO`, and what depends on the body.
pub(crate) fn variables_for(method: &str, url: &str) -> Vec<(OsString, OsString)> {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    let variables = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", "80"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "localhost"),
        ("REQUEST_METHOD", method),
        ("SCRIPT_NAME", ""),
        ("REQUEST_URI", url),
        ("QUERY_STRING", query),
    ];
    variables
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

impl From<MetaVariables> for Environment {
    fn from(vars: MetaVariables) -> Self {
        Self {
            vars,
            is_of_test: false,
        }
    }
}

impl<N: AsRef<OsStr>, V: AsRef<OsStr>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(vars: I) -> Self {
        vars.into_iter().collect::<MetaVariables>().into()
    }
}
