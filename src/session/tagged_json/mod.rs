//! Flask's `TaggedJSONSerializer`: JSON that keeps tuples, bytes, markup,
//! UUIDs and dates apart, each as an object with one key, the tag.
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

fn is_tag(key: &str) -> bool {
    matches!(key, " di" | " t" | " b" | " m" | " u" | " d")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

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

    proptest! {
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
