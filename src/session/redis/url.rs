//! Where a Redis is, as `SESSION_REDIS` says it.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

const DEFAULT_PORT: u16 = 6379;

/// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or
/// `unix://[USER:PASSWORD@]/PATH[?db=DATABASE]`, as redis-py reads them. The
/// password never shows.
#[derive(Clone, Eq, PartialEq)]
pub struct RedisUrl {
    pub(super) endpoint: Endpoint,
    pub(super) login: Option<Login>,
    pub(super) database: u32,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Endpoint {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

#[derive(Clone, Eq, PartialEq)]
pub(super) struct Login {
    /// Empty for the default user.
    pub(super) user: String,
    pub(super) password: String,
}

/// Why a text is no [`RedisUrl`]. It is not repeated, as it may hold a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// It begins with neither.
    #[error("expected redis://HOST:PORT/DATABASE or unix:///PATH?db=DATABASE")]
    Scheme,
    /// `rediss://`
    #[error("TLS is not supported: use redis:// on a private network, or a tunnel")]
    Tls,
    /// The host is missing or has what no host has.
    #[error("has no good host name")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("has no good port")]
    Port,
    /// The socket's path is not absolute.
    #[error("has no absolute path: unix:///PATH")]
    Path,
    /// The database is no number, or something else stands there.
    #[error("has no good database number")]
    Database,
    /// User or password are not percent-encoded UTF-8.
    #[error("has a user or password that is not percent-encoded text")]
    Login,
}

impl RedisUrl {
    /// Reads `text`.
    ///
    /// # Errors
    ///
    /// [`RedisUrlError`].
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(RedisUrlError::Scheme)?;
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(Login::parse(login)?), rest),
            None => (None, rest),
        };
        let (endpoint, database) = match scheme {
            "redis" => tcp(rest)?,
            "unix" => unix(rest)?,
            "rediss" => return Err(RedisUrlError::Tls),
            _ => return Err(RedisUrlError::Scheme),
        };
        Ok(Self {
            endpoint,
            login,
            database,
        })
    }

    /// Whether it has to be kept from other users.
    pub(crate) fn has_password(&self) -> bool {
        self.login.is_some()
    }
}

impl Default for RedisUrl {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::Tcp {
                host: "127.0.0.1".to_owned(),
                port: DEFAULT_PORT,
            },
            login: None,
            database: 0,
        }
    }
}

impl Login {
    fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let (user, password) = text.split_once(':').ok_or(RedisUrlError::Login)?;
        let decoded = |text| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(String::from).map_err(|_| RedisUrlError::Login)
        };
        Ok(Self {
            user: decoded(user)?,
            password: decoded(password)?,
        })
    }
}

impl Endpoint {
    /// `HOST[:PORT]`, where an IPv6 address stands in brackets.
    pub(super) fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(text) => text.split_once(']').ok_or(RedisUrlError::Host)?,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
            return Err(RedisUrlError::Host);
        }
        let port = match port.strip_prefix(':') {
            Some(digits) => number(digits).filter(|port| *port != 0),
            None if port.is_empty() => Some(DEFAULT_PORT),
            None => None,
        };
        Ok(Self::Tcp {
            host: host.to_owned(),
            port: port.ok_or(RedisUrlError::Port)?,
        })
    }
}

fn tcp(text: &str) -> Result<(Endpoint, u32), RedisUrlError> {
    let (place, database) = text.split_once('/').unwrap_or((text, ""));
    let database = match database {
        "" => Some(0),
        digits => number(digits),
    };
    let database = database.ok_or(RedisUrlError::Database)?;
    Ok((Endpoint::parse(place)?, database))
}

fn unix(text: &str) -> Result<(Endpoint, u32), RedisUrlError> {
    let (path, database) = match text.split_once('?') {
        Some((path, query)) => (path, query.strip_prefix("db=").and_then(number)),
        None => (text, Some(0)),
    };
    if !path.starts_with('/') || path.contains('\0') {
        return Err(RedisUrlError::Path);
    }
    let database = database.ok_or(RedisUrlError::Database)?;
    Ok((Endpoint::Unix(PathBuf::from(path)), database))
}

/// Digits only: Rust's own parser lets `+1` through.
fn number<N: std::str::FromStr>(digits: &str) -> Option<N> {
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({}, {})", self.endpoint, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_redis_py_reads_them() {
        #[rustfmt::skip]
        let cases = [
            ("redis://localhost",              "RedisUrl(localhost:6379, 0)"),
            ("redis://localhost/",             "RedisUrl(localhost:6379, 0)"),
            ("redis://127.0.0.1:7000/3",       "RedisUrl(127.0.0.1:7000, 3)"),
            ("redis://[::1]:7000/3",           "RedisUrl([::1]:7000, 3)"),
            ("redis://[::1]",                  "RedisUrl([::1]:6379, 0)"),
            ("redis://:secret@redis.local/1",  "RedisUrl(redis.local:6379, 1)"),
            ("redis://u:s%40e:c@redis.local",  "RedisUrl(redis.local:6379, 0)"),
            ("unix:///run/redis/redis.sock",   "RedisUrl(/run/redis/redis.sock, 0)"),
            ("unix:///run/redis.sock?db=12",   "RedisUrl(/run/redis.sock, 12)"),
            ("unix://u:secret@/run/redis.sock", "RedisUrl(/run/redis.sock, 0)"),
        ];
        for (text, want) in cases {
            let url = RedisUrl::parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
            assert_eq!(format!("{url:?}"), want, "{text}");
        }
        let url = RedisUrl::parse("redis://ada:s%40e%3Ac@host").unwrap();
        let Login { user, password } = url.login.unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("ada", "s@e:c"));
    }

    #[test]
    fn what_is_no_url_is_an_error() {
        use RedisUrlError as E;
        #[rustfmt::skip]
        let cases = [
            ("", E::Scheme), ("localhost:6379", E::Scheme), ("http://localhost", E::Scheme),
            ("rediss://localhost", E::Tls), ("redis://", E::Host), ("redis://:6379", E::Host),
            ("redis://a b", E::Host), ("redis://[::1", E::Host), ("redis://[::1]x", E::Port),
            ("redis://h:0", E::Port), ("redis://h:65536", E::Port), ("redis://h:+1", E::Port),
            ("redis://h:", E::Port), ("redis://h/x", E::Database), ("redis://h/-1", E::Database),
            ("redis://h/1?x=y", E::Database), ("unix://run/redis.sock", E::Path),
            ("unix:///run/redis.sock?db=", E::Database), ("unix:///s?database=1", E::Database),
            ("redis://secret@h", E::Login), ("redis://u:%ff@h", E::Login),
        ];
        for (text, want) in cases {
            assert_eq!(RedisUrl::parse(text), Err(want), "{text}");
        }
    }

    #[test]
    fn debug_does_not_leak_the_password() {
        let url = RedisUrl::parse("redis://ada:hunter22@host").unwrap();
        let shown = format!("{url:?} {:?}", url.login);
        assert!(!shown.contains("hunter22"), "{shown}");
    }
}
