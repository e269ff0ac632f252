//! The one list of settings. The table in deploy/README.md and `signet print toml`
//! are made from it or checked against it.

use std::sync::OnceLock;

use cookie::SameSite;

use super::error::WrongValue;
use super::value::Raw;
use super::{Config, Program, RefusedKey, SessionType, StoreType};
use crate::files::trusted::TrustedFolder;
use crate::gateway::TrustProxy;
use crate::session::cookie::{CookieDomain, CookiePath, CookieSettings};
use crate::session::key::Key;
use crate::session::redis::RedisUrl;
use crate::session::signing::Digest;

/// What is written for a setting in the environment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text as it stands.
    Text,
    /// JSON: `true`, `3600`, `["a", "b"]`.
    Json,
}

/// One setting.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Its name in `signet.toml`; `SIGNET_` goes before it in the environment.
    pub name: &'static str,
    /// How its environment variable is read.
    pub kind: Kind,
    /// Its default, as TOML; or, in words, what happens without it.
    pub default: &'static str,
    /// An example, as TOML.
    pub example: &'static str,
    /// What it does, with its unit.
    pub about: &'static str,
    pub(super) apply: fn(&mut Config, &Raw<'_>) -> Result<(), WrongValue>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// One hundred years, in seconds.
const CENTURY: i64 = 3_155_760_000;

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "SECRET_KEY",
        kind: Kind::Text,
        default: "created on the first request",
        example: "\"<output of signet key new>\"",
        about: "The key that signs, at least 16 bytes. In `signet.toml` only if that file has mode 0600; better leave it to the key file.",
        apply: |config, raw| {
            let key = Key::new(raw.text()?.as_bytes().to_vec());
            config.secret_key = Some(key.map_err(RefusedKey::Weak));
            Ok(())
        },
    },
    Setting {
        name: "SECRET_KEY_FILE",
        kind: Kind::Text,
        default: "`secret_key` in the state directory",
        example: "\"/home/alice/.signet/secret_key\"",
        about: "A file whose text is the key, outside every served folder, that nobody else can read or write. It may be a symbolic link. It must exist.",
        apply: |config, raw| {
            config.given_key_file = Some(raw.absolute()?);
            Ok(())
        },
    },
    Setting {
        name: "SECRET_KEY_FALLBACKS",
        kind: Kind::Json,
        default: "[]",
        example: "[\"<the key before this one>\"]",
        about: "Older keys, a list: cookies they signed are still read. Published or weak keys in it are not used.",
        apply: |config, raw| {
            config.fallbacks.clear();
            config.refused_fallbacks.clear();
            for (at, text) in raw.list()?.into_iter().enumerate() {
                match Key::new(text.as_bytes().to_vec()) {
                    Ok(key) => config.fallbacks.push(key),
                    Err(reason) => config
                        .refused_fallbacks
                        .push(format!("SECRET_KEY_FALLBACKS[{at}] {reason}")),
                }
            }
            Ok(())
        },
    },
    Setting {
        name: "STATE_DIR",
        kind: Kind::Text,
        default: "`$STATE_DIRECTORY`, `$XDG_STATE_HOME/signet`, `~/.signet` or `/var/lib/signet`",
        example: "\"/home/alice/.signet\"",
        about: "The folder that holds `secret_key`, `signet.toml` and `templates/`, outside every served folder.",
        apply: |config, raw| {
            config.given_state_dir = Some(raw.absolute()?);
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_NAME",
        kind: Kind::Text,
        default: "\"session\"",
        example: "\"login\"",
        about: "The cookie's name. The rules of browsers for `__Host-`, `__Secure-` and `__Http-` are checked at start.",
        apply: |config, raw| {
            config.cookie.name = raw.parsed()?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_DOMAIN",
        kind: Kind::Text,
        default: "this host only",
        example: "\"example.org\"",
        about: "The cookie's `Domain`: that host and those below it. A name with a dot in it, or `localhost`.",
        apply: |config, raw| {
            config.cookie.domain = raw.parsed_unless_empty::<CookieDomain>()?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_PATH",
        kind: Kind::Text,
        default: "the mount",
        example: "\"/\"",
        about: "The cookie's `Path`, percent-encoded.",
        apply: |config, raw| {
            config.cookie_path = raw.parsed_unless_empty::<CookiePath>()?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_HTTPONLY",
        kind: Kind::Json,
        default: "true",
        example: "true",
        about: "Whether scripts on the page are kept from the cookie.",
        apply: |config, raw| {
            config.cookie.http_only = raw.bool()?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_SECURE",
        kind: Kind::Json,
        default: "true for requests by HTTPS",
        example: "true",
        about: "Whether the browser keeps the cookie to HTTPS. Set it where TLS ends at a proxy.",
        apply: |config, raw| {
            config.cookie_secure = Some(raw.bool()?);
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_SAMESITE",
        kind: Kind::Text,
        default: "\"Lax\"",
        example: "\"Strict\"",
        about: "`Lax`, `Strict` or `None` (which makes the cookie `Secure`).",
        apply: |config, raw| {
            let text = raw.text()?;
            // Werkzeug takes them in any case, too.
            config.cookie.same_site = Some(match text.to_ascii_lowercase().as_str() {
                "lax" => SameSite::Lax,
                "strict" => SameSite::Strict,
                "none" => SameSite::None,
                _ => return Err(WrongValue::new("expected Lax, Strict or None").found(text)),
            });
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_OMIT_SAMESITE",
        kind: Kind::Json,
        default: "false",
        example: "false",
        about: "Whether the cookie has no `SameSite`, as by Flask's default, which its file cannot name. Not together with `SESSION_COOKIE_SAMESITE`.",
        apply: |config, raw| {
            config.omit_same_site = raw.bool()?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_COOKIE_PARTITIONED",
        kind: Kind::Json,
        default: "false",
        example: "true",
        about: "`Partitioned`, for pages shown inside other sites.",
        apply: |config, raw| {
            config.cookie.partitioned = raw.bool()?;
            Ok(())
        },
    },
    Setting {
        name: "PERMANENT_SESSION_LIFETIME",
        kind: Kind::Json,
        default: "2678400",
        example: "86400",
        about: "Seconds after which a cookie, permanent or not, is no longer believed (1 to a century); 31 days.",
        apply: |config, raw| {
            config.cookie.lifetime = raw.integer(1..=CENTURY)?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_REFRESH_EACH_REQUEST",
        kind: Kind::Json,
        default: "true",
        example: "false",
        about: "Whether use prolongs a permanent session (once a tenth of its lifetime has passed).",
        apply: |config, raw| {
            config.cookie.refresh = raw.bool()?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_PERMANENT",
        kind: Kind::Json,
        default: "false",
        example: "true",
        about: "Whether a login outlives the browser window.",
        apply: |config, raw| {
            config.session_permanent = raw.bool()?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_TYPE",
        kind: Kind::Text,
        default: "\"cookie\"",
        example: "\"filesystem\"",
        about: "Where sessions live: `cookie`; or `filesystem` or `redis`, the cookie then holds an id.",
        apply: |config, raw| {
            let choices = [
                ("cookie", SessionType::Cookie),
                ("filesystem", SessionType::Stored(StoreType::Filesystem)),
                ("redis", SessionType::Stored(StoreType::Redis)),
            ];
            config.session_type = raw.choice("expected cookie, filesystem or redis", &choices)?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_FILE_DIR",
        kind: Kind::Text,
        default: "`sessions` in the state directory",
        example: "\"/home/alice/sessions\"",
        about: "The folder for sessions, outside every served folder, mode 700. It is made if it is not there.",
        apply: |config, raw| {
            config.given_session_dir = Some(raw.absolute()?);
            Ok(())
        },
    },
    Setting {
        name: "SESSION_OVERFLOW",
        kind: Kind::Text,
        default: "\"error\"",
        example: "\"filesystem\"",
        about: "What happens to a session that is too large for the cookie: `error`; or `filesystem` or `redis`: it goes there until it fits again.",
        apply: |config, raw| {
            let choices = [
                ("error", None),
                ("filesystem", Some(StoreType::Filesystem)),
                ("redis", Some(StoreType::Redis)),
            ];
            config.overflow = raw.choice("expected error, filesystem or redis", &choices)?;
            Ok(())
        },
    },
    Setting {
        name: "SESSION_REDIS",
        kind: Kind::Text,
        default: "\"redis://127.0.0.1:6379\"",
        example: "\"unix:///run/redis/redis-server.sock\"",
        about: "Where Redis is: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `unix:///PATH?db=DATABASE`; parts may be left out, as for redis-py. There is no TLS. Set beside signed cookies, it lets all machines know who logged out everywhere.",
        apply: |config, raw| {
            let url = RedisUrl::parse(raw.text()?);
            config.redis = Some(url.map_err(|err| WrongValue::new(err.to_string()))?);
            Ok(())
        },
    },
    Setting {
        name: "SESSION_KEY_PREFIX",
        kind: Kind::Text,
        default: "\"session:\"",
        example: "\"blog:\"",
        about: "What every key in Redis begins with; each site in one Redis needs its own. The default of another program that uses the library is its name and `:session:`.",
        apply: |config, raw| {
            let prefix = raw.text()?;
            if prefix.len() > 256 || prefix.contains(char::is_control) {
                return Err(WrongValue::new(
                    "expected up to 256 bytes without control characters",
                ));
            }
            config.key_prefix = prefix.to_owned().into();
            Ok(())
        },
    },
    Setting {
        name: "SESSION_ABSOLUTE_LIFETIME",
        kind: Kind::Json,
        default: "no limit",
        example: "604800",
        about: "Seconds after its beginning at which a session is over, used or not (1 to a century).",
        apply: |config, raw| {
            config.cookie.absolute_lifetime = Some(raw.integer(1..=CENTURY)?);
            Ok(())
        },
    },
    Setting {
        name: "SESSION_DIGEST",
        kind: Kind::Text,
        default: "\"sha256\"",
        example: "\"sha1\"",
        about: "The signature's hash: `sha256`, or `sha1`, Flask's own default.",
        apply: |config, raw| {
            let choices = [("sha256", Digest::Sha256), ("sha1", Digest::Sha1)];
            config.digest = raw.choice("expected sha256 or sha1", &choices)?;
            Ok(())
        },
    },
    Setting {
        name: "MAX_COOKIE_SIZE",
        kind: Kind::Json,
        default: "4093",
        example: "4093",
        about: "Bytes of the whole `Set-Cookie` value; a larger one is an error, never dropped in silence. 0 to 4096; 0: no limit but the header's.",
        apply: |config, raw| {
            // At most 4096, which every usize holds.
            config.cookie.max_size = raw.integer(0..=4096)? as usize;
            Ok(())
        },
    },
    Setting {
        name: "MAX_CONTENT_LENGTH",
        kind: Kind::Json,
        default: "65536",
        example: "1048576",
        about: "Bytes of a request body; a larger one is refused unread (0 to 1 GiB).",
        apply: |config, raw| {
            config.max_content_length = raw.integer(0..=1 << 30)?;
            Ok(())
        },
    },
    Setting {
        name: "APPLICATION_ROOT",
        kind: Kind::Text,
        default: "found from the request",
        example: "\"/app\"",
        about: "The path that all URLs begin with, where the program cannot find it: behind a proxy that changes it, or by FastCGI without `PATH_INFO`, where a visitor's URL would choose it.",
        apply: |config, raw| {
            config.application_root = Some(raw.parsed()?);
            Ok(())
        },
    },
    Setting {
        name: "TRUST_PROXY",
        kind: Kind::Json,
        default: "false",
        example: "true",
        about: "Whether a proxy's `X-Forwarded-Host`, `-Port` and `-Proto` are believed, or with `\"forwarded\"` its `Forwarded`. Only where every request passes the proxy.",
        apply: |config, raw| {
            config.trust_proxy = raw.trust_proxy()?;
            Ok(())
        },
    },
    Setting {
        name: "TEMPLATES_DIR",
        kind: Kind::Text,
        default: "`templates` in the state directory, if it exists",
        example: "\"/home/alice/pages\"",
        about: "The folder of your own pages: `index.html`, `login.html`, `logout.html`, `error.html`.",
        apply: |config, raw| {
            config.templates_dir = Some(raw.absolute()?);
            Ok(())
        },
    },
    Setting {
        name: "DEBUG",
        kind: Kind::Json,
        default: "false",
        example: "true",
        about: "Whether error pages show what otherwise only stderr gets. Not for the public.",
        apply: |config, raw| {
            config.debug = raw.bool()?;
            Ok(())
        },
    },
];

impl Config {
    pub(super) fn defaults(
        program: &Program,
        state_dir: Result<TrustedFolder, super::StateDirError>,
        euid: u32,
    ) -> Self {
        Self {
            secret_key: None,
            fallbacks: Vec::new(),
            refused_fallbacks: Vec::new(),
            given_key_file: None,
            secret_key_file: None,
            given_state_dir: None,
            state_dir,
            euid,
            cookie: CookieSettings::default(),
            cookie_path: None,
            cookie_secure: None,
            omit_same_site: false,
            digest: Digest::default(),
            session_permanent: false,
            application_root: None,
            max_content_length: 65_536,
            trust_proxy: TrustProxy::Off,
            debug: false,
            templates_dir: None,
            session_type: SessionType::default(),
            overflow: None,
            redis: None,
            redis_client: OnceLock::new(),
            key_prefix: program.key_prefix(),
            given_session_dir: None,
            session_file_dir: None,
            file: None,
            file_stamp: None,
            signer: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in deploy/README.md is this list; a change here is a change there.
    #[test]
    fn readme_lists_every_setting() {
        let readme = include_str!("../../deploy/README.md");
        let start = readme.find("`readme_lists_every_setting` -->\n").unwrap();
        let start = start + readme[start..].find('\n').unwrap() + 1;
        let end = readme.find("<!-- /settings -->").unwrap();
        let mut table = String::from("\n| setting | default | what it does |\n|---|---|---|\n");
        for setting in SETTINGS {
            let code = |text: &str| match text.contains(' ') && !text.starts_with('"') {
                true => text.to_owned(),
                false => format!("`{}`", text.trim_matches('`')),
            };
            table.push_str(&format!(
                "| `{}` | {} | {} |\n",
                setting.name,
                code(setting.default),
                setting.about
            ));
        }
        table.push('\n');
        assert!(
            readme[start..end] == table,
            "the table in deploy/README.md should be:\n{table}"
        );
    }
}
