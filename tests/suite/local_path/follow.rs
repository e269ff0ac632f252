//! Chromium follows redirects to accepted texts.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use signet::{LocalPath, ProcessInput, Request, Response, Server, Session, html, redirect};

use super::table::ACCEPTED;
use crate::support::now;
use crate::support::{assert_succeeds, python};

/// The path of the page that redirects to the accepted text with the number in the query.
const GO: &str = "/go";

fn page(request: &Request, _: &mut Session) -> Response {
    let number = request
        .uri()
        .query()
        .filter(|_| request.uri().path() == GO)
        .and_then(|query| query.parse::<usize>().ok());
    match number {
        None => html("<!doctype html><title>A page</title><link rel=\"icon\" href=\"data:,\">"),
        Some(number) => {
            let next: LocalPath = ACCEPTED[number].0.parse().expect("a local path");
            redirect(next.as_str())
        }
    }
}

/// Answers one HTTP request as a web server with a CGI program does.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let (mut head, mut line) = (String::new(), String::new());
    let mut reader = BufReader::new(stream.try_clone()?);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        head.push_str(&line);
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let vars = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", path),
        ("QUERY_STRING", query),
    ];
    let edge = ProcessInput {
        vars: vars.into_iter().collect(),
        argument: None,
        now: now(),
        euid: rustix::process::geteuid().as_raw(),
    };
    let output = Server::named("test")
        .fallback(page)
        .respond(edge, &mut io::empty());
    let output = output.strip_prefix(b"Status:").expect("a status");
    stream.write_all(b"HTTP/1.1")?;
    stream.write_all(output)
}

#[test]
#[ignore = "needs Chromium: run tests/run"]
fn chromium_follows_a_redirect_to_the_same_path_of_the_site() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let site = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that Chromium opens in advance and does not use would make the
            // others wait.
            thread::spawn(|| answer(stream));
        }
    });
    let seen = assert_succeeds(
        python("follow_redirects.py")
            .arg(format!("{site}{GO}?"))
            .arg(ACCEPTED.len().to_string()),
    );
    let wanted: Vec<String> = ACCEPTED.map(|(_, url)| format!("{site}{url}")).to_vec();
    assert_eq!(seen.lines().collect::<Vec<_>>(), wanted);
}
