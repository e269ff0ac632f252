//! Marks in Redis, for several machines.
//!
//! The mark of a user is under `PREFIXended:{a}bcd…`, where `abcd…` is the hash of
//! the name, and that of all users is under each of `PREFIXended:{0}all` to
//! `{f}all`. Redis Cluster stores keys with the same word in braces on the same
//! server, so one command to one server reads both marks. `PREFIXended:invented` is
//! a sorted set of the hashes of invented names that have a mark, by the seconds at
//! which the marks expire.

use std::sync::Arc;

use super::{
    EndError, Ended, MAX_CLEANED, MAX_INVENTED, Mark, Revocations, Users, floor, kept_for,
};
use crate::session::id::hash;
use crate::session::moment::Moment;
use crate::session::record::MAX_RECORD;
use crate::session::redis::values::Step;
use crate::session::redis::{Client, RedisUrl, Reply};
use crate::session::store::StoreError;

/// The most bytes of a value. A mark is much shorter, and a longer value is a damaged
/// mark.
const MAX_VALUE: usize = MAX_RECORD;

/// The words in braces: the first digits of hashes.
const TAGS: &str = "0123456789abcdef";

/// Marks in Redis, each under a key that expires.
pub struct RevocationRedis {
    client: Arc<Client>,
    prefix: String,
    lifetime: u64,
}

/// The two keys of the marks that are about a user.
struct MarkKeys {
    /// `None` for sessions without a username.
    user: Option<String>,
    all: String,
}

impl RevocationRedis {
    /// Marks in the Redis at `url` under keys that begin with `prefix`, of
    /// sessions that live for `lifetime` seconds.
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

    fn all(&self, tag: char) -> String {
        format!("{}ended:{{{tag}}}all", self.prefix)
    }

    fn user(&self, hash: &str) -> String {
        let (tag, rest) = hash.split_at(1);
        format!("{}ended:{{{tag}}}{rest}", self.prefix)
    }

    fn keys(&self, user: Option<&str>) -> MarkKeys {
        let hash = user.map(hash);
        let tag = hash.as_deref().and_then(|hash| hash.chars().next());
        MarkKeys {
            all: self.all(tag.unwrap_or('0')),
            user: hash.as_deref().map(|hash| self.user(hash)),
        }
    }

    /// The mark of all users, and that of the user.
    fn read(&self, keys: &MarkKeys, now: u64) -> Result<(Mark, Mark), StoreError> {
        match self
            .client
            .get_both(&keys.all, keys.user.as_deref(), MAX_VALUE)
        {
            Ok([all, user]) => Ok((mark(all, now), mark(user, now))),
            // One of the keys has a value that is not a mark.
            Err(StoreError::Refused { .. }) => Ok((Mark::UNREADABLE, Mark::UNREADABLE)),
            Err(err) => Err(err),
        }
    }

    /// Replaces a mark by the result of `next`; `None` leaves it unchanged.
    fn change(
        &self,
        key: &str,
        now: u64,
        next: impl Fn(Mark) -> Option<Moment>,
    ) -> Result<(), StoreError> {
        let seconds = |moment: Moment| {
            let ahead = moment.second().saturating_sub(now);
            kept_for(self.lifetime).saturating_add(ahead)
        };
        let changed = self.client.change(key, MAX_VALUE, |bytes| {
            let mark = mark(bytes, now);
            Ok(match next(mark) {
                Some(moment) => Step::Put(mark.text(moment), seconds(moment)),
                None => Step::Leave,
            })
        });
        match changed {
            Err(StoreError::Refused { .. }) => match next(Mark::UNREADABLE) {
                Some(moment) => {
                    let text = Mark::UNREADABLE.text(moment);
                    self.client.put(key, &text, seconds(moment))
                }
                None => Ok(()),
            },
            outcome => outcome.map(|_| ()),
        }
    }

    /// Counts the mark of an invented name among those that are kept until
    /// `until` (Unix seconds). Returns `false` if there are too many of them.
    fn count(&self, hash: &str, until: u64, now: u64) -> Result<bool, StoreError> {
        let name = format!("{}ended:invented", self.prefix);
        let (key, hash) = (name.as_bytes(), hash.as_bytes());
        let (until, since, below) = (until.to_string(), now.to_string(), format!("({now}"));
        let (seconds, clean) = (
            kept_for(self.lifetime).saturating_mul(2),
            MAX_CLEANED.to_string(),
        );
        let seconds = seconds.to_string();
        let (below, clean) = (below.as_bytes(), clean.as_bytes());
        let commands: [&[&[u8]]; 5] = [
            &[b"ZSCORE", key, hash],
            &[b"ZADD", key, until.as_bytes(), hash],
            &[b"ZCOUNT", key, since.as_bytes(), b"+inf"],
            &[b"ZRANGEBYSCORE", key, b"-inf", below, b"LIMIT", b"0", clean],
            &[b"EXPIRE", key, seconds.as_bytes()],
        ];
        let replies = match self.client.transaction(&name, &commands) {
            // The value of the key is not such a set.
            Err(StoreError::Refused { .. }) => {
                self.client.ask(&name, &[b"DEL", key], |_| Ok(()))?;
                self.client.transaction(&name, &commands)?
            }
            replies => replies?,
        };
        let [
            score,
            _,
            Reply::Integer(count),
            Reply::Array(Some(expired)),
            _,
        ] = &replies[..]
        else {
            let words = format!("{name}: Redis sent replies that do not match the commands");
            return Err(StoreError::Unavailable(words));
        };
        let score = score
            .as_bytes()
            .and_then(|score| str::from_utf8(score).ok());
        let score = score.and_then(|score| score.parse::<f64>().ok());
        let is_counted = score.is_some_and(|score| score >= now as f64);
        let is_refused = *count > MAX_INVENTED as i64 && !is_counted;
        let mut removed: Vec<&[u8]> = expired.iter().filter_map(Reply::as_bytes).collect();
        removed.extend(is_refused.then_some(hash));
        if !removed.is_empty() {
            let command = [&[b"ZREM", key], removed.as_slice()].concat();
            self.client.ask(&name, &command, |_| Ok(()))?;
        }
        Ok(!is_refused)
    }
}

/// The mark in the value of a key.
fn mark(value: Option<Vec<u8>>, now: u64) -> Mark {
    value.map_or(Mark::Absent, |bytes| Mark::parse(&bytes, now))
}

impl Revocations for RevocationRedis {
    fn ended(&self, user: Option<&str>, now: u64) -> Result<Ended, StoreError> {
        let (all, user) = self.read(&self.keys(user), now)?;
        Ok(all.ended().max(user.ended()))
    }

    fn end(&self, users: Users<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError> {
        let name = match users {
            Users::All => {
                for tag in TAGS.chars() {
                    self.change(&self.all(tag), now, |mark| {
                        Some(mark.next_for_all(floor(began, now)))
                    })?;
                }
                return Ok(());
            }
            Users::Known(name) | Users::Invented(name) => name,
        };
        let hash = hash(name);
        let key = self.user(&hash);
        let mut floor = floor(began, now);
        // A session that has not ended began after the mark of all users.
        if began.is_none() {
            let (all, _) = self.read(&self.keys(Some(name)), now)?;
            floor = all.floor_of_user(floor);
        }
        let until = floor.second().saturating_add(kept_for(self.lifetime));
        if matches!(users, Users::Invented(_)) && !self.count(&hash, until, now)? {
            // A mark that the owner set is in no list.
            let (_, mark) = self.read(&self.keys(Some(name)), now)?;
            if !mark.is_alive(self.lifetime, now) {
                return Err(EndError::TooMany);
            }
        }
        Ok(self.change(&key, now, |mark| Some(mark.next(floor)))?)
    }

    fn repair(&self, user: Option<&str>, now: u64) -> Result<(), StoreError> {
        let keys = self.keys(user);
        self.change(&keys.all, now, |mark| {
            let next = || mark.next_for_all(floor(None, now));
            mark.is_damaged().then(next)
        })?;
        let Some(user) = &keys.user else {
            return Ok(());
        };
        let (all, _) = self.read(&keys, now)?;
        let floor = all.floor_of_user(floor(None, now));
        self.change(user, now, |mark| {
            mark.is_damaged().then(|| mark.next(floor))
        })
    }

    /// Redis itself removes expired keys.
    fn clean(&self, _now: u64) -> Result<(), StoreError> {
        Ok(())
    }
}
