//! A Redis that hangs, and connections to it that die without a word: who waits,
//! and for how long.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use signet::session::record::Record;
use signet::session::store::{Change, Redis, Store, StoreError};
use signet::session::{RedisUrl, SessionId};

use super::contract::{LIFETIME, id, load, number, record};
use super::site::{NOW, Site};
use crate::fastcgi::{Params, answered, asks, exchange, index, login, with};
use crate::support::application::{Application, program_at, wait_until};
use crate::support::fastcgi::request;
use crate::support::redis::{FalseRedis, Lost, RedisServer, Relay};
use crate::support::{StateDir, now};

/// How long the program waits for a Redis.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a busy machine may add to that.
const SLACK: Duration = Duration::from_millis(1800);

fn store(url: &str) -> Redis {
    let url = RedisUrl::parse(url).expect("a URL");
    Redis::at(url, "session:".to_owned(), LIFETIME)
}

/// An operation on a store, with the id of a session in it whose `n` is 1 and
/// one that is not there.
type Operation = fn(&Redis, &SessionId, &SessionId) -> Result<bool, StoreError>;

fn of(n: i64) -> Record {
    record(now(), &format!("{{\"n\":{n}}}"))
}

fn count(found: Record) -> Change {
    Change::Replace(of(number(&found) + 1))
}

/// Each operation on a connection that a firewall has forgotten succeeds by a
/// new one, and is done once.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_connection_that_died_silently_costs_no_operation() {
    #[rustfmt::skip]
    let operations: [(&str, Operation, Option<i64>, Option<i64>); 7] = [
        // name    what it does                                               n afterwards, of both
        ("load",   |store, one, _| Ok(store.load(one, now())?.is_some()),                  Some(1), None),
        ("create", |store, _, two| store.create(two, &of(7)).map(|()| true),               Some(1), Some(7)),
        ("update", |store, one, _| store.update(one, now(), &mut count),                   Some(2), None),
        ("end",    |store, one, _| store.update(one, now(), &mut |_| Change::Delete),      None,    None),
        ("renew",  |store, one, two| store.renew(one, two, now(), &mut count),             None,    Some(2)),
        ("delete", |store, one, _| store.delete(one),                                      None,    None),
        ("again",  |store, one, _| Ok(store.update(one, now(), &mut count)? && store.update(one, now(), &mut count)?), Some(3), None),
    ];
    let server = RedisServer::shared();
    thread::scope(|scope| {
        for (name, operation, first, second) in operations {
            for lost in [Lost::Questions, Lost::Answers] {
                let server = &server;
                scope.spawn(move || {
                    let relay = Relay::to(server.port);
                    let relayed = store(&relay.url());
                    let (one, two) = (id(), id());
                    relayed.create(&one, &of(1)).expect("create");
                    assert_eq!(relay.made(), 1);
                    relay.forget(lost);
                    let begun = Instant::now();
                    let done = operation(&relayed, &one, &two);
                    assert!(matches!(done, Ok(true)), "{name}, {lost:?}: {done:?}");
                    assert!(begun.elapsed() < PATIENCE, "{name}, {lost:?}");
                    let direct = store(&server.url());
                    let found = [&one, &two].map(|id| load(&direct, id));
                    let found = found.map(|found| found.as_ref().map(number));
                    assert_eq!(found, [first, second], "{name}, {lost:?}");
                    assert!(relay.made() > 1, "{name}, {lost:?}");
                });
            }
        }
    });
}

/// The pages do not notice it either, whatever a request asks first.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_connection_that_died_silently_costs_no_request_its_answer() {
    let server = RedisServer::shared();
    let visit = |kind: &str, lost: Lost| {
        let (state, relay) = (StateDir::new(), Relay::to(server.port));
        let mut command = program_at(&state);
        command
            .env("SIGNET_SESSION_TYPE", kind)
            .env("SIGNET_SESSION_REDIS", relay.url());
        let worker = Application::worker(&mut command);
        let mut client = worker.connect();
        let mut cookie = String::new();
        for (what, params, body, status) in [
            ("log in", login("username=ada"), "username=ada", 303),
            ("index", index(), "", 200),
            ("log in again", login("username=bob"), "username=bob", 303),
            (
                "log out",
                with(asks("POST", "/logout"), "CONTENT_LENGTH", "0"),
                "",
                303,
            ),
        ] {
            let params = with(params, "HTTP_COOKIE", cookie.as_str());
            let begun = Instant::now();
            let answer = exchange(&mut client, 1, &params, body.as_bytes());
            let case = format!("{kind}, {lost:?}, {what}");
            assert_eq!(answer.status, status, "{case}: {}", answer.words());
            assert!(begun.elapsed() < PATIENCE, "{case}: {:?}", begun.elapsed());
            if what == "index" {
                assert!(answer.words().contains("Logged in as"), "{case}");
            }
            if let Some(new) = answer.cookie("session") {
                cookie = format!("session={}", new.value);
            }
            relay.forget(lost);
        }
        drop(worker.end());
    };
    thread::scope(|scope| {
        for (kind, lost) in [
            ("cookie", Lost::Questions),
            ("redis", Lost::Questions),
            ("redis", Lost::Answers),
        ] {
            scope.spawn(move || visit(kind, lost));
        }
    });
}

/// The kernel asks the other side of an idle connection whether it is there.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn an_idle_connection_is_kept_alive() {
    let server = RedisServer::start(&[]);
    let store = store(&server.url());
    assert_eq!(load(&store, &id()), None);
    let port = format!(":{:04X}", server.port);
    let table = fs::read_to_string("/proc/net/tcp").expect("connections");
    let timers: Vec<&str> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[2].ends_with(&port) && fields[3] == "01")
        .map(|fields| fields[5])
        .collect();
    // 02: keepalive.
    let is_kept = timers.iter().any(|timer| timer.starts_with("02:"));
    assert!(is_kept, "{timers:?}");
}

/// One request waits for it, and nobody behind that: others who need it are
/// told so at once, and who does not need it gets the page.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_hanging_redis_keeps_one_request_waiting() {
    thread::scope(|scope| {
        for kind in ["redis", "cookie"] {
            scope.spawn(move || visit_while_redis_hangs(kind));
        }
    });
}

fn visit_while_redis_hangs(kind: &str) {
    let (server, state) = (RedisServer::start(&[]), StateDir::new());
    let mut command = program_at(&state);
    command
        .env("SIGNET_SESSION_TYPE", kind)
        .env("SIGNET_SESSION_REDIS", server.url());
    let worker = Application::worker(&mut command);
    let form = "username=ada";
    let answer = exchange(&mut worker.connect(), 1, &login(form), form.as_bytes());
    let cookie = answer.cookie("session").expect("a session").value;
    let own = with(index(), "HTTP_COOKIE", format!("session={cookie}"));
    let sent = |params: &Params| {
        let mut client = worker.connect();
        client.send(&request(1, false, params, b""));
        client
    };
    let status = |params: &Params| answered(&mut sent(params), 1).status;
    assert_eq!(status(&own), 200);

    server.hang();
    // They wait while the worker is busy with the first.
    let begun = Instant::now();
    let nobody = index();
    let requests = std::iter::repeat_n(&own, 20).chain([&nobody]);
    let clients: Vec<_> = requests.map(sent).collect();
    let answers: Vec<u16> = clients
        .into_iter()
        .map(|mut client| answered(&mut client, 1).status)
        .collect();
    assert!(
        begun.elapsed() < PATIENCE + SLACK,
        "{kind}: {:?}",
        begun.elapsed()
    );
    assert_eq!(answers[..20], [503; 20], "{kind}");
    assert_eq!(answers[20], 200, "{kind}");

    // As long as it hangs, nobody waits for it any more.
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) {
        let begun = Instant::now();
        assert_eq!((status(&own), status(&nobody)), (503, 200), "{kind}");
        assert!(
            begun.elapsed() < PATIENCE / 2,
            "{kind}: {:?}",
            begun.elapsed()
        );
        thread::sleep(Duration::from_millis(100));
    }
    server.go_on();
    wait_until("it is asked again", || status(&own) == 200);
    drop(worker.end());
}

/// However many questions a request has, and however slowly each is answered.
#[test]
fn a_slow_redis_is_waited_for_two_seconds_in_all() {
    let redis = FalseRedis::start(|stream| {
        super::redis::serve(stream, |_| {
            thread::sleep(Duration::from_millis(900));
            b"$-1\r\n".to_vec()
        });
    });
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let site = Site::new(&[("SESSION_REDIS", &url)]);
    let mut ada = site.visitor();
    ada.cookie = Some(crate::support::token::Signer::default().token(r#"{"username":"ada"}"#, NOW));
    let begun = Instant::now();
    let response = ada.post(NOW, "/logout", "everywhere=1");
    assert_eq!(response.status, 503, "{response:?}");
    assert!(begun.elapsed() < PATIENCE + SLACK, "{:?}", begun.elapsed());
}

/// Each answer comes before the time limit, and still the visitors who need no
/// Redis are not behind all those who wait for it.
#[test]
fn a_slow_redis_keeps_no_visitor_without_a_session_waiting() {
    thread::scope(|scope| {
        for delay in [200, 450, 700, 1500] {
            scope.spawn(move || visit_while_redis_is_slow(Duration::from_millis(delay)));
        }
    });
}

fn visit_while_redis_is_slow(delay: Duration) {
    let redis = FalseRedis::start(move |stream| {
        super::redis::serve(stream, |_| {
            thread::sleep(delay);
            b"$-1\r\n".to_vec()
        });
    });
    let state = StateDir::new();
    let mut command = program_at(&state);
    command.env(
        "SIGNET_SESSION_REDIS",
        format!("redis://127.0.0.1:{}", redis.port),
    );
    let worker = Application::worker(&mut command);
    let token = crate::support::token::Signer::default().token(r#"{"username":"ada"}"#, now());
    let own = with(index(), "HTTP_COOKIE", format!("session={token}"));
    let nobody = index();
    for round in 0..2 {
        let begun = Instant::now();
        let requests = std::iter::repeat_n(&own, 20).chain([&nobody]);
        let clients: Vec<_> = requests
            .map(|params| {
                let mut client = worker.connect();
                client.send(&request(1, false, params, b""));
                client
            })
            .collect();
        let answers: Vec<u16> = clients
            .into_iter()
            .map(|mut client| answered(&mut client, 1).status)
            .collect();
        let case = format!("{delay:?}, round {round}: {answers:?}");
        let took = begun.elapsed();
        assert!(took < PATIENCE + SLACK, "{case}: {took:?}");
        assert_eq!(answers[20], 200, "{case}");
        if round == 0 && delay < PATIENCE / 2 {
            assert_eq!(answers[0], 200, "{case}");
        }
    }
    drop(worker.end());
}
