//! Reads tagged JSON with the same result as Flask.
//!
//! Values that no [`Value`] represents, and those that signet would write in another
//! way, keep their text: unknown contents of tags, an application's own tags, `NaN`,
//! lone surrogates, and deep nesting.

use std::collections::BTreeMap;

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::engine::{DecodePaddingMode, Engine};
use serde_json::Number;

use super::date_time::DateTime;
use super::is_tag;
use super::value::{Value, Verbatim};

type Dict = BTreeMap<String, Value>;

/// The nesting depth up to which values are read. Deeper ones keep their text.
const MAX_DEPTH: usize = 128;

/// Reads a session's dict; `None` if `json` is not an object. `null` is an empty dict,
/// as in Flask.
pub fn loads(json: &str) -> Option<Dict> {
    let text = json.trim_ascii();
    if text == "null" {
        return Some(Dict::new());
    }
    let mut reader = Reader { text, at: 0 };
    let mut dict = reader.object(0)??;
    if reader.at < text.len() {
        return None;
    }
    if dict.len() == 1
        && let Some((key, inner)) = dict.pop_first()
    {
        // A tagged value is not a session, except the tag of dicts whose only key
        // looks like a tag.
        if is_tag(&key) {
            return if key == " di" { escaped(inner) } else { None };
        }
        dict.insert(key, inner);
    }
    Some(dict)
}

/// Reads values from the beginning of a text.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    /// A value inside of `depth` lists and objects.
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_blanks();
        let begin = self.at;
        let text = self.text;
        let verbatim = |end: usize, value| Value::Verbatim(Verbatim::new(&text[begin..end], value));
        match *text.as_bytes().get(begin)? {
            b'"' => {
                let string = unquote(self.string()?);
                Some(string.map_or_else(|| verbatim(self.at, None), Value::String))
            }
            b'[' | b'{' if depth == MAX_DEPTH => {
                self.at += nested_end(&text[begin..])?;
                Some(verbatim(self.at, None))
            }
            b'[' => {
                let mut items = Vec::new();
                self.items(b']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(Value::List(items))
            }
            b'{' => {
                let Some(mut dict) = self.object(depth)? else {
                    return Some(verbatim(self.at, None));
                };
                if dict.len() == 1
                    && let Some((key, inner)) = dict.pop_first()
                {
                    if key.starts_with(' ') {
                        return Some(tagged(key, inner, &text[begin..self.at]));
                    }
                    dict.insert(key, inner);
                }
                Some(Value::Dict(dict))
            }
            _ => {
                let word = literal(&text[begin..])?;
                self.at += word.len();
                Some(match word {
                    "null" => Value::Null,
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "NaN" | "Infinity" | "-Infinity" => verbatim(self.at, None),
                    digits => match number(digits)? {
                        number if number.as_str() == digits => Value::Number(number),
                        number => verbatim(self.at, Some(Value::Number(number))),
                    },
                })
            }
        }
    }

    /// The members of an object; `Some(None)` if a key has a lone surrogate.
    fn object(&mut self, depth: usize) -> Option<Option<Dict>> {
        let mut dict = Some(Dict::new());
        self.items(b'}', |reader| {
            reader.skip_blanks();
            let key = unquote(reader.string()?);
            reader.skip_blanks();
            reader.accept(b':')?;
            let value = reader.value(depth + 1)?;
            match (key, &mut dict) {
                (Some(key), Some(dict)) => drop(dict.insert(key, value)),
                _ => dict = None,
            }
            Some(())
        })?;
        Some(dict)
    }

    /// Reads items by `item`, from the opening bracket to `close`.
    fn items(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.accept(if close == b']' { b'[' } else { b'{' })?;
        self.skip_blanks();
        if self.accept(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.skip_blanks();
            if self.accept(close).is_some() {
                return Some(());
            }
            self.accept(b',')?;
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'t str> {
        let begin = self.at;
        self.at += string_length(&self.text.as_bytes()[begin..])?;
        Some(&self.text[begin..self.at])
    }

    fn accept(&mut self, byte: u8) -> Option<()> {
        (self.text.as_bytes().get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let blanks = rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += blanks.count();
    }
}

/// The value of an object with one key that begins like a tag, as in Flask.
fn tagged(tag: String, inner: Value, text: &str) -> Value {
    let verbatim = |value| Value::Verbatim(Verbatim::new(text, value));
    match (tag.as_str(), inner) {
        (" t", Value::List(parts)) => Value::Tuple(parts),
        (" t", Value::Tuple(parts)) => verbatim(Some(Value::Tuple(parts))),
        (" b", Value::String(text)) => match STANDARD.decode(&text) {
            Ok(bytes) => Value::Bytes(bytes),
            Err(_) => verbatim(lenient_base64(&text).map(Value::Bytes)),
        },
        (" m", Value::String(text)) => Value::Markup(text),
        (" u", Value::String(text)) => match uuid(&text) {
            Some(bytes) if base16ct::lower::encode_string(&bytes) == text => Value::Uuid(bytes),
            bytes => verbatim(bytes.map(Value::Uuid)),
        },
        (" d", Value::String(text)) => match DateTime::parse(&text) {
            Some(date) if date.to_string() == text => Value::DateTime(date),
            // Flask reads an invalid date as None.
            date => verbatim(Some(date.map_or(Value::Null, Value::DateTime))),
        },
        (" d", inner) if is_false(&inner) => verbatim(Some(Value::Null)),
        (" di", inner) => match escaped(inner) {
            Some(dict) if dict.keys().all(|key| is_tag(key)) => Value::Dict(dict),
            dict => verbatim(dict.map(Value::Dict)),
        },
        (known, _) if is_tag(known) => verbatim(None),
        (_, inner) => {
            let dict = Value::Dict([(tag, inner)].into());
            match dict.to_json() == text {
                true => dict,
                false => verbatim(Some(dict)),
            }
        }
    }
}

/// The dict of the tag for dicts whose only key looks like a tag: the key has two
/// underscores more.
fn escaped(inner: Value) -> Option<Dict> {
    let mut inside = match inner {
        Value::Dict(inside) => inside,
        Value::Verbatim(verbatim) => match verbatim.into_value()? {
            Value::Dict(inside) => inside,
            _ => return None,
        },
        _ => return None,
    };
    let (key, value) = inside.pop_first().filter(|_| inside.is_empty())?;
    let key = key.strip_suffix("__")?;
    Some([(key.to_owned(), value)].into())
}

/// Whether a value is false in Python.
fn is_false(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) | Value::Markup(text) => text.is_empty(),
        Value::List(items) | Value::Tuple(items) => items.is_empty(),
        Value::Dict(items) => items.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Uuid(_) | Value::DateTime(_) => false,
        Value::Verbatim(verbatim) => verbatim.value().is_some_and(is_false),
    }
}

/// Base64 as Python's `b64decode` reads it: other characters, spare bits and everything
/// after the padding are ignored.
fn lenient_base64(text: &str) -> Option<Vec<u8>> {
    const WITHOUT_PADDING: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::RequireNone),
    );
    let (mut digits, mut padding) = (Vec::new(), 0);
    for byte in text.bytes() {
        match byte {
            b'=' => {
                padding += 1;
                if digits.len() % 4 >= 2 && digits.len() % 4 + padding >= 4 {
                    return WITHOUT_PADDING.decode(digits).ok();
                }
            }
            b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                digits.push(byte);
                padding = 0;
            }
            byte if byte.is_ascii() => {}
            _ => return None,
        }
    }
    let is_complete = digits.len().is_multiple_of(4);
    is_complete.then(|| WITHOUT_PADDING.decode(digits).ok())?
}

/// A UUID in one of the spellings that Python's `UUID` accepts.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits = text.replace("urn:", "").replace("uuid:", "");
    let digits = digits.trim_matches(['{', '}']).replace('-', "");
    base16ct::mixed::decode_vec(digits).ok()?.try_into().ok()
}

/// The word at the beginning of `text`, if Python's `json` reads it.
fn literal(text: &str) -> Option<&str> {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
    let word = &text[..text.bytes().take_while(is_part).count()];
    match word {
        "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity" => Some(word),
        digits => number(digits).map(|_| word),
    }
}

fn number(word: &str) -> Option<Number> {
    // This is much cheaper than serde_json.
    if (1..=18).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_digit())
        && (word.len() == 1 || !word.starts_with('0'))
    {
        return word.parse::<u64>().ok().map(Number::from);
    }
    serde_json::from_str(word).ok()
}

/// The length of the list or object at the beginning of `text`.
fn nested_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = Vec::new();
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            b'"' => at += string_length(&bytes[at..])?,
            byte @ (b'[' | b'{') => {
                open.push(if byte == b'[' { b']' } else { b'}' });
                at += 1;
            }
            byte @ (b']' | b'}') => {
                if open.pop() != Some(byte) {
                    return None;
                }
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => at += literal(&text[at..])?.len(),
        }
        if open.is_empty() {
            return Some(at);
        }
        if open.len() > super::MAX_NESTING - MAX_DEPTH {
            return None;
        }
    }
}

/// The length of the JSON string at the beginning of `bytes`, with its quotes. Lone
/// surrogates, which Python writes as escapes, are accepted.
fn string_length(bytes: &[u8]) -> Option<usize> {
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match *bytes.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                _ => return None,
            },
            0..=0x1f => return None,
            _ => at += 1,
        }
    }
}

/// The text of a JSON string; `None` if it has a lone surrogate.
fn unquote(quoted: &str) -> Option<String> {
    if quoted.contains('\\') {
        return serde_json::from_str(quoted).ok();
    }
    Some(quoted[1..quoted.len() - 1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::dumps;
    use super::*;

    fn dict<const N: usize>(items: [(&str, Value); N]) -> Value {
        Value::Dict(items.map(|(key, value)| (key.to_owned(), value)).into())
    }

    fn number(text: &str) -> Value {
        Value::Number(text.parse().unwrap())
    }

    /// The meaning of the vector "tagged sha1" of tests/vectors.json, as Flask reads it.
    #[test]
    fn all_six_tags_are_read_and_written_as_flask_does() {
        let text = r#"{"b":{" b":"AP8QcmF3"},"d":{" d":"Tue, 14 Nov 2023 22:13:20 GMT"},"m":{" m":"<b>hi</b>"},"nested":{"f":1.5,"list":[{"k":{" t":[1]}}],"neg":-7,"none":null},"t":{" t":[1,2,{" t":["x"]}]},"tricky":{" di":{" t__":[1,2]}},"u":{" u":"12345678123456781234567812345678"}}"#;
        let one_two = || vec![number("1"), number("2")];
        let mut tuple = one_two();
        tuple.push(Value::Tuple(vec!["x".into()]));
        let want = dict([
            ("b", Value::Bytes(b"\x00\xff\x10raw".to_vec())),
            (
                "d",
                Value::DateTime(DateTime::from_unix(1_700_000_000).unwrap()),
            ),
            ("m", Value::Markup("<b>hi</b>".into())),
            (
                "nested",
                dict([
                    ("f", number("1.5")),
                    (
                        "list",
                        Value::List(vec![dict([("k", Value::Tuple(vec![number("1")]))])]),
                    ),
                    ("neg", number("-7")),
                    ("none", Value::Null),
                ]),
            ),
            ("t", Value::Tuple(tuple)),
            ("tricky", dict([(" t", Value::List(one_two()))])),
            (
                "u",
                Value::Uuid(*b"\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78"),
            ),
        ]);
        let read = loads(text).unwrap();
        assert_eq!(Value::Dict(read.clone()), want);
        assert_eq!(dumps(&read), text);
    }

    #[test]
    fn text_from_python_is_written_again_unchanged() {
        for text in [
            "{}",
            r#"{"big":1180591620717411303424,"e":1e+16,"f":1.0}"#,
            r#"{"E":[1E5,1e5,-0.0,123456789012345678,1234567890123456789],"neg":-0,"zero":0}"#,
            r#"{"a":NaN,"b":[Infinity,-Infinity],"username":"bob"}"#,
            r#"{"lone":"\ud800","username":"bob"}"#,
            r#"{"s":"Za\u017c \ud83d\ude00 \u007f \"\\/<\b\f\n\r\t"}"#,
            r#"{"a":{" t":[1],"z":2}}"#,
            r#"{" di":{" t__":-Infinity}}"#,
            r#"{"a":[{"\ud800":1},{"b":["\udc00\ud800"]}]}"#,
        ] {
            assert_eq!(dumps(&loads(text).unwrap()), text);
        }
        let deep = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(dumps(&loads(&deep(900)).unwrap()), deep(900));
        assert_eq!(loads(&deep(100_000)), None);
    }

    #[test]
    fn only_a_dict_is_a_session() {
        for text in [
            "",
            "[1]",
            "\"x\"",
            "1",
            "{",
            "{}x",
            "{} {}",
            r#"{"a":"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{"a":[}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1 2]}"#,
            r#"{"a":tru}"#,
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":"x}"#,
            "{\"a\":\"\u{1}\"}",
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{" t":[1]}"#,
            r#"{" d":"soon"}"#,
            r#"{" di":[1]}"#,
            "\u{feff}{}",
            r#"{"\ud800":1}"#,
        ] {
            assert_eq!(loads(text), None, "{text}");
        }
        assert_eq!(loads("null"), Some(BTreeMap::new()));
        assert_eq!(loads(" null\n"), Some(BTreeMap::new()));
    }

    /// Content of each tag that Flask does not read, or would write in another way; at
    /// several depths, and with another value that changes.
    #[test]
    fn content_of_tags_that_is_not_understood_is_kept() {
        let date = Value::DateTime(DateTime::from_unix(1_700_000_000).unwrap());
        let uuid = Value::Uuid([0xab; 16]);
        let spelled = "ab".repeat(16);
        let [upper, urn, braces] = [
            format!(r#"{{" u":"{}"}}"#, spelled.to_uppercase()),
            format!(r#"{{" u":"urn:uuid:{spelled}"}}"#),
            r#"{" u":"{abababab-abab-abab-abab-abababababab}"}"#.to_owned(),
        ];
        let bytes = |text: &[u8]| Some(Value::Bytes(text.to_vec()));
        #[rustfmt::skip]
        let cases: [(&str, Option<Value>); 33] = [
            (r#"{" d":"2026-11-28T01:02:03.456789"}"#,    Some(Value::Null)),
            (r#"{" d":"soon"}"#,                          Some(Value::Null)),
            (r#"{" d":""}"#,                              Some(Value::Null)),
            (r#"{" d":null}"#,                            Some(Value::Null)),
            (r#"{" d":7}"#,                               None),
            (r#"{" d":"Tue, 14 Nov 2023 23:13:20 +0100"}"#, Some(date.clone())),
            (r#"{" d":"14 Nov 2023 22:13:20 GMT"}"#,      Some(date.clone())),
            (r#"{" d":"Wed, 14 Nov 2023 22:13:20 GMT"}"#, Some(date)),
            (r#"{" u":"not hex"}"#,                       None),
            (r#"{" u":5}"#,                               None),
            (&upper,                                      Some(uuid.clone())),
            (&urn,                                        Some(uuid.clone())),
            (&braces,                                     Some(uuid)),
            (r#"{" b":"..bad base64"}"#,                  None),
            (r#"{" b":"QQ"}"#,                            None),
            (r#"{" b":"\u00e9QQ=="}"#,                    None),
            (r#"{" b":[1]}"#,                             None),
            (r#"{" b":"QR=="}"#,                          bytes(b"A")),
            (r#"{" b":"Q Q = ="}"#,                       bytes(b"A")),
            (r#"{" b":"QQ==QQ=="}"#,                      bytes(b"A")),
            (r#"{" b":"=QUI="}"#,                         bytes(b"AB")),
            (r#"{" b":"QUJD="}"#,                         bytes(b"ABC")),
            (r#"{" m":7}"#,                               None),
            (r#"{" m":[]}"#,                              None),
            (r#"{" t":1}"#,                               None),
            (r#"{" t":{" t":[1]}}"#,                      Some(Value::Tuple(vec![number("1")]))),
            (r#"{" di":{"a":1,"b":2}}"#,                  None),
            (r#"{" di":[1]}"#,                            None),
            (r#"{" di":{" od__":[1]}}"#,                  Some(dict([(" od", Value::List(vec![number("1")]))]))),
            (r#"{" di":{"a__":1}}"#,                      Some(dict([("a", number("1"))]))),
            (r#"{" od":{"z":1,"a":2}}"#,                  Some(dict([(" od", dict([("z", number("1")), ("a", number("2"))]))]))),
            (r#"{" od": [1, 2]}"#,                        Some(dict([(" od", Value::List(vec![number("1"), number("2")]))]))),
            ("{\" od\":\"\u{e9}\"}",                       Some(dict([(" od", "\u{e9}".into())]))),
        ];
        for (text, value) in cases {
            for around in [
                "{}",
                "[{}]",
                "{\"k\":[{\" t\":[{}]}]}",
                "{\" di\":{\" b__\":{}}}",
            ] {
                let whole = format!("{{\"v\":{}}}", around.replacen("{}", text, 1));
                let mut read = loads(&whole).unwrap_or_else(|| panic!("{whole}"));
                assert_eq!(dumps(&read), whole);
                read.insert("added".to_owned(), Value::Null);
                let want = whole.replacen('{', "{\"added\":null,", 1);
                assert_eq!(dumps(&read), want);
            }
            let read = loads(&format!("{{\"v\":{text}}}")).unwrap();
            let Value::Verbatim(verbatim) = &read["v"] else {
                panic!("{text}: {read:?}")
            };
            assert_eq!(verbatim.json(), text);
            assert_eq!(verbatim.value(), value.as_ref(), "{text}");
        }
        // Tags that this program does not know are plain dicts, as in Flask.
        let text = r#"{"v":{" od":[["b",1],["a",2]]}}"#;
        let read = loads(text).unwrap();
        assert!(matches!(&read["v"], Value::Dict(_)), "{read:?}");
        assert_eq!(dumps(&read), text);
    }
}
