//! Counters in Redis, for the processes of all machines.
//!
//! A bucket is under `PREFIXlimits:{all}:WORD:NUMBER` for a day after it was changed.
//! Redis Cluster stores keys with the same word in braces on one server, so that an
//! attempt is counted in two buckets by one transaction. The rules are those of
//! counters in a file; the time is that of Redis, which is one for all machines.

use std::sync::Arc;
use std::time::Duration;

use super::bucket::Bucket;
use super::counter::{Damaged, LIFETIME};
use super::store::{Counters, State, Step, Unavailable};
use super::table::Place;
use super::time::Now;
use crate::session::redis::values::{exec, milliseconds, unexpected, value};
use crate::session::redis::{Client, Connection, RedisError, Reply};

/// The most bytes of a value in a reply: twice the largest bucket, so that a longer one is
/// reported as damaged.
const MAX_REPLY: usize = 4096;

/// Counters in Redis.
#[derive(Debug)]
pub(super) struct RedisCounters {
    client: Arc<Client>,
    prefix: String,
    max_wait: Duration,
}

impl RedisCounters {
    /// Counters under keys that begin with `prefix`. A change is repeated for at most
    /// `max_wait` because other processes changed the same buckets.
    pub(super) fn new(client: Arc<Client>, prefix: String, max_wait: Duration) -> Self {
        Self {
            client,
            prefix,
            max_wait,
        }
    }

    fn key(&self, place: &Place) -> Vec<u8> {
        let (prefix, word) = (&self.prefix, place.table.word());
        format!("{prefix}limits:{{all}}:{word}:{}", place.bucket).into_bytes()
    }

    /// The change of [`Counters::change`], once; `None` if another process changed a
    /// bucket meanwhile.
    fn try_to_change(
        &self,
        redis: &mut Connection,
        places: &[Place],
        keys: &[Vec<u8>],
        step: &mut Step<'_>,
    ) -> Result<Option<State>, RedisError> {
        let mut watch: Vec<&[u8]> = vec![b"WATCH"];
        watch.extend(keys.iter().map(Vec::as_slice));
        let gets: Vec<[&[u8]; 2]> = keys.iter().map(|key| [&b"GET"[..], key]).collect();
        let mut commands: Vec<&[&[u8]]> = vec![&watch, &[b"TIME"]];
        commands.extend(gets.iter().map(|get| get.as_slice()));
        let mut replies = redis.all(&commands, MAX_REPLY)?.into_iter().skip(1);
        let now = time(replies.next())?;
        let (mut state, mut before) = (State::Intact, Vec::with_capacity(places.len()));
        for place in places {
            let bytes = value(replies.next())?.unwrap_or_default();
            let (bucket, read) = Bucket::read(*place, &bytes);
            if read == Err(Damaged) {
                state = State::Repaired;
            }
            before.push(bucket);
        }
        let mut after = before.clone();
        step(&mut after, now);
        let lifetime = milliseconds(LIFETIME.as_secs());
        let values: Vec<Vec<u8>> = after.iter().map(Bucket::write).collect();
        let mut changes: Vec<Vec<&[u8]>> = Vec::new();
        for (((before, after), key), bytes) in before.iter().zip(&after).zip(keys).zip(&values) {
            if before == after && state == State::Intact {
                continue;
            }
            changes.push(match bytes.is_empty() {
                true => vec![b"DEL", key],
                false => vec![b"SET", key, bytes, b"PX", lifetime.as_bytes()],
            });
        }
        if changes.is_empty() {
            redis.one(&[b"UNWATCH"], MAX_REPLY)?;
            return Ok(Some(state));
        }
        let changes: Vec<&[&[u8]]> = changes.iter().map(Vec::as_slice).collect();
        Ok(exec(redis, &changes)?.map(|_| state))
    }

    /// Removes what is no bucket, so that the next attempt is counted.
    fn remove(&self, keys: &[Vec<u8>]) -> Result<(), RedisError> {
        let mut del: Vec<&[u8]> = vec![b"DEL"];
        del.extend(keys.iter().map(Vec::as_slice));
        self.client
            .run(|redis| redis.one(&del, MAX_REPLY))
            .map(|_| ())
    }
}

impl Counters for RedisCounters {
    fn change(&self, places: &[Place], _: Now, step: &mut Step<'_>) -> Result<State, Unavailable> {
        let keys: Vec<Vec<u8>> = places.iter().map(|place| self.key(place)).collect();
        let changed = self.client.repeat(self.max_wait, || {
            self.client
                .run(|redis| self.try_to_change(redis, places, &keys, step))
        });
        let failed = match changed {
            Ok(Some(state)) => return Ok(state),
            Ok(None) => return Err(Unavailable::Held),
            Err(err) => err,
        };
        let is_no_bucket = match &failed {
            RedisError::TooLarge(_) => true,
            RedisError::Refused(words) => words.starts_with("WRONGTYPE"),
            RedisError::Io(_)
            | RedisError::Reply(_)
            | RedisError::Moved(_)
            | RedisError::Paused(_)
            | RedisError::Stale => false,
        };
        if is_no_bucket {
            // If this fails, the next attempt reports the same again.
            let _ = self.remove(&keys);
        }
        let place = self.client.place();
        Err(Unavailable::Failed(format!("{place}: {failed}")))
    }
}

/// The time by `TIME`: seconds and microseconds. Redis has no other clock.
fn time(reply: Option<Reply>) -> Result<Now, RedisError> {
    let number = |part: &Reply| str::from_utf8(part.as_bytes()?).ok()?.parse().ok();
    let parts: Option<Vec<u64>> = match &reply {
        Some(Reply::Array(Some(parts))) => parts.iter().map(number).collect(),
        _ => None,
    };
    match parts.as_deref() {
        Some([unix, micros]) => Ok(Now {
            unix: *unix,
            uptime: Duration::from_secs(*unix).saturating_add(Duration::from_micros(*micros)),
        }),
        _ => Err(unexpected(reply.as_ref())),
    }
}
