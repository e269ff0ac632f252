//! A Redis client for RESP2, the protocol of all versions of Redis and its forks.
//!
//! It is our own code because the `redis` crate (1.8) costs a CGI request 496 µs
//! against 335 µs, as it needs three round trips for what fits into one, and adds
//! 34 crates and 486 KB to the program.

use std::time::Duration;

mod client;
mod pause;
mod resp;
mod socket;
mod url;
pub(super) mod values;

pub(crate) use client::{Client, Connection, RedisError};
pub(crate) use resp::Reply;
pub use url::{RedisUrl, RedisUrlError};

/// How long a process waits for Redis in total, be it in one request or in several
/// that follow each other.
const MAX_WAIT: Duration = Duration::from_secs(2);
