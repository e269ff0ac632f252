//! The list of settings, one row for each. The table in deploy/README.md and
//! `signet print toml` are made from it or compared with it.
//!
//! A new setting is a row here and a field of [`Config`] with its default in
//! [`Config::defaults`]. Its [`Setter`] determines how the value is written: in the
//! environment, texts and paths are written as they are, other values as JSON.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

use cookie::SameSite;

#[cfg(feature = "redis")]
use super::redis::MAX_KEY_PREFIX;
use super::wrong_value::{Expected, WrongValue};
use super::{
    AccessRules, Config, GuardSettings, KeyError, Program, SessionType, StateDirError, StoreType,
    XSendfile,
};
use crate::files::trusted::TrustedFolder;
use crate::gateway::{Languages, TrustProxy};
use crate::session::cookie::CookieSettings;
use crate::session::key::Key;
#[cfg(feature = "redis")]
use crate::session::redis::RedisUrl;
use crate::session::signing::Digest;

/// One setting.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Its name in `signet.toml`; `SIGNET_` goes before it in the environment.
    pub name: &'static str,
    /// Its default, as TOML or in words.
    pub default: &'static str,
    /// An example, as TOML.
    pub example: &'static str,
    /// What it does, with its unit. A link leads to a heading of `deploy/README.md`.
    pub about: &'static str,
    pub(super) setter: Setter,
    pub(super) secret: Secret,
}

/// The type of a value, and the function that sets it.
#[derive(Clone, Copy)]
pub(super) enum Setter {
    Text(fn(&mut Config, &str) -> Result<(), WrongValue>),
    /// An absolute path.
    Path(fn(&mut Config, PathBuf)),
    Bool(fn(&mut Config, bool)),
    /// A number from the first to the second one.
    Integer(u64, u64, fn(&mut Config, u64)),
    /// A list of texts.
    List(fn(&mut Config, Vec<&str>) -> Result<(), WrongValue>),
    /// Names and texts.
    Table(fn(&mut Config, &Table<'_>) -> Result<(), WrongValue>),
    /// Names and lists of texts.
    Lists(fn(&mut Config, &Lists<'_>) -> Result<(), WrongValue>),
    Proxy(fn(&mut Config, TrustProxy)),
}

/// Names and texts, in the order of the names.
pub(super) type Table<'t> = [(&'t str, &'t str)];

/// Names and lists of texts, in the order of the names.
pub(super) type Lists<'t> = [(&'t str, Vec<&'t str>)];

/// Whether a setting's value must stay secret. If so, it is refused in a file
/// that other users can read, and in a program's own settings.
#[derive(Clone, Copy)]
pub(super) enum Secret {
    No,
    /// A key. In a file that others can read, this function takes it back.
    Key(fn(&mut Config, &Path)),
    /// It may contain a password; this function says whether it does.
    Password(fn(&Config) -> bool),
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// One hundred years, in seconds.
const CENTURY: u64 = 3_155_760_000;

/// All settings: name, setter, default, example, description.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    row("SECRET_KEY", Setter::Text(|c, text| {
            c.secret_key = Some(Key::new(text.into()).map_err(KeyError::Weak));
            Ok(())
        }),
        "created on the first request", "\"<output of signet key new>\"",
        "The key that signs cookies, at least 16 bytes. Put it into `signet.toml` only if that file has mode 0600. Without this setting, signet creates a key file.")
        .secret(Secret::Key(|c, file| c.secret_key = Some(Err(KeyError::Exposed(file.to_owned()))))),
    row("SECRET_KEY_FILE", Setter::Path(|c, path| c.given_key_file = Some(path)),
        "`secret_key` in the state folder", "\"/home/alice/.signet/secret_key\"",
        "A file that contains the key, outside every served folder, which other users can neither read nor write. It may be a symbolic link. If you set this, the file must exist: signet creates only the default file."),
    row("SECRET_KEY_FALLBACKS", Setter::List(Config::set_fallbacks),
        "[]", "[\"<the key before this one>\"]",
        "Older keys, as a list: cookies signed with them are still accepted. Published and weak keys in the list are not used.")
        .secret(Secret::Key(Config::refuse_fallbacks)),
    row("STATE_DIR", Setter::Path(|c, path| c.given_state_dir = Some(path)),
        "`$STATE_DIRECTORY`, `$XDG_STATE_HOME/signet`, `~/.signet` or `/var/lib/signet`", "\"/home/alice/.signet\"",
        "The state folder, which holds `secret_key`, `signet.toml`, `users`, `sessions/`, `templates/` and `translations/`, and to which `add_users.txt` is uploaded. It must be outside every served folder. The `signet.toml` in the state folder cannot contain this setting: use the environment, a settings script, or a file that `SIGNET_CONFIG` names."),
    row("SESSION_COOKIE_NAME", Setter::Text(|c, text| parse(text).map(|name| c.cookie.name = name)),
        "\"session\"", "\"login\"",
        "The cookie's name. The prefixes `__Host-`, `__Secure-` and `__Http-` require other settings, which are checked."),
    row("SESSION_COOKIE_DOMAIN", Setter::Text(|c, text| parse_unless_empty(text).map(|domain| c.cookie.domain = domain)),
        "this host only", "\"example.org\"",
        "The cookie's `Domain`: browsers send the cookie to this host and its subdomains. A name with a dot, or `localhost`."),
    row("SESSION_COOKIE_PATH", Setter::Text(|c, text| parse_unless_empty(text).map(|path| c.cookie_path = path)),
        "the path of the program's URLs", "\"/\"",
        "The cookie's `Path`, percent-encoded."),
    row("SESSION_COOKIE_HTTPONLY", Setter::Bool(|c, on| c.cookie.http_only = on),
        "true", "true",
        "Whether the cookie is hidden from scripts on the page (`HttpOnly`)."),
    row("SESSION_COOKIE_SECURE", Setter::Bool(|c, on| c.cookie_secure = Some(on)),
        "true for requests by HTTPS", "true",
        "Whether browsers send the cookie by HTTPS only (`Secure`). Set it to true if a proxy ends TLS."),
    row("SESSION_COOKIE_SAMESITE", Setter::Text(|c, text| {
            let choices = [("Lax", SameSite::Lax), ("Strict", SameSite::Strict), ("None", SameSite::None)];
            // Werkzeug accepts them in any case, too.
            choose(text, str::eq_ignore_ascii_case, &choices).map(|same_site| c.cookie.same_site = Some(same_site))
        }),
        "\"Lax\"", "\"Strict\"",
        "`Lax`, `Strict` or `None` (which also makes the cookie `Secure`)."),
    row("SESSION_COOKIE_OMIT_SAMESITE", Setter::Bool(|c, on| c.omit_same_site = on),
        "false", "false",
        "Whether the cookie has no `SameSite`, which is Flask's default. (In Python, that is `None`, which TOML does not have.) It cannot be combined with `SESSION_COOKIE_SAMESITE`."),
    row("SESSION_COOKIE_PARTITIONED", Setter::Bool(|c, on| c.cookie.partitioned = on),
        "false", "true",
        "Whether the cookie is `Partitioned`, for pages shown inside other sites."),
    row("PERMANENT_SESSION_LIFETIME", Setter::Integer(1, CENTURY, |c, seconds| c.cookie.lifetime = seconds),
        "2678400", "86400",
        "Seconds after which a cookie expires, whether its session is permanent or not (1 to a century). The default is 31 days."),
    row("SESSION_REFRESH_EACH_REQUEST", Setter::Bool(|c, on| c.cookie.refresh = on),
        "true", "false",
        "Whether a request renews the lifetime of a permanent session (once a tenth of it has passed)."),
    row("SESSION_PERMANENT", Setter::Bool(|c, on| c.session_permanent = on),
        "false", "true",
        "Whether a new session, such as a login, lasts after the browser is closed."),
    row("SESSION_TYPE", Setter::Text(|c, text| {
            let choices = [
                ("cookie", SessionType::Cookie),
                ("filesystem", SessionType::Stored(StoreType::Filesystem)),
                #[cfg(feature = "redis")]
                ("redis", SessionType::Stored(StoreType::Redis)),
            ];
            choose_store(text, &choices).map(|kind| c.session_type = kind)
        }),
        "\"cookie\"", "\"filesystem\"",
        "Where sessions are stored: `cookie`, `filesystem` or `redis`. With the last two, the cookie holds only a session id."),
    row("SESSION_FILE_DIR", Setter::Path(|c, path| c.given_session_dir = Some(path)),
        "`sessions` in the state folder", "\"/home/alice/sessions\"",
        "The folder for session files, outside every served folder, mode 700. It is created if it does not exist."),
    row("SESSION_OVERFLOW", Setter::Text(|c, text| {
            let choices = [
                ("error", None),
                ("filesystem", Some(StoreType::Filesystem)),
                #[cfg(feature = "redis")]
                ("redis", Some(StoreType::Redis)),
            ];
            choose_store(text, &choices).map(|kind| c.overflow = kind)
        }),
        "\"error\"", "\"filesystem\"",
        "What happens to a session that is too large for a cookie: `error`, or it is stored in `filesystem` or `redis` until it fits into a cookie again."),
    row("SESSION_REDIS", REDIS_URL,
        "\"redis://127.0.0.1:6379\"", "\"unix:///run/redis/redis-server.sock\"",
        "The address of Redis: `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `unix:///PATH?db=DATABASE`; parts may be left out, as in redis-py. TLS is not supported. If it is set and sessions are in cookies, the revocation marks of *Log out everywhere* are in Redis, so that they apply on all machines.")
        .secret(Secret::Password(Config::has_redis_password)),
    row("SESSION_KEY_PREFIX", KEY_PREFIX,
        "\"session:\"", "\"blog:\"",
        "The beginning of every key in Redis. Each site in the same Redis needs a prefix of its own. For another program that uses the library, the default is its name and `:session:`."),
    row("SESSION_ABSOLUTE_LIFETIME", Setter::Integer(1, CENTURY, |c, seconds| c.cookie.absolute_lifetime = Some(seconds)),
        "no limit", "604800",
        "Seconds from the start of a session to its end, whether it is used or not (1 to a century)."),
    row("SESSION_DIGEST", Setter::Text(|c, text| {
            let choices = [("sha256", Digest::Sha256), ("sha1", Digest::Sha1)];
            choose(text, str::eq, &choices).map(|digest| c.digest = digest)
        }),
        "\"sha256\"", "\"sha1\"",
        "The hash function of the signature: `sha256`, or `sha1`, which is Flask's default."),
    // At most 4096, which every usize holds.
    row("MAX_COOKIE_SIZE", Setter::Integer(0, 4096, |c, bytes| c.cookie.max_size = bytes as usize),
        "4093", "4096",
        "The most bytes of a `Set-Cookie` value (0 to 4096); a larger cookie is an error. 0 means the same as 4096."),
    row("MAX_CONTENT_LENGTH", Setter::Integer(0, 1 << 30, |c, bytes| c.max_content_length = bytes),
        "65536", "1048576",
        "The most bytes of a request body (0 to 1 GiB); a larger one is refused before it is read."),
    row("APPLICATION_ROOT", Setter::Text(|c, text| parse(text).map(|root| c.application_root = Some(root))),
        "found from the request", "\"/app\"",
        "The path that all URLs of the program begin with. Set it if a proxy changes the path, and for FastCGI without `PATH_INFO`, where a visitor's URL would otherwise choose this path."),
    row("TRUST_PROXY", Setter::Proxy(|c, trust| c.trust_proxy = trust),
        "false", "true",
        "Whether `X-Forwarded-For`, `-Host`, `-Port` and `-Proto` of a proxy are used, or, with `\"forwarded\"`, its `Forwarded`. Set it only if every request passes through the proxy."),
    row("USERS_FILE", Setter::Path(|c, path| c.given_users_file = Some(path)),
        "`users` in the state folder, if it exists", "\"/home/alice/.htpasswd\"",
        "The file of users and password hashes, in the format of Apache's `htpasswd`, outside every served folder. Other users may read it, but not write it. It may be a symbolic link."),
    row("GROUPS_FILE", Setter::Path(|c, path| c.given_groups_file = Some(path)),
        "no groups", "\"/home/alice/groups\"",
        "The file of groups, in the format of Apache's `AuthGroupFile`, outside every served folder, with at most 1 MiB. Other users may read it, but not write it. If you set this, the file must exist."),
    row("GUARD_USERS", Setter::Lists(|c, table| {
            let rules = AccessRules::parse(table);
            let wrong = |(err, path): (_, &str)| WrongValue::from(Expected::AccessRule(err)).found(path);
            rules.map_err(wrong).map(|rules| c.guard_users = rules)
        }),
        "every user may open everything", "{ \"/files/board\" = [\"alice\", \"@staff\"] }",
        "Who may open which protected paths: see [Who may open what](#who-may-open-what)."),
    row("LANGUAGES", Setter::List(|c, tags| {
            let languages = Languages::new(&tags);
            let wrong = |err| WrongValue::from(Expected::from(err)).found(tags.join(", "));
            languages.map_err(wrong).map(|languages| c.languages = languages)
        }),
        "`[\"en\", \"de\", \"zh\", \"fr\", \"es\"]`", "[\"de\", \"en\"]",
        "The languages of the pages, of which `Accept-Language` chooses; the first is for visitors who want none of them: see [Languages](#languages)."),
    row("DEMO_NOTE", Setter::Bool(|c, on| c.demo_note = on),
        "true", "false",
        "Whether the login page says that any name is accepted, as long as there is no users file."),
    row("PASSWORD_CHANGE", Setter::Bool(|c, on| c.password_change = on),
        "true", "false",
        "Whether users can change their passwords, on the page `/password`. Set it to false if several machines have copies of the users file: the change would be made in one copy only."),
    row("GUARD_DIR", Setter::Path(|c, path| c.guard.dir = Some(path)),
        "no folder", "\"/home/alice/private\"",
        "A folder whose files only logged-in users see, under `/files/`. Keep it outside every served folder: in one, the web server shows the files to everybody, unless its configuration forbids that. It cannot be the state folder or in it; where it contains the state folder, that is not shown."),
    row("GUARD_DIRS", Setter::Table(|c, rows| c.guard.set_dirs(rows)),
        "no folders", "{ \"/private\" = \"/home/alice/public_html/private\" }",
        "More such folders, as a table: the path with which the URLs begin, percent-encoded, and the folder. The web server has to pass these URLs to signet, as `apache/private.htaccess` does, and `SESSION_COOKIE_PATH` or `APPLICATION_ROOT` has to cover them."),
    row("GUARD_LISTING", Setter::Bool(|c, on| c.guard.listing = on),
        "false", "true",
        "Whether a protected folder without `index.html` shows the names of its files."),
    row("X_SENDFILE", Setter::Text(|c, text| {
            let choices = [
                ("lighttpd", XSendfile::Lighttpd),
                ("apache", XSendfile::Apache),
                ("nginx", XSendfile::Nginx),
            ];
            choose(text, str::eq, &choices).map(|server| c.guard.x_sendfile = Some(server))
        }),
        "signet sends files itself", "\"lighttpd\"",
        "The web server that sends protected files in place of signet: `lighttpd`, `apache` or `nginx`. Set it only if that is configured there: otherwise visitors get an empty file and its path."),
    row("LOGIN_URL", Setter::Text(|c, text| parse(text).map(|url| c.login_url = Some(url))),
        "signet's own login", "\"/account/login\"",
        "The path of another login on this host, such as that of a Flask application with the same key. Then signet has no login, logout and password page and no list of sessions of its own, the users file is not read, and everybody whose session has a `username` is logged in."),
    row("DOCTOR_USERS", Setter::List(|c, names| {
            c.doctor_users = names.into_iter().map(str::to_owned).collect();
            Ok(())
        }),
        "no users", "[\"alice\"]",
        "Users who may open the page `/doctor`, which shows what is right and wrong with the site, after they logged in with a password. They also see paths and the texts of the error log there."),
    row("TEMPLATES_DIR", TEMPLATES_DIR,
        "`templates` in the state folder, if it exists", "\"/home/alice/pages\"",
        "The folder of your own pages: `index.html`, `login.html`, `logout.html`, `password.html`, `sessions.html`, `listing.html`, `error.html`."),
    row("DEBUG", Setter::Bool(|c, on| c.debug = on),
        "false", "true",
        "Whether error pages show the reasons that are otherwise only in the error log. Do not set it on a public site."),
];

#[cfg(feature = "redis")]
const REDIS_URL: Setter = Setter::Text(|c, text| {
    let url = RedisUrl::parse(text);
    c.redis.url = Some(url.map_err(Expected::from)?);
    Ok(())
});
#[cfg(not(feature = "redis"))]
const REDIS_URL: Setter = WITHOUT_REDIS;

#[cfg(feature = "redis")]
const KEY_PREFIX: Setter = Setter::Text(|c, text| {
    if text.len() > MAX_KEY_PREFIX || text.contains(char::is_control) {
        return Err(Expected::KeyPrefix.into());
    }
    c.redis.key_prefix = text.to_owned().into();
    Ok(())
});
#[cfg(not(feature = "redis"))]
const KEY_PREFIX: Setter = WITHOUT_REDIS;

#[cfg(not(feature = "redis"))]
const WITHOUT_REDIS: Setter = Setter::Text(|_, _| Err(Expected::NoRedis.into()));

#[cfg(feature = "templates")]
const TEMPLATES_DIR: Setter = Setter::Path(|c, path| c.templates_dir = Some(path));
#[cfg(not(feature = "templates"))]
const TEMPLATES_DIR: Setter = Setter::Text(|_, _| Err(Expected::NoTemplates.into()));

const fn row(
    name: &'static str,
    setter: Setter,
    default: &'static str,
    example: &'static str,
    about: &'static str,
) -> Setting {
    Setting {
        name,
        default,
        example,
        about,
        setter,
        secret: Secret::No,
    }
}

impl Setting {
    /// The setting of this name.
    pub(super) fn named(name: &[u8]) -> Option<&'static Self> {
        SETTINGS
            .iter()
            .find(|setting| setting.name.as_bytes() == name)
    }

    /// What it does, for a reader of another document than `deploy/README.md`:
    /// `[Languages](#languages)` becomes `"Languages" in deploy/README.md`.
    pub(crate) fn prose(&self) -> String {
        let link = self.about.split_once('[').and_then(|(before, rest)| {
            let (heading, rest) = rest.split_once("](#")?;
            Some((before, heading, rest.split_once(')')?.1))
        });
        match link {
            Some((before, heading, after)) => {
                format!("{before}\"{heading}\" in deploy/README.md{after}")
            }
            None => self.about.to_owned(),
        }
    }

    const fn secret(self, secret: Secret) -> Self {
        Self { secret, ..self }
    }
}

/// Parses a text.
fn parse<T: FromStr<Err: Into<Expected>>>(text: &str) -> Result<T, WrongValue> {
    text.parse()
        .map_err(|err: T::Err| WrongValue::from(err.into()))
}

/// As [`parse`]; `None` for an empty text, which means Python's `None` in a settings file
/// that Flask also reads.
fn parse_unless_empty<T: FromStr<Err: Into<Expected>>>(
    text: &str,
) -> Result<Option<T>, WrongValue> {
    match text {
        "" => Ok(None),
        text => parse(text).map(Some),
    }
}

/// One of some words.
fn choose<T: Copy>(
    text: &str,
    is: fn(&str, &str) -> bool,
    choices: &[(&'static str, T)],
) -> Result<T, WrongValue> {
    if let Some((_, choice)) = choices.iter().find(|(word, _)| is(word, text)) {
        return Ok(*choice);
    }
    let words = choices.iter().map(|(word, _)| *word).collect();
    Err(WrongValue::from(Expected::Word(words)).found(text))
}

/// As [`choose`]. Without its Cargo feature, `redis` is a known word too.
fn choose_store<T: Copy>(text: &str, choices: &[(&'static str, T)]) -> Result<T, WrongValue> {
    #[cfg(not(feature = "redis"))]
    if text == "redis" {
        return Err(Expected::NoRedis.into());
    }
    choose(text, str::eq, choices)
}

impl Config {
    fn has_redis_password(&self) -> bool {
        #[cfg(feature = "redis")]
        let has = self.redis.url.as_ref().is_some_and(RedisUrl::has_password);
        #[cfg(not(feature = "redis"))]
        let has = false;
        has
    }

    fn set_fallbacks(&mut self, keys: Vec<&str>) -> Result<(), WrongValue> {
        self.fallbacks.clear();
        self.refused_fallbacks.clear();
        for (at, text) in keys.into_iter().enumerate() {
            match Key::new(text.into()) {
                Ok(key) => self.fallbacks.push(key),
                Err(reason) => {
                    let refused = format!("SECRET_KEY_FALLBACKS[{at}] {reason}");
                    self.refused_fallbacks.push(refused);
                }
            }
        }
        Ok(())
    }

    fn refuse_fallbacks(&mut self, file: &Path) {
        if !self.fallbacks.is_empty() {
            self.fallbacks.clear();
            self.refused_fallbacks = vec![format!(
                "SECRET_KEY_FALLBACKS is in {}, which other users can read",
                file.display()
            )];
        }
    }

    /// All settings at their defaults.
    pub(super) fn defaults(
        #[cfg_attr(not(feature = "redis"), expect(unused_variables))] program: &Program,
        state_dir: Result<TrustedFolder, StateDirError>,
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
            languages: Languages::default(),
            demo_note: true,
            password_change: true,
            guard: GuardSettings::default(),
            guard_dir_place: None,
            guard_dirs_place: None,
            login_url: None,
            #[cfg(feature = "templates")]
            templates_dir: None,
            session_type: SessionType::default(),
            overflow: None,
            #[cfg(feature = "redis")]
            redis: super::redis::RedisSettings::new(program.key_prefix()),
            given_session_dir: None,
            session_file_dir: None,
            given_users_file: None,
            users_file: None,
            given_groups_file: None,
            groups_file: None,
            guard_users: AccessRules::default(),
            doctor_users: Vec::new(),
            file: None,
            file_stamp: None,
            signer: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value;

    /// `SETTING = VALUE`, applied to the defaults and shown.
    fn set(setting: &Setting, value: &str) -> String {
        let mut config = Config::defaults(
            &Program::SIGNET,
            Err(StateDirError::NoneFound(Vec::new())),
            0,
        );
        // Setting the default has another meaning: see its description.
        #[cfg(feature = "redis")]
        if setting.name == "SESSION_REDIS" {
            config.redis.url = Some(RedisUrl::default());
        }
        if !value.is_empty() {
            let text = format!("{} = {value}", setting.name);
            for raw in value::from_program(&text, &mut Err).expect(setting.name) {
                raw.apply(&mut config).expect(setting.name);
            }
        }
        format!("{config:?}")
    }

    #[cfg(not(feature = "redis"))]
    #[test]
    fn a_program_that_is_built_without_redis_says_so() {
        for name in ["SESSION_TYPE", "SESSION_OVERFLOW", "SESSION_REDIS"] {
            let mut config = Config::defaults(
                &Program::SIGNET,
                Err(StateDirError::NoneFound(Vec::new())),
                0,
            );
            let text = format!("{name} = \"redis\"");
            let raw = value::from_program(&text, &mut Err).expect(name);
            let err = raw[0].apply(&mut config).expect_err(name);
            let reason = err.to_string();
            assert!(reason.contains("the Cargo feature \"redis\""), "{reason}");
        }
    }

    fn is_built(name: &str) -> bool {
        let optional = [
            ("SESSION_REDIS", cfg!(feature = "redis")),
            ("SESSION_KEY_PREFIX", cfg!(feature = "redis")),
            ("TEMPLATES_DIR", cfg!(feature = "templates")),
        ];
        optional
            .iter()
            .all(|(setting, is_built)| *setting != name || *is_built)
    }

    #[test]
    fn the_printed_default_of_each_setting_is_its_default() {
        let is_toml = |default: &str| {
            matches!(default, "true" | "false")
                || default.starts_with(|c: char| matches!(c, '"' | '[' | '0'..='9'))
        };
        for setting in SETTINGS.iter().filter(|setting| is_built(setting.name)) {
            let (name, unset) = (setting.name, set(setting, ""));
            let default = setting.default.trim_matches('`');
            if is_toml(default) {
                assert_eq!(set(setting, default), unset, "{name}");
            }
            if setting.example != default {
                assert_ne!(set(setting, setting.example), unset, "{name}: its example");
            }
        }
    }
}
