//! Flask's `TaggedJSONSerializer`: JSON in which tuples, bytes, markup, UUIDs and dates
//! are objects with one key, the tag.
//!
//! It is written as Flask writes it: keys sorted, ASCII only, no blanks. Values that
//! Python wrote in another way, and those that signet cannot represent, keep their
//! text ([`Verbatim`]), so that Python reads them again.

mod date_time;
mod read;
mod value;
mod write;

pub use serde_json::{Error, Number};

pub use date_time::{DateTime, DateTimeRange};
pub use read::loads;
pub use value::{Value, Verbatim};
pub use write::dumps;
pub(crate) use write::is_too_deep;

fn is_tag(key: &str) -> bool {
    matches!(key, " di" | " t" | " b" | " m" | " u" | " d")
}

/// The nesting depth of the text at which Python fails to read it.
pub(crate) const MAX_NESTING: usize = 1000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn key() -> impl Strategy<Value = String> {
        let tag = prop_oneof![
            Just(" t"),
            Just(" b"),
            Just(" m"),
            Just(" u"),
            Just(" d"),
            Just(" di")
        ];
        prop_oneof![
            ".{0,6}",
            tag.prop_flat_map(|tag| "_{0,4}".prop_map(move |end| format!("{tag}{end}"))),
            " [a-z]{1,3}",
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let single = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Number(number.into())),
            any::<u64>().prop_map(|number| Value::Number(number.into())),
            ".{0,9}".prop_map(Value::String),
            ".{0,9}".prop_map(Value::Markup),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            any::<[u8; 16]>().prop_map(Value::Uuid),
            // From the year 100 on: Flask reads earlier ones as years of two digits.
            (-59_011_459_200_i64..253_402_300_800)
                .prop_map(|at| Value::DateTime(DateTime::from_unix(at).expect("in range"))),
        ];
        single.prop_recursive(6, 40, 5, |inner| {
            let several = prop::collection::vec(inner.clone(), 0..5);
            prop_oneof![
                several.clone().prop_map(Value::List),
                several.prop_map(Value::Tuple),
                prop::collection::btree_map(key(), inner, 0..4).prop_map(Value::Dict),
            ]
        })
    }

    /// Text that is often nearly JSON.
    fn text() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            " ",
            "null",
            "true",
            "NaN",
            "-Infinity",
            "1e5",
            "-0.0",
            "01",
            "\" t\":",
            "\" di\":",
            "\" t__\":",
            "\" d\":",
            "\" b\":",
            "\"QUI=\"",
            "\"a\":",
            "\"\\ud800\"",
            "\"\\u00e9\"",
            "{\"a\":1}",
            "[1,2]",
            "é",
        ]);
        let inside = prop::collection::vec(parts, 0..12).prop_map(|parts| parts.concat());
        inside.prop_map(|inside| format!("{{\"v\":{inside}}}"))
    }

    /// Whatever is nested, at the depths around both limits of the reader.
    #[test]
    fn what_is_too_deep_is_what_could_not_be_read_again() {
        type Wrap = fn(Value) -> Value;
        fn dict(key: &str, value: Value) -> Value {
            Value::Dict([(key.to_owned(), value)].into())
        }
        let wraps: [(&str, Wrap); 5] = [
            ("list", |value| Value::List(vec![value])),
            ("tuple", |value| Value::Tuple(vec![value])),
            ("dict", |value| dict("a", value)),
            ("dict of a tag", |value| dict(" t", value)),
            ("both", |value| Value::List(vec![dict("a", value)])),
        ];
        let insides = [
            Value::from(1),
            Value::List(Vec::new()),
            Value::Bytes(vec![1]),
            Value::Dict(BTreeMap::new()),
        ];
        for (name, wrap) in wraps {
            for inside in &insides {
                let mut value = inside.clone();
                let mut limits = 0;
                let mut was_read = true;
                for depth in 0..1010 {
                    if depth % 83 == 0 || depth > 995 || (490..505).contains(&depth) {
                        let session = [("v".to_owned(), value.clone())].into();
                        let is_read = loads(&dumps(&session)).is_some();
                        assert_eq!(is_read, !is_too_deep(&session), "{name}: {depth}");
                        limits += usize::from(is_read != was_read);
                        was_read = is_read;
                    }
                    value = wrap(value);
                }
                assert_eq!(limits, 1, "{name}");
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
        fn any_dict_is_read_as_it_was_written(
            dict in prop::collection::btree_map(key(), value(), 0..5)
        ) {
            prop_assert_eq!(loads(&dumps(&dict)), Some(dict));
        }

        #[test]
        fn any_text_is_refused_or_written_with_the_same_meaning(text in text()) {
            if let Some(dict) = loads(&text) {
                prop_assert_eq!(loads(&dumps(&dict)), Some(dict));
            }
        }

        #[test]
        fn no_text_makes_the_reader_fail(text in any::<String>()) {
            let _: Option<BTreeMap<String, Value>> = loads(&text);
        }
    }
}
