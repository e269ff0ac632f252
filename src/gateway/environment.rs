//! The environment of this process, as opposed to the meta-variables of a request.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MetaVariables;

/// The environment that this process was started with.
///
/// Settings are read from here and never from [`MetaVariables`], which a FastCGI peer
/// sends. Under CGI, where the web server starts a process for each request, the
/// environment contains the meta-variables too.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    vars: MetaVariables,
    is_of_test: bool,
}

impl Environment {
    /// Reads entries `NAME=VALUE`, as `main` gets them. An entry without `=` is ignored;
    /// a name may begin with `=`.
    pub fn from_entries<'e>(entries: impl Iterator<Item = &'e [u8]>) -> Self {
        MetaVariables::from_environ(entries).into()
    }

    /// The environment of a test: without a home folder and without `/var/lib/NAME`,
    /// whichever user runs the test.
    pub(crate) fn of_test(vars: MetaVariables) -> Self {
        Self {
            vars,
            is_of_test: true,
        }
    }

    /// Whether the default state folders may be used.
    pub(crate) fn has_default_folders(&self) -> bool {
        !self.is_of_test
    }

    /// Whether a web server started this process as a CGI program.
    ///
    /// This must not depend on the arguments: a web server may pass the words of a query
    /// as arguments (RFC 3875, 4.4; CVE-2012-1823).
    pub fn is_of_cgi(&self) -> bool {
        self.vars
            .iter()
            .any(|(name, _)| name == b"GATEWAY_INTERFACE" || name == b"REQUEST_METHOD")
    }

    /// The number of sockets that systemd has opened for the process `pid`, from
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

    /// See [`MetaVariables::get`].
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.vars.get(name)
    }

    /// See [`MetaVariables::path`].
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.vars.path(name)
    }

    /// All variables, in the order in which they were given.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        self.vars.iter()
    }
}

/// The meta-variables of a test's request for `url`, to a program at the root of
/// `http://localhost`: all but `PATH_INFO` and those of the body.
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

/// Where the settings of a request come from, beside the request itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Started {
    /// The `#!` script for which the kernel started the program.
    pub(crate) script: Option<PathBuf>,
    /// `None`: the environment is the request.
    environment: Option<Arc<Environment>>,
    is_of_test: bool,
}

impl Started {
    /// A CGI process with this environment, which is its request.
    pub(crate) fn by_cgi(environment: &Environment, script: Option<&Path>) -> Self {
        Self {
            script: script.map(Path::to_owned),
            environment: None,
            is_of_test: environment.is_of_test,
        }
    }

    /// A process whose requests are not in its environment.
    pub(crate) fn before(environment: Arc<Environment>, script: Option<&Path>) -> Self {
        Self {
            script: script.map(Path::to_owned),
            environment: Some(environment),
            is_of_test: false,
        }
    }

    /// The environment that settings are read from, with the request `vars`.
    #[cfg(feature = "program")]
    pub(crate) fn environment(&self, vars: &MetaVariables) -> Arc<Environment> {
        match &self.environment {
            Some(environment) => Arc::clone(environment),
            None => Arc::new(Environment {
                vars: vars.clone(),
                is_of_test: self.is_of_test,
            }),
        }
    }
}

impl<N: AsRef<OsStr>, V: AsRef<OsStr>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(vars: I) -> Self {
        vars.into_iter().collect::<MetaVariables>().into()
    }
}
