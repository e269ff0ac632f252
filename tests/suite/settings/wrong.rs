//! What is wrong with a setting: no page is served on a guess. stderr names
//! the key and where it stands; the visitor learns neither.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, Mode, mkfifoat};
use signet::config::Program;

use super::program::load;
use super::{login, site};
use crate::support::invariants::{NOTHING, assert_holds};
use crate::support::{Cgi, Output, StateDir};

/// Asserts a 503 that names all of `wanted` on stderr, and returns the rest.
#[track_caller]
fn assert_wrong(name: &str, request: Cgi, wanted: &[&str]) -> Output {
    let out = request.run();
    let response = assert_holds(name, &out, NOTHING);
    assert_eq!(response.status, 503, "{name}: {out}");
    for word in wanted {
        assert!(
            out.errors().contains(word),
            "{name}: no {word:?} on stderr: {out}"
        );
    }
    out
}

/// Setting, what is wrong in TOML, what is wrong in the environment. A dash
/// stands for "nothing of that kind".
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str)] = &[
    ("APPLICATION_ROOT",           "\"app\"",          "app"),
    ("APPLICATION_ROOT",           "\"//evil.example\"", "//evil.example"),
    ("APPLICATION_ROOT",           "\"/%2fevil.example\"", "/app/%252e%252e"),
    ("APPLICATION_ROOT",           "7",                "-"),
    ("DEBUG",                      "\"on\"",           "maybe"),
    ("DEBUG",                      "[]",               "[]"),
    ("DEMO_NOTE",                  "\"no\"",           "perhaps"),
    ("DOCTOR_USERS",               "\"alice\"",        "alice"),
    ("DOCTOR_USERS",               "[1]",              "[1]"),
    ("PASSWORD_CHANGE",            "\"no\"",           "perhaps"),
    ("GUARD_DIR",                  "\"private\"",      "~/private"),
    ("GUARD_DIR",                  "{}",               "./private"),
    ("GUARD_DIRS",                 "\"/home/alice/private\"", "/home/alice/private"),
    ("GUARD_DIRS",                 "{ \"/\" = \"/home/alice\" }", "{\"/\": \"/home/alice\"}"),
    ("GUARD_DIRS",                 "{ private = \"/home/alice\" }", "{\"\": \"/home/alice\"}"),
    ("GUARD_DIRS",                 "{ \"/a/../b\" = \"/home/alice\" }", "{\"/a/./b\": \"/home/alice\"}"),
    ("GUARD_DIRS",                 "{ \"/a/%2e%2e/b\" = \"/home/alice\" }", "{\"/a%2Fb\": \"/home/alice\"}"),
    ("GUARD_DIRS",                 "{ \"/a\" = \"private\" }", "{\"/a\": \"./private\"}"),
    ("GUARD_DIRS",                 "{ \"/a\" = [\"/home/alice\"] }", "{\"/a\": null}"),
    ("GUARD_DIRS",                 "{ \"/a\" = \"/b\", \"/a/\" = \"/c\" }", "{\"/a\": \"/b\", \"/a/\": \"/c\"}"),
    ("GUARD_DIRS",                 "1979-05-27",       "[]"),
    // Browsers do not send the cookie there.
    ("GUARD_DIRS",                 "{ \"/a\" = \"/home/alice\" }", "{\"/a\": \"/home/alice\"}"),
    ("GUARD_LISTING",              "\"yes\"",          "perhaps"),
    ("GROUPS_FILE",                "\"groups\"",       "groups"),
    ("GUARD_USERS",                "[\"ada\"]",        "ada"),
    ("GUARD_USERS",                "{ \"/a\" = \"ada\" }", "{\"/a\":\"ada\"}"),
    ("GUARD_USERS",                "{ \"/a\" = [1] }", "{\"/a\":{\"b\":[]}}"),
    ("GUARD_USERS",                "{ a = [\"ada\"] }", "{\"/100%\":[]}"),
    ("GUARD_USERS",                "1979-05-27",       "{\"/a\":[\"@\"]}"),
    ("GUARD_USERS",                "{ \"/a\" = [], \"/%61\" = [] }", "{\"/a\":null}"),
    ("GUARD_USERS",                "{ DEBUG = true }", "{\"DEBUG\":[]}"),
    ("LANGUAGES",                  "\"de\"",           "de"),
    ("LANGUAGES",                  "[]",               "[]"),
    ("LANGUAGES",                  "[\"it\"]",         "[\"en\", \"it\"]"),
    ("LANGUAGES",                  "[\"de\", \"de\"]", "[\"DE\"]"),
    ("LOGIN_URL",                  "true",             "login"),
    ("LOGIN_URL",                  "\"https://example.org/login\"", "//example.org/login"),
    ("LOGIN_URL",                  "\"/a/../login\"",  "/a%2Flogin"),
    ("LOGIN_URL",                  "\"/login#top\"",   "/login?a b"),
    ("MAX_CONTENT_LENGTH",         "-1",               "-1"),
    ("MAX_CONTENT_LENGTH",         "\"64 KiB\"",       "64 KiB"),
    ("MAX_CONTENT_LENGTH",         "1.5",              "1.5"),
    ("MAX_CONTENT_LENGTH",         "-",                "99999999999999999999999999"),
    ("MAX_COOKIE_SIZE",            "-1",               "-4093"),
    ("MAX_COOKIE_SIZE",            "true",             "true"),
    ("MAX_COOKIE_SIZE",            "\"4093\"",         "\"4093\""),
    ("MAX_COOKIE_SIZE",            "4093.0",           "4093.5"),
        ("PERMANENT_SESSION_LIFETIME", "-5",               "-5"),
    ("PERMANENT_SESSION_LIFETIME", "\"31 days\"",      "31 days"),
    ("PERMANENT_SESSION_LIFETIME", "1979-05-27",       "1e3x"),
    ("SECRET_KEY",                 "12345678901234567", "-"),
    ("SECRET_KEY",                 "[\"a-key-in-a-list-0123\"]", "-"),
    ("SECRET_KEY_FALLBACKS",       "\"a-plain-string-0123\"", "a-plain-string-0123"),
    ("SECRET_KEY_FALLBACKS",       "[1]",              "[1]"),
    ("SECRET_KEY_FALLBACKS",       "-",                "[null]"),
    ("SECRET_KEY_FALLBACKS",       "true",             "{\"a\":1}"),
    ("SECRET_KEY_FILE",            "\"key\"",          "key"),
    ("SECRET_KEY_FILE",            "\"./key\"",        "./key"),
    ("SECRET_KEY_FILE",            "1",                "~/key"),
    ("SESSION_COOKIE_DOMAIN",      "\"a;b\"",          "a;b"),
    ("SESSION_COOKIE_DOMAIN",      "\"a b\"",          "a, b"),
    ("SESSION_COOKIE_DOMAIN",      "\"-a.org\"",       "a-.org"),
    ("SESSION_COOKIE_DOMAIN",      "\"a.-b.org\"",     ".-a.org"),
    ("SESSION_ABSOLUTE_LIFETIME",  "0",                "a week"),
    ("SESSION_FILE_DIR",           "\"sessions\"",     "sessions"),
    ("SESSION_COOKIE_OMIT_SAMESITE", "\"yes\"",        "maybe"),
    ("SESSION_COOKIE_HTTPONLY",    "1.0",              "2"),
    ("SESSION_COOKIE_NAME",        "\"\"",             "-"),
    ("SESSION_KEY_PREFIX",         "1",                "a\u{7}b"),
    ("SESSION_OVERFLOW",           "\"files\"",        "yes"),
    ("SESSION_OVERFLOW",           "true",             "Redis"),
    ("SESSION_REDIS",              "6379",             "localhost:6379"),
    ("SESSION_REDIS",              "\"rediss://h\"",   "rediss://redis.example"),
    ("SESSION_REDIS",              "\"unix://redis.sock\"", "redis://:x"),
    ("SESSION_TYPE",               "\"files\"",        "Redis"),
    ("SESSION_TYPE",               "1",                "memcached"),
    ("SESSION_COOKIE_NAME",        "\"a b\"",          "a b"),
    ("SESSION_COOKIE_NAME",        "\"a=b\"",          "a=b"),
    ("SESSION_COOKIE_NAME",        "\"a;b\"",          "a;b"),
    ("SESSION_COOKIE_NAME",        "\"caf\u{e9}\"",    "caf\u{e9}"),
    ("SESSION_COOKIE_NAME",        "\"a\\r\\nb\"",     "a\r\nb"),
    ("SESSION_COOKIE_NAME",        "true",             "-"),
    ("SESSION_COOKIE_PARTITIONED", "\"true\"",         "partly"),
    ("SESSION_COOKIE_PATH",        "\"app\"",          "app"),
    ("SESSION_COOKIE_PATH",        "\"/a;b\"",         "/a; HttpOnly"),
    ("SESSION_COOKIE_PATH",        "\"/a\\nb\"",       "/a\nb"),
    ("SESSION_COOKIE_SAMESITE",    "\"Sometimes\"",    "Sometimes"),
    ("SESSION_COOKIE_SAMESITE",    "false",            "Lax; Secure"),
    ("SESSION_COOKIE_SECURE",      "\"yes\"",          "always"),
    ("SESSION_DIGEST",             "\"md5\"",          "md5"),
    ("SESSION_DIGEST",             "256",              "sha512"),
    ("SESSION_PERMANENT",          "\"no\"",           "nil"),
    ("SESSION_REFRESH_EACH_REQUEST", "\"each\"",       "each"),
    ("STATE_DIR",                  "\"state\"",        "state"),
    ("STATE_DIR",                  "1",                "../state"),
    ("TEMPLATES_DIR",              "\"templates\"",    "templates"),
    ("TEMPLATES_DIR",              "[]",               "./templates"),
    ("TRUST_PROXY",                "\"127.0.0.1\"",    "127.0.0.1"),
    ("TRUST_PROXY",                "\"Forwarded\"",    "x-forwarded"),
    ("TRUST_PROXY",                "[\"forwarded\"]",  "2"),
    ("USERS_FILE",                 "\"users\"",        "users"),
    ("USERS_FILE",                 "[]",               "../users"),
    ("X_SENDFILE",                 "true",             "on"),
    ("X_SENDFILE",                 "\"litespeed\"",    "Apache"),
    ("NO_SUCH_SETTING",            "1",                "1"),
    ("SESION_COOKIE_NAME",         "\"typo\"",         "typo"),
    ("SESSION_COOKIE_NAME_",       "\"typo\"",         "typo"),
    ("session_cookie_name",        "\"lower\"",        "lower"),
    ("CONFIG",                     "\"/etc/signet.toml\"", "-"),
    ("SIGNET_DEBUG",               "true",             "true"),
];

/// CONTRIBUTING.md: a wrong value of every setting names file, line and setting.
#[test]
fn every_setting_has_a_wrong_value_here() {
    for setting in signet::config::SETTINGS {
        let has_row = WRONG.iter().any(|row| row.0 == setting.name);
        assert!(has_row, "WRONG has no row for {}", setting.name);
    }
}

#[test]
fn wrong_values_in_the_environment() {
    for (setting, _, value) in WRONG.iter().filter(|row| row.2 != "-") {
        for prefix in ["", "REDIRECT_"] {
            let variable = format!("{prefix}SIGNET_{setting}");
            let name = format!("{variable}={value}");
            let wanted = format!("SIGNET_{setting}");
            // In place of the tests' own, which would come first.
            let request = login().without(&wanted).var(&variable, value);
            assert_wrong(&name, request, &[&wanted]);
        }
    }
    assert_wrong("no name", login().var("SIGNET_", "x"), &["SIGNET_"]);
    assert_wrong(
        "no UTF-8",
        login().bytes(b"SIGNET_SESSION_COOKIE_NAME", b"caf\xe9"),
        &["SIGNET_SESSION_COOKIE_NAME"],
    );
    assert_wrong(
        "no UTF-8 in a name",
        login().bytes(b"SIGNET_\xff", b"1"),
        &["SIGNET_"],
    );
}

/// What only resembles the variables of a Kubernetes Service or a Docker link.
#[test]
fn unknown_names_beside_those_of_services() {
    #[rustfmt::skip]
    let cases = [
        ("SIGNET_SERVICE",             "10.0.0.11"),
        ("SIGNET_SERVICE_HOSTS",       "10.0.0.11"),
        ("SIGNET_SERVICE_NAME",        "signet"),
        ("SIGNET_SERVICE_PORT_",       "80"),
        ("SIGNET_SERVICE_PORT_http",   "80"),
        ("SIGNET_PORT",                "8080"),
        ("SIGNET_PORT",                "http://10.0.0.11:80"),
        ("SIGNET_PORT_80",             "tcp://10.0.0.11:80"),
        ("SIGNET_PORT_TCP",            "tcp://10.0.0.11:80"),
        ("SIGNET_PORT_80_HTTP",        "http://10.0.0.11:80"),
        ("SIGNET_PORT_80_TCP_HOST",    "10.0.0.11"),
        ("SIGNET_NAME",                "signet"),
        ("SIGNET_SESION_COOKIE_NAME",  "/"),
        ("SIGNET_ENV",                 "production"),
        ("SIGNET_ENVIRONMENT",         "production"),
        ("SIGNET_HOST",                "10.0.0.11"),
        ("SIGNET__SERVICE_HOST",       "10.0.0.11"),
        ("SIGNET_redis_SERVICE_HOST",  "10.0.0.11"),
        ("SIGNET_SESSION_ENV_TYPE",    "redis"),
        ("SIGNET_SESION_ENV_X",        "1"),
        ("SIGNET_ENV_PATH",            "/usr/bin"),
        ("SIGNET_NAME",                "/web/redis"),
        ("SIGNET_SESION_COOKIE_NAME",  "/a/b"),
        ("SIGNET_SESSION_SERVICE_HOST", "redis"),
        ("SIGNET_SESSION_SERVICE_PORT", "all"),
        ("SIGNET_SERVICE_PORT_HTTP",   "http"),
    ];
    for (variable, value) in cases {
        assert_wrong(variable, login().var(variable, value), &[variable]);
    }
}

#[test]
fn wrong_values_in_the_file() {
    for (setting, value, _) in WRONG.iter().filter(|row| row.1 != "-") {
        let state = site(&format!(
            "# A comment\n\n{setting} = {value}\n\n# The end\n"
        ));
        let name = format!("{setting} = {value}");
        let request = login().without("SIGNET_SECRET_KEY").state(&state);
        assert_wrong(&name, request, &[setting, "signet.toml:3"]);
    }
}

/// Also a value that the environment overrides, and one that no page needs.
#[test]
fn whatever_stands_in_the_file_must_be_right() {
    let state = site("SESSION_COOKIE_NAME = 5\n");
    let request = login()
        .state(&state)
        .var("SIGNET_SESSION_COOKIE_NAME", "good");
    assert_wrong(
        "overridden",
        request,
        &["SESSION_COOKIE_NAME", "signet.toml:1"],
    );
}

#[test]
fn files_that_are_no_toml() {
    #[rustfmt::skip]
    let cases: [(&str, &[u8], &str); 12] = [
        ("no value",         b"DEBUG =\n", "signet.toml:1"),
        ("no quotes",        b"DEBUG = false\nSESSION_COOKIE_NAME = abc\n", "signet.toml:2"),
        ("open quotes",      b"\n\nSESSION_COOKIE_NAME = \"abc\n", "signet.toml:3"),
        ("Python's True",    b"DEBUG = True\n", "signet.toml:1"),
        ("twice",            b"DEBUG = false\n# again\nDEBUG = true\n", "signet.toml:3"),
        ("a table",          b"\n[session]\nDEBUG = true\n", "signet.toml:2: begins a section"),
        ("a dotted key",     b"session.cookie = 1\n", "session"),
        ("an array table",   b"[[DEBUG]]\n", "begins a section"),
        ("no UTF-8",         b"# caf\xe9\nDEBUG = true\n", "signet.toml"),
        ("UTF-16",           b"\xff\xfeD\0E\0B\0U\0G\0", "signet.toml"),
        ("NUL",              b"DEBUG = true\0\n", "signet.toml"),
        ("an ini file",      b"; comment\ndebug: yes\n", "signet.toml:1"),
    ];
    for (name, text, wanted) in cases {
        let state = StateDir::new();
        state.write("signet.toml", text, 0o600);
        assert_wrong(name, login().state(&state), &[wanted]);
    }
}

/// The parser reads on, and misses a comma in a line that is right.
#[test]
fn a_bracket_that_is_missing_is_named_where_the_value_begins() {
    #[rustfmt::skip]
    let cases = [
        ("DEBUG = true\nGUARD_DIRS = { \"/a\" = \"/b\"\nSESSION_COOKIE_PATH = \"/\"\n", 2, "GUARD_DIRS", '}'),
        ("GUARD_DIRS = { \"/a\" = \"/b\"\n",                                     1, "GUARD_DIRS", '}'),
        ("GUARD_DIRS = {\n\"/a\" = \"/b\",\n\"/c\" = \"/d\"\n\n# x\nDEBUG = true\n", 1, "GUARD_DIRS", '}'),
        ("GUARD_DIRS = { \"/a\" = \"/b\",\nDEBUG = true\nDEMO_NOTE = true\n",     1, "GUARD_DIRS", '}'),
        ("GUARD_DIRS = { \"/a\" = \"/b\"\n[GUARD_USERS]\n\"/a\" = []\n",         1, "GUARD_DIRS", '}'),
        ("DEBUG = true\nGUARD_USERS.\"/a\" = [\"x\"\nGUARD_USERS.\"/b\" = []\n", 2, "GUARD_USERS", ']'),
        ("SECRET_KEY_FALLBACKS = [\n\"{{{{{\"\nDEBUG = true\n",                 1, "SECRET_KEY_FALLBACKS", ']'),
    ];
    for (text, line, setting, bracket) in cases {
        let state = StateDir::new();
        state.write("signet.toml", text, 0o600);
        let wanted = [
            format!("signet.toml:{line}: {setting}: "),
            format!("expected `{bracket}`"),
        ];
        let out = assert_wrong(text, login().state(&state), &[&wanted[0], &wanted[1]]);
        let page = out.response().words();
        assert!(page.contains(&format!("line {line}")), "{text}: {page}");
    }
    // A comma that is missing in a line of its own.
    let state = StateDir::new();
    let text = "GUARD_DIRS = {\n\"/a\" = \"/b\"\n\"/c\" = \"/d\" }\n";
    state.write("signet.toml", text, 0o600);
    let wanted = ["signet.toml:3: ", "missing comma"];
    assert_wrong("a comma", login().state(&state), &wanted);
}

/// What a setting names has to be there: a site never falls back to defaults
/// because of a typing error.
#[test]
fn files_that_cannot_be_read() {
    let folder = StateDir::new();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("directory.toml")).expect("mkdir");
    mkfifoat(CWD, path("fifo.toml"), Mode::from_raw_mode(0o600)).expect("mkfifo");
    std::os::unix::fs::symlink("nowhere", path("dangling.toml")).expect("symlink");
    folder.write("long.toml", "# long\n".repeat(2 << 20), 0o600);
    folder.write(
        "deep.toml",
        format!(
            "SECRET_KEY_FALLBACKS = {}{}\n",
            "[".repeat(20_000),
            "]".repeat(20_000)
        ),
        0o600,
    );
    for name in [
        "missing.toml",
        "directory.toml",
        "fifo.toml",
        "dangling.toml",
        "long.toml",
        "deep.toml",
    ] {
        for variable in [
            "SIGNET_CONFIG",
            "SSL_SIGNET_CONFIG",
            "REDIRECT_SIGNET_CONFIG",
        ] {
            let request = login().var(variable, path(name)).address_space(64 << 20);
            assert_wrong(name, request, &[name]);
        }
    }
    for relative in ["site.toml", "./site.toml", "../site.toml", "~/site.toml"] {
        assert_wrong(
            relative,
            login().var("SIGNET_CONFIG", relative),
            &["SIGNET_CONFIG"],
        );
    }
    assert_wrong(
        "/dev/zero",
        login()
            .var("SIGNET_CONFIG", "/dev/zero")
            .address_space(64 << 20),
        &["/dev/zero"],
    );
}

/// The same of the file in the state directory, should it exist.
#[test]
fn state_file_that_cannot_be_read() {
    let state = StateDir::new();
    fs::create_dir(state.path().join("signet.toml")).expect("mkdir");
    assert_wrong("a directory", login().state(&state), &["signet.toml"]);
    let state = StateDir::new();
    mkfifoat(
        CWD,
        state.path().join("signet.toml"),
        Mode::from_raw_mode(0o600),
    )
    .expect("mkfifo");
    assert_wrong("a FIFO", login().state(&state), &["signet.toml"]);
}

/// The page is the visitor's: it shows neither value nor path. With DEBUG it
/// shows what the log has, which is no value of a secret.
#[test]
fn visitors_learn_no_value_and_no_path() {
    let value = "a-value-that-nobody-else-writes";
    for (setting, debug) in [
        ("SESSION_DIGEST", "false"),
        ("SECRET_KEY_FALLBACKS", "true"),
    ] {
        let state = site(&format!("{setting} = \"{value}\"\nDEBUG = {debug}\n"));
        let out = assert_wrong(setting, login().state(&state), &[setting]);
        let page = out.response();
        for hidden in [value, &state.path().display().to_string()] {
            assert!(
                debug == "true" || !page.text().contains(hidden),
                "{hidden}: {out}"
            );
        }
        assert!(
            setting == "SESSION_DIGEST" || !out.errors().contains(value),
            "{out}"
        );
        assert!(
            setting == "SESSION_DIGEST" || !page.text().contains(value),
            "{out}"
        );
    }
}

/// Every route and method gets the same answer: settings come first.
#[test]
fn no_page_is_served_on_a_guess() {
    for (method, target) in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("POST", "/login"),
        ("GET", "/nowhere"),
        ("PUT", "/"),
    ] {
        let request = Cgi::new(method, target).var("SIGNET_NO_SUCH_SETTING", "1");
        assert_wrong(target, request, &["SIGNET_NO_SUCH_SETTING"]);
    }
}

/// Nothing is made where it leads.
#[test]
fn a_relative_state_folder_is_wrong() {
    let folder = StateDir::new();
    let script = format!("cd '{}' && exec \"$0\" \"$@\"", folder.path().display());
    let request = login().var("SIGNET_STATE_DIR", "state");
    let request = request.through(&["/bin/sh", "-c", &script]);
    assert_wrong("a relative path", request, &["SIGNET_STATE_DIR"]);
    assert_eq!(folder.snapshot().names(), Vec::<&Path>::new());
}

/// A password is for its owner's eyes: not in a file that others can read, and
/// in no message.
#[test]
fn the_password_of_redis_is_kept() {
    const URL: &str = "redis://:hunter22@127.0.0.1:1";
    let settings = format!("SESSION_TYPE = \"redis\"\nSESSION_REDIS = \"{URL}\"\n");
    for (mode, words) in [(0o644, "chmod 600"), (0o600, "Redis at 127.0.0.1:1")] {
        let state = StateDir::new();
        state.write("signet.toml", &settings, mode);
        let request = Cgi::post("/login", "username=ada").state(&state);
        let out = assert_wrong("a password", request, &[words]);
        let said = format!("{}{}", out.errors(), out.response().text());
        assert!(!said.contains("hunter22"), "{said}");
    }
    let wrong = Cgi::get("/").var("SIGNET_SESSION_REDIS", "redis://:hunter22@h:x");
    let out = assert_wrong("a bad port", wrong, &["SIGNET_SESSION_REDIS"]);
    assert!(!out.errors().contains("hunter22"), "{out}");
}

/// In the environment, where an unknown name is reported as it is in a file.
#[test]
fn a_misspelt_name_suggests_the_setting_that_was_meant() {
    #[rustfmt::skip]
    let cases = [
        ("SESION_TYPE",             Some("SESSION_TYPE")),
        ("SESSION_TPYE",            Some("SESSION_TYPE")),
        ("SESSION_TYPES",           Some("SESSION_TYPE")),
        ("session_type",            Some("SESSION_TYPE")),
        ("SIGNET_SESSION_TYPE",     Some("SESSION_TYPE")),
        ("SESSIONTYPE",             Some("SESSION_TYPE")),
        ("SECRETKEY",               Some("SECRET_KEY")),
        ("SECRET_KEYS",             Some("SECRET_KEY")),
        ("SECRET_KEY_FALLBACK",     Some("SECRET_KEY_FALLBACKS")),
        ("SESSION_COOKIE_SAME_SITE", Some("SESSION_COOKIE_SAMESITE")),
        ("SESSION_COOKIE_HTTP_ONLY", Some("SESSION_COOKIE_HTTPONLY")),
        ("SESSION_COKIE_SECURE",    Some("SESSION_COOKIE_SECURE")),
        ("MAX_CONTENT_LENGHT",      Some("MAX_CONTENT_LENGTH")),
        ("PERMANENT_SESION_LIFETIME", Some("PERMANENT_SESSION_LIFETIME")),
        ("TEMPLATE_DIR",            Some("TEMPLATES_DIR")),
        ("TEMPLATES_FOLDER",        Some("TEMPLATES_DIR")),
        ("STATE_DIRECTORY",         Some("STATE_DIR")),
        ("TRUST_PROXIES",           Some("TRUST_PROXY")),
        ("Debug",                   Some("DEBUG")),
        ("NO_SUCH_SETTING",         None),
        ("SQLALCHEMY_DATABASE_URI", None),
        ("TESTING",                 None),
        ("PORT",                    None),
        ("hunter22",                None),
        ("",                        None),
    ];
    for (name, want) in cases {
        let variable = format!("SIGNET_{name}");
        let err = load(&Program::SIGNET, &[(&variable, "value")]).expect_err(name);
        let meant = err.split_once("did you mean SIGNET_");
        let meant = meant.and_then(|(_, meant)| meant.strip_suffix('?'));
        assert_eq!(meant, want, "{name}: {err}");
    }
}
