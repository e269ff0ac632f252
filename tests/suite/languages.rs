//! Pages in the visitor's language, and a site's choice of languages.

use signet::http::Method;
use signet::testing::{Client, Response};

use crate::support::html::unescape;
use crate::support::{Cgi, StateDir};

/// `htpasswd -nbBC 4 ada 'correct horse'`.
const ADA: &str = "ada:$2y$04$Z735b3IS6GniM.cQ.C7/WeWiDU5Yy4oXk7ndxrGpFwEIt33s1Ij0q\n";

fn get(client: &mut Client<'_>, path: &str, language: &str) -> Response {
    let headers = [("Accept-Language", language)];
    client.send(Method::GET, path, &headers, b"")
}

fn post(client: &mut Client<'_>, path: &str, language: &str, fields: &[(&str, &str)]) -> Response {
    let headers = [
        ("Accept-Language", language),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let body = serde_urlencoded::to_string(fields).expect("a form");
    client.send(Method::POST, path, &headers, body.as_bytes())
}

/// What the attributes of `<html>` say, and the heading.
fn language_and_heading(page: &str) -> (String, String) {
    let between = |start: &str, end: &str| {
        let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("{page}"));
        rest.split_once(end).expect("an end").0.to_owned()
    };
    (
        between("<html lang=", ">"),
        unescape(&between("<h1>", "</h1>")),
    )
}

#[test]
fn a_page_is_in_the_language_that_the_browser_asks_for() {
    let server = signet::app::server();
    #[rustfmt::skip]
    let cases = [
        ("",                                          "en", "Log in"),
        ("en-US,en;q=0.9",                            "en", "Log in"),
        ("it, ja;q=0.5",                              "en", "Log in"),
        ("de-AT,de;q=0.9,en-US;q=0.8,en;q=0.7",       "de", "Anmelden"),
        ("zh-CN,zh;q=0.9,en;q=0.8",                   "zh", "登录"),
        ("fr-CA,fr;q=0.8,en;q=0.5",                   "fr", "Connexion"),
        ("it, es-419;q=0.7, en;q=0.3",                "es", "Iniciar sesión"),
    ];
    for (accepted, tag, heading) in cases {
        let state = StateDir::new();
        let mut client = Client::new(&server).state_dir(state.path());
        let page = get(&mut client, "/login", accepted).text();
        let want = (format!("\"{tag}\" dir=\"ltr\""), heading.to_owned());
        assert_eq!(language_and_heading(&page), want, "{accepted}");
    }
}

/// In the environment, as web servers pass it; and a header field that is no text.
#[test]
fn any_bytes_in_accept_language_get_a_page() {
    let long = "de;q=0.1,".repeat(10_000);
    for accepted in [
        &b"\xff\xfe, de;q=0.5"[..],
        long.as_bytes(),
        b",;=-*q",
        b"de;q=",
    ] {
        let out = Cgi::get("/login")
            .bytes(b"HTTP_ACCEPT_LANGUAGE", accepted)
            .run();
        assert_eq!(
            (out.response().status, out.errors().as_ref()),
            (200, ""),
            "{out}"
        );
        let is_german = out.response().text().contains("<html lang=\"de\"");
        assert_eq!(is_german, accepted.len() > 10, "{out}");
    }
}

#[test]
fn a_site_restricts_and_orders_its_languages() {
    let server = signet::app::server();
    #[rustfmt::skip]
    let cases = [
        (r#"["fr", "de"]"#, "",             "Connexion"),
        (r#"["fr", "de"]"#, "en",           "Connexion"),
        (r#"["fr", "de"]"#, "en, de;q=0.1", "Anmelden"),
        (r#"["fr", "de"]"#, "fr;q=0",       "Anmelden"),
        (r#"["es"]"#,       "de",           "Iniciar sesión"),
        ("null",            "de",           "Anmelden"),
    ];
    for (languages, accepted, heading) in cases {
        let state = StateDir::new();
        let client = Client::new(&server).state_dir(state.path());
        let mut client = client.setting("LANGUAGES", languages);
        let page = get(&mut client, "/login", accepted).text();
        assert_eq!(
            language_and_heading(&page).1,
            heading,
            "{languages} {accepted}"
        );
    }
}

/// Advice for the owner is in English, and says so to screen readers.
#[test]
fn an_error_page_is_in_the_visitors_language_and_its_advice_in_english() {
    let server = signet::app::server();
    let state = StateDir::new();
    let mut client = Client::new(&server).state_dir(state.path());
    let page = get(&mut client, "/nothing", "de").text();
    assert_eq!(language_and_heading(&page).1, "Seite nicht gefunden");
    assert!(
        page.contains("Unter dieser Adresse gibt es keine Seite."),
        "{page}"
    );

    let mut wrong = Client::new(&server).setting("SESION_TYPE", "cookie");
    let page = get(&mut wrong, "/", "es").text();
    assert_eq!(
        language_and_heading(&page).1,
        "No disponible por el momento"
    );
    assert!(page.contains("Este sitio todavía no está listo."), "{page}");
    let advice = "<p lang=\"en\">In the environment (SetEnv or the like), SIGNET_SESION_TYPE";
    assert!(page.contains(advice), "{page}");

    // A status that signet itself does not give, of Apache's ErrorDocument.
    let document = Cgi::get("/")
        .var("REDIRECT_STATUS", "502")
        .var("HTTP_ACCEPT_LANGUAGE", "fr");
    let out = document.run();
    let heading = language_and_heading(out.response().text()).1;
    assert_eq!(heading, "Erreur\u{a0}: Bad Gateway");
}

#[test]
fn the_time_until_the_next_attempt_is_in_the_language() {
    let server = signet::app::server();
    let cases = [
        ("en", "in a second."),
        ("de", "in einer Sekunde "),
        ("zh", "在 1 秒后"),
        ("fr", "dans 1 seconde."),
        ("es", "dentro de un segundo."),
    ];
    for (language, words) in cases {
        let state = StateDir::new();
        state.write("users", ADA, 0o600);
        let mut client = Client::new(&server).state_dir(state.path());
        let fields = [("username", "ada"), ("password", "wrong")];
        let mut attempts = (0..50).map(|_| post(&mut client, "/login", language, &fields));
        let limited = attempts.find(|answer| answer.status == 429);
        let limited = limited.expect("a limited attempt");
        assert_eq!(limited.header("Retry-After"), Some("1"), "{language}");
        assert!(
            limited.text().contains(words),
            "{words}: {}",
            limited.text()
        );
    }
}

/// Numbers in a list of files, and the length of a password.
#[test]
fn numbers_are_in_the_form_of_the_language() {
    let server = signet::app::server();
    let cases = [
        ("en", "1.2 kB", "has 1 character."),
        ("de", "1,2 kB", "hat nur 1 Zeichen."),
        ("zh", "1.2 kB", "只有 1 个字符"),
        ("fr", "1,2 ko", "a 1 caractère."),
        ("es", "1,2 kB", "tiene 1 carácter."),
    ];
    for (language, size, length) in cases {
        let state = StateDir::new();
        state.write("users", ADA, 0o600);
        let private = state.path().with_file_name("private");
        state.write("../private/notes.txt", "a".repeat(1250), 0o600);
        let client = Client::new(&server).state_dir(state.path());
        let client = client.setting("GUARD_LISTING", "true");
        let mut client = client.setting("GUARD_DIR", &private);
        let fields = [("username", "ada"), ("password", "correct horse")];
        post(&mut client, "/login", language, &fields);
        let page = get(&mut client, "/files/", language).text();
        assert!(
            page.contains(&format!("<td>{size}</td>")),
            "{language}: {page}"
        );

        let fields = [
            ("password", "correct horse"),
            ("new_password", "x"),
            ("new_password_again", "x"),
        ];
        let page = post(&mut client, "/password", language, &fields).text();
        assert!(page.contains(length), "{language}: {page}");
    }
}

/// No cache may store a response that depends on the language, so `Vary` need not name
/// `Accept-Language` (RFC 9111, 4.1).
#[test]
fn what_depends_on_the_language_is_not_stored() {
    let server = signet::app::server();
    let state = StateDir::new();
    let client = Client::new(&server).state_dir(state.path());
    let mut client = client.without_redirects();
    let requests = [
        (Method::GET, "/"),
        (Method::GET, "/login"),
        (Method::GET, "/logout"),
        (Method::POST, "/logout"),
        (Method::GET, "/nothing"),
        (Method::PUT, "/login"),
        (Method::POST, "/login"),
        (Method::GET, "/.well-known/change-password"),
    ];
    for (method, path) in requests {
        let mut answer = |language| {
            let headers = [("Accept-Language", language)];
            client.send(method.clone(), path, &headers, b"")
        };
        let (english, german) = (answer("en"), answer("de"));
        if english.body != german.body {
            let control = german.header("Cache-Control").unwrap_or_default();
            assert!(control.contains("no-store"), "{method} {path}: {control}");
        }
    }
}

/// The library makes it, which has no texts in other languages.
#[test]
fn the_body_of_a_redirect_is_in_english_and_says_so() {
    let out = Cgi::post("/login", "username=ada")
        .var("HTTP_ACCEPT_LANGUAGE", "de")
        .run();
    let response = out.response();
    assert_eq!(response.status, 303, "{out}");
    let want = "<!doctype html><html lang=\"en\"><title>See other</title>";
    assert!(response.text().starts_with(want), "{out}");
}
