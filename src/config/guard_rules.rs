//! Whether the URLs of protected folders fit the cookie and the program, and the access
//! rules fit the folders.

use super::access::{AccessRule, Member};
use super::value::Raw;
use super::wrong_value::Conflict;
use super::{Config, ConfigError, ConfigProblem, GuardedDir};
use crate::gateway::UrlPrefix;
use crate::session::cookie::CookiePath;

impl Config {
    /// Checks that browsers send the session's cookie to all URLs of `GUARD_DIRS`.
    ///
    /// `given` are the settings that are used, in order.
    pub(super) fn check_guard(&mut self, given: &[Raw<'_>]) -> Result<(), ConfigError> {
        let find = |name: &str| given.iter().rev().find(|raw| raw.is(name));
        self.guard_dir_place = find("GUARD_DIR").map(Raw::place);
        let Some(raw) = find("GUARD_DIRS") else {
            return Ok(());
        };
        self.guard_dirs_place = Some(raw.place());
        if self.guard.prefixes().next().is_none() {
            return Ok(());
        }
        let covers = |prefix: &UrlPrefix| match (&self.cookie_path, &self.application_root) {
            (Some(path), _) => path.covers(prefix.as_str()),
            (None, Some(root)) => {
                let path: Option<CookiePath> = match root.base() {
                    "" => Some(CookiePath::root()),
                    base => base.parse().ok(),
                };
                path.is_some_and(|path| path.covers(prefix.as_str()))
            }
            // The path of the program's URLs is not known before the first request.
            (None, None) => false,
        };
        if !self.guard.prefixes().all(covers) {
            return Err(raw.error(ConfigProblem::Conflict(Conflict::GuardOutsideCookie)));
        }
        Ok(())
    }

    /// Checks that each rule of `GUARD_USERS` is for a protected folder, because a misspelt
    /// path would protect nothing, and that its groups are in a file.
    ///
    /// `given` are the settings that are used, in order.
    pub(super) fn check_guard_users(&self, given: &[Raw<'_>]) -> Result<(), ConfigError> {
        let Some(raw) = given.iter().rev().find(|raw| raw.is("GUARD_USERS")) else {
            return Ok(());
        };
        let mut shown: Vec<Vec<u8>> = self.guard.prefixes().map(UrlPrefix::decoded).collect();
        if self.guard.has_files() {
            shown.push(b"/files".to_vec());
        }
        let is_shown = |rule: &AccessRule| {
            shown.iter().any(|path| {
                let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
                rule.meets(&names)
            })
        };
        let has_group = |rule: &AccessRule| {
            let mut members = rule.members.iter();
            members.any(|member| matches!(member, Member::Group(_)))
        };
        let mistake = if !self.guard_users.iter().all(is_shown) {
            Conflict::RuleOutsideGuard
        } else if self.given_groups_file.is_none() && self.guard_users.iter().any(has_group) {
            Conflict::GroupWithoutFile
        } else {
            return Ok(());
        };
        Err(raw.error(ConfigProblem::Conflict(mistake)))
    }

    /// The error that the program with this base path is below one of `GUARD_DIRS`: then
    /// nobody could log in.
    pub(crate) fn guard_above_program(&self, base: &str) -> Option<ConfigError> {
        let mut prefixes = self.guard.prefixes();
        prefixes.find(|prefix| prefix.contains_base(base))?;
        let conflict = ConfigProblem::Conflict(Conflict::GuardAboveProgram);
        self.guard_error(GuardedDir::Prefix(0), conflict)
    }

    /// The error that the setting of a protected folder has this problem; `None` if it is not
    /// set.
    pub(crate) fn guard_error(
        &self,
        dir: GuardedDir,
        problem: ConfigProblem,
    ) -> Option<ConfigError> {
        let place = match dir {
            GuardedDir::Files => &self.guard_dir_place,
            GuardedDir::Prefix(_) => &self.guard_dirs_place,
        };
        Some(ConfigError {
            place: place.clone()?,
            setting: Some(dir.setting().to_owned()),
            problem,
        })
    }
}
