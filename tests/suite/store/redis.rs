//! Sessions in Redis: the contract on real servers, and what false ones do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signet::session::revocation::{RevocationRedis, Revocations};
use signet::session::store::{Change, Redis, Store, StoreError, Visit};
use signet::session::{RedisUrl, SessionId};

use super::Place;
use super::contract::{LIFETIME, id, load, number, record};
use super::marks;
use super::site::{NOW, Site};
use crate::support::redis::{FalseRedis, RedisServer, nowhere};
use crate::support::response::Response;
use crate::support::token::encode;
use crate::support::{Cgi, now};

/// Keys of our own on a server.
pub(super) struct Keys {
    server: Arc<RedisServer>,
    url: String,
    prefix: String,
}

impl Keys {
    fn on(server: Arc<RedisServer>, url: String) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Of two of these the second is no part of the first, whatever they mean
        // in a pattern.
        let prefix = format!("te*t[{}]?:", COUNT.fetch_add(1, Ordering::Relaxed));
        Self {
            server,
            url,
            prefix,
        }
    }

    pub(super) fn by_unix_socket() -> Self {
        let server = RedisServer::shared();
        let url = server.unix_url();
        Self::on(server, url)
    }

    pub(super) fn by_tcp() -> Self {
        let server = RedisServer::shared();
        let url = format!("{}/3", server.url());
        Self::on(server, url)
    }

    pub(super) fn in_a_cluster() -> Self {
        let server = RedisServer::shared_cluster();
        let url = server.url();
        Self::on(server, url)
    }

    /// The settings for it.
    pub(super) fn settings(&self) -> [(&str, &str); 3] {
        [
            ("SESSION_TYPE", "redis"),
            ("SESSION_REDIS", &self.url),
            ("SESSION_KEY_PREFIX", &self.prefix),
        ]
    }

    fn key(&self, id: &SessionId) -> String {
        format!("{}{}", self.prefix, id.hash())
    }

    /// Sends a command to the database of these keys.
    fn command(&self, words: &[&[u8]]) {
        let database = self
            .url
            .rsplit_once('/')
            .map_or("0", |(_, database)| database);
        let database = database.parse().unwrap_or(0);
        self.server.command(database, words);
    }

    fn sessions(&self) -> usize {
        let mut count = 0;
        let visit = &mut |_: &_, _| {
            count += 1;
            Visit::Next
        };
        let store = self.open(u64::MAX / 2000);
        store.for_each(NOW, visit).expect("for_each");
        count
    }
}

impl Place for Keys {
    fn open(&self, lifetime: u64) -> Box<dyn Store> {
        let url = RedisUrl::parse(&self.url).expect("a URL");
        Box::new(Redis::at(url, self.prefix.clone(), lifetime))
    }
}

impl marks::Place for Keys {
    fn open(&self) -> Box<dyn Revocations> {
        let url = RedisUrl::parse(&self.url).expect("a URL");
        let prefix = self.prefix.clone();
        Box::new(RevocationRedis::at(url, prefix, marks::LIFETIME))
    }

    fn damage(&self, user: Option<&str>, bytes: &[u8]) {
        let keys = match user.map(marks::hash) {
            Some(hash) => vec![format!("{{{}}}{}", &hash[..1], &hash[1..])],
            None => ('0'..='9')
                .chain('a'..='f')
                .map(|tag| format!("{{{tag}}}all"))
                .collect(),
        };
        for key in keys {
            let key = format!("{}ended:{key}", self.prefix);
            self.command(&[b"SET", key.as_bytes(), bytes]);
        }
    }

    fn fill(&self, count: u64, until: u64) {
        let key = format!("{}ended:invented", self.prefix);
        let members: Vec<[String; 2]> = (0..count)
            .map(|number| [until.to_string(), format!("{number:064x}")])
            .collect();
        for some in members.chunks(10_000) {
            let words = some.iter().flatten().map(|word| word.as_bytes());
            let command: Vec<&[u8]> = [&b"ZADD"[..], key.as_bytes()]
                .into_iter()
                .chain(words)
                .collect();
            self.command(&command);
        }
    }
}

/// Redis removes what is over: who stops the program for good leaves nothing.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn whatever_is_stored_expires() {
    let keys = Keys::by_unix_socket();
    let server = &keys.server;
    let store = keys.open(LIFETIME);
    let (first, second) = (id(), id());
    store
        .create(&first, &record(now(), r#"{"n":1}"#))
        .expect("create");
    let left = |id: &SessionId| -> u64 {
        let ttl = server.ask(&format!("TTL {}", keys.key(id)));
        let ttl = ttl.trim().trim_start_matches(':');
        ttl.parse().unwrap_or_else(|_| panic!("{ttl}"))
    };
    assert!((LIFETIME - 60..=LIFETIME).contains(&left(&first)));
    server.ask(&format!("EXPIRE {} 5", keys.key(&first)));
    let same = &mut |found| Change::Replace(found);
    assert!(store.update(&first, now(), same).expect("update"));
    assert!(left(&first) > 5, "use prolongs it");
    assert!(store.renew(&first, &second, now(), same).expect("renew"));
    assert!(left(&second) > 5);

    let short = keys.open(1);
    let third = id();
    short
        .create(&third, &record(now() + 99, r#"{"n":1}"#))
        .expect("create");
    server.wait_for(&format!("EXISTS {}", keys.key(&third)), |reply| {
        reply.starts_with(":0")
    });
}

/// A cluster of two: whoever is asked, the other one's keys are found.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_cluster_of_two_servers_is_one_store() {
    let cluster = ["--cluster-enabled", "yes"];
    let [one, two] = [(); 2].map(|()| RedisServer::start(&cluster));
    one.ask("CLUSTER ADDSLOTSRANGE 0 8191");
    two.ask("CLUSTER ADDSLOTSRANGE 8192 16383");
    let bus = two.ask("CONFIG GET cluster-port");
    let bus = bus.trim().lines().last().expect("its bus").to_owned();
    one.ask(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", two.port));
    for server in [&one, &two] {
        server.wait_for("CLUSTER INFO", |info| {
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        });
    }
    let (one, two) = (Arc::new(one), Arc::new(two));
    for asked in [&one, &two] {
        let keys = Keys::on(Arc::clone(asked), asked.url());
        let mut left = Vec::new();
        for n in 0..40 {
            let store = keys.open(LIFETIME);
            let (old, new) = (id(), id());
            store
                .create(&old, &record(now(), r#"{"n":1}"#))
                .expect("create");
            let again = &mut |_| Change::Replace(record(now(), r#"{"n":2}"#));
            assert!(store.update(&old, now(), again).expect("update"), "{n}");
            assert!(store.renew(&old, &new, now(), again).expect("renew"), "{n}");
            assert_eq!(load(&*store, &old), None, "{n}");
            left.push(new);
        }
        let store = keys.open(LIFETIME);
        for id in &left {
            assert_eq!(load(&*store, id).map(|found| number(&found)), Some(2));
            assert!(store.delete(id).expect("delete"));
        }
    }
    let keys = |server: &RedisServer| server.ask("DBSIZE");
    assert_eq!([keys(&one), keys(&two)], [":0\r\n", ":0\r\n"]);

    // Who is sent on to the other one stays connected to both.
    let before = [one.connections(), two.connections()];
    let store = Keys::on(Arc::clone(&one), one.url()).open(LIFETIME);
    for _ in 0..40 {
        assert_eq!(load(&*store, &id()), None);
    }
    let made = [one.connections() - before[0], two.connections() - before[1]];
    assert_eq!(made, [2, 2], "one each, and this question");
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_password_or_a_user_opens_it() {
    let server = RedisServer::start(&["--requirepass", "pass@word"]);
    let acl = "AUTH pass@word\r\nACL SETUSER ada on >other ~session:* +@all";
    server.ask(acl);
    let port = server.port;
    #[rustfmt::skip]
    let cases = [
        (":pass%40word@", None),
        ("default:pass%40word@", None),
        ("ada:other@", None),
        ("", Some("NOAUTH")),
        (":wrong@", Some("WRONGPASS")),
        ("ada:pass%40word@", Some("WRONGPASS")),
    ];
    for (login, refusal) in cases {
        let url = RedisUrl::parse(&format!("redis://{login}127.0.0.1:{port}")).expect("a URL");
        let store = Redis::at(url, "session:".to_owned(), LIFETIME);
        let outcome = store.create(&id(), &record(now(), r#"{"n":1}"#));
        match (outcome, refusal) {
            (Ok(()), None) => {}
            (Err(StoreError::Unavailable(words)), Some(refusal)) => {
                assert!(words.contains(refusal), "{login}: {words}");
                assert!(
                    !words.contains("word@") && !words.contains("other"),
                    "{words}"
                );
            }
            (outcome, _) => panic!("{login}: {outcome:?}"),
        }
    }
}

/// The forms that redis-py reads, by what arrives at a server.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn urls_as_redis_py_reads_them_reach_their_database() {
    let server = RedisServer::shared();
    let (port, unix) = (server.port, server.unix_url());
    #[rustfmt::skip]
    let cases = [
        (format!("redis://:@127.0.0.1:{port}"),        0),
        (format!("redis://127.0.0.1:{port}?db=11"),    11),
        (format!("redis://127.0.0.1:{port}/11?db=12"), 12),
        (format!("{unix}?db=13"),                      13),
        (unix.replace("/redis.sock", "/redis%2esock"), 0),
    ];
    for (text, database) in cases {
        let url = RedisUrl::parse(&text).expect("a URL");
        let store = Redis::at(url, "of a URL:".to_owned(), LIFETIME);
        let id = id();
        let created = store.create(&id, &record(now(), r#"{"n":1}"#));
        assert!(created.is_ok(), "{text}: {created:?}");
        let key = format!("\"of a URL:{}\"", id.hash());
        let there = server.ask(&format!("SELECT {database}\r\nEXISTS {key}"));
        assert!(there.ends_with(":1\r\n"), "{text}: {there:?}");
    }
}

/// What lies under a session's key and is none is left alone, and no session.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn what_is_no_record_is_no_session() {
    let rows: [(&str, &[&str], &str); 5] = [
        ("a list", &["RPUSH", "1"], "is not a string"),
        ("a hash", &["HSET", "a", "1"], "is not a string"),
        ("a word", &["SET", "word"], "is damaged"),
        ("nothing", &["SET", "\"\""], "is damaged"),
        ("too much", &["SETRANGE", "262145", "x"], "is too large"),
    ];
    for (name, words, note) in rows {
        let keys = Keys::by_tcp();
        let cookie = encode([7; 32]);
        let id = SessionId::parse(&cookie).expect("an id");
        let (command, rest) = words.split_first().expect("a command");
        let key = keys.key(&id);
        let put = format!("{command} {key} {}", rest.join(" "));
        let put = keys.server.ask(&format!("SELECT 3\r\n{put}\r\nTYPE {key}"));
        let before = put.lines().last().expect("its type").to_owned();
        assert_ne!(before, "+none", "{name}: {put}");
        let out = request(&keys, "/")
            .cookie(format!("session={cookie}"))
            .run();
        let response = out.response();
        assert_eq!(response.status, 200, "{name}: {out}");
        assert!(response.text().contains("You are not logged in"), "{name}");
        assert!(out.errors().contains(note), "{name}: {out}");
        let after = keys.server.ask(&format!("SELECT 3\r\nTYPE {key}"));
        assert_eq!(after.lines().last(), Some(&*before), "{name}: left alone");
    }
}

fn request(keys: &Keys, target: &str) -> Cgi {
    let settings = keys.settings();
    let request = Cgi::get(target);
    settings.iter().fold(request, |request, (name, value)| {
        request.var(format!("SIGNET_{name}"), value)
    })
}

/// Login, logout and the end everywhere, by what several requests see.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn logins_begin_and_end() {
    let keys = Keys::by_tcp();
    let site = Site::new(&keys.settings());
    let [mut desk, mut phone, mut bob] = [(); 3].map(|()| site.visitor());
    desk.get(NOW, "/");
    assert_eq!((desk.cookie.as_deref(), keys.sessions()), (None, 0));
    desk.log_in(NOW, "ada");
    phone.log_in(NOW, "ada");
    bob.log_in(NOW, "bob");
    assert_eq!(keys.sessions(), 3);
    assert!(keys.server.ask("SELECT 3\r\nKEYS *").contains(&keys.prefix));

    let mut copy = phone.clone();
    phone.log_out(NOW + 1);
    assert_eq!(copy.user(NOW + 1), None);
    assert_eq!(keys.sessions(), 2);
    phone.log_in(NOW + 2, "ada");

    desk.log_out_everywhere(NOW + 3);
    assert_eq!(phone.user(NOW + 3), None);
    assert_eq!(bob.user(NOW + 3).as_deref(), Some("bob"));
    phone.log_in(NOW + 3, "ada");
    assert_eq!(phone.user(NOW + 4).as_deref(), Some("ada"));
    assert_eq!(site.state.snapshot().names().len(), 0, "nothing in files");
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn of_two_logins_at_once_both_succeed() {
    let keys = Keys::by_tcp();
    super::ends::logins_at_once_succeed(&Site::new(&keys.settings()));
}

/// Whoever owns the other keys in the same Redis, a click on "log out everywhere" asks for
/// the same, and for nothing that looks at all keys.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn the_keys_of_others_cost_a_click_nothing() {
    let server = Arc::new(RedisServer::start(&["--enable-debug-command", "yes"]));
    let [few, many] = [10, 1_000_000].map(|others| {
        server.ask(&format!("DEBUG POPULATE {others} other"));
        let keys = Keys::on(Arc::clone(&server), server.unix_url());
        let site = Site::new(&keys.settings());
        let [mut desk, mut phone] = [(); 2].map(|()| site.visitor());
        desk.log_in(NOW, "ada");
        phone.log_in(NOW, "ada");
        server.ask("CONFIG RESETSTAT");
        let response = desk.post(NOW, "/logout", "everywhere=1");
        let asked = server.ask("INFO commandstats");
        assert_eq!(response.status, 303);
        assert_eq!(phone.user(NOW), None);
        // cmdstat_get:calls=2,usec=7 ...
        let calls = asked.lines().filter_map(|line| line.split_once(",usec="));
        calls.map(|(calls, _)| calls.to_owned()).collect::<Vec<_>>()
    });
    assert!(
        few.iter().any(|calls| calls.starts_with("cmdstat_multi")),
        "{few:?}"
    );
    assert_eq!(few, many);
    for slow in ["keys", "scan", "sort", "flushdb", "eval"] {
        let slow = format!("cmdstat_{slow}");
        assert!(!few.iter().any(|calls| calls.starts_with(&slow)), "{few:?}");
    }
}

/// Another program, or an owner, stored it.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_foreign_value_in_the_place_of_the_list_of_marks_is_replaced() {
    let keys = Keys::by_tcp();
    let name = format!("{}ended:invented", keys.prefix);
    keys.command(&[b"SET", name.as_bytes(), b"a text"]);
    let site = Site::new(&keys.settings());
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let mut copy = ada.clone();
    ada.log_out_everywhere(NOW);
    assert_eq!(copy.user(NOW), None);
}

/// Two requests of one session, and one of them is slow.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_slow_request_loses_nothing_and_revives_nothing() {
    let keys = Keys::by_unix_socket();
    let site = Site::new(&keys.settings());
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    let mut slow = ada.clone();
    slow.visit(NOW, |session| {
        ada.visit(NOW, |session| session.insert("fast", 1));
        session.insert("slow", 1);
    });
    let both = ada.visit(NOW, |session| {
        session.contains_key("fast") && session.contains_key("slow")
    });
    assert!(both, "an update was lost");
    let (_, response) = slow.try_visit(NOW, |session| {
        ada.log_out(NOW);
        session.insert("slow", 2);
    });
    assert_eq!(response.cookies(), [], "a fresh cookie");
    // What is left goes on under an id that the slow one does not know.
    assert_eq!((slow.user(NOW), keys.sessions()), (None, 1));
}

/// Signed cookies, two machines with one key: the marks are in Redis.
#[test]
#[ignore = "needs redis-server: run tests/run"]
fn signed_cookies_end_on_every_machine() {
    let keys = Keys::by_tcp();
    let [_, redis, prefix] = keys.settings();
    let [one, two] = [(); 2].map(|()| Site::new(&[redis, prefix]));
    let mut desk = one.visitor();
    desk.log_in(NOW, "ada");
    let mut phone = two.visitor();
    phone.cookie = desk.cookie.clone();
    assert_eq!(phone.user(NOW).as_deref(), Some("ada"), "one key");
    desk.log_out_everywhere(NOW + 1);
    assert_eq!(phone.user(NOW + 1), None);
    assert_eq!(keys.sessions(), 0);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn what_is_too_large_for_the_cookie_goes_to_redis_and_back() {
    let keys = Keys::by_tcp();
    let [_, redis, prefix] = keys.settings();
    let site = Site::new(&[redis, prefix, ("SESSION_OVERFLOW", "redis")]);
    let mut ada = site.visitor();
    ada.log_in(NOW, "ada");
    assert_eq!(keys.sessions(), 0);
    ada.visit(NOW, |session| {
        session.insert("text", super::overflow::noise(9000))
    });
    assert_eq!(keys.sessions(), 1);
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"));
    ada.visit(NOW, |session| session.remove("text"));
    assert_eq!(keys.sessions(), 0);
    assert_eq!(ada.user(NOW).as_deref(), Some("ada"));
}

/// A false Redis that gives the same reply to every command.
fn says(reply: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync {
    move |stream| {
        let mut asked = BufReader::new(stream.try_clone().expect("its other half"));
        while read_command(&mut asked).is_some() {
            let _ = (&stream).write_all(reply);
        }
    }
}

/// A command in one line; all are text but what SET puts in place.
fn read_command(asked: &mut impl BufRead) -> Option<String> {
    let mut length = String::new();
    asked.read_line(&mut length).ok()?;
    let words: usize = length.trim_end().strip_prefix('*')?.parse().ok()?;
    let mut command = Vec::new();
    for _ in 0..words {
        let mut length = String::new();
        asked.read_line(&mut length).ok()?;
        let length: usize = length.trim_end().strip_prefix('$')?.parse().ok()?;
        let mut word = vec![0; length + 2];
        asked.read_exact(&mut word).ok()?;
        command.push(String::from_utf8_lossy(&word[..length]).into_owned());
    }
    Some(command.join(" "))
}

/// Answers each command with what `answer` makes of it.
pub(super) fn serve(stream: TcpStream, mut answer: impl FnMut(&str) -> Vec<u8>) {
    let mut asked = BufReader::new(stream.try_clone().expect("its other half"));
    while let Some(command) = read_command(&mut asked) {
        let _ = (&stream).write_all(&answer(&command));
    }
}

/// Ten arrays in one another.
const NESTED: &[u8] = b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n";

/// The page is 503, the visitor's cookie stays, and the log says why.
#[test]
fn a_redis_that_fails_logs_nobody_out() {
    type Behaviour = Box<dyn Fn(TcpStream) + Send + Sync>;
    fn hang(stream: TcpStream) {
        thread::sleep(Duration::from_secs(8));
        drop(stream);
    }
    fn drip(mut stream: TcpStream) {
        for byte in b"$100000\r\n".iter().chain(std::iter::repeat(&b'x')) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
    fn flood(mut stream: TcpStream) {
        let zeros = [b'0'; 65_536];
        let _ = stream.write_all(b"+");
        while stream.write_all(&zeros).is_ok() {}
    }
    #[rustfmt::skip]
    let rows: Vec<(&str, Behaviour, &str)> = vec![
        ("hangs up",        Box::new(drop), ""),
        ("says nothing",    Box::new(hang), "no answer within 2 s"),
        ("drips",           Box::new(drip), "no answer within 2 s"),
        ("floods",          Box::new(flood), "a line too long"),
        ("half a reply",    Box::new(says(b"$100\r\nsignet1 17")), ""),
        ("9 GB",            Box::new(says(b"$9663676416\r\n")), "a value larger than Redis has any"),
        ("-2 bytes",        Box::new(says(b"$-2\r\n")), "a negative length"),
        ("a web server",    Box::new(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "an unknown kind"),
        ("a number",        Box::new(says(b":1\r\n")), "answered by a number"),
        ("an array",        Box::new(says(b"*2\r\n:1\r\n:2\r\n")), "answered by an array"),
        ("nested arrays",   Box::new(says(NESTED)), "arrays too deep"),
        ("a million",       Box::new(says(b"*1000000\r\n")), "an array too long"),
        ("junk",            Box::new(says(b"\xff\xfe\0\x1b[2J\r\n")), "no text"),
        ("LOADING",         Box::new(says(b"-LOADING Redis is loading the dataset in memory\r\n")), "LOADING"),
        ("OOM",             Box::new(says(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n")), "OOM"),
        ("READONLY",        Box::new(says(b"-READONLY You can't write against a read only replica.\r\n")), "READONLY"),
        ("NOAUTH",          Box::new(says(b"-NOAUTH Authentication required.\r\n")), "NOAUTH"),
        ("a bell",          Box::new(says(b"-ERR \x07\x1b[2J\r\n")), "ERR"),
        ("MOVED to nowhere", Box::new(says(b"-MOVED 1 127.0.0.1:1\r\n")), "refused"),
        ("MOVED to no place", Box::new(says(b"-MOVED 1 \r\n")), "MOVED"),
    ];
    let failing: Vec<_> = rows
        .into_iter()
        .map(|(name, behaviour, words)| {
            let redis = FalseRedis::start(behaviour);
            (name, format!("redis://127.0.0.1:{}", redis.port), words)
        })
        .chain([
            ("not there", "redis://127.0.0.1:1".to_owned(), "refused"),
            (
                "no socket",
                format!("unix://{}", nowhere().display()),
                "No such file",
            ),
        ])
        .collect();
    thread::scope(|scope| {
        for (name, url, words) in &failing {
            scope.spawn(move || assert_nobody_is_logged_out(name, url, words));
        }
    });
}

fn assert_nobody_is_logged_out(name: &str, url: &str, words: &str) {
    let id = encode([7; 32]);
    let requests = [
        Cgi::get("/").cookie(format!("session={id}")),
        Cgi::post("/login", "username=ada"),
        Cgi::post("/logout", "everywhere=1").cookie(format!("session={id}")),
    ];
    for (number, request) in requests.into_iter().enumerate() {
        let begun = Instant::now();
        let out = request
            .var("SIGNET_SESSION_TYPE", "redis")
            .var("SIGNET_SESSION_REDIS", url)
            .address_space(64 << 20)
            .run();
        let case = format!("{name}, request {number}");
        // Two seconds for Redis; the one that says nothing hangs up after eight.
        assert!(begun.elapsed() < Duration::from_secs(8), "{case}: {out}");
        let response: Response = out.response();
        assert_eq!(response.status, 503, "{case}: {out}");
        assert!(response.header("Retry-After").is_some(), "{case}: {out}");
        assert_eq!(response.cookies(), [], "{case}");
        assert!(!response.text().contains("not logged in"), "{case}");
        let errors = out.errors();
        assert_eq!(errors.lines().count(), 1, "{case}: {errors}");
        assert!(errors.contains(words), "{case}: {errors}");
        assert!(
            !errors.trim_end().contains(char::is_control),
            "{case}: {errors}"
        );
        assert!(
            errors.contains("session store: Redis at "),
            "{case}: {errors}"
        );
    }
}

/// A change that fails half-way is an error; what was before stays.
#[test]
fn a_redis_that_fails_while_a_session_is_saved_loses_nothing() {
    let rows: [(&str, &[u8], &str); 5] = [
        ("hangs up", b"", ""),
        (
            "OOM",
            b"+OK\r\n-OOM command not allowed\r\n-EXECABORT Transaction discarded\r\n",
            "OOM",
        ),
        (
            "OOM inside",
            b"+OK\r\n+QUEUED\r\n*1\r\n-OOM command not allowed\r\n",
            "OOM",
        ),
        (
            "did nothing",
            b"+OK\r\n+QUEUED\r\n*0\r\n",
            "nothing in a transaction",
        ),
        (
            "a number",
            b"+OK\r\n+QUEUED\r\n:1\r\n",
            "answered by a number",
        ),
    ];
    for (name, reply, words) in rows {
        let stored = record(now(), r#"{"username":"ada"}"#).to_bytes();
        let value = [
            format!("${}\r\n", stored.len()).as_bytes(),
            &stored,
            b"\r\n",
        ]
        .concat();
        let redis = FalseRedis::start(move |stream| {
            let mut asked = BufReader::new(stream.try_clone().expect("its other half"));
            while let Some(command) = read_command(&mut asked) {
                let word = command.split(' ').next().unwrap_or_default();
                let answer = match word {
                    // Nobody's sessions were ended.
                    "GET" if command.contains("ended:") => b"$-1\r\n".to_vec(),
                    "GET" => value.clone(),
                    "WATCH" | "UNWATCH" | "SET" => b"+OK\r\n".to_vec(),
                    "DEL" => b":1\r\n".to_vec(),
                    // The three of a transaction are answered together.
                    "MULTI" => {
                        for _ in 0..2 {
                            read_command(&mut asked);
                        }
                        if reply.is_empty() {
                            return;
                        }
                        reply.to_vec()
                    }
                    other => panic!("{other} was not expected"),
                };
                let _ = (&stream).write_all(&answer);
            }
        });
        let out = Cgi::post("/login", "username=bob")
            .cookie(format!("session={}", encode([7; 32])))
            .var("SIGNET_SESSION_TYPE", "redis")
            .var(
                "SIGNET_SESSION_REDIS",
                format!("redis://127.0.0.1:{}", redis.port),
            )
            .run();
        let response = out.response();
        assert_eq!(response.status, 503, "{name}: {out}");
        assert_eq!(response.cookies(), [], "{name}");
        assert!(out.errors().contains(words), "{name}: {out}");
    }
}

/// Somebody else changes the session again and again: tried anew, and then it
/// is done.
#[test]
fn a_change_is_tried_until_nobody_was_faster() {
    let stored = record(now(), r#"{"n":1}"#).to_bytes();
    let value = [
        format!("${}\r\n", stored.len()).as_bytes(),
        &stored,
        b"\r\n",
    ]
    .concat();
    let rounds = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&rounds);
    let redis = FalseRedis::start(move |stream| {
        serve(stream, |command| {
            match command.split(' ').next().unwrap_or_default() {
                "GET" => value.clone(),
                "MULTI" | "WATCH" => b"+OK\r\n".to_vec(),
                "SET" => b"+QUEUED\r\n".to_vec(),
                _ if counted.fetch_add(1, Ordering::Relaxed) < 9 => b"*-1\r\n".to_vec(),
                _ => b"*1\r\n+OK\r\n".to_vec(),
            }
        });
    });
    let url = RedisUrl::parse(&format!("redis://127.0.0.1:{}", redis.port)).expect("a URL");
    let store = Redis::at(url, "session:".to_owned(), LIFETIME);
    let mut seen = BTreeMap::new();
    let mut change = |found| {
        *seen.entry(number(&found)).or_insert(0) += 1;
        Change::Replace(found)
    };
    assert!(store.update(&id(), now(), &mut change).expect("update"));
    assert_eq!(rounds.load(Ordering::Relaxed), 10);
    assert_eq!(seen, BTreeMap::from([(1, 10)]), "asked anew each time");
}
