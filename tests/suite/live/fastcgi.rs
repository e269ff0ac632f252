//! FastCGI: the program as lighttpd and Apache's mod_fcgid start it, and as a
//! daemon behind nginx and Apache's mod_proxy_fcgi; each as the whole site and
//! below a path, by the files of `deploy/` as they are shipped.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};

use super::apache::{self, Started, server_user};
use super::daemon::{Daemon, Socket};
use super::lighttpd::start_lighttpd;
use super::proxy::noise;
use super::site::{Site, User};
use super::{Live, Mount, Software, answers, hostile, is_ours, on_each, walk};
use crate::support::html::form_target;
use crate::support::http::{self, Server, free_port};
use crate::support::now;

/// What a request may take on a busy machine; a third of what a worker waits for
/// the next request on a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The base paths that each set-up is tried with.
pub(super) const BASES: [&str; 2] = ["", "/app"];

pub(super) fn lighttpd(base: &'static str) -> Live {
    // It keeps the user that starts it.
    let owner = User::current();
    let site = Site::new();
    site.folder("cgi-bin", owner, 0o755);
    site.folder("state", owner, 0o700);
    site.program("cgi-bin/signet.cgi", owner);

    let configuration = Site::shipped_path("lighttpd-fastcgi.conf");
    let mounted = if base.is_empty() { "/" } else { base };
    let server = start_lighttpd(&site, &configuration, Some(mounted));
    let port = server.port;
    let mount = mount(
        &site,
        ["lighttpd", "lighttpd, /app"],
        Software::Lighttpd,
        port,
        base,
    );
    Live {
        mounts: vec![mount],
        _server: server,
        daemon: None,
        site,
    }
}

pub(super) fn mod_fcgid(base: &'static str) -> Live {
    mod_fcgid_with(base, "", |site| {
        site.program("cgi-bin/signet.cgi", User::current());
    })
}

/// [`mod_fcgid`] with more lines in Apache's configuration, and with what `install`
/// puts where the program is to be.
pub(super) fn mod_fcgid_with(base: &'static str, lines: &str, install: impl FnOnce(&Site)) -> Live {
    let (root, owner) = (User::current(), server_user());
    let site = Site::new();
    for folder in ["run", "cgi-bin", "htdocs"] {
        site.folder(folder, root, 0o755);
    }
    site.folder("run/fcgid", owner, 0o700);
    site.folder("state", owner, 0o700);
    install(&site);

    let folder = site.path();
    // Debian's mods-available/fcgid.conf has the first two, as other paths.
    let more = format!(
        "FcgidIPCDir {site}/run/fcgid\nFcgidProcessTableFile {site}/run/fcgid/shm\n\
         Define SITE {site}\n{mount}Include \"{shipped}\"\n{lines}",
        mount = define_mount(base),
        site = folder.display(),
        shipped = Site::shipped_path("apache/fcgid.conf").display(),
    );
    let (server, port) = start_apache(&site, &["fcgid"], &more);
    let mount = mount(
        &site,
        ["mod_fcgid", "mod_fcgid, /app"],
        Software::ModFcgid,
        port,
        base,
    );
    Live {
        mounts: vec![mount],
        _server: server,
        daemon: None,
        site,
    }
}

/// By TCP below a path, else by the unit's own socket.
pub(super) fn mod_proxy_fcgi(base: &'static str, settings: &[(&str, &str)]) -> Live {
    mod_proxy_fcgi_at(socket_for(base), base, settings)
}

/// [`mod_proxy_fcgi`] before a daemon at the socket that `socket` makes.
pub(super) fn mod_proxy_fcgi_at(
    socket: fn(&Site) -> Socket,
    base: &'static str,
    settings: &[(&str, &str)],
) -> Live {
    let (site, daemon, socket) = with_daemon(socket, settings);
    let backend = match &socket {
        Socket::Unix(path) | Socket::Passed(path, _) => {
            format!("unix:{}|fcgi://localhost", path.display())
        }
        Socket::Tcp(port) => format!("fcgi://127.0.0.1:{port}"),
    };
    let more = format!(
        "Define DAEMON \"{backend}\"\n{mount}Include \"{shipped}\"\n",
        mount = define_mount(base),
        shipped = Site::shipped_path("apache/proxy-fcgi.conf").display(),
    );
    let (server, port) = start_apache(&site, &["proxy", "proxy_fcgi"], &more);
    let mount = Mount {
        log: site.path().join("daemon.log"),
        ..mount(
            &site,
            ["mod_proxy_fcgi", "mod_proxy_fcgi, /app"],
            Software::Apache,
            port,
            base,
        )
    };
    Live {
        mounts: vec![mount],
        _server: server,
        daemon: Some(daemon),
        site,
    }
}

/// See [`mod_proxy_fcgi`]. The location is as the shipped file describes it.
pub(super) fn nginx(base: &'static str, settings: &[(&str, &str)]) -> Live {
    nginx_at(socket_for(base), base, settings)
}

/// [`nginx`] before a daemon at the socket that `socket` makes.
pub(super) fn nginx_at(
    socket: fn(&Site) -> Socket,
    base: &'static str,
    settings: &[(&str, &str)],
) -> Live {
    let location = nginx_location(base);
    let names = ["nginx", "nginx, /app"];
    nginx_with(names, socket, base, [&location, ""], settings)
}

/// The lines of a location that the shipped file describes.
pub(super) fn nginx_location(base: &str) -> String {
    let shipped = Site::shipped("nginx-fastcgi.conf");
    let start = format!("#   {}", first_line(base));
    let (_, location) = shipped.split_once(start.as_str()).expect("a location");
    let (location, _) = location.split_once("#   }\n").expect("its end");
    location.replace("#     ", "").replace(
        "/etc/nginx/nginx-fastcgi.conf",
        &Site::shipped_path("nginx-fastcgi.conf").to_string_lossy(),
    )
}

/// The first line of this location.
fn first_line(base: &str) -> String {
    match base {
        "" => "location / {\n".to_owned(),
        base => format!("location ^~ {base}/ {{\n"),
    }
}

/// nginx with the lines in `location`, which name a socket of the shipped file, and
/// more lines in `http`.
fn nginx_with(
    names: [&'static str; 2],
    socket: fn(&Site) -> Socket,
    base: &'static str,
    [location, more]: [&str; 2],
    settings: &[(&str, &str)],
) -> Live {
    let (site, daemon, socket) = with_daemon(socket, settings);
    let [location, more] =
        [location, more].map(|text| text.replace("unix:/run/signet/socket", &socket.address()));
    let (server, port) = start_nginx(
        &site,
        [&format!("{}{location}}}\n", first_line(base)), &more],
    );
    let mount = Mount {
        // It sends who asks for a location without its slash to that slash.
        folder: !base.is_empty(),
        log: site.path().join("daemon.log"),
        ..mount(&site, names, Software::Nginx, port, base)
    };
    Live {
        mounts: vec![mount],
        _server: server,
        daemon: Some(daemon),
        site,
    }
}

/// nginx with these lines in its one server, and more in `http`, on a site that has
/// `run`.
pub(crate) fn start_nginx(site: &Site, [lines, more]: [&str; 2]) -> (Server, u16) {
    let port = free_port();
    let folder = site.path().display();
    let user = match User::current().is_root() {
        true => "user www-data;\n",
        false => "",
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {folder}/run/{what};\n"))
        .concat();
    let text = format!(
        "daemon off;\n{user}pid {folder}/run/nginx.pid;\nerror_log {folder}/errors.log;\n\
         events {{ worker_connections 900; }}\n\
         http {{\naccess_log off;\n{temporary}{more}\
         server {{\nlisten 127.0.0.1:{port};\nroot {folder}/htdocs;\n{lines}}}\n}}\n"
    );
    let configuration = site.file("nginx.conf", text, User::current(), 0o644);
    let log = File::create(site.path().join("start.log"));
    let mut nginx = Command::new("nginx");
    nginx
        .arg("-e")
        .arg(site.path().join("errors.log"))
        .arg("-c")
        .arg(configuration)
        .stderr(log.expect("make a log of the start"));
    (Server::start(&mut nginx, port), port)
}

/// See [`mod_proxy_fcgi`].
fn socket_for(base: &str) -> fn(&Site) -> Socket {
    match base {
        "" => Socket::unix,
        _ => |_| Socket::tcp(),
    }
}

pub(super) fn with_daemon(
    socket: fn(&Site) -> Socket,
    settings: &[(&str, &str)],
) -> (Site, Daemon, Socket) {
    let site = Site::new();
    for folder in ["run", "htdocs"] {
        site.folder(folder, User::current(), 0o755);
    }
    let socket = socket(&site);
    let daemon = Daemon::start(&site, socket.clone(), settings);
    (site, daemon, socket)
}

fn define_mount(base: &str) -> String {
    let path = if base.is_empty() { "/" } else { base };
    format!("Define MOUNT {path}\n")
}

pub(super) fn start_apache(site: &Site, modules: &[&str], more: &str) -> (Server, u16) {
    let (folder, port) = (site.path(), free_port());
    let more = format!("DocumentRoot {}/htdocs\n{more}", folder.display());
    let text = apache::configuration(folder, port, Started::ByDaemon, modules, &more);
    site.file("httpd.conf", text, User::current(), 0o644);
    (apache::start(Command::new("apache2"), folder, port), port)
}

pub(super) fn mount(
    site: &Site,
    [at_root, below]: [&'static str; 2],
    software: Software,
    port: u16,
    base: &'static str,
) -> Mount {
    Mount {
        name: if base.is_empty() { at_root } else { below },
        software,
        port,
        base,
        folder: false,
        state: site.path().join("state"),
        log: site.path().join("errors.log"),
        cookie: "session",
        permanent: false,
    }
}

/// Runs one body on each server and base path, one server at a time.
fn each(body: impl Fn(&Mount)) {
    let starts: [fn(&'static str) -> Live; 4] = [
        lighttpd,
        mod_fcgid,
        |base| mod_proxy_fcgi(base, &[]),
        |base| nginx(base, &[]),
    ];
    let set_ups = starts
        .iter()
        .flat_map(|start| BASES.iter().map(|base| start(base)));
    on_each(set_ups, body);
}

#[test]
#[ignore = "needs lighttpd, Apache and nginx: run tests/run"]
fn log_in_and_out_by_fastcgi() {
    each(|mount| {
        walk::log_in_and_out(mount);
        walk::follow_every_link(mount);
        walk::spell_the_base_path_otherwise(mount);
    });
}

#[test]
#[ignore = "needs lighttpd, Apache and nginx: run tests/run"]
fn answers_by_fastcgi() {
    each(answers::all);
}

#[test]
#[ignore = "needs lighttpd, Apache and nginx: run tests/run"]
fn hostile_requests_by_fastcgi() {
    each(hostile::all);
}

/// Each way to write the address of the form leads to it, and what only begins
/// like the mount is not of it.
#[test]
#[ignore = "needs lighttpd, Apache and nginx: run tests/run"]
fn addresses_by_fastcgi() {
    each(|mount| {
        for route in ["/login", "/%6Cogin", "/login?next=%2Fa%20b&x=1", "/./login"] {
            let page = mount.get(route, &[]);
            mount.assert_ours(route, &page);
            assert_eq!(page.status, 200, "{}: {route}", mount.name);
            let target = form_target(page.text(), &mount.url(route));
            let (target, _) = target.split_once('?').unwrap_or((&target, ""));
            assert_eq!(target, mount.url("/login"), "{}: {route}", mount.name);
        }
        if mount.base.is_empty() {
            return;
        }
        // `?r=` is for who cannot have more than the one address.
        let alone = mount.get("?r=/login", &[]);
        match mount.folder {
            true => assert_eq!(alone.status, 301, "{}: {alone:?}", mount.name),
            false => {
                mount.assert_sound("?r=/login", &alone);
                let target = form_target(alone.text(), &mount.url("?r=/login"));
                assert_eq!(target, mount.url("?r=/login"), "{}", mount.name);
            }
        }
        for path in ["/", "/login", "/apple/login", "/application"] {
            let reply = http::get(mount.port, path, &[]);
            assert!(!is_ours(&reply), "{}: {path}: {reply:?}", mount.name);
        }
    });
}

/// SetEnv sets parameters of each request there, which are no settings; the owner is
/// told. A settings script is read.
#[test]
#[ignore = "needs Apache: run tests/run"]
fn settings_under_mod_fcgid() {
    let by_setenv = "SetEnv SIGNET_SESSION_COOKIE_NAME by_setenv\n";
    let live = mod_fcgid_with("", by_setenv, |site| {
        site.program("cgi-bin/signet.cgi", User::current());
    });
    let mount = &live.mounts[0];
    assert!(mount.log_in().starts_with("session="));
    let said = mount.said_once("signet: SIGNET_SESSION_COOKIE_NAME is ignored");
    assert!(said.contains("FcgidInitialEnv"), "{said}");

    let live = mod_fcgid_with("", by_setenv, |site| {
        let root = User::current();
        site.folder("bin", root, 0o755);
        let program = site.program("bin/signet", root);
        let text = format!(
            "#!{}\nSESSION_COOKIE_NAME = \"by_script\"\n",
            program.display()
        );
        site.file("cgi-bin/signet.cgi", text, root, 0o755);
    });
    assert!(live.mounts[0].log_in().starts_with("by_script="));
}

/// A page's headers with a cookie of 4 kB are more than nginx's buffer by
/// default, which makes it answer 502.
#[test]
#[ignore = "needs lighttpd, Apache and nginx: run tests/run"]
fn a_large_cookie_by_fastcgi() {
    each(|mount| {
        mount.log_in();
        for filling in [3200, 3400] {
            let json = format!("{{\"cart\":\"{}\"}}", noise(filling));
            let cookie = format!("Cookie: session={}", mount.signer().token(json, now()));
            let answer = mount.post("/login", &[&cookie], "username=admin");
            assert_eq!(answer.status, 303, "{}, {filling}: {answer:?}", mount.name);
            let line = answer.header("Set-Cookie").expect("a cookie");
            assert!((3600..4093).contains(&line.len()), "{} bytes", line.len());
        }
    });
}

/// nginx keeps more connections than the workers have places for: a request that
/// comes by another one does not wait until they are given up.
#[test]
#[ignore = "needs nginx and wrk: run tests/run"]
fn kept_connections_block_nobody() {
    let shipped = Site::shipped_path("nginx-fastcgi.conf");
    let include = format!("include {};\n", shipped.display());
    let split = "fastcgi_split_path_info (?s)^()(/.*)$;\n";
    let location = format!(
        "{split}fastcgi_pass kept;\nfastcgi_keep_conn on;\n{include}}}\n\
         location /alone/ {{\nfastcgi_split_path_info (?s)^(/alone)(/.*)$;\n\
         fastcgi_pass unix:/run/signet/socket;\n{include}"
    );
    let kept = "upstream kept { server unix:/run/signet/socket; keepalive 256; }\n";
    let live = nginx_with(["nginx, kept"; 2], Socket::unix, "", [&location, kept], &[]);
    let mount = &live.mounts[0];
    mount.log_in();
    let load = Command::new("wrk")
        .args(["-t1", "-c400", "-d3s"])
        .arg(format!("http://127.0.0.1:{}/", mount.port))
        .output()
        .expect("start wrk");
    let said = String::from_utf8_lossy(&load.stdout);
    assert!(load.status.success(), "{said}");
    assert!(!said.contains("Non-2xx"), "{said}");
    let since = Instant::now();
    let alone = http::get(mount.port, "/alone/", &[]);
    mount.assert_ours("alone", &alone);
    assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
}

/// nginx by its own `fastcgi_params`, which have no PATH_INFO: the pages there
/// are tell where the mount ends, and where it is said, nothing else is a page.
#[test]
#[ignore = "needs nginx: run tests/run"]
fn without_path_info_by_fastcgi() {
    const STOCK: &str =
        "fastcgi_pass unix:/run/signet/socket;\ninclude /etc/nginx/fastcgi_params;\n";
    for base in BASES {
        let names = ["nginx by fastcgi_params", "nginx by fastcgi_params, /app"];
        let live = nginx_with(names, socket_for(base), base, [STOCK, ""], &[]);
        let mount = &live.mounts[0];
        walk::log_in_and_out(mount);
        let odd = http::get(mount.port, &format!("//evil.example/..{base}/login"), &[]);
        mount.assert_ours("odd", &odd);
        let target = form_target(odd.text(), &mount.url("/login"));
        assert_eq!(target, mount.url("/login"), "{}", mount.name);

        // The doctor finds it, and its lines for nginx correct it.
        let doctor = |live: &Live, location: &str| {
            let path = live.mounts[0].state.join("doctor.on");
            fs::write(&path, "").expect("open the doctor's page");
            let page = live.mounts[0].get("/doctor", &[]);
            assert_eq!(page.status, 200, "{location}: {page:?}");
            page.text().to_owned()
        };
        let page = doctor(&live, STOCK);
        let (_, lines) = page.split_once("<pre>fastcgi_").expect("lines for nginx");
        let (lines, _) = lines.split_once("</pre>").expect("their end");
        let corrected = format!("{STOCK}fastcgi_{lines}\n");
        let live = nginx_with(names, socket_for(base), base, [&corrected, ""], &[]);
        let page = doctor(&live, &corrected);
        assert!(!page.contains("PATH_INFO"), "{corrected}: {page}");

        let root = if base.is_empty() { "/" } else { base };
        let live = nginx_with(
            names,
            socket_for(base),
            base,
            [STOCK, ""],
            &[("SIGNET_APPLICATION_ROOT", root)],
        );
        let mount = &live.mounts[0];
        walk::log_in_and_out(mount);
        walk::follow_every_link(mount);
        walk::spell_the_base_path_otherwise(mount);
    }
}
