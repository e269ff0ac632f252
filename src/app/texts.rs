//! The texts of pages: those that visitors read, in each language, and those that only
//! owners of a site read, in English.
//!
//! The files of `templates/` are calls of macros. The first definition of `texts` makes the
//! type [`Texts`] and its value in English, the second one a value of this type in another
//! language: the compiler names each text that a translation lacks.

use std::fmt;
use std::sync::Arc;

use askama::filters::HtmlSafe;
use minijinja::Value;
use minijinja::value::Object;

use crate::gateway::Language;
use crate::server::Context;

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

macro_rules! texts {
    (
        templates { $($variable:ident = $html:tt;)+ }
        $($name:ident $(($($arg:ident),+))? = $text:tt;)+
    ) => {
        use super::{Html, Texts};

        pub(super) static TEXTS: Texts = Texts {
            $($variable: text!(value of $html),)+
            $($name: text!(value $text $($($arg),+)?),)+
        };
    };
}

mod de {
    include!("../../templates/de.rs");
}

mod es {
    include!("../../templates/es.rs");
}

mod fr {
    include!("../../templates/fr.rs");
}

mod zh {
    include!("../../templates/zh.rs");
}

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

impl Texts {
    /// The texts for the visitor whose request it is.
    pub(super) fn of(context: &Context) -> &'static Self {
        Self::by(context.language())
    }

    pub(super) fn by(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &de::TEXTS,
            Language::Chinese => &zh::TEXTS,
            Language::French => &fr::TEXTS,
            Language::Spanish => &es::TEXTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_translation_names_its_language() {
        for language in Language::ALL {
            assert_eq!(Texts::by(language).language.0, language.tag());
        }
    }

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
