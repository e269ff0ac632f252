//! The program's own files: no protected folder shows them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{ADA, PASSWORD};
use crate::support::response::Response;
use crate::support::{Cgi, StateDir, tested_program};

/// A site with a user, whose folder `home` contains the state folder.
struct Home {
    state: StateDir,
    vars: Vec<(String, PathBuf)>,
    cookie: String,
}

impl Home {
    fn new(vars: &[(&str, &str)]) -> Self {
        let state = StateDir::new();
        state.write("users", ADA, 0o600);
        let home = state.path().with_file_name("");
        let path = |value: &str| match value {
            "filesystem" | "true" => PathBuf::from(value),
            // Without a slash at the end.
            "" => state.path().parent().expect("a folder").to_owned(),
            name => home.join(name),
        };
        let vars = vars
            .iter()
            .map(|&(name, value)| (format!("SIGNET_{name}"), path(value)));
        let (vars, cookie) = (vars.collect(), String::new());
        Self {
            state,
            vars,
            cookie,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.path().with_file_name(name)
    }

    fn write(&self, name: &str, text: &str) {
        self.state.write(&format!("../{name}"), text, 0o600);
    }

    fn run(&self, request: Cgi, program: Option<&Path>) -> Response {
        let request = request.state(&self.state).cookie(&self.cookie);
        let vars = self.vars.iter();
        let request = vars.fold(request, |request, (name, value)| request.var(name, value));
        let request = match program {
            Some(program) => request.program(program),
            None => request,
        };
        request.run().response()
    }

    fn log_in(&mut self) {
        let form = [("username", "ada"), ("password", PASSWORD)];
        let form = serde_urlencoded::to_string(form).expect("a form");
        let response = self.run(Cgi::post("/login", form), None);
        assert_eq!(response.status, 303, "{}", response.text());
        self.cookie = format!("session={}", response.cookie("session").expect("one").value);
    }
}

#[test]
fn a_folder_of_the_programs_own_files_is_refused() {
    #[rustfmt::skip]
    let cases: [&[(&str, &str)]; 7] = [
        &[("GUARD_DIR", "state")],
        &[("GUARD_DIR", "state/files")],
        &[("GUARD_DIR", "link")],
        &[("GUARD_DIR", "link/files")],
        &[("GUARD_DIR", "sessions"),   ("SESSION_FILE_DIR", "sessions")],
        &[("GUARD_DIR", "sessions/a"), ("SESSION_FILE_DIR", "sessions")],
        &[("GUARD_DIR", "pages/a"),    ("TEMPLATES_DIR", "pages")],
    ];
    for vars in cases {
        let mut home = Home::new(vars);
        for name in ["state/files", "sessions/a", "pages/a"] {
            home.write(&format!("{name}/a.txt"), "text");
        }
        symlink("state", home.path("link")).expect("symlink");
        home.log_in();
        for url in [
            "/files/",
            "/files/a.txt",
            "/files/secret_key",
            "/files/none",
        ] {
            let request = Cgi::get(url).state(&home.state).cookie(&home.cookie);
            let request = home
                .vars
                .iter()
                .fold(request, |cgi, (name, value)| cgi.var(name, value));
            let out = request.run();
            let response = out.response();
            assert_eq!(response.status, 503, "{vars:?} {url}");
            assert!(
                response.text().contains("GUARD_DIR"),
                "{vars:?}: {}",
                response.text()
            );
            let log = "holds files of this program that nobody may see";
            assert!(out.errors().contains(log), "{vars:?}: {}", out.errors());
        }
        // The rest of the site goes on.
        assert_eq!(home.run(Cgi::get("/login"), None).status, 200, "{vars:?}");
    }
    // A folder of the site, too.
    let mut home = Home::new(&[]);
    home.log_in();
    let dirs = format!("{{\"/app/old\": {:?}}}", home.state.path());
    for url in ["/old/", "/old/secret_key"] {
        let request = Cgi::get(url)
            .var("SIGNET_GUARD_DIRS", &dirs)
            .var("SIGNET_SESSION_COOKIE_PATH", "/");
        assert_eq!(home.run(request, None).status, 503, "{url}");
    }
}

#[test]
fn own_files_in_a_folder_above_look_like_missing_files() {
    let mut home = Home::new(&[
        ("GUARD_DIR", ""),
        ("GUARD_LISTING", "true"),
        ("SESSION_TYPE", "filesystem"),
        ("SESSION_FILE_DIR", "sessions"),
        ("SECRET_KEY_FILE", "keys/key"),
        ("USERS_FILE", "lists/passwd"),
        ("GROUPS_FILE", "lists/groups"),
        ("TEMPLATES_DIR", "pages"),
    ]);
    home.write("keys/key", "tests-only-0c7d52fe8b1a4963");
    home.write("lists/real", ADA);
    symlink("real", home.path("lists/passwd")).expect("symlink");
    home.write("lists/groups", "staff: ada");
    home.write("pages/index.html", "<h1>ours</h1>");
    home.write("pages/other.txt", "text");
    home.write("etc/settings.toml", "DEMO_NOTE = false");
    home.write("state/secret_key", "tests-only-e5a0937b6cd8412f");
    fs::create_dir(home.path("bin")).expect("mkdir");
    fs::create_dir(home.path("sessions")).expect("mkdir");
    let program = home.path("bin/signet");
    fs::hard_link(tested_program(), &program).expect("link the program");
    home.vars
        .push(("SIGNET_CONFIG".into(), home.path("etc/settings.toml")));
    for name in [
        "shown.txt",
        "keys/a",
        "lists/a",
        "etc/a",
        "bin/a",
        "lists/users",
    ] {
        home.write(name, "shown");
    }
    home.log_in();
    let session = fs::read_dir(home.path("sessions"))
        .expect("sessions")
        .next();
    let session = session.expect("a session").expect("a name").file_name();
    let get = |url: &str| home.run(Cgi::get(&format!("/files/{url}")), Some(&program));
    let missing = get("none");
    let hidden = [
        "state",
        "state/",
        "state/users",
        "state/secret_key",
        "sessions",
        "sessions/",
        &format!("sessions/{}", session.display()),
        "keys/key",
        "lists/passwd",
        "lists/real",
        "lists/groups",
        "pages/",
        "pages/index.html",
        "pages/other.txt",
        "etc/settings.toml",
        "bin/signet",
    ];
    for url in hidden {
        let response = get(url);
        assert_eq!(response.status, 404, "{url}");
        assert_eq!(response.text(), missing.text(), "{url}");
    }
    for url in [
        "shown.txt",
        "keys/a",
        "lists/a",
        "lists/users",
        "etc/a",
        "bin/a",
    ] {
        assert_eq!(get(url).text(), "shown", "{url}");
    }
    for (folder, want) in [
        ("", "bin/ etc/ keys/ lists/ shown.txt"),
        ("keys/", "a"),
        ("lists/", "a users"),
        ("etc/", "a"),
        ("bin/", "a"),
    ] {
        let page = get(folder).text().to_owned();
        let names = page.split("<tr><td><a href=\"").skip(1);
        let names = names.map(|row| {
            let (_, name) = row.split_once("<bdi>").expect("a name");
            name.split_once("</a>")
                .expect("its end")
                .0
                .replace("</bdi>", "")
        });
        let names: Vec<String> = names.collect();
        assert_eq!(names.join(" "), want, "{folder:?}: {page}");
    }
}

/// The users file of the state folder can be a link into a protected folder.
#[test]
fn a_file_of_the_state_folder_that_is_elsewhere_is_not_shown() {
    let mut home = Home::new(&[("GUARD_DIR", "private"), ("GUARD_LISTING", "true")]);
    home.write("private/passwd", ADA);
    home.write("private/signet.toml", "DEMO_NOTE = false");
    home.write("private/a.txt", "shown");
    for (name, target) in [("users", "passwd"), ("signet.toml", "signet.toml")] {
        let _ = fs::remove_file(home.path("state").join(name));
        let link = symlink(
            format!("../private/{target}"),
            home.path("state").join(name),
        );
        link.expect("symlink");
    }
    home.log_in();
    for (url, status) in [("passwd", 404), ("signet.toml", 404), ("a.txt", 200)] {
        let response = home.run(Cgi::get(&format!("/files/{url}")), None);
        assert_eq!(response.status, status, "{url}");
    }
    let page = home.run(Cgi::get("/files/"), None);
    assert!(!page.text().contains("passwd"), "{}", page.text());
}
