//! One attempt to log in, as a process of its own: it is counted, and nothing more.
//!
//! `login_attempt PLACE FOLDER NAME ADDRESS SECOND OUTCOME`: PLACE is `files` or the
//! address of a Redis, SECOND the time by both clocks, OUTCOME `fail`, `succeed`,
//! `cancel`, or `slot`: then it also takes a slot of two processors, and is canceled if
//! there is none. It begins when it has read a line, and ends when it has read another
//! one; in between it prints `admitted`, `busy`, or the seconds to wait.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

use std::io::{self, BufRead};
use std::path::Path;

use signet::session::RedisUrl;
use signet::session::key::Key;
use signet::users::limits::{Attempt, Limits, Now, PATIENCE};
use signet::users::slots::Slots;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, folder, name, address, second, outcome] = &arguments[..] else {
        panic!("six arguments");
    };
    let key = Key::new(b"tests-only-7f3a91c6e0d24b58".to_vec()).expect("a key");
    let (folder, euid) = (Path::new(folder), rustix::process::geteuid().as_raw());
    let limits = match place.as_str() {
        "files" => Limits::in_folder(folder, euid, &key, PATIENCE),
        url => Limits::in_redis(
            RedisUrl::parse(url).expect("a Redis"),
            "attempts:".to_owned(),
            folder,
            euid,
            &key,
            PATIENCE,
        ),
    };
    let limits = limits.expect("a trusted folder");
    let second = second.parse().expect("seconds");
    let now = Now {
        unix: second,
        uptime: std::time::Duration::from_secs(second),
    };
    let attempt = Attempt {
        name,
        address: address.parse().ok().map(|ip: std::net::IpAddr| ip.into()),
        browser: None,
    };
    let wait_for_line = || {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).expect("a line");
    };
    wait_for_line();
    // Where a trace begins that looks at the rest only.
    let _ = Path::new("/attempt-begins").exists();
    let admitted = match limits.begin(&attempt, now) {
        Ok(admitted) => admitted,
        Err(wait) => {
            println!("{}", wait.seconds);
            return;
        }
    };
    let _ = Path::new("/attempt-begun").exists();
    if outcome == "slot" {
        let slots = Slots::in_folder(folder, euid, 2).expect("a trusted folder");
        match slots.take(&admitted, std::time::Duration::ZERO) {
            Err(_) => {
                println!("busy");
                admitted.cancel(now);
            }
            Ok(_slot) => {
                println!("admitted");
                wait_for_line();
            }
        }
        return;
    }
    println!("admitted");
    wait_for_line();
    match outcome.as_str() {
        "fail" => admitted.fail(),
        "succeed" => admitted.succeed(now),
        "cancel" => admitted.cancel(now),
        other => panic!("{other}"),
    }
    let _ = Path::new("/attempt-ends").exists();
}
