//! Tells requests of web servers that ask about another request, requests for protected files,
//! and requests for pages apart.

use super::{Handler, Server};
use crate::config::Config;
use crate::gateway::{GuardedUrl, MetaVariables, Mount, Role};

/// Header fields of auth subrequests: Caddy and Traefik add the first, ingress-nginx the second.
const OF_QUESTIONS: [(&str, &str); 2] = [
    ("HTTP_X_FORWARDED_METHOD", "X-Forwarded-Method"),
    ("HTTP_X_ORIGINAL_METHOD", "X-Original-Method"),
];

/// An auth subrequest that was sent to a page instead of `/auth`. The web server would read the
/// page's status 200 as "allowed".
#[derive(Debug)]
pub(super) enum Misdirected {
    /// The request has this field.
    Field(&'static str),
    /// The request has this `SCRIPT_NAME`, and another URL.
    Script(String),
}

error_texts! { Misdirected:
    Self::Field(name) =>
        "the header field {name} says that the web server asks about another request: it has to \
         ask for /auth, below the URL path of this program";
    Self::Script(script) =>
        "the web server passes SCRIPT_NAME {script:?} with the URL of another page, and no \
         PATH_INFO: for a check of logins, set PATH_INFO to /auth there; for a page, to the path of \
         the page, as deploy/nginx-fastcgi.conf does";
}

impl Misdirected {
    /// Why no page is the answer to a request, if `server` answers web servers.
    pub(super) fn of(server: &Server<'_>, config: &Config, vars: &MetaVariables) -> Option<Self> {
        server.authorizer.as_ref()?;
        let mut fields = OF_QUESTIONS.into_iter();
        let field = fields.find(|(variable, _)| vars.get(variable).is_some());
        let script = || Mount::script_of_another_url(vars, config.application_root.as_ref());
        let by_script = |script| Self::Script(String::from_utf8_lossy(script).into_owned());
        field
            .map(|(_, name)| Self::Field(name))
            .or_else(|| script().map(by_script))
    }
}

/// What a request is for.
pub(super) struct Target<'s, 'h> {
    pub(super) mount: Mount,
    /// The URL of a file in a protected folder.
    pub(super) guarded: Option<GuardedUrl>,
    /// The handler for a web server that asks about another request.
    pub(super) check: Option<&'s Handler<'h>>,
}

impl<'s, 'h> Target<'s, 'h> {
    /// What a request is for. A web server that asks may pass the URL that the visitor requested
    /// in `REQUEST_URI`, which can be that of a protected file: the path that the web server chose
    /// decides first.
    pub(super) fn new(
        server: &'s Server<'h>,
        config: &Config,
        vars: &MetaVariables,
        role: Role,
    ) -> Self {
        let root = config.application_root.as_ref();
        let mount = match role {
            Role::Responder => Mount::new(vars, root),
            Role::Authorizer => {
                return Self {
                    mount: Mount::elsewhere(root),
                    guarded: None,
                    check: server.authorizer.as_ref(),
                };
            }
        };
        let check = |path: &[u8]| server.routes.find_check(path);
        let question = |mount, number| Self {
            mount,
            guarded: None,
            check: server.handlers.get(number),
        };
        if let Some(number) = check(mount.path()) {
            return question(mount, number);
        }
        for named in Mount::named_by_server(vars, root, |path| check(path).is_some()) {
            if let Some(number) = check(named.path()) {
                return question(named, number);
            }
        }
        let files = server.files.as_ref();
        let outside =
            files.and_then(|_| GuardedUrl::with_prefix(vars, root, config.guard.prefixes()));
        let (mount, guarded) = match outside {
            Some((mount, url)) => (mount, Some(url)),
            None => {
                let has_files = files.is_some() && config.guard.has_files();
                let url = has_files.then(|| GuardedUrl::below_base(vars, &mount));
                (mount, url.flatten())
            }
        };
        Self {
            mount,
            guarded,
            check: None,
        }
    }
}
