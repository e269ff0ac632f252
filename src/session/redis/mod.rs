//! What this program says to Redis, by RESP2, the protocol that every Redis
//! and its forks speak.
//!
//! No crate: those there are bring an event loop, or allocate what a reply
//! announces before it has arrived.

mod client;
mod pause;
mod resp;
mod socket;
mod url;
pub(super) mod values;

pub(crate) use client::{Client, Connection, RedisError};
pub(crate) use resp::Reply;
pub use url::{RedisUrl, RedisUrlError};
