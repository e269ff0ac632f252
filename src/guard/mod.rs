//! Protected content: who is logged in and by what right, which file a path leads to, and
//! files as responses.

pub mod response;
pub mod tree;
pub(crate) mod user;
