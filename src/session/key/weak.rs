//! Refuses texts that are not secret: published keys, placeholders, patterns.
//!
//! The check runs in every CGI request, so each rule stops after a few bytes of a
//! random key. Random keys of 16 or more bytes, raw, in hex or in base64, are not
//! refused: the rule for runs is the most likely to do so, with a chance of 10^-10.

use super::MIN_LENGTH;
use super::published_keys::PUBLISHED;

/// Why a text is not accepted as a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WeakKey {
    /// It has no bytes.
    Empty,
    /// Fewer than [`MIN_LENGTH`] bytes.
    Short(usize),
    /// It begins like an example key from documentation, a tutorial, or a program's
    /// defaults.
    Published,
    /// A text to be replaced: `<your key>`, `${SECRET_KEY}`, or words
    /// such as "secret" and "key" only.
    Placeholder,
    /// The path of a file, or a URL.
    Path,
    /// Neighbours in the alphabet or on the keyboard, a short text repeated, or
    /// few different bytes.
    Pattern,
    /// It begins with a byte order mark, which would be a part of the key for Flask.
    ByteOrderMark,
}

error_texts! { WeakKey:
    Self::Empty => "is empty";
    Self::Short(bytes) => "has {bytes} bytes, fewer than {MIN_LENGTH}";
    Self::Published => "is a published example key";
    Self::Placeholder => "is a placeholder, not a random key";
    Self::Path => "is a path or a URL, not a key (SECRET_KEY_FILE takes a path)";
    Self::Pattern => "is a pattern: a run, a repetition, or few different characters";
    Self::ByteOrderMark => "begins with a byte order mark";
}

/// The words of placeholders: on the first line those that begin with `a`, on the
/// second those with `b`, and so on.
const WORDS: &str = include_str!("placeholder_words.txt");

/// The fewest letters that an entry of [`PUBLISHED`] has.
const HEAD: usize = 8;

/// The fewest different bytes of a key. Of 16 random bytes in hex, one in 10^12 has
/// fewer.
const MIN_DIFFERENT: usize = 6;

/// The position of each byte on the keyboard: neighbours differ by one; 0 is none.
static KEYBOARD: [u8; 256] = keyboard();

/// Checks the bytes of a key.
pub(super) fn check(key: &[u8]) -> Result<(), WeakKey> {
    if key.is_empty() {
        return Err(WeakKey::Empty);
    }
    if is_marked(key) {
        return Err(WeakKey::ByteOrderMark);
    }
    let text = unquoted(key);
    let letters = Letters::of(text, MAX_DIGITS);
    if is_published(text, &letters) {
        Err(WeakKey::Published)
    } else if key.len() >= MIN_LENGTH && is_pattern(text) {
        Err(WeakKey::Pattern)
    } else if is_bracketed(text) || is_assignment(text) || is_phrase(&letters) {
        Err(WeakKey::Placeholder)
    } else if is_path(text) {
        Err(WeakKey::Path)
    } else if key.len() < MIN_LENGTH {
        Err(WeakKey::Short(key.len()))
    } else {
        Ok(())
    }
}

/// Whether it is a UTF-8 or UTF-16 text after a byte order mark. Random bytes may
/// begin like one.
fn is_marked(key: &[u8]) -> bool {
    match key {
        [0xef, 0xbb, 0xbf, text @ ..] => std::str::from_utf8(text).is_ok(),
        [0xff, 0xfe, units @ ..] => every_other_is_zero(units, 1),
        [0xfe, 0xff, units @ ..] => every_other_is_zero(units, 0),
        _ => false,
    }
}

/// The key without Python's quotes around it, if it has them: `b'...'`.
fn unquoted(key: &[u8]) -> &[u8] {
    let inside = key.strip_prefix(b"b").unwrap_or(key);
    match inside {
        [b'\'', inside @ .., b'\''] | [b'"', inside @ .., b'"'] => inside,
        _ => key,
    }
}

/// The first letters and digits of a key in lower case, which are the same for all
/// its spellings: Python's escapes are decoded, other ASCII characters are left out,
/// and a dot replaces each control character and each character above ASCII.
struct Letters {
    letters: [u8; MAX_LETTERS],
    length: usize,
    digits: usize,
}

/// The most letters of a key that are compared.
const MAX_LETTERS: usize = 96;

/// The letter of each byte in [`Letters`].
static LETTERS: [u8; 256] = {
    let mut letters = [b'.'; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        letters[byte as usize] = match byte {
            b'\\' => ESCAPE,
            byte if byte.is_ascii_alphanumeric() => byte.to_ascii_lowercase(),
            _ => NONE,
        };
        byte += 1;
    }
    letters
};

const NONE: u8 = 0;
const ESCAPE: u8 = 1;

impl Letters {
    /// The letters of `text`; after `max_digits` digits no more than [`HEAD`].
    fn of(text: &[u8], max_digits: usize) -> Self {
        let mut found = Self {
            letters: [0; MAX_LETTERS],
            length: 0,
            digits: 0,
        };
        let mut rest = text;
        while found.length < MAX_LETTERS
            && let Some((byte, after)) = rest.split_first()
        {
            rest = after;
            let mut letter = LETTERS[usize::from(*byte)];
            if letter.is_ascii_lowercase() {
                found.letters[found.length] = letter;
                found.length += 1;
                continue;
            }
            if letter == ESCAPE
                && let Some((byte, after)) = escaped(after)
            {
                rest = after;
                letter = LETTERS[usize::from(byte)];
            }
            match letter {
                NONE | ESCAPE => continue,
                // The first of the two bytes of a Latin-1 character in UTF-8.
                b'.' if matches!((byte, after), (0xc2 | 0xc3, [0x80..=0xbf, ..])) => continue,
                b'0'..=b'9' => found.digits += 1,
                _ => {}
            }
            found.letters[found.length] = letter;
            found.length += 1;
            if found.digits > max_digits && found.length >= HEAD {
                break;
            }
        }
        found
    }

    fn as_bytes(&self) -> &[u8] {
        &self.letters[..self.length]
    }
}

/// The byte of the escape after a backslash, and the rest.
fn escaped(rest: &[u8]) -> Option<(u8, &[u8])> {
    let value = |digits: &[u8], base| {
        let digits = std::str::from_utf8(digits).ok()?;
        u8::from_str_radix(digits, base).ok()
    };
    match rest {
        [b'x', high, low, after @ ..] => Some((value(&[*high, *low], 16)?, after)),
        [b'0'..=b'7', ..] => {
            let digits = rest.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7'));
            let (digits, after) = rest.split_at(digits.count());
            Some((value(digits, 8)?, after))
        }
        [b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v', after @ ..] => Some((0, after)),
        _ => None,
    }
}

fn is_published(text: &[u8], letters: &Letters) -> bool {
    let head = &letters.letters[..HEAD];
    let at = PUBLISHED.partition_point(|published| &published.as_bytes()[..HEAD] < head);
    let candidates = PUBLISHED[at..].iter().map(|published| published.as_bytes());
    let mut candidates = candidates
        .take_while(|published| published.starts_with(head))
        .peekable();
    if candidates.peek().is_none() {
        return false;
    }
    let letters = Letters::of(text, MAX_LETTERS);
    candidates.any(|published| letters.as_bytes().starts_with(published))
}

/// Whether it is a text to be replaced: `<...>`, `[...]`, `{...}`, `${...}`, `%...%`.
fn is_bracketed(text: &[u8]) -> bool {
    let inside = text.strip_prefix(b"$").unwrap_or(text);
    match inside {
        [b'<', inside @ .., b'>']
        | [b'[', inside @ .., b']']
        | [b'{', inside @ .., b'}']
        | [b'%', inside @ .., b'%'] => {
            // Only words: a random text of any characters may also be in brackets.
            let is_word = |b: &u8| b.is_ascii_alphabetic() || b"<[{%$_- .:}]>".contains(b);
            inside.iter().all(is_word)
        }
        _ => false,
    }
}

/// Whether it is a line of a settings file: `SIGNET_SECRET_KEY=...`.
fn is_assignment(text: &[u8]) -> bool {
    let name = text.strip_prefix(b"SIGNET_").unwrap_or(text);
    name.strip_prefix(b"SECRET_KEY")
        .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
}

/// Whether it consists of words of placeholders and at most a few digits.
fn is_phrase(letters: &Letters) -> bool {
    let (letters, digits) = (letters.as_bytes(), letters.digits);
    if digits > MAX_DIGITS || letters.len() == MAX_LETTERS || !letters.windows(4).any(is_typical) {
        return false;
    }
    // The positions at which a word can begin: where another one ends.
    let mut begins = [false; MAX_LETTERS];
    begins[0] = true;
    for at in 0..letters.len() {
        if !begins[at] {
            continue;
        }
        let rest = &letters[at..];
        begins[at + 1] |= rest[0].is_ascii_digit();
        let line = usize::from(rest[0].wrapping_sub(b'a'));
        let words = WORDS.lines().nth(line).unwrap_or_default();
        for word in words.split(' ') {
            if rest.starts_with(word.as_bytes()) {
                begins[at + word.len()] = true;
            }
        }
    }
    begins[letters.len()]
}

/// The most digits of a placeholder.
const MAX_DIGITS: usize = 8;

/// Whether a word that begins like this is typical of placeholders. A phrase without
/// such a word may be somebody's own key.
fn is_typical(stem: &[u8]) -> bool {
    #[rustfmt::skip]
    let is_typical = matches!(
        stem,
        b"secr" | b"secu" | b"s3cr" | b"pass" | b"chan" | b"rand" | b"repl" | b"your" | b"inse"
            | b"exam" | b"defa" | b"deve" | b"hell"
    );
    is_typical
}

/// Whether it is a URL, or the absolute path of a file.
fn is_path(text: &[u8]) -> bool {
    let in_scheme = |b: &u8| b.is_ascii_alphanumeric() || b"+.-".contains(b);
    if let Some(scheme) = text.iter().take(12).position(|b| *b == b':')
        && scheme > 0
        && text[..scheme].iter().all(in_scheme)
        && text[scheme..].starts_with(b"://")
    {
        return text.iter().all(u8::is_ascii_graphic);
    }
    let [b'/', names @ ..] = text else {
        return false;
    };
    // Base64 has slashes, too, but also capitals or digits, and no other marks.
    let is_mark = |b: &u8| b"._-~".contains(b);
    names.contains(&b'/')
        && names
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'/' || is_mark(b))
        && (names.iter().any(is_mark)
            || !names
                .iter()
                .any(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
}

fn is_pattern(text: &[u8]) -> bool {
    has_few_bytes(text) || is_run(text) || is_repetition(text) || is_utf16(text)
}

fn has_few_bytes(text: &[u8]) -> bool {
    let mut seen = [0; MIN_DIFFERENT - 1];
    let mut count = 0;
    for byte in text {
        if !seen[..count].contains(byte) {
            if count == seen.len() {
                return false;
            }
            seen[count] = *byte;
            count += 1;
        }
    }
    true
}

/// Whether it is an ASCII text in UTF-16 without a byte order mark, of which every
/// other byte is 0.
fn is_utf16(text: &[u8]) -> bool {
    every_other_is_zero(text, 1) || every_other_is_zero(text, 0)
}

/// Whether every second byte, from the byte `first` on, is 0.
fn every_other_is_zero(text: &[u8], first: usize) -> bool {
    text.iter().skip(first).step_by(2).all(|byte| *byte == 0)
}

/// Whether all but a few bytes are neighbours of those before them, upwards or
/// downwards: `0123456789abcdef`, `qwertyuiopasdfgh`, `a1b2c3d4e5f6g7h8`.
fn is_run(text: &[u8]) -> bool {
    // Base64 of 16 bytes has 22 letters, most of which are not neighbours.
    let most = if text.len() < 22 { 4 } else { 3 };
    let mut breaks = 0;
    for (at, byte) in text.iter().enumerate() {
        let before = |back| Some(text[at.checked_sub(back)?]);
        let follows = before(1).is_some_and(|before| {
            let keys = [before, *byte].map(|b| KEYBOARD[usize::from(b)]);
            alphabet(before).abs_diff(alphabet(*byte)) <= 1
                || (keys[0].abs_diff(keys[1]) == 1 && keys[0] != 0 && keys[1] != 0)
        }) || before(2)
            .is_some_and(|before| alphabet(before).abs_diff(alphabet(*byte)) == 1);
        breaks += usize::from(!follows);
        if breaks > most {
            return false;
        }
    }
    true
}

/// The position of a byte in the alphabet: digits, letters, then the other bytes.
fn alphabet(byte: u8) -> u16 {
    match byte {
        b'0'..=b'9' => u16::from(byte - b'0'),
        b'a'..=b'z' => u16::from(byte - b'a') + 10,
        b'A'..=b'Z' => u16::from(byte - b'A') + 10,
        _ => u16::from(byte) + 100,
    }
}

const fn keyboard() -> [u8; 256] {
    let rows = b"1234567890 qwertyuiop asdfghjkl zxcvbnm";
    let mut places = [0; 256];
    let mut at = 0;
    while at < rows.len() {
        if rows[at] != b' ' {
            places[rows[at] as usize] = at as u8 + 1;
            places[rows[at].to_ascii_uppercase() as usize] = at as u8 + 1;
        }
        at += 1;
    }
    places
}

/// Whether a text shorter than [`MIN_LENGTH`] is repeated at least one and a half
/// times; after three repetitions a few other bytes may follow.
fn is_repetition(text: &[u8]) -> bool {
    const REST: usize = 3;
    let longest = (text.len() * 2 / 3).min(MIN_LENGTH - 1);
    let first = text.first().map(u8::to_ascii_lowercase);
    let may_begin_again = |period: &usize| Some(text[*period].to_ascii_lowercase()) == first;
    (1..=longest).filter(may_begin_again).any(|period| {
        let rest = text.len().saturating_sub(3 * period).min(REST);
        let same = |(byte, later): (&u8, &u8)| byte.eq_ignore_ascii_case(later);
        let repeated = &text[period..text.len() - rest];
        text.iter().zip(repeated).all(same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    #[test]
    fn words_of_placeholders_are_on_the_line_of_their_first_letter() {
        for (line, first) in WORDS.lines().zip('a'..='z') {
            let mut words = line.split(' ').filter(|word| !word.is_empty());
            assert!(words.all(|word| word.starts_with(first)), "{line}");
        }
        assert_eq!(WORDS.lines().count(), 26);
    }

    #[test]
    fn published_keys_are_sorted_and_spelled_as_they_are_compared() {
        for pair in PUBLISHED.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}: not sorted");
            assert!(!pair[1].starts_with(pair[0]), "{pair:?}: one is enough");
        }
        for row in PUBLISHED {
            let escaped = row.replace('.', "\\x00");
            let letters = Letters::of(escaped.as_bytes(), MAX_LETTERS);
            assert_eq!(letters.as_bytes(), row.as_bytes());
            assert!(row.len() >= HEAD, "{row}");
        }
    }

    /// As Python reads them: raw, typed with its escapes, in UTF-8, quoted.
    #[test]
    fn every_spelling_of_a_published_key_is_refused() {
        let rows: [&[&[u8]]; 5] = [
            &[
                b"\x02\x01thisismyscretkey\x01\x02\\e\\y\\y\\h",
                br"\x02\x01thisismyscretkey\x01\x02\e\y\y\h",
                br"\2\1thisismyscretkey\1\2\e\y\y\h",
                br#""\2\1thisismyscretkey\1\2\\e\\y\\y\\h""#,
            ],
            &[
                b"_5#y2L\"F4Q8z\n\xec]/",
                b"_5#y2L\"F4Q8z\n\xc3\xac]/",
                br#"_5#y2L"F4Q8z\n\xec]/"#,
                br#"b'_5#y2L"F4Q8z\n\xec]/'"#,
            ],
            &[
                b"\xfd{H\xe5<\x95\xf9\xe3\x96.5\xd1\x01O<!\xd5\xa2\xa0\x9fR\"\xa1\xa8",
                br#"\xfd{H\xe5<\x95\xf9\xe3\x96.5\xd1\x01O<!\xd5\xa2\xa0\x9fR"\xa1\xa8"#,
                "\u{fd}{H\u{e5}<\u{95}\u{f9}\u{e3}\u{96}.5\u{d1}\u{1}O<!\u{d5}\u{a2}\u{a0}\u{9f}R\"\u{a1}\u{a8}".as_bytes(),
            ],
            &[
                b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
                b"192B9BDD22AB9ED4D12E236C78AFCB9A393EC15F71BBF5DC987D54727823BCBF",
                b"192b9bdd-22ab-9ed4-d12e-236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
            ],
            &[b"hard to guess string", b"HARD_TO_GUESS_STRING", b"hard-to-guess-string!"],
        ];
        for key in rows.into_iter().flatten() {
            assert_eq!(
                check(key),
                Err(WeakKey::Published),
                "{}",
                key.escape_ascii()
            );
        }
    }

    #[test]
    fn weak_keys_are_refused_and_say_why() {
        use WeakKey::*;
        #[rustfmt::skip]
        let rows: [(WeakKey, &[&str]); 7] = [
            (Empty, &[""]),
            (Short(15), &["fifteen bytes.."]),
            (ByteOrderMark, &["\u{feff}sixteen bytes and more"]),
            (Published, &[
                "TEST_NON_DEV_SECRET", "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
                "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET", "thisISaSECRET_1234",
                "c292a0a3aa32397cdb050e233733900f", "A0Zr98j/3yX R~XHH!jmN]LWX/,?RT",
                "you-will-never-guess", "django-insecure-8&$x1p7!q0v_z2m9w",
                "base64:2fl+Ktvkfl+Fuz4Qp/A75G2RTiWVA/ZoKZvp6fiiM10=",
                "ThisTokenIsNotSoSecretChangeIt", "Change-Me, please! 0123456789",
                "your_secret_key_goes_here", "changeme",
                "000102030405060708090a0b0c0d0e0f", "2b7e151628aed2a6abf7158809cf4f3c",
                "5f4dcc3b5aa765d61d8327deb882cf99", "5ebe2294ecd0e0f08eab7690d2a6ee69",
                "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
                "c3VwZXJzZWNyZXRrZXk=", "3.14159265358979323846", "2.7182818284590452353",
                "letmeinletmein123", "xhard to guess string",
                "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA", "<!DOCTYPE html><title>404",
                "version https://git-lfs.github.com/spec/v1",
            ]),
            (Placeholder, &[
                "what_a_bad_secret_key", "super-very-top-secret", "flask-app-dev-secret-2024",
                "put your random key here", "a very long and random string", "my-super-s3cr3t-k3y",
                "development-only-key", "hello world hello world!", "<output of signet key new>",
                "[INSERT SECRET KEY HERE]", "{{ vault_secret_key }}", "${SIGNET_SECRET_KEY}",
                "%SIGNET_SECRET_KEY%", "SIGNET_SECRET_KEY=0f3a9c5e7b1d8842",
            ]),
            (Path, &[
                "/home/alice/.signet/secret_key", "/run/secrets/key", "redis://127.0.0.1:6379",
                "unix:///run/redis/redis-server.sock",
            ]),
            (Pattern, &[
                "0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF", "abcdefghijklmnop",
                "zyxwvutsrqponmlk", "1234567890123456", "9876543210987654", "qwertyuiopasdfgh",
                "QwErTyUiOpAsDfGh", "poiuytrewqlkjhgfdsa", "a1b2c3d4e5f6g7h8", "aabbccddeeffgghhii",
                "abcd1234efgh5678", "PasswordPassword", "abababababababab", "aaaaaaaaaaaaaaaa",
                "aaaabbbbccccdddd", "c0ffee-c0ffee-c0ffee", "hunter2!hunter2!hunt",
                "p\u{0}a\u{0}s\u{0}s\u{0}w\u{0}o\u{0}r\u{0}d\u{0}p\u{0}w\u{0}",
                "\u{0}p\u{0}a\u{0}s\u{0}s\u{0}w\u{0}o\u{0}r\u{0}d\u{0}",
                "xyz-xyz-xyz-xyz-xyz", "monkeymonkeymonkey1", "Dragon!dragon!dragon!123",
                "\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\t\n\u{b}\u{c}\r\u{e}\u{f}",
            ]),
        ];
        for (want, keys) in rows {
            for key in keys {
                assert_eq!(check(key.as_bytes()), Err(want), "{key}");
            }
        }
        for key in [
            "sixteen bytes...",
            "the dog ate my 9 plums",
            "a key for these tests, and no other",
            "\"quoted-like-json\"",
            "clé-de-vingt-octets",
        ] {
            assert_eq!(check(key.as_bytes()), Ok(()), "{key}");
        }
    }

    /// Raw, in hex, and in base64 of both alphabets.
    fn assert_random_keys_are_good(count: u64) {
        let mut state = 0x5eed_u64;
        let mut random = move || {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        for number in 0..count {
            let words: usize = if number % 8 < 4 { 2 } else { 4 };
            let key: Vec<u8> = (0..words).flat_map(|_| random().to_le_bytes()).collect();
            let key = match number % 4 {
                0 => key,
                1 => base16ct::lower::encode_string(&key).into_bytes(),
                2 => STANDARD.encode(&key).into_bytes(),
                _ => URL_SAFE_NO_PAD.encode(&key).into_bytes(),
            };
            assert_eq!(check(&key), Ok(()), "{}", key.escape_ascii());
        }
    }

    #[test]
    fn no_random_key_of_16_bytes_or_more_is_refused() {
        assert_random_keys_are_good(40_000);
    }

    #[test]
    #[ignore = "takes 10 s: run tests/run"]
    fn none_of_a_million_random_keys_is_refused() {
        assert_random_keys_are_good(1_000_000);
    }
}
