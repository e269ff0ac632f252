//! A site's own pages: files that its owner wrote, perhaps wrongly. They get
//! the built-in pages' variables, their escaping, and no way to hang us.

mod broken;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::support::html::unescape;
use crate::support::invariants::{ADDRESS_SPACE, COOKIE, MARKER, NOTHING, assert_holds, checked};
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{Cgi, StateDir, now};

/// A state directory with these pages.
fn site(pages: &[(&str, &str)]) -> StateDir {
    let state = StateDir::new();
    for (name, text) in pages {
        state.write(&format!("templates/{name}"), text, 0o644);
    }
    state
}

/// The Cookie header of somebody logged in.
fn logged_in(name: &str) -> String {
    let json = serde_json::json!({ "username": name }).to_string();
    format!("session={}", Signer::default().token(json, now()))
}

/// Names and values of variables.
type Vars = &'static [(&'static str, &'static str)];

/// A name, a request, the status it gets.
pub(crate) type Row = (&'static str, fn() -> Cgi, u16);

/// Each page of the program, by its file's name, and the status it has.
pub(crate) const PAGES: [Row; 4] = [
    ("index.html", || Cgi::get("/"), 200),
    ("login.html", || Cgi::get("/login"), 200),
    (
        "logout.html",
        || Cgi::get("/logout").var("HTTP_SEC_FETCH_SITE", "cross-site"),
        200,
    ),
    ("error.html", || Cgi::get("/nowhere"), 404),
];

/// A page that is missing in [`PAGES`] would not be tested here.
#[test]
fn the_tests_know_every_template() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let names = fs::read_dir(folder).expect("templates");
    let mut names: Vec<String> = names
        .map(|entry| entry.expect("a template").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".html") && name != "base.html")
        .collect();
    names.sort();
    // Of those that the demo does not have, the tests are in users::password_page and
    // users::sessions_page and protected_files.
    let mut known = PAGES.map(|(file, _, _)| file).to_vec();
    known.extend(["password.html", "sessions.html", "listing.html"]);
    known.sort_unstable();
    assert_eq!(names, known);
}

/// Makes a request of such a site and asserts what holds for its own pages as
/// for the built-in ones; only their policy also allows the site's own files.
#[track_caller]
fn show(name: &str, state: &StateDir, request: Cgi) -> Response {
    let out = request.state(state).address_space(ADDRESS_SPACE).run();
    assert_eq!(out.status.code(), Some(0), "{name}: {out}");
    assert_eq!(out.errors(), "", "{name}: {out}");
    assert_eq!(out.after, out.before, "{name}: the state directory changed");
    assert!(out.busy < Duration::from_secs(1), "{name}: {:?}", out.busy);
    let response = out.response();
    assert_eq!(response.cookies(), [], "{name}");
    assert!(!response.text().contains(MARKER), "{name}: {out}");
    let header = |wanted: &str| response.header(wanted).unwrap_or_default().to_owned();
    assert_eq!(header("Cache-Control"), "no-store, no-cache", "{name}");
    assert_eq!(header("Vary"), "Cookie", "{name}");
    assert_eq!(header("X-Content-Type-Options"), "nosniff", "{name}");
    let policy = header("Content-Security-Policy");
    for directive in [
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(directive), "{name}: {policy}");
    }
    for part in policy.split(';').map(str::trim) {
        let scripts = part.starts_with("default-src") || part.starts_with("script-src");
        assert!(!scripts || !part.contains("unsafe"), "{name}: {policy}");
    }
    response
}

/// Each may be replaced alone; its status and headers stay, see the invariants.
#[test]
fn each_page_can_be_replaced() {
    for (page, _, _) in PAGES {
        let state = site(&[(
            page,
            "<!doctype html><title>Ours</title><body>our own words",
        )]);
        for (other, request, status) in PAGES {
            let response = show(page, &state, request().cookie(logged_in("alice")));
            assert_eq!(response.status, status, "{other} with {page}");
            let ours = response.text().contains("our own words");
            assert_eq!(
                ours,
                other == page,
                "{other} with {page}: {}",
                response.text()
            );
        }
    }
}

#[test]
fn pages_from_another_folder() {
    let state = site(&[("index.html", "from the state directory")]);
    let elsewhere = StateDir::new();
    let folder = elsewhere.path().join("pages");
    elsewhere.write("pages/index.html", "from elsewhere", 0o644);
    let request = || Cgi::get("/").var("SIGNET_TEMPLATES_DIR", &folder);
    assert_eq!(show("set", &state, request()).text(), "from elsewhere");
    assert_eq!(
        show("default", &state, Cgi::get("/")).text(),
        "from the state directory"
    );
    let toml = format!("TEMPLATES_DIR = \"{}\"\n", folder.display());
    state.write("signet.toml", toml, 0o600);
    assert_eq!(show("toml", &state, Cgi::get("/")).text(), "from elsewhere");
}

/// With a key from elsewhere the site works without its state directory: the
/// owner is told why what lies there does not count.
#[test]
fn a_refused_state_directory_is_not_passed_over_in_silence() {
    let state = site(&[("index.html", "my own page")]);
    fs::set_permissions(state.path(), Permissions::from_mode(0o777)).expect("chmod");
    let out = Cgi::get("/").state(&state).run();
    let response = assert_holds("refused", &out, NOTHING);
    assert_eq!(response.status, 200, "{out}");
    assert!(!response.text().contains("my own page"), "{out}");
    let said = out.errors();
    assert!(said.starts_with("signet: STATE_DIR "), "{out}");
    assert!(said.contains("can be written by other users"), "{out}");
    assert!(said.contains("logged out everywhere"), "{out}");

    let out = Cgi::get("/")
        .without("SIGNET_SECRET_KEY")
        .state(&state)
        .run();
    assert_eq!(out.response().status, 503, "{out}");
    let said = out.errors();
    assert_eq!(
        said.lines().count(),
        1,
        "once, as the error's reason: {out}"
    );
    assert!(said.contains("can be written by other users"), "{out}");

    // The cause may be that the right settings were not read.
    let weak = Cgi::get("/").var("SIGNET_SECRET_KEY", "short");
    let out = weak.state(&state).run();
    assert_eq!(out.response().status, 503, "{out}");
    assert_eq!(out.errors().lines().count(), 2, "{out}");
    assert!(out.errors().contains("SECRET_KEY has 5 bytes"), "{out}");
    assert!(out.errors().contains("STATE_DIR "), "{out}");
}

/// The form again with its message, and the answer to a POST.
#[test]
fn own_form_answers_a_bad_name() {
    let state = site(&[(
        "login.html",
        "<form method=post><input name=username>ours</form>",
    )]);
    let response = show("bad name", &state, Cgi::post("/login", "username="));
    assert_eq!(
        (response.status, response.text().contains("ours")),
        (400, true)
    );
    let out = Cgi::post("/login", "username=admin").state(&state);
    assert_eq!(checked("login", out, COOKIE).status, 303);
    let head = show("HEAD", &state, Cgi::new("HEAD", "/login"));
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn the_page_of_the_tutorial_works_as_it_stands() {
    let state = site(&[(
        "index.html",
        r#"<!DOCTYPE html>
<html lang="en">
<head>
    <meta charset="UTF-8">
    <title></title>
</head>
<body>
    {% if username %}
    <p>Logged in as {{ username }}</p>
    <p><a href="/logout">click here to log out</a></p>
    {% else %}
    <p>You are not logged in</p>
    <p><a href="/login">click here to log in</a></p>
    {% endif %}
</body>
</html>
"#,
    )]);
    let words = show("anonymous", &state, Cgi::get("/")).words();
    assert_eq!(words, "You are not logged in click here to log in");
    let request = Cgi::get("/").cookie(logged_in("admin"));
    assert_eq!(
        show("logged in", &state, request).words(),
        "Logged in as admin click here to log out"
    );
}

/// As Flask's: by the view's name, below the mount.
#[test]
fn url_for_names_the_three_views() {
    let state = site(&[(
        "index.html",
        "{{ url_for('index') }} {{ url_for('login') }} {{ url_for(\"logout\") }}",
    )]);
    #[rustfmt::skip]
    let cases: [(&str, Vars, &str); 4] = [
        ("below /app",   &[], "/app/ /app/login /app/logout"),
        ("at the root",  &[("SCRIPT_NAME", ""), ("REQUEST_URI", "/")], "/ /login /logout"),
        ("as set",       &[("SIGNET_APPLICATION_ROOT", "/x/y")], "/x/y/ /x/y/login /x/y/logout"),
        ("rewritten",    &[("SCRIPT_NAME", "/cgi-bin/signet.cgi"), ("REQUEST_URI", "/")], "/ /login /logout"),
    ];
    for (name, vars, want) in cases {
        let response = show(name, &state, Cgi::get("/").vars(vars));
        // Every engine may write a slash as a character reference.
        assert_eq!(unescape(response.text()), want, "{name}");
    }
}

#[test]
fn own_and_built_in_files_together() {
    let layout = "<!doctype html><title>{% block title %}{% endblock %}</title><body>{% block body %}none{% endblock %}";
    let index = "{% extends 'layout.html' %}{% block body %}{% include 'parts/nav.html' %} of {{ username }}{% endblock %}";
    let state = site(&[
        ("layout.html", layout),
        ("index.html", index),
        (
            "parts/nav.html",
            "<nav>{{ url_for('index') }} for {{ username }}</nav>",
        ),
    ]);
    let response = show("own", &state, Cgi::get("/").cookie(logged_in("alice")));
    assert_eq!(response.words(), "/app/ for alice of alice");
    // A page of our own takes in a built-in one, as it is.
    let state = site(&[("index.html", "<body>before {% include 'login.html' %}")]);
    let text = show("built-in", &state, Cgi::get("/")).text().to_owned();
    assert!(text.starts_with("<body>before "), "{text}");
    assert!(text.contains("name=\"username\""), "{text}");
    assert!(!text.contains("class=\"error\""), "{text}");
}

/// A built-in page that others extend is replaced for them, too.
#[test]
fn built_in_sources_as_own_files() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let state = StateDir::new();
    let mut copied = 0;
    for entry in fs::read_dir(sources).expect("templates") {
        let path = entry.expect("a template").path();
        // Of pages that a site cannot replace.
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().expect("a name").to_str().expect("UTF-8");
        state.write(
            &format!("templates/{name}"),
            fs::read(&path).expect("read"),
            0o644,
        );
        copied += 1;
    }
    assert!(copied >= PAGES.len(), "{copied} templates");
    let plain = StateDir::new();
    let posted: [Row; 2] = [
        ("bad name", || Cgi::post("/login", "username=%00"), 400),
        (
            "refused",
            || Cgi::post("/login", "username=a").var("CONTENT_TYPE", "text/plain"),
            415,
        ),
    ];
    for (name, request, status) in PAGES.into_iter().chain(posted) {
        for user in ["alice", MARKER, "日本/'`=", ""] {
            let request = || request().cookie(logged_in(user));
            let (own, built_in) = (show(name, &state, request()), show(name, &plain, request()));
            assert_eq!(own.status, status, "{name}");
            // The two engines spell character references differently.
            let (own, built_in) = (unescape(own.text()), unescape(built_in.text()));
            assert_eq!(own, built_in, "{name} for {user}");
        }
    }
}

/// By no name of a file; `|safe` is the owner's own word.
#[test]
fn escaping_is_always_on() {
    for part in [
        "x.html",
        "x.txt",
        "x.js",
        "x.json",
        "x.yaml",
        "x.css",
        "x",
        "x.html.j2",
        "x.none",
    ] {
        let include = format!("<body>{{% include '{part}' %}}|{{{{ username }}}}");
        let state = site(&[("index.html", &include), (part, "{{ username }}")]);
        let response = show(part, &state, Cgi::get("/").cookie(logged_in(MARKER)));
        assert_eq!(
            response.words(),
            format!("{MARKER}|{MARKER}"),
            "{part}: {}",
            response.text()
        );
    }
    let attribute = "<body title=\"{{ username }}\"><a href='{{ username }}'>x</a>";
    let response = show(
        "attribute",
        &site(&[("index.html", attribute)]),
        Cgi::get("/").cookie(logged_in(MARKER)),
    );
    assert!(
        !response.text().contains("zq'") && !response.text().contains("\"><b>"),
        "{}",
        response.text()
    );
    let state = site(&[("index.html", "{{ '<b>' }}{{ '<i>'|safe }}")]);
    assert_eq!(show("safe", &state, Cgi::get("/")).text(), "&lt;b&gt;<i>");
}

/// As in Flask the page is shown all the same; but a misspelt name is found: in
/// the log by file, line and name, and with DEBUG on the page.
#[test]
fn an_undefined_variable_is_named() {
    #[rustfmt::skip]
    let cases: [(&str, &str, &str, &str); 12] = [
        ("printed",      "<p>\n[{{ usrname }}]",                     "[]",    "index.html:2: undefined value: `usrname` is undefined"),
        ("filtered",     "[{{ usrname|upper }}]",                    "[]",    "index.html:1: undefined value: `usrname` is undefined"),
        ("joined",       "[{{ username ~ usrname }}]",               "[ada]", "`usrname` is undefined"),
        ("an attribute", "[{{ username.first }}]",                   "[]",    "`username.first` is undefined"),
        ("a loop",       "[{% for x in items %}{{ x }}{% endfor %}]", "[]",   "`items` is undefined"),
        ("compared",     "[{% if role == 'admin' %}x{% endif %}]",   "[]",    "`role` is undefined"),
        ("set",          "{% set a = usrname %}\n[{{ a }}]",         "[]",    "index.html:2: undefined value: `usrname` is undefined (from line 1)"),
        ("included",     "[{% include 'part.html' %}]",              "[]",    "part.html:3"),
        ("in a parent",  "{% extends 'layout.html' %}{% block b %}{% endblock %}", "[]", "layout.html:1"),
        ("in a block",   "{% extends 'layout.html' %}\n{% block b %}{{ x }}{% endblock %}", "[]", "index.html:2"),
        ("in a macro",   "{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}", "[]", "index.html:1: undefined value"),
        ("of another page", "[{{ error_id }}]",                      "[]",    "`error_id` is undefined"),
    ];
    for (name, text, shown, wanted) in cases {
        let state = site(&[
            ("index.html", text),
            ("part.html", "{#\n\n#}{{ usrname }}"),
            ("layout.html", "[{% block b %}{% endblock %}{{ title }}]"),
        ]);
        for debug in ["false", "true"] {
            let request = Cgi::get("/").cookie(logged_in("ada"));
            let out = request.state(&state).var("SIGNET_DEBUG", debug).run();
            let response = assert_holds(name, &out, NOTHING);
            assert_eq!(response.status, 200, "{name}: {out}");
            assert!(response.text().contains(shown), "{name}: {out}");
            let log = out.errors();
            assert!(log.contains(wanted), "{name}: {out}");
            assert_eq!(log.lines().count(), 1, "{name}: {out}");
            let on_page = unescape(response.text()).contains(wanted);
            assert_eq!(on_page, debug == "true", "{name}: {out}");
        }
    }
}

/// What asks whether a variable is there is no mistake.
#[test]
fn tests_of_undefined_variables_are_no_mistakes() {
    for text in [
        "{% if usrname %}x{% else %}[]{% endif %}",
        "{% if not usrname %}[]{% endif %}",
        "[{{ 'x' if usrname }}]",
        "[{{ usrname|default('') }}]",
        "[{{ usrname or '' }}]",
        "{% if usrname is defined %}x{% endif %}[]",
        "{% if username and usrname %}x{% endif %}[]",
        "{% set error = error|default('') %}[{{ error }}]",
    ] {
        let state = site(&[("index.html", text)]);
        let request = Cgi::get("/").cookie(logged_in("ada"));
        // Nothing on stderr, among others.
        let response = show(text, &state, request.var("SIGNET_DEBUG", "true"));
        assert_eq!(response.text(), "[]", "{text}");
    }
}

/// What a visitor calls himself is never a template.
#[test]
fn names_are_not_rendered() {
    let state = site(&[("index.html", "<body>{{ username }}")]);
    for name in [
        "{{7*7}}",
        "{{ url_for('index') }}",
        "{% include 'login.html' %}",
        "{% include '../secret_key' %}",
        "{# comment #}",
        "{% raw %}",
        "${7*7}#{7*7}",
        "%s%n",
    ] {
        let request = Cgi::get("/").cookie(logged_in(name));
        assert_eq!(show(name, &state, request).words(), name);
    }
}
