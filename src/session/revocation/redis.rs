//! Marks in Redis, where several machines see them.
//!
//! A user's mark is under `PREFIXended:{a}bcd…`, where `abcd…` is the hash of
//! the name, and everybody's is under `PREFIXended:{0}all` to `{f}all`. Redis
//! Cluster keeps keys with the same word in braces on the same server, so one
//! question to one server gets a user's mark and everybody's.
//! `PREFIXended:invented` is a sorted set of the hashes of invented names that
//! have a mark, by the seconds at which the marks expire.

use std::sync::Arc;

use super::{CLEAN, EndError, Ended, MAX_INVENTED, Mark, Revocations, Whose, kept};
use crate::session::id::hash;
use crate::session::moment::Moment;
use crate::session::record::MAX_RECORD;
use crate::session::redis::values::{Step, all_at_once, change, get_both, put, run};
use crate::session::redis::{Client, RedisUrl, Reply};
use crate::session::store::StoreError;

/// Bytes that are read of a value. A mark has far fewer, and a longer value is a
/// damaged mark.
const LONGEST: usize = MAX_RECORD;

/// The words in braces.
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

    /// Everybody's mark, and the user's.
    fn read(&self, keys: &MarkKeys) -> Result<(Mark, Mark), StoreError> {
        let mark = |bytes: Option<Vec<u8>>| bytes.map_or(Mark::Absent, |bytes| Mark::parse(&bytes));
        match get_both(&self.client, &keys.all, keys.user.as_deref(), LONGEST) {
            Ok([all, user]) => Ok((mark(all), mark(user))),
            // Something else lies under one of the keys.
            Err(StoreError::Refused { .. }) => Ok((Mark::Damaged, Mark::Damaged)),
            Err(err) => Err(err),
        }
    }

    /// Puts what `next` makes of a mark in its place, if that is anything.
    fn change(
        &self,
        key: &str,
        now: u64,
        next: impl Fn(Mark) -> Option<Moment>,
    ) -> Result<(), StoreError> {
        let text = |moment: Moment| format!("{moment}\n").into_bytes();
        let seconds = |moment: Moment| {
            let ahead = moment.second().saturating_sub(now);
            kept(self.lifetime).saturating_add(ahead)
        };
        let changed = change(&self.client, key, LONGEST, |bytes| {
            let mark = bytes.map_or(Mark::Absent, |bytes| Mark::parse(&bytes));
            Ok(match next(mark) {
                Some(moment) => Step::Put(text(moment), seconds(moment)),
                None => Step::Leave,
            })
        });
        match changed {
            Err(StoreError::Refused { .. }) => match next(Mark::Damaged) {
                Some(moment) => put(&self.client, key, &text(moment), seconds(moment)),
                None => Ok(()),
            },
            outcome => outcome.map(|_| ()),
        }
    }

    /// Counts the mark of an invented name among those that are kept until
    /// `until` (Unix seconds), unless there are too many.
    fn count(&self, hash: &str, until: u64, now: u64) -> Result<bool, StoreError> {
        let key = format!("{}ended:invented", self.prefix);
        let (until, now_text) = (until.to_string(), now.to_string());
        let seconds = kept(self.lifetime).saturating_mul(2).to_string();
        let (below, clean) = (format!("({now}"), CLEAN.to_string());
        let commands: [&[&[u8]]; 5] = [
            &[b"ZSCORE", key.as_bytes(), hash.as_bytes()],
            &[b"ZADD", key.as_bytes(), until.as_bytes(), hash.as_bytes()],
            &[b"ZCOUNT", key.as_bytes(), now_text.as_bytes(), b"+inf"],
            &[
                b"ZRANGEBYSCORE",
                key.as_bytes(),
                b"-inf",
                below.as_bytes(),
                b"LIMIT",
                b"0",
                clean.as_bytes(),
            ],
            &[b"EXPIRE", key.as_bytes(), seconds.as_bytes()],
        ];
        let replies = all_at_once(&self.client, &key, &commands)?;
        let [before, _, count, expired, _] = replies.as_slice() else {
            return Err(StoreError::Unavailable(format!("{key}: too few replies")));
        };
        let is_alive = match before {
            Reply::Bulk(Some(score)) => String::from_utf8_lossy(score)
                .parse()
                .is_ok_and(|score: f64| score >= now as f64),
            _ => false,
        };
        let is_full = matches!(count, Reply::Integer(count) if *count > MAX_INVENTED as i64);
        let mut unwanted: Vec<&[u8]> = match expired {
            Reply::Array(Some(members)) => members
                .iter()
                .filter_map(|member| match member {
                    Reply::Bulk(Some(member)) => Some(member.as_slice()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let is_refused = is_full && !is_alive;
        if is_refused {
            unwanted.push(hash.as_bytes());
        }
        if !unwanted.is_empty() {
            let remove = [&[b"ZREM", key.as_bytes()], unwanted.as_slice()].concat();
            run(&self.client, &key, &remove)?;
        }
        Ok(!is_refused)
    }
}

impl Revocations for RevocationRedis {
    fn ended(&self, user: Option<&str>) -> Result<Ended, StoreError> {
        let (all, user) = self.read(&self.keys(user))?;
        Ok(all.ended().max(user.ended()))
    }

    fn end(&self, whose: Whose<'_>, began: Option<Moment>, now: u64) -> Result<(), EndError> {
        let name = match whose {
            Whose::Everybody => {
                for tag in TAGS.chars() {
                    self.change(&self.all(tag), now, |mark| {
                        Some(mark.next_of_everybody(now))
                    })?;
                }
                return Ok(());
            }
            Whose::User(name) | Whose::Invented(name) => name,
        };
        let hash = hash(name);
        let key = self.user(&hash);
        let mut floor = Moment::from(now);
        match began {
            // It is later than everybody's mark, or it would be over.
            Some(began) => floor = floor.max(began),
            None => {
                if let (Mark::At(all), _) = self.read(&self.keys(Some(name)))? {
                    floor = floor.max(all.after());
                }
            }
        }
        let until = floor.second().saturating_add(kept(self.lifetime));
        if matches!(whose, Whose::Invented(_)) && !self.count(&hash, until, now)? {
            // The owner may have set one, which is in no list.
            let (_, mark) = self.read(&self.keys(Some(name)))?;
            if !mark.is_alive(self.lifetime, now) {
                return Err(EndError::TooMany);
            }
        }
        Ok(self.change(&key, now, |mark| Some(mark.next(floor)))?)
    }

    fn repair(&self, user: Option<&str>, now: u64) -> Result<(), StoreError> {
        let keys = self.keys(user);
        for key in std::iter::once(&keys.all).chain(&keys.user) {
            self.change(key, now, |mark| match mark {
                Mark::Damaged => Some(mark.next_of_everybody(now)),
                Mark::At(_) | Mark::Absent => None,
            })?;
        }
        Ok(())
    }

    /// Redis itself removes expired keys.
    fn clean(&self, _now: u64) -> Result<(), StoreError> {
        Ok(())
    }
}
