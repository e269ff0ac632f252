//! The axum program of marty's README.

use axum::{Router, extract::Path, routing::get};
use marty::serve_cgi;

#[tokio::main]
async fn main() {
    let app = Router::new()
        .route("/", get(|| async { "Hello, World!" }))
        .route(
            "/hello/{name}",
            get(|Path(name): Path<String>| async move { format!("Hello, {name}!") }),
        );
    serve_cgi(app).await.unwrap();
}
