//! Error types: the words for the log, and conversions.
//!
//! This is our own code because the crates that derive it are as many, and take as
//! long to build, as a tenth of what a CGI program needs.

/// Implements `Display` and `Error` for an error type: a format string, with its
/// arguments, for each of its forms.
macro_rules! error_texts {
    ($type:ty: $($(#[$cfg:meta])* $form:pat => $($text:expr),+;)+) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $($(#[$cfg])* $form => write!(f, $($text),+),)+
                }
            }
        }

        impl std::error::Error for $type {}
    };
}

/// Converts other errors to variants of an error type, so that `?` does.
macro_rules! from_errors {
    ($type:ty: $($(#[$cfg:meta])* $variant:ident($error:ty);)+) => {
        $(
            $(#[$cfg])*
            impl From<$error> for $type {
                fn from(err: $error) -> Self {
                    Self::$variant(err)
                }
            }
        )+
    };
}
