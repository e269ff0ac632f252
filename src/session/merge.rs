//! Merges the changes of requests that ran at the same time in one session, key by
//! key. The order in which they are saved does not matter.

use std::collections::BTreeMap;

use super::dict::FLASHES;
use super::tagged_json::Value;

type Dict = BTreeMap<String, Value>;

/// Applies the changes from `loaded` to `changed` to what is stored now.
///
/// A key that this request did not change keeps its stored value; one that it set or
/// removed gets the value of this request. Flashed messages are a queue: those that
/// were shown are removed, new ones are appended.
pub(crate) fn merge(stored: Dict, loaded: &Dict, changed: &Dict) -> Dict {
    let mut merged = stored;
    for key in loaded.keys() {
        if key != FLASHES && !changed.contains_key(key) {
            merged.remove(key);
        }
    }
    for (key, value) in changed {
        if key != FLASHES && loaded.get(key) != Some(value) {
            merged.insert(key.clone(), value.clone());
        }
    }
    merge_flashes(&mut merged, loaded, changed);
    merged
}

fn merge_flashes(merged: &mut Dict, loaded: &Dict, changed: &Dict) {
    if loaded.get(FLASHES) == changed.get(FLASHES) {
        return;
    }
    let queue = |dict: &Dict| match dict.get(FLASHES) {
        Some(Value::List(flashes)) => flashes.clone(),
        _ => Vec::new(),
    };
    let (before, after) = (queue(loaded), queue(changed));
    // `after` is the loaded queue without the messages that were shown, and the new
    // messages.
    let shown = (0..=before.len())
        .find(|shown| after.starts_with(&before[*shown..]))
        .unwrap_or(before.len());
    let added = &after[before.len() - shown..];
    let mut flashes = queue(merged);
    for flash in &before[..shown] {
        if let Some(at) = flashes.iter().position(|other| other == flash) {
            flashes.remove(at);
        }
    }
    flashes.extend_from_slice(added);
    if flashes.is_empty() {
        merged.remove(FLASHES);
    } else {
        merged.insert(FLASHES.to_owned(), Value::List(flashes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(json: &str) -> Dict {
        super::super::tagged_json::loads(json).unwrap()
    }

    #[test]
    fn what_each_request_changed_is_kept() {
        #[rustfmt::skip]
        let cases = [
            // name                   stored                loaded               changed                  merged
            ("no other change",           r#"{"a":1}"#,         r#"{"a":1}"#,        r#"{"a":2}"#,         r#"{"a":2}"#),
            ("another key",           r#"{"a":1,"b":1}"#,   r#"{"a":1}"#,        r#"{"a":2}"#,         r#"{"a":2,"b":1}"#),
            ("the last writer wins",  r#"{"a":7}"#,         r#"{"a":1}"#,        r#"{"a":2}"#,         r#"{"a":2}"#),
            ("not changed here",       r#"{"a":7}"#,         r#"{"a":1}"#,        r#"{"a":1,"c":1}"#,   r#"{"a":7,"c":1}"#),
            ("removed here",       r#"{"a":7,"b":1}"#,   r#"{"a":1}"#,        r#"{}"#,              r#"{"b":1}"#),
            ("removed by another",  r#"{}"#,              r#"{"a":1}"#,        r#"{"a":1,"b":2}"#,   r#"{"b":2}"#),
            ("flashed by both",       r#"{"_flashes":[1,2]}"#, r#"{"_flashes":[1]}"#, r#"{"_flashes":[1,3]}"#, r#"{"_flashes":[1,2,3]}"#),
            ("shown here",           r#"{"_flashes":[1,2]}"#, r#"{"_flashes":[1]}"#, r#"{}"#,         r#"{"_flashes":[2]}"#),
            ("shown here, new one",  r#"{"_flashes":[1,2]}"#, r#"{"_flashes":[1]}"#, r#"{"_flashes":[3]}"#, r#"{"_flashes":[2,3]}"#),
            ("shown by both",         r#"{}"#,              r#"{"_flashes":[1]}"#, r#"{}"#,            r#"{}"#),
            ("first flash",           r#"{"a":1}"#,         r#"{"a":1}"#,        r#"{"a":1,"_flashes":[1]}"#, r#"{"_flashes":[1],"a":1}"#),
            ("same text again",       r#"{"_flashes":[1]}"#, r#"{"_flashes":[1]}"#, r#"{"_flashes":[1,1]}"#, r#"{"_flashes":[1,1]}"#),
        ];
        for (name, stored, loaded, changed, want) in cases {
            let merged = merge(dict(stored), &dict(loaded), &dict(changed));
            assert_eq!(merged, dict(want), "{name}");
        }
    }
}
