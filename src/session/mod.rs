//! The heart: Flask's session, its cookie, its signature, its key.
//!
//! Values in, values out: nothing here reads the environment or the clock.

pub mod cookie;
pub mod key;
pub mod signing;
pub mod tagged_json;

pub mod record;
pub mod retired_keys;
pub mod revocation;
pub mod store;

mod date_time;
mod dict;
mod hex;
mod id;
mod interface;
mod merge;
mod moment;
pub(crate) mod redis;
mod untag;
mod weak_key;

pub use dict::{EVERYWHERE, Flash, Session, USERNAME};
pub use id::SessionId;
pub(crate) use interface::{Home, Opened, SaveError, SessionInterface};
pub use moment::{Moment, NotAMoment};
pub use redis::{RedisUrl, RedisUrlError};
pub use tagged_json::{DateTime, Value, Verbatim};
