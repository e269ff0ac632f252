//! The program of marty's README.

use marty::Router;

fn main() {
    let mut router = Router::new();
    router.get("/", |_| "Hello from Marty CGI!\n");
    router.get("/hello/{name}", |req| {
        let name = req.param("name").unwrap_or("world");
        format!("Hello, {name}!\n")
    });
    router.fallback(|_| (404u16, "Not found\n"));
    router.serve().unwrap();
}
