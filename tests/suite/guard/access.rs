//! Who may open what: the rules of `GUARD_USERS` and the files `.signet-users`.

use signet::config::{AccessRuleError, AccessRules, Member};
use signet::guard::groups::Groups;
use signet::guard::rules::{includes, parse};

const GROUPS: &[u8] = b"staff: bob carol\nguests: dave\n";

fn rules() -> AccessRules {
    let table = [
        ("/", vec!["ada", "bob", "carol", "dave"]),
        ("/files/board/", vec!["ada", "@staff"]),
        ("/files/board/minutes", vec!["@guests"]),
        ("/files/b%C3%B6ard 2", vec!["ada"]),
        ("/files/100%25", vec!["ada"]),
        ("/files/nobody", vec![]),
        ("/private", vec!["@STAFF", "@unknown"]),
        ("/private/a.pdf", vec!["dave"]),
    ];
    AccessRules::parse(&table).expect("rules")
}

/// Whom the rules let open a path, of ada, bob, carol, dave and eve.
#[test]
fn the_longest_path_decides() {
    #[rustfmt::skip]
    let cases = [
        ("/",                            "ada bob carol dave"),
        ("/files",                       "ada bob carol dave"),
        ("/files/x",                     "ada bob carol dave"),
        ("/files/board",                 "ada bob carol"),
        ("/files/board/x",               "ada bob carol"),
        ("/files/board/x/y",             "ada bob carol"),
        ("/files/boards",                "ada bob carol dave"),
        ("/files/boar",                  "ada bob carol dave"),
        ("/files/Board",                 "ada bob carol dave"),
        ("/files/board/minutes",         "dave"),
        ("/files/board/minutes/2024",    "dave"),
        ("/files/board/minutes2",        "ada bob carol"),
        ("/files/b\u{f6}ard 2/x",        "ada"),
        ("/files/bo\u{308}ard 2/x",      "ada bob carol dave"),
        ("/files/100%",                  "ada"),
        ("/files/100%25",                "ada bob carol dave"),
        ("/files/nobody/x",              ""),
        ("/x/files/board",               "ada bob carol dave"),
        ("/private/x",                   "bob carol"),
        ("/private/a.pdf",               "dave"),
        ("/private/a.pdf.txt",           "bob carol"),
    ];
    let (rules, groups) = (rules(), Groups::parse(GROUPS));
    for (path, want) in cases {
        let names: Vec<&[u8]> = path
            .split('/')
            .skip(1)
            .filter(|name| !name.is_empty())
            .map(str::as_bytes)
            .collect();
        let rule = rules.find(&names).expect("the rule for /");
        let allowed = |user: &&str| includes(&rule.members, &groups, user);
        let users: Vec<_> = ["ada", "bob", "carol", "dave", "eve"]
            .into_iter()
            .filter(allowed)
            .collect();
        assert_eq!(users.join(" "), want, "{path}");
    }
}

#[test]
fn a_path_without_a_rule_has_none() {
    let rules = AccessRules::parse(&[("/files/board", vec!["ada"])]).expect("rules");
    assert!(rules.find(&[b"files", b"x"]).is_none());
    assert!(rules.find(&[]).is_none());
}

#[test]
fn a_wrong_rule_is_refused() {
    use AccessRuleError::{Member, Path, Percent, Twice};
    #[rustfmt::skip]
    let cases: [(&str, &[&str], &str, AccessRuleError); 17] = [
        ("relative",             &["files"],                "ada",   Path),
        ("empty",                &[""],                     "ada",   Path),
        ("a URL",                &["https://e.org/files"],  "ada",   Path),
        ("an empty name",        &["/files//a"],            "ada",   Path),
        ("two slashes",          &["//files"],              "ada",   Path),
        ("dot",                  &["/files/./a"],           "ada",   Path),
        ("dot dot",              &["/files/../a"],          "ada",   Path),
        ("encoded dots",         &["/files/%2e%2E/a"],      "ada",   Path),
        ("a hidden name",        &["/files/.git"],          "ada",   Path),
        ("an encoded slash",     &["/files/a%2fb"],         "ada",   Path),
        ("a NUL",                &["/files/a%00"],          "ada",   Path),
        ("a percent sign",       &["/files/100%"],          "ada",   Percent),
        ("half a byte",          &["/files/%e/x"],          "ada",   Percent),
        ("twice",                &["/a", "/%61/"],          "ada",   Twice),
        ("an empty user",        &["/a"],                   "",      Member),
        ("an empty group",       &["/a"],                   "@",     Member),
        ("a control character",  &["/a"],                   "ada\n", Member),
    ];
    for (name, paths, member, want) in cases {
        let table: Vec<_> = paths.iter().map(|path| (*path, vec![member])).collect();
        let err = AccessRules::parse(&table).expect_err(name);
        assert_eq!(err.0, want, "{name}");
    }
}

/// A file `.signet-users`, and the names in it; `None`: it is damaged.
#[test]
fn a_file_lists_names_one_per_line() {
    #[rustfmt::skip]
    let cases: [(&str, &[u8], Option<&str>); 18] = [
        ("empty",            b"",                          Some("")),
        ("one name",         b"ada\n",                     Some("ada")),
        ("no final newline", b"ada\nbob",                  Some("ada bob")),
        ("CR LF",            b"ada\r\n@staff\r\n",         Some("ada @staff")),
        ("byte order mark",  b"\xef\xbb\xbfada\n",         Some("ada")),
        ("a comment",        b"# all\nada\n#bob\n",        Some("ada")),
        ("an indented one",  b"  # all\nada\n",            Some("ada")),
        ("no comment",       b"ada # bob\n",               Some("ada # bob")),
        ("empty lines",      b"\n\n ada\t\n \n",           Some("ada")),
        ("nothing else",     b"# nobody\n",                Some("")),
        ("two on a line",    b"ada bob\n",                 Some("ada bob")),
        ("UTF-8",            "ad\u{e9}\n".as_bytes(),      Some("ad\u{e9}")),
        ("Latin-1",          b"ad\xe9\n",                  None),
        ("UTF-16",           b"\xff\xfea\0d\0a\0",         None),
        ("a NUL",            b"ada\0\n",                   None),
        ("a control character", b"ad\x07a\n",              None),
        ("CR only",          b"ada\rbob\n",                None),
        ("an empty group",   b"@\n",                       None),
    ];
    for (name, bytes, want) in cases {
        let members = parse(bytes).ok();
        let text = |member: &Member| match member {
            Member::User(name) => name.clone(),
            Member::Group(name) => format!("@{name}"),
        };
        let texts = members.map(|members| members.iter().map(text).collect::<Vec<_>>().join(" "));
        assert_eq!(texts.as_deref(), want, "{name}");
    }
}

/// A name in a rule is a user or, after `@`, a group; never both.
#[test]
fn groups_and_users_of_one_name_are_told_apart() {
    let groups = Groups::parse(b"ada: bob\n@ada: carol\n");
    let lets_in = |member: &str, user: &str| {
        let member = Member::parse(member).expect("a name");
        includes(&[member], &groups, user)
    };
    assert!(lets_in("ada", "ada") && !lets_in("ada", "bob"));
    assert!(lets_in("@ada", "bob") && !lets_in("@ada", "ada"));
    assert!(lets_in("@@ada", "carol") && !lets_in("@ada", "@ada"));
}
