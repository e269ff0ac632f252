//! Users with passwords at both: a Flask app accepts the logins of signet and signet those
//! of the app, as long as the password is valid.

use signet::users::file::UsersFile;

use super::shared::python;
use crate::support::{Cgi, StateDir, tested_program};
use crate::users::file::{ROWS, text};
use crate::users::{HASH, OTHER};

/// An app with the state folder of signet, after `lines` of Python. What it prints.
#[track_caller]
fn flask(state: &StateDir, lines: &str) -> String {
    let output = python(&format!(
        "import flask_signet\nfrom flask import Flask\napp = Flask('a')\n\
         flask_signet.init_app(app, '{}')\n\
         @app.route('/who')\ndef who():\n  return str(flask_signet.logged_in_user())\n\
         @app.route('/log_in/<name>')\ndef log_in(name):\n  return str(flask_signet.log_in(name))\n\
         client = app.test_client(use_cookies=False)\n\
         {lines}",
        state.path().display()
    ));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    said.trim_end().to_owned()
}

/// The user for whom the app takes a visitor with this cookie.
#[track_caller]
fn user_at_flask(state: &StateDir, cookie: &str) -> String {
    let get = format!("print(client.get('/who', headers={{'Cookie': {cookie:?}}}).text)\n");
    flask(state, &get)
}

/// What signet's first page says to a visitor with this cookie.
fn words_of_signet(state: &StateDir, cookie: &str) -> String {
    let index = Cgi::get("/").state(state).without("SIGNET_SECRET_KEY");
    index.cookie(cookie).run().response().words()
}

/// The cookie of a login at signet.
#[track_caller]
fn log_in_at_signet(state: &StateDir, form: &str) -> String {
    let login = Cgi::post("/login", form)
        .state(state)
        .without("SIGNET_SECRET_KEY");
    let response = login.run().response();
    assert_eq!(response.status, 303, "{}", response.text());
    let cookie = response.cookie("session").expect("a cookie");
    format!("session={}", cookie.value)
}

#[test]
#[ignore = "needs Flask: run tests/run"]
fn flask_accepts_a_login_of_signet_while_the_password_is_valid() {
    let state = StateDir::new();
    let demo = log_in_at_signet(&state, "username=ada");
    let file = format!("# users\nbob:{OTHER}\nada:{HASH}\n");
    state.write("users", &file, 0o600);
    let cookie = log_in_at_signet(&state, "username=ada&password=pw");
    assert_eq!(user_at_flask(&state, &cookie), "ada");
    assert_eq!(user_at_flask(&state, &demo), "None", "without a password");
    assert_eq!(user_at_flask(&state, ""), "None", "without a cookie");
    for (what, file) in [
        ("removed", format!("bob:{OTHER}\n")),
        ("another password", format!("ada:{OTHER}\n")),
        ("commented out", format!("#ada:{HASH}\n")),
        ("another name", format!("Ada:{HASH}\n")),
    ] {
        state.write("users", file, 0o600);
        assert_eq!(user_at_flask(&state, &cookie), "None", "{what}");
        assert!(!words_of_signet(&state, &cookie).contains("ada"), "{what}");
    }
    state.write("users", &file, 0o600);
    let rotated = std::process::Command::new(tested_program())
        .args(["key", "rotate"])
        .env_clear()
        .env("SIGNET_STATE_DIR", state.path())
        .output();
    assert!(rotated.expect("run signet").status.success());
    assert_eq!(user_at_flask(&state, &cookie), "ada", "by a retired key");
    // The session is used for longer than the old key.
    let used = flask(
        &state,
        &format!(
            "answer = client.get('/who', headers={{'Cookie': {cookie:?}}})\n\
             print(answer.headers['Set-Cookie'].split(';')[0])\n"
        ),
    );
    std::fs::remove_file(state.path().join("retired_keys")).expect("retired keys");
    assert_eq!(user_at_flask(&state, &used), "ada");
    assert_eq!(user_at_flask(&state, &cookie), "None");
}

#[test]
#[ignore = "needs Flask: run tests/run"]
fn signet_accepts_a_login_of_flask_while_the_password_is_valid() {
    let state = StateDir::new();
    state.write("users", format!("ada:{HASH}\n"), 0o600);
    // The first page that uses the session makes the key.
    log_in_at_signet(&state, "username=ada&password=pw");
    let said = flask(
        &state,
        "answer = client.get('/log_in/ada')\nprint(answer.text)\n\
         print(answer.headers['Set-Cookie'].split(';')[0])\n\
         answer = client.get('/log_in/bob')\nprint(answer.text, answer.headers.get('Set-Cookie'))\n",
    );
    let lines: Vec<&str> = said.lines().collect();
    let [logged_in, cookie, unknown] = lines[..] else {
        panic!("{said}");
    };
    assert_eq!((logged_in, unknown), ("True", "False None"));
    assert_eq!(user_at_flask(&state, cookie), "ada");
    assert!(words_of_signet(&state, cookie).contains("Logged in as ada"));
    state.write("users", format!("ada:{OTHER}\n"), 0o600);
    assert!(words_of_signet(&state, cookie).contains("You are not logged in"));
}

/// A login that a Flask app makes by the name alone is none where users have passwords.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_name_that_flask_stores_is_no_login() {
    let state = StateDir::new();
    state.write("users", format!("ada:{HASH}\n"), 0o600);
    log_in_at_signet(&state, "username=ada&password=pw");
    for stored in ["'x'", "5", "None", "'\u{e9}'", "b'x'"] {
        let cookie = flask(
            &state,
            &format!(
                "from flask import session\n@app.route('/put')\ndef put():\n  \
                 session.update(username='ada', _fingerprint={stored})\n  return ''\n\
                 print(client.get('/put').headers['Set-Cookie'].split(';')[0])\n"
            ),
        );
        assert_eq!(user_at_flask(&state, &cookie), "None", "{stored}");
        let words = words_of_signet(&state, &cookie);
        assert!(words.contains("You are not logged in"), "{stored}: {words}");
    }
}

/// The same hash decides at both, whatever the file looks like. Hashes that signet refuses
/// are no logins of signet.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn both_find_the_same_line_of_a_users_file() {
    let state = StateDir::new();
    log_in_at_signet(&state, "username=ada");
    let werkzeug = b"ada:pbkdf2:sha256:600000$salt$00:comment\n".to_vec();
    let mut files: Vec<(&str, Vec<u8>)> = vec![("ada", werkzeug)];
    files.extend(ROWS.iter().map(|row| (row.2, text(row))));
    files.push(("ada", [b"ada:x".repeat(2000), b"\n".to_vec()].concat()));
    let mut script = String::from(
        "signet = app.session_interface\ndef find(number, name):\n  \
         signet.users_file = signet.key_file.with_name(f'users{number}')\n  \
         print((signet.password_hash(name) or b'').decode())\n",
    );
    let mut wanted = Vec::new();
    for (number, (name, bytes)) in files.iter().enumerate() {
        state.write(&format!("users{number}"), bytes, 0o600);
        let name: String = name
            .chars()
            .map(|c| format!("\\U{:08x}", u32::from(c)))
            .collect();
        script += &format!("find({number}, '{name}')\n");
    }
    for (name, bytes) in &files {
        let user = UsersFile::find_in(bytes, name);
        wanted.push(user.map(|user| user.text).unwrap_or_default());
    }
    let said = flask(&state, &(script + "print('end')\n"));
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), files.len() + 1);
    for ((said, wanted), (name, bytes)) in said.iter().zip(&wanted).zip(&files) {
        let file = String::from_utf8_lossy(bytes);
        assert_eq!(said, wanted, "{name:?} in {file:?}");
    }
}
