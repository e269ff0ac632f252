//! Flask's session: its values, its cookie, its signature, its stores, and the secret
//! key.
//!
//! Nothing here reads the environment or the wall clock: they are parameters.

#[doc(hidden)]
pub mod cookie;
pub mod key;
#[doc(hidden)]
pub mod record;
#[doc(hidden)]
pub mod revocation;
pub mod signing;
#[doc(hidden)]
pub mod store;
pub mod tagged_json;

mod dict;
mod id;
mod interface;
#[doc(hidden)]
pub mod listed;
mod login;
mod merge;
mod moment;
#[cfg(feature = "program")]
pub(crate) mod of_user;
mod open;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod save;

pub use dict::{EVERYWHERE, Flash, Session, USERNAME};
#[doc(hidden)]
pub use id::{SessionId, SessionKey};
pub(crate) use interface::{SessionInterface, Storage};
pub(crate) use login::{CheckLogin, Login};
#[doc(hidden)]
pub use login::{DEMO, FINGERPRINT};
#[doc(hidden)]
pub use moment::{Moment, NotAMoment};
#[cfg(feature = "redis")]
#[doc(hidden)]
pub use redis::{RedisUrl, RedisUrlError};
pub(crate) use save::SaveError;
pub use tagged_json::{DateTime, Value, Verbatim};

/// The number with these digits. (Rust's own parser also accepts a sign.)
fn number<N: std::str::FromStr>(digits: &str) -> Option<N> {
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits)
}
