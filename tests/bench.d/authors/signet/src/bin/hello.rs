//! The program of marty's README, with signet.

#![cfg_attr(not(test), no_main)]

use signet::Server;

signet::main!(server: Server::named("hello")
    .get("/", |_, _| "Hello from signet!\n")
    .get("/hello/{name}", |request, _| {
        let name = signet::parameter(request, "name").unwrap_or("world");
        format!("Hello, {name}!\n")
    }));
