//! Protected content: who is logged in and by what right, who may open what, which file a
//! path leads to, and files as responses.

pub mod access;
pub mod groups;
pub mod response;
pub mod rules;
pub mod tree;
pub(crate) mod user;
mod words;
