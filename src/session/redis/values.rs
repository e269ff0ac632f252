//! Values in Redis, read and changed by the session layer.
//!
//! A value is changed by an optimistic transaction: watched, read, changed, and
//! put back unless somebody was faster; then again. Each transaction is on one
//! key, which is all that a Redis Cluster allows.

use std::thread;
use std::time::{Duration, Instant};

use super::{Client, Connection, RedisError, Reply};
use crate::session::store::StoreError;

/// How long a change is tried again because other requests were faster.
const LONGEST: Duration = Duration::from_secs(10);

/// Bytes that a key or a status may have.
pub(in crate::session) const SHORT: usize = 4096;

/// What becomes of a key.
pub(in crate::session) enum Step {
    /// Nothing.
    Leave,
    /// This lies under it, for so many seconds from now.
    Put(Vec<u8>, u64),
    /// Nothing lies under it.
    Delete,
}

/// Changes what lies under `key`, unless another process does so meanwhile; then
/// `step` is asked again. Returns whether it was changed.
pub(in crate::session) fn change(
    client: &Client,
    key: &str,
    limit: usize,
    mut step: impl FnMut(Option<Vec<u8>>) -> Result<Step, StoreError>,
) -> Result<bool, StoreError> {
    let began = Instant::now();
    let mut tries = 0;
    while began.elapsed() < LONGEST {
        let outcome = in_redis(client, key, |redis| {
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
                Ok(Step::Leave) => {
                    redis.one(&[b"UNWATCH"], SHORT)?;
                    return Ok(Ok(Some(false)));
                }
                Err(err) => {
                    redis.one(&[b"UNWATCH"], SHORT)?;
                    return Ok(Err(err));
                }
            };
            Ok(Ok(transaction(redis, command)?.then_some(true)))
        })?;
        if let Some(changed) = outcome? {
            return Ok(changed);
        }
        // Many at once: each its own while, or all would meet again.
        let turn = u64::from(std::process::id()) % 7;
        thread::sleep(Duration::from_micros(100 * (turn + tries)));
        tries = 10.min(tries + 1);
    }
    Err(StoreError::Unavailable(format!(
        "{}: {key} was changed by others again and again for {} s",
        client.place(),
        LONGEST.as_secs()
    )))
}

/// Puts `bytes` under `key` for `lifetime` seconds, whatever lies there.
pub(in crate::session) fn put(
    client: &Client,
    key: &str,
    bytes: &[u8],
    lifetime: u64,
) -> Result<(), StoreError> {
    let lifetime = milliseconds(lifetime);
    let set: &[&[u8]] = &[b"SET", key.as_bytes(), bytes, b"PX", lifetime.as_bytes()];
    run(client, key, set).map(|_| ())
}

/// Does `command` unless what is watched was changed. Returns whether it did.
fn transaction(redis: &mut Connection, command: &[&[u8]]) -> Result<bool, RedisError> {
    Ok(exec(redis, &[command])?.is_some())
}

/// Does all of `commands` at once and returns their replies; `None` if what is
/// watched was changed.
fn exec(redis: &mut Connection, commands: &[&[&[u8]]]) -> Result<Option<Vec<Reply>>, RedisError> {
    let (begin, end): (&[&[u8]], &[&[u8]]) = (&[b"MULTI"], &[b"EXEC"]);
    let mut replies = redis.all(&[&[begin], commands, &[end]].concat(), SHORT)?;
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

/// Does all of `commands` at once and returns their replies. All are about `key`.
pub(in crate::session) fn all_at_once(
    client: &Client,
    key: &str,
    commands: &[&[&[u8]]],
) -> Result<Vec<Reply>, StoreError> {
    in_redis(client, key, |redis| {
        Ok(exec(redis, commands)?.unwrap_or_default())
    })
}

/// Does `command`, which is about `key`.
pub(in crate::session) fn run(
    client: &Client,
    key: &str,
    command: &[&[u8]],
) -> Result<Reply, StoreError> {
    in_redis(client, key, |redis| redis.one(command, SHORT))
}

/// What lies under `key`, and under `other` if that is a key. Both have to be on
/// one server.
pub(in crate::session) fn get_both(
    client: &Client,
    key: &str,
    other: Option<&str>,
    limit: usize,
) -> Result<[Option<Vec<u8>>; 2], StoreError> {
    let gets = [Some(key), other];
    let gets: Vec<[&[u8]; 2]> = gets
        .into_iter()
        .flatten()
        .map(|key| [b"GET".as_slice(), key.as_bytes()])
        .collect();
    let gets: Vec<&[&[u8]]> = gets.iter().map(<[_; 2]>::as_slice).collect();
    in_redis(client, key, |redis| {
        let mut replies = redis.all(&gets, limit)?.into_iter();
        let first = value(replies.next())?;
        let second = replies.next().map_or(Ok(None), |reply| value(Some(reply)));
        Ok([first, second?])
    })
}

/// What lies under `key`.
pub(in crate::session) fn get(
    client: &Client,
    key: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    in_redis(client, key, |redis| {
        value(Some(redis.one(&[b"GET", key.as_bytes()], limit)?))
    })
}

fn value(reply: Option<Reply>) -> Result<Option<Vec<u8>>, RedisError> {
    match reply {
        Some(Reply::Bulk(value)) => Ok(value),
        other => Err(unexpected(other.as_ref())),
    }
}

/// Talks to the server that `key` is on.
pub(in crate::session) fn in_redis<T>(
    client: &Client,
    key: &str,
    talk: impl FnMut(&mut Connection) -> Result<T, RedisError>,
) -> Result<T, StoreError> {
    client.run(talk).map_err(|err| match err {
        RedisError::TooLarge(_) => StoreError::Refused {
            path: key.into(),
            reason: "is too large".to_owned(),
        },
        RedisError::Refused(words) if words.starts_with("WRONGTYPE") => StoreError::Refused {
            path: key.into(),
            reason: "is not a string".to_owned(),
        },
        err => StoreError::Unavailable(format!("{}: {err}", client.place())),
    })
}

pub(in crate::session) fn unexpected(reply: Option<&Reply>) -> RedisError {
    let kind = reply.map_or("nothing", Reply::kind);
    RedisError::Reply(format!("answered by {kind}, as Redis does not"))
}

pub(in crate::session) fn milliseconds(seconds: u64) -> String {
    seconds.saturating_mul(1000).to_string()
}
