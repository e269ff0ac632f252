//! Marks in Redis, where several machines see them.

use std::sync::Arc;

use super::super::id::hash;
use super::super::redis::Client;
use super::super::store::StoreError;
use super::super::store::redis::{Step, change, get};
use super::{MAX_MARKS, Marks, Revocations, Whose, kept};

/// Marks in Redis: a key for each shard, which expires when its newest mark is
/// of no more use.
pub(crate) struct RevocationRedis {
    client: Arc<Client>,
    prefix: String,
    lifetime: u64,
}

impl RevocationRedis {
    /// Marks under keys that begin with `prefix`, of sessions that live for
    /// `lifetime` seconds.
    pub(crate) fn new(client: Arc<Client>, prefix: String, lifetime: u64) -> Self {
        Self {
            client,
            prefix,
            lifetime,
        }
    }

    fn key(&self, shard: &str) -> String {
        format!("{}ended:{shard}", self.prefix)
    }
}

fn parse(bytes: Option<Vec<u8>>, key: &str) -> Result<Marks, StoreError> {
    let marks = bytes.map_or(Some(Marks::default()), |bytes| Marks::parse(&bytes));
    marks.ok_or_else(|| StoreError::Unavailable(format!("{key} has a line that is no mark")))
}

impl Revocations for RevocationRedis {
    fn ended(&self, user: &str) -> Result<Option<u64>, StoreError> {
        let user = hash(user);
        let key = self.key(&user[..2]);
        let bytes = get(&self.client, &key, MAX_MARKS)?;
        Ok(parse(bytes, &key)?.ended(&user))
    }

    fn end(&self, user: Option<&str>, now: u64) -> Result<(), StoreError> {
        let whose = Whose::of(user);
        for shard in whose.shards() {
            let key = self.key(&shard);
            let set = |bytes| {
                let mut marks = parse(bytes, &key)?;
                marks.set(&whose, now, self.lifetime);
                Ok(Step::Put(marks.to_string().into_bytes()))
            };
            change(&self.client, &key, MAX_MARKS, kept(self.lifetime), set)?;
        }
        Ok(())
    }
}
