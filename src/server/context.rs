//! Data about a request that is not in its head or body.

use std::sync::{Arc, OnceLock};

use super::Request;
use super::routes::{Routes, UrlError};
use crate::config::{Config, Program};
use crate::gateway::{Environment, MetaVariables, Mount};

/// A template of the program: file name and source.
#[cfg(feature = "templates")]
pub(super) type Template = (&'static str, &'static str);

/// Data about a request, in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) config: Arc<Config>,
    pub(crate) routes: Arc<Routes>,
    #[cfg(feature = "templates")]
    pub(super) templates: &'static [Template],
    pub(crate) vars: MetaVariables,
    pub(crate) mount: Mount,
    /// Unix seconds.
    pub(crate) now: u64,
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
            mount: Mount::new(&vars, None),
            vars,
            now: 0,
        }
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
