//! Protected content: groups and access rules.

mod access;
mod groups;
