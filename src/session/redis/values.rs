//! Values in Redis, read and changed by the session layer.
//!
//! A value is changed by an optimistic transaction: watched, read, changed and
//! written back, unless another process changed it meanwhile; then all of it is
//! repeated. Each transaction is about one key, which is all that a Redis Cluster
//! allows.

use std::time::Duration;

use super::{Client, Connection, RedisError, Reply};
use crate::session::store::StoreError;

/// How long a change is repeated because other processes changed the same value.
const MAX_REPEATING: Duration = Duration::from_secs(10);

/// The most bytes of a key or a status.
const MAX_SHORT_REPLY: usize = 4096;

/// A change of the value under a key.
pub(in crate::session) enum Step {
    /// It is not changed.
    Leave,
    /// It is replaced by these bytes, for so many seconds from now.
    Put(Vec<u8>, u64),
    /// It is deleted.
    Delete,
}

impl Client {
    /// The value under `key`, of at most `limit` bytes.
    pub(in crate::session) fn get(
        &self,
        key: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.on(key, |redis| {
            value(Some(redis.one(&[b"GET", key.as_bytes()], limit)?))
        })
    }

    /// The values under `key` and, if there is one, under `other`. Both keys have
    /// to be on one server.
    pub(in crate::session) fn get_both(
        &self,
        key: &str,
        other: Option<&str>,
        limit: usize,
    ) -> Result<[Option<Vec<u8>>; 2], StoreError> {
        let first: &[&[u8]] = &[b"GET", key.as_bytes()];
        let second: &[&[u8]] = &[b"GET", other.unwrap_or(key).as_bytes()];
        let commands = [first, second];
        let wanted = if other.is_some() { 2 } else { 1 };
        self.on(key, |redis| {
            let mut replies = redis.all(&commands[..wanted], limit)?.into_iter();
            let first = value(replies.next())?;
            let second = replies.next().map_or(Ok(None), |reply| value(Some(reply)));
            Ok([first, second?])
        })
    }

    /// Puts `bytes` under `key` for `lifetime` seconds, whatever is there.
    pub(in crate::session) fn put(
        &self,
        key: &str,
        bytes: &[u8],
        lifetime: u64,
    ) -> Result<(), StoreError> {
        let lifetime = milliseconds(lifetime);
        let set: &[&[u8]] = &[b"SET", key.as_bytes(), bytes, b"PX", lifetime.as_bytes()];
        self.ask(key, set, |_| Ok(()))
    }

    /// Sends `command`, whose key is `key`, and returns the result of `read` for the
    /// reply. A reply that `read` gives back is an error.
    pub(in crate::session) fn ask<T>(
        &self,
        key: &str,
        command: &[&[u8]],
        read: impl Fn(Reply) -> Result<T, Reply>,
    ) -> Result<T, StoreError> {
        self.on(key, |redis| {
            read(redis.one(command, MAX_SHORT_REPLY)?).map_err(|reply| unexpected(Some(&reply)))
        })
    }

    /// Sends all of `commands`, whose key is `key`, as one transaction and returns their
    /// replies.
    pub(in crate::session) fn transaction(
        &self,
        key: &str,
        commands: &[&[&[u8]]],
    ) -> Result<Vec<Reply>, StoreError> {
        self.on(key, |redis| Ok(exec(redis, commands)?.unwrap_or_default()))
    }

    /// Changes the value under `key`, of at most `limit` bytes. If another process
    /// changes it meanwhile, `step` is called again. Returns whether the value was
    /// changed.
    pub(in crate::session) fn change(
        &self,
        key: &str,
        limit: usize,
        mut step: impl FnMut(Option<Vec<u8>>) -> Result<Step, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut talk = |redis: &mut Connection| {
            let watch: &[&[u8]] = &[b"WATCH", key.as_bytes()];
            let get: &[&[u8]] = &[b"GET", key.as_bytes()];
            let found = value(redis.all(&[watch, get], limit)?.pop())?;
            let (bytes, lifetime);
            let command: &[&[u8]] = match step(found) {
                Ok(Step::Put(put, seconds)) => {
                    (bytes, lifetime) = (put, milliseconds(seconds));
                    &[b"SET", key.as_bytes(), &bytes, b"PX", lifetime.as_bytes()]
                }
                Ok(Step::Delete) => &[b"DEL", key.as_bytes()],
                outcome @ (Ok(Step::Leave) | Err(_)) => {
                    redis.one(&[b"UNWATCH"], MAX_SHORT_REPLY)?;
                    return Ok(outcome.map(|_| Some(false)));
                }
            };
            Ok(Ok(exec(redis, &[command])?.map(|_| true)))
        };
        let changed = self.repeat(MAX_REPEATING, || self.on(key, &mut talk)?)?;
        changed.ok_or_else(|| {
            StoreError::Unavailable(format!(
                "{}: other processes changed {key} again and again for {} s",
                self.place(),
                MAX_REPEATING.as_secs()
            ))
        })
    }

    /// Calls `talk` with a connection to the server that has `key`.
    fn on<T>(
        &self,
        key: &str,
        talk: impl FnMut(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        let refused = |reason: &str| StoreError::Refused {
            path: key.into(),
            reason: reason.to_owned(),
        };
        self.run(talk).map_err(|err| match err {
            RedisError::TooLarge(_) => refused("is too large"),
            RedisError::Refused(words) if words.starts_with("WRONGTYPE") => {
                refused("is not a string")
            }
            err => StoreError::Unavailable(format!("{}: {err}", self.place())),
        })
    }
}

/// Sends all of `commands` as one transaction and returns their replies; `None`
/// if a watched key was changed.
pub(crate) fn exec(
    redis: &mut Connection,
    commands: &[&[&[u8]]],
) -> Result<Option<Vec<Reply>>, RedisError> {
    let (begin, end): (&[&[u8]], &[&[u8]]) = (&[b"MULTI"], &[b"EXEC"]);
    let mut replies = redis.all(&[&[begin], commands, &[end]].concat(), MAX_SHORT_REPLY)?;
    let done = match replies.pop() {
        Some(Reply::Array(None)) => return Ok(None),
        Some(Reply::Array(Some(done))) => done,
        other => return Err(unexpected(other.as_ref())),
    };
    if done.len() != commands.len() {
        return Err(RedisError::Reply("did nothing in a transaction".to_owned()));
    }
    match done.iter().find(|reply| matches!(reply, Reply::Error(_))) {
        Some(Reply::Error(words)) => Err(RedisError::Refused(words.clone())),
        _ => Ok(Some(done)),
    }
}

pub(crate) fn value(reply: Option<Reply>) -> Result<Option<Vec<u8>>, RedisError> {
    match reply {
        Some(Reply::Bulk(value)) => Ok(value),
        other => Err(unexpected(other.as_ref())),
    }
}

/// A reply of a kind that Redis does not give to the command that was sent.
pub(crate) fn unexpected(reply: Option<&Reply>) -> RedisError {
    let kind = reply.map_or("nothing", Reply::kind);
    RedisError::Reply(format!("answered by {kind}, as Redis does not"))
}

pub(crate) fn milliseconds(seconds: u64) -> String {
    seconds.saturating_mul(1000).to_string()
}
