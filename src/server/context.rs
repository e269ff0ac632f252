//! Data about a request that is not in its head or body.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Request;
use super::failure::Failure;
use super::routes::{Routes, UrlError};
use crate::config::{Config, Program};
#[cfg(feature = "program")]
use crate::gateway::Language;
use crate::gateway::{Environment, GuardedUrl, Interface, MetaVariables, Mount, Site, Started};
use crate::session::Login;
use crate::session::cookie::{CookiePath, CookieScope};

/// Judges the login in a session: the text under
/// [`FINGERPRINT`](crate::session::FINGERPRINT) proves that the user logged in.
pub(crate) type CheckLogin =
    dyn Fn(&Context, &str, Option<&str>) -> Result<Login, Failure> + Send + Sync;

/// A template of the program: file name and source.
#[cfg(feature = "templates")]
pub(super) type Template = (&'static str, &'static str);

/// A setting because of which browsers drop the cookie or do not send it back.
#[derive(Clone, Debug)]
pub(crate) enum DroppedCookie {
    /// `SESSION_COOKIE_PATH` and the path of the site.
    Path { set: String, site: String },
    /// `SESSION_COOKIE_DOMAIN` and the host of the site.
    Domain { set: String, site: String },
}

error_texts! { DroppedCookie:
    Self::Path { set, site } =>
        "SESSION_COOKIE_PATH {set} does not fit the path of this site \"{site}\": browsers do not \
         send the cookie back";
    Self::Domain { set, site } =>
        "SESSION_COOKIE_DOMAIN {set} does not fit this site's host \"{site}\": browsers drop the \
         cookie";
}

/// Data about a request, in the request's extensions.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) config: Arc<Config>,
    pub(crate) routes: Arc<Routes>,
    #[cfg(feature = "templates")]
    pub(super) templates: &'static [Template],
    pub(super) check_login: Option<Arc<CheckLogin>>,
    pub(crate) vars: MetaVariables,
    pub(crate) mount: Mount,
    /// The URL of a file in a protected folder.
    pub(crate) guarded: Option<GuardedUrl>,
    /// How the request came.
    pub(crate) interface: Interface,
    /// Where the settings come from.
    #[cfg_attr(not(feature = "program"), expect(dead_code))]
    pub(crate) started: Started,
    /// Unix seconds.
    pub(crate) now: u64,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context(..)")
    }
}

impl Context {
    /// The context of a request that a [`Server`](super::Server) made. For another
    /// request, a context at the root of a host, with the default settings and without
    /// a state folder.
    pub(crate) fn of(request: &Request) -> &Self {
        static NONE: OnceLock<Context> = OnceLock::new();
        let context: Option<&Arc<Self>> = request.extensions().get();
        context.map(Arc::as_ref).unwrap_or_else(|| {
            NONE.get_or_init(|| Self::without_settings(MetaVariables::default(), Arc::default()))
        })
    }

    /// With the default settings and without a state folder.
    pub(super) fn without_settings(vars: MetaVariables, routes: Arc<Routes>) -> Self {
        Self {
            config: Arc::new(Config::unusable(
                &Program::SIGNET,
                &Environment::default(),
                0,
            )),
            routes,
            #[cfg(feature = "templates")]
            templates: &[],
            check_login: None,
            mount: Mount::new(&vars, None),
            guarded: None,
            vars,
            interface: Interface::Cgi,
            started: Started::default(),
            now: 0,
        }
    }

    /// Where browsers send the session's cookie.
    pub(crate) fn cookie_scope(&self) -> CookieScope<'_> {
        let (config, mount) = (&self.config, self.mount.cookie_path());
        let path = config.cookie_path.as_ref().map(CookiePath::as_str);
        let is_https = || Site::new(&self.vars, config.trust_proxy).is_https;
        CookieScope {
            path: path.unwrap_or(mount),
            mount,
            secure: config.cookie_secure.unwrap_or_else(is_https),
        }
    }

    /// The language of pages for this visitor.
    #[cfg(feature = "program")]
    pub(crate) fn language(&self) -> Language {
        let accepted = self.vars.get("HTTP_ACCEPT_LANGUAGE");
        self.config.languages.lookup(accepted.unwrap_or_default())
    }

    /// The settings because of which browsers drop the cookie or do not send it back.
    pub(crate) fn dropped_cookies(&self) -> impl Iterator<Item = DroppedCookie> {
        let config = &self.config;
        let by_path = config.cookie_path.as_ref().and_then(|path| {
            let fits = path.covers(self.mount.base());
            (!fits).then(|| DroppedCookie::Path {
                set: path.as_str().to_owned(),
                site: self.mount.cookie_path().to_owned(),
            })
        });
        let by_domain = config.cookie.domain.as_ref().and_then(|domain| {
            let host = Site::new(&self.vars, config.trust_proxy).host;
            (!domain.covers(&host)).then(|| DroppedCookie::Domain {
                set: domain.as_str().to_owned(),
                site: host.escape_ascii().to_string(),
            })
        });
        by_path.into_iter().chain(by_domain)
    }

    /// What the username of a session is worth, by its fingerprint.
    #[cfg(feature = "program")]
    pub(crate) fn judge(&self, username: &str, fingerprint: Option<&str>) -> Login {
        match &self.check_login {
            Some(check) => check(self, username, fingerprint).unwrap_or(Login::Unknown),
            None => Login::AnyName,
        }
    }

    /// Whether the login in every session is judged.
    pub(crate) fn checks_logins(&self) -> bool {
        self.check_login.is_some()
    }

    /// See [`super::url_for`].
    pub(crate) fn url_for(
        &self,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, UrlError> {
        self.routes.url_for(&self.mount, endpoint, parameters)
    }
}
