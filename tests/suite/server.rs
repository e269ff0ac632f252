//! A program of the library in this process, through `signet::testing::Client`.

use std::collections::BTreeMap;

use signet::http::{self, Method, StatusCode};
use signet::testing::Client;
use signet::{Error, Form, Request, Server, Session, parameter, redirect, url_for};

use crate::support::StateDir;

const BODY: &[u8] = b"name=ada";

fn program() -> Server<'static> {
    Server::named("program")
        .settings("SESSION_PERMANENT = true\nPERMANENT_SESSION_LIFETIME = 600\n")
        .get("/", |_, session| format!("{}", session.get_or("visits", 0)))
        .endpoint("index")
        .post("/visit", |request, session| {
            let form: Form = signet::form(request)?;
            session.insert("name", form.get("name").unwrap_or_default());
            session.insert("visits", session.get_or("visits", 0) + 1);
            Ok::<_, Error>(redirect(&url_for(request, "index", &[])?))
        })
        .get("/typed", typed)
        .post("/typed", typed)
        .get("/notes/{id}", |request, _| {
            parameter(request, "id")
                .map(str::to_owned)
                .unwrap_or_default()
        })
        .endpoint("note")
        .get("/link", |request, _| {
            url_for(request, "note", &[("id", "a b"), ("x", "&")])
        })
        .get("/fails", |_, _| -> Result<&str, Error> {
            Err(std::fs::read("/nowhere/at-all").unwrap_err().into())
        })
        .get("/forbidden", |_, _| -> Result<&str, Error> {
            Err(Error::with_status(StatusCode::FORBIDDEN))
        })
        .get("/user", |_, session| {
            session.username().unwrap_or("nobody").to_owned()
        })
        .post("/login", |_, session| {
            session.insert(signet::USERNAME, "ada");
            session.flash("Hello.", "message");
            redirect("/user")
        })
        .get("/flashes", |_, session| {
            let flashes = session.take_flashes();
            flashes
                .iter()
                .map(|flash| flash.message.as_str())
                .collect::<String>()
        })
        .get("/path", |request, _| -> Result<String, Error> {
            Ok(signet::state_dir(request)?.display().to_string())
        })
        .get("/now", |request, _| signet::now(request).to_string())
}

/// A form or a query of numbers.
fn typed(request: &Request, _: &mut Session) -> Result<String, Error> {
    let fields: BTreeMap<String, u8> = match *request.method() {
        Method::POST => signet::form(request)?,
        _ => signet::query(request)?,
    };
    Ok(format!("{fields:?}"))
}

#[test]
fn a_client_keeps_cookies_and_follows_redirects() {
    let server = program();
    let mut ada = Client::new(&server);
    assert_eq!(ada.get("/").text(), "0");
    assert_eq!(ada.cookie("session"), None, "nothing was stored");
    assert_eq!(ada.post("/visit", &[("name", "ada & b")]).text(), "1");
    assert_eq!(ada.post("/visit", &[]).text(), "2");
    assert_eq!(Client::new(&server).get("/").text(), "0", "another browser");
    let mut bob = Client::new(&server).without_redirects();
    let answer = bob.post("/visit", &[]);
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, Some("/"))
    );
}

#[test]
fn a_client_has_a_clock_and_a_key_of_its_own() {
    let server = program();
    let mut ada = Client::new(&server);
    assert_eq!(ada.get("/now").text(), "1767225600", "2026-01-01 00:00 UTC");
    ada.post("/visit", &[]);
    let cookie = ada.cookie("session").expect("a session").to_owned();
    let mut eve = Client::new(&server);
    eve.set_cookie("session", &cookie);
    assert_eq!(eve.get("/").text(), "0", "a cookie of another key");
    ada.set_now(1_767_225_600 + 600);
    assert_eq!(ada.get("/").text(), "1");
    ada.set_now(1_767_225_600 + 1300);
    assert_eq!(ada.get("/").text(), "0", "the lifetime is over");
}

/// The escapes are those of Jinja's `htmlsafe_json_dumps`: the text is JSON, and neither ends
/// a script nor an attribute in single quotes.
#[test]
fn a_template_writes_json_into_scripts_and_attributes() {
    const NASTY: &str = "</script><!-- ' \" & \\ \u{fc}\u{2028}\n";
    let server = Server::named("json")
        .templates(&[(
            "page.html",
            "<script>v = {{ value|tojson }}</script><p data-v='{{ value|tojson }}'>",
        )])
        .get("/", |request, _| {
            let value = BTreeMap::from([("a", NASTY), ("b", "")]);
            signet::render(request, "page.html", signet::context! { value })
        });
    let text = Client::new(&server).get("/").text();
    let rest = text.strip_prefix("<script>v = ").expect("a script");
    let (json, rest) = rest.split_once("</script><p data-v='").expect("its end");
    assert_eq!(rest, format!("{json}'>"));
    assert!(!json.contains(['<', '>', '&', '\'']), "{json}");
    for escaped in [r"\u003c/script\u003e", r"\u0027", r"\u0026", r#"\""#] {
        assert!(json.contains(escaped), "{escaped}: {json}");
    }
    let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(value, serde_json::json!({ "a": NASTY, "b": "" }));
}

/// RFC 6265, 5.3 and 5.4.
#[test]
fn a_client_obeys_path_domain_and_expiry_of_a_cookie() {
    let set = |line: &'static str| {
        move |_: &Request, _: &mut Session| {
            let response = http::Response::builder().header("set-cookie", line);
            Ok::<_, Error>(response.body(signet::Body::default())?)
        }
    };
    let server = Server::named("cookies")
        .get("/shop/choose", set("theme=dark; Max-Age=60"))
        .get(
            "/shop/forget",
            set("theme=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        )
        .get("/elsewhere", set("theme=light; Path=/; Domain=example.org"))
        .fallback(|request, _| {
            let cookies = request.headers().get("cookie");
            format!("{cookies:?}")
        });
    let dark = "Some(\"theme=dark\")";
    let mut client = Client::new(&server);
    client.get("/elsewhere");
    client.get("/shop/choose");
    assert_eq!(client.cookie("theme"), Some("dark"));
    for (path, want) in [
        ("/shop", dark),
        ("/shop/a?b", dark),
        ("/shopping", "None"),
        ("/", "None"),
    ] {
        assert_eq!(client.get(path).text(), want, "{path}");
    }
    client.set_now(1_767_225_600 + 61);
    assert_eq!(client.get("/shop/").text(), "None", "expired");
    client.get("/shop/choose");
    client.get("/shop/forget");
    assert_eq!(client.cookie("theme"), None);
}

#[test]
fn routes_have_parameters_and_urls() {
    let server = program();
    let mut client = Client::new(&server);
    #[rustfmt::skip]
    let cases = [
        ("/notes/7",            200, "7"),
        ("/notes/a%20b%2525",   200, "a b%25"),
        ("/notes/%C3%BC?x=1",   200, "\u{fc}"),
        ("/link",               200, "/notes/a%20b?x=%26"),
        ("/typed?a=1&b=2",      200, r#"{"a": 1, "b": 2}"#),
    ];
    for (path, code, text) in cases {
        let answer = client.get(path);
        assert_eq!(
            (answer.status.as_u16(), &*answer.text()),
            (code, text),
            "{path}"
        );
    }
    for (path, code) in [
        ("/notes/", 404),
        ("/notes/a/b", 404),
        ("/notes/a%2Fb", 404),
        ("/notes/..", 404),
        ("/notes/%2e%2e", 404),
        ("/notes/%FF", 404),
        ("/typed?a=x", 400),
        ("/typed?a=%FF", 400),
        ("/visit", 405),
        ("/forbidden", 403),
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, code, "{path}: {}", answer.text());
        assert_eq!(answer.log, "", "{path}");
    }
    let allow = client.send(Method::OPTIONS, "/typed", &[], b"");
    assert_eq!(
        (allow.status.as_u16(), allow.header("allow")),
        (204, Some("GET, HEAD, POST, OPTIONS"))
    );
    assert_eq!(client.send(Method::HEAD, "/notes/7", &[], b"").text(), "");
}

/// `Path::join` with an absolute path is that path.
#[test]
fn a_parameter_can_be_joined_to_a_folder() {
    let server = Server::named("program").get("/files/{*rest}", |request, _| {
        parameter(request, "rest").unwrap_or_default().to_owned()
    });
    let mut client = Client::new(&server);
    for (path, want) in [
        ("/files/a/b", Some("a/b")),
        ("/files/a/", Some("a/")),
        ("/files//etc/passwd", None),
        ("/files/%2Fetc/passwd", None),
        ("/files/a//b", None),
        ("/files//", None),
        ("/files/a%00", None),
        ("/files/a%0D%0Ab", None),
    ] {
        let answer = client.get(path);
        let found = (answer.status == 200).then(|| answer.text());
        assert_eq!(found.as_deref(), want, "{path}");
        assert_eq!(answer.log, "", "{path}");
    }
}

/// RFC 9111, 3: a cache may store a 200, and also a 404, that does not forbid it.
#[test]
fn a_response_is_kept_out_of_caches_if_the_session_was_used() {
    let server = program()
        .get("/public", |_, _| "for everybody")
        .get("/clone", |_, session| {
            session.clone().username().unwrap_or("nobody").to_owned()
        })
        .get("/new", |_, session| session.is_new().to_string())
        .get("/started", |_, session| session.started().to_string())
        .get("/debug", |_, session| {
            session.open();
            format!("{session:?}")
        })
        .get("/none", |_, session| match session.username() {
            Some(name) => Ok(name.to_owned()),
            None => Err(Error::with_status(StatusCode::NOT_FOUND)),
        })
        .get("/fails-late", |_, session| match session.username() {
            Some(name) => Ok(name.to_owned()),
            None => Err(Error::new("nobody")),
        });
    #[rustfmt::skip]
    let cases = [
        ("/public",     200, false),
        ("/nothing",    404, false),
        ("/forbidden",  403, false),
        ("/clone",      200, true),
        ("/new",        200, true),
        ("/started",    200, true),
        ("/debug",      200, true),
        ("/none",       404, true),
        ("/fails-late", 500, true),
    ];
    for (path, code, is_private) in cases {
        let answer = Client::new(&server).get(path);
        let private = (Some("no-store, no-cache"), Some("Cookie"));
        let found = (answer.header("cache-control"), answer.header("vary"));
        assert_eq!(answer.status, code, "{path}");
        assert_eq!(found == private, is_private, "{path}: {found:?}");
    }
}

/// `Set-Cookie` goes to the session that was opened; nothing would save another one.
#[test]
fn a_handler_does_not_replace_its_session() {
    let server = program()
        .get("/new", |_, session| {
            *session = Session::new();
            "new"
        })
        .get("/take", |_, session| {
            let taken = std::mem::take(session);
            taken.username().unwrap_or_default().to_owned()
        })
        .get("/replaced", |_, session| {
            let name = session.username().unwrap_or_default().to_owned();
            *session = Session::new();
            session.insert("name", name);
            "replaced"
        });
    for path in ["/new", "/take", "/replaced"] {
        let mut client = Client::new(&server);
        client.post("/login", &[]);
        let answer = client.get(path);
        assert_eq!(answer.status, 500, "{path}");
        assert!(
            answer.log.contains("Session::clear"),
            "{path}: {}",
            answer.log
        );
        let cache = answer.header("cache-control");
        assert_eq!(cache, Some("no-store, no-cache"), "{path}");
        assert_eq!(client.get("/user").text(), "ada", "{path}");
    }
}

/// Flask also saves the session of `abort(404)`; see `Error::with_status`.
#[test]
fn a_session_is_saved_with_an_error_of_the_visitor() {
    let server = program()
        .get("/tries/{code}", |request, session| {
            session.insert("visits", session.get_or("visits", 0) + 1);
            let code = parameter(request, "code").unwrap_or_default();
            let status: StatusCode = code.parse().map_err(Error::new)?;
            Err::<&str, _>(Error::with_status(status))
        })
        .get("/fails-late", |_, session| {
            session.insert("visits", 9);
            Err::<&str, _>(Error::new("late"))
        })
        .get("/refuses", |_, session| {
            session.clear();
            Err::<&str, _>(Error::with_status(StatusCode::FORBIDDEN))
        });
    let mut client = Client::new(&server);
    for (path, code, visits) in [
        ("/tries/404", 404, "1"),
        ("/tries/422", 422, "2"),
        ("/tries/503", 503, "2"),
        ("/fails-late", 500, "2"),
    ] {
        assert_eq!(client.get(path).status, code, "{path}");
        assert_eq!(client.get("/").text(), visits, "{path}");
    }
    client.post("/login", &[]);
    assert_eq!(client.get("/refuses").status, 403);
    assert_eq!(client.get("/user").text(), "nobody");
}

#[test]
fn a_handler_returns_a_status_a_text_with_a_status_or_nothing() {
    let server = Server::named("program")
        .get("/status", |_, _| StatusCode::ACCEPTED)
        .get("/both", |_, _| (StatusCode::CREATED, signet::html("<p>7")))
        .get("/nothing", |_, _| ())
        .get("/error", |_, _| {
            let outcome = || Err::<(), _>(Error::with_status(StatusCode::GONE));
            (StatusCode::CREATED, outcome())
        });
    let mut client = Client::new(&server);
    for (path, status, text) in [
        ("/status", 202, ""),
        ("/both", 201, "<p>7"),
        ("/nothing", 200, ""),
    ] {
        let answer = client.get(path);
        assert_eq!((answer.status.as_u16(), &*answer.text()), (status, text));
    }
    let kind = client.get("/both");
    assert_eq!(
        kind.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(client.get("/error").status, 410);
}

/// An error of the program's own, with a status for the visitor.
struct Lost;

impl From<Lost> for Error {
    fn from(_: Lost) -> Self {
        Self::with_status(StatusCode::NOT_FOUND)
    }
}

#[test]
fn an_error_of_the_programs_own_chooses_the_status() {
    let server = Server::named("program").get("/", |_, _| Err::<(), _>(Lost));
    let answer = Client::new(&server).get("/");
    assert_eq!((answer.status.as_u16(), &*answer.log), (404, ""));
}

#[test]
fn a_redirect_to_a_text_of_several_lines_is_an_error() {
    let server = program().get("/go", |_, _| redirect("javascript:alert(1)//\r\n"));
    let answer = Client::new(&server).get("/go");
    assert_eq!(answer.status, 500);
    assert!(answer.log.contains("location"), "{}", answer.log);
    assert!(!answer.text().contains("javascript"), "{}", answer.text());
}

/// As browsers: RFC 9110, 15.4, and RFC 3986, 5.2.
#[test]
fn a_client_follows_redirects_to_the_program_only() {
    fn to(
        status: u16,
        location: &'static str,
    ) -> impl Fn(&Request, &mut Session) -> signet::Response {
        move |_, _| {
            let mut response = redirect(location);
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            response
        }
    }
    const BOTH: &[Method] = &[Method::POST, Method::PUT];
    let server = program()
        .get("/a/page", |request, _| request.uri().to_string())
        .post("/a/page", |_, _| "posted")
        .route("/a/put", &[Method::PUT], |_, _| "put")
        .post("/created", to(201, "/a/page"))
        .route("/found", BOTH, to(302, "/a/put"))
        .get("/a/relative", to(303, "page?x=1#top"))
        .get("/a/query", |request, session| match request.uri().query() {
            Some("x=2") => Ok(signet::html("query")),
            _ => Ok::<_, Error>(to(302, "?x=2")(request, session)),
        })
        .get("/a/up", to(307, "./../a/page"))
        .get("/a/away", to(302, "https://evil.example/a/page"))
        .get("/a/beside", to(302, "//evil.example/a/page"))
        .get("/a/here", to(301, "http://localhost/a/page"))
        .route("/seen", BOTH, to(303, "/a/page"));
    let mut client = Client::new(&server);
    assert_eq!(client.post("/created", &[]).status, 201);
    assert_eq!(client.post("/seen", &[]).text(), "/a/page");
    assert_eq!(client.send(Method::PUT, "/found", &[], b"x").text(), "put");
    assert_eq!(client.get("/a/relative").text(), "/a/page?x=1");
    assert_eq!(client.get("/a/query?x=1").text(), "query");
    assert_eq!(client.get("/a/here").text(), "/a/page");
    assert_eq!(client.get("/a/up").text(), "/a/page");
    for path in ["/a/away", "/a/beside"] {
        let answer = client.get(path);
        assert_eq!(answer.status, 302, "{path}");
    }
    let head = client.send(Method::HEAD, "/a/relative", &[], b"");
    assert_eq!((head.status.as_u16(), &*head.text()), (200, ""));
}

#[test]
fn a_status_without_content_or_without_an_end_is_not_sent_with_a_body() {
    let answer = |status: u16| {
        let page = move |_: &Request, _: &mut Session| {
            let mut response = signet::html("page");
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            response
        };
        let server = Server::named("program").get("/", page);
        Client::new(&server).get("/")
    };
    let reset = answer(205);
    assert_eq!((reset.status.as_u16(), &*reset.text()), (205, ""));
    let switching = answer(101);
    assert_eq!(switching.status, 500);
    assert!(switching.log.contains("status 101"), "{}", switching.log);
}

#[test]
fn a_log_line_begins_with_the_name_of_the_program() {
    let answer = Client::new(&program()).get("/fails");
    assert!(answer.log.starts_with("program: error "), "{}", answer.log);
    let server = Server::named("own").get("/", |_, _| signet::log("two\nlines"));
    let answer = Client::new(&server).get("/");
    assert_eq!(answer.log, "own: two\\nlines\n");
}

#[test]
fn a_response_is_json() {
    let server = Server::named("json")
        .get("/", |_, _| signet::jsonify("</\u{fc}>"))
        .get("/created", |_, _| {
            Ok::<_, Error>((StatusCode::CREATED, signet::jsonify(&[1, 2])?))
        })
        .get("/not", |_, _| {
            signet::jsonify(&BTreeMap::from([(vec![1], 2)]))
        });
    let mut client = Client::new(&server);
    let page = client.get("/");
    assert_eq!(page.header("content-type"), Some("application/json"));
    assert_eq!(page.text(), "\"</\u{fc}>\"");
    let created = client.get("/created");
    assert_eq!((created.status.as_u16(), &*created.text()), (201, "[1,2]"));
    let not = client.get("/not");
    assert_eq!(not.status, 500);
    assert!(not.log.contains("key must be a string"), "{}", not.log);
}

/// See `gateway::ClientAddress` for all cases.
#[test]
fn a_program_knows_the_address_of_its_client() {
    let server = Server::named("address").get("/", |request, _| {
        format!("{:?}", signet::client_address(request))
    });
    let seen = |trust, remote| {
        Client::new(&server)
            .setting("TRUST_PROXY", trust)
            .meta_variable("REMOTE_ADDR", remote)
            .meta_variable("HTTP_X_FORWARDED_FOR", "203.0.113.9, 2001:db8::1")
            .get("/")
            .text()
    };
    assert_eq!(seen("false", "192.0.2.7"), "Some(192.0.2.7)");
    assert_eq!(seen("true", "127.0.0.1"), "Some(2001:db8::1)");
    assert_eq!(seen("false", "127.0.0.1"), "None", "that of the proxy");
}

/// As below `cgi-bin`: `/` is another page of the host.
#[test]
fn a_client_requests_a_program_below_a_path() {
    let server = program()
        .get("/start", |request, _| {
            Ok::<_, Error>(redirect(&url_for(request, "index", &[])?))
        })
        .get("/home", |_, _| redirect("/"))
        .get("/beside", |_, _| redirect("/x.cgi2/"));
    let mut client = Client::new(&server).mounted_at("/x.cgi");
    let visited = client.post("/visit", &[]);
    assert_eq!(visited.text(), "1");
    let set = Client::new(&server)
        .mounted_at("/x.cgi/")
        .without_redirects()
        .post("/visit", &[]);
    let cookie = set.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("Path=/x.cgi"), "{cookie}");
    assert_eq!(client.get("/start").text(), "1");
    for path in ["/home", "/beside"] {
        assert_eq!(client.get(path).status, 303, "{path}");
    }
}

#[test]
fn a_form_is_checked_before_it_is_read() {
    let server = program();
    let mut client = Client::new(&server).without_redirects();
    #[rustfmt::skip]
    let cases = [
        ("application/x-www-form-urlencoded", BODY,     303),
        ("application/x-www-form-urlencoded", b"a=%FF", 400),
        ("multipart/form-data; boundary=x",   BODY,     415),
        ("text/plain",                        BODY,     415),
    ];
    for (kind, body, code) in cases {
        let answer = client.send(Method::POST, "/visit", &[("Content-Type", kind)], body);
        assert_eq!(answer.status, code, "{kind}");
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let foreign = [form[0], ("Origin", "https://evil.example")];
    assert_eq!(
        client.send(Method::POST, "/visit", &foreign, BODY).status,
        403
    );
}

/// A page whose form does not fit its handler is the program's mistake; another query,
/// JSON or type is the client's. With `DEBUG`, the page says it for each of them.
#[test]
fn the_reason_of_a_wrong_form_is_logged_and_shown_with_debug() {
    #[derive(serde::Deserialize)]
    struct Order {
        count: u32,
    }
    fn count(order: Result<Order, Error>) -> Result<String, Error> {
        let err = order.as_ref().err();
        assert!(err.is_none_or(|err| err.form_error().is_some()));
        Ok(order?.count.to_string())
    }
    let server = Server::named("shop")
        .get("/", |request, _| count(signet::query(request)))
        .post("/", |request, _| count(signet::form(request)))
        .route("/", &[Method::PUT], |request, _| {
            count(signet::json(request))
        });
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    #[rustfmt::skip]
    let cases = [
        // method       path            type                   body           status  logged  reason
        (Method::POST, "/",            FORM,                  "count=7",      200, false, ""),
        (Method::POST, "/",            FORM,                  "count=many",   400, true,  "invalid digit"),
        (Method::POST, "/",            FORM,                  "other=1",      400, true,  "missing field `count`"),
        (Method::POST, "/",            FORM,                  "count=%FF",    400, false, "not UTF-8"),
        (Method::POST, "/",            "multipart/form-data", "count=7",      415, true,  "remove enctype"),
        (Method::POST, "/",            JSON,                  "{}",           415, false, "application/json"),
        (Method::PUT,  "/",            JSON,                  "{\"count\":7}", 200, false, ""),
        (Method::PUT,  "/",            JSON,                  "{\"count\":[]}", 400, false, "invalid type"),
        (Method::PUT,  "/",            JSON,                  "{}",           400, false, "missing field `count`"),
        (Method::PUT,  "/",            JSON,                  "{\"count\":7",  400, false, "EOF while parsing"),
        (Method::PUT,  "/",            FORM,                  "count=7",      415, false, FORM),
        (Method::GET,  "/?count=many", "",                    "",             400, false, "invalid digit"),
    ];
    for (method, path, kind, body, status, logged, reason) in cases {
        let name = format!("{method} {path} {kind} {body}");
        let send = |debug| {
            let mut client = Client::new(&server).setting("DEBUG", debug);
            let kind = [("Content-Type", kind)];
            client.send(method.clone(), path, &kind, body.as_bytes())
        };
        let answer = send("false");
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(answer.log.lines().count(), usize::from(logged), "{name}");
        let is_in_log = !reason.is_empty() && answer.log.contains(reason);
        assert_eq!(is_in_log, logged, "{name}: {}", answer.log);
        let is_shown = !reason.is_empty() && answer.text().contains(reason);
        assert!(!is_shown, "{name}: {}", answer.text());
        let text = send("true").text().replace("&#96;", "`");
        assert!(text.contains(reason), "{name}: {text}");
    }
}

#[test]
fn a_handlers_error_is_logged_under_the_number_on_the_page() {
    let server = program();
    let answer = Client::new(&server).get("/fails");
    assert_eq!(answer.status, 500);
    let (_, reason) = answer.log.split_once("error ").expect("a line in the log");
    let (id, reason) = reason.split_once(": ").expect("a number");
    assert!(answer.text().contains(id), "{}", answer.text());
    assert!(reason.contains("No such file"), "{reason}");
    assert!(!answer.text().contains("No such file"), "{}", answer.text());
    let mut debugging = Client::new(&server).setting("DEBUG", "true");
    assert!(debugging.get("/fails").text().contains("No such file"));
}

#[test]
fn users_and_messages_are_in_the_session() {
    let server = program();
    let mut client = Client::new(&server);
    assert_eq!(client.get("/user").text(), "nobody");
    assert_eq!(client.post("/login", &[]).text(), "ada");
    assert_eq!(client.get("/flashes").text(), "Hello.");
    assert_eq!(client.get("/flashes").text(), "");
}

/// As in Flask-Session: a new session, or one that was cleared, is permanent by default.
/// One with nothing but a flashed message ends when that has been shown.
#[test]
fn a_new_session_is_permanent_if_the_setting_says_so() {
    let server = Server::named("program")
        .get("/", |_, session| format!("{}", session.permanent()))
        .get("/insert", |_, session| {
            session.insert("a", 1);
        })
        .get("/not", |_, session| {
            session.insert("a", 1);
            session.set_permanent(false);
        })
        .get("/flash", |_, session| session.flash("Hello.", "message"))
        .get("/flashes", |_, session| {
            session.take_flashes().len().to_string()
        })
        .get("/clear", |_, session| {
            session.clear();
            session.insert("b", 1);
        });
    #[rustfmt::skip]
    let cases: [(&str, &[&str], Option<bool>); 8] = [
        // setting  pages                      whether the last cookie expires later
        ("true",  &["/insert"],                Some(true)),
        ("false", &["/insert"],                Some(false)),
        ("true",  &["/"],                      None),
        ("true",  &["/not"],                   Some(false)),
        ("true",  &["/not", "/insert"],        Some(false)),
        ("true",  &["/not", "/clear"],         Some(true)),
        ("true",  &["/flash"],                 Some(false)),
        ("true",  &["/flash", "/insert"],      Some(true)),
    ];
    for (setting, pages, want) in cases {
        let mut client = Client::new(&server).setting("SESSION_PERMANENT", setting);
        let answers = pages.iter().map(|page| client.get(page));
        let answer = answers.last().expect("a page");
        let line = answer.header("set-cookie");
        let expires = line.map(|line| line.contains("Expires="));
        assert_eq!(expires, want, "{setting} {pages:?}: {line:?}");
        let is_permanent = client.get("/").text() == "true";
        let want = want.unwrap_or(setting == "true") || pages == ["/flash"];
        assert_eq!(is_permanent, want, "{setting} {pages:?}");
    }
    let mut client = Client::new(&server).setting("SESSION_PERMANENT", "true");
    client.get("/flash");
    assert_eq!(client.get("/flashes").text(), "1");
    assert_eq!(client.cookie("session"), None, "nothing is left");
}

#[test]
fn a_program_has_a_folder_for_its_own_files() {
    let server = program();
    assert_eq!(Client::new(&server).get("/path").status, 503, "no folder");
    let state = StateDir::new();
    let folder = state.path().join("made");
    let answer = Client::new(&server).state_dir(&folder).get("/path");
    assert_eq!(answer.text(), folder.display().to_string());
    assert!(folder.is_dir());
}

#[test]
fn a_fallback_answers_every_path_and_method() {
    let server = Server::named("program")
        .get("/own", |_, _| "own")
        .fallback(|request, _| format!("{} {}", request.method(), request.uri()));
    let mut client = Client::new(&server);
    assert_eq!(client.get("/own").text(), "own");
    assert_eq!(client.get("/any/path?x=1").text(), "GET /any/path?x=1");
    assert_eq!(client.post("/own", &[]).text(), "POST /own");
}

#[test]
fn an_error_page_of_the_program_has_the_status_of_the_failure() {
    let server = Server::named("program")
        .get("/", |_, _| "page")
        .error_page(|error| match error.status() {
            StatusCode::NOT_FOUND => Ok("lost".to_owned()),
            _ => Err(Error::new("the error page fails")),
        });
    let mut client = Client::new(&server);
    let lost = client.get("/nothing");
    assert_eq!((lost.status.as_u16(), &*lost.text()), (404, "lost"));
    let refused = client.post("/", &[]);
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert!(
        refused.log.contains("the error page fails"),
        "{}",
        refused.log
    );
    assert!(
        refused.text().contains("Method Not Allowed"),
        "{}",
        refused.text()
    );
}

#[test]
fn an_error_page_can_be_a_template_with_links() {
    const SOURCE: &str = "{{ status }} {{ url_for('index') }} {{ link }}";
    let server = Server::named("program")
        .templates(&[("error.html", SOURCE)])
        .get("/", |_, _| "page")
        .endpoint("index")
        .error_page(|error| {
            let link = error.url_for("index", &[("from", "error")])?;
            let status = error.status().as_u16();
            error.render("error.html", signet::context! { status, link })
        });
    let lost = Client::new(&server)
        .mounted_at("/cgi-bin/x.cgi")
        .get("/nothing");
    assert_eq!(lost.status, 404);
    assert_eq!(
        lost.text().replace("&#x2f;", "/"),
        "404 /cgi-bin/x.cgi/ /cgi-bin/x.cgi/?from=error"
    );
}

#[test]
#[should_panic(expected = "is not 1 to 64 ASCII letters")]
fn a_programs_name_is_fit_for_a_folder() {
    let _ = Server::named("../other");
}

fn templated() -> Server<'static> {
    Server::named("program")
        .templates(&[
            ("base.html", "<main>{% block main %}{% endblock %}</main>"),
            (
                "note.html",
                "{% extends 'base.html' %}{% block main %}<h1>{{ title }}</h1>\
                 <a href=\"{{ url_for('note', id='a b') }}\">{{ user }}</a>{% endblock %}",
            ),
            ("broken.html", "one\n{% if %}"),
        ])
        .get("/", |request, _| {
            signet::render(request, "note.html", signet::context! { title => "<b>" })
        })
        .get("/notes/{id}", |_, _| "a note")
        .endpoint("note")
        .get("/broken", |request, _| {
            signet::render(request, "broken.html", signet::context! {})
        })
        .get("/missing", |request, _| {
            signet::render(request, "missing.html", signet::context! {})
        })
}

/// As Flask's `render_template`: values are escaped, an undefined variable shows
/// nothing.
#[test]
fn a_template_of_the_program_is_rendered() {
    let server = templated();
    let mut client = Client::new(&server);
    let page = client.get("/");
    assert_eq!(
        page.text().replace("&#x2f;", "/"),
        "<main><h1>&lt;b&gt;</h1><a href=\"/notes/a%20b\"></a></main>"
    );
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        page.log.contains("note.html:1: undefined value"),
        "{}",
        page.log
    );
    for (path, place) in [("/broken", "broken.html:2"), ("/missing", "missing.html")] {
        let page = client.get(path);
        assert_eq!(page.status, 500, "{path}");
        assert!(page.log.contains(place), "{path}: {}", page.log);
        assert!(!page.text().contains(place), "{path}: {}", page.text());
    }
}

#[derive(serde::Serialize)]
struct Note {
    title: &'static str,
    tags: BTreeMap<&'static str, f64>,
    author: Option<String>,
}

/// Whatever serde can serialize: `context!` with such values, or a struct or a map.
#[test]
fn a_template_shows_structs_lists_maps_and_messages() {
    const SOURCE: &str = "{% for note in notes %}{{ note.title }} {{ note.tags.a }} \
        {{ note.author or 'nobody' }};{% endfor %}\
        {% for flash in flashes %}{{ flash.category }}: {{ flash.message }}{% endfor %}";
    fn notes() -> Vec<Note> {
        let note = |title, author: Option<&str>| Note {
            title,
            tags: BTreeMap::from([("a", 1.5)]),
            author: author.map(str::to_owned),
        };
        vec![note("<b>", None), note("two", Some("ada"))]
    }
    let server = Server::named("program")
        .templates(&[("notes.html", SOURCE), ("title.html", "{{ title }}")])
        .get("/", |request, session| {
            session.flash("<no>", "error");
            let flashes = session.take_flashes();
            signet::render(
                request,
                "notes.html",
                signet::context! { notes => notes(), flashes },
            )
        })
        .get("/struct", |request, _| {
            signet::render(request, "title.html", &notes()[1])
        })
        .get("/map", |request, _| {
            let map = BTreeMap::from([("title", "<three>")]);
            signet::render(request, "title.html", map)
        });
    let mut client = Client::new(&server);
    let page = client.get("/").text();
    assert_eq!(page, "&lt;b&gt; 1.5 nobody;two 1.5 ada;error: &lt;no&gt;");
    assert_eq!(client.get("/struct").text(), "two");
    assert_eq!(client.get("/map").text(), "&lt;three&gt;");
}

#[test]
fn a_file_of_the_owner_replaces_a_template_of_the_program() {
    let state = StateDir::new();
    state.write("templates/note.html", "own: {{ title }}", 0o644);
    let server = templated();
    let mut client = Client::new(&server).state_dir(state.path());
    assert_eq!(client.get("/").text(), "own: &lt;b&gt;");
    // Also a part of a page that is the program's.
    std::fs::remove_file(state.path().join("templates/note.html")).expect("remove it");
    state.write(
        "templates/base.html",
        "<div>{% block main %}{% endblock %}</div>",
        0o644,
    );
    let page = client.get("/").text();
    assert!(page.starts_with("<div><h1>&lt;b&gt;</h1>"), "{page}");
    std::fs::remove_file(state.path().join("templates/base.html")).expect("remove it");
    // A part of a page that the owner has not replaced is the program's.
    let own = "{% extends 'base.html' %}{% block main %}{{ title }}{% endblock %}";
    state.write("templates/note.html", own, 0o644);
    assert_eq!(client.get("/").text(), "<main>&lt;b&gt;</main>");
    // A mistake is seen, and not hidden behind the program's own template.
    state.write("templates/note.html", "{{ title", 0o644);
    let page = client.get("/");
    assert_eq!(page.status, 500);
    assert!(page.log.contains("note.html:1"), "{}", page.log);
}
