//! The rules that browsers enforce on a cookie, checked when settings are read.

use super::value::Raw;
use super::wrong_value::Conflict;
use super::{Config, ConfigError, ConfigProblem};
use crate::session::cookie::CookiePath;

const NAME: &str = "SESSION_COOKIE_NAME";

impl Config {
    /// Checks the rules of browsers for a cookie (RFC 6265bis, 5.7). Browsers drop a
    /// cookie that breaks one of them, and a login would have no effect.
    ///
    /// `given` are the settings that are used, in order.
    pub(super) fn check_cookie(&mut self, given: &[Raw<'_>]) -> Result<(), ConfigError> {
        // A default does not conflict with anything.
        let conflict = |name: &str, reason| match given.iter().rev().find(|raw| raw.is(name)) {
            Some(raw) => Err(raw.error(ConfigProblem::Conflict(reason))),
            None => Ok(()),
        };
        if self.omit_same_site {
            conflict("SESSION_COOKIE_SAMESITE", Conflict::SameSite)?;
            self.cookie.same_site = None;
        }
        let name = &self.cookie.name;
        if name.is_http_only() && !self.cookie.http_only {
            conflict(NAME, Conflict::PrefixNeedsHttpOnly)?;
        }
        if name.is_secure_only() {
            if self.cookie_secure == Some(false) {
                conflict(NAME, Conflict::PrefixNeedsSecure)?;
            }
            self.cookie_secure = Some(true);
        }
        if name.is_host_only() {
            if self.cookie.domain.is_some() {
                conflict(NAME, Conflict::HostPrefixWithDomain)?;
            }
            let root = CookiePath::root();
            if self.cookie_path.as_ref().is_some_and(|path| *path != root) {
                conflict(NAME, Conflict::HostPrefixWithPath)?;
            }
            self.cookie_path = Some(root);
        }
        if self.cookie.same_site == Some(cookie::SameSite::None) || self.cookie.partitioned {
            if self.cookie_secure == Some(false) {
                conflict("SESSION_COOKIE_SECURE", Conflict::NeedsSecure)?;
            }
            self.cookie_secure = Some(true);
        }
        Ok(())
    }
}
