//! Users with passwords: the users file, password hashes, limits on failed logins, and
//! what a session proves about its user.

mod accounts;
pub mod browser;
mod change;
pub mod common;
pub mod edit;
pub mod file;
mod fingerprint;
pub mod hash;
pub mod library;
pub mod limits;
mod line;
mod login;
pub mod name;
pub mod new_password;
pub mod password;
mod recent;
#[cfg(feature = "program")]
pub(crate) mod sessions;
pub mod slots;
mod state_folder;
pub mod store;
pub mod upload;
mod uploaded;

#[cfg(feature = "program")]
pub(crate) use accounts::MARKER;
pub(crate) use accounts::{Accounts, AccountsError, check_not_empty};
#[cfg(feature = "program")]
pub(crate) use change::{PasswordChange, change_password, check_changeable};
#[cfg(feature = "program")]
pub(crate) use login::{Refused, check_login, log_in};
#[cfg(feature = "program")]
pub(crate) use uploaded::{log_misnamed_upload, take_upload};
