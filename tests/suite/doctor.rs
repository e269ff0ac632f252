//! The doctor: who may see its page, what it finds, and that it changes nothing.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signet::http::Method;
use signet::testing::Client;

use crate::fastcgi;
use crate::support::application::{Application, program_at};
use crate::support::{
    ADA, Cgi, KEY, StateDir, copy_program, others_can_enter, state_root, tested_program,
};

const PASSWORD: &str = "correct horse";

const WORD: &str = "k3VtZ 8qLw 27 staple";

/// The time of a test client.
const NOW: u64 = 1_767_225_600;

/// A file `doctor.on` that was put into the state folder at this time.
fn put(state: &StateDir, word: &str, mode: u32, at: SystemTime) {
    let path = state.write("doctor.on", word, 0o600);
    let file = File::options().write(true).open(&path).expect("open it");
    file.set_modified(at).expect("set its time");
    drop(file);
    state_mode(&path, mode);
}

fn state_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn open(state: &StateDir, word: &str) {
    put(state, word, 0o600, at(NOW));
}

/// Asserts that the page has all these words; `case` is the case's name.
#[track_caller]
fn assert_says(case: &str, page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "{case}: no {word:?} in: {page}");
    }
}

fn log_in(client: &mut Client<'_>, name: &str) {
    let form = [("username", name), ("password", PASSWORD)];
    let page = client.post("/login", &form).text();
    assert!(page.contains(&format!("Logged in as {name}")), "{page}");
}

/// Whoever may not see the page gets what every other path without a page gets.
#[test]
fn without_a_reason_to_show_it_the_page_is_missing_like_any_other() {
    let server = signet::app::server();
    let state = StateDir::new();
    state.write("users", ADA, 0o600);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let large = "word=".to_owned() + &"a".repeat(100_000);
    let mut client = Client::new(&server)
        .state_dir(state.path())
        .setting("DOCTOR_USERS", r#"["bob"]"#);
    log_in(&mut client, "ada");
    for (method, headers, body) in [
        (Method::GET, &[][..], ""),
        (Method::HEAD, &[], ""),
        (Method::POST, &[form], "word=k3VtZ+8qLw+27+staple"),
        (Method::POST, &[form], &large),
        (Method::POST, &[], "{}"),
        (Method::PUT, &[], ""),
        (Method::OPTIONS, &[], ""),
    ] {
        let [asked, other] = ["/doctor", "/nothing"]
            .map(|path| client.send(method.clone(), path, headers, body.as_bytes()));
        assert_eq!(asked.status, 404, "{method}: {}", asked.text());
        assert_eq!(asked.status, other.status, "{method}");
        assert_eq!(asked.headers, other.headers, "{method}");
        assert_eq!(asked.body, other.body, "{method}");
    }
}

/// A site without a state folder of its own: the first visit would create one.
fn new_site(state: &StateDir) -> Cgi {
    Cgi::get("/doctor")
        .state(state)
        .without("SIGNET_SECRET_KEY")
}

#[test]
fn a_new_site_is_examined_and_nothing_is_created() {
    let state = StateDir::new();
    let before = state.snapshot();
    let out = new_site(&state).run();
    let response = out.response();
    assert_eq!(response.status, 200, "{out}");
    let page = response.words();
    assert!(page.contains("There is no secret key yet."), "{page}");
    assert!(page.contains(env!("CARGO_PKG_VERSION")), "{page}");
    let folder = state.path().display().to_string();
    assert!(!page.contains(&folder), "a path for everybody: {page}");
    assert_eq!(state.snapshot(), before);
    // Whoever knows a key or a user can be logged in.
    for (name, text) in [
        ("secret_key", KEY),
        ("users", ADA),
        ("users.seen", ""),
        ("signet.toml", "SECRET_KEY = \"\n"),
    ] {
        let state = StateDir::new();
        state.write(name, text, 0o600);
        let out = new_site(&state).run();
        assert_ne!(out.response().status, 200, "{name}: {out}");
    }
}

#[test]
fn a_file_opens_the_page_for_an_hour() {
    let server = signet::app::server();
    #[rustfmt::skip]
    let cases = [
        // name              put at       mode   status
        ("just now",         NOW,         0o644, 200),
        ("59 minutes ago",   NOW - 3540,  0o600, 200),
        ("an hour ago",      NOW - 3600,  0o600, 404),
        ("a minute ahead",   NOW + 60,    0o600, 200),
        ("a day ahead",      NOW + 86400, 0o600, 404),
        ("others can write", NOW,         0o666, 404),
    ];
    for (name, time, mode, status) in cases {
        let state = StateDir::new();
        put(&state, "", mode, at(time));
        let mut client = Client::new(&server).state_dir(state.path());
        let response = client.get("/doctor");
        assert_eq!(response.status, status, "{name}: {}", response.log);
        let is_logged = response.log.contains("doctor.on");
        assert_eq!(is_logged, mode == 0o666, "{name}: {}", response.log);
    }
}

#[test]
fn the_word_in_the_file_shows_paths_and_log() {
    let server = signet::app::server();
    let state = StateDir::new();
    open(&state, WORD);
    let folder = state.path().display().to_string();
    let mut client = Client::new(&server).state_dir(state.path());
    assert!(!client.get("/doctor").text().contains(&folder));

    let wrong = client.post("/doctor", &[("word", "k3VtZ 8qLw 27 stable")]);
    assert_eq!(wrong.status, 403);
    assert!(!wrong.text().contains(&folder));
    assert!(!client.get("/doctor").text().contains(&folder));

    let right = client.post("/doctor", &[("word", WORD)]);
    assert_eq!(right.status, 200);
    assert!(right.text().contains(&folder), "{}", right.text());
    assert!(!right.text().contains(WORD));
    // The browser keeps what it has shown.
    assert!(client.get("/doctor").text().contains(&folder));

    // Another browser, one with any other code, and the same one after the file was changed.
    let mut other = Client::new(&server).state_dir(state.path());
    other.set_cookie("session_doctor", &"0".repeat(64));
    assert!(!other.get("/doctor").text().contains(&folder));
    fs::remove_file(state.path().join("doctor.on")).expect("remove it");
    assert_eq!(client.get("/doctor").status, 404);
    open(&state, WORD);
    assert!(!client.get("/doctor").text().contains(&folder));
}

#[test]
fn a_word_that_others_can_read_or_guess_shows_no_paths() {
    let server = signet::app::server();
    for (name, word, folder_mode, mode, note) in [
        (
            "short",
            "k3VtZ8qLw27",
            0o700,
            0o600,
            "has 11 bytes, fewer than 16",
        ),
        (
            "a pattern",
            "abababababababab",
            0o700,
            0o600,
            "is a pattern",
        ),
        (
            "readable",
            WORD,
            0o755,
            0o644,
            "other users can read the word",
        ),
    ] {
        let state = StateDir::new();
        state_mode(state.path(), folder_mode);
        put(&state, word, mode, at(NOW));
        let parent = state.path().parent().expect("its folder");
        state_mode(parent, 0o755);
        if name == "readable" && !others_can_enter(parent) {
            continue;
        }
        let mut client = Client::new(&server).state_dir(state.path());
        let page = client.get("/doctor").text();
        assert!(page.contains(note), "{name}: {page}");
        let answer = client.post("/doctor", &[("word", word)]);
        let folder = state.path().display().to_string();
        assert!(!answer.text().contains(&folder), "{name}");
        assert_eq!(answer.status, 403, "{name}");
    }
}

/// However many words are tried, other visitors do not wait.
#[test]
fn for_a_wrong_word_nothing_is_examined() {
    let server = signet::app::server();
    let state = StateDir::new();
    open(&state, WORD);
    let mut client = Client::new(&server).state_dir(state.path());
    assert!(client.get("/doctor").text().contains("<table"));
    let answer = client.post("/doctor", &[("word", "another")]);
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("That is not the word"));
    assert!(!answer.text().contains("<table"), "{}", answer.text());
}

/// The page takes longer than others, so it is made for one stranger at a time.
#[test]
fn while_a_stranger_loads_the_page_others_are_asked_to_reload_it() {
    let server = signet::app::server();
    let state = StateDir::new();
    open(&state, WORD);
    let [mut owner, mut stranger] = [(); 2].map(|()| Client::new(&server).state_dir(state.path()));
    assert_eq!(owner.post("/doctor", &[("word", WORD)]).status, 200);
    let file = File::open(state.path().join("doctor.on")).expect("open it");
    file.lock().expect("lock it");
    let answer = stranger.get("/doctor");
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    let page = answer.text();
    assert!(page.contains("reload it in a second"), "{page}");
    assert!(!page.contains("<table"), "{page}");
    // The word helps whoever knows it.
    assert_eq!(owner.get("/doctor").status, 200);
    assert_eq!(stranger.post("/doctor", &[("word", WORD)]).status, 200);
    file.unlock().expect("unlock it");
    let mut stranger = Client::new(&server).state_dir(state.path());
    assert_eq!(stranger.get("/doctor").status, 200);
}

/// Web servers that run as the same user show the file to everybody.
#[test]
fn a_word_in_a_served_folder_shows_no_paths() {
    let home = StateDir::new();
    let program = home.path().join("signet.cgi");
    copy_program(tested_program(), &program);
    home.write("doctor.on", WORD, 0o600);
    let run = |request: Cgi| {
        let request = request.program(&program).var("DOCUMENT_ROOT", home.path());
        request.run()
    };
    let page = run(Cgi::get("/doctor")).response().words();
    assert!(page.contains("visitors may read the word"), "{page}");
    let form = format!("word={}", WORD.replace(' ', "+"));
    let out = run(Cgi::post("/doctor", form));
    assert_eq!(out.response().status, 403, "{out}");
}

/// A setting that cannot be used may have been meant to name the key or the users.
#[test]
fn a_site_whose_key_or_users_may_be_elsewhere_is_not_shown() {
    for (name, value) in [
        ("STATE_DIR", "relative/state"),
        ("SECRET_KEY_FILE", "key"),
        ("USERS_FILE", "users.txt"),
        ("LOGIN_URL", "login"),
        ("USER_FILE", "/srv/users.txt"),
    ] {
        let state = StateDir::new();
        let out = new_site(&state).var(format!("SIGNET_{name}"), value).run();
        assert_ne!(out.response().status, 200, "{name}: {out}");
    }
    let state = StateDir::new();
    let out = new_site(&state).var("SIGNET_DEBUG", "maybe").run();
    assert_eq!(out.response().status, 200, "{out}");
}

#[test]
fn users_of_the_setting_see_the_page_after_a_login_with_a_password() {
    let server = signet::app::server();
    let state = StateDir::new();
    let folder = state.path().display().to_string();
    let client = || {
        Client::new(&server)
            .state_dir(state.path())
            .setting("DOCTOR_USERS", r#"["ada"]"#)
    };
    // The demo accepts any name.
    let mut demo = client();
    demo.post("/login", &[("username", "ada")]);
    assert_eq!(demo.get("/doctor").status, 404);

    let bob = ADA.replace("ada:", "bob:");
    state.write("users", format!("{ADA}{bob}"), 0o600);
    assert_eq!(client().get("/doctor").status, 404);
    let mut client = client();
    log_in(&mut client, "bob");
    assert_eq!(client.get("/doctor").status, 404);
    log_in(&mut client, "ada");
    let page = client.get("/doctor");
    assert_eq!(page.status, 200);
    assert!(page.text().contains(&folder), "{}", page.text());
    assert!(!page.text().contains("$2y$"), "a hash: {}", page.text());
}

#[test]
fn a_cookie_is_checked_in_two_steps() {
    let server = signet::app::server();
    let state = StateDir::new();
    open(&state, "");
    let client = || Client::new(&server).state_dir(state.path());
    let first = client().get("/doctor").text();
    assert!(first.contains("href=\"/doctor?cookie=1\""), "{first}");
    let lost = client().get("/doctor?cookie=1").text();
    let (_, row) = lost
        .split_once("The browser did not send the test cookie back")
        .expect("the cookie is lost");
    // No command can tell.
    let (row, _) = row.split_once("</tr>").expect("the row ends");
    assert!(row.contains("Allow cookies"), "{row}");
    assert!(!row.contains("With a shell"), "{row}");
    let mut client = client();
    client.get("/doctor");
    let back = client.get("/doctor?cookie=1").text();
    assert!(back.contains("The browser accepts cookies."), "{back}");
}

/// Every 503 page says how to see more; in a browser that knows the word, error pages show
/// the log.
#[test]
fn error_pages_lead_to_the_page_and_show_the_log_to_whoever_knows_the_word() {
    let server = signet::app::server();
    let state = StateDir::new();
    state.write("signet.toml", "SESION_TYPE = \"cookie\"\n", 0o600);
    let log = format!("{}/signet.toml:1", state.path().display());
    let mut client = Client::new(&server).state_dir(state.path());
    let page = client.get("/");
    assert_eq!(page.status, 503);
    for word in ["doctor.on", "href=\"/doctor\""] {
        assert!(page.text().contains(word), "{}", page.text());
    }
    open(&state, WORD);
    assert!(!client.get("/").text().contains(&log));
    let found = client.post("/doctor", &[("word", WORD)]);
    assert!(found.text().contains(&log), "{}", found.text());
    let page = client.get("/");
    assert_eq!(page.status, 503);
    assert!(page.text().contains(&log), "{}", page.text());
    assert!(!client.get("/nothing-else").text().contains("SECRET"));
}

/// By FastCGI, the length of a form is limited before the settings are read.
#[test]
fn the_word_is_taken_while_the_settings_are_wrong() {
    let state = StateDir::new();
    state.write("signet.toml", "SESION_TYPE = \"cookie\"\n", 0o600);
    put(&state, WORD, 0o600, SystemTime::now());
    let form = format!("word={}", WORD.replace(' ', "+"));
    let out = Cgi::post("/doctor", form).state(&state).run();
    let response = out.response();
    assert_eq!(response.status, 200, "{out}");
    let path = state.path().join("signet.toml");
    assert!(
        response.text().contains(&path.display().to_string()),
        "{out}"
    );
}

#[test]
fn no_finding_shows_a_secret() {
    let server = signet::app::server();
    let state = StateDir::new();
    open(&state, WORD);
    state.write("users", ADA, 0o600);
    state.write("secret_key", KEY, 0o600);
    let mut client = Client::new(&server)
        .state_dir(state.path())
        .setting("SESSION_REDIS", "redis://:hidden-password@127.0.0.1:1")
        .setting("SESSION_TYPE", "redis")
        .setting("SECRET_KEY_FALLBACKS", r#"["hidden-fallback"]"#);
    let page = client.post("/doctor", &[("word", WORD)]).text();
    assert!(page.contains("redis-cli ping"), "{page}");
    for secret in [KEY, "hidden-", "$2y$", WORD] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
}

type SetUp = fn(&StateDir, Cgi) -> Cgi;

/// What goes wrong when a site is set up, as far as a program that runs can see it: the
/// cause and the remedies on the page. `STATE` is the name of the state folder, `SIGNET` is how a
/// shell starts the program. For what happens before, see [`NOT_STARTED`].
#[rustfmt::skip]
const FAULTS: &[(&str, SetUp, &[&str])] = &[
    ("a misspelt setting, and another one", |state, request| {
        state.write("signet.toml", "SESION_TYPE = \"cookie\"\nDEBUG = \"maybe\"\n", 0o600);
        request
    }, &["signet.toml, line 1", "Did you mean SESSION_TYPE?", "signet.toml, line 2", "expected true or false",
         "With FTP: Download the file", "With a shell: SIGNET doctor"]),
    ("a file of UTF-16", |state, request| {
        state.write("signet.toml", b"\xff\xfeD\0E\0", 0o600);
        request
    }, &["signet.toml, line 1", "save the file as UTF-8", "With FTP:"]),
    ("a file of Latin-1", |state, request| {
        state.write("signet.toml", b"DEBUG = false\n# gr\xfc\xdfe\n", 0o600);
        request
    }, &["signet.toml, line 2", "save the file as UTF-8", "With FTP:"]),
    ("values that settings do not have", |state, request| {
        state.write("signet.toml", "SESSION_TYPE = \"files\"\nPERMANENT_SESSION_LIFETIME = \"31 days\"\n", 0o600);
        request
    }, &["signet.toml, line 1, setting SESSION_TYPE", "signet.toml, line 2, setting PERMANENT_SESSION_LIFETIME", "With FTP: Download the file"]),
    ("a bare word", |state, request| {
        state.write("signet.toml", "DEBUG = false\nSESSION_TYPE = files\n", 0o600);
        request
    }, &["signet.toml, line 2", "With FTP: Download the file"]),
    ("a folder in the place of the settings", |state, request| {
        fs::create_dir(state.path().join("signet.toml")).expect("mkdir");
        request
    }, &["signet.toml", "With FTP: Download the file"]),
    ("a key that others can read", |state, request| {
        state_mode(state.path(), 0o755);
        state.write("secret_key", KEY, 0o644);
        request.without("SIGNET_SECRET_KEY")
    }, &["can be read by other users of this computer (permissions 644)", "set its permissions to 600", "chmod 600 secret_key"]),
    ("a weak key", |state, request| {
        state.write("secret_key", "changeme", 0o600);
        request.without("SIGNET_SECRET_KEY")
    }, &["is a published example key", "Delete the file secret_key", "rm secret_key && SIGNET key new --file secret_key"]),
    ("a key in a script that others can read", |state, request| {
        state_mode(state.path(), 0o755);
        let script = state.write("site.cgi", format!("#!/usr/bin/env signet\nSECRET_KEY = \"{KEY}\"\n"), 0o755);
        request.without("SIGNET_SECRET_KEY").var("SIGNET_CONFIG", script)
    }, &["The settings script holds a secret key", "chmod 700 site.cgi"]),
    ("a key file that does not exist", |state, request| {
        request.without("SIGNET_SECRET_KEY").var("SIGNET_SECRET_KEY_FILE", state.path().join("my_key"))
    }, &["“my_key” does not exist", "Write 64 random letters and digits", "SIGNET key new --file my_key"]),
    ("a users file with a mistake", |state, request| {
        state.write("users", format!("{ADA}bob\n"), 0o600);
        request
    }, &["Users in the file “users”: 2.", "Line 2 of the users file: there is no colon after the name.",
         "With FTP: Download the users file", "SIGNET user check"]),
    ("a users file without users", |state, request| {
        state.write("users", "# nobody yet\n", 0o600);
        request
    }, &["wrong Users The users file has no users. The owner of this site can upload a file add_users.txt", "SIGNET user add NAME"]),
    ("a limit of the host", |_, request| request.through(&["/usr/bin/prlimit", "--fsize=2097152"]),
        &["A file may have 2 MiB", "Ask your host for a higher limit", "ulimit -f"]),
    ("no users", |_, request| request,
        &["anybody can log in by any name", "add_users.txt", "SIGNET user add NAME"]),
    ("a template with a mistake", |state, request| {
        state.write("templates/index.html", "<p>{% if %}</p>", 0o600);
        request
    }, &["The template index.html has a mistake in line 1", "upload it again", "SIGNET print templates index.html"]),
    ("a mistake in own texts", |state, request| {
        state.write("translations/de.toml", "\n\"a\" = 1\n", 0o600);
        request
    }, &["In the file translations/de.toml, line 2: expected a text in quotes", "upload it again"]),
    ("a template with texts, which is right", |state, request| {
        state.write("templates/index.html", "{{ lang }}{{ _('%(n)s', n=1) }}{{ ngettext('a', 'b', 2) }}", 0o600);
        state.write("translations/de.toml", "\"a\" = [\"b\", \"c\"]\n", 0o600);
        request
    }, &["Own pages, all of which can be shown: 1."]),
    ("a template with an unknown variable", |state, request| {
        state.write("templates/login.html", "{{ usrname }}", 0o600);
        request
    }, &["uses a variable that does not exist", "upload it again"]),
    ("no folder of templates", |state, request| {
        request.var("SIGNET_TEMPLATES_DIR", state.path().join("pages"))
    }, &["The folder that TEMPLATES_DIR names does not exist", "TEMPLATES_DIR in signet.toml", "mkdir pages"]),
    ("a proxy with HTTPS", |_, request| request.var("HTTP_X_FORWARDED_PROTO", "https"),
        &["X-Forwarded-Proto", "TRUST_PROXY = true", "echo 'TRUST_PROXY = true' >> STATE/signet.toml"]),
    ("plain HTTP", |_, request| request,
        &["others on the way can read passwords", "Switch on HTTPS"]),
    ("a cookie for HTTPS only", |_, request| request.var("SIGNET_SESSION_COOKIE_SECURE", "true"),
        &["browsers do not keep the cookie", "Switch on HTTPS", "grep -s SESSION_COOKIE_SECURE .htaccess"]),
    ("a cookie for HTTPS only, by a file", |state, request| {
        state.write("signet.toml", "SESSION_COOKIE_SECURE = true\n", 0o600);
        request
    }, &["browsers do not keep the cookie", "grep -s SESSION_COOKIE_SECURE signet.toml .htaccess"]),
    ("a cookie for another path", |_, request| request.var("SIGNET_SESSION_COOKIE_PATH", "/elsewhere"),
        &["SESSION_COOKIE_PATH does not fit this site (/app)", "Remove or correct the line SESSION_COOKIE_PATH"]),
    ("no PATH_INFO", |_, request| {
        request.without("PATH_INFO").var("QUERY_STRING", "r=/doctor").var("REQUEST_URI", "/app?r=/doctor")
    }, &["(?r=/login)", "upload the .htaccess", "SIGNET print htaccess"]),
    ("Redis does not run", |_, request| {
        request.var("SIGNET_SESSION_TYPE", "redis").var("SIGNET_SESSION_REDIS", "redis://127.0.0.1:1")
    }, &["Sessions are in Redis, but it cannot be used", "ask your host whether Redis runs", "redis-cli ping"]),
    ("DEBUG on a public site", |_, request| request.var("SIGNET_DEBUG", "true"),
        &["error pages show the error log to everybody", "Remove or correct the line DEBUG"]),
    ("a protected folder without users", |state, request| {
        fs::create_dir(state.path().with_file_name("private")).expect("mkdir");
        request.var("SIGNET_GUARD_DIR", state.path().with_file_name("private"))
    }, &["there is no users file. So nobody sees the folder.", "add_users.txt"]),
    ("a protected folder that does not exist", |state, request| {
        request.var("SIGNET_GUARD_DIR", state.path().with_file_name("private"))
    }, &["GUARD_DIR: “private” does not exist", "install -d"]),
    ("a protected folder of the site", |state, request| {
        let root = state.path().with_file_name("site");
        fs::create_dir_all(root.join("private")).expect("mkdir");
        request.var("SIGNET_GUARD_DIR", root.join("private")).var("DOCUMENT_ROOT", root)
    }, &["The folder of /app/files/ is inside a folder that the web server serves.", "Move the folder out of the web folders", "mv private ~/private"]),
    ("a file of groups that does not exist", |state, request| {
        fs::create_dir(state.path().with_file_name("private")).expect("mkdir");
        request.var("SIGNET_GUARD_DIR", state.path().with_file_name("private"))
            .var("SIGNET_GROUPS_FILE", state.path().join("groups"))
    }, &["The file of groups that the setting GROUPS_FILE names does not exist", "Upload the file of groups again"]),
];

#[test]
fn each_fault_has_its_cause_and_remedy_on_the_page() {
    for (name, set_up, wanted) in FAULTS {
        let state = StateDir::new();
        put(&state, "", 0o600, SystemTime::now());
        let out = set_up(&state, Cgi::get("/doctor").state(&state)).run();
        let response = out.response();
        assert_eq!(response.status, 200, "{name}: {out}");
        let page = response.words();
        let folder = state.path().file_name().expect("a name").to_string_lossy();
        let program = Path::new(tested_program()).file_name().expect("a name");
        let program = format!("./{}", program.to_string_lossy());
        for word in *wanted {
            let word = word.replace("STATE/", &format!("{folder}/"));
            let word = word.replace("SIGNET ", &format!("{program} "));
            assert!(page.contains(&word), "{name}: no {word:?} in: {page}");
        }
    }
}

/// The command for a setting, in a shell in the state folder: the setting then counts, and all
/// others as before.
#[test]
fn the_command_for_a_setting_sets_it() {
    const PROXY: &str = "TRUST_PROXY is not set";
    for (name, text) in [
        ("one line", "DEBUG = false\n"),
        (
            "a table at the end",
            "[GUARD_DIRS]\n\"/private\" = \"/nonexistent\"\n",
        ),
        ("no line", ""),
    ] {
        let state = StateDir::new();
        put(&state, "", 0o600, SystemTime::now());
        let file = state.write("signet.toml", text, 0o600);
        let page = || {
            let request = Cgi::get("/doctor").state(&state);
            let request = request.var("HTTP_X_FORWARDED_PROTO", "https");
            let out = request.var("SIGNET_SESSION_COOKIE_PATH", "/").run();
            out.response().text().to_owned()
        };
        let shown = page();
        assert!(shown.contains(PROXY), "{name}: {shown}");
        let commands = shown.split("<code>").skip(1);
        let mut commands = commands.filter_map(|rest| Some(rest.split_once("</code>")?.0));
        let command = commands.find(|command| command.contains("TRUST_PROXY = true"));
        let command = command
            .expect("a command")
            .replace("&#39;", "'")
            .replace("&#62;", ">");
        let shell = Command::new("/bin/sh")
            .args(["-c", &command])
            .current_dir(state.path())
            .status();
        assert!(shell.expect("start sh").success(), "{name}: {command}");
        let now = fs::read_to_string(&file).expect("read the settings");
        assert_eq!(
            now,
            format!("TRUST_PROXY = true\n{text}"),
            "{name}: {command}"
        );
        let shown = page();
        assert!(!shown.contains(PROXY), "{name}: {shown}");
        assert!(!shown.contains("signet.toml, line"), "{name}: {shown}");
    }
}

/// Each fault of the folder of sessions is a finding, also where the state folder has none.
#[test]
#[ignore = "needs root: run tests/run"]
fn a_full_disk_is_a_fault_of_sessions_in_files() {
    let state = StateDir::new();
    put(&state, "", 0o600, SystemTime::now());
    let sessions = state.path().join("sessions");
    fs::create_dir(&sessions).expect("mkdir");
    state_mode(&sessions, 0o700);
    let mount = format!(
        "/bin/mount -t tmpfs -o size=64k,mode=0700 none '{}' && exec \"$0\" \"$@\"",
        sessions.display()
    );
    let request = Cgi::get("/doctor").state(&state);
    let request = request.var("SIGNET_SESSION_TYPE", "filesystem");
    let out = request
        .through(&["/usr/bin/unshare", "--mount", "/bin/sh", "-c", &mount])
        .run();
    let page = out.response().words();
    assert_says(
        "",
        &page,
        &[
            "wrong Sessions The disk is full: 65536 bytes",
            "df -h sessions; df -i sessions",
        ],
    );
    assert!(!page.contains("Sessions are in files."), "{page}");
    assert!(!page.contains("wrong State folder"), "{page}");
}

/// What ends a request before the program runs, or without it: the symptom and a part of the
/// cause in the table of README.md, and a part of the fault that `probe.cgi` names, or nothing
/// if the program file is right. (`deploy::probe` runs it beside such files.)
/// Other faults that the doctor cannot see: files that `.htaccess` hides (`live::beside`), a
/// program that cannot be overwritten (`deploy::update`), commands of another user
/// (`cli::users`), the probe itself.
#[rustfmt::skip]
const NOT_STARTED: &[(&str, &str, &str, &str)] = &[
    // name                    the browser shows            cause                     probe.cgi
    ("no CGI here",            "a download",                "CGI is not enabled",      ""),
    ("no CGI for a form",      "405",                       "CGI is not enabled",      ""),
    ("no ExecCGI",             "403",                       "Options ExecCGI",         ""),
    ("no rewriting",           "403 or 500, for pictures", "forbids rewriting",       ""),
    ("in another folder",      "404",                       "than the URL says",       ""),
    ("no PATH_INFO",           "404",                       "For `/login` only",       ""),
    ("not executable",         "500",                       "not executable",          "no x for its owner"),
    ("permissions 777",        "500",                       "writable by others",      "may write it"),
    ("ASCII mode",             "500",                       "ASCII mode",              "ASCII mode"),
    ("another processor",      "500",                       "another processor",       "another machine"),
    ("CR LF in a script",      "500 for `probe.cgi` too",   "end in LF",               "CR LF"),
    ("a forbidden directive",  "403 or 500, for pictures", "or a line in this file",  ""),
    ("behind nginx",           "502, 503, 504",             "does not start",          "no x for its owner"),
    ("limits of the host",     "504 or 508 of the web",     "a limit of the host",     ""),
    ("it runs",                "503, a page of signet",     "the page says what to do", ""),
];

#[test]
fn failures_before_the_start_are_in_the_documents() {
    let readme = include_str!("../../README.md");
    let probe = include_str!("../../deploy/probe.cgi");
    for (name, symptom, cause, fault) in NOT_STARTED {
        let mut rows = readme.lines().filter(|line| line.starts_with("| "));
        let is_row = |row: &str| match row.split(" | ").collect::<Vec<_>>()[..] {
            [shown, why] => shown.contains(symptom) && why.contains(cause),
            _ => false,
        };
        assert!(rows.any(is_row), "{name}: no row for {symptom:?}");
        assert!(probe.contains(fault), "{name}: no {fault:?} in probe.cgi");
    }
}

/// Faults of the state folder itself: the file is beside the program.
#[test]
fn faults_of_the_state_folder_have_cause_and_remedy_on_the_page() {
    let home = StateDir::new();
    let program = home.path().join("signet.cgi");
    copy_program(tested_program(), &program);
    home.write("doctor.on", "", 0o600);
    let open = home.path().with_file_name("open");
    fs::create_dir(&open).expect("mkdir");
    state_mode(&open, 0o777);
    let sticky = home.path().with_file_name("sticky");
    fs::create_dir(&sticky).expect("mkdir");
    state_mode(&sticky, 0o1777);
    let served = home.path().with_file_name("served");
    fs::create_dir(&served).expect("mkdir");
    #[rustfmt::skip]
    let cases: [(&str, &Path, &[&str]); 5] = [
        ("sticky", &sticky, &["can be written by other users of this computer (permissions 1777)", "set its permissions to 700", "chmod 700 sticky"]),
        ("writable by others", &open, &["can be written by other users of this computer (permissions 777)", "chmod 700 open"]),
        ("served", &served, &["is in a folder that the web server serves", "beside public_html", "install -d -m 700"]),
        ("of all users", Path::new("/tmp/signet"), &["is in a folder for temporary files", "install -d -m 700"]),
        ("a file", &program, &["is not a folder", "Move it away", "mv signet.cgi signet.cgi.old"]),
    ];
    for (name, dir, wanted) in cases {
        let request = Cgi::get("/doctor").program(&program);
        let out = request
            .var("SIGNET_STATE_DIR", dir)
            .var("DOCUMENT_ROOT", &served)
            .run();
        let response = out.response();
        assert_eq!(response.status, 200, "{name}: {out}");
        let page = response.words();
        assert_says(name, &page, wanted);
    }
    // suEXEC does not start such a program; other servers do.
    state_mode(&program, 0o777);
    let out = Cgi::get("/doctor").program(&program).run();
    let page = out.response().words();
    assert_says(
        "",
        &page,
        &["signet.cgi", "permissions 777", "chmod 755 signet.cgi"],
    );
    // Nor one in such a folder, in which doctor.on opens nothing.
    state_mode(&program, 0o755);
    state_mode(home.path(), 0o777);
    let new = Cgi::get("/doctor").without("SIGNET_SECRET_KEY");
    let page = new.program(&program).run().response().words();
    let name = home.path().file_name().expect("a name").to_string_lossy();
    let command = format!("chmod 755 {name}");
    assert_says("", &page, &["permissions 777", &command]);
}

/// nginx by its own `fastcgi_params`, which have no PATH_INFO: SCRIPT_NAME is the complete path.
#[test]
fn fastcgi_without_path_info_is_named_with_its_remedies() {
    let state = StateDir::new();
    put(&state, "", 0o600, SystemTime::now());
    let page = |worker: &Application, script: &str, path_info: &str| {
        let mut params = fastcgi::asks("GET", "/doctor");
        for (name, value) in [
            ("SCRIPT_NAME", script),
            ("PATH_INFO", path_info),
            ("REQUEST_URI", &[script, path_info].concat()),
        ] {
            params.retain(|(other, _)| *other != name);
            params.push((name, value.to_owned()));
        }
        let answer = fastcgi::exchange(&mut worker.connect(), 1, &params, b"");
        assert_eq!(answer.status, 200, "{script}: {}", answer.words());
        answer.words()
    };
    const FAULT: &str = "the web server passes no PATH_INFO";
    let worker = Application::worker(&mut program_at(&state));
    let folder = state.path().file_name().expect("a name").to_string_lossy();
    #[rustfmt::skip]
    let cases = [
        ("/doctor",            "^()(/.*)$",                r#"'APPLICATION_ROOT = "/"'"#),
        ("/app/doctor",        "^(/app)(/.*)$",            r#"'APPLICATION_ROOT = "/app"'"#),
        ("/a.b/x'$(y)/doctor", r"^(/a\.b/x\'\$\(y\))(/.*)$", r#"'APPLICATION_ROOT = "/a.b/x'\''$(y)"'"#),
    ];
    for (script, pattern, setting) in cases {
        let page = page(&worker, script, "");
        let lines = format!(
            "fastcgi_split_path_info (?s){pattern}; fastcgi_param PATH_INFO $fastcgi_path_info;"
        );
        let command = format!("echo {setting} >> {folder}/signet.toml");
        assert_says(script, &page, &["warning Address", FAULT, &lines, &command]);
    }
    let mut with_root = program_at(&state);
    let with_root = Application::worker(with_root.env("SIGNET_APPLICATION_ROOT", "/app"));
    for (worker, script, path_info) in [
        (&worker, "/app", "/doctor"),
        (&with_root, "/app/doctor", ""),
    ] {
        let page = page(worker, script, path_info);
        assert!(page.contains("good Address"), "{script}: {page}");
        assert!(!page.contains(FAULT), "{script}: {page}");
    }
}

/// The clock of a test client is before the date of the program.
#[test]
fn a_clock_that_is_behind_is_wrong() {
    let server = signet::app::server();
    let state = StateDir::new();
    open(&state, "");
    let page = Client::new(&server).state_dir(state.path()).get("/doctor");
    let page = page.text();
    assert_says(
        "",
        &page,
        &[
            "the clock is wrong",
            "Ask your host to set the clock",
            "2026-01-01 00:00:00 UTC",
        ],
    );
}

/// The command shows what the page shows to whoever may see paths.
#[test]
fn the_command_has_the_findings_of_the_page() {
    let state = StateDir::new();
    state.write("signet.toml", "SESION_TYPE = \"cookie\"\n", 0o600);
    state.write("users", format!("{ADA}bob\n"), 0o600);
    let before = state.snapshot();
    let run = Command::new(tested_program())
        .arg("doctor")
        .env_clear()
        .env("HOME", state_root())
        .env("SIGNET_STATE_DIR", state.path())
        .output()
        .expect("run signet");
    let (text, errors) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert_eq!(run.status.code(), Some(1), "{text}{errors}");
    assert_eq!(errors, "signet: 1 wrong: see above\n");
    let path = state.path().join("signet.toml").display().to_string();
    let program = fs::canonicalize(tested_program()).expect("its path");
    assert_says(
        "",
        &text,
        &[
            "wrong    Settings",
            "Did you mean SESSION_TYPE?",
            &format!("{path}:1: "),
            "good     Version",
            "warning  Users",
            "Line 2 of the users file: there is no colon after the name.",
            &format!("with a shell: {} user check", program.display()),
        ],
    );
    assert_eq!(state.snapshot(), before);
}

/// Whoever may create files must not write into the owner's terminal.
#[test]
fn names_of_files_do_not_change_the_terminal() {
    let state = StateDir::new();
    let folder = state.path().with_file_name("private");
    let name = "x\u{1b}]0;title\u{7}\ngood     Secret key";
    fs::create_dir_all(folder.join(name)).expect("mkdir");
    fs::write(folder.join(name).join(".htaccess"), "RewriteEngine Off").expect("write");
    let run = Command::new(tested_program())
        .arg("doctor")
        .env_clear()
        .env("HOME", state_root())
        .env("SIGNET_STATE_DIR", state.path())
        .env("SIGNET_SESSION_COOKIE_PATH", "/")
        .env("SIGNET_GUARD_DIRS", format!("{{\"/private\": {folder:?}}}"))
        .output()
        .expect("run signet");
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(text.contains("x\\u{1b}]0;title\\u{7}\\ngood"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
}

/// Each variable of a web server that names a served folder leads to a URL of the file.
#[test]
fn the_urls_of_a_file_in_a_served_folder_are_tried() {
    let state = StateDir::new();
    put(&state, WORD, 0o600, SystemTime::now());
    let site = state.path().with_file_name("site");
    let folder = site.join("my files");
    fs::create_dir_all(&folder).expect("mkdir");
    for name in [".hidden", "run.php", "a&b.txt"] {
        fs::write(folder.join(name), "").expect("write a file");
    }
    let form = format!("word={}", WORD.replace(' ', "+"));
    let page = |vars: &[(&str, &Path)]| {
        let request = Cgi::post("/doctor", &form).state(&state);
        let row = format!("{{\"/private\": {folder:?}}}");
        let request = request
            .var("SIGNET_GUARD_DIRS", row)
            .var("SIGNET_SESSION_COOKIE_PATH", "/");
        let add = |request: Cgi, (name, value): &(&str, &Path)| request.var(name, value);
        let out = vars.iter().fold(request, add).run();
        let response = out.response();
        assert_eq!(response.status, 200, "{out}");
        response.text().to_owned()
    };
    let link = |url: &str| format!("<a data-canary href=\"{url}\">");
    let other = state.path().with_file_name("other");
    type Vars<'v> = &'v [(&'static str, &'v Path)];
    let cases: [(Vars<'_>, &[&str]); 4] = [
        (&[], &[]),
        (&[("DOCUMENT_ROOT", &other)], &[]),
        (
            &[("DOCUMENT_ROOT", &site)],
            &["/my%20files/a%26b%2Etxt", "/private/a%26b%2Etxt"],
        ),
        (
            &[
                ("DOCUMENT_ROOT", &other),
                ("CONTEXT_DOCUMENT_ROOT", &site),
                ("CONTEXT_PREFIX", Path::new("/~ada")),
            ],
            &["/%7Eada/my%20files/a%26b%2Etxt", "/private/a%26b%2Etxt"],
        ),
    ];
    for (vars, urls) in cases {
        let page = page(vars);
        for url in urls {
            assert!(page.contains(&link(url)), "{vars:?}: no {url} in {page}");
        }
        assert_eq!(
            page.matches("data-canary href").count(),
            urls.len(),
            "{vars:?}: {page}"
        );
        assert!(
            !page.contains("hidden\"") && !page.contains("run.php"),
            "{page}"
        );
    }
}

/// A `.htaccess` in a subfolder can end the rules that pass its URLs to signet.
#[test]
fn subfolders_that_a_htaccess_opens_are_named() {
    const OPENED: &str = "Everybody can see subfolders of /private";
    const CUT: &str = "Not all subfolders of /private were searched";
    let state = StateDir::new();
    put(&state, WORD, 0o600, SystemTime::now());
    let folder = state.path().with_file_name("site").join("private");
    fs::create_dir_all(folder.join("sub/deep")).expect("mkdir");
    let file = folder.join("sub/deep/.htaccess");
    let page_of = |server: &str, word: &str| {
        let row = format!("{{\"/private\": {folder:?}}}");
        let request = Cgi::post("/doctor", format!("word={}", word.replace(' ', "+")));
        let request = request.state(&state).var("SIGNET_GUARD_DIRS", row);
        let request = request.var("SERVER_SOFTWARE", server);
        let out = request.var("SIGNET_SESSION_COOKIE_PATH", "/").run();
        out.response().words()
    };
    let page = |word: &str| page_of("Apache/2.4.62 (Debian)", word);
    #[rustfmt::skip]
    let cases = [
        ("RewriteEngine Off\n", true),
        ("RewriteOptions IgnoreInherit\n", true),
        ("RewriteEngine On\nRewriteRule ^x$ /y [L]\n", false),
    ];
    for (text, is_opened) in cases {
        fs::write(&file, text).expect("write .htaccess");
        let open = page(WORD);
        assert_eq!(open.contains(OPENED), is_opened, "{text}: {open}");
        assert!(!open.contains(CUT), "{text}: {open}");
        if is_opened {
            let path = file.display().to_string();
            for word in [
                "warning Protected folders",
                &path,
                "remove the lines",
                "grep -rilE",
            ] {
                assert!(open.contains(word), "{text}: no {word:?} in {open}");
            }
            // The names of subfolders are only for whoever knows the word.
            let row = format!("{{\"/private\": {folder:?}}}");
            let request = Cgi::get("/doctor").state(&state);
            let request = request.var("SIGNET_GUARD_DIRS", row);
            let out = request.var("SIGNET_SESSION_COOKIE_PATH", "/").run();
            let hidden = out.response().words();
            assert!(
                hidden.contains(OPENED) && !hidden.contains("deep"),
                "{hidden}"
            );
        }
    }
    fs::write(&file, cases[0].0).expect("write .htaccess");
    for (server, reads_it) in [
        ("", true),
        ("LiteSpeed", true),
        ("another/1.0", true),
        ("lighttpd/1.4.79", false),
        ("nginx/1.26.3", false),
        ("Caddy/v2.8.4", false),
    ] {
        let page = page_of(server, WORD);
        assert_eq!(page.contains(OPENED), reads_it, "{server}: {page}");
        assert!(!page.contains(CUT), "{server}: {page}");
    }
    // In the folder itself, the file is that of the rules.
    fs::rename(&file, folder.join(".htaccess")).expect("move .htaccess");
    fs::write(folder.join(".htaccess"), cases[0].0).expect("write .htaccess");
    assert!(!page(WORD).contains(OPENED));

    // A tree that is too deep, and a pipe, for which nobody waits.
    let deep = (0..60).fold(folder.join("sub"), |path, _| path.join("d"));
    fs::create_dir_all(&deep).expect("mkdir");
    assert!(page(WORD).contains(CUT));
    fs::remove_dir_all(folder.join("sub/d")).expect("remove the tree");
    let made = Command::new("mkfifo").arg(&file).status();
    assert!(made.expect("mkfifo").success());
    assert!(page(WORD).contains(CUT));
}

/// As the web server's user, whom other sites may share.
#[test]
#[ignore = "needs root: run tests/run"]
fn a_program_of_another_user_is_named() {
    let home = StateDir::new();
    let program = home.path().join("signet.cgi");
    copy_program(tested_program(), &program);
    home.write("doctor.on", "", 0o644);
    for path in [home.path().parent().expect("its folder"), home.path()] {
        state_mode(path, 0o755);
    }
    if !others_can_enter(home.path()) {
        return;
    }
    std::os::unix::fs::chown(&program, Some(61_234), None).expect("chown");
    let page_by = |user: &str, setting: &str, name: &str| {
        let request = Cgi::get("/doctor").program(&program).through(&[
            "/usr/bin/setpriv",
            "--reuid",
            user,
            "--regid",
            user,
            "--clear-groups",
        ]);
        let out = request.var(setting, home.path().join(name)).run();
        out.response().words()
    };
    let page = |setting: &str, name: &str| page_by("65534", setting, name);
    // Without suEXEC, no folder of the owner will do.
    for (folder, mode) in [
        ("own", 0o700),
        ("read", 0o755),
        ("open", 0o777),
        ("sticky", 0o1777),
    ] {
        let path = home.path().join(folder);
        fs::create_dir(&path).expect("mkdir");
        std::os::unix::fs::chown(&path, Some(61_234), None).expect("chown");
        state_mode(&path, mode);
        let page = page("SIGNET_STATE_DIR", folder);
        assert_says(
            folder,
            &page,
            &[
                &*format!("“{folder}” "),
                "(without suEXEC), give the key in .htaccess:",
                "SetEnv SIGNET_SECRET_KEY",
                "The risk:",
                "SetEnv SSL_SIGNET_CONFIG",
            ],
        );
    }
    home.write("strict.toml", "", 0o600);
    let strict = page("SIGNET_CONFIG", "strict.toml");
    let unreadable = "the file cannot be read by the user that the web server runs this program as";
    for word in ["strict.toml", unreadable, "set its permissions to 644"] {
        assert!(strict.contains(word), "no {word:?} in: {strict}");
    }
    let page = page("SIGNET_STATE_DIR", "none");
    assert_says(
        "",
        &page,
        &[
            "as nobody, but the program belongs to user 61234",
            "other sites on this host",
            "suEXEC",
            "ls -l signet.cgi",
        ],
    );
    // It would be the program of every site.
    assert!(!page.contains("chown nobody signet.cgi"), "{page}");

    // Commands have the number of a user without a name.
    let third = home.path().join("third");
    fs::create_dir(&third).expect("mkdir");
    std::os::unix::fs::chown(&third, Some(61_236), None).expect("chown");
    state_mode(&third, 0o755);
    let advice = |user: &str| {
        format!("Ask your host to make {user} the owner of this folder, or choose another folder.")
    };
    for (uid, name, in_command) in [
        ("65534", "nobody", "nobody"),
        ("61235", "user 61235", "61235"),
    ] {
        let missing = page_by(uid, "SIGNET_GUARD_DIR", "none");
        let install = format!("install -d -o {in_command} -m 700 none");
        // The user of the test alone can enter the state folder.
        let belongs = format!("belongs to {name} and has permissions 700");
        for word in [install, belongs] {
            assert!(missing.contains(&word), "no {word:?} in: {missing}");
        }
        let owned = page_by(uid, "SIGNET_STATE_DIR", "third");
        for word in [advice(name), format!("chown {in_command} third")] {
            assert!(owned.contains(&word), "no {word:?} in: {owned}");
        }
    }
}
