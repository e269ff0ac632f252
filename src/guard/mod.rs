//! Protected content: who is logged in and by what right, who may open what, which file a
//! path leads to, files as responses, and answers for web servers that protect theirs.

pub mod access;
#[cfg(feature = "program")]
pub(crate) mod answer;
pub mod groups;
pub mod listing;
pub(crate) mod own_files;
pub mod response;
pub mod rules;
pub mod tree;
pub(crate) mod user;
mod words;
