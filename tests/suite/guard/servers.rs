//! Real web servers that show the same files themselves and by the program `file_server`.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use crate::live::apache::{self, Started, server_user};
use crate::live::lighttpd::start_lighttpd;
use crate::live::site::{Site, User};
use crate::support::example;
use crate::support::http::{Server, free_port};

/// Names, and numbers of bytes.
pub(super) const FILES: [(&str, u64); 8] = [
    ("one.txt", 1),
    ("page.html", 26),
    ("style.css", 500),
    ("picture.png", 10_000),
    ("paper.pdf", 100_000),
    ("film.mp4", 300_001),
    ("data.bin", 4_096),
    ("empty.zip", 0),
];

/// `Sun, 06 Nov 1994 08:49:37 GMT`, in Unix seconds.
const MODIFIED: u64 = 784_111_777;

/// The bytes of each file.
pub(super) fn bytes(size: u64) -> Vec<u8> {
    (0..=250).cycle().take(size as usize).collect()
}

pub(super) fn site() -> Site {
    let (site, owner) = (Site::new(), server_user());
    for folder in ["run", "cgi-bin", "htdocs"] {
        site.folder(folder, User::current(), 0o755);
    }
    site.folder("state", owner, 0o700);
    site.copy(&example("file_server"), "cgi-bin/files", owner);
    for (name, size) in FILES {
        let path = site.file(&format!("htdocs/{name}"), bytes(size), owner, 0o644);
        // Half a second later: dates have whole seconds.
        let modified = UNIX_EPOCH + Duration::from_millis(MODIFIED * 1000 + 500);
        let file = File::options().write(true).open(path).expect("open it");
        file.set_modified(modified).expect("set its time");
    }
    site
}

pub(super) fn lighttpd(site: &Site) -> Server {
    let state = site.folder("lighttpd-state", User::current(), 0o700);
    let text = format!(
        r#"server.modules = ( "mod_alias", "mod_setenv", "mod_cgi", "mod_fastcgi" )
server.bind = "127.0.0.1"
server.port = env.PORT
server.document-root = env.SITE + "/htdocs"
include_shell "/usr/share/lighttpd/create-mime.conf.pl"
alias.url = ( "/cgi-bin/" => env.SITE + "/cgi-bin/" )
$HTTP["url"] =~ "^/cgi-bin/" {{ cgi.assign = ( "" => "" ) }}
setenv.add-environment = ( "SIGNET_STATE_DIR" => "{state}" )
fastcgi.server = ( "/worker" => ((
    "bin-path" => env.SITE + "/cgi-bin/files", "socket" => "{state}/socket",
    "bin-environment" => ( "SIGNET_STATE_DIR" => "{state}" ),
    "check-local" => "disable", "max-procs" => 2 )) )
"#,
        state = state.display()
    );
    let path = site.file("lighttpd.conf", text, User::current(), 0o644);
    start_lighttpd(site, &path, None)
}

pub(super) fn apache(site: &Site) -> Server {
    let (folder, port) = (site.path(), free_port());
    let more = format!(
        "TypesConfig /etc/mime.types\nDocumentRoot {site}/htdocs\n\
         ScriptAlias /program {site}/cgi-bin/files\n\
         <Directory {site}>\nRequire all granted\n\
         SetEnv SIGNET_STATE_DIR {site}/state\n</Directory>\n\
         <Location /program>\nSetEnv ap_trust_cgilike_cl 1\n</Location>\n",
        site = folder.display()
    );
    let text = apache::configuration(folder, port, Started::ByServer, &[], &more);
    site.file("httpd.conf", text, User::current(), 0o644);
    apache::start(Command::new("apache2"), folder, port)
}
