//! Pages in the visitor's language, and a site's choice of languages.

use signet::http::Method;
use signet::testing::{Client, Response};

use crate::support::html::unescape;
use crate::support::{ADA, Cgi, StateDir};

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

/// Also a value that is very long, has mistakes or is not UTF-8.
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
        ("fr", "1,2 ko", "comporte 1 caractère."),
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

/// A site with its own page and texts in German, French and Chinese.
fn site_with_texts() -> StateDir {
    let state = StateDir::new();
    let page = "<html lang=\"{{ lang }}\"><p>{{ _(\"Opening hours\") }}</p>\
                <p>{{ _(\"Hello, %(name)s!\", name=username) }}</p><p>{{ _(\"Not translated\") }}</p>\
                {% for number in [0, 1, 2] %}\
                <p>{{ ngettext(\"%(num)s photo\", \"%(num)s photos\", number) }}</p>{% endfor %}";
    state.write("templates/index.html", page, 0o644);
    let german = "# comments\n\"Opening hours\" = \"Öffnungszeiten\"\n\
                  \"Hello, %(name)s!\" = \"100 %% <b>Hallo</b>, %(name)s!\"\n\
                  \"%(num)s photo\" = [\"ein Foto\", \"%(num)s Fotos\"]\n";
    state.write("translations/de.toml", german, 0o644);
    let french = "\"%(num)s photo\" = [\"%(num)s photographie\", \"%(num)s photographies\"]";
    state.write("translations/fr.toml", french, 0o600);
    let chinese = "\"%(num)s photo\" = [\"%(num)s 张照片\"]\n\"Opening hours\" = \"营业时间\"\n";
    state.write("translations/zh.toml", chinese, 0o600);
    state
}

#[test]
fn own_pages_have_own_texts_as_with_flask_babel() {
    let server = signet::app::server();
    let state = site_with_texts();
    let mut client = Client::new(&server).state_dir(state.path());
    let hostile = "<i>&%(name)s";
    post(&mut client, "/login", "en", &[("username", hostile)]);
    let shown = unescape("Hello, &lt;i&gt;&amp;%(name)s!");
    #[rustfmt::skip]
    let cases = [
        ("de", ["Öffnungszeiten", &format!("100 % <b>Hallo</b>, {hostile}!"), "Not translated", "0 Fotos", "ein Foto", "2 Fotos"]),
        ("fr", ["Opening hours", &shown, "Not translated", "0 photographie", "1 photographie", "2 photographies"]),
        ("zh", ["营业时间", &shown, "Not translated", "0 张照片", "1 张照片", "2 张照片"]),
        ("es", ["Opening hours", &shown, "Not translated", "0 photos", "1 photo", "2 photos"]),
    ];
    for (language, texts) in cases {
        let answer = get(&mut client, "/", language);
        let page = answer.text();
        assert_eq!(answer.log, "", "{language}");
        assert!(
            page.starts_with(&format!("<html lang=\"{language}\">")),
            "{page}"
        );
        assert!(
            !page.contains("<i>") && !page.contains("<b>"),
            "escaped: {page}"
        );
        let shown: Vec<String> = page
            .split("<p>")
            .skip(1)
            .map(|part| unescape(part.split_once("</p>").expect("an end").0))
            .collect();
        assert_eq!(shown, texts, "{language}");
    }
}

/// The log has the path, the page the name of the file; both have the line.
#[test]
fn a_mistake_in_own_texts_is_named_with_file_and_line() {
    let server = signet::app::server();
    #[rustfmt::skip]
    let cases: [(&[u8], usize, &str); 12] = [
        (b"\"a\" = \"b\"\nOpening hours = \"x\"\n",     2, "each line is"),
        (b"\"a\" = \"b\"\n\"a\" = \"c\"\n",             2, "duplicate key"),
        (b"\"a\" = \"b\n",                              1, "each line is"),
        (b"\n\"a\" = 1\n",                              2, "expected a text in quotes"),
        (b"[a]\n\"b\" = \"c\"\n",                       1, "expected a text in quotes"),
        (b"\"a\" = [\"b\", 1]\n",                       1, "expected a text in quotes"),
        (b"\"a\" = [\"b\"]\n",                          1, "expected a list of two texts"),
        (b"\"a\" = [\"b\", \"c\", \"d\"]\n",            1, "expected a list of two texts"),
        (b"\n\n\"a %(name)s\" = \"b %(nmae)s\"\n",      3, "no place %(nmae)s"),
        (b"\"a\" = \"b %(num)s\"\n",                    1, "no place %(num)s"),
        (b"\"a %(name)s\" = \"b %(name)\"\n",           1, "expected places such as %(name)s"),
        (b"# caf\xe9\n",                                1, "save the file as UTF-8"),
    ];
    for (content, line, words) in cases {
        let state = site_with_texts();
        state.write("translations/de.toml", content, 0o644);
        let mut client = Client::new(&server).state_dir(state.path());
        let answer = get(&mut client, "/", "de");
        let name = String::from_utf8_lossy(content).into_owned();
        assert_eq!(answer.status, 500, "{name}");
        let page = unescape(&answer.text());
        assert_eq!(language_and_heading(&page).1, "Interner Fehler", "{name}");
        let place = format!("<p lang=\"en\">In the file translations/de.toml, line {line}: ");
        assert!(
            page.contains(&place) && page.contains(words),
            "{name}: {page}"
        );
        let path = state.path().join(format!("translations/de.toml:{line}: "));
        let path = path.to_str().expect("UTF-8");
        assert!(
            answer.log.contains(path) && answer.log.contains(words),
            "{name}: {}",
            answer.log
        );
        assert!(!page.contains(path), "{name}: {page}");
        // Other languages have their own files, and the built-in pages need none.
        assert_eq!(get(&mut client, "/", "fr").status, 200, "{name}");
        assert_eq!(get(&mut client, "/login", "de").status, 200, "{name}");
    }
}

/// As for templates: the path is trusted, and the file has an end.
#[test]
fn own_texts_that_others_can_write_or_that_are_too_long_are_refused() {
    let server = signet::app::server();
    type Change = fn(&StateDir);
    let cases: [(&str, Change, &str); 4] = [
        (
            "writable",
            |state| drop(state.write("translations/de.toml", "", 0o666)),
            "can be written by other users",
        ),
        (
            "in a writable folder",
            |state| {
                let folder = state.path().join("translations");
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
                std::fs::set_permissions(folder, mode).expect("chmod");
            },
            "can be written by other users",
        ),
        (
            "a symbolic link",
            |state| {
                let path = state.path().join("translations/de.toml");
                std::fs::remove_file(&path).expect("remove it");
                std::os::unix::fs::symlink("fr.toml", path).expect("make a link");
            },
            "is a symbolic link",
        ),
        (
            "too long",
            |state| {
                let long = "#\n".repeat(200_000);
                state.write("translations/de.toml", long, 0o644);
            },
            "is larger than 262144 bytes",
        ),
    ];
    for (name, change, words) in cases {
        let state = site_with_texts();
        change(&state);
        let mut client = Client::new(&server).state_dir(state.path());
        let answer = get(&mut client, "/", "de");
        assert_eq!(answer.status, 500, "{name}");
        assert!(answer.text().contains(words), "{name}: {}", answer.text());
        assert!(answer.log.contains(words), "{name}: {}", answer.log);
    }
}

/// Mistakes in a call are named as others in a template.
#[test]
fn a_wrong_call_for_a_text_is_a_mistake_of_the_template() {
    let server = signet::app::server();
    for call in [
        "_('Hello, %(name)s!')",
        "_('%(name)')",
        "_('%(num)s photo')",
        "ngettext('a', 'b', 'c')",
        "_()",
    ] {
        let state = site_with_texts();
        state.write("templates/index.html", format!("\n{{{{ {call} }}}}"), 0o644);
        let mut client = Client::new(&server).state_dir(state.path());
        let answer = get(&mut client, "/", "de");
        assert_eq!(answer.status, 500, "{call}: {}", answer.text());
        assert!(
            answer.log.contains("index.html:2: "),
            "{call}: {}",
            answer.log
        );
    }
}
