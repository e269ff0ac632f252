//! `signet user check`: what is wrong with groups and rules.

use crate::support::StateDir;
use crate::users::{HASH, failed, signet};

/// The lines of `signet user check` about a site with the users ada and bob, without the
/// paths.
fn said(state: &StateDir, settings: &str) -> Vec<String> {
    state.write("users", format!("ada:{HASH}\nbob:{HASH}\n"), 0o600);
    let folder = state.path().display();
    let beside = state.path().with_file_name("");
    let beside = beside.display().to_string();
    let settings = settings
        .replace("STATE", &folder.to_string())
        .replace("BESIDE/", &beside);
    state.write("signet.toml", settings, 0o600);
    let output = signet(state, &["user", "check"], b"");
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    let lines = text.lines().filter(|line| !line.contains("is weak"));
    let lines = lines.map(|line| {
        line.replace(&format!("{folder}/"), "")
            .replace(&beside, "")
            .replace("signet: ", "")
    });
    let lines: Vec<String> = lines.collect();
    match lines.split_last() {
        Some((last, _)) if last.ends_with("problems") || last.ends_with("problem") => {
            failed(&output);
        }
        Some(_) | None => assert!(output.status.success(), "{output:?}"),
    }
    lines
}

#[test]
fn unknown_users_and_groups_in_rules_are_reported() {
    let state = StateDir::new();
    state.write(
        "groups",
        "staff: ada, bob\nguests: bob Ada\nno colon\n",
        0o600,
    );
    state.write("../private/a.txt", "", 0o644);
    let settings = "GROUPS_FILE = \"STATE/groups\"\nGUARD_DIR = \"BESIDE/private\"\n\
        GUARD_USERS.\"/files\" = [\"ada\", \"@staff\", \"@Guests\"]\n\
        GUARD_USERS.\"/files/board\" = [\"Ada\", \"@board\"]\n";
    let want = [
        "GROUPS_FILE: \"ada,\" in the group \"staff\" is no user (users are separated by blanks, \
         not by commas)",
        "GROUPS_FILE: \"Ada\" in the group \"guests\" is no user",
        "GROUPS_FILE: line 3 is not read: it has no colon, has a NUL byte, or is not UTF-8",
        "GUARD_USERS \"/files/board\": there is no user \"Ada\" (upper and lower case differ)",
        "GUARD_USERS \"/files/board\": there is no group \"board\" in GROUPS_FILE",
        "3 problems",
    ];
    assert_eq!(said(&state, settings), want);
}

#[test]
fn a_site_without_problems_has_none() {
    let state = StateDir::new();
    assert!(said(&state, "").is_empty());
    state.write("groups", "staff: ada bob\n", 0o600);
    state.write("../private/sub/.signet-users", "ada\n@staff\n", 0o644);
    let settings = "GROUPS_FILE = \"STATE/groups\"\nGUARD_DIR = \"BESIDE/private\"\n\
        GUARD_USERS.\"/files/board\" = [\"ada\", \"@staff\"]\n";
    assert!(said(&state, settings).is_empty());
}

/// The paths of the rules are those of protected folders, above them or below them.
#[test]
fn a_rule_for_a_path_that_no_folder_has_is_no_setting() {
    let state = StateDir::new();
    state.write("private/a.txt", "", 0o644);
    for (path, is_right) in [
        ("/", true),
        ("/caf\u{e9}", true),
        ("/caf%C3%A9/private/x", true),
        ("/caf\u{e9}/priv", false),
        ("/files/a.txt", false),
    ] {
        let settings = format!(
            "GUARD_DIRS = {{ \"/caf%C3%A9/private\" = \"STATE/private\" }}\n\
             SESSION_COOKIE_PATH = \"/\"\nGUARD_USERS.\"{path}\" = []\n"
        );
        let settings = settings.replace("STATE", &state.path().display().to_string());
        state.write("signet.toml", settings, 0o600);
        let output = signet(&state, &["user", "list"], b"");
        let said = String::from_utf8_lossy(&output.stderr);
        let refuses = said.contains("signet.toml:3: GUARD_USERS: no protected folder");
        assert_eq!(refuses, !is_right, "{path}: {said}");
    }
}

#[test]
fn files_in_folders_are_checked() {
    let state = StateDir::new();
    state.write("../private/.signet-users", "ada\ncarol\n", 0o644);
    state.write("../private/a/b/.signet-users", "@staff\n", 0o644);
    state.write("../private/c/.signet-users", "caf\u{7}\n", 0o644);
    state.write("../private/d/.signet-users", "ada\n", 0o666);
    // Nobody sees it.
    state.write("../private/.git/.signet-users", "eve\n", 0o644);
    state.write("../other/.signet-users", "dave\n", 0o644);
    let settings = "GUARD_DIR = \"BESIDE/private\"\n\
        GUARD_DIRS = { \"/old\" = \"BESIDE/other\", \"/gone\" = \"BESIDE/gone\" }\n\
        SESSION_COOKIE_PATH = \"/\"\n";
    let mut reported = said(&state, settings);
    reported.sort();
    let want = [
        "6 problems",
        "GUARD_DIRS gone: does not exist",
        "other/.signet-users: there is no user \"dave\" (upper and lower case differ)",
        "private/.signet-users: there is no user \"carol\" (upper and lower case differ)",
        "private/a/b/.signet-users: there is no group \"staff\" in GROUPS_FILE",
        "private/c/.signet-users: has a line that is no name",
        "private/d/.signet-users: can be written by other users (mode 0666): chmod 644",
    ];
    assert_eq!(reported, want);
}

/// The file may be Apache's, too, with other users.
#[test]
fn a_member_of_a_group_who_is_no_user_is_only_reported() {
    let state = StateDir::new();
    state.write("groups", "staff: ada carol\n", 0o600);
    let said = said(&state, "GROUPS_FILE = \"STATE/groups\"\n");
    assert_eq!(
        said,
        ["GROUPS_FILE: \"carol\" in the group \"staff\" is no user"]
    );
}

#[test]
fn a_groups_file_that_cannot_be_used_is_a_problem() {
    let state = StateDir::new();
    let settings = "GROUPS_FILE = \"STATE/groups\"\n";
    let missing = said(&state, settings);
    assert!(
        missing[0].contains("groups does not exist: restore it"),
        "{missing:?}"
    );
    state.write("groups", "staff: ada\n", 0o666);
    let writable = said(&state, settings);
    assert!(
        writable[0].contains("can be written by other users"),
        "{writable:?}"
    );
}

#[test]
fn a_protected_folder_of_the_programs_own_files_is_a_problem() {
    let state = StateDir::new();
    state.write("files/a.txt", "", 0o644);
    let said = said(&state, "GUARD_DIR = \"STATE/files\"\n");
    let want = "GUARD_DIR files: state: holds files of this program that nobody may see: choose a \
        folder outside";
    assert_eq!(said, [want, "1 problem"]);
}
