//! The texts of pages: those that visitors read, `templates/en.rs`, and those that only owners
//! of a site read, `templates/owner.rs`.
//!
//! For another language, copy the first. A second definition of the macro `texts`, between
//! the two files that are included, makes another constant [`Texts`] of it. The compiler
//! then names each text that is missing or unknown.

use std::fmt;
use std::sync::Arc;

use askama::filters::HtmlSafe;
use minijinja::Value;
use minijinja::value::Object;

/// A text that stands in HTML as it is: a template need not look at each byte.
#[derive(Debug)]
pub(super) struct Html(&'static str);

impl Html {
    const fn new(text: &'static str) -> Self {
        let (bytes, mut at) = (text.as_bytes(), 0);
        while at < bytes.len() {
            assert!(!matches!(bytes[at], b'<' | b'>' | b'&' | b'"'));
            at += 1;
        }
        Self(text)
    }
}

impl HtmlSafe for Html {}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl askama::FastWritable for Html {
    fn write_into(&self, out: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(out.write_str(self.0)?)
    }
}

/// The types and values of texts: a text, a list of texts, or a function that
/// fills the places of one.
macro_rules! text {
    (type of [$($text:literal),+]) => { [Html; [$($text),+].len()] };
    (type of $text:literal) => { Html };
    (value of [$($text:literal),+]) => { [$(Html::new($text)),+] };
    (value of $text:literal) => { Html::new($text) };
    (variable of $text:expr, [$($part:literal),+]) => { $text.iter().map(|part| Value::from(part.0)).collect() };
    (variable of $text:expr, $part:literal) => { Value::from($text.0) };
    (type) => { &'static str };
    (type $($type:ty),+) => { fn($($type),+) -> String };
    (value $text:literal) => { $text };
    (value $text:literal $($arg:ident),+) => { |$($arg),+| format!($text) };
    (value { $($pattern:pat => $text:literal),+ } $arg:ident $(, $more:ident)*) => {
        |$arg $(, $more)*| match $arg { $($pattern => format!($text)),+ }
    };
}

macro_rules! texts {
    (
        templates { $($variable:ident = $html:tt;)+ }
        $($name:ident $(($($arg:ident: $type:ty),+))? = $text:tt;)+
    ) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(super) struct Texts {
            $(pub(super) $variable: text!(type of $html),)+
            $(pub(super) $name: text!(type $($($type),+)?),)+
        }

        pub(super) static ENGLISH: Texts = Texts {
            $($variable: text!(value of $html),)+
            $($name: text!(value $text $($($arg),+)?),)+
        };

        /// The texts as the variable `t` of a site's own templates.
        impl Object for &'static Texts {
            fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
                match name.as_str()? {
                    $(stringify!($variable) => Some(text!(variable of self.$variable, $html)),)+
                    _ => None,
                }
            }
        }

        /// The names of the texts that templates have.
        #[cfg(test)]
        const VARIABLES: &[&str] = &[$(stringify!($variable)),+];
    };
}

include!("../../templates/en.rs");

macro_rules! owner_texts {
    ($($name:ident $(($($arg:ident: $type:ty),+))? = $text:tt;)+) => {
        /// The texts for owners of a site.
        #[derive(Debug)]
        pub(super) struct OwnerTexts {
            $(pub(super) $name: text!(type $($($type),+)?),)+
        }

        pub(super) static FOR_OWNERS: OwnerTexts = OwnerTexts {
            $($name: text!(value $text $($($arg),+)?),)+
        };
    };
}

include!("../../templates/owner.rs");

#[cfg(test)]
mod tests {
    use super::*;

    /// Of other texts that nothing shows, the compiler warns.
    #[test]
    fn every_text_of_the_templates_is_shown() {
        for name in VARIABLES {
            let shown = |(_, source): &(&str, &str)| {
                let mut uses = source.split("{{ t.").skip(1);
                uses.any(|rest| rest.split([' ', '[']).next() == Some(name))
            };
            assert!(super::super::BUILT_IN.iter().any(shown), "{name}");
        }
    }
}
