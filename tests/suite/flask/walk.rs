//! The tutorial's walk over two programs: Flask at `/`, signet at `/app`, one
//! browser. Logging in at either is seen at the other, and so is logging out.

use serde_json::json;

use super::{Answer, DIGESTS, Peer, Setup};
use crate::support::Cgi;
use crate::support::jar::Jar;
use crate::support::response::Response;

const NOBODY: &str = "You are not logged in";

/// A browser with two sites of one host open.
struct Visitor {
    peer: Peer,
    jar: Jar,
    setup: Setup,
}

impl Visitor {
    fn flask(&mut self, method: &str, path: &str, form: serde_json::Value) -> Answer {
        let cookie = self.jar.header(path, false);
        let more = json!({ "method": method, "form": form });
        let answer = self
            .peer
            .request(path, cookie.as_deref(), self.setup.json(), more);
        self.jar.store(path, &answer.cookies());
        answer
    }

    /// signet below `/app`, told to share the cookie with the whole host.
    fn signet(&mut self, cgi: Cgi, target: &str) -> Response {
        let path = format!("/app{target}");
        let mut cgi = cgi.var("SIGNET_SESSION_COOKIE_PATH", "/");
        for (name, value) in self.setup.vars() {
            cgi = cgi.var(name, value);
        }
        if let Some(header) = self.jar.header(&path, false) {
            cgi = cgi.cookie(header);
        }
        let response = cgi.run().response();
        self.jar.store(&path, &response.cookies());
        response
    }

    /// Both index pages show this.
    #[track_caller]
    fn sees(&mut self, words: &str) {
        let index = self.flask("GET", "/", json!(null));
        assert_eq!(index.status, 200);
        index.shows(words);
        let index = self.signet(Cgi::get("/"), "/");
        assert_eq!(index.status, 200);
        assert!(
            index.words().contains(words),
            "no {words:?} in {}",
            index.words()
        );
    }
}

#[test]
#[ignore = "needs Flask: run tests/run"]
fn a_login_at_either_is_one_at_both() {
    for setup in DIGESTS.map(Setup::new) {
        let mut visitor = Visitor {
            peer: Peer::start(),
            jar: Jar::default(),
            setup,
        };
        visitor.sees(NOBODY);

        let form = visitor.flask("GET", "/login", json!(null));
        form.shows("name=\"username\"");
        let posted = visitor.flask("POST", "/login", json!({ "username": "zo\u{eb} <3" }));
        assert_eq!((posted.status, posted.header("location")), (302, Some("/")));
        visitor.sees("Logged in as zo\u{eb} <3");

        let out = visitor.signet(Cgi::get("/logout"), "/logout");
        assert_eq!((out.status, out.header("Location")), (303, Some("/app/")));
        assert_eq!(visitor.jar.header("/", false), None, "the cookie is gone");
        visitor.sees(NOBODY);

        let posted = visitor.signet(Cgi::post("/login", "username=admin"), "/login");
        assert_eq!(
            (posted.status, posted.header("Location")),
            (303, Some("/app/"))
        );
        visitor.sees("Logged in as admin");

        let out = visitor.flask("GET", "/logout", json!(null));
        assert_eq!((out.status, out.header("location")), (302, Some("/")));
        // Flask takes the name out; the date of the beginning and the demo's mark stay.
        let left = visitor.jar.header("/", false).expect("a cookie");
        let value = left.strip_prefix("session=").expect("ours alone");
        let read = super::oracle(setup).read_session(value).expect("signed");
        assert_eq!(read.0, r#"{"_demo":"admin"}"#);
        visitor.sees(NOBODY);
    }
}

/// What Flask keeps in the session beside the name survives a login at signet.
#[test]
#[ignore = "needs Flask: run tests/run"]
fn what_flask_stored_survives_a_login_at_signet() {
    for setup in DIGESTS.map(Setup::new) {
        let mut visitor = Visitor {
            peer: Peer::start(),
            jar: Jar::default(),
            setup,
        };
        visitor.flask("GET", "/do/flashed", json!(null));
        visitor.signet(Cgi::post("/login", "username=admin"), "/login");
        visitor.sees("Logged in as admin");
        let kept = visitor.jar.header("/", false).expect("a cookie");
        let value = kept.strip_prefix("session=").expect("ours alone");
        let (json, _, _) = super::oracle(setup).read_session(value).expect("signed");
        let want =
            r#"{"_demo":"admin","_flashes":[{" t":["message","saved"]}],"username":"admin"}"#;
        assert_eq!(json, want);
    }
}
