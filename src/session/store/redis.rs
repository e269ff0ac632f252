//! Sessions in Redis, for several machines.
//!
//! A record lies under the hash of its id, as in files, and expires there. It
//! is changed by an optimistic transaction: watched, read, changed, and put
//! back unless somebody was faster; then again. Each transaction is on one
//! key, which is all that a Redis Cluster allows.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::id::SessionId;
use super::super::record::{MAX_RECORD, Record};
use super::super::redis::{Client, Connection, RedisError, RedisUrl, Reply};
use super::{Change, Changing, Store, StoreError, Visit};

/// How long a change is tried again because other requests were faster.
const LONGEST: Duration = Duration::from_secs(10);

/// Bytes that a key or a status may have.
const SHORT: usize = 4096;

/// Sessions in Redis.
pub struct Redis {
    client: Arc<Client>,
    prefix: String,
    lifetime: u64,
}

impl Redis {
    /// Sessions in the Redis at `url`, under keys that begin with `prefix`, over
    /// when nobody saved them for `lifetime` seconds.
    pub fn at(url: RedisUrl, prefix: String, lifetime: u64) -> Self {
        Self::new(Arc::new(Client::new(url)), prefix, lifetime)
    }

    pub(crate) fn new(client: Arc<Client>, prefix: String, lifetime: u64) -> Self {
        Self {
            client,
            prefix,
            lifetime,
        }
    }

    fn key(&self, id: &SessionId) -> String {
        format!("{}{}", self.prefix, id.hash())
    }

    /// What the bytes under `key` hold; `None` if they are over at `now`.
    fn read(
        &self,
        bytes: Option<Vec<u8>>,
        key: &str,
        now: u64,
    ) -> Result<Option<(Record, usize)>, StoreError> {
        let Some(bytes) = bytes else { return Ok(None) };
        let record = Record::parse(&bytes).map_err(|reason| StoreError::Damaged {
            path: key.into(),
            reason,
        })?;
        let size = bytes.len();
        Ok((!record.is_expired(self.lifetime, now)).then_some((record, size)))
    }

    /// Puts `bytes` under `key` where nothing lies.
    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let lifetime = milliseconds(self.lifetime);
        let set: &[&[u8]] = &[
            b"SET",
            key.as_bytes(),
            bytes,
            b"NX",
            b"PX",
            lifetime.as_bytes(),
        ];
        let is_put = in_redis(&self.client, key, |redis| match redis.one(set, SHORT)? {
            Reply::Status(_) => Ok(true),
            Reply::Bulk(None) => Ok(false),
            other => Err(unexpected(Some(&other))),
        })?;
        is_put.then_some(()).ok_or(StoreError::IdInUse)
    }

    fn remove(&self, key: &str) -> Result<bool, StoreError> {
        let del: &[&[u8]] = &[b"DEL", key.as_bytes()];
        in_redis(&self.client, key, |redis| match redis.one(del, SHORT)? {
            Reply::Integer(removed) => Ok(removed > 0),
            other => Err(unexpected(Some(&other))),
        })
    }

    /// Some keys of sessions, and where to go on; `None` at the end.
    fn scan(&self, cursor: &[u8]) -> Result<(Vec<String>, Option<Vec<u8>>), StoreError> {
        let pattern = format!("{}*", escape(&self.prefix));
        let scan: &[&[u8]] = &[
            b"SCAN",
            cursor,
            b"MATCH",
            pattern.as_bytes(),
            b"COUNT",
            b"500",
        ];
        let (next, found) = in_redis(&self.client, &pattern, |redis| {
            let reply = redis.one(scan, SHORT)?;
            let Reply::Array(Some(parts)) = reply else {
                return Err(unexpected(Some(&reply)));
            };
            match <[Reply; 2]>::try_from(parts) {
                Ok([Reply::Bulk(Some(next)), Reply::Array(Some(found))]) => Ok((next, found)),
                _ => Err(unexpected(None)),
            }
        })?;
        let keys = found.into_iter().filter_map(|key| match key {
            Reply::Bulk(Some(key)) => String::from_utf8(key).ok(),
            _ => None,
        });
        let is_session = |key: &String| {
            let hash = key.strip_prefix(&self.prefix).unwrap_or_default();
            hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let keys = keys.filter(is_session).collect();
        Ok((keys, Some(next).filter(|next| next != b"0")))
    }
}

impl Store for Redis {
    fn load(&self, id: &SessionId, now: u64) -> Result<Option<Record>, StoreError> {
        let key = self.key(id);
        let bytes = get(&self.client, &key, MAX_RECORD)?;
        let found = self.read(bytes, &key, now)?;
        Ok(found.map(|(record, _)| record))
    }

    fn create(&self, id: &SessionId, record: &Record) -> Result<(), StoreError> {
        self.put_new(&self.key(id), &record.to_bytes_within_limit()?)
    }

    fn update(
        &self,
        id: &SessionId,
        now: u64,
        changing: &mut Changing<'_>,
    ) -> Result<bool, StoreError> {
        let key = self.key(id);
        change(&self.client, &key, MAX_RECORD, |bytes| {
            let Some((record, _)) = self.read(bytes, &key, now)? else {
                return Ok(Step::Leave);
            };
            Ok(match changing(record) {
                Change::Replace(record) => {
                    Step::Put(record.to_bytes_within_limit()?, self.lifetime)
                }
                Change::Delete => Step::Delete,
            })
        })
    }

    fn renew(
        &self,
        old: &SessionId,
        new: &SessionId,
        now: u64,
        changing: &mut Changing<'_>,
    ) -> Result<bool, StoreError> {
        let (old, new) = (self.key(old), self.key(new));
        let (mut is_put, mut is_wanted) = (false, false);
        // The new one first: who is killed in between still has the old one.
        let outcome = change(&self.client, &old, MAX_RECORD, |bytes| {
            is_wanted = false;
            let Some((record, _)) = self.read(bytes, &old, now)? else {
                return Ok(Step::Leave);
            };
            if let Change::Replace(record) = changing(record) {
                let bytes = record.to_bytes_within_limit()?;
                match is_put {
                    true => put(&self.client, &new, &bytes, self.lifetime)?,
                    false => self.put_new(&new, &bytes)?,
                }
                (is_put, is_wanted) = (true, true);
            }
            Ok(Step::Delete)
        });
        if is_put && !(is_wanted && matches!(outcome, Ok(true))) {
            self.remove(&new)?;
        }
        outcome
    }

    fn delete(&self, id: &SessionId) -> Result<bool, StoreError> {
        self.remove(&self.key(id))
    }

    /// Redis itself removes what is over.
    fn sweep(&self, _now: u64, _entries: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// Of a cluster, the sessions on the server that `SESSION_REDIS` names.
    fn for_each(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<(), StoreError> {
        // SCAN may show a key twice.
        let mut seen = HashSet::new();
        let mut cursor = Some(b"0".to_vec());
        while let Some(at) = cursor {
            let (keys, next) = self.scan(&at)?;
            cursor = next;
            for key in keys {
                if !seen.insert(key.clone()) {
                    continue;
                }
                let found = get(&self.client, &key, MAX_RECORD)
                    .and_then(|bytes| self.read(bytes, &key, now));
                let (record, size) = match found {
                    Ok(Some(found)) => found,
                    Ok(None) | Err(StoreError::Refused { .. } | StoreError::Damaged { .. }) => {
                        continue;
                    }
                    Err(err) => return Err(err),
                };
                match visit(&record, size) {
                    Visit::Next => {}
                    Visit::Stop => return Ok(()),
                    Visit::Delete => {
                        self.remove(&key)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What becomes of a key.
pub(in super::super) enum Step {
    /// Nothing.
    Leave,
    /// This lies under it, for so many seconds from now.
    Put(Vec<u8>, u64),
    /// Nothing lies under it.
    Delete,
}

/// Changes what lies under `key`, unless another process does so meanwhile; then
/// `step` is asked again. Returns whether it was changed.
pub(in super::super) fn change(
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
pub(in super::super) fn put(
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
pub(in super::super) fn all_at_once(
    client: &Client,
    key: &str,
    commands: &[&[&[u8]]],
) -> Result<Vec<Reply>, StoreError> {
    in_redis(client, key, |redis| {
        Ok(exec(redis, commands)?.unwrap_or_default())
    })
}

/// Does `command`, which is about `key`.
pub(in super::super) fn run(
    client: &Client,
    key: &str,
    command: &[&[u8]],
) -> Result<Reply, StoreError> {
    in_redis(client, key, |redis| redis.one(command, SHORT))
}

/// What lies under `key`, and under `other` if that is a key. Both have to be on
/// one server.
pub(in super::super) fn get_both(
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
fn get(client: &Client, key: &str, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
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
fn in_redis<T>(
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

fn unexpected(reply: Option<&Reply>) -> RedisError {
    let kind = reply.map_or("nothing", Reply::kind);
    RedisError::Reply(format!("answered by {kind}, as Redis does not"))
}

fn milliseconds(seconds: u64) -> String {
    seconds.saturating_mul(1000).to_string()
}

/// `text` in a pattern, where it stands for itself.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
