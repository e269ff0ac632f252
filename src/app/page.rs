//! The data of pages, and their templates.

use minijinja::Value;

use super::remedy::Steps;
use crate::server::Context;

/// The bytes that the values in a page normally take. askama's hint is only for the text
/// around them: without room for the values, most documents would be moved once.
pub(super) const VALUES: usize = 768;

/// The data of a page, and its template.
pub(super) trait Page {
    /// The template's file, which a site can replace.
    fn file(&self) -> &'static str;

    /// The built-in document.
    fn built_in(&self, context: &Context) -> String;

    /// The variables of a site's own template.
    fn variables(&self, context: &Context) -> Value;
}

/// Defines a page: a struct with its data. Two engines render it from the same template.
/// `$shared` are more variables for a site's own template.
macro_rules! page {
    ($name:ident, $file:literal, $shared:expr, $($field:ident: $type:ty),*) => {
        #[derive(Clone, Copy, Default)]
        pub(in crate::app) struct $name<'a> {
            $($field: $type),*
        }

        impl $crate::app::page::Page for $name<'_> {
            fn file(&self) -> &'static str {
                $file
            }

            fn built_in(&self, context: &$crate::server::Context) -> String {
                #[derive(askama::Template)]
                #[template(path = $file)]
                struct Template<'a> {
                    t: &'a $crate::app::texts::Texts,
                    context: &'a $crate::server::Context,
                    $($field: $type),*
                }

                impl Template<'_> {
                    /// A test also renders each page with the other engine, where an
                    /// unknown endpoint is an error.
                    fn url_for(&self, endpoint: &str) -> String {
                        self.context.url_for(endpoint, &[]).unwrap_or_default()
                    }
                }

                let Self { $($field),* } = *self;
                let t = $crate::app::texts::Texts::of(context);
                let template = Template { t, context, $($field),* };
                let size = <Template<'_> as askama::Template>::SIZE_HINT;
                let mut document = String::with_capacity(size + $crate::app::page::VALUES);
                // Rendering into a String cannot fail.
                let _ = askama::Template::render_into(&template, &mut document);
                document
            }

            fn variables(&self, context: &$crate::server::Context) -> minijinja::Value {
                let t = minijinja::Value::from_object($crate::app::texts::Texts::of(context));
                let lang = context.language().tag();
                minijinja::context! { ..minijinja::context! { t, lang }, ..self.own_variables(), ..$shared }
            }
        }

        impl<'a> $name<'a> {
            /// The template, and two sets of variables to try: nothing, and some text
            /// everywhere.
            pub(in crate::app) fn to_try(
                context: &$crate::server::Context,
            ) -> (&'static str, [minijinja::Value; 2]) {
                use $crate::app::page::{Page as _, Variable as _};
                let example = Self { $($field: <$type>::example()),* };
                let both = [Self::default(), example];
                ($file, both.map(|page| page.variables(context)))
            }
        }

        impl $name<'_> {
            fn own_variables(&self) -> minijinja::Value {
                use $crate::app::page::Variable as _;
                minijinja::context! { $($field => self.$field.value()),* }
            }
        }
    };
}
pub(super) use page;

/// A type of the variables of templates.
pub(super) trait Variable {
    fn value(&self) -> Value;

    /// A value that is not empty, if one can be made.
    fn example() -> Self;
}

macro_rules! variables {
    ($($type:ty = $example:literal),+) => {
        $(impl Variable for $type {
            fn value(&self) -> Value {
                Value::from(*self)
            }

            fn example() -> Self {
                $example
            }
        })+
    };
}

variables!(&str = "example", bool = true, u16 = 7);

impl Variable for &[Steps] {
    fn value(&self) -> Value {
        self.iter().map(Steps::value).collect()
    }

    fn example() -> Self {
        &[]
    }
}
