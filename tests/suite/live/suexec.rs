//! Apache with suEXEC, as shared hosts run it: the program is started as the
//! owner of the site, with hardly an environment, and finds its state in the
//! home folder that `/etc/passwd` names.
//!
//! suEXEC has its folder compiled in (`/var/www`) and wants a user who is in
//! `/etc/passwd`. Both exist in a mount namespace of the server's own only, so
//! that this machine gets neither a user nor a file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::apache::{Started, configuration, start};
use super::site::{Site, User, set_mode};
use super::{Live, Mount, Software, answers, beside, hostile, on_each, walk};
use crate::support::http::{self, Server, free_port};

/// Whose site it is; known in the namespace only.
pub(super) const ALICE: User = User {
    uid: 61_234,
    gid: 61_234,
};

/// Puts the site's folders in the machine's place, then becomes Apache, or the server that
/// the command names.
pub(super) const NAMESPACE: &str = "
    site=$1; shift
    mount --bind \"$site/passwd\" /etc/passwd
    mount --bind \"$site/group\" /etc/group
    mount --bind \"$site/www\" /var/www
    mount --bind \"$site/home\" /home
    mount --bind \"$site/log\" /var/log/apache2
    exec \"$0\" \"$@\"";

/// One customer's part of a shared host's configuration: suEXEC's, and of
/// Options nothing but ExecCGI.
const CUSTOMER: &str = "
Suexec On
SuexecUserGroup alice alice
DocumentRoot /var/www/virtual/alice/html
ScriptAlias /cgi-bin/ /var/www/virtual/alice/cgi-bin/
<FilesMatch [.]php$>
  Options +ExecCGI
  SetHandler cgi-script
</FilesMatch>
UserDir public_html
<Directory /var/www/virtual/alice>
  Require all granted
  AllowOverride AuthConfig FileInfo Indexes Options=ExecCGI
</Directory>
<Directory /home/alice/public_html>
  Require all granted
  AllowOverride AuthConfig FileInfo Indexes Options=ExecCGI
</Directory>
";

/// The configuration that `.htaccess` names, in the one way that suEXEC
/// lets through.
const BY_NAME: &str = "SetEnv SSL_SIGNET_CONFIG /home/alice/site.toml\n";
const NAMED: &str = "SESSION_COOKIE_NAME = \"by_name\"\nSTATE_DIR = \"/home/alice/elsewhere\"\n";

/// Makes the files of users that the namespace has, with alice in them.
pub(super) fn add_alice(site: &Site, home: &str) {
    for (name, line) in [
        ("passwd", &*format!("alice:x:61234:61234::{home}:/bin/sh\n")),
        ("group", "alice:x:61234:\n"),
    ] {
        let real = fs::read_to_string(format!("/etc/{name}")).expect("read /etc");
        let others = real.lines().filter(|line| !line.starts_with("alice:"));
        let text: String = others.map(|line| format!("{line}\n")).collect();
        site.file(name, text + line, User::current(), 0o644);
    }
}

/// Apache for the folder `site`, in a mount namespace that a script makes.
pub(super) fn start_inside(namespace: &str, site: &Path, port: u16) -> Server {
    let mut apache = Command::new("unshare");
    apache
        .args(["--mount", "/bin/sh", "-ec", namespace, "apache2"])
        .arg(site);
    start(apache, site, port)
}

pub(super) fn set_up(started: Started) -> Live {
    let root = User::current();
    assert!(root.is_root(), "suEXEC needs root: run tests/run");
    let site = Site::new();
    for folder in ["run", "log", "www", "www/virtual", "home"] {
        site.folder(folder, root, 0o755);
    }
    add_alice(&site, "/home/alice");

    let home = site.folder("home/alice", ALICE, 0o711);
    let web = "www/virtual/alice";
    for folder in [
        web,
        &format!("{web}/html"),
        &format!("{web}/html/named"),
        &format!("{web}/cgi-bin"),
        "home/alice/bin",
        "home/alice/public_html",
        "home/alice/public_html/app",
    ] {
        site.folder(folder, ALICE, 0o755);
    }
    let htaccess = Site::shipped("apache/.htaccess");
    let mut customer = CUSTOMER.to_owned();
    for (folder, base) in [
        (format!("{web}/html"), ""),
        ("home/alice/public_html/app".to_owned(), "/~alice/app"),
    ] {
        beside::plant(&site, &folder, base, ALICE, beside::PHP_BY_NAME);
        let seen = folder.replacen("www/", "var/www/", 1);
        customer += &beside::apache(&format!("/{seen}"));
    }
    for (folder, more) in [
        (format!("{web}/html"), ""),
        (format!("{web}/html/named"), BY_NAME),
        ("home/alice/public_html/app".to_owned(), ""),
    ] {
        site.program(&format!("{folder}/signet.cgi"), ALICE);
        let text = format!("{htaccess}{more}");
        site.file(&format!("{folder}/.htaccess"), text, ALICE, 0o644);
    }
    site.program(&format!("{web}/cgi-bin/signet.cgi"), ALICE);
    // The example names what lies right here: it needs no change.
    site.program("home/alice/bin/signet", ALICE);
    let example = Site::shipped("example.cgi");
    site.file(&format!("{web}/cgi-bin/example.cgi"), example, ALICE, 0o700);
    site.file("home/alice/site.toml", NAMED, ALICE, 0o600);

    let port = free_port();
    let folder = site.path();
    let text = configuration(folder, port, started, &["suexec", "userdir"], &customer);
    site.file("httpd.conf", text, root, 0o644);
    let server = start_inside(NAMESPACE, folder, port);

    let mount = |name, base: &'static str| Mount {
        name,
        software: Software::Apache,
        port,
        base,
        folder: false,
        state: home.join(".signet"),
        log: folder.join("errors.log"),
        cookie: "session",
        permanent: false,
    };
    let mounts = vec![
        mount("suEXEC, cgi-bin", "/cgi-bin/signet.cgi"),
        mount("suEXEC, .htaccess", ""),
        Mount {
            folder: true,
            ..mount("suEXEC, .htaccess of ~alice", "/~alice/app")
        },
        Mount {
            permanent: true,
            ..mount("suEXEC, #! script", "/cgi-bin/example.cgi")
        },
        Mount {
            folder: true,
            state: home.join("elsewhere"),
            cookie: "by_name",
            ..mount("suEXEC, SSL_SIGNET_CONFIG", "/named")
        },
    ];
    Live {
        mounts,
        _server: server,
        daemon: None,
        site,
    }
}

fn each(body: impl Fn(&Mount)) {
    on_each([Started::ByDaemon, Started::ByServer].map(set_up), body);
}

/// Besides the walk: everything that was made is the site's owner's.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn log_in_and_out_under_suexec() {
    each(|mount| {
        walk::log_in_and_out(mount);
        walk::follow_every_link(mount);
        for path in [mount.state.clone(), mount.state.join("secret_key")] {
            let about = fs::metadata(&path).expect("it made itself");
            let owner = User {
                uid: about.uid(),
                gid: about.gid(),
            };
            assert_eq!(owner, ALICE, "{}: {}", mount.name, path.display());
        }
    });
}

/// The first page that the owner of a new site opens.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn the_doctor_finds_nothing_wrong_under_suexec() {
    each(|mount| {
        let reply = mount.get("/doctor", &[]);
        let page = reply.text();
        assert_eq!(reply.status, 200, "{}: {page}", mount.name);
        assert!(
            page.contains("who owns the program"),
            "{}: {page}",
            mount.name
        );
        assert!(
            !page.contains("<td class=\"wrong\">"),
            "{}: {page}",
            mount.name
        );
        assert!(!mount.state.join("secret_key").exists(), "{}", mount.name);
    });
}

#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn answers_under_suexec() {
    each(answers::all);
}

#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn hostile_requests_under_suexec() {
    each(hostile::all);
}

#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn everything_that_exists_is_served_as_before_under_suexec() {
    each(|mount| {
        if matches!(
            mount.name,
            "suEXEC, .htaccess" | "suEXEC, .htaccess of ~alice"
        ) {
            beside::is_served_as_before(mount);
            beside::the_program_answers_the_rest(mount);
        }
    });
}

/// The README's row on a probe that gives 500: what it must be like to answer.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn the_probe_answers_unless_it_cannot_start_itself() {
    let live = set_up(Started::ByDaemon);
    let port = live.mounts[0].port;
    let web = "www/virtual/alice/html";
    let htaccess = Site::shipped("apache/.htaccess");
    let probe = Site::shipped("probe.cgi");
    let with_cr = probe.replace('\n', "\r\n");
    let with_mark = format!("\u{feff}{probe}");
    for (folder, folder_mode, text, mode, status) in [
        ("sound", 0o755, &probe, 0o755, 200),
        ("folder-777", 0o777, &probe, 0o755, 500),
        ("mode-644", 0o755, &probe, 0o644, 500),
        ("cr-lf", 0o755, &with_cr, 0o755, 500),
        ("mark", 0o755, &with_mark, 0o755, 500),
    ] {
        let at = format!("{web}/{folder}");
        live.site.folder(&at, ALICE, 0o755);
        live.site
            .file(&format!("{at}/.htaccess"), &htaccess, ALICE, 0o644);
        live.site
            .file(&format!("{at}/probe.cgi"), text, ALICE, mode);
        set_mode(&live.site.path().join(&at), folder_mode);
        let reply = http::get(port, &format!("/{folder}/probe.cgi"), &[]);
        assert_eq!(reply.status, status, "{folder}: {reply:?}");
        let answers = reply.text().contains("There is no signet.cgi");
        assert_eq!(answers, status == 200, "{folder}: {reply:?}");
    }
}

/// The configuration's mode is no visitor's affair, nor is what it says.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn scripts_are_never_shown_under_suexec() {
    each(|mount| {
        for path in [
            "/cgi-bin/example.cgi",
            "/named/.htaccess",
            "/.htaccess",
            "/named/signet.cgi",
        ] {
            let reply = http::get(mount.port, path, &[]);
            mount.assert_sound(path, &reply);
            let shown = reply.text();
            for text in ["STATE_DIR", "#!/", "SetEnv", "\u{7f}ELF"] {
                assert!(!shown.contains(text), "{}: {path}: {shown}", mount.name);
            }
        }
    });
}

/// README.txt of the archive: unpack it in the folder of the site and open it.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn the_release_archives_run_where_they_are_unpacked() {
    let archives = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release-archives");
    let archive = |ending: &str| -> PathBuf {
        let mut found = fs::read_dir(&archives).expect("made by tests/run");
        let found = found.find_map(|entry| {
            let path = entry.expect("an entry").path();
            path.to_str()
                .expect("UTF-8")
                .ends_with(ending)
                .then_some(path)
        });
        found.expect(ending)
    };
    let unpackings: [(&str, &[&str]); 2] = [
        (".zip", &["unzip", "-q"]),
        (".tar.gz", &["tar", "--no-same-owner", "-xf"]),
    ];
    for (ending, command) in unpackings {
        let live = set_up(Started::ByDaemon);
        let web = live.site.path().join("www/virtual/alice/html");
        let unpacked = Command::new(command[0])
            .args(&command[1..])
            .arg(archive(ending))
            .current_dir(&web)
            .output()
            .expect("unpack");
        assert!(unpacked.status.success(), "{unpacked:?}");
        // A panel unpacks as the owner of the site, with the modes in the archive.
        let owned = Command::new("chown")
            .args(["-R", "61234:61234"])
            .arg(web.join("signet"))
            .status();
        assert!(owned.expect("chown").success());
        let first = live.mounts.into_iter().next().expect("a mount");
        let mount = Mount {
            name: "the release archive",
            base: "/signet",
            folder: true,
            ..first
        };
        walk::log_in_and_out(&mount);
        walk::follow_every_link(&mount);
        for hidden in ["LICENSE", "probe.cgi", "templates/index.html", ""] {
            let reply = http::get(mount.port, &format!("/signet/more/{hidden}"), &[]);
            assert_eq!(reply.status, 403, "{ending}: {hidden}: {reply:?}");
        }
    }
}
