//! Counts a visitor's visits in marty's signed cookie.

use marty::cgi::{CgiRequest, CgiResponse};
use marty::{Config, ConfigError, Router, SessionStore};

fn main() {
    let mut router = Router::new();
    router.get("/", |req| visits(req).unwrap());
    router.fallback(|_| (404u16, "Not found\n"));
    router.serve().unwrap();
}

fn visits(req: &CgiRequest) -> Result<CgiResponse, ConfigError> {
    let store = SessionStore::from_config(&Config::load()?)?;
    let mut session = store.load(req);
    let visits = session.get("visits").and_then(|visits| visits.parse().ok());
    let visits: u64 = visits.unwrap_or(0) + 1;
    session.insert("visits", visits.to_string());
    let page = format!("Visit number {visits}\n");
    Ok(store.save(&session, CgiResponse::text(page)))
}
