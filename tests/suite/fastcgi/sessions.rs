//! One process, many visitors: each sees their own session only, and the process
//! does not grow.

use std::thread;

use super::{Params, answered, assert_ends_well, cookie_of, index, logged_in, login, memory, with};
use crate::deploy::static_program;
use crate::support::StateDir;
use crate::support::application::{Application, at, program_at};
use crate::support::fastcgi::{Client, request};
use crate::support::response::Response;

/// Requests of the swarm, all in all.
const REQUESTS: usize = 10_000;

/// Names that are part of no page, nor of each other.
const NAMES: [&str; 6] = ["ada", "grace", "zq<1>", "zq<2>", "Łukasz", "名前"];

/// A deterministic sequence, Knuth's MMIX generator; the high bits are good.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        let multiplied = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = multiplied.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

/// A visitor's request, and what its answer has to be.
#[derive(Clone, Copy, Debug)]
enum Visit {
    Index(Option<usize>),
    Login(usize),
    Logout(usize),
    Refused(usize),
}

impl Visit {
    fn any(random: &mut Random) -> Self {
        let user = random.below(NAMES.len());
        match random.below(8) {
            0 => Self::Index(None),
            1 => Self::Login(user),
            2 => Self::Logout(user),
            3 => Self::Refused(user),
            _ => Self::Index(Some(user)),
        }
    }

    fn sent(self, id: u16, cookies: &[String]) -> Vec<u8> {
        let of = |params: Params, user: usize| with(params, "HTTP_COOKIE", &*cookies[user]);
        let form = |user: usize| {
            let bytes = NAMES[user].bytes().map(|byte| format!("%{byte:02x}"));
            format!("username={}", bytes.collect::<String>())
        };
        let (params, body) = match self {
            Self::Index(None) => (index(), String::new()),
            Self::Index(Some(user)) => (of(index(), user), String::new()),
            Self::Login(user) => (login(&form(user)), form(user)),
            Self::Logout(user) => {
                let post = with(login(""), "PATH_INFO", "/logout");
                (of(post, user), String::new())
            }
            Self::Refused(user) => {
                let params = of(login(&form(user)), user);
                (
                    with(params, "HTTP_SEC_FETCH_SITE", "cross-site"),
                    form(user),
                )
            }
        };
        request(id, true, &params, body.as_bytes())
    }

    /// Asserts that the answer is this visitor's, and that nothing in it is
    /// another one's.
    #[track_caller]
    fn assert_own(self, answer: &Response) {
        let words = match answer.status {
            // A line for who does not follow it.
            303 => answer.text().to_owned(),
            403 => without_number(&answer.words()),
            _ => answer.words(),
        };
        let (status, cookies, named) = match self {
            Self::Index(user) => (200, 0, user),
            Self::Login(_) => (303, 1, None),
            Self::Logout(_) => (303, 1, None),
            Self::Refused(_) => (403, 0, None),
        };
        assert_eq!(
            (answer.status, answer.cookies().len()),
            (status, cookies),
            "{self:?}: {words}"
        );
        for (user, name) in NAMES.iter().enumerate() {
            assert_eq!(
                words.contains(name),
                named == Some(user),
                "{self:?}: {words}"
            );
        }
        match self {
            Self::Login(user) => assert_eq!(logged_in(answer), NAMES[user]),
            Self::Logout(_) => {
                let cookie = answer.cookie("session").expect("its end");
                assert_eq!(cookie.value, "", "{self:?}");
            }
            Self::Index(_) | Self::Refused(_) => {}
        }
    }
}

/// Two workers, four threads with a connection each; every connection mixes
/// the visitors, several requests in a row before the first answer is read.
#[test]
fn visitors_on_one_connection_see_their_own_session() {
    let state = StateDir::new();
    let socket = state.path().join("socket");
    let workers = ["--workers", "2"];
    let daemon = Application::daemon(&mut program_at(&state), &socket, &workers);
    let cookies: Vec<String> = NAMES.iter().map(|name| cookie_of(name)).collect();
    thread::scope(|scope| {
        for seed in 0..4 {
            let (mut client, cookies) = (daemon.connect(), &cookies);
            scope.spawn(move || {
                let mut random = Random(seed);
                let mut left = REQUESTS / 4;
                while left > 0 {
                    let row = (1 + random.below(8)).min(left);
                    let visits: Vec<Visit> = (0..row).map(|_| Visit::any(&mut random)).collect();
                    let ids = || 1_u16..;
                    let sent = visits.iter().zip(ids());
                    let sent: Vec<u8> = sent
                        .flat_map(|(visit, id)| visit.sent(id, cookies))
                        .collect();
                    send_in_pieces(&mut client, &sent, &mut random);
                    for (visit, id) in visits.iter().zip(ids()) {
                        visit.assert_own(&answered(&mut client, id));
                    }
                    left -= row;
                }
            });
        }
    });
    assert_ends_well(&daemon);
}

fn send_in_pieces(client: &mut Client, mut bytes: &[u8], random: &mut Random) {
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at((1 + random.below(2000)).min(bytes.len()));
        client.send(piece);
        bytes = rest;
    }
}

/// The words of an error page without its number, in which a name may stand by chance.
fn without_number(words: &str) -> String {
    let (before, number) = words.split_once("number ").expect("an error with a number");
    let (_, after) = number.split_once(' ').unwrap_or_default();
    format!("{before}{after}")
}

/// What 30 000 requests leave behind in the process, errors among them, is what the first
/// 1 000 did. If each left one more piece of memory, which has 16 bytes or more, that would
/// be 450 KiB.
#[test]
#[ignore = "needs the static program: run tests/run"]
fn memory_does_not_grow_with_requests() {
    const ROW: usize = 50;
    let state = StateDir::new();
    let worker = Application::worker(&mut at(&static_program(), &state));
    let cookies: Vec<String> = NAMES.iter().map(|name| cookie_of(name)).collect();
    let mut random = Random(1);
    let mut clients = [worker.connect(), worker.connect(), worker.connect()];
    let mut serve = |requests: usize| {
        for row in 0..requests / ROW {
            let client = &mut clients[row % 3];
            let visits: Vec<Visit> = (0..ROW).map(|_| Visit::any(&mut random)).collect();
            let sent: Vec<u8> = visits
                .iter()
                .flat_map(|visit| visit.sent(1, &cookies))
                .collect();
            client.send(&sent);
            for visit in visits {
                visit.assert_own(&answered(client, 1));
            }
        }
        memory(worker.pid(), "VmRSS")
    };
    let early = serve(1_000);
    let late = serve(29_000);
    assert!(late <= early + 256, "{early} KiB, then {late} KiB");
    assert_ends_well(&worker);
}
