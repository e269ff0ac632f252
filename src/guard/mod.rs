//! Protected content: who is logged in and by what right.

pub(crate) mod user;
