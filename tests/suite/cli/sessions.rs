//! `signet sessions`: what a store keeps, seen and ended from a shell.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use signet::session::SessionId;

use super::{Run, run_command, signet};
use crate::store::place;
use crate::support::application::wait_until;
use crate::support::redis::RedisServer;
use crate::support::response::Response;
use crate::support::{Cgi, KEY, StateDir, example, tested_program};

/// A site whose sessions live in this state directory, or in cookies.
struct Site {
    state: StateDir,
    kind: &'static str,
}

impl Site {
    fn new(kind: &'static str) -> Self {
        Self {
            state: StateDir::new(),
            kind,
        }
    }

    fn vars(&self) -> [(&str, &str); 3] {
        [
            ("SIGNET_SESSION_TYPE", self.kind),
            ("SIGNET_SECRET_KEY", KEY),
            (
                "SIGNET_STATE_DIR",
                self.state.path().to_str().expect("UTF-8"),
            ),
        ]
    }

    fn command(&self, arguments: &[&str]) -> Run {
        signet(&[&["sessions"], arguments].concat(), &self.vars())
    }

    fn run(&self, request: Cgi) -> Response {
        request.vars(&self.vars()).run().response()
    }

    /// The Cookie header of `name`, who has just logged in.
    fn log_in(&self, name: &str) -> String {
        let response = self.run(Cgi::post("/login", format!("username={name}")));
        format!("session={}", response.cookies()[0].value)
    }

    fn is_logged_in(&self, cookie: &str) -> bool {
        let response = self.run(Cgi::get("/").cookie(cookie));
        response.text().contains("Logged in as")
    }
}

/// The last column of what `sessions list` printed.
fn names(list: &str) -> Vec<&str> {
    list.lines()
        .filter_map(|line| line.rsplit("  ").next())
        .collect()
}

#[test]
fn sessions_are_listed_by_user() {
    let site = Site::new("filesystem");
    for name in ["ada", "bob", "ada", "eve%1B%5B2J"] {
        // The last is refused by the form, and no session.
        site.run(Cgi::post("/login", format!("username={name}")));
    }
    let list = site.command(&["list"]).done();
    let mut all = names(&list);
    all.sort_unstable();
    assert_eq!(all, ["ada", "ada", "bob"], "{list}");
    let list = site.command(&["list", "--user", "ada"]).done();
    assert_eq!(names(&list), ["ada", "ada"], "{list}");
    assert_eq!(site.command(&["list", "--user", "nobody"]).done(), "");
}

#[test]
fn sessions_are_listed_as_json() {
    let site = Site::new("filesystem");
    let listed = |arguments: &[&str]| -> serde_json::Value {
        let run = site.command(&[&["list", "--json"], arguments].concat());
        assert_eq!(run.err, "", "{run:?}");
        serde_json::from_str(&run.done()).expect("JSON")
    };
    assert_eq!(listed(&[]), serde_json::json!([]));
    let before = crate::support::now();
    let names = ["ada", "zo\u{eb} \"q\" \\ \u{202e}"];
    for name in ["ada", "zo%C3%AB+%22q%22+%5C+%E2%80%AE"] {
        site.log_in(name);
    }
    let all = listed(&[]);
    let mut users: Vec<&str> = Vec::new();
    for session in all.as_array().expect("an array") {
        let number = |field: &str| session[field].as_u64().expect("a number");
        assert!(
            (before..=crate::support::now()).contains(&number("started")),
            "{session}"
        );
        assert!(number("saved") >= number("started"), "{session}");
        assert!(number("size") > 20, "{session}");
        assert_eq!(
            session.as_object().map(serde_json::Map::len),
            Some(4),
            "{session}"
        );
        users.push(session["user"].as_str().expect("a name"));
    }
    users.sort_unstable();
    assert_eq!(users, names);
    assert_eq!(listed(&["--user", "ada"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn numbers_agree_with_their_nouns() {
    let site = Site::new("filesystem");
    for (logins, says) in [(0, "0 sessions\n"), (1, "1 session\n"), (2, "2 sessions\n")] {
        for _ in 0..logins {
            site.log_in("ada");
        }
        for (arguments, before) in [
            (&["list"][..], "signet: "),
            (
                &["revoke", "--all"],
                "signet: ended all sessions that began before now; removed ",
            ),
            (
                // No session of that name: upper and lower case differ.
                &["revoke", "--user", "Ada"],
                "signet: ended the sessions of \"Ada\" (upper and lower case differ) that began \
                 before now; removed ",
            ),
            (&["clean"], "signet: removed "),
        ] {
            let run = site.command(arguments);
            let says = if arguments == ["clean"] || arguments.contains(&"Ada") {
                "0 sessions\n"
            } else {
                says
            };
            assert_eq!(run.err, format!("{before}{says}"), "{arguments:?}");
        }
    }
}

#[test]
fn sessions_of_one_user_or_all_are_ended() {
    for kind in ["filesystem", "cookie"] {
        let site = Site::new(kind);
        let (ada, phone, bob) = (site.log_in("ada"), site.log_in("ada"), site.log_in("bob"));
        site.command(&["revoke", "--user", "ada"]).done();
        let seen = [&ada, &phone, &bob].map(|cookie| site.is_logged_in(cookie));
        assert_eq!(seen, [false, false, true], "{kind}: ada's");

        // Within the same second.
        let again = site.log_in("ada");
        assert!(site.is_logged_in(&again), "{kind}: ada, again");
        assert!(!site.is_logged_in(&ada), "{kind}: and not by the old one");

        site.command(&["revoke", "--all"]).done();
        let seen = [&again, &bob].map(|cookie| site.is_logged_in(cookie));
        assert_eq!(seen, [false, false], "{kind}: all");
        let last = site.log_in("bob");
        assert!(site.is_logged_in(&last), "{kind}: bob, again");
    }
}

/// In a store the end is a deletion.
#[test]
fn what_is_ended_is_removed() {
    let site = Site::new("filesystem");
    for name in ["ada", "bob", "ada"] {
        site.log_in(name);
    }
    let run = site.command(&["revoke", "--user", "ada"]);
    assert!(run.err.contains("removed 2"), "{run:?}");
    assert_eq!(names(&site.command(&["list"]).done()), ["bob"]);
    let run = site.command(&["revoke", "--all"]);
    assert!(run.err.contains("removed 1"), "{run:?}");
    assert_eq!(site.command(&["list"]).done(), "");
}

#[test]
fn what_is_over_is_removed_by_hand_too() {
    let site = Site::new("filesystem");
    site.log_in("ada");
    assert!(site.command(&["clean"]).err.contains("removed 0"));
    let long_after = [
        &site.vars()[..],
        &[("SIGNET_PERMANENT_SESSION_LIFETIME", "1")],
    ]
    .concat();
    // The record's age is that of the file, too.
    wait_until("it is removed", || {
        signet(&["sessions", "clean"], &long_after)
            .err
            .contains("removed 1")
    });
    assert_eq!(site.command(&["list"]).done(), "");
}

/// A click leaves the records of other browsers: their sessions are over, and
/// `clean` removes them.
#[test]
fn sessions_that_are_over_are_not_listed_and_are_removed_by_hand() {
    let site = Site::new("filesystem");
    let (ada, _phone) = (site.log_in("ada"), site.log_in("ada"));
    site.log_in("bob");
    let click = Cgi::post("/logout", "everywhere=1").cookie(&ada);
    let answer = site.run(click);
    assert_eq!(answer.status, 303);
    // The first page shows the message that this was done, and removes it.
    let cookie = format!("session={}", answer.cookies()[0].value);
    assert!(
        site.run(Cgi::get("/").cookie(cookie))
            .text()
            .contains("everywhere.")
    );
    site.log_in("ada");
    let mut all = names(&site.command(&["list"]).done()).join(" ");
    assert!(all == "ada bob" || all == "bob ada", "{all}");
    let run = site.command(&["clean"]);
    assert!(run.err.contains("removed 1 session"), "{run:?}");
    assert!(site.command(&["clean"]).err.contains("removed 0"));
    all = names(&site.command(&["list"]).done()).join(" ");
    assert!(all == "ada bob" || all == "bob ada", "{all}");

    // By their absolute lifetime, too.
    let limit = ("SIGNET_SESSION_ABSOLUTE_LIFETIME", "1");
    let long_after = [&site.vars()[..], &[limit]].concat();
    wait_until("nothing is listed", || {
        signet(&["sessions", "list"], &long_after).done().is_empty()
    });
    let run = signet(&["sessions", "clean"], &long_after);
    assert!(run.err.contains("removed 2 sessions"), "{run:?}");
}

/// As after a restore that gave the files new times.
#[test]
fn a_session_that_is_over_is_not_listed_because_its_file_is_newer() {
    let site = Site::new("filesystem");
    site.log_in("ada");
    let lifetime = ("SIGNET_PERMANENT_SESSION_LIFETIME", "1");
    let long_after = [&site.vars()[..], &[lifetime]].concat();
    std::thread::sleep(Duration::from_millis(2100));
    for name in site.state.snapshot().names() {
        let path = site.state.path().join(name);
        if path.is_file() {
            let file = File::options().write(true).open(path).expect("open it");
            file.set_modified(std::time::SystemTime::now())
                .expect("set its time");
        }
    }
    assert_eq!(signet(&["sessions", "list"], &long_after).done(), "");
}

/// On some file systems, a file gets its name by a hard link.
#[test]
fn the_second_name_that_a_killed_process_left_to_a_list_is_removed() {
    let site = Site::new("filesystem");
    site.log_in("ada");
    let list = site
        .state
        .write(&format!("sessions/listed/{}", "0".repeat(64)), "", 0o600);
    let other = list.with_file_name(".new-0123456789abcdef");
    fs::hard_link(&list, &other).expect("a second name");
    let hours_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    let file = File::options().write(true).open(&list).expect("open it");
    file.set_modified(hours_ago).expect("age it");
    site.command(&["clean"]);
    assert!(list.exists() && !other.exists());
}

/// Carts, and whatever programs on the library store without a name.
#[test]
fn all_sessions_are_ended_with_a_username_or_without() {
    for kind in ["filesystem", "cookie"] {
        let site = Site::new(kind);
        let notes = |target: &str, cookie: &str| {
            let request = Cgi::get(target).program(example("notes"));
            site.run(request.cookie(cookie))
        };
        let stored = notes("/list?note", "");
        let cookie = format!("session={}", stored.cookies()[0].value);
        assert_eq!(notes("/list", &cookie).text(), "note");
        site.command(&["revoke", "--user", "ada"]).done();
        assert_eq!(notes("/list", &cookie).text(), "note", "{kind}");
        site.command(&["revoke", "--all"]).done();
        assert_eq!(notes("/list", &cookie).text(), "", "{kind}");
    }
}

#[test]
fn wrong_uses_say_what_is_right() {
    let cookies = Site::new("cookie");
    cookies.command(&["list"]).failed(1, &["no store"]);
    cookies.command(&["revoke"]).failed(2, &["--user", "--all"]);
    cookies
        .command(&["revoke", "--all", "--user", "ada"])
        .failed(2, &["--all"]);
    // Not one without a name: root would end the sessions in /var/lib/signet.
    let nowhere = [
        ("SIGNET_SECRET_KEY", KEY),
        ("SIGNET_STATE_DIR", "/dev/null/no-state"),
    ];
    let run = signet(&["sessions", "revoke", "--all"], &nowhere);
    assert_eq!((run.code, &*run.out), (Some(1), ""), "{run:?}");
    assert!(run.err.contains("no state folder"), "{run:?}");
}

/// Signed cookies are not stored, and the marks that end them are.
#[test]
fn expired_marks_of_signed_cookies_are_removed_by_hand() {
    let site = Site::new("cookie");
    let expired = format!("ended/{}", "0".repeat(64));
    let (expired, current) = (
        site.state.write(&expired, "1700000000\n", 0o600),
        format!("{}\n", crate::support::now()),
    );
    let name = format!("ended/{}", "1".repeat(64));
    let current = site.state.write(&name, current, 0o600);
    let run = site.command(&["clean"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!([expired.exists(), current.exists()], [false, true]);
}

/// Their marks have ended them. Nobody waits for a lock: there may be many.
#[test]
fn ended_sessions_that_cannot_be_removed_now_are_counted() {
    let site = Site::new("filesystem");
    let ada = site.log_in("ada");
    site.log_in("bob");
    let id = SessionId::parse(&ada["session=".len()..]).expect("an id");
    let file = File::open(site.state.path().join(place(&id))).expect("a record");
    file.lock().expect("lock it");
    let begun = Instant::now();
    let run = site.command(&["revoke", "--all"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let said = "removed 1 session; the records of 1 ended session could not be removed now";
    assert!(run.err.contains(said), "{run:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "it waited");
    assert!(!site.is_logged_in(&ada));
}

/// Somebody restored a backup as root, or made files read-only.
#[test]
#[ignore = "needs root: run tests/run"]
fn what_cannot_be_opened_in_the_store_is_passed_over() {
    let site = Site::new("filesystem");
    let cookies = ["ada", "bob", "eve"].map(|name| site.log_in(name));
    let record = |cookie: &str| {
        let id = SessionId::parse(&cookie["session=".len()..]).expect("an id");
        site.state.path().join(place(&id))
    };
    let set_mode = |path: &Path, mode: u32| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, mode).expect("set a mode");
    };
    set_mode(&record(&cookies[0]), 0o400);
    // As it is to another user than its owner.
    set_mode(record(&cookies[1]).parent().expect("a folder"), 0o000);
    let command = |arguments: &[&str]| {
        // Root without the right to open every file is like any other user.
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--bounding-set=-all", tested_program(), "sessions"]);
        command.args(arguments).env_clear().envs(site.vars());
        run_command(command)
    };
    let list = command(&["list"]);
    assert_eq!(list.code, Some(0), "{list:?}");
    let mut listed = names(&list.out);
    listed.sort_unstable();
    assert_eq!(listed, ["ada", "eve"], "{list:?}");
    for arguments in [&["revoke", "--all"][..], &["clean"]] {
        let run = command(arguments);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.err.contains("1 ended session could not"), "{run:?}");
    }
    set_mode(record(&cookies[1]).parent().expect("a folder"), 0o700);
    for cookie in &cookies {
        assert!(!site.is_logged_in(cookie));
    }
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn sessions_in_redis_are_listed_and_ended() {
    let redis = RedisServer::shared();
    let url = redis.url();
    let vars = [
        ("SIGNET_SESSION_TYPE", "redis"),
        ("SIGNET_SESSION_REDIS", url.as_str()),
        ("SIGNET_SESSION_KEY_PREFIX", "cli:"),
    ];
    let log_in = |name: &str| {
        let login = Cgi::post("/login", format!("username={name}"));
        let response = login.vars(&vars).run().response();
        format!("session={}", response.cookies()[0].value)
    };
    let is_logged_in = |cookie: &str| {
        let out = Cgi::get("/").vars(&vars).cookie(cookie).run();
        out.response().text().contains("Logged in as")
    };
    let command = |arguments: &[&str]| {
        let done = signet(&[&["sessions"], arguments].concat(), &vars).done();
        let mut names: Vec<String> = names(&done).into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    // Keys of the prefix that are no sessions, one of them longer than a reply.
    let long = format!("cli:{}", "x".repeat(5000));
    let hash = format!("cli:{}", "0".repeat(64));
    for words in [&["SET", &long, "1"][..], &["RPUSH", &hash, "1"]] {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        redis.command(0, &words);
    }
    let (ada, phone, bob) = (log_in("ada"), log_in("ada"), log_in("bob"));
    assert_eq!(command(&["list"]), ["ada", "ada", "bob"]);
    command(&["revoke", "--user", "ada"]);
    assert_eq!(command(&["list"]), ["bob"]);
    assert_eq!([ada, phone].map(|cookie| is_logged_in(&cookie)), [false; 2]);
    command(&["clean"]);
    assert!(is_logged_in(&bob));
    command(&["revoke", "--all"]);
    assert_eq!(command(&["list"]), [] as [&str; 0]);
    assert!(!is_logged_in(&bob));
}
