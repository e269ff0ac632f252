//! `signet key new` and `signet print`: what ends up in files.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use signet::config::SETTINGS;

use super::{signet, state_dir, subcommands};
use crate::support::html::words;
use crate::support::response::Response;
use crate::support::{Cgi, StateDir, tested_program};

fn is_key(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn new_keys_are_printed() {
    let keys: BTreeSet<String> = (0..20)
        .map(|_| signet(&["key", "new"], &[]).done())
        .collect();
    assert_eq!(keys.len(), 20);
    for line in keys {
        assert!(line.strip_suffix('\n').is_some_and(is_key), "{line:?}");
    }
}

/// As the program itself makes it; what is there already is never replaced.
#[test]
fn new_keys_are_written() {
    let folder = StateDir::new();
    for umask in ["000", "022", "077"] {
        let path = folder.path().join(umask);
        let script = format!(
            "umask {umask}; exec '{}' key new --file '{}'",
            tested_program(),
            path.display()
        );
        let out = Command::new("/bin/sh")
            .args(["-c", &script])
            .env_clear()
            .output()
            .expect("sh");
        assert!(out.status.success() && out.stdout.is_empty(), "{out:?}");
        let text = fs::read_to_string(&path).expect("the key");
        assert!(is_key(&text), "{text:?}");
        let mode = fs::metadata(&path).expect("stat").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "umask {umask}");
        let path = path.to_str().expect("UTF-8");
        signet(&["key", "new", "--file", path], &[]).failed(1, &[path]);
        assert_eq!(fs::read_to_string(path).expect("the key"), text);
    }
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("elsewhere", &link).expect("symlink");
    for path in [
        link,
        folder.path().join("missing/key"),
        folder.path().to_owned(),
    ] {
        let path = path.to_str().expect("UTF-8");
        signet(&["key", "new", "--file", path], &[]).failed(1, &[path]);
    }
    assert!(
        !folder.path().join("elsewhere").exists(),
        "written through a link"
    );
}

/// The state folder exists, so that the command belongs to a site, but no request made its
/// key yet.
#[test]
fn before_the_first_request_a_hint_says_what_creates_the_key() {
    let state = StateDir::new();
    let vars = [state_dir(&state)];
    for command in ["check", "rotate"] {
        let run = signet(&["key", command], &vars);
        let hint = "hint: the first request that uses a session creates the key";
        run.failed(1, &["secret_key: does not exist", hint]);
    }
    // It does not create a file that SECRET_KEY_FILE names.
    let named = state.path().join("named");
    let named = named.to_str().expect("UTF-8");
    let run = signet(
        &["key", "check"],
        &[vars[0], ("SIGNET_SECRET_KEY_FILE", named)],
    );
    assert!(!run.err.contains("hint"), "{run:?}");
    run.failed(1, &["does not exist"]);
}

/// Where `SECRET_KEY_FILE` may not be, no key is made or called good: requests would
/// refuse it.
#[test]
fn keys_are_made_and_checked_where_requests_accept_them() {
    let folder = StateDir::new();
    let temporary = PathBuf::from(format!("/tmp/signet-key-{}", std::process::id()));
    let names = [
        "open",
        "sticky",
        "public_html",
        "home/www/keys",
        "good",
        "home/keys",
    ];
    for name in names {
        fs::create_dir_all(folder.path().join(name)).expect("mkdir");
    }
    for (name, mode) in [("open", 0o777), ("sticky", 0o1777)] {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(folder.path().join(name), mode).expect("chmod");
    }
    for (link, target) in [("linked", "public_html"), ("temporary", "/tmp")] {
        std::os::unix::fs::symlink(target, folder.path().join(link)).expect("symlink");
    }
    let path = |name: &str| folder.path().join(name).join("key");
    #[rustfmt::skip]
    let cases = [
        ("/tmp",        temporary.clone(),      "temporary files"),
        ("a link",      folder.path().join("temporary").join(temporary.file_name().expect("a name")), "temporary files"),
        ("writable",    path("open"),           "chmod 755"),
        ("sticky",      path("sticky"),         "can be written by other users"),
        ("served",      path("public_html"),    "web server"),
        ("linked",      path("linked"),         "web server"),
        ("below",       path("home/www/keys"),  "web server"),
    ];
    for (name, path, why) in cases {
        let key = path.to_str().expect("UTF-8");
        signet(&["key", "new", "--file", key], &[]).failed(1, &[why]);
        assert!(!path.exists(), "{name}");
        fs::write(&path, "a-good-key-in-a-bad-place-0123456").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        let run = signet(&["key", "check", key], &[]);
        let request = Cgi::post("/login", "username=ada");
        let request = request.without("SIGNET_SECRET_KEY");
        let status = request
            .var("SIGNET_SECRET_KEY_FILE", key)
            .run()
            .response()
            .status;
        fs::remove_file(&path).expect("remove");
        // An entry of a sticky folder that exists is its owner's.
        match name {
            "sticky" => assert_eq!((run.code, status), (Some(0), 303), "{run:?}"),
            _ => {
                run.failed(1, &[why]);
                assert_eq!(status, 503, "{name}");
            }
        }
    }
    for name in ["good", "home/keys"] {
        let path = path(name);
        let key = path.to_str().expect("UTF-8");
        signet(&["key", "new", "--file", key], &[]).done();
        signet(&["key", "check", key], &[]).done();
        let request = Cgi::post("/login", "username=ada");
        let request = request.without("SIGNET_SECRET_KEY");
        let out = request.var("SIGNET_SECRET_KEY_FILE", key).run();
        assert_eq!(out.response().status, 303, "{out}");
    }
}

/// The very files that come with the program.
#[test]
fn files_are_printed_as_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = [
        ("htaccess", "deploy/apache/.htaccess"),
        ("private-htaccess", "deploy/apache/private.htaccess"),
        ("lighttpd", "deploy/lighttpd.conf"),
        ("lighttpd-fastcgi", "deploy/lighttpd-fastcgi.conf"),
        ("fcgid", "deploy/apache/fcgid.conf"),
        ("proxy-fcgi", "deploy/apache/proxy-fcgi.conf"),
        ("lighttpd-authorizer", "deploy/lighttpd-authorizer.conf"),
        ("nginx-auth", "deploy/nginx-auth.conf"),
        ("authorizer", "deploy/apache/authorizer.conf"),
        ("caddy", "deploy/Caddyfile"),
        ("nginx", "deploy/nginx-fastcgi.conf"),
        ("systemd", "deploy/signet.service"),
        ("systemd-socket", "deploy/signet.socket"),
        ("probe", "deploy/probe.cgi"),
        ("flask", "deploy/flask_signet.py"),
    ];
    // The program makes these.
    let made = ["toml", "templates", "man", "completions"];
    for name in subcommands(&["print"]) {
        let mut known = shipped.iter().map(|(name, _)| *name).chain(made);
        assert!(
            known.any(|known| known == name),
            "print {name} is in no list here"
        );
    }
    for (name, path) in shipped {
        let shipped = fs::read_to_string(root.join(path)).expect(path);
        assert_eq!(signet(&["print", name], &[]).done(), shipped, "{name}");
    }
}

/// Whoever sets it up learns that the login is a demo at first.
#[test]
fn help_settings_and_manual_page_say_that_any_name_is_accepted() {
    for args in [&["--help"][..], &["print", "toml"], &["print", "man"]] {
        let text = signet(args, &[]).done().replace("# ", "");
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ");
        let says = "the login page accepts any name without a password, and protects nothing";
        assert!(text.contains(says), "{args:?}: {text}");
    }
}

/// For another program there is its name in the place of signet's, and its URL path;
/// what is the same for every program stays.
#[test]
fn server_files_are_printed_for_another_program() {
    let files = ["htaccess", "lighttpd", "lighttpd-fastcgi", "nginx"];
    let site = |program, mount| ["--program", program, "--mount", mount];
    for name in files {
        for (mount, base) in [("/", ""), ("/guest.book", "/guest.book"), ("/a/b/", "/a/b")] {
            let args = [&["print", name], &site("guest-book_2.cgi", mount)[..]].concat();
            let text = signet(&args, &[]).done();
            assert!(text.contains("guest-book_2"), "{name}: {text}");
            let url = format!("http://host{base}/\n");
            assert!(text.contains(&url), "{name}: no {url}: {text}");
            let kept = text.replace("signet.toml", "").replace("signet\\.toml", "");
            assert!(!kept.contains("signet"), "{name}: {kept}");
            assert!(!text.contains("env.MOUNT"), "{name}: {text}");
            // No page of signet, and the state folder is the one in the lines below.
            assert!(!text.contains("login"), "{name}: {text}");
            let has_folder = name == "htaccess" || text.contains("/guest-book_2 ");
            assert!(has_folder, "{name}: {text}");
        }
        // Names that contain signet's own.
        let args = [&["print", name], &site("signet2.cgi", "/signet")[..]].concat();
        let text = signet(&args, &[]).done();
        assert!(text.contains("http://host/signet/\n"), "{name}: {text}");
        assert!(text.contains("signet2"), "{name}: {text}");
        assert!(!text.contains("signet22"), "{name}: {text}");
        for program in [
            "",
            ".cgi",
            "guestbook",
            "guest book.cgi",
            "../guestbook.cgi",
            "a\n.cgi",
        ] {
            let args = [&["print", name], &site(program, "/")[..]].concat();
            signet(&args, &[]).failed(2, &["--program"]);
        }
        for mount in [
            "",
            "guestbook",
            "//",
            "/a//b",
            "/..",
            "/a/./b",
            "/a b",
            "/a\"b",
            "/a{2}",
        ] {
            let args = [&["print", name], &site("guestbook.cgi", mount)[..]].concat();
            signet(&args, &[]).failed(2, &["--mount"]);
        }
    }
}

/// Each is the file of that name, and together they make the built-in pages.
#[test]
fn templates_are_printed_one_by_one_and_together() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let state = StateDir::new();
    let all = signet(&["print", "templates"], &[]).done();
    let names = all
        .lines()
        .filter_map(|line| line.strip_prefix("==> ")?.strip_suffix(" <=="));
    let names: Vec<&str> = names.collect();
    let printed: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let files = fs::read_dir(&folder).expect("templates");
    let files = files.map(|file| file.expect("a file").file_name().into_string());
    let files = files.map(|name| name.expect("UTF-8"));
    let is_template = |name: &String| name.ends_with(".html") || name.ends_with(".css");
    assert_eq!(printed, files.filter(is_template).collect());
    let mut together = String::new();
    for name in names {
        let source = fs::read_to_string(folder.join(name)).expect(name);
        let printed = signet(&["print", "templates", name], &[]).done();
        assert_eq!(printed, source, "{name}");
        together += &format!("==> {name} <==\n{source}");
        state.write(&format!("templates/{name}"), printed, 0o600);
    }
    assert_eq!(all, together);
    let page = |state: &StateDir| {
        let vars = [state_dir(state), ("SIGNET_SECRET_KEY", crate::support::KEY)];
        let answer = signet(&["request", "GET", "/login"], &vars).done();
        words(Response::parse(answer.as_bytes()).expect("CGI").text())
    };
    assert_eq!(page(&state), page(&StateDir::new()));
    signet(&["print", "templates", "nothing.html"], &[]).failed(2, &["nothing.html", "index.html"]);
}

/// As it comes it sets nothing; with every line uncommented it is a good
/// configuration, so an owner may uncomment any of them.
#[test]
fn toml_is_a_configuration() {
    let toml = signet(&["print", "toml"], &[]).done();
    let is_setting = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ")
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let mut settings = 0;
    let mut uncommented = String::new();
    for line in toml.lines() {
        assert!(
            line.is_empty() || line.starts_with('#'),
            "not a comment: {line}"
        );
        match line
            .strip_prefix('#')
            .map(str::trim_start)
            .filter(|text| is_setting(text))
        {
            Some(text) => {
                settings += 1;
                let other = match text.split(' ').next() {
                    // Its URLs need a cookie that is sent there.
                    Some("GUARD_DIRS") => "SESSION_COOKIE_PATH = \"/\"\n",
                    // Its paths are those of the folder, its groups those of the file.
                    Some("GUARD_USERS") => "GUARD_DIR = \"/srv\"\nGROUPS_FILE = \"/srv/groups\"\n",
                    _ => "",
                };
                assert_accepted(text, &format!("{text}\n{other}"));
                uncommented.push_str(text);
            }
            None => uncommented.push_str(line),
        }
        uncommented.push('\n');
    }
    for setting in SETTINGS {
        let wanted = format!("\n{} = ", setting.name);
        assert!(
            uncommented.contains(&wanted),
            "no {}: {uncommented}",
            setting.name
        );
    }
    assert_eq!(settings, SETTINGS.len(), "{uncommented}");
    assert_accepted("as it comes", &toml);
    assert_accepted("uncommented", &uncommented);
}

/// Whatever a file leads to, the settings in it were understood.
#[track_caller]
fn assert_accepted(name: &str, toml: &str) {
    let (folder, state) = (StateDir::new(), StateDir::new());
    // The examples name the home of somebody whom this machine may have.
    let home = folder.path().join("home").display().to_string();
    let toml = toml.replace("/home/alice", &home);
    let path = folder.write("signet.toml", toml, 0o600);
    let vars = [
        ("SIGNET_CONFIG", path.to_str().expect("UTF-8")),
        ("SIGNET_STATE_DIR", state.path().to_str().expect("UTF-8")),
        ("SIGNET_SECRET_KEY", crate::support::KEY),
    ];
    let run = signet(&["request", "GET", "/"], &vars);
    let response = Response::parse(run.out.as_bytes()).expect(name);
    assert_eq!(response.status, 200, "{name}: {}", run.err);
}

/// The commands below `group` that have no further commands.
fn commands_of(group: &[String]) -> Vec<Vec<String>> {
    let words: Vec<&str> = group.iter().map(String::as_str).collect();
    let names = subcommands(&words);
    if names.is_empty() {
        return vec![group.to_vec()];
    }
    let below = names.into_iter().map(|name| [group, &[name]].concat());
    below.flat_map(|command| commands_of(&command)).collect()
}

/// The manual page as text: without the fonts and escapes of roff.
fn manual_page() -> String {
    let page = signet(&["print", "man"], &[]).done();
    let escapes = [("\\fB", ""), ("\\fR", ""), ("\\-", "-"), ("\\*(Aq", "'")];
    let plain = |page: String, (escape, letter)| page.replace(escape, letter);
    escapes.into_iter().fold(page, plain)
}

/// One page is all that `man signet` shows, so it has every command with its arguments and
/// options, and every setting with its default.
#[test]
fn manual_page_has_every_command_option_and_setting() {
    let page = manual_page();
    let title = concat!(".TH signet 1  \"signet ", env!("CARGO_PKG_VERSION"), "\"");
    assert!(page.contains(title), "{page}");
    let commands = commands_of(&[]);
    assert!(commands.len() > 30, "{commands:?}");
    for command in commands {
        let name = format!("signet {}", command.join(" "));
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = signet(&[&words[..], &["--help"]].concat(), &[]).done();
        let usage = help.lines().find_map(|line| line.strip_prefix("Usage: "));
        let usage = usage.expect("a usage");
        let heading = match usage.contains(' ') {
            true => format!(".SS \"{usage}\"\n"),
            false => format!(".SS {usage}\n"),
        };
        let (_, section) = page
            .split_once(&heading)
            .unwrap_or_else(|| panic!("no {heading}: {page}"));
        let section = section.split("\n.S").next().unwrap_or_default();
        // Below "Arguments:" and "Options:", with a smaller indent than descriptions.
        let described = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let name = line.split("  ").next().unwrap_or_default();
            let is_name = name.starts_with(['-', '<', '[']) && !name.contains("--help");
            let is_note = name.starts_with("[default") || name.starts_with("[possible");
            (is_name && !is_note).then_some(name)
        });
        for argument in described {
            let paragraph = format!(".TP\n{argument}\n");
            assert!(
                section.contains(&paragraph),
                "{name}: no {argument}: {section}"
            );
        }
    }
    let (_, settings) = page.split_once(".SH SETTINGS\n").expect("settings");
    for setting in SETTINGS {
        let (_, about) = settings
            .split_once(&format!(".TP\n{}\n", setting.name))
            .unwrap_or_else(|| panic!("no {}: {settings}", setting.name));
        let default = format!("\nDefault: {}.", setting.default.replace('`', ""));
        let about = about.split("\n.TP").next().unwrap_or_default();
        assert!(about.contains(&default), "{}: {about}", setting.name);
    }
    // Links of deploy/README.md lead nowhere from here.
    assert!(!page.contains("]("), "{page}");
}

/// Bash reads its own; of the others, what stands in every such file.
#[test]
fn completions_for_each_shell() {
    for (shell, mark) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef signet"),
        ("fish", "complete -c signet"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = signet(&["print", "completions", shell], &[]).done();
        for word in [mark, "decode", "unverified", "htaccess"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    let script = signet(&["print", "completions", "bash"], &[]).done();
    let complete =
        "COMP_WORDS=(signet co); COMP_CWORD=1; _signet signet co signet; echo \"${COMPREPLY[*]}\"";
    let out = Command::new("/bin/bash")
        .args(["--norc", "-c", &format!("{script}\n{complete}")])
        .stdin(Stdio::null())
        .output()
        .expect("bash");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "cookie\n", "{out:?}");
}
