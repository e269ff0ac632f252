//! What rules forbid: links that lead to it are not listed, and the log says which rule
//! refused whom.

use std::os::unix::fs::symlink;

use signet::testing::Client;

use super::{PASSWORD, named, state_of};
use crate::live::site::set_mode;
use crate::support::StateDir;
use crate::support::html::{unescape, words};

type Server = signet::Server<'static>;

/// ada is logged in, before a protected folder beside the state folder.
fn ada<'s>(server: &'s Server, state: &StateDir, rules: &str) -> Client<'s> {
    let mut client = Client::new(server)
        .setting("SECRET_KEY", "tests-only-7f3a91c6e0d24b58")
        .setting("GUARD_DIR", state.path().with_file_name("private"))
        .setting("GUARD_LISTING", "true")
        .setting("GUARD_USERS", rules)
        .setting("GROUPS_FILE", state.path().join("groups"))
        .state_dir(state.path())
        .without_redirects();
    let fields = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(client.post("/login", &fields).status, 303);
    client
}

fn state(files: &[(&str, &str)]) -> StateDir {
    let state = state_of(&named("ada"));
    state.write("groups", "staff: bob\nguests: ada\n", 0o644);
    for (name, text) in files {
        state.write(&format!("../private/{name}"), text, 0o644);
    }
    state
}

/// The names in a list.
fn listed(page: &str) -> Vec<String> {
    let names = page.split("<bdi>").skip(1);
    let names = names.filter_map(|rest| rest.split_once("</a>"));
    let names = names.map(|(name, _)| unescape(&name.replace("</bdi>", "")));
    names.collect()
}

/// A link is judged by the rules of its own path and of the place where it leads.
#[test]
fn a_list_shows_no_link_to_what_is_forbidden() {
    let (server, state) = (
        signet::app::server(),
        state(&[
            ("board/salaries.pdf", "s"),
            ("board/minutes.txt", "m"),
            ("board/old/salaries.pdf", "s"),
            ("secret/x.txt", "x"),
            ("closed/.signet-users", "bob\n"),
            ("closed/f.txt", "f"),
            ("closed/deep/f.txt", "f"),
            ("closed/open/.signet-users", "ada\n"),
            ("closed/open/g.txt", "g"),
            ("links/own.txt", "o"),
            ("links/named.txt", "n"),
        ]),
    );
    let private = state.path().with_file_name("private");
    for (target, name) in [
        ("board", "to-board"),
        ("to-board/old", "to-old"),
        ("../board/salaries.pdf", "links/salaries"),
        ("../board/minutes.txt", "links/minutes"),
        ("../to-board/salaries.pdf", "links/again"),
        ("../secret", "links/secret"),
        ("../secret/x.txt", "links/x"),
        ("../closed", "links/closed"),
        ("../closed/f.txt", "links/f"),
        ("../closed/deep", "links/deep"),
        ("../closed/open", "links/open"),
        ("../closed/open/g.txt", "links/g"),
        ("..", "links/all"),
    ] {
        symlink(target, private.join(name)).expect(name);
    }
    let rules = r#"{"/files/board/salaries.pdf": ["bob"], "/files/board/old/salaries.pdf": ["bob"],
        "/files/secret": ["bob"], "/files/links/named.txt": ["bob"]}"#;
    let mut client = ada(&server, &state, &rules.replace('\n', ""));
    #[rustfmt::skip]
    let cases: [(&str, &[&str]); 6] = [
        ("/files/board/",    &["old/", "minutes.txt"]),
        ("/files/to-board/", &["old/", "minutes.txt"]),
        ("/files/to-old/",   &[]),
        ("/files/links/all/board/", &["old/", "minutes.txt"]),
        ("/files/links/all/links/", &["all/", "g", "minutes", "open/", "own.txt"]),
        ("/files/links/",    &["all/", "g", "minutes", "open/", "own.txt"]),
    ];
    for (path, want) in cases {
        let page = client.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.log);
        let text = page.text();
        let (_, table) = text.split_once("<tbody>").unwrap_or_default();
        let mut shown = listed(table);
        shown.sort_unstable();
        let mut want = want.to_vec();
        want.sort_unstable();
        assert_eq!(shown, want, "{path}");
        // The rules of the list are those of the files.
        for name in want {
            let status = client.get(&format!("{path}{name}")).status;
            assert_eq!(status, 200, "{path}{name}");
        }
    }
    for name in [
        "salaries",
        "again",
        "secret/",
        "x",
        "closed/",
        "f",
        "deep/",
        "named.txt",
    ] {
        let status = client.get(&format!("/files/links/{name}")).status;
        assert_eq!(status, 403, "{name}");
    }
}

/// The owner sees the rule that refuses a user, for example one with a misspelt name; the page
/// names the line of the log.
#[test]
fn the_log_says_which_rule_refuses_whom() {
    let server = signet::app::server();
    let state = state(&[
        ("board/a.txt", "a"),
        ("nobody/a.txt", "a"),
        ("typed/.signet-users", "Ada\n@staf\nbob\n"),
        ("typed/a.txt", "a"),
        ("empty/.signet-users", "# nobody\n"),
        ("empty/a.txt", "a"),
        ("damaged/.signet-users", "ada\n\u{7}\n"),
        ("damaged/a.txt", "a"),
    ]);
    state.write("groups", "staff: bob\nstaff ada\nguests: ada\n", 0o644);
    let long: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
    state.write("../private/long/.signet-users", long.join("\n"), 0o644);
    state.write("../private/long/a.txt", "a", 0o644);
    let rules = r#"{"/files/board": ["bob", "@staff"], "/files/nobody": []}"#;
    let mut client = ada(&server, &state, rules);
    #[rustfmt::skip]
    let cases: [(&str, &[&str]); 6] = [
        ("board",   &["GUARD_USERS", "\"/files/board\"", "\"bob\"", "\"@staff\""]),
        ("nobody",  &["GUARD_USERS", "\"/files/nobody\"", "nobody"]),
        ("typed",   &["private/typed/.signet-users", "\"Ada\"", "\"@staf\"", "\"bob\""]),
        ("empty",   &["private/empty/.signet-users", "nobody"]),
        ("long",    &["private/long/.signet-users", "\"user0\"", "95 more"]),
        ("damaged", &["private/damaged/.signet-users", "has a line that is no name"]),
    ];
    for (folder, wanted) in cases {
        for path in ["", "/", "/a.txt", "/none"] {
            let response = client.get(&format!("/files/{folder}{path}"));
            assert_eq!(response.status, 403, "{folder}{path}");
            let (log, page) = (&response.log, response.text());
            assert_eq!(log.lines().count(), 1, "{folder}{path}: {log}");
            let (_, number) = log.split_once("error ").expect(log);
            let (number, _) = number.split_once(':').expect(log);
            assert!(page.contains(number), "{folder}{path}: {page}");
            let words = ["\"ada\"", "\"guests\""];
            let about = if folder == "damaged" {
                &words[..0]
            } else {
                &words[..]
            };
            for word in wanted.iter().chain(about) {
                assert!(log.contains(word), "{folder}{path}, {word}: {log}");
            }
            assert!(
                !page.contains("bob") && !page.contains("GUARD_USERS"),
                "{page}"
            );
            // ada may be meant to be in the group of this line.
            let hints = log.contains("line 2 of GROUPS_FILE is not read");
            assert_eq!(hints, folder != "damaged", "{folder}{path}: {log}");
        }
    }
    // Without a name, the page of a missing file has none either.
    assert_eq!(client.get("/files/none").log, "");
    let asked = client.get("/auth?group=staff");
    assert_eq!(asked.status, 403);
    for word in [
        "\"ada\"",
        "\"staff\"",
        "GROUPS_FILE",
        "\"guests\"",
        "line 2",
    ] {
        assert!(asked.log.contains(word), "{word}: {}", asked.log);
    }
}

/// A folder that cannot be protected: the owner learns which setting names it, and where.
#[test]
fn the_error_of_a_protected_folder_names_its_setting() {
    let server = signet::app::server();
    #[rustfmt::skip]
    let cases: [(&str, u32, &[&str], &str); 4] = [
        ("private", 0o777, &["chmod 755", "mode 0777"],     "permissions to 755"),
        ("private", 0o722, &["chmod 700", "mode 0722"],     "permissions to 700"),
        ("missing", 0o755, &["missing: does not exist"],    "does not exist"),
        ("file",    0o755, &["file: is not a folder"],      "is not a folder"),
    ];
    for (name, mode, reasons, advice) in cases {
        for setting in ["GUARD_DIR", "GUARD_DIRS"] {
            let state = state(&[("a.txt", "a")]);
            state.write("../file", "text", 0o644);
            let folder = state.path().with_file_name(name);
            if name == "private" {
                set_mode(&folder, mode);
            }
            let (value, url) = match setting {
                "GUARD_DIR" => (format!("{folder:?}"), "/files/a.txt"),
                _ => (format!("{{ \"/old\" = {folder:?} }}"), "/old/a.txt"),
            };
            let settings = format!("SESSION_COOKIE_PATH = \"/\"\n\n{setting} = {value}\n");
            state.write("signet.toml", settings, 0o600);
            let mut client = Client::new(&server)
                .state_dir(state.path())
                .without_redirects();
            let fields = [("username", "ada"), ("password", PASSWORD)];
            assert_eq!(client.post("/login", &fields).status, 303);
            let response = client.get(url);
            let case = format!("{setting} {name} {mode:o}: {}", response.log);
            assert_eq!(response.status, 503, "{case}");
            let place = format!("signet.toml:3: {setting}: ");
            for word in reasons.iter().chain([&&*place]) {
                assert!(response.log.contains(word), "{word}, {case}");
            }
            let page = words(&response.text());
            for word in ["signet.toml", "line 3", setting, advice] {
                assert!(page.contains(word), "{word}, {case}: {page}");
            }
            let path = folder.to_string_lossy();
            assert!(!page.contains(&*path), "{case}: {page}");
            // The rest of the site goes on.
            assert_eq!(client.get("/").status, 200, "{case}");
        }
    }
}
