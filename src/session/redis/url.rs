//! The address of a Redis server (`SESSION_REDIS`).

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::session::number;

const DEFAULT_HOST: &str = "localhost";
const DEFAULT_PORT: u16 = 6379;

/// `redis://[[USER][:PASSWORD]@][HOST][:PORT][/DATABASE]`, or
/// `unix://[[USER][:PASSWORD]@]/PATH`, both with the options `db`, `username`
/// and `password` after a `?`, as redis-py 8.1 reads them: `db` counts before
/// the database in the path, user and password before those in the options.
///
/// If redis-py ignores a part (a path that is not a number) or passes it to a class
/// (other options), it is an error. `Debug` does not show the password.
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

/// Why a text is not a [`RedisUrl`]. It is not repeated, as it may hold a password.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// It has another scheme.
    Scheme,
    /// `rediss://`, or an option of TLS.
    Tls(&'static str),
    /// The host name is missing or has characters that no host name has.
    Host,
    /// The port is not a number up to 65535.
    Port,
    /// The socket's path is not absolute, or stands after a host.
    Path,
    /// The database is not a number.
    Database,
    /// User or password are not percent-encoded UTF-8.
    Login,
    /// An `@` after the first of `/`, `?` and `#`, which was meant for the password.
    Unescaped,
    /// An option that is not one of `db`, `username` and `password`.
    Option,
    /// Something after a `#`.
    Fragment,
}

error_texts! { RedisUrlError:
    Self::Scheme => "expected redis://HOST:PORT/DATABASE or unix:///PATH?db=DATABASE";
    Self::Tls(part) =>
        "{part} asks for TLS, which is not supported: use redis:// on a private network \
         or through a tunnel (stunnel), or unix://";
    Self::Host => "the address has no valid host name";
    Self::Port => "the address has no valid port: expected HOST:PORT";
    Self::Path => "the address has no absolute path: expected unix:///PATH";
    Self::Database =>
        "the address has no valid database: expected a number, as in redis://HOST/1 or ?db=1";
    Self::Login => "the address has a user or password that is not percent-encoded text";
    Self::Unescaped =>
        "the address has an @ after a /, ? or #: in a user or password, write them as %2F, %3F, %23";
    Self::Option =>
        "the address has an option that is not supported: remove it (supported are db, username, \
         password), and write & in a user or password as %26";
    Self::Fragment => "the address has a part after #, which is not supported: remove it";
}

impl RedisUrl {
    /// Reads `text`.
    ///
    /// # Errors
    ///
    /// [`RedisUrlError`].
    pub fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(RedisUrlError::Scheme)?;
        let (place, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        match fragment {
            "" => {}
            fragment if fragment.contains('@') => return Err(RedisUrlError::Unescaped),
            _ => return Err(RedisUrlError::Fragment),
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, host) = place.rsplit_once('@').unwrap_or(("", place));
        let options = Options::parse(query)?;
        let (endpoint, database) = match scheme {
            "redis" => {
                let database = match options.database {
                    Some(database) => database,
                    None => path_database(path)?,
                };
                let endpoint = match host {
                    "" => Endpoint::parse(DEFAULT_HOST),
                    port if port.starts_with(':') => {
                        Endpoint::parse(&format!("{DEFAULT_HOST}{port}"))
                    }
                    host => Endpoint::parse(host),
                };
                (endpoint?, database)
            }
            "unix" => (unix(host, path)?, options.database.unwrap_or(0)),
            "rediss" => return Err(RedisUrlError::Tls("rediss://")),
            _ => return Err(RedisUrlError::Scheme),
        };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let login = Login {
            user: non_empty(decoded(user)?)
                .or(options.user)
                .unwrap_or_default(),
            password: non_empty(decoded(password)?)
                .or(options.password)
                .unwrap_or_default(),
        };
        Ok(Self {
            endpoint,
            login: (!login.user.is_empty() || !login.password.is_empty()).then_some(login),
            database,
        })
    }

    /// Whether it has a user or password, which other users must not read.
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

/// The options after the `?`.
#[derive(Default)]
struct Options {
    database: Option<u32>,
    user: Option<String>,
    password: Option<String>,
}

impl Options {
    /// Of an option that is given twice, the first is used. An option without a value is
    /// ignored.
    fn parse(query: &str) -> Result<Self, RedisUrlError> {
        let mut options = Self::default();
        for option in query.split('&') {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            if name.contains('@') {
                return Err(RedisUrlError::Unescaped);
            }
            if value.is_empty() {
                continue;
            }
            let text = || decoded(&value.replace('+', " "));
            match name {
                "db" if options.database.is_none() => {
                    let database = number(&text()?).ok_or(RedisUrlError::Database)?;
                    options.database = Some(database);
                }
                "username" => options.user = options.user.or(Some(text()?)),
                "password" => options.password = options.password.or(Some(text()?)),
                "db" => {}
                _ if query.contains('@') => return Err(RedisUrlError::Unescaped),
                name if name.starts_with("ssl") => {
                    return Err(RedisUrlError::Tls("its option ssl"));
                }
                _ => return Err(RedisUrlError::Option),
            }
        }
        Ok(options)
    }
}

impl Endpoint {
    /// `HOST[:PORT]`, where an IPv6 address stands in brackets.
    pub(super) fn parse(text: &str) -> Result<Self, RedisUrlError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(text) => text.split_once(']').ok_or(RedisUrlError::Host)?,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let host = percent_decode_str(host).decode_utf8();
        let host = host.map_err(|_| RedisUrlError::Host)?.to_lowercase();
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
            return Err(RedisUrlError::Host);
        }
        let port = match port.strip_prefix(':') {
            None if !port.is_empty() => return Err(RedisUrlError::Port),
            None | Some("" | "0") => DEFAULT_PORT,
            Some(digits) => number(digits).ok_or(RedisUrlError::Port)?,
        };
        Ok(Self::Tcp { host, port })
    }
}

fn unix(host: &str, path: &str) -> Result<Endpoint, RedisUrlError> {
    let path = percent_decode_str(path).decode_utf8();
    let path = path.map_err(|_| RedisUrlError::Path)?;
    if !host.is_empty() || !path.starts_with('/') || path.contains('\0') {
        return Err(RedisUrlError::Path);
    }
    Ok(Endpoint::Unix(PathBuf::from(path.into_owned())))
}

/// The database in the path of a URL, which may be empty.
fn path_database(path: &str) -> Result<u32, RedisUrlError> {
    if path.contains('@') {
        return Err(RedisUrlError::Unescaped);
    }
    let path = decoded(path).map_err(|_| RedisUrlError::Database)?;
    match path.trim_matches('/') {
        "" => Ok(0),
        digits => number(digits).ok_or(RedisUrlError::Database),
    }
}

fn decoded(text: &str) -> Result<String, RedisUrlError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(String::from).map_err(|_| RedisUrlError::Login)
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
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

    /// Expected values: what redis-py 8.1.0 makes of them, by
    /// `ConnectionPool.from_url(url).make_connection()`.
    #[test]
    fn urls_are_read_as_redis_py_reads_them() {
        #[rustfmt::skip]
        let cases = [
            // URL                               endpoint             database  user, password
            ("redis://localhost",                "localhost:6379",         0, "", ""),
            ("redis://localhost/",               "localhost:6379",         0, "", ""),
            ("redis://LocalHost",                "localhost:6379",         0, "", ""),
            ("redis://127.0.0.1:7000/3",         "127.0.0.1:7000",         3, "", ""),
            ("redis://[::1]:7000/3",             "[::1]:7000",             3, "", ""),
            ("redis://[::1]",                    "[::1]:6379",             0, "", ""),
            ("redis://h%2eexample",              "h.example:6379",         0, "", ""),
            ("redis://",                         "localhost:6379",         0, "", ""),
            ("redis:///1",                       "localhost:6379",         1, "", ""),
            ("redis://:7000/1",                  "localhost:7000",         1, "", ""),
            ("redis://h:",                       "h:6379",                 0, "", ""),
            ("redis://h:0",                      "h:6379",                 0, "", ""),
            ("redis://:secret@redis.local/1",    "redis.local:6379",       1, "", "secret"),
            ("redis://u:s%40e:c@redis.local",    "redis.local:6379",       0, "u", "s@e:c"),
            ("redis://u:p@w@h",                  "h:6379",                 0, "u", "p@w"),
            ("redis://:@h",                      "h:6379",                 0, "", ""),
            ("redis://@h",                       "h:6379",                 0, "", ""),
            ("redis://u@h",                      "h:6379",                 0, "u", ""),
            ("redis://u:@h",                     "h:6379",                 0, "u", ""),
            ("redis://u%40x@h",                  "h:6379",                 0, "u@x", ""),
            ("redis://user%zz@h",                "h:6379",                 0, "user%zz", ""),
            ("redis://h?db=1",                   "h:6379",                 1, "", ""),
            ("redis://h/?db=1",                  "h:6379",                 1, "", ""),
            ("redis://h/2?db=1",                 "h:6379",                 1, "", ""),
            ("redis://h/2?db=",                  "h:6379",                 2, "", ""),
            ("redis://h/2?db",                   "h:6379",                 2, "", ""),
            ("redis://h?db=2&db=3",              "h:6379",                 2, "", ""),
            ("redis://h?db=%31&",                "h:6379",                 1, "", ""),
            ("redis://h//1/",                    "h:6379",                 1, "", ""),
            ("redis://h/%31",                    "h:6379",                 1, "", ""),
            ("redis://h?",                       "h:6379",                 0, "", ""),
            ("redis://h?password=p&username=u",  "h:6379",                 0, "u", "p"),
            ("redis://a:b@h?password=p&username=u", "h:6379",              0, "a", "b"),
            ("redis://h?password=p@w",           "h:6379",                 0, "", "p@w"),
            ("unix:///run/redis/redis.sock",     "/run/redis/redis.sock",  0, "", ""),
            ("unix:///run/redis.sock?db=12",     "/run/redis.sock",       12, "", ""),
            ("unix:///run/re%20dis.sock",        "/run/re dis.sock",       0, "", ""),
            ("unix:///run/redis.sock/3",         "/run/redis.sock/3",      0, "", ""),
            ("unix:///run/redis@1.sock?db=1",    "/run/redis@1.sock",      1, "", ""),
            ("unix://u:secret@/run/redis.sock",  "/run/redis.sock",        0, "u", "secret"),
            ("unix://:secret@/run/redis.sock?db=2", "/run/redis.sock",     2, "", "secret"),
            ("unix://@/run/redis.sock",          "/run/redis.sock",        0, "", ""),
        ];
        for (text, endpoint, database, user, password) in cases {
            let url = RedisUrl::parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
            assert_eq!(url.endpoint.to_string(), endpoint, "{text}");
            assert_eq!(url.database, database, "{text}");
            let login = url.login.map(|login| (login.user, login.password));
            let want = (user.to_owned(), password.to_owned());
            assert_eq!(login.unwrap_or_default(), want, "{text}");
        }
    }

    /// Those that redis-py refuses, or of which it ignores a part.
    #[test]
    fn a_part_that_is_not_supported_is_named() {
        use RedisUrlError as E;
        #[rustfmt::skip]
        let cases = [
            ("", E::Scheme), ("localhost:6379", E::Scheme), ("http://localhost", E::Scheme),
            ("REDIS://h", E::Scheme), (" redis://h", E::Scheme), ("unix:/run/redis.sock", E::Scheme),
            ("rediss://localhost", E::Tls("rediss://")), ("redis://h?ssl=true", E::Tls("its option ssl")),
            ("redis://h?ssl_cert_reqs=none", E::Tls("its option ssl")),
            ("redis://a b", E::Host), ("redis://[]", E::Host), ("redis://h ", E::Host), ("redis://[::1", E::Host),
            ("redis://[::1]x", E::Port), ("redis://h:65536", E::Port), ("redis://h:+1", E::Port),
            ("redis://h:x", E::Port), ("redis://h/x", E::Database), ("redis://h/-1", E::Database),
            ("redis://h/1/2", E::Database), ("redis://h?db=x", E::Database), ("redis://h?db=-1", E::Database),
            ("redis://h/1?x=y", E::Option), ("redis://h?DB=1", E::Option),
            ("redis://h?socket_timeout=5", E::Option), ("redis://h?host=x", E::Option),
            ("redis://h?password=a&b=c", E::Option), ("redis://h/1#x", E::Fragment),
            ("unix://", E::Path), ("unix://run/redis.sock", E::Path), ("unix:///s?database=1", E::Option),
            ("redis://u:%ff@h", E::Login),
            ("redis://u:p/w@h", E::Unescaped), ("redis://:12/34@h", E::Unescaped),
            ("redis://:12?34@h", E::Unescaped), ("redis://:12?a=34@h", E::Unescaped), ("redis://:12#34@h", E::Unescaped),
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
