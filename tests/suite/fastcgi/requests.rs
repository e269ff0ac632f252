//! Requests that follow one another, or come beside another: how they are cut
//! into records, what of a body is read, and what one leaves behind for the
//! next, which is nothing.

use std::collections::BTreeSet;

use super::{
    Params, answered, asks, assert_ends_well, assert_pong, exchange, index, index_of, logged_in,
    login, memory, ping, with,
};
use crate::support::application::{Application, at, program_at, wait_until};
use crate::support::fastcgi::{
    CANT_MPX_CONN, PARAMS, RESPONDER, STDIN, begin, pair, record, request,
};
use crate::support::response::Response;
use crate::support::{StateDir, example};

const FORM: &str = "username=ada";

/// A worker, what keeps its state, and a connection to it.
fn worker() -> (StateDir, Application) {
    let state = StateDir::new();
    let worker = Application::worker(&mut program_at(&state));
    (state, worker)
}

/// How a stream is cut into records changes nothing, down to one byte in each.
#[test]
fn a_stream_may_be_cut_anywhere() {
    let (_state, worker) = worker();
    let mut client = worker.connect();
    let params: Vec<u8> = login(FORM)
        .iter()
        .flat_map(|(name, value)| pair(name.as_bytes(), value.as_bytes()))
        .collect();
    for size in [1, 2, 7, 100, 65_535] {
        let cut = |kind: u8, content: &[u8]| -> Vec<u8> {
            let parts = content.chunks(size);
            let parts = parts.flat_map(|part| record(kind, 1, part));
            parts.chain(record(kind, 1, b"")).collect()
        };
        client.send(&begin(1, RESPONDER, true));
        client.send(&cut(PARAMS, &params));
        client.send(&cut(STDIN, FORM.as_bytes()));
        assert_eq!(logged_in(&answered(&mut client, 1)), "ada", "{size}");
    }
    assert_ends_well(&worker);
}

/// CONTENT_LENGTH bytes of STDIN are the body, as by CGI (RFC 3875, 4.2).
#[test]
fn the_body_ends_where_content_length_says() {
    let (_state, worker) = worker();
    let mut client = worker.connect();
    assert_eq!(exchange(&mut client, 1, &index(), b"").status, 200);
    let of_length = |length: &str| with(login(FORM), "CONTENT_LENGTH", length);
    let form_of = |length: usize| format!("{FORM}&pad={}", "x".repeat(length - FORM.len() - 5));
    let longer = format!("{FORM}&username=eve");
    let huge = form_of(16 << 20);
    let (most, over) = (form_of(65_536), form_of(65_537));
    #[rustfmt::skip]
    let rows: [(&str, Params, &str, u16); 10] = [
        ("exact",              login(FORM), FORM, 303),
        ("longer",             login(FORM), &longer, 303),
        ("shorter",            of_length("100"), FORM, 400),
        ("none of it",         login(FORM), "", 400),
        ("no length",          of_length(""), FORM, 411),
        ("junk for a length",  of_length("1e3"), FORM, 400),
        ("as much as may be",  login(&most), &most, 303),
        ("a byte more",        login(&over), &over, 413),
        ("far too much",       login(&huge), &huge, 413),
        ("a length that lies", of_length("9223372036854775808"), FORM, 413),
    ];
    let mut ask = |rows: &[(&str, Params, &str, u16)]| {
        for (name, params, body, want) in rows {
            let answer = exchange(&mut client, 1, params, body.as_bytes());
            assert_eq!(answer.status, *want, "{name}");
            if *want == 303 {
                assert_eq!(logged_in(&answer), "ada", "{name}");
            }
        }
    };
    // Code that runs for the first time is memory, too.
    ask(&rows[..8]);
    let before = memory(worker.pid(), "VmHWM");
    ask(&rows);
    let grown = memory(worker.pid(), "VmHWM") - before;
    assert!(grown < 1024, "for 16 MiB that nobody wants: {grown} KiB");
    assert_ends_well(&worker);
}

/// A program built on the library gets the body of each method whole, as by CGI
/// (`library` has the rules).
#[test]
fn the_body_of_each_method_arrives() {
    let state = StateDir::new();
    let worker = Application::worker(&mut at(&example("echo"), &state));
    let mut client = worker.connect();
    let body = "x".repeat(60_000);
    for method in ["POST", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND"] {
        let sized = with(asks(method, "/"), "CONTENT_LENGTH", body.len().to_string());
        let chunked = with(asks(method, "/"), "HTTP_TRANSFER_ENCODING", "chunked");
        for params in [sized, chunked] {
            let answer = exchange(&mut client, 1, &params, body.as_bytes());
            assert_eq!(answer.text(), format!("{method} {body:?}\n"), "{method}");
        }
    }
    let get = with(asks("GET", "/"), "CONTENT_LENGTH", "5");
    let answer = exchange(&mut client, 1, &get, b"hello");
    assert_eq!(answer.text(), "GET \"\"\n");
    assert_ends_well(&worker);
}

/// Section 3.5 and 5.1: kept or closed, as each request says.
#[test]
fn connections_are_kept_as_asked() {
    let (_state, worker) = worker();
    let mut client = worker.connect();
    for id in [1, 1, 2, 65_535, 256, 1] {
        assert_eq!(exchange(&mut client, id, &index(), b"").status, 200, "{id}");
        client.send(&ping());
        assert_pong("between two requests", &mut client);
    }
    client.send(&request(1, false, &index(), b""));
    assert_eq!(answered(&mut client, 1).status, 200);
    client.assert_closed("the last request said so");

    // What follows a request that ends the connection is not served.
    let mut client = worker.connect();
    let two = [
        request(1, false, &index(), b""),
        request(2, false, &index(), b""),
    ];
    client.send(&two.concat());
    assert_eq!(answered(&mut client, 1).status, 200);
    client.assert_closed("the first request said so");
    assert_ends_well(&worker);
}

/// There is no multiplexing (FastCGI 1.0, 5.5): the first request continues.
#[test]
fn a_request_beside_another_is_refused_and_disturbs_nothing() {
    let (_state, worker) = worker();
    let mut client = worker.connect();
    let pairs = login(FORM)
        .into_iter()
        .map(|(name, value)| record(PARAMS, 1, &pair(name.as_bytes(), value.as_bytes())));
    let mut first = vec![begin(1, RESPONDER, true)];
    first.extend(pairs);
    first.push(record(PARAMS, 1, b""));
    first.extend(FORM.bytes().map(|byte| record(STDIN, 1, &[byte])));
    first.push(record(STDIN, 1, b""));
    let second = request(2, true, &index_of("eve"), b"eve");
    for cut in 1..first.len() {
        let (before, after) = first.split_at(cut);
        client.send(&[&before.concat(), &second, &after.concat()[..]].concat());
        let refused = client.try_answer(2).expect("an answer");
        assert_eq!((refused.status, refused.stdout.len()), (CANT_MPX_CONN, 0));
        assert_eq!(logged_in(&answered(&mut client, 1)), "ada", "{cut}");
    }
    assert_ends_well(&worker);
}

/// Section 3.3: what is longer than a record comes in several, and what is
/// longer than the socket's buffer comes when the peer has read.
#[test]
fn long_answers_come_whole() {
    let (state, worker) = worker();
    let mut client = worker.connect();
    for length in [65_000, 65_535, 65_536, 131_070, 500_000] {
        // Its digits tell each place from the one that is a record away.
        let page: String = (0..)
            .flat_map(|n: u32| n.to_string().into_bytes())
            .map(char::from)
            .take(length)
            .collect();
        state.write("templates/index.html", &page, 0o644);
        let answer = exchange(&mut client, 1, &index(), b"");
        assert_eq!(answer.status, 200, "{length}: {}", answer.words());
        assert!(answer.text() == page, "{length}: it is another page");
    }
    assert_ends_well(&worker);
}

/// Who asks and asks, and reads nothing, is answered when he reads, from no
/// more memory than one answer takes.
#[test]
fn answers_that_nobody_takes_do_not_pile_up() {
    const REQUESTS: u16 = 1000;
    let (_state, worker) = worker();
    let mut client = worker.connect();
    assert_eq!(exchange(&mut client, 1, &index(), b"").status, 200);
    let before = memory(worker.pid(), "VmHWM");
    // So short that all of them fit into the socket, and their answers do not.
    let short = [("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")];
    let asked = (1..=REQUESTS).flat_map(|id| request(id, true, &short, b""));
    client.send(&asked.collect::<Vec<u8>>());
    wait_until("answers fill the socket", || client.waiting() > 30_000);
    for id in 1..=REQUESTS {
        assert_eq!(answered(&mut client, id).status, 200, "{id}");
    }
    let grown = memory(worker.pid(), "VmHWM") - before;
    assert!(grown < 512, "by {grown} KiB");
    assert_ends_well(&worker);
}

/// Nothing of a request remains in the worker after its response.
#[test]
fn nothing_passes_from_a_request_to_the_next() {
    let (state, worker) = worker();
    let mut client = worker.connect();
    let folder = state.path().display().to_string();
    let served = with(index(), "DOCUMENT_ROOT", folder);
    let redirected = with(index(), "REDIRECT_STATUS", "404");
    let foreign = with(login(FORM), "HTTP_SEC_FETCH_SITE", "cross-site");
    let secure = with(login(FORM), "HTTPS", "on");
    let elsewhere = with(asks("GET", "/"), "SCRIPT_NAME", "/elsewhere");
    #[rustfmt::skip]
    let rows: [(&str, Params, u16); 7] = [
        ("somebody",            index_of("ada"), 200),
        ("a login",             login(FORM), 303),
        ("an error document",   redirected, 404),
        ("a served state folder", served, 200),
        ("another site's form", foreign, 403),
        ("HTTPS",               secure, 303),
        ("another mount",       elsewhere, 200),
    ];
    // What each of the two says when nothing came before.
    let plain = exchange(&mut worker.connect(), 1, &index(), b"");
    let attributes = |answer: &Response| {
        let cookie = answer.cookie("session").expect("a session");
        (cookie.attributes, answer.cookies().len())
    };
    let login_alone = attributes(&exchange(
        &mut worker.connect(),
        1,
        &login(FORM),
        FORM.as_bytes(),
    ));
    for (name, params, want) in rows {
        let answer = exchange(&mut client, 1, &params, FORM.as_bytes());
        assert_eq!(answer.status, want, "{name}: {}", answer.words());
        let next = exchange(&mut client, 1, &index(), b"");
        assert_eq!(
            (next.status, next.headers, next.body),
            (plain.status, plain.headers.clone(), plain.body.clone()),
            "behind {name}"
        );
        let next = exchange(&mut client, 1, &login(FORM), FORM.as_bytes());
        assert_eq!(attributes(&next), login_alone, "behind {name}");
    }
    assert_ends_well(&worker);
}

/// The number of an error page is its own; the log has each one's reason.
#[test]
fn errors_have_numbers_of_their_own() {
    let (state, worker) = worker();
    let mut client = worker.connect();
    state.write("signet.toml", "NO_SUCH_SETTING = 1\n", 0o600);
    let failing = index();
    let pages: Vec<String> = (0..20)
        .map(|_| exchange(&mut client, 1, &failing, b"").words())
        .collect();
    let said = assert_ends_well(&worker);
    let numbers: BTreeSet<&str> = said
        .lines()
        .map(|line| {
            let (_, rest) = line.split_once("error ").expect("an error's line");
            rest.split_once(':').expect("a number and a reason").0
        })
        .collect();
    assert_eq!((numbers.len(), said.lines().count()), (20, 20), "{said}");
    for (page, line) in pages.iter().zip(said.lines()) {
        let number = numbers.iter().find(|number| line.contains(*number));
        assert!(
            number.is_some_and(|number| page.contains(number)),
            "{page}: {line}"
        );
    }
}

/// A panic in one request fails that request only.
#[test]
fn a_panic_is_answered_and_touches_no_other_request() {
    let state = StateDir::new();
    let worker = Application::worker(&mut at(&example("faulty"), &state));
    let mut beside = worker.connect();
    let half = request(7, true, &index(), b"");
    let (first, second) = half.split_at(40);
    beside.send(&[&ping(), first].concat());
    assert_pong("half a request", &mut beside);

    let mut client = worker.connect();
    for visit in 0..3 {
        let answer = exchange(&mut client, 1, &asks("GET", "/bug"), b"");
        assert_eq!((answer.status, answer.cookies().len()), (500, 0), "{visit}");
        assert!(!answer.text().contains("the bug"), "{}", answer.text());
        // The site's icon is shown on this page, too.
        let policy = answer.header("Content-Security-Policy").expect("a policy");
        assert!(policy.contains("img-src 'self'"), "{policy}");
        let next = exchange(&mut client, 2, &index(), b"");
        assert!(next.text().contains("Visit number 1<"), "{}", next.text());
    }
    beside.send(second);
    assert!(answered(&mut beside, 7).text().contains("Visit number 1<"));
    let said = worker.end();
    let said = (
        said.status.code(),
        String::from_utf8(said.stderr).expect("UTF-8"),
    );
    assert_eq!((said.0, said.1.lines().count()), (Some(0), 3), "{said:?}");
    for line in said.1.lines() {
        assert!(line.starts_with("faulty: error: panicked at "), "{line}");
    }
}
