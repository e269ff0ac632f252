//! The format of RESP2 commands and replies.

use std::io::{self, BufRead, Read};

/// The most bytes of a line of a reply.
const MAX_LINE: usize = 4096;

/// The most bytes of a value in Redis, by its documentation.
const MAX_VALUE: u64 = 512 * 1024 * 1024;

/// The most elements of an array. SCAN sends a few hundred.
const MAX_ELEMENTS: usize = 16 * 1024;

/// The most levels of arrays. EXEC sends two.
const MAX_DEPTH: usize = 3;

/// A reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    /// `+OK`
    Status(String),
    /// `-ERR …`
    Error(String),
    /// `:42`
    Integer(i64),
    /// A value; `None` if there is none.
    Bulk(Option<Vec<u8>>),
    /// Several replies; `None` for a transaction that was not executed.
    Array(Option<Vec<Self>>),
}

impl Reply {
    /// The bytes of a value.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(value) => value.as_deref(),
            Self::Status(_) | Self::Error(_) | Self::Integer(_) | Self::Array(_) => None,
        }
    }

    /// Its kind, for messages. Its content may be a visitor's, and is not shown.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Status(_) => "a status",
            Self::Error(_) => "an error",
            Self::Integer(_) => "a number",
            Self::Bulk(Some(_)) => "a value",
            Self::Bulk(None) => "nothing",
            Self::Array(Some(_)) => "an array",
            Self::Array(None) => "no array",
        }
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum ReplyError {
    /// The connection failed or ended.
    Io(io::Error),
    /// The reply is not RESP2.
    Malformed(&'static str),
    /// The announced length is over the limit; nothing was allocated for it.
    TooLarge(u64),
}

error_texts! { ReplyError:
    Self::Io(err) => "{err}";
    Self::Malformed(reason) => "sent a malformed reply: {reason}";
    Self::TooLarge(bytes) => "announced {bytes} bytes, more than a session has";
}

from_errors! { ReplyError:
    Io(io::Error);
}

/// A command as bytes: an array of bulk strings.
pub(super) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads one reply, of which no value has more than `limit` bytes.
pub(super) fn read(input: &mut impl BufRead, limit: usize) -> Result<Reply, ReplyError> {
    nested(input, limit, 0)
}

fn nested(input: &mut impl BufRead, limit: usize, depth: usize) -> Result<Reply, ReplyError> {
    let line = line(input)?;
    let mut letters = line.chars();
    let kind = letters.next();
    let rest = letters.as_str();
    match kind {
        Some('+') => Ok(Reply::Status(rest.to_owned())),
        Some('-') => Ok(Reply::Error(rest.to_owned())),
        Some(':') => integer(rest).map(Reply::Integer),
        Some('$') => match length(rest)? {
            Some(length) => value(input, length, limit).map(|value| Reply::Bulk(Some(value))),
            None => Ok(Reply::Bulk(None)),
        },
        Some('*') if depth < MAX_DEPTH => {
            let Some(length) = length(rest)? else {
                return Ok(Reply::Array(None));
            };
            if length > MAX_ELEMENTS as u64 {
                return Err(ReplyError::Malformed("an array too long"));
            }
            let elements = (0..length).map(|_| nested(input, limit, depth + 1));
            elements
                .collect::<Result<_, _>>()
                .map(|elements| Reply::Array(Some(elements)))
        }
        Some('*') => Err(ReplyError::Malformed("arrays too deep")),
        _ => Err(ReplyError::Malformed("an unknown kind")),
    }
}

/// A line without its end.
fn line(input: &mut impl BufRead) -> Result<String, ReplyError> {
    let mut line = Vec::new();
    input.take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => String::from_utf8(line.to_vec())
            .map_err(|_| ReplyError::Malformed("a line that is no text")),
        None if line.len() == MAX_LINE => Err(ReplyError::Malformed("a line too long")),
        None if line.ends_with(b"\n") => Err(ReplyError::Malformed("a line without its CR")),
        None => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

fn integer(digits: &str) -> Result<i64, ReplyError> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let all_digits = unsigned.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| all_digits);
    number.ok_or(ReplyError::Malformed("no number"))
}

/// A length; `None` for -1, which means no value.
fn length(digits: &str) -> Result<Option<u64>, ReplyError> {
    match integer(digits)? {
        -1 => Ok(None),
        length => u64::try_from(length)
            .map(Some)
            .map_err(|_| ReplyError::Malformed("a negative length")),
    }
}

fn value(input: &mut impl BufRead, length: u64, limit: usize) -> Result<Vec<u8>, ReplyError> {
    if length > MAX_VALUE {
        return Err(ReplyError::Malformed("a value larger than Redis has any"));
    }
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size > limit {
        return Err(ReplyError::TooLarge(length));
    }
    let mut value = vec![0; size];
    input.read_exact(&mut value)?;
    let mut end = [0; 2];
    input.read_exact(&mut end)?;
    match &end {
        b"\r\n" => Ok(value),
        _ => Err(ReplyError::Malformed("a value longer than announced")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(Some(text.as_bytes().to_vec()))
    }

    /// The examples of the protocol's description (redis.io, RESP2).
    #[test]
    fn replies_are_read() {
        #[rustfmt::skip]
        let cases: [(&[u8], Reply); 12] = [
            (b"+OK\r\n", Reply::Status("OK".into())),
            (b"-ERR unknown command 'asdf'\r\n", Reply::Error("ERR unknown command 'asdf'".into())),
            (b":0\r\n", Reply::Integer(0)),
            (b":-1000\r\n", Reply::Integer(-1000)),
            (b"$5\r\nhello\r\n", bulk("hello")),
            (b"$0\r\n\r\n", bulk("")),
            (b"$4\r\n\r\n\r\n\r\n", bulk("\r\n\r\n")),
            (b"$-1\r\n", Reply::Bulk(None)),
            (b"*0\r\n", Reply::Array(Some(vec![]))),
            (b"*-1\r\n", Reply::Array(None)),
            (b"*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n", Reply::Array(Some(vec![bulk("hello"), bulk("world")]))),
            (b"*2\r\n*1\r\n:1\r\n*-1\r\n", Reply::Array(Some(vec![
                Reply::Array(Some(vec![Reply::Integer(1)])), Reply::Array(None)]))),
        ];
        for (bytes, want) in cases {
            let shown = bytes.escape_ascii();
            let mut input = bytes;
            let reply = read(&mut input, 16).unwrap_or_else(|err| panic!("{shown}: {err}"));
            assert_eq!((reply, input), (want, &b""[..]), "{shown}");
        }
    }

    #[test]
    fn malformed_replies_are_errors_before_anything_is_allocated_for_them() {
        let deep = b"*1\r\n".repeat(100_000);
        let long = [b"+".as_slice(), &b"x".repeat(1_000_000)].concat();
        #[rustfmt::skip]
        let cases: [(&[u8], &str); 16] = [
            (b"\r\n", "an unknown kind"),
            (b"HTTP/1.1 400 Bad Request\r\n", "an unknown kind"),
            (b"%1\r\n", "an unknown kind"),
            (b":1 2\r\n", "no number"),
            (b":+1\r\n", "no number"),
            (b":99999999999999999999\r\n", "no number"),
            (b"$x\r\n", "no number"),
            (b"$-2\r\n", "a negative length"),
            (b"*-2\r\n", "a negative length"),
            (b"$9663676416\r\n", "a value larger than Redis has any"),
            (b"$17\r\n", "announced 17 bytes"),
            (b"*9999999\r\n", "an array too long"),
            (b"$2\r\nhello\r\n", "longer than announced"),
            (b"+\xff\r\n", "no text"),
            (b"+OK\n", "without its CR"),
            (&deep, "arrays too deep"),
        ];
        for (bytes, want) in cases
            .into_iter()
            .chain([(long.as_slice(), "a line too long")])
        {
            let shown = bytes[..bytes.len().min(40)].escape_ascii();
            let err = read(&mut &*bytes, 16).unwrap_err().to_string();
            assert!(err.contains(want), "{shown}: {err}");
        }
    }

    #[test]
    fn commands_are_arrays_of_their_words() {
        assert_eq!(
            command(&[b"SET", b"key", b"a\r\nb"]),
            b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$4\r\na\r\nb\r\n"
        );
    }

    fn any_reply() -> impl Strategy<Value = Reply> {
        let single = prop_oneof![
            "[ -~]{0,20}".prop_map(Reply::Status),
            "[ -~]{0,20}".prop_map(Reply::Error),
            any::<i64>().prop_map(Reply::Integer),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..=16)).prop_map(Reply::Bulk),
            Just(Reply::Array(None)),
        ];
        single.prop_recursive(2, 12, 4, |inner| {
            let several = prop::collection::vec(inner, 0..4);
            several.prop_map(|replies| Reply::Array(Some(replies)))
        })
    }

    fn written(reply: &Reply) -> Vec<u8> {
        match reply {
            Reply::Status(text) => format!("+{text}\r\n").into_bytes(),
            Reply::Error(text) => format!("-{text}\r\n").into_bytes(),
            Reply::Integer(number) => format!(":{number}\r\n").into_bytes(),
            Reply::Bulk(None) => b"$-1\r\n".to_vec(),
            Reply::Bulk(Some(value)) => {
                [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
            }
            Reply::Array(None) => b"*-1\r\n".to_vec(),
            Reply::Array(Some(replies)) => {
                let head = format!("*{}\r\n", replies.len()).into_bytes();
                replies
                    .iter()
                    .fold(head, |head, reply| [head, written(reply)].concat())
            }
        }
    }

    proptest! {
        // The same values in each run.
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn any_reply_is_read_and_no_byte_more(reply in any_reply(), rest in any::<Vec<u8>>()) {
            let bytes = written(&reply);
            for cut in 0..bytes.len() {
                prop_assert!(matches!(read(&mut &bytes[..cut], 16), Err(ReplyError::Io(_))));
            }
            let sent = [bytes, rest.clone()].concat();
            let mut input = sent.as_slice();
            prop_assert_eq!(read(&mut input, 16).expect("a reply"), reply);
            prop_assert_eq!(input, rest.as_slice());
        }

        #[test]
        fn no_bytes_make_the_reader_fail(kind in "[-+:$*]?[-0-9]{0,3}", rest in any::<Vec<u8>>()) {
            let sent = [kind.as_bytes(), b"\r\n", &rest].concat();
            if let Ok(Reply::Bulk(Some(value))) = read(&mut sent.as_slice(), 16) {
                prop_assert!(value.len() <= 16);
            }
        }
    }
}
