//! The settings of Redis, and the connection that all its users share.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use crate::session::redis::{Client, RedisUrl};
use crate::session::revocation::{RevocationRedis, Revocations};
use crate::session::store::{Redis, Store};

/// The most bytes of `SESSION_KEY_PREFIX`.
pub(crate) const MAX_KEY_PREFIX: usize = 256;

/// The address of Redis, and the prefix of the program's keys in it.
#[derive(Clone, Debug)]
pub(super) struct RedisSettings {
    /// `SESSION_REDIS`.
    pub(super) url: Option<RedisUrl>,
    /// `SESSION_KEY_PREFIX`.
    pub(super) key_prefix: Cow<'static, str>,
    /// Created at its first use. It connects when it sends the first command.
    client: OnceLock<Arc<Client>>,
}

impl RedisSettings {
    pub(super) fn new(key_prefix: Cow<'static, str>) -> Self {
        Self {
            url: None,
            key_prefix,
            client: OnceLock::new(),
        }
    }

    /// A store of sessions that expire after `lifetime` seconds.
    pub(super) fn store(&self, lifetime: u64) -> Box<dyn Store> {
        let prefix = self.key_prefix.clone().into_owned();
        Box::new(Redis::new(self.client(), prefix, lifetime))
    }

    /// Revocation marks of sessions that expire after `lifetime` seconds.
    pub(super) fn revocations(&self, lifetime: u64) -> Box<dyn Revocations> {
        let prefix = self.key_prefix.clone().into_owned();
        Box::new(RevocationRedis::new(self.client(), prefix, lifetime))
    }

    /// The connection and the prefix of keys; `None` if `SESSION_REDIS` is not set.
    pub(super) fn shared(&self) -> Option<(Arc<Client>, String)> {
        self.url.as_ref()?;
        Some((self.client(), self.key_prefix.clone().into_owned()))
    }

    /// Starts the time limit of a request for Redis.
    pub(super) fn begin_request(&self) {
        if let Some(client) = self.client.get() {
            client.begin_request();
        }
    }

    /// Takes over the connections of `before`, if it uses the same Redis.
    pub(super) fn keep_connections_of(&self, before: &Self) {
        if let Some(client) = before.client.get()
            && self.url == before.url
        {
            self.client.get_or_init(|| Arc::clone(client));
        }
    }

    fn client(&self) -> Arc<Client> {
        let client = || Arc::new(Client::new(self.url.clone().unwrap_or_default()));
        Arc::clone(self.client.get_or_init(client))
    }
}
