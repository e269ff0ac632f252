//! A circuit breaker: after a server did not answer in time, it is not asked for a
//! while. A process that answers many requests would otherwise wait in each of them.

use std::io::Write;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::resp;
use super::socket::{Address, Socket};

/// The time for which a server is not asked after a failure. It doubles with each further
/// failure in succession, up to [`MAX_REST`].
const REST: Duration = Duration::from_secs(1);
const MAX_REST: Duration = Duration::from_secs(8);

/// If the server does not answer the probe, it is not asked for this many times the
/// pause. If its address is not known, the pause is this many times as long as the
/// failure took.
const FACTOR: u32 = 10;

/// The time after which a probe without an answer is replaced by another one.
const PROBE_AGE: Duration = Duration::from_secs(5);

/// The time for which a request waits for the answer to a probe that it has just sent.
const PROBE_WAIT: Duration = Duration::from_millis(20);

/// The time between a failure and the next attempt.
///
/// During that time a probe, which is a connection of its own with a `PING`, is
/// polled. Once it is answered, a request may wait for the server again; without an
/// answer it may after ten times the pause.
#[derive(Debug)]
pub(super) struct Pause {
    began: Instant,
    rest: Duration,
    failures: u32,
    /// The failure.
    pub(super) reason: String,
    addresses: Vec<Address>,
    probe: Option<Probe>,
}

impl Pause {
    /// Begins now, after a server at one of `addresses` that was `asked` at that
    /// moment failed for the `failures`th time in succession.
    pub(super) fn new(
        asked: Instant,
        failures: u32,
        reason: String,
        addresses: Vec<Address>,
    ) -> Self {
        let now = Instant::now();
        let doublings = failures.saturating_sub(1).min(8);
        let mut rest = (REST * 2_u32.pow(doublings)).min(MAX_REST);
        if addresses.is_empty() {
            // Host name look-ups have no time limit here.
            rest = rest.max(FACTOR * now.saturating_duration_since(asked));
        }
        Self {
            began: now,
            rest,
            failures,
            reason,
            probe: Probe::send(&addresses, now),
            addresses,
        }
    }

    /// The number of successive failures before it.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the server may be asked again at `now`. Does not wait.
    pub(super) fn has_ended(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.began);
        if passed < self.rest {
            return false;
        }
        // Without a probe, connecting fails at once.
        let Some(probe) = &mut self.probe else {
            return true;
        };
        if passed >= FACTOR * self.rest || probe.is_answered() {
            return true;
        }
        if now.saturating_duration_since(probe.began) >= PROBE_AGE {
            self.probe = Probe::send(&self.addresses, now);
        }
        false
    }
}

#[derive(Debug)]
struct Probe {
    socket: Socket,
    began: Instant,
    is_sent: bool,
}

impl Probe {
    /// `None` if there is no address, or connecting fails at once.
    fn send(addresses: &[Address], now: Instant) -> Option<Self> {
        let mut probe = Self {
            socket: Socket::begin(addresses.first()?, Instant::now()).ok()?,
            began: now,
            is_sent: false,
        };
        probe.ask();
        Some(probe)
    }

    /// Sends `PING` once the connection is open.
    fn ask(&mut self) {
        let ready = self.socket.poll(PollFlags::OUT, Instant::now());
        if !self.is_sent && ready.is_ok_and(|ready| ready == PollFlags::OUT) {
            // An error shows when the answer is awaited.
            let _ = self.socket.write_all(&resp::command(&[b"PING"]));
            self.is_sent = true;
        }
    }

    /// Whether the server has answered anything or closed the connection.
    fn is_answered(&mut self) -> bool {
        let was_sent = self.is_sent;
        self.ask();
        let wait = match self.is_sent && !was_sent {
            true => PROBE_WAIT,
            false => Duration::ZERO,
        };
        let answer = self.socket.poll(PollFlags::IN, Instant::now() + wait);
        answer.map_or(true, |answer| !answer.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pause(failures: u32, addresses: Vec<Address>) -> Pause {
        Pause::new(Instant::now(), failures, "why".to_owned(), addresses)
    }

    fn has_ended(pause: &mut Pause, milliseconds: u64) -> bool {
        let at = pause.began + Duration::from_millis(milliseconds);
        pause.has_ended(at)
    }

    /// The listener never accepts.
    #[test]
    fn a_server_that_does_not_answer_the_probe_is_not_asked_for_ten_times_as_long() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(server.local_addr().unwrap());
        for (failures, rest) in [(1, 1000), (2, 2000), (3, 4000), (4, 8000), (40, 8000)] {
            let mut pause = pause(failures, vec![address.clone()]);
            for part in [0, 1, 10, 99] {
                assert!(
                    !has_ended(&mut pause, rest * part / 10),
                    "{failures}, {part}"
                );
            }
            assert!(has_ended(&mut pause, rest * 10), "{failures}");
        }
    }

    #[test]
    fn a_server_that_answers_or_closes_the_probe_may_be_asked_again() {
        for answer in [&b"+PONG\r\n"[..], b"-NOAUTH\r\n", b""] {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = Address::Tcp(server.local_addr().unwrap());
            let mut pause = pause(1, vec![address]);
            assert!(!has_ended(&mut pause, 1000), "{answer:?}");
            let (mut stream, _) = server.accept().unwrap();
            stream.write_all(answer).unwrap();
            drop(stream);
            assert!(!has_ended(&mut pause, 999), "{answer:?}");
            assert!(has_ended(&mut pause, 1000), "{answer:?}");
        }
    }

    #[test]
    fn without_a_probe_only_the_time_counts() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(server.local_addr().unwrap());
        drop(server);
        let mut refused = pause(1, vec![address]);
        assert!(!has_ended(&mut refused, 999));
        assert!(has_ended(&mut refused, 1000));
        // Three seconds were spent on looking up the name.
        let asked = Instant::now() - Duration::from_secs(3);
        let mut unknown = Pause::new(asked, 1, "why".to_owned(), Vec::new());
        assert!(!has_ended(&mut unknown, 29_000));
        assert!(has_ended(&mut unknown, 31_000));
    }
}
