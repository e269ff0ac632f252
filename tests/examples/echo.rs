//! A CGI program that shows the method and the body of the request.

use std::process::ExitCode;

use http::Method;

fn main() -> ExitCode {
    let methods = "GET POST PUT PATCH DELETE OPTIONS TRACE QUERY PROPFIND";
    let methods: Vec<Method> = methods.split(' ').flat_map(str::parse).collect();
    signet::Server::named("echo")
        .route("/", methods.leak(), |request, _session| {
            let body = String::from_utf8_lossy(request.body());
            format!("{} {body:?}\n", request.method())
        })
        .run()
}
