//! This program: its table of pages, what they show, and its error page.

mod error;
mod pages;
mod remedy;
mod routes;
mod site;

pub(crate) use site::BUILT_IN;

use http::Method;

use crate::server::Server;

/// This program as a server.
pub fn server() -> Server<'static> {
    const GET: &[Method] = &[Method::GET];
    const GET_POST: &[Method] = &[Method::GET, Method::POST];
    Server::named("signet")
        .route("/", GET, routes::index)
        .endpoint("index")
        .route("/login", GET_POST, routes::login)
        .endpoint("login")
        .takes_form()
        .route("/logout", GET_POST, routes::logout)
        .endpoint("logout")
        .error_page(error::page)
}
