//! The steps that the error page gives an owner whose key has no place, followed
//! as they stand: with and without suEXEC.
//!
//! Alice exists in a mount namespace of the server's own only, see `suexec`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::apache::{Started, configuration};
use super::site::{Site, User, set_mode};
use super::suexec::{ALICE, add_alice, start_inside};
use crate::support::html::{self, unescape};
use crate::support::http::{self, Reply, Server, free_port};

/// A key as a password generator makes it.
const KEY: &str = "q7Xv2LmZr9TbK4wYc8NdHs5PjGf3EuA6qWxRtVnBy1MkCzLo0iDgJhSeQpFaUvOT";

const NAMESPACE: &str = "
    site=$1; shift
    mount --bind \"$site/passwd\" /etc/passwd
    mount --bind \"$site/group\" /etc/group
    mount --bind \"$site/www\" /var/www
    mount --bind \"$site/log\" /var/log/apache2
    [ ! -d /var/lib/signet ] || mount -t tmpfs none /var/lib/signet
    exec apache2 \"$@\"";

const CUSTOMER: &str = "
DocumentRoot /var/www/virtual/alice/html
<Directory /var/www/virtual/alice/html>
  Require all granted
  AllowOverride AuthConfig FileInfo Options=ExecCGI
</Directory>
";

/// Alice's web space on a host; her home folder does not exist.
struct Host {
    port: u16,
    /// `/var/www/virtual/alice`, as this process sees it.
    web: PathBuf,
    _server: Server,
    site: Site,
}

impl Host {
    fn new(suexec: bool) -> Self {
        let root = User::current();
        assert!(root.is_root(), "this needs root: run tests/run");
        let site = Site::new();
        for folder in ["run", "log", "www", "www/virtual"] {
            site.folder(folder, root, 0o755);
        }
        add_alice(&site, "/nonexistent");
        let web = site.folder("www/virtual/alice", ALICE, 0o755);
        site.folder("www/virtual/alice/html", ALICE, 0o755);
        site.program("www/virtual/alice/html/signet.cgi", ALICE);
        let htaccess = Site::shipped("apache/.htaccess");
        site.file("www/virtual/alice/html/.htaccess", htaccess, ALICE, 0o644);

        let port = free_port();
        let (modules, more): (&[&str], &str) = match suexec {
            true => (&["suexec"], "Suexec On\nSuexecUserGroup alice alice\n"),
            false => (&[], ""),
        };
        let customer = format!("{more}{CUSTOMER}");
        let folder = site.path();
        let text = configuration(folder, port, Started::ByServer, modules, &customer);
        site.file("httpd.conf", text, root, 0o644);
        let server = start_inside(NAMESPACE, folder, port);
        Self {
            port,
            web,
            _server: server,
            site,
        }
    }

    fn get(&self, headers: &[&str]) -> Reply {
        http::get(self.port, "/signet.cgi/", headers)
    }

    /// Adds a line to a text file of alice's, and makes it if there is none.
    fn add_line(&self, name: &str, line: &str, mode: u32) {
        let path = self.web.join(name);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .expect("open");
        writeln!(file, "{line}").expect("write");
        std::os::unix::fs::chown(&path, Some(ALICE.uid), Some(ALICE.gid)).expect("chown");
        set_mode(&path, mode);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.site.path().join("errors.log")).expect("the log")
    }

    #[track_caller]
    fn assert_works(&self) {
        let index = self.get(&[]);
        assert_eq!(index.status, 200, "{index:?}: {}", self.log());
        let login = http::post(self.port, "/signet.cgi/login", &[], "username=admin");
        assert_eq!(login.status, 303, "{login:?}");
        let cookies = login.cookies();
        let cookie = cookies.first().expect("a cookie");
        let cookie = format!("Cookie: {}={}", cookie.name, cookie.value);
        let index = self.get(&[&cookie]);
        assert!(index.text().contains("Logged in as admin"), "{index:?}");
    }
}

/// The lines to type that stand under the title with these words.
#[track_caller]
fn lines(page: &str, title: &str) -> Vec<String> {
    let (_, after) = page
        .split_once(title)
        .unwrap_or_else(|| panic!("no {title:?}: {page}"));
    let (_, list) = after
        .split_once("<ol lang=\"en\">")
        .expect("numbered steps");
    let (list, _) = list.split_once("</ol>").expect("they end");
    assert!(list.matches("<li>").count() >= 3, "{list}");
    let lines = list.split("<pre>").skip(1);
    lines
        .map(|line| unescape(line.split("</pre>").next().expect("it ends")))
        .collect()
}

/// The page names no path of this host, only those of its examples.
#[track_caller]
fn assert_no_path(page: &str) {
    let words = html::words(page);
    for path in ["/var/www", "virtual", "/nonexistent", "/etc"] {
        assert!(!words.contains(path), "{path}: {words}");
    }
}

/// Apache starts the program as www-data; the folder and the program are alice's.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn the_steps_for_a_host_without_suexec_work() {
    let host = Host::new(false);
    let page = host.get(&[]);
    assert_eq!(page.status, 503, "{page:?}");
    assert_no_path(page.text());
    let words = html::words(page.text());
    assert!(words.contains(".signet in the home folder"), "{words}");
    assert!(words.contains("belongs to another user"), "{words}");
    let log = host.log();
    for tried in [
        "/var/www/.signet: /var/www: belongs to another user",
        "/var/lib/signet: ",
    ] {
        assert!(log.contains(tried), "no {tried:?}: {log}");
    }

    // Whatever mode she gives a folder of her own, www-data does not own it.
    let folder = host.site.folder("www/virtual/alice/state", ALICE, 0o700);
    let state = "SetEnv SIGNET_STATE_DIR /var/www/virtual/alice/state";
    host.add_line("html/.htaccess", state, 0o644);
    for mode in [0o700, 0o755, 0o777, 0o1777] {
        set_mode(&folder, mode);
        let page = host.get(&[]);
        assert_eq!(page.status, 503, "{mode:o}: {page:?}");
        assert_no_path(page.text());
        assert!(page.text().contains("“state”"), "{mode:o}: {page:?}");
        assert_eq!(lines(page.text(), "(without suEXEC)").len(), 1, "{mode:o}");
    }
    let htaccess = host.web.join("html/.htaccess");
    let text = fs::read_to_string(&htaccess).expect("read it");
    fs::write(&htaccess, text.replace(state, "")).expect("write it");

    let page = host.get(&[]);
    let [line] = &lines(page.text(), "(without suEXEC)")[..] else {
        panic!("{page:?}");
    };
    assert!(words.contains("risk"), "{words}");
    let (setting, _) = line.rsplit_once(' ').expect("words");
    host.add_line("html/.htaccess", &format!("{setting} {KEY}"), 0o644);
    host.assert_works();
}

/// The line without a key of her own is no key.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn the_line_for_the_key_is_refused_as_it_stands() {
    let host = Host::new(false);
    let page = host.get(&[]);
    let line = &lines(page.text(), "(without suEXEC)")[0];
    host.add_line("html/.htaccess", line, 0o644);
    let page = host.get(&[]);
    assert_eq!(page.status, 503, "{page:?}");
    assert!(page.text().contains("SECRET_KEY"), "{page:?}");
}

/// Apache starts the program as alice, whose home folder does not exist.
#[test]
#[ignore = "needs Apache and root: run tests/run"]
fn the_steps_for_suexec_work() {
    let host = Host::new(true);
    let page = host.get(&[]);
    assert_eq!(page.status, 503, "{page:?}");
    assert_no_path(page.text());
    let log = host.log();
    assert!(
        log.contains("home folder /nonexistent: does not exist"),
        "{log}"
    );
    // Those that work here stand first.
    let text = page.text();
    let (first, second) = (text.find("(with suEXEC)"), text.find("(without suEXEC)"));
    assert!(first.is_some() && first < second, "{text}");

    let [state, config] = &lines(text, "(with suEXEC)")[..] else {
        panic!("{page:?}");
    };
    host.site.folder("www/virtual/alice/signet", ALICE, 0o700);
    let here = |line: &str| line.replace("/home/you/", "/var/www/virtual/alice/");
    host.add_line("signet/signet.toml", &here(state), 0o600);
    host.add_line("html/.htaccess", &here(config), 0o644);
    host.assert_works();
    assert!(Path::new(&host.web).join("signet/secret_key").exists());
}
