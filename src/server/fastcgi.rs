//! A FastCGI worker: many requests in one process, by the settings of each moment.

use std::cell::RefCell;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Arc;

use super::exchange::{self, Asked};
use super::headers::last_resort;
use super::{Server, log_panic};
use crate::config::RecentConfig;
use crate::gateway::{self, Interface, MetaVariables, ProcessInput, Role, fastcgi};

impl Server<'_> {
    /// One worker: see [`fastcgi`].
    pub(super) fn serve_fastcgi(&self, input: ProcessInput) -> u8 {
        // What `ps` and `top` call this process, however its file is called.
        let name = CString::new(self.program.name.as_str()).unwrap_or_default();
        let _ = rustix::thread::set_name(&name);
        let allowed = match fastcgi::web_server_addrs(&input.vars) {
            Ok(allowed) => allowed,
            Err(err) => {
                gateway::log(err);
                return 1;
            }
        };
        let settings = RefCell::new(RecentConfig::new(self.program, input));
        let limit = |vars: &MetaVariables| {
            let mut settings = settings.borrow_mut();
            match settings.load(vars, gateway::now()) {
                Ok(config) => config.max_content_length,
                // The doctor's page takes a form all the same.
                Err(_) => settings.unusable().max_content_length,
            }
        };
        let mut ignored = fastcgi::IgnoredSettings::default();
        let answer = |role: Role, mut vars: MetaVariables, body: Vec<u8>| {
            ignored.look_at(&vars);
            fastcgi::split_script_name(&mut vars, |path| {
                let mut hidden = self.hidden.iter();
                self.routes.matches(path) || hidden.any(|page| page.path.as_bytes() == path)
            });
            let now = gateway::now();
            // A bug in one request is no reason to drop those beside it.
            catch_unwind(AssertUnwindSafe(|| {
                let mut settings = settings.borrow_mut();
                let config = settings.load(&vars, now);
                let config = config.map_err(|err| (err, Arc::new(settings.unusable())));
                exchange::respond_by(
                    self,
                    config,
                    vars,
                    settings.started(),
                    Asked {
                        role,
                        interface: Interface::FastCgi,
                        now,
                    },
                    &mut body.as_slice(),
                )
            }))
            .unwrap_or_else(|_| last_resort())
        };
        set_hook(Box::new(log_panic));
        let authorizes = self.authorizer.is_some();
        match fastcgi::work(allowed.as_deref(), authorizes, answer, limit) {
            Ok(()) => 0,
            Err(err) => {
                gateway::log(format_args!("FastCGI socket: {err}"));
                1
            }
        }
    }
}
