//! The pages: index, login, logout, and those that say what went wrong.
//!
//! They use nothing that another program could not: [`crate::serve_after`].

pub(crate) mod error;
mod pages;
mod remedy;
mod routes;
mod site;

use std::io::Read;
use std::process::ExitCode;

pub use pages::UnknownEndpoint;
pub use pages::url_for;
pub(crate) use site::BUILT_IN;

use crate::{Edge, Entrance, MetaVariables};

/// Serves what a web server started this process for with the built-in pages;
/// see [`crate::serve`].
pub fn serve(entrance: Entrance, edge: Edge) -> ExitCode {
    crate::server::serve_edge(
        entrance,
        edge,
        &routes::ROUTES,
        routes::check,
        routes::handle,
    )
}

/// The built-in pages' answer to the request in `edge`, whole.
pub fn respond(edge: Edge, stdin: &mut impl Read) -> Vec<u8> {
    crate::respond(edge, stdin, routes::check, routes::handle)
}

/// As [`respond`], to a request that is not in the environment of `edge`.
pub(crate) fn respond_to(vars: MetaVariables, edge: &Edge, stdin: &mut impl Read) -> Vec<u8> {
    crate::server::respond_to(vars, edge, stdin, routes::check, routes::handle)
}
