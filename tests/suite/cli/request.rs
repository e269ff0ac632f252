//! `signet request`: one request as a web server would make it, its answer on
//! stdout as a web server would get it.

use super::{Run, signet, state_dir};
use crate::hostile::cookies::user;
use crate::support::response::Response;
use crate::support::token::Signer;
use crate::support::{KEY, StateDir, now};

const ALICE: &str = r#"{"username":"alice"}"#;

#[track_caller]
fn request(args: &[&str], vars: &[(&str, &str)]) -> Run {
    let args = [&["request"], args].concat();
    let state = StateDir::new();
    let given = [("SIGNET_SECRET_KEY", KEY), state_dir(&state)];
    signet(&args, &[&given, vars].concat())
}

/// The answer, which is valid CGI and success whatever its status.
#[track_caller]
fn answer(args: &[&str]) -> Response {
    let text = request(args, &[]).done();
    Response::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{args:?}: {why}\n{text}"))
}

/// The walk through the site, from a shell.
#[test]
fn walk_through_the_site() {
    let index = answer(&["GET", "/"]);
    assert_eq!((index.status, user(&index)), (200, None));
    assert!(
        answer(&["GET", "/login"])
            .text()
            .contains("name=\"username\"")
    );
    let login = answer(&["POST", "/login", "--form", "username=admin"]);
    assert_eq!((login.status, login.header("Location")), (303, Some("/")));
    let cookie = login.cookie("session").expect("a cookie");
    assert_eq!(cookie.attribute("Path"), Some("/"));
    let pair = format!("session={}", cookie.value);
    let index = answer(&["GET", "/", "--cookie", &pair]);
    assert_eq!(user(&index).as_deref(), Some("admin"));
    let logout = answer(&["GET", "/logout", "--cookie", &pair]);
    assert_eq!(logout.status, 303);
    assert!(logout.cookie("session").expect("a deletion").deletes());
}

/// RFC 3875, 4.1.18: fields of the same name are one variable.
#[test]
fn a_field_may_be_given_several_times() {
    for languages in [["de", "xx"], ["xx", "de"]] {
        let [first, second] = languages.map(|language| format!("Accept-Language: {language}"));
        let page = answer(&["GET", "/login", "--header", &first, "--header", &second]);
        assert!(page.text().contains("lang=\"de\""), "{languages:?}");
    }
}

#[test]
fn every_part_of_a_request() {
    let alice = format!("session={}", Signer::default().token(ALICE, now()));
    let header = format!("Cookie: {alice}");
    #[rustfmt::skip]
    let cases: [(&[&str], u16, Option<&str>); 10] = [
        (&["GET", "/", "--cookie", &alice],                     200, Some("alice")),
        (&["GET", "/?a=b&c", "--cookie", &alice],               200, Some("alice")),
        (&["GET", "/", "--cookie", "a=b", "--cookie", &alice],  200, Some("alice")),
        (&["GET", "/", "--cookie", &alice, "--cookie", "a=b"],  200, Some("alice")),
        (&["GET", "/", "--header", &header],                    200, Some("alice")),
        (&["--cookie", &alice, "GET", "/"],                     200, Some("alice")),
        (&["GET", "/nowhere"],                                  404, None),
        (&["DELETE", "/"],                                      405, None),
        (&["brew", "/"],                                        405, None),
        (&["get", "/", "--cookie", &alice],                     200, Some("alice")),
    ];
    for (args, status, name) in cases {
        let response = answer(args);
        assert_eq!(response.status, status, "{args:?}");
        let seen = (status == 200).then(|| user(&response)).flatten();
        assert_eq!(seen.as_deref(), name, "{args:?}");
    }
    let head = answer(&["HEAD", "/login"]);
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// A shell's user types a method in any case; a form is sent by each method.
#[test]
fn methods_in_any_case() {
    for method in ["POST", "post", "Post"] {
        let login = answer(&[method, "/login", "--form", "username=ada"]);
        assert_eq!((login.status, login.cookies().len()), (303, 1), "{method}");
    }
    for (method, status) in [("head", 200), ("put", 405), ("Patch", 405), ("delete", 405)] {
        let response = answer(&[method, "/login", "--form", "username=ada"]);
        assert_eq!(
            (response.status, response.cookies().len()),
            (status, 0),
            "{method}"
        );
    }
}

/// The shell's words are text: they are encoded as a browser does.
#[test]
fn form_fields_are_encoded() {
    for name in [
        "admin",
        "a b",
        "a&username=b",
        "a=b",
        "50%",
        "a+b",
        "zo\u{eb}",
        "\u{1f98a}",
        "'\"<>",
    ] {
        let field = format!("username={name}");
        let response = answer(&["POST", "/login", "--form", &field, "--form", "other=1"]);
        assert_eq!(response.status, 303, "{name}");
        let (json, _) = Signer::default()
            .read(&response.cookies()[0].value)
            .expect("our signature");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json["username"], name);
    }
    assert_eq!(
        answer(&["POST", "/login", "--form", "username="]).status,
        400
    );
    assert_eq!(answer(&["POST", "/login"]).status, 400);
    let twice = [
        "POST",
        "/login",
        "--form",
        "username=a",
        "--form",
        "username=b",
    ];
    assert_eq!(answer(&twice).status, 400);
}

/// Headers reach the program under the names that a web server gives them.
#[test]
fn headers_count_as_sent() {
    let post = |headers: &[&str]| {
        let mut args = vec!["POST", "/login", "--form", "username=admin"];
        args.extend(headers.iter().flat_map(|header| ["--header", header]));
        answer(&args).status
    };
    #[rustfmt::skip]
    let cases: [(&[&str], u16); 8] = [
        (&["Sec-Fetch-Site: same-origin"], 303),
        (&["Sec-Fetch-Site: cross-site"], 403),
        (&["sec-fetch-site:cross-site"], 403),
        (&["Origin: https://evil.example"], 403),
        (&["Host: example.org", "Origin: http://example.org"], 303),
        (&["Content-Type: text/plain"], 415),
        (&["Content-Type: application/x-www-form-urlencoded; charset=utf-8"], 303),
        (&["Accept-Language: en", "X-Nothing: 1"], 303),
    ];
    for (headers, want) in cases {
        assert_eq!(post(headers), want, "{headers:?}");
    }
}

/// Settings count as for a web server's request.
#[test]
fn settings_count() {
    let state = StateDir::new();
    state.write("signet.toml", "SESSION_COOKIE_NAME = \"by_toml\"\n", 0o600);
    let state = state.path().to_str().expect("UTF-8");
    let args = ["POST", "/login", "--form", "username=admin"];
    let name = |vars: &[(&str, &str)]| {
        let text = request(&args, vars).done();
        Response::parse(text.as_bytes()).expect("CGI").cookies()[0]
            .name
            .clone()
    };
    assert_eq!(name(&[]), "session");
    assert_eq!(name(&[("SIGNET_STATE_DIR", state)]), "by_toml");
    assert_eq!(
        name(&[
            ("SIGNET_STATE_DIR", state),
            ("SIGNET_SESSION_COOKIE_NAME", "by_env")
        ]),
        "by_env"
    );
    // What is wrong with them is an answer, too: the page that visitors get.
    let run = request(&args, &[("SIGNET_NO_SUCH_SETTING", "1")]);
    assert!(run.err.contains("SIGNET_NO_SUCH_SETTING"), "{run:?}");
    assert_eq!(
        Response::parse(run.done().as_bytes()).expect("CGI").status,
        503
    );
}

/// What no web server would send is an error of the command.
#[test]
fn requests_that_cannot_be_made() {
    for (args, word) in [
        (&["GET", "login"][..], "login"),
        (&["GET", "http://localhost/"], "http://localhost/"),
        (&["POST", "/login", "--form", "username"], "username"),
        (&["GET", "/", "--header", "Host"], "Host"),
    ] {
        request(args, &[]).failed(1, &[word]);
    }
}
