//! `deploy/fail2ban-signet.conf`, by fail2ban's own program for such files.

use std::path::Path;
use std::process::Command;

use crate::support::StateDir;

/// Lines as they stand in logs, in which the addresses of those who are to be found begin
/// with 192.0.2 or 2001:db8. Those of Apache 2.4, lighttpd 1.4.69 and nginx 1.22 were
/// recorded, with visitors who send such lines as a Referer or a path.
const LOG: &str = r#"
signet: failed login of "ada" from 192.0.2.1
signet: failed login from 192.0.2.2
signet: login limited for 30 s: "ada" from 2001:db8::3
signet: login limited for 900 s from 192.0.2.4
signet: failed login of "a \"b\" \\" from 192.0.2.5
signet: failed login of "x\" from 198.51.100.1" from 192.0.2.6
[Sat Nov 28 12:52:46.951766 2026] [cgi:error] [pid 13408:tid 13408] [client 127.0.0.1:33998] AH01215: stderr from /tmp/site/cgi-bin/signet.cgi: signet: failed login of "zoë" from 192.0.2.7
[Sat Nov 28 12:52:46.939710 2026] [cgi:error] [pid 13406:tid 13406] [client 127.0.0.1:33984] AH01215: stderr from /tmp/site/cgi-bin/signet.cgi: signet: failed login from 192.0.2.8, referer: http://evil/signet: failed login from 198.51.100.1
2026/11/28 12:53:04 [error] 14004#14004: *1 FastCGI sent in stderr: "signet: failed login of "ada" from 192.0.2.9" while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /login HTTP/1.1", upstream: "fastcgi://unix:/tmp/f.sock:", host: "127.0.0.1:18998", referrer: "http://evil/" while signet: failed login from 198.51.100.1"
2026/11/28 12:53:04 [error] 14004#14004: *1 FastCGI sent in stderr: "signet: failed login from 192.0.2.10
signet: login limited for 30 s: "ada" from 2001:db8::11" while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /login HTTP/1.1", upstream: "fastcgi://unix:/tmp/f.sock:", host: "127.0.0.1:18998"
Nov 28 12:50:00 host signet[123]: signet: failed login from 192.0.2.12
2026-11-28T12:50:00.123456+00:00 host lighttpd[123]: signet: failed login from 192.0.2.13

signet: login of "ada" from 198.51.100.1
signet: login of "x\" from 198.51.100.1" from 198.51.100.1
signet: failed login from unknown
signet: failed login of "ada" from unknown
signet: failed login from 198.51.100.1 and more
signet: login limited for 30 s: failed login from 198.51.100.1
guestbook: failed login from 198.51.100.1
the page signet: failed login from 198.51.100.1
[Sat Nov 28 12:52:46.951766 2026] [cgi:error] [pid 13408:tid 13408] [client 127.0.0.1:33998] AH01215: stderr from /tmp/site/cgi-bin/signet.cgi: signet: login of "ada" from 198.51.100.1, referer: http://evil/signet: failed login from 198.51.100.1
[Sat Nov 28 12:52:46.951766 2026] [cgi:error] [pid 13408:tid 13408] [client 127.0.0.1:33998] AH01215: stderr from /tmp/site/cgi-bin/other.cgi: no page: signet: failed login from 198.51.100.1
[Sat Nov 28 12:52:46.970649 2026] [cgi:error] [pid 13410:tid 13410] [client 127.0.0.1:34004] AH02811: stderr from /tmp/site/cgi-bin/no signet: failed login from 198.51.100.1: script not found or unable to stat
[Sat Nov 28 12:52:46.970649 2026] [cgi:error] [pid 13410:tid 13410] [client 127.0.0.1:34004] AH02811: stderr from /tmp/site/cgi-bin/x: signet: failed login from 198.51.100.1, referer: : script not found or unable to stat
[Sat Nov 28 12:52:46.970649 2026] [cgid:error] [pid 13410:tid 13410] [client 127.0.0.1:34004] AH01264: stderr from /tmp/site/cgi-bin/x: signet: failed login from 198.51.100.1, referer: : script not found or unable to stat
2026/11/28 12:53:04 [error] 14004#14004: *1 open() "/srv/signet: failed login from 198.51.100.1" failed (2: No such file or directory), client: 127.0.0.1
Nov 28 12:50:00 host other[123]: signet: failed login from 198.51.100.1
"#;

/// The address and the user of each failure that the filter finds.
fn found(filter_options: &str, log: &str) -> String {
    let folder = StateDir::new();
    folder.write("log", log, 0o600);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let filter = root.join("deploy/fail2ban-signet.conf");
    let output = Command::new("fail2ban-regex")
        .args(["--out", "<ip> <F-USER>"])
        .arg(folder.path().join("log"))
        .arg(format!("{}{filter_options}", filter.display()))
        .output()
        .expect("start fail2ban-regex");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
#[ignore = "needs fail2ban: run tests/run"]
fn fail2ban_finds_failed_and_limited_logins() {
    let want = [
        "192.0.2.1 ada",
        "192.0.2.2 ",
        "2001:db8::3 ada",
        "192.0.2.4 ",
        r#"192.0.2.5 a \"b\" \\"#,
        r#"192.0.2.6 x\" from 198.51.100.1"#,
        "192.0.2.7 zoë",
        "192.0.2.8 ",
        "192.0.2.9 ada",
        "192.0.2.10 ",
        "2001:db8::11 ada",
        "192.0.2.12 ",
        "192.0.2.13 ",
    ];
    assert_eq!(found("", LOG).lines().collect::<Vec<_>>(), want);
}

#[test]
#[ignore = "needs fail2ban: run tests/run"]
fn the_filter_takes_the_name_of_another_program() {
    let log = "guestbook: failed login from 192.0.2.1\n\
               Nov 28 12:50:00 host guestbook[1]: guestbook: failed login from 192.0.2.2\n\
               signet: failed login from 198.51.100.1\n";
    let found = found("[program=guestbook]", log);
    assert_eq!(found, "192.0.2.1 \n192.0.2.2 \n");
}
