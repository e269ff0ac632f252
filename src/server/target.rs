//! Tells requests of web servers that ask about another request, requests for protected files,
//! and requests for pages apart.

use super::{Handler, Server};
use crate::config::Config;
use crate::gateway::{GuardedUrl, MetaVariables, Mount, Role};

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
        let check = |mount: &Mount| server.routes.find_check(mount.path());
        let question = |mount, number| Self {
            mount,
            guarded: None,
            check: server.handlers.get(number),
        };
        if let Some(number) = check(&mount) {
            return question(mount, number);
        }
        for named in Mount::named_by_server(vars, root) {
            if let Some(number) = check(&named) {
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
