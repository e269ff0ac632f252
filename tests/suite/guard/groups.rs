//! Lines of groups files, ordinary and hostile: whom signet takes for a member, and whom
//! Apache lets in by the same bytes.

use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use signet::guard::groups::Groups;

use crate::live::apache::{Started, configuration, start};
use crate::live::site::{Site, User};
use crate::support::http::{free_port, get};
use crate::users::HASH;

/// Name, file, group, user, whether the user is in the group for signet, and for Apache's
/// `Require group` (2.4.71).
type Row = (
    &'static str,
    &'static [u8],
    &'static str,
    &'static str,
    bool,
    bool,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("one line",              b"staff: ada bob\n",             "staff", "ada",   true,  true),
    ("the last user",         b"staff: ada bob\n",             "staff", "bob",   true,  true),
    ("no final newline",      b"staff: ada",                   "staff", "ada",   true,  true),
    ("another group",         b"staff: ada\nguests: bob\n",    "staff", "bob",   false, false),
    ("the second line",       b"staff: ada\nguests: bob\n",    "guests", "bob",  true,  true),
    ("an unknown group",      b"staff: ada\n",                 "guests", "ada",  false, false),
    ("no users",              b"staff:\n",                     "staff", "ada",   false, false),
    ("no colon",              b"staff ada\n",                  "staff", "ada",   false, false),
    ("an empty file",         b"",                             "staff", "ada",   false, false),
    ("no blank",              b"staff:ada\n",                  "staff", "ada",   true,  true),
    ("many blanks",           b"staff: \t ada \t bob \n",      "staff", "bob",   true,  true),
    ("a blank before",        b"  staff: ada\n",               "staff", "ada",   true,  true),
    ("a blank before the colon", b"staff : ada\n",             "staff", "ada",   true,  true),
    ("a tab before the colon", b"staff\t: ada\n",              "staff", "ada",   true,  true),
    ("two colons",            b"staff:: ada\n",                "staff", "ada",   true,  true),
    ("a colon in a user",     b"staff: a:b\n",                 "staff", "a",     false, false),
    ("a comma",               b"staff: ada, bob\n",            "staff", "ada",   false, false),
    ("a comma, after it",     b"staff: ada, bob\n",            "staff", "bob",   true,  true),
    ("two lines",             b"staff: ada\nstaff: bob\n",     "staff", "ada",   true,  true),
    ("two lines, the second", b"staff: ada\nstaff: bob\n",     "staff", "bob",   true,  true),
    ("a prefix",              b"staff: adam\n",                "staff", "ada",   false, false),
    ("a prefix of the group", b"staffs: ada\n",                "staff", "ada",   false, false),
    ("upper case of the user", b"staff: Ada\n",                "staff", "ada",   false, false),
    ("upper case of the group", b"Staff: ada\n",               "sTAFF", "ada",   true,  true),
    ("upper case beyond ASCII", "Gr\u{fc}n: ada\n".as_bytes(), "GR\u{dc}N", "ada", false, false),
    ("UTF-8",                 "Gr\u{fc}n: ad\u{e9}\n".as_bytes(), "Gr\u{fc}n", "ad\u{e9}", true, true),
    ("another normal form",   "staff: ad\u{e9}\n".as_bytes(),  "staff", "ade\u{301}", false, false),
    ("a comment",             b"# staff: ada\n",               "staff", "ada",   false, false),
    ("a comment after blanks", b"  # x\nstaff: ada\n",         "staff", "ada",   true,  true),
    ("a comment behind",      b"staff: bob # ada\n",           "staff", "ada",   true,  true),
    ("CR LF",                 b"staff: ada\r\nx: bob\r\n",     "staff", "ada",   true,  true),
    ("CR",                    b"x: bob\rstaff: ada\n",         "staff", "ada",   false, false),
    ("joined",                b"staff: bob \\\nada\n",         "staff", "ada",   true,  true),
    ("joined in a name",      b"staff: a\\\nda\n",             "staff", "ada",   true,  true),
    ("joined by CR LF",       b"staff: bob \\\r\n ada\r\n",    "staff", "ada",   true,  true),
    ("joined comment",        b"# old \\\nstaff: ada\n",       "staff", "ada",   false, false),
    ("joined twice",          b"staff: \\\nbob \\\nada\n",     "staff", "ada",   true,  true),
    ("joined to nothing",     b"staff: ada \\\n",              "staff", "ada",   true,  true),
    ("joined to an empty line", b"staff: bob \\\n\nx: ada\n",  "staff", "ada",   false, false),
    ("a backslash, no newline", b"staff: ada\\",               "staff", "ada",   false, false),
    ("two backslashes",       b"staff: bob \\\\\nada\n",       "staff", "ada",   false, false),
    ("a blank after the backslash", b"staff: bob \\ \nada\n",  "staff", "ada",   false, false),
    ("quotes",                b"staff: \"ada l\" bob\n",       "staff", "ada l", true,  true),
    ("after quotes",          b"staff: \"ada l\" bob\n",       "staff", "bob",   true,  true),
    ("single quotes",         b"staff: 'ada l'\n",             "staff", "ada l", true,  true),
    ("no quotes",             b"staff: ada l\n",               "staff", "ada l", false, false),
    ("quotes that do not end", b"staff: \"ada\n",              "staff", "ada",   true,  true),
    ("quotes in a word",      b"staff: a\"da\"\n",             "staff", "ada",   false, false),
    ("no blank after quotes", b"staff: \"bob\"ada\n",          "staff", "ada",   true,  true),
    ("an escaped quote",      b"staff: \"a\\\"da\"\n",         "staff", "a\"da", true,  true),
    ("another quote",         b"staff: 'a\"da'\n",             "staff", "a\"da", true,  true),
    ("an escaped backslash",  b"staff: a\\\\da\n",             "staff", "a\\da", true,  true),
    ("another escape",        b"staff: a\\da\n",               "staff", "a\\da", true,  true),
    ("a group with a blank",  b"the staff: ada\n",             "the staff", "ada", true, true),
    ("a group in quotes",     b"\"staff\": ada\n",             "staff", "ada",   false, false),
    ("a byte order mark",     b"\xef\xbb\xbfstaff: ada\n",     "staff", "ada",   true,  false),
    ("not UTF-8",             b"staff: b\xe9 ada\n",           "staff", "ada",   false, true),
    ("not UTF-8 elsewhere",   b"x: b\xe9\nstaff: ada\n",       "staff", "ada",   true,  true),
    ("a NUL",                 b"staff: ada\0 bob\n",           "staff", "ada",   false, true),
    ("a NUL before",          b"staff: bob\0 ada\n",           "staff", "ada",   false, false),
    ("a NUL elsewhere",       b"x: \0\nstaff: ada\n",          "staff", "ada",   true,  true),
    ("a NUL and a backslash", b"x: \0\\\nstaff: ada\n",        "staff", "ada",   false, true),
];

#[test]
fn a_line_is_read_as_the_table_says() {
    let others = ROWS.iter().filter(|row| {
        let (_, file, group, user, is_member, _) = **row;
        [Groups::parse(file), Groups::parse_of(file, user)]
            .iter()
            .any(|groups| {
                let listed = groups.of(user).any(|name| name.eq_ignore_ascii_case(group));
                (groups.contains(group, user), listed) != (is_member, is_member)
            })
    });
    let others: Vec<&str> = others.map(|row| row.0).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_groups_of_a_user_are_listed_once_in_the_order_of_the_file() {
    let groups = Groups::parse(b"b: ada\na: bob ada\nB: ada ada\nc: bob\n");
    assert_eq!(groups.of("ada").collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(groups.of("eve").count(), 0);
    assert!(groups.has("C") && !groups.has("d"));
}

/// The time must not grow with the square of the number of groups.
#[test]
fn many_groups_are_read_in_a_moment() {
    let lines = (0..100_000).map(|number| format!("group{number}: user{number} ada{number}\n"));
    let file: String = lines.collect();
    let start = Instant::now();
    let groups = [
        Groups::parse(file.as_bytes()),
        Groups::parse_of(file.as_bytes(), "ada77777"),
    ];
    for groups in groups {
        assert_eq!(groups.of("ada77777").collect::<Vec<_>>(), ["group77777"]);
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn lines_that_are_not_read_are_named() {
    let groups = Groups::parse(b"a: b\nno colon\n# \xe9\nb: \\\n\\\n\xe9\nc: \0\n");
    assert_eq!(groups.unread_lines(), [2, 4, 7]);
}

/// The rows with names that a browser can send and `Require group` can contain.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn apache_reads_a_line_as_the_table_says() {
    let (site, root) = (Site::new(), User::current());
    site.folder("run", root, 0o755);
    site.folder("htdocs", root, 0o755);
    let mut more = format!("DocumentRoot {}/htdocs\n", site.path().display());
    for (number, (_, file, group, user, ..)) in ROWS.iter().enumerate() {
        site.folder(&format!("htdocs/{number}"), root, 0o755);
        site.file(&format!("htdocs/{number}/page"), "page", root, 0o644);
        let groups = site.file(&format!("groups{number}"), file, root, 0o644);
        let users = format!("{user}:{HASH}\n");
        let users = site.file(&format!("users{number}"), users, root, 0o644);
        more += &format!(
            "<Location /{number}>\nAuthType Basic\nAuthName x\nAuthUserFile {}\n\
             AuthGroupFile {}\nRequire group \"{group}\"\n</Location>\n",
            users.display(),
            groups.display(),
        );
    }
    let port = free_port();
    let modules = [
        "auth_basic",
        "authn_core",
        "authn_file",
        "authz_groupfile",
        "authz_user",
    ];
    let conf = configuration(site.path(), port, Started::ByServer, &modules, &more);
    site.file("httpd.conf", conf, root, 0o644);
    let _server = start(Command::new("/usr/sbin/apache2"), site.path(), port);
    let others = ROWS.iter().enumerate().filter_map(|(number, row)| {
        let credentials = BASE64_STANDARD.encode(format!("{}:pw", row.3));
        let credentials = format!("Authorization: Basic {credentials}");
        let status = get(port, &format!("/{number}/page"), &[&credentials]).status;
        let want = if row.5 { 200 } else { 401 };
        (status != want).then_some((row.0, status))
    });
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "{others:?}");
}
