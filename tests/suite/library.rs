//! `signet::Server` for other programs: those in `tests/examples`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::layers::modules;
use crate::support::invariants::{COOKIE, assert_holds};
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, example, now};

fn counter(target: &str) -> Cgi {
    Cgi::get(target).program(example("counter"))
}

#[test]
fn visits_are_counted_in_the_cookie() {
    let mut cookie = None;
    for visit in 1..=3 {
        let mut request = counter("/");
        if let Some(cookie) = cookie {
            request = request.cookie(format!("session={cookie}"));
        }
        let response = assert_holds("visit", &request.run(), COOKIE);
        assert_eq!(response.status, 200);
        let wanted = format!("Visit number {visit}<");
        assert!(response.text().contains(&wanted), "{}", response.text());
        cookie = response.cookie("session").map(|cookie| cookie.value);
        assert!(cookie.is_some(), "visit {visit}: no cookie");
    }
}

#[test]
fn a_session_of_another_shape_is_counted_anew() {
    let token = Signer::default().token(r#"{"visits":"many"}"#, now());
    let request = counter("/").cookie(format!("session={token}"));
    let response = assert_holds("another shape", &request.run(), COOKIE);
    assert!(
        response.text().contains("Visit number 1<"),
        "{}",
        response.text()
    );
}

#[test]
fn a_page_that_looks_at_no_session_sets_no_cookie_and_may_be_cached() {
    let out = counter("/absent").run();
    let response = out.response();
    assert_eq!(response.status, 404, "{out}");
    assert_eq!(response.header("vary"), None, "{out}");
    assert_eq!(response.header("cache-control"), None, "{out}");
    assert!(response.cookies().is_empty(), "{out}");
}

#[test]
fn a_panic_is_an_error_page_unless_the_handler_caught_it() {
    for (path, status, text) in [
        ("/bug", 500, "Something went wrong"),
        ("/caught", 200, "caught true"),
    ] {
        let out = Cgi::get(path).program(example("faulty")).run();
        let response = out.response();
        assert_eq!(response.status, status, "{path}: {out}");
        assert!(response.text().contains(text), "{path}: {out}");
        let log = String::from_utf8_lossy(&out.stderr);
        assert!(log.contains("faulty: error: panicked at "), "{path}: {log}");
    }
}

/// The documentation of `Server::run` says so: no code can run then. The web server answers.
#[test]
fn a_stack_overflow_or_a_second_panic_ends_the_process_without_a_response() {
    for (path, log) in [
        ("/twice", &["the first bug", "the second bug"][..]),
        ("/deep", &["has overflowed its stack"]),
    ] {
        // By CGI only: a worker is replaced.
        let out = Cgi::get(path).program(example("faulty")).hold_stdin().run();
        assert_eq!(out.status.code(), None, "{path}: {out}");
        assert!(out.stdout.is_empty(), "{path}: {out}");
        let seen = String::from_utf8_lossy(&out.stderr);
        assert!(log.iter().all(|line| seen.contains(line)), "{path}: {seen}");
    }
}

/// The public modules below `module` that the documentation shows.
fn shown_modules(modules: &BTreeMap<Vec<String>, String>, module: &[String]) -> Vec<String> {
    let file = match module {
        [] => vec!["lib".to_owned()],
        module => module.to_vec(),
    };
    let (mut shown, mut is_hidden) = (Vec::new(), false);
    for line in modules[&file].lines() {
        let name = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(';'));
        if let Some(name) = name.filter(|_| !is_hidden) {
            let child = [module, &[name.to_owned()]].concat();
            shown.push(child.join("::"));
            shown.extend(shown_modules(modules, &child));
        }
        is_hidden = line == "#[doc(hidden)]" || is_hidden && line.starts_with("#[");
    }
    shown
}

/// Other public modules are for this program and its tests.
#[test]
fn the_documentation_shows_the_modules_that_authors_need() {
    let wanted = [
        "session",
        "session::key",
        "session::signing",
        "session::tagged_json",
        "testing",
    ];
    assert_eq!(shown_modules(&modules(), &[]), wanted);
}

/// RFC 9110, 9.3: a GET, HEAD or TRACE has no body that means anything. RFC
/// 9110, 15.5.12: whoever has to send one has to say its length.
#[test]
fn the_body_of_each_method_is_read_by_the_same_rules() {
    const CHUNKED: (&str, &str) = ("HTTP_TRANSFER_ENCODING", "chunked");
    // What a method makes of a body that is announced, and of one that is not.
    let announced = [
        "POST", "PUT", "PATCH", "QUERY", "DELETE", "OPTIONS", "PROPFIND",
    ];
    let required = |method| matches!(method, "POST" | "PUT" | "PATCH" | "QUERY");
    let echo = |method, length: &str, more: &[(&str, &str)]| {
        let cgi = Cgi::new(method, "/").program(example("echo"));
        let cgi = match length {
            "-" => cgi,
            length => cgi.var("CONTENT_LENGTH", length),
        };
        let out = cgi
            .var("SIGNET_MAX_CONTENT_LENGTH", "6")
            .vars(more)
            .body("hello!!")
            .run();
        let response = out.response();
        (response.status, response.text().to_owned())
    };
    for method in announced {
        let heard = |body: &str| (200, format!("{method} {body:?}\n"));
        let none = || if required(method) { 411 } else { 200 };
        assert_eq!(echo(method, "5", &[]), heard("hello"), "{method}");
        assert_eq!(echo(method, "0", &[]), heard(""), "{method}");
        assert_eq!(echo(method, "6", &[CHUNKED]), heard("hello!"), "{method}");
        assert_eq!(echo(method, "-", &[]).0, none(), "{method}: no length");
        assert_eq!(echo(method, "", &[]).0, none(), "{method}: empty length");
        assert_eq!(echo(method, "7", &[]).0, 413, "{method}: too long");
        assert_eq!(echo(method, "-", &[CHUNKED]).0, 413, "{method}: too long");
        assert_eq!(echo(method, "+5", &[]).0, 400, "{method}: no number");
        let gzip = [("HTTP_TRANSFER_ENCODING", "gzip, chunked")];
        assert_eq!(echo(method, "-", &gzip).0, 400, "{method}: another coding");
    }
    for method in ["GET", "HEAD", "TRACE"] {
        for length in ["-", "5", "7", "+5", "99999999999999999999"] {
            let heard = match method {
                "HEAD" => String::new(),
                method => format!("{method} \"\"\n"),
            };
            assert_eq!(echo(method, length, &[]), (200, heard), "{method} {length}");
        }
    }
}

/// A page that never looks at its session works without a key, and makes none.
#[test]
fn a_page_that_looks_at_no_session_opens_no_key_file() {
    let state = StateDir::new();
    let counter = |path: &str| {
        let cgi = Cgi::get(path).program(example("counter")).state(&state);
        cgi.without("SIGNET_SECRET_KEY").cookie("session=x.y.z")
    };
    assert_eq!(counter("/about").run().response().status, 200);
    assert!(!state.path().join("secret_key").exists());
    state.write("secret_key", "weak", 0o600);
    assert_eq!(counter("/about").run().response().status, 200);
    assert_eq!(counter("/").run().response().status, 503);
}

#[test]
fn a_guestbook_keeps_its_entries_in_its_state_folder() {
    let state = StateDir::new();
    let guestbook = |cgi: Cgi| cgi.program(example("guestbook")).state(&state).run();
    let added = guestbook(Cgi::post("/", "entry=%3Cb%3Ehello%3C/b%3E"));
    assert_eq!(added.response().status, 303, "{added}");
    let cookie = added.response().cookie("session").expect("a message").value;
    let list = guestbook(Cgi::get("/").cookie(format!("session={cookie}")));
    let text = list.response().text().to_owned();
    assert!(text.contains("Thank you."), "{text}");
    assert!(
        text.contains("/entries/0\">&lt;b&gt;hello&lt;/b&gt;</a>"),
        "{text}"
    );
    let shown = guestbook(Cgi::get("/entries/0"));
    assert!(
        shown.response().text().contains("&lt;b&gt;hello&lt;/b&gt;"),
        "{shown}"
    );
    assert_eq!(guestbook(Cgi::get("/entries/1")).response().status, 404);
    assert_eq!(guestbook(Cgi::get("/entries/x")).response().status, 404);
    let entries = std::fs::read_to_string(state.path().join("entries.txt"));
    assert_eq!(entries.expect("the file"), "<b>hello</b>\n");
}

/// Structs and messages in a template, and a form that is read into a struct.
#[test]
fn cards_are_shown_by_a_template() {
    let state = StateDir::new();
    let cards = |cgi: Cgi| cgi.program(example("cards")).state(&state).run();
    let empty = cards(Cgi::get("/"));
    assert!(empty.response().text().contains("Nothing to do"), "{empty}");
    assert_eq!(empty.errors(), "");
    let added = cards(Cgi::post("/", "title=%3Cb%3EMilk&days=3"));
    assert_eq!(added.response().status, 303, "{added}");
    let cookie = added.response().cookie("session").expect("a card").value;
    let list = cards(Cgi::get("/").cookie(format!("session={cookie}")));
    let text = list.response().text().to_owned();
    for want in [
        "<li>&lt;b&gt;Milk: 3 days",
        "Added: &lt;b&gt;Milk",
        "3 days in all",
    ] {
        assert!(text.contains(want), "{want}: {text}");
    }
    assert_eq!(list.errors(), "");
}

/// As www-data, which has no home folder: the log has the command that an administrator
/// runs, with the program's name and this user.
#[test]
fn without_a_state_folder_the_log_says_how_to_make_one() {
    let home = StateDir::new();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(home.path(), everybody).expect("chmod");
    let login = Cgi::post("/login", "username=ada&password=old+secret+1");
    for (request, folder) in [
        (
            counter("/").without("SIGNET_SECRET_KEY"),
            "/var/lib/counter",
        ),
        (login.program(example("members")), "/var/lib/members"),
    ] {
        let request = request.without("SIGNET_STATE_DIR").var("HOME", home.path());
        let out = request.run();
        assert_eq!(out.response().status, 503, "{out}");
        let errors = out.errors();
        let (_, command) = errors.split_once("run as root: ").expect(&errors);
        let words: Vec<&str> = command.split_whitespace().collect();
        let start = ["install", "-d", "-m", "700", "-o"];
        assert_eq!((&words[..5], words.len()), (&start[..], 7), "{command}");
        assert_eq!(words[6], folder);
    }
}

#[test]
fn members_log_in_and_out() {
    let state = StateDir::new();
    // `htpasswd -nbBC 4 ada 'old secret 1'`
    let ada = "ada:$2y$04$AJ4T..S3XeAXHEw3UVH5GOx.GKdUVUgywtLSKmRnv4s5Ov4ekJK4C\n";
    state.write("users", ada, 0o600);
    let members = |cgi: Cgi| cgi.program(example("members")).state(&state).run();
    let login = "/app/login?next=%2Fapp%2F%3Fpage%3D2";
    let sent = members(Cgi::get("/?page=2"));
    assert_eq!(sent.response().header("location"), Some(login), "{sent}");
    let page = members(Cgi::get("/login?next=%2Fapp%2F%3Fpage%3D2"));
    let field = "name=\"next\" value=\"/app/?page=2\"";
    assert!(page.response().text().contains(field), "{page}");
    let form = |password: &str| {
        let body = format!("next=%2Fapp%2F%3Fpage%3D2&username=ada&password={password}");
        members(Cgi::post("/login", &body))
    };
    let wrong = form("wrong+secret");
    let response = wrong.response();
    assert_eq!(response.status, 403, "{wrong}");
    assert!(response.text().contains(field), "{wrong}");
    assert!(response.text().contains("value=\"ada\""), "{wrong}");
    assert!(!response.text().contains("wrong secret"), "{wrong}");
    let right = form("old+secret+1");
    assert_eq!(right.response().header("location"), Some("/app/?page=2"));
    let cookie = right.response().cookie("session").expect("a session");
    let cookie = format!("session={}", cookie.value);
    let page = members(Cgi::get("/").cookie(&cookie));
    assert!(page.response().text().contains("Hello ada"), "{page}");
    let out = members(Cgi::post("/logout", "").cookie(&cookie));
    assert_eq!(
        out.response().header("location"),
        Some("/app/login"),
        "{out}"
    );
    let cookie = out.response().cookie("session").expect("its end");
    assert_eq!(cookie.value, "", "{out}");
    for _ in 0..5 {
        form("wrong");
    }
    let limited = form("old+secret+1");
    assert_eq!(limited.response().status, 429, "{limited}");
    assert!(limited.response().header("retry-after").is_some());
}

#[test]
fn without_a_web_server_it_says_so() {
    let out = counter("/").bare().run();
    assert_eq!(out.errors().lines().count(), 1, "{out}");
    assert!(
        out.errors().starts_with("counter: this is a CGI program"),
        "{out}"
    );
    assert!(out.stdout.is_empty(), "{out}");
}

/// Each crate is something to build and to trust.
#[test]
fn the_library_without_features_needs_at_most_fifty_crates() {
    let mut tree = Command::new(env!("CARGO"));
    let output = tree
        .args(["tree", "--offline", "--locked", "--edges", "normal,build"])
        .args([
            "--no-default-features",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&output.stdout);
    let crates: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(crates.contains("signet-cgi"), "{output:?}");
    assert!(crates.len() - 1 <= 50, "{}: {crates:?}", crates.len() - 1);
}

/// `Server::run` and `signet::main!`, without a web server.
#[test]
fn a_program_that_a_person_starts_says_so_and_ends_with_code_two() {
    for name in ["notes", "guestbook"] {
        let mut program = Command::new(example(name));
        let output = program.env_clear().output().expect("start it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("this is a CGI program"), "{name}: {said}");
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}

/// The names of the library that exist only with a feature, each with the feature.
fn names_with_features() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (module, text) in modules() {
        if !["lib", "server", "session"].contains(&&*module[0]) {
            continue;
        }
        for part in text.split("#[cfg(feature = \"").skip(1) {
            let (feature, rest) = part.split_once("\")]").expect("one feature");
            if let Some(item) = rest.trim_start().strip_prefix("pub ") {
                let end = item.find(['(', ';', '<']).unwrap_or(item.len());
                let paths = item[..end].split(|c: char| "{}, \n".contains(c));
                let names = paths.filter_map(|path| path.rsplit("::").next());
                let names = names
                    .filter(|name| !matches!(*name, "" | "use" | "fn" | "mod" | "struct" | "enum"));
                found.extend(names.map(|name| (name.to_owned(), feature.to_owned())));
            }
        }
    }
    assert_eq!(found.get("render").map(String::as_str), Some("templates"));
    found
}

/// Cargo compiles no example without a row. One that lacks `required-features` does not
/// compile without them, which only `tests/run` tries.
#[test]
fn every_example_has_rows_and_the_features_that_it_needs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml");
    let rows = manifest.split("[[example]]\n").skip(1);
    let rows: Vec<&str> = rows.filter_map(|row| row.split("\n\n").next()).collect();
    let names = names_with_features();
    for entry in fs::read_dir(root.join("tests/examples")).expect("a folder") {
        let file = entry.expect("an entry").file_name();
        let file = file.into_string().expect("UTF-8");
        let Some(name) = file.strip_suffix(".rs") else {
            continue;
        };
        let path = format!("tests/examples/{file}");
        let lines = format!("name = \"{name}\"\npath = \"{path}\"");
        let row = rows.iter().find(|row| row.starts_with(&lines));
        let row = row.unwrap_or_else(|| panic!("Cargo.toml has no [[example]] for {path}"));
        let required = row.split_once("required-features = ");
        let required = required.map_or("", |(_, list)| list);
        let readme = include_str!("../examples/README.md");
        let link = format!("[`{file}`]({file})");
        assert!(
            readme.contains(&link),
            "tests/examples/README.md lacks {link}"
        );
        let code = fs::read_to_string(root.join(&path)).expect("an example");
        let code = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        for word in code.flat_map(|line| line.split(|c| !is_part(c))) {
            if let Some(feature) = names.get(word) {
                assert!(
                    required.contains(&format!("\"{feature}\"")),
                    "{path} uses {word}: its row needs required-features = [\"{feature}\"]"
                );
            }
        }
    }
}
