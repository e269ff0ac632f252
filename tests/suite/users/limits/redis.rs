//! The same counters in Redis, by a real redis-server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use signet::gateway::logged;
use signet::session::RedisUrl;
use signet::users::limits::{Limits, Now, PATIENCE};

use super::swarm::no_attempt_is_free;
use super::{Place, address, alone_soon, attempt, key, numbered};
use crate::support::StateDir;
use crate::support::redis::{RedisServer, nowhere};

/// Redis has its own.
const NO_TIME: Now = Now {
    unix: 0,
    uptime: Duration::ZERO,
};

/// Limits in Redis, by whose clock they are. Time passes when the counters are dated
/// back.
struct InRedis {
    server: Arc<RedisServer>,
    state: StateDir,
    limits: Limits,
    prefix: String,
}

fn limits(url: &str, prefix: &str, state: &StateDir) -> Limits {
    let url = RedisUrl::parse(url).expect("a Redis");
    let euid = geteuid().as_raw();
    Limits::in_redis(url, prefix.to_owned(), state.path(), euid, &key(), PATIENCE)
        .expect("a trusted folder")
}

impl InRedis {
    fn on(server: Arc<RedisServer>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("limits{}:", COUNT.fetch_add(1, Ordering::Relaxed));
        let state = StateDir::new();
        Self {
            limits: limits(&server.url(), &prefix, &state),
            server,
            state,
            prefix,
        }
    }

    fn new() -> Self {
        Self::on(RedisServer::shared())
    }

    /// The keys of the counters.
    fn keys(&self) -> Vec<String> {
        let keys = self.server.ask(&format!("KEYS {}limits:*", self.prefix));
        let keys = keys.lines().filter(|line| line.starts_with(&self.prefix));
        keys.map(str::to_owned).collect()
    }

    fn value(&self, key: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port)).expect("connect");
        write!(stream, "GET {key}\r\n").expect("ask");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).expect("a length");
        let length = line.trim_start_matches('$').trim_end().parse();
        let mut bytes = vec![0; length.expect("a length")];
        stream.read_exact(&mut bytes).expect("the value");
        bytes
    }
}

/// Dates the counters in a bucket back: see `src/users/limits/counter.rs`.
fn date_back(bytes: &mut [u8], seconds: u64) {
    for counter in bytes.chunks_mut(16).filter(|counter| counter[4] > 0) {
        for clock in [5, 10] {
            let mut number = [0; 8];
            number[..5].copy_from_slice(&counter[clock..clock + 5]);
            let back = if clock == 10 { 100 * seconds } else { seconds };
            let earlier = u64::from_le_bytes(number) - back;
            counter[clock..clock + 5].copy_from_slice(&earlier.to_le_bytes()[..5]);
        }
        let sum = |sum: u8, byte: &u8| sum.rotate_left(1) ^ byte;
        counter[15] = counter[..15].iter().fold(0xa5, sum);
    }
}

impl Place for InRedis {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Any: it does not count.
    fn now(&self) -> Now {
        NO_TIME
    }

    fn pass(&self, seconds: u64) {
        for key in self.keys() {
            let mut bytes = self.value(&key);
            date_back(&mut bytes, seconds);
            let set: &[&[u8]] = &[b"SET", key.as_bytes(), &bytes, b"PX", b"86400000"];
            self.server.command(0, set);
        }
    }
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn the_waits_are_those_of_files() {
    let place = InRedis::new();
    let ada = attempt("ada", address("192.0.2.1"));
    for _ in 0..5 {
        assert_eq!(place.fail(&ada), Ok(()));
    }
    for wanted in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        // The clock of Redis goes on.
        let wait = place.fail(&ada).err().unwrap_or_default();
        assert!((wanted - 1..=wanted).contains(&wait), "{wait} of {wanted}");
        place.pass(wanted);
        if wait > 0 {
            assert_eq!(place.fail(&ada), Ok(()), "after {wanted}");
        }
    }
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn of_fifty_processes_only_the_free_attempts_are_admitted_in_redis() {
    let server = RedisServer::start(&[]);
    let state = StateDir::new();
    // In a second: the clock is that of Redis.
    no_attempt_is_free(&server.url(), state.path());
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn two_machines_count_together_whatever_their_clocks_say() {
    let place = InRedis::new();
    let other = limits(&place.server.url(), &place.prefix, &place.state);
    let ada = attempt("ada", address("192.0.2.1"));
    for _ in 0..20 {
        place.pass(900);
        assert_eq!(place.fail(&ada), Ok(()));
    }
    for unix in [0, 1_795_000_000, 4_294_967_296, u64::MAX] {
        for uptime in [Duration::ZERO, Duration::MAX] {
            let wait = other.begin(&ada, Now { unix, uptime }).err();
            let seconds = wait.expect("limited").seconds;
            assert!((890..=900).contains(&seconds), "{unix}: {seconds}");
        }
    }
    // A login takes back what was counted by the other machine.
    place.pass(900);
    assert_eq!(place.succeed(&ada), Ok(()));
    assert_eq!(place.keys(), Vec::<String>::new());
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_cluster_has_both_buckets_on_one_server() {
    let place = InRedis::on(RedisServer::shared_cluster());
    for number in 0..20 {
        let name = format!("user{number}");
        let user = attempt(&name, numbered(number));
        assert_eq!(place.fail(&user), Ok(()), "{number}");
    }
    assert_eq!(place.keys().len(), 40);
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn ten_thousand_names_and_addresses_take_little_memory() {
    let server = Arc::new(RedisServer::start(&[]));
    let place = InRedis::on(Arc::clone(&server));
    let memory = || {
        let info = server.ask("INFO memory");
        let used = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        used.expect("memory")
            .trim()
            .parse::<u64>()
            .expect("a number")
    };
    let before = memory();
    let names: Vec<String> = (0..10_000).map(|number| format!("user{number}")).collect();
    for (number, name) in (0..).zip(&names) {
        let guess = attempt(name, numbered(number));
        assert_eq!(place.fail(&guess), Ok(()), "{name}");
    }
    let used = memory() - before;
    println!("10 000 names from 10 000 addresses: {used} bytes in Redis");
    assert!(used < 4_000_000, "{used}");
    // All of it expires after a day.
    let keys = place.keys();
    assert!(keys.len() <= 4096 + 1024, "{}", keys.len());
    for key in &keys[..20] {
        let left = place.server.ask(&format!("TTL {key}"));
        let left: u64 = left
            .trim_start_matches(':')
            .trim()
            .parse()
            .expect("seconds");
        assert!((86_000..=86_400).contains(&left), "{key}: {left}");
    }
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn what_is_no_bucket_is_removed_by_an_attempt_that_is_alone() {
    let ada = attempt("ada", address("192.0.2.1"));
    let rows: [&[&[u8]]; 4] = [
        &[b"RPUSH", b"KEY", b"a list"],
        &[b"SET", b"KEY", &[7; 5000]],
        &[b"SET", b"KEY", b"text"],
        &[b"SET", b"KEY", &[7; 2048]],
    ];
    for row in rows {
        let place = InRedis::new();
        assert_eq!(place.fail(&ada), Ok(()));
        for key in place.keys() {
            place.server.command(0, &[b"DEL", key.as_bytes()]);
            let words = row.iter().map(|word| match *word {
                b"KEY" => key.as_bytes(),
                word => word,
            });
            let words: Vec<&[u8]> = words.collect();
            place.server.command(0, &words);
        }
        let began = Instant::now();
        let (outcome, log) = logged(|| place.succeed(&ada));
        assert_eq!(outcome, Ok(()), "{log}");
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert!(log.contains("one attempt at a time"), "{log}");
        let (outcome, log) = logged(|| place.fail(&ada));
        assert_eq!((outcome, log.as_str()), (Ok(()), ""));
    }
}

/// The owner logs in nevertheless, after a second; an attacker has one attempt a second.
#[test]
fn without_redis_there_is_one_attempt_at_a_time() {
    let state = StateDir::new();
    let url = format!("unix://{}", nowhere().display());
    let limits = limits(&url, "x:", &state);
    let ada = attempt("ada", address("192.0.2.1"));
    let now = NO_TIME;
    let began = Instant::now();
    let ((), log) = logged(|| {
        let admitted = limits.begin(&ada, now).expect("admitted");
        assert_eq!(limits.begin(&ada, now).expect_err("alone").seconds, 1);
        admitted.fail();
        alone_soon(&limits, &ada, now).succeed(now);
    });
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.contains("one attempt at a time") && log.contains("Redis at"),
        "{log}"
    );
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_redis_that_hangs_is_not_waited_for_again() {
    let place = InRedis::on(Arc::new(RedisServer::start(&[])));
    let ada = attempt("ada", address("192.0.2.1"));
    assert_eq!(place.fail(&ada), Ok(()));
    place.server.hang();
    let (times, log) = logged(|| {
        [(); 3].map(|()| {
            let began = Instant::now();
            alone_soon(place.limits(), &ada, NO_TIME).fail();
            began.elapsed()
        })
    });
    place.server.go_on();
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(times[0] < Duration::from_secs(5), "{times:?}");
    assert!(
        times[1..].iter().all(|time| *time < Duration::from_secs(3)),
        "{times:?}"
    );
}

#[test]
#[ignore = "needs redis-server: run tests/run"]
fn a_redis_that_takes_no_more_is_like_a_full_disk() {
    let place = InRedis::on(Arc::new(RedisServer::start(&["--maxmemory", "1"])));
    let ada = attempt("ada", address("192.0.2.1"));
    let (outcome, log) = logged(|| place.succeed(&ada));
    assert_eq!(outcome, Ok(()));
    assert!(log.contains("one attempt at a time"), "{log}");
}
