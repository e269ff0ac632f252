//! Sessions in Redis, for several machines.
//!
//! The key of a record is the hash of its id, as in files. The list of a user's sessions
//! is under `PREFIXlisted:` and the hash of the name. Redis removes both when they expire.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Change, Changing, Store, StoreError, Visit};
use crate::session::id::{SessionId, SessionKey, hash, is_hash};
use crate::session::listed::{MAX_LIST, SessionList};
use crate::session::record::{MAX_RECORD, Record};
use crate::session::redis::values::{Step, milliseconds};
use crate::session::redis::{Client, RedisUrl, Reply};

/// Sessions in Redis.
pub struct Redis {
    client: Arc<Client>,
    prefix: String,
    lifetime: u64,
}

impl Redis {
    /// Sessions in the Redis at `url`, under keys that begin with `prefix`. They expire
    /// when they were not saved for `lifetime` seconds.
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
        self.name(&id.key())
    }

    fn name(&self, key: &SessionKey) -> String {
        format!("{}{}", self.prefix, key.as_str())
    }

    /// The key of the list of a user's sessions.
    fn list_key(&self, user: &str) -> String {
        format!("{}listed:{}", self.prefix, hash(user))
    }

    /// The record in the bytes under `key`; `None` if it has expired at `now`.
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

    /// Puts `bytes` under `key` if nothing is there.
    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (name, lifetime) = (key.as_bytes(), milliseconds(self.lifetime));
        let set: &[&[u8]] = &[b"SET", name, bytes, b"NX", b"PX", lifetime.as_bytes()];
        let is_put = self.client.ask(key, set, |reply| match reply {
            Reply::Status(_) => Ok(true),
            Reply::Bulk(None) => Ok(false),
            other => Err(other),
        })?;
        is_put.then_some(()).ok_or(StoreError::IdInUse)
    }

    fn remove(&self, key: &str) -> Result<bool, StoreError> {
        let del: &[&[u8]] = &[b"DEL", key.as_bytes()];
        self.client.ask(key, del, |reply| match reply {
            Reply::Integer(removed) => Ok(removed > 0),
            other => Err(other),
        })
    }

    /// Some keys of sessions, and the cursor for the next ones; `None` at the end.
    fn scan(&self, cursor: &[u8]) -> Result<(Vec<String>, Option<Vec<u8>>), StoreError> {
        // Other keys, however long, are not sent.
        let pattern = format!("{}{}", escape(&self.prefix), "?".repeat(64));
        let (word, count): (&[u8], &[u8]) = (pattern.as_bytes(), b"500");
        let scan: &[&[u8]] = &[b"SCAN", cursor, b"MATCH", word, b"COUNT", count];
        let (next, found) = self.client.ask(&pattern, scan, |reply| match reply {
            Reply::Array(Some(parts)) => match <[Reply; 2]>::try_from(parts) {
                Ok([Reply::Bulk(Some(next)), Reply::Array(Some(found))]) => Ok((next, found)),
                Ok(_) | Err(_) => Err(Reply::Array(None)),
            },
            other => Err(other),
        })?;
        let keys = found
            .iter()
            .filter_map(|key| str::from_utf8(key.as_bytes()?).ok());
        let is_session = |key: &&str| key.strip_prefix(&self.prefix).is_some_and(is_hash);
        let keys = keys.filter(is_session).map(str::to_owned).collect();
        Ok((keys, Some(next).filter(|next| next != b"0")))
    }
}

impl Store for Redis {
    fn load_by(&self, key: &SessionKey, now: u64) -> Result<Option<Record>, StoreError> {
        let key = self.name(key);
        let bytes = self.client.get(&key, MAX_RECORD)?;
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
        self.client.change(&key, MAX_RECORD, |bytes| {
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
        // The new one first: if the process is killed in between, the old one is left.
        let outcome = self.client.change(&old, MAX_RECORD, |bytes| {
            is_wanted = false;
            let Some((record, _)) = self.read(bytes, &old, now)? else {
                return Ok(Step::Leave);
            };
            if let Change::Replace(record) = changing(record) {
                let bytes = record.to_bytes_within_limit()?;
                match is_put {
                    true => self.client.put(&new, &bytes, self.lifetime)?,
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

    fn delete_by(&self, key: &SessionKey) -> Result<bool, StoreError> {
        self.remove(&self.name(key))
    }

    fn list(&self, user: &str) -> Result<SessionList, StoreError> {
        let bytes = self.client.get(&self.list_key(user), MAX_LIST)?;
        Ok(SessionList::parse(&bytes.unwrap_or_default()))
    }

    fn change_list(
        &self,
        user: &str,
        change: &mut dyn FnMut(&mut SessionList),
    ) -> Result<(), StoreError> {
        let changed = self.client.change(&self.list_key(user), MAX_LIST, |bytes| {
            let mut list = SessionList::parse(&bytes.unwrap_or_default());
            change(&mut list);
            Ok(match list.keys().is_empty() {
                true => Step::Delete,
                false => Step::Put(list.to_bytes(), self.lifetime),
            })
        });
        changed.map(|_| ())
    }

    /// Redis itself removes expired keys.
    fn sweep(&self, _now: u64) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// In a cluster, only the sessions on the server that `SESSION_REDIS` names.
    fn for_each(
        &self,
        now: u64,
        visit: &mut dyn FnMut(&Record, usize) -> Visit,
    ) -> Result<usize, StoreError> {
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
                let found = self
                    .client
                    .get(&key, MAX_RECORD)
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
                    Visit::Stop => return Ok(0),
                    Visit::Delete => {
                        self.remove(&key)?;
                    }
                }
            }
        }
        Ok(0)
    }
}

/// `text` as a literal part of a pattern.
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
