//! Every page in every state and language, checked by html-validate and, in Chromium, by
//! axe-core.
//!
//! A new page needs only its rows in [`STATES`]. `tests/page_states.py` lists the checks in
//! Chromium. The pages are left in `target/pages`, their pictures in `target/screenshots`.
//! Of html-validate's rules, `long-title` is off: a title may have a name of 256 letters.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use signet::gateway::Language;
use signet::http::Method;
use signet::testing::{Client, Response};

use crate::support::{ADA, KEY, StateDir, assert_succeeds, python};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const PASSWORD: &str = "correct horse";

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

const CROSS_SITE: (&str, &str) = ("Sec-Fetch-Site", "cross-site");

/// A page in a state: the name of its picture, its status, and the requests to it.
type State = (&'static str, u16, fn(&mut Browser<'_>) -> Response);

#[rustfmt::skip]
const STATES: [State; 56] = [
    ("index",                         200, |browser| browser.users().get("/")),
    ("index-logged-in",               200, |browser| browser.ada().get("/")),
    ("index-logged-in-demo",          200, |browser| browser.demo().post("/login", &[("username", "ada")])),
    ("index-long-name",               200, |browser| browser.demo().post("/login", &[("username", &"W".repeat(256))])),
    ("index-logged-out-everywhere",   200, |browser| browser.ada().post("/logout", &[("everywhere", "1")])),
    ("index-sessions-and-files",      200, |browser| browser.stored().guarding(&[]).ada().get("/")),
    ("index-password-changed",        200, |browser| browser.ada().change(PASSWORD, "a new horse 7")),
    ("login",                         200, |browser| browser.users().get("/login?next=%2Fpassword")),
    ("login-demo",                    200, |browser| browser.demo().get("/login")),
    ("login-demo-no-name",            400, |browser| browser.demo().post("/login", &[("username", "")])),
    ("login-no-name",                 400, |browser| browser.users().log_in("", "")),
    ("login-long-name",               400, |browser| browser.users().log_in(&"W".repeat(300), PASSWORD)),
    ("login-no-password",             400, |browser| browser.users().log_in("ada", "")),
    ("login-wrong",                   403, |browser| browser.users().log_in("ada", "wrong")),
    ("login-limited",                 429, |browser| browser.users().until_limited(|browser| browser.log_in("ada", "wrong"))),
    ("logout",                        200, |browser| browser.ada().send("GET", "/logout", &[CROSS_SITE], "")),
    ("logout-logged-out",             200, |browser| browser.users().send("GET", "/logout", &[CROSS_SITE], "")),
    ("password",                      200, |browser| browser.ada().get("/password")),
    ("password-wrong",                403, |browser| browser.ada().change("wrong", "a new horse 7")),
    ("password-no-old",               400, |browser| browser.ada().change("", "a new horse 7")),
    ("password-short",                400, |browser| browser.ada().change(PASSWORD, "short")),
    ("password-common",               400, |browser| browser.ada().change(PASSWORD, "password1")),
    ("password-limited",              429, |browser| browser.ada().until_limited(|browser| browser.change("wrong", "a new horse 7"))),
    ("password-unchangeable",         503, |browser| browser.ada().with_linked_users().get("/password")),
    ("sessions",                      200, |browser| browser.stored().ada().get("/sessions")),
    ("sessions-several",              200, |browser| browser.stored().ada().on_another().ada().on_another().ada().get("/sessions")),
    ("sessions-one-ended",            200, |browser| browser.stored().ada().on_another().ada().end_other()),
    ("listing",                       200, |browser| browser.guarding(&["report.pdf", "minutes/a.txt", "notes.txt"]).ada().get("/files/list/")),
    ("listing-empty",                 200, |browser| browser.guarding(&[".hidden"]).ada().get("/files/list/")),
    ("listing-sorted",                200, |browser| browser.guarding(&["report.pdf", "minutes/a.txt", "notes.txt"]).ada().get("/files/list/?by=size&order=down")),
    ("listing-deep",                  200, |browser| browser.guarding(&["2026/projects/minutes/a.txt"]).ada().get("/files/list/2026/projects/minutes/")),
    ("listing-second-page",           200, |browser| browser.guarding(&[]).with_names(2003).ada().get("/files/list/?page=2")),
    ("listing-last-page",             200, |browser| browser.guarding(&[]).with_names(1003).ada().get("/files/list/?page=2")),
    ("listing-hostile-names",         200, |browser| browser.guarding(&HOSTILE).ada().get("/files/list/")),
    ("400",                           400, |browser| browser.send("POST", "/login", &[FORM], "username=%FF")),
    ("403",                           403, |browser| browser.send("POST", "/login", &[FORM, CROSS_SITE], "username=ada")),
    ("403-account",                   403, |browser| browser.guarding(&["a.txt"]).set("GUARD_USERS", r#"{"/files/list": ["bob"]}"#).ada().get("/files/list/")),
    ("403-behind-a-proxy",            403, |browser| browser.send("POST", "/login", &[FORM, ("Origin", "https://example.org")], "username=ada")),
    ("404",                           404, |browser| browser.get("/nothing")),
    ("405",                           405, |browser| browser.send("PUT", "/login", &[], "")),
    ("413",                           413, |browser| browser.send("POST", "/login", &[FORM], &"a".repeat(70_000))),
    ("415",                           415, |browser| browser.send("POST", "/login", &[("Content-Type", "text/plain")], "ada")),
    ("500-template",                  500, |browser| browser.with_file("templates/index.html", "<p>{% if %}</p>").get("/")),
    ("500-template-debug",            500, |browser| browser.set("DEBUG", "true").with_file("templates/index.html", "<p>{% if %}</p>").get("/")),
    ("503-setting",                   503, |browser| browser.set("SESION_TYPE", "cookie").get("/")),
    ("503-users-file",                503, |browser| browser.users().without_users().get("/login")),
    ("503-empty-users-file",          503, |browser| browser.with_file("users", "").get("/login")),
    ("503-cookie-path",               503, |browser| browser.set("SESSION_COOKIE_PATH", "/members").get("/login")),
    ("503-no-folder",                 503, |browser| browser.without_folder().set("SESSION_TYPE", "filesystem").get("/")),
    ("503-doctor-on",                 503, |browser| browser.with_doctor_on("").set("SESION_TYPE", "cookie").get("/")),
    ("doctor",                        200, |browser| browser.with_doctor_on("").get("/doctor")),
    ("doctor-users",                  200, |browser| browser.set("DOCTOR_USERS", r#"["ada"]"#).guarding(&["a.txt"]).ada().get("/doctor?cookie=1")),
    ("doctor-word",                   200, |browser| browser.with_doctor_on("k3VtZ 8qLw 27 staple").set("SESION_TYPE", "cookie").get("/doctor")),
    ("doctor-wrong-word",             403, |browser| browser.with_doctor_on("k3VtZ 8qLw 27 staple").post("/doctor", &[("word", "another word")])),
    ("doctor-right-word",             200, |browser| browser.with_file("users", "ada:x\n\nbob\n").with_doctor_on("k3VtZ 8qLw 27 staple").set("SESION_TYPE", "cookie").post("/doctor", &[("word", "k3VtZ 8qLw 27 staple")])),
    ("503-folder",                    503, |browser| browser.set("STATE_DIR", "/tmp/signet").set("SESSION_TYPE", "filesystem").get("/")),
];

/// Names that could change a page: as markup, by their length, by invisible characters or
/// another direction of writing.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)<\u{2215}script>",
    "\" onclick=\"alert(1)",
    "{{ 7*7 }} 100% #1?a=b&c;.txt",
    "a\u{202e}fdp.exe",
    "line\nbreak\tand\u{200b}nothing",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} 1.pdf",
    "x\u{301}\u{301}\u{301}\u{301} \u{1f600}",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW.tar.gz",
];

/// A browser on a site of its own.
struct Browser<'s> {
    server: &'s signet::Server<'s>,
    /// Its `Accept-Language`.
    language: &'static str,
    client: Option<Client<'s>>,
    state: StateDir,
}

impl<'s> Browser<'s> {
    fn new(server: &'s signet::Server<'s>, language: &'static str) -> Self {
        let state = StateDir::new();
        let client = Client::new(server).state_dir(state.path());
        Self {
            server,
            language,
            client: Some(client),
            state,
        }
    }

    fn set(&mut self, name: &str, value: &str) -> &mut Self {
        let client = self.client.take().expect("a client");
        self.client = Some(client.setting(name, value));
        self
    }

    fn with_file(&mut self, name: &str, text: &str) -> &mut Self {
        self.state.write(name, text, 0o600);
        self
    }

    /// A file that opens the doctor's page at the time of the client.
    fn with_doctor_on(&mut self, word: &str) -> &mut Self {
        let path = self.state.write("doctor.on", word, 0o600);
        let file = fs::File::options().write(true).open(path);
        let at = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        file.and_then(|file| file.set_modified(at))
            .expect("set its time");
        self
    }

    /// A site for which no state folder is found.
    fn without_folder(&mut self) -> &mut Self {
        self.client = Some(Client::new(self.server));
        self
    }

    fn demo(&mut self) -> &mut Self {
        self
    }

    fn users(&mut self) -> &mut Self {
        self.with_file("users", ADA)
    }

    /// A site without its users file, which it had.
    fn without_users(&mut self) -> &mut Self {
        self.get("/login");
        fs::remove_file(self.state.path().join("users")).expect("remove it");
        self
    }

    /// A users file that cannot be replaced: other programs would keep the old one.
    fn with_linked_users(&mut self) -> &mut Self {
        let path = self.state.path().join("users");
        fs::hard_link(&path, self.state.path().join("copy")).expect("make a link");
        self
    }

    /// A site that stores its sessions, and so can list them.
    fn stored(&mut self) -> &mut Self {
        self.set("SECRET_KEY", KEY)
            .set("SESSION_TYPE", "filesystem")
    }

    /// A protected folder beside the state folder, in it the folder `list` with these files.
    fn guarding(&mut self, names: &[&str]) -> &mut Self {
        let folder = self.state.path().with_file_name("private");
        fs::create_dir_all(folder.join("list")).expect("make a folder");
        for (number, name) in names.iter().enumerate() {
            let length = 1 + 12_345 * number;
            self.with_file(&format!("../private/list/{name}"), &"a".repeat(length));
        }
        let folder = folder.to_str().expect("UTF-8").to_owned();
        self.set("GUARD_DIR", &folder).set("GUARD_LISTING", "true")
    }

    /// So many more files.
    fn with_names(&mut self, count: usize) -> &mut Self {
        for number in 1..=count {
            self.with_file(&format!("../private/list/file {number:04}"), "");
        }
        self
    }

    /// The next requests come from another browser, on the same site.
    fn on_another(&mut self) -> &mut Self {
        let client = Client::new(self.server).state_dir(self.state.path());
        self.client = Some(client);
        self.stored()
    }

    /// Ends the session of another browser.
    fn end_other(&mut self) -> Response {
        let page = self.get("/sessions").text();
        let (_, rest) = page.split_once("name=\"end\" value=\"").expect("a session");
        let (handle, _) = rest.split_once('"').expect("its end");
        self.post("/sessions", &[("end", handle)])
    }

    /// Logs ada in.
    fn ada(&mut self) -> &mut Self {
        let page = self.users().log_in("ada", PASSWORD);
        assert!(page.text().contains("/logout"), "{}", page.text());
        self
    }

    fn client(&mut self) -> &mut Client<'s> {
        self.client.as_mut().expect("a client")
    }

    fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, &[], "")
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = serde_urlencoded::to_string(fields).expect("a form");
        self.send("POST", path, &[FORM], &body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let headers = [headers, &[("Accept-Language", self.language)]].concat();
        self.client().send(method, path, &headers, body.as_bytes())
    }

    fn log_in(&mut self, name: &str, password: &str) -> Response {
        self.post("/login", &[("username", name), ("password", password)])
    }

    fn change(&mut self, old: &str, new: &str) -> Response {
        let fields = [
            ("password", old),
            ("new_password", new),
            ("new_password_again", new),
        ];
        self.post("/password", &fields)
    }

    fn until_limited(&mut self, attempt: fn(&mut Self) -> Response) -> Response {
        let mut attempts = (0..50).map(|_| attempt(self));
        let limited = attempts.find(|response| response.status == 429);
        limited.expect("a limited attempt")
    }
}

/// Writes each page into a file of a folder for each language.
fn write_pages(folder: &Path) {
    let server = signet::app::server();
    for language in Language::ALL.map(Language::tag) {
        let folder = folder.join(language);
        fs::create_dir_all(&folder).expect("make a folder");
        for (name, status, request) in STATES {
            // For owners, in English only.
            if name.starts_with("doctor") && language != "en" {
                continue;
            }
            let response = request(&mut Browser::new(&server, language));
            let (text, log) = (response.text(), &response.log);
            assert_eq!(response.status, status, "{name}: {log}{text}");
            fs::write(folder.join(format!("{name}.html")), text).expect("write a page");
        }
    }
}

#[test]
#[ignore = "needs Chromium and Node.js: run tests/run"]
fn no_page_has_faults_of_markup_or_accessibility() {
    let folder = Path::new(ROOT).join("target/pages");
    // Also those of an earlier run.
    let _ = fs::remove_dir_all(&folder);
    write_pages(&folder);
    assert_succeeds(
        Command::new("node")
            .arg(Path::new(ROOT).join("target/node/node_modules/.bin/html-validate"))
            .args(["--config", &format!("{ROOT}/tests/html-validate.json")])
            .args(["--max-warnings", "0", "--formatter", "text"])
            .arg(&folder),
    );
    assert_succeeds(python("page_states.py").arg(&folder));
}
