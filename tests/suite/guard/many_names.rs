//! Folders with many names: what their lists cost.

use std::fs::{self, File};
use std::time::Duration;

use super::{ADA, cookie_of, state_of};
use crate::deploy::static_program;
use crate::support::cgi::compiled;
use crate::support::{Cgi, StateDir};

const MANY: usize = 100_000;

/// Processor time: the list is written when all of it is ready.
const MOST_TIME: Duration = Duration::from_millis(100);

/// In KiB.
const MOST_MEMORY: u64 = 8 * 1024;

/// How often it may take longer, on a busy machine.
const TRIES: usize = 100;

/// A site with the folder `many`, and the session of a user.
fn site() -> (StateDir, String) {
    let state = state_of(ADA);
    let many = state.path().with_file_name("private").join("many");
    fs::create_dir_all(many).expect("make the folder");
    let cookie = cookie_of(&state, "ada");
    (state, cookie)
}

/// A request for a page of the list.
fn list(state: &StateDir, cookie: &str, query: &str) -> Cgi {
    Cgi::get(&format!("/files/many/?{query}"))
        .state(state)
        .cookie(cookie)
        .var("SIGNET_GUARD_DIR", state.path().with_file_name("private"))
        .var("SIGNET_GUARD_LISTING", "true")
}

#[test]
#[ignore = "needs the static program: run tests/run"]
fn a_page_of_100_000_names_takes_little_time_and_memory() {
    let (state, cookie) = site();
    let many = state.path().with_file_name("private").join("many");
    for number in 0..MANY {
        File::create(many.join(format!("IMG_{number:06}.jpg"))).expect("make a file");
    }
    let peak = compiled("peak", &[]);
    let peak = peak.to_str().expect("UTF-8");
    for (query, first, last) in [
        ("", "IMG_000000.jpg", "IMG_000999.jpg"),
        ("by=name&order=down", "IMG_099999.jpg", "IMG_099000.jpg"),
        ("page=50", "IMG_049000.jpg", "IMG_049999.jpg"),
        ("page=100", "IMG_099000.jpg", "IMG_099999.jpg"),
    ] {
        let list = || list(&state, &cookie, query).program(static_program());
        let out = list().through(&[peak]).run();
        let used: u64 = out.errors().trim().parse().expect("a number alone");
        assert!(used < MOST_MEMORY, "{query}: {used} KiB");
        let page = out.response().text().to_owned();
        let names: Vec<&str> = page.split("<bdi>IMG_").skip(1).collect();
        assert_eq!(names.len(), 1000, "{query}");
        for (row, name) in [(names[0], first), (names[999], last)] {
            assert!(name.ends_with(&row[..10]), "{query}: {row} is not {name}");
        }
        let is_short = (0..TRIES).any(|_| list().run().busy < MOST_TIME);
        assert!(is_short, "{query}: {TRIES} times {MOST_TIME:?} or more");
    }
}

/// A worker has few descriptors left when it sends files to others.
#[test]
fn a_list_of_a_thousand_folders_needs_few_descriptors() {
    let (state, cookie) = site();
    let many = state.path().with_file_name("private").join("many");
    for number in 0..1000 {
        fs::create_dir(many.join(format!("{number:03}"))).expect("make a folder");
    }
    let limit = ["/usr/bin/prlimit", "--nofile=32"];
    let out = list(&state, &cookie, "").through(&limit).run();
    let page = out.response();
    assert_eq!((page.status, out.errors()), (200, String::new()));
    assert_eq!(page.text().matches("<tr><td>").count(), 1000);
}
