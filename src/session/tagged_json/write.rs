//! Writes tagged JSON as Flask does.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::value::Value;
use super::{MAX_NESTING, is_tag};

/// Writes a session's dict as Flask does.
pub fn dumps(dict: &BTreeMap<String, Value>) -> String {
    let mut out = String::new();
    write_dict(dict, &mut out);
    out
}

/// Whether the text of `dict` is nested deeper than [`MAX_NESTING`]. It could not be
/// read again.
pub(crate) fn is_too_deep(dict: &BTreeMap<String, Value>) -> bool {
    is_dict_deeper(dict, MAX_NESTING)
}

/// Whether the text of `items` is nested deeper than `levels`.
fn is_dict_deeper(items: &BTreeMap<String, Value>, levels: usize) -> bool {
    let own = match items.first_key_value() {
        Some((key, _)) if items.len() == 1 && is_tag(key) => 2,
        _ => 1,
    };
    let Some(levels) = levels.checked_sub(own) else {
        return true;
    };
    items.values().any(|value| value.is_deeper(levels))
}

fn is_list_deeper(items: &[Value], levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else {
        return true;
    };
    items.iter().any(|value| value.is_deeper(levels))
}

/// The nesting depth of a JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl Value {
    /// Whether the value's text is nested deeper than `levels`.
    fn is_deeper(&self, levels: usize) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => false,
            Self::List(items) => is_list_deeper(items, levels),
            Self::Dict(items) => is_dict_deeper(items, levels),
            Self::Tuple(items) => match levels.checked_sub(1) {
                Some(levels) => is_list_deeper(items, levels),
                None => true,
            },
            Self::Bytes(_) | Self::Markup(_) | Self::Uuid(_) | Self::DateTime(_) => levels == 0,
            Self::Verbatim(verbatim) => depth(verbatim.json()) > levels,
        }
    }

    /// The value as tagged JSON.
    pub(super) fn to_json(&self) -> String {
        let mut json = String::new();
        self.write(&mut json);
        json
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(value) => out.push_str(value.as_str()),
            Self::String(text) => write_str(text, out),
            Self::List(items) => write_list(items, out),
            Self::Dict(items) => write_dict(items, out),
            Self::Tuple(items) => write_tagged(" t", out, |out| write_list(items, out)),
            Self::Bytes(bytes) => {
                write_tagged(" b", out, |out| write_str(&STANDARD.encode(bytes), out));
            }
            Self::Markup(text) => write_tagged(" m", out, |out| write_str(text, out)),
            Self::Uuid(bytes) => write_tagged(" u", out, |out| {
                write_str(&base16ct::lower::encode_string(bytes), out)
            }),
            Self::DateTime(at) => {
                write_tagged(" d", out, |out| write_str(&at.to_string(), out));
            }
            Self::Verbatim(verbatim) => out.push_str(verbatim.json()),
        }
    }
}

fn write_tagged(tag: &str, out: &mut String, inner: impl FnOnce(&mut String)) {
    out.push_str("{\"");
    out.push_str(tag);
    out.push_str("\":");
    inner(out);
    out.push('}');
}

fn write_list(items: &[Value], out: &mut String) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        item.write(out);
    }
    out.push(']');
}

/// A dict whose one key looks like a tag is tagged itself.
fn write_dict(items: &BTreeMap<String, Value>, out: &mut String) {
    match items.first_key_value() {
        Some((key, value)) if items.len() == 1 && is_tag(key) => {
            write_tagged(" di", out, |out| {
                write_object([(format!("{key}__").as_str(), value)].into_iter(), out);
            });
        }
        _ => write_object(items.iter().map(|(key, value)| (key.as_str(), value)), out),
    }
}

/// `String`'s order is that of UTF-8 bytes, which is Python's order by code
/// points.
fn write_object<'v>(items: impl Iterator<Item = (&'v str, &'v Value)>, out: &mut String) {
    out.push('{');
    for (i, (key, value)) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_str(key, out);
        out.push(':');
        value.write(out);
    }
    out.push('}');
}

/// Python's `ensure_ascii`.
fn write_str(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}
