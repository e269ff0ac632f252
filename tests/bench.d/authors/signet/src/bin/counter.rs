//! Counts a visitor's visits in signet's signed cookie.

#![cfg_attr(not(test), no_main)]

use signet::Server;

signet::main!(server: Server::named("counter").get("/", |_, session| {
    let visits = session.get_or("visits", 0) + 1;
    session.insert("visits", visits);
    format!("Visit number {visits}\n")
}));
