//! Pages that cannot be rendered: the visitor gets a plain 500 page with the file
//! and the line, its owner the reason on stderr (with DEBUG on the page as well).

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::{PAGES, logged_in, show, site};
use crate::support::invariants::{NOTHING, assert_holds};
use crate::support::{Cgi, StateDir};

const GOOD: &str = "a-good-key-of-the-site-91c04f7be2";

/// Asserts that the index is a 500 page and stderr names all of `wanted`.
#[track_caller]
fn assert_broken(name: &str, state: &StateDir, wanted: &[&str]) {
    for debug in ["false", "true"] {
        let request = Cgi::get("/")
            .state(state)
            .var("SIGNET_DEBUG", debug)
            .cookie(logged_in("alice"));
        let out = request.address_space(64 << 20).run();
        let response = assert_holds(name, &out, NOTHING);
        assert_eq!(response.status, 500, "{name}: {out}");
        for word in wanted {
            assert!(
                out.errors().contains(word),
                "{name}: no {word:?} on stderr: {out}"
            );
            let shown = response.words().contains(word);
            // Which file it is, the owner learns without DEBUG.
            assert_eq!(
                shown,
                debug == "true" || *word == "index.html",
                "{name}: {word:?} on the page: {}",
                response.words()
            );
        }
    }
}

#[test]
fn errors_name_file_and_line() {
    #[rustfmt::skip]
    let cases = [
        ("no expression",     "a\nb {% if %}\nc{% endif %}", "index.html:2"),
        ("never closed",      "{% if username %}\nx\n", "index.html:"),
        ("closed twice",      "x\n\n{% endif %}", "index.html:3"),
        ("unknown tag",       "\n{% nosuchtag %}", "index.html:2"),
        ("open braces",       "x\n{{ username", "index.html:2"),
        ("unknown filter",    "{{ username|nosuchfilter }}", "index.html:1"),
        ("unknown function",  "\n\n\n{{ nosuchfunction() }}", "index.html:4"),
        ("unknown endpoint",  "<a>\n{{ url_for('nosuchview') }}", "index.html:2"),
        ("no endpoint",       "\n{{ url_for() }}", "index.html:2"),
        ("endpoint a number", "\n{{ url_for(1) }}", "index.html:2"),
        ("inside nothing",    "x\ny\n{{ nothing.at.all }}", "index.html:3"),
        ("by zero",           "\n{{ 1 // 0 }}", "index.html:2"),
        ("missing include",   "\n{% include 'nosuchfile.html' %}", "index.html:2"),
        ("missing parent",    "{% extends 'nosuchfile.html' %}", "index.html:1"),
    ];
    for (name, text, wanted) in cases {
        let state = site(&[("index.html", text)]);
        assert_broken(name, &state, &[wanted]);
        let words = Cgi::get("/").state(&state).run().response().words();
        if let Some((file, line)) = wanted.split_once(':')
            && !line.is_empty()
        {
            let place = format!("The template {file} has a mistake in line {line}:");
            assert!(words.contains(&place), "{name}: {words}");
        }
    }
    let state = site(&[
        ("index.html", "{% include 'part.html' %}"),
        ("part.html", "\n\n{{ 1|nosuchfilter }}"),
    ]);
    assert_broken("in a part", &state, &["part.html:3"]);
    let words = Cgi::get("/").state(&state).run().response().words();
    assert!(
        words.contains("The template part.html has a mistake in line 3: "),
        "{words}"
    );
}

/// What is wrong with one page is no reason to refuse the others.
#[test]
fn other_pages_go_on() {
    for (page, _, _) in PAGES {
        let state = site(&[(page, "{% if %}")]);
        for (other, request, status) in PAGES {
            let out = request().state(&state).run();
            let response = out.response();
            let broken = other == page;
            // A broken error page still gives an error page, the built-in one.
            let want = if broken { 500 } else { status };
            assert!(
                response.status == want || (broken && response.status == status && status != 200),
                "{out}"
            );
            assert_eq!(
                out.errors().contains(page),
                broken,
                "{other} with {page}: {out}"
            );
        }
    }
    let state = site(&[
        ("index.html", "{% if %}"),
        ("error.html", "{{ nothing.at.all }}"),
    ]);
    assert_broken("both", &state, &["index.html"]);
}

/// The template's fault is not the visitor's: nobody is logged out by it, and
/// a login is only lost, not half done.
#[test]
fn login_works_without_its_page() {
    let state = site(&[("index.html", "{% if %}"), ("login.html", "{% if %}")]);
    let out = Cgi::post("/login", "username=admin").state(&state).run();
    assert_eq!(out.response().status, 303, "{out}");
}

#[test]
fn files_that_are_no_templates() {
    let page = |state: &StateDir| state.path().join("templates/index.html");
    let empty = || site(&[("other.html", "")]);
    let state = empty();
    fs::create_dir(page(&state)).expect("mkdir");
    assert_broken("a directory", &state, &["index.html"]);
    let state = empty();
    mkfifoat(CWD, page(&state), Mode::from_raw_mode(0o600)).expect("mkfifo");
    assert_broken("a FIFO", &state, &["index.html"]);
    let state = empty();
    symlink("index.html", page(&state)).expect("symlink");
    assert_broken("a link to itself", &state, &["index.html"]);
    let state = empty();
    symlink("/dev/zero", page(&state)).expect("symlink");
    assert_broken("an endless device", &state, &["index.html"]);
    let encodings: [(&[u8], &str); 3] = [
        (b"<p>\ncaf\xe9 {{ username }}", "index.html:2: is not UTF-8"),
        (
            b"\xff\xfe<\0p\0>\0",
            "index.html:1: is not UTF-8 but UTF-16",
        ),
        (b"<\0p\0>\0", "index.html:1: is not UTF-8 but UTF-16"),
    ];
    for (bytes, wanted) in encodings {
        let state = empty();
        fs::write(page(&state), bytes).expect("write");
        assert_broken("not UTF-8", &state, &[wanted, "save the file as UTF-8"]);
    }
    // As Notepad saves it.
    let marked = site(&[("index.html", "\u{feff}<!doctype html>")]);
    let response = show("marked", &marked, Cgi::get("/"));
    assert_eq!(response.text(), "<!doctype html>");
    let state = empty();
    fs::write(page(&state), "x".repeat((1 << 20) + 1)).expect("write");
    assert_broken("over 1 MiB", &state, &["index.html"]);
    // The limit itself is allowed, and so is a file of nothing.
    for text in ["x".repeat(1 << 20), String::new()] {
        let response = show("good", &site(&[("index.html", &text)]), Cgi::get("/"));
        assert_eq!((response.status, response.body.len()), (200, text.len()));
    }
}

/// All within the invariants' second and their 64 MiB.
#[test]
fn endless_templates_end() {
    let deep = format!(
        "{}x{}",
        "{% if true %}".repeat(2000),
        "{% endif %}".repeat(2000)
    );
    let brackets = format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000));
    #[rustfmt::skip]
    let cases: [(&str, &[(&str, &str)]); 12] = [
        ("includes itself",  &[("index.html", "x{% include 'index.html' %}")]),
        ("extends itself",   &[("index.html", "{% extends 'index.html' %}")]),
        ("includes in turn", &[("index.html", "{% include 'a.html' %}"), ("a.html", "{% include 'index.html' %}")]),
        ("extends in turn",  &[("index.html", "{% extends 'a.html' %}"), ("a.html", "{% extends 'index.html' %}")]),
        ("twice itself",     &[("index.html", "{% include 'index.html' %}{% include 'index.html' %}")]),
        ("macro",            &[("index.html", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]),
        ("a long loop",      &[("index.html", "{% for i in range(1000000000) %}x{% endfor %}")]),
        ("loops in loops",   &[("index.html", "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}{% endfor %}{% endfor %}{% endfor %}")]),
        ("much output",      &[("index.html", "{% for i in range(9999) %}{% for j in range(9999) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}")]),
        ("doubling",         &[("index.html", "{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}")]),
        ("deep",             &[("index.html", &deep)]),
        ("brackets",         &[("index.html", &brackets)]),
    ];
    for (name, pages) in cases {
        let out = Cgi::get("/")
            .state(&site(pages))
            .address_space(64 << 20)
            .run();
        let response = assert_holds(name, &out, NOTHING);
        assert!(
            response.status == 500 || name == "deep",
            "{name}: {}",
            response.status
        );
    }
}

/// A page takes in what lies in its folder, and never the key beside it.
#[test]
fn paths_out_of_the_folder_are_refused() {
    let state = StateDir::new();
    state.write("secret_key", GOOD, 0o600);
    state.write("templates/parts/inner.html", "inside", 0o644);
    let absolute = state.path().join("secret_key").display().to_string();
    for path in [
        "../secret_key",
        "parts/../../secret_key",
        "parts/../../../state/secret_key",
        "./../secret_key",
        "..",
        ".",
        "",
        "parts",
        "..\\\\secret_key",
        "\\0",
        "../secret_key\\0.html",
        "/etc/passwd",
        "//etc/passwd",
        "file:///etc/passwd",
        &absolute,
    ] {
        for tag in ["include", "extends", "import"] {
            let text = match tag {
                "import" => format!("{{% import '{path}' as x %}}{{{{ x }}}}"),
                _ => format!("{{% {tag} '{path}' %}}"),
            };
            state.write("templates/index.html", text, 0o644);
            let out = Cgi::get("/")
                .state(&state)
                .var("SIGNET_DEBUG", "true")
                .run();
            let response = out.response();
            assert_eq!(response.status, 500, "{tag} {path}: {out}");
            for secret in [GOOD, "root:x:0"] {
                assert!(!response.text().contains(secret), "{tag} {path}: {out}");
                assert!(!out.errors().contains(secret), "{tag} {path}: {out}");
            }
        }
    }
    state.write(
        "templates/index.html",
        "{% include 'parts/inner.html' %}",
        0o644,
    );
    assert_eq!(show("inside", &state, Cgi::get("/")).text(), "inside");
}

/// A folder that a setting names has to be there; the default one need not.
#[test]
fn missing_folders() {
    let state = StateDir::new();
    assert_eq!(show("default", &state, Cgi::get("/")).status, 200);
    let file = state.write("file", "", 0o644);
    let missing = state.path().join("missing");
    for path in [missing, file] {
        let out = Cgi::get("/")
            .state(&state)
            .var("SIGNET_TEMPLATES_DIR", &path)
            .run();
        assert_holds("missing", &out, NOTHING);
        assert!(out.errors().contains(&path.display().to_string()), "{out}");
    }
}
