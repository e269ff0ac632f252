//! Protected content: who is logged in and by what right, and files as responses.

pub mod response;
pub(crate) mod user;
