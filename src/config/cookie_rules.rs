//! The rules that browsers enforce on a cookie, checked when settings are read.

use super::value::Raw;
use super::{Config, ConfigError, ConfigProblem};
use crate::session::cookie::CookiePath;

impl Config {
    /// Checks the rules by which browsers drop a cookie (RFC 6265bis, 5.7): then a
    /// login would have no effect.
    ///
    /// `given` are the settings that are used, in order.
    pub(super) fn check_cookie(&mut self, given: &[Raw<'_>]) -> Result<(), ConfigError> {
        // A default is in no conflict.
        let conflict = |name: &str, reason| match given.iter().rev().find(|raw| raw.is(name)) {
            Some(raw) => Err(raw.error(ConfigProblem::Conflict(reason))),
            None => Ok(()),
        };
        if self.omit_same_site {
            conflict(
                "SESSION_COOKIE_SAMESITE",
                "cannot be set together with SESSION_COOKIE_OMIT_SAMESITE",
            )?;
            self.cookie.same_site = None;
        }
        let name = &self.cookie.name;
        if name.is_http_only() && !self.cookie.http_only {
            conflict(
                "SESSION_COOKIE_NAME",
                "this prefix needs SESSION_COOKIE_HTTPONLY, which is set to false",
            )?;
        }
        if name.is_secure_only() {
            if self.cookie_secure == Some(false) {
                conflict(
                    "SESSION_COOKIE_NAME",
                    "this prefix needs SESSION_COOKIE_SECURE, which is set to false",
                )?;
            }
            self.cookie_secure = Some(true);
        }
        if name.is_host_only() {
            if self.cookie.domain.is_some() {
                conflict(
                    "SESSION_COOKIE_NAME",
                    "the __Host- prefix allows no SESSION_COOKIE_DOMAIN",
                )?;
            }
            let root = CookiePath::root();
            if self.cookie_path.as_ref().is_some_and(|path| *path != root) {
                conflict(
                    "SESSION_COOKIE_NAME",
                    "the __Host- prefix allows no SESSION_COOKIE_PATH but \"/\"",
                )?;
            }
            self.cookie_path = Some(root);
        }
        if self.cookie.same_site == Some(cookie::SameSite::None) || self.cookie.partitioned {
            if self.cookie_secure == Some(false) {
                conflict(
                    "SESSION_COOKIE_SECURE",
                    "cannot be false with SESSION_COOKIE_SAMESITE \"None\" or SESSION_COOKIE_PARTITIONED",
                )?;
            }
            self.cookie_secure = Some(true);
        }
        Ok(())
    }
}
