//! `signet::LocalPath`, compared with what browsers make of the same texts.
//!
//! The URL parser of Node is WHATWG's. Chromium follows redirects to what was accepted.

mod follow;
mod table;

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use signet::{LocalPath, ProcessInput, Request, Server, Session};

use crate::support::now;
use table::{ACCEPTED, LEAVING, REFUSED};

/// The site, and the page whose form has the text.
const SITE: &str = "https://site.example";

/// Prints what `new URL` makes of each text: its origin and what follows it.
const NODE: &str = r#"
const texts = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(texts.map((text) => {
  try {
    const url = new URL(text, "https://site.example/app/login");
    return [url.origin, url.href.slice(url.origin.length)];
  } catch {
    return ["none", ""];
  }
})));
"#;

fn parse(text: &str) -> Option<LocalPath> {
    text.parse().ok()
}

/// Origin and rest of each text's URL, by Node.
fn resolved<T: AsRef<str>>(texts: &[T]) -> Vec<(String, String)> {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    let mut node = Command::new("node")
        .args(["-e", NODE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start node");
    let json = serde_json::to_vec(&texts).expect("JSON");
    let mut stdin = node.stdin.take().expect("a pipe");
    stdin.write_all(&json).expect("node reads");
    drop(stdin);
    let output = node.wait_with_output().expect("node ends");
    assert!(output.status.success(), "node failed");
    let urls: Vec<(String, String)> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(urls.len(), texts.len());
    urls
}

/// Asserts that a browser resolves each accepted text, and what was made of it, to that
/// path of the site.
fn assert_local(texts: &[String]) -> usize {
    let accepted: Vec<(&String, LocalPath)> = texts
        .iter()
        .filter_map(|text| Some((text, parse(text)?)))
        .collect();
    let paths: Vec<&str> = accepted.iter().map(|(_, path)| path.as_str()).collect();
    let originals: Vec<&String> = accepted.iter().map(|(text, _)| *text).collect();
    let urls = resolved(&paths).into_iter().zip(resolved(&originals));
    for ((text, path), (made, original)) in accepted.iter().zip(urls) {
        let wanted = (SITE.to_owned(), path.to_string());
        assert_eq!(made, wanted, "{text:?}");
        assert_eq!(original, wanted, "{text:?}");
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\#`{|}^".contains(&byte);
        assert!(path.as_str().bytes().all(plain), "{path}");
        assert_eq!(parse(path.as_str()).as_ref(), Some(path), "{text:?}");
    }
    accepted.len()
}

#[test]
fn a_path_of_this_host_is_accepted_as_browsers_write_it() {
    for (text, want) in ACCEPTED {
        assert_eq!(
            parse(text).as_ref().map(LocalPath::as_str),
            Some(want),
            "{text:?}"
        );
    }
}

#[test]
fn what_leaves_the_host_or_could_is_refused() {
    for text in LEAVING.into_iter().chain(REFUSED) {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn a_path_has_at_most_2048_bytes_once_encoded() {
    #[rustfmt::skip]
    let cases = [
        // text                                    accepted
        (format!("/{}", "a".repeat(2047)),         true),
        (format!("/{}", "a".repeat(2048)),         false),
        (format!("/{}", "\u{e9}".repeat(341)),     true),  // 1 + 341 * 6 = 2047
        (format!("/{}", "\u{e9}".repeat(342)),     false),
        (format!("/?{}", "a".repeat(2046)),        true),
        (format!("/?{}", "a".repeat(2047)),        false),
        (format!("/{}", "%25".repeat(3000)),       false),
        (format!("/{}", "/login?next=".repeat(9000)), false),
    ];
    for (text, want) in cases {
        assert_eq!(parse(&text).is_some(), want, "{} bytes", text.len());
    }
}

#[test]
fn path_and_query_are_told_apart() {
    let cases = [
        ("/a", "/a", None),
        ("/a?", "/a", Some("")),
        ("/a?b?c", "/a", Some("b?c")),
        ("/?//evil", "/", Some("//evil")),
    ];
    for (text, path, query) in cases {
        let local = parse(text).expect("a local path");
        assert_eq!((local.path(), local.query()), (path, query), "{text}");
    }
}

#[test]
fn the_pages_of_the_login_are_found_in_any_spelling() {
    #[rustfmt::skip]
    let cases = [
        // text                                  can lead to /logout
        ("/logout",                              true),
        ("/app/logout?everywhere=1",             true),
        ("/cgi-bin/signet.cgi/logout",           true),
        ("/%6cogou%74",                          true),
        ("/%256cogout",                          true),
        ("/app?r=/logout",                       true),
        ("/app?x=1&r=%2flogout&r=/",             true),
        ("/app/?r=/log%6fut",                    true),
        ("/",                                    false),
        ("/logout/",                             false),
        ("/LOGOUT",                              false),
        ("/mylogout",                            false),
        ("/logout.html",                         false),
        ("/app?next=/logout",                    false),
        ("/app?r=/&r=/logout",                   false),
        ("/app?r=logout",                        false),
    ];
    for (text, want) in cases {
        let local = parse(text).expect("a local path");
        assert_eq!(local.can_lead_to("/logout"), want, "{text}");
    }
}

/// The page of a program at `/app` for one request.
fn page(vars: &[(&str, &str)]) -> String {
    let own_path = |request: &Request, _: &mut Session| {
        LocalPath::of(request).map_or("none".to_owned(), |path| path.to_string())
    };
    let vars = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SCRIPT_NAME", "/app"),
    ]
    .iter()
    .chain(vars);
    let edge = ProcessInput {
        vars: vars.copied().collect(),
        argument: None,
        now: now(),
        euid: rustix::process::geteuid().as_raw(),
    };
    let server = Server::named("test").fallback(own_path);
    let answer = String::from_utf8(server.respond(edge, &mut std::io::empty())).expect("UTF-8");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    body.to_owned()
}

#[test]
fn a_request_knows_its_own_address() {
    #[rustfmt::skip]
    let cases = [
        // PATH_INFO     QUERY_STRING       address
        ("/",            "",                "/app/"),
        ("/notes/7",     "edit=1&a[]=x",    "/app/notes/7?edit=1&a[]=x"),
        ("/a b;\u{e9}",  "q='x' y",         "/app/a%20b%3B%C3%A9?q=%27x%27%20y"),
        ("/100%",        "100%",            "/app/100%25?100%"),
        ("/a//b",        "",                "none"),
        ("/../b",        "",                "none"),
        ("/a\\b",        "",                "none"),
        ("/a\nb",        "",                "none"),
        ("",             "r=/notes&x=1",    "/app?r=/notes&x=1"),
    ];
    for (path_info, query, want) in cases {
        let vars = [("PATH_INFO", path_info), ("QUERY_STRING", query)];
        assert_eq!(page(&vars), want, "{path_info} {query}");
    }
    let busybox = [
        ("SERVER_SOFTWARE", "busybox httpd/1.35"),
        ("PATH_INFO", "/"),
    ];
    assert_eq!(page(&busybox), "/app");
}

/// Asserts what the tables say of browsers, so that the comparison is known to find
/// texts that leave the site.
#[test]
#[ignore = "needs Node: run tests/run"]
fn the_tables_agree_with_the_url_parser_of_node() {
    let accepted: Vec<String> = ACCEPTED.map(|(text, _)| text.to_owned()).to_vec();
    assert_eq!(assert_local(&accepted), ACCEPTED.len());
    for (text, (origin, rest)) in LEAVING.iter().zip(resolved(&LEAVING)) {
        assert_ne!(origin, SITE, "{text:?} leads to {rest}");
    }
}

/// Pieces of URLs that parsers treat in a special way.
#[rustfmt::skip]
const PIECES: [&str; 72] = [
    "/", "/", "/", "/", "//", "\\", ".", "..", "%2e", "%2E", ".%2e", "%2f", "%2F", "%5c", "%252e",
    "%252f", "%25", "%", "%00", "%0a", "%0d%0a", "%zz", "%C3%A9", "%E3%80%82", "\t", "\n", "\r",
    "\0", "\u{1}", "\u{b}", "\u{1f}", " ", "\u{7f}", "\u{80}", "\u{85}", "\u{a0}", "\u{3000}",
    "\u{feff}", "\u{200b}", "\u{2028}", "\u{202e}", "\u{e9}", "\u{ff0f}", "\u{2215}", "\u{3002}",
    "\u{ff0e}", "\u{fffd}", "\u{10ffff}", "@", ":", ":443", "?", "#", "&", "=", ";", "'", "\"", "<",
    "[", "]", "{", "|", "^", "`", "~", "evil.example", "https:", "http://evil.example", "javascript:",
    "login", "a",
];

/// Of twenty thousand texts that were put together at random, some thousands are
/// accepted, and as many leave the site.
#[test]
#[ignore = "needs Node: run tests/run"]
fn texts_made_at_random_agree_with_the_url_parser_of_node() {
    let pieces = prop::collection::vec(select(&PIECES[..]), 1..9);
    let begin = select(&["", "/", "/", "/a/", "/a?", "//", "/\\", "/\t/"][..]);
    let of_pieces = (begin, pieces).prop_map(|(begin, pieces)| begin.to_owned() + &pieces.concat());
    let of_characters = any::<String>().prop_map(|text| format!("/{text}"));
    let strategy = prop_oneof![8 => of_pieces, 1 => of_characters];
    let mut runner = TestRunner::deterministic();
    let texts: Vec<String> = (0..20_000)
        .map(|_| strategy.new_tree(&mut runner).expect("a text").current())
        .collect();
    let accepted = assert_local(&texts);
    let leaving = resolved(&texts)
        .iter()
        .filter(|(origin, _)| origin != SITE)
        .count();
    assert!(
        accepted > 2000 && leaving > 2000,
        "{accepted} accepted, {leaving} leave"
    );
}
