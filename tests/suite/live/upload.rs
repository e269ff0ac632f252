//! `deploy/upload`: to OpenSSH's sftp-server and to vsftpd with TLS, in front of Apache with
//! suEXEC, as one user of a shared host.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::apache::Started;
use super::site::{Site, User, set_mode};
use super::suexec::{ALICE, NAMESPACE, set_up};
use super::{Live, is_ours};
use crate::deploy::static_program;
use crate::support::http::{self, Server, free_port};

const PASSWORD: &str = "pass \"word\" \\1";

/// What else the two servers need in their namespace.
const MORE: &str = "
    mount --bind \"$1/shadow\" /etc/shadow
    mount -t tmpfs none /run
    mkdir /run/sshd /run/empty";

/// As WordPress writes it, with the URL path of its folder.
const WORDPRESS: &str = "# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /BASE/
RewriteRule ^index\\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /BASE/index.php [L]
</IfModule>
# END WordPress
";

/// Where the script keeps the old `.htaccess`, and how this file begins.
const KEPT: &str = ".htaccess.before-signet";
const KEPT_BY: &str = "# The .htaccess before the last upload, kept by deploy/upload\n";

/// Lets an author's own program run.
const HANDLER: &str = "RewriteEngine On
<Files hello.cgi>
Options +ExecCGI
SetHandler cgi-script
</Files>
";

/// A program that prints its version.
fn version(number: u32) -> String {
    format!("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nversion {number}'\n")
}

fn must(command: &mut Command) {
    let out = command.output().expect("start it");
    assert!(out.status.success(), "{command:?}: {out:?}");
}

/// Two folders of alice, as the host and its servers name them.
struct Folder {
    protocol: &'static str,
    /// Below the folder of the site.
    place: &'static str,
    /// From the login on.
    remote: &'static str,
    base: &'static str,
}

const FOLDERS: [Folder; 2] = [
    Folder {
        protocol: "sftp",
        place: "home/alice/public_html/app/up",
        remote: "public_html/app/up",
        base: "/~alice/app/up",
    },
    Folder {
        protocol: "ftps",
        place: "www/virtual/alice/html/up",
        remote: "/var/www/virtual/alice/html/up",
        base: "/up",
    },
];

struct Host {
    // They end before their folder.
    _sshd: Server,
    _vsftpd: Server,
    ssh: u16,
    ftp: u16,
    ftp_data: u16,
    live: Live,
}

impl Host {
    fn start() -> Self {
        let live = set_up(Started::ByDaemon);
        let (site, root) = (&live.site, User::current());
        let at = site.path();
        for folder in FOLDERS {
            site.folder(folder.place, ALICE, 0o755);
        }
        let hash = Command::new("openssl")
            .args(["passwd", "-6", PASSWORD])
            .output();
        let hash = String::from_utf8(hash.expect("openssl").stdout).expect("a hash");
        let shadow = format!("alice:{}:19000:0:99999:7:::\n", hash.trim());
        site.file("shadow", shadow, root, 0o600);

        let laptop = site.folder("laptop", root, 0o700);
        for name in ["hostkey", "laptop/key"] {
            must(
                Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                    .arg(at.join(name)),
            );
        }
        site.folder("home/alice/.ssh", ALICE, 0o700);
        let public = fs::read(laptop.join("key.pub")).expect("made");
        site.file("home/alice/.ssh/authorized_keys", public, ALICE, 0o600);
        must(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-nodes", "-subj", "/CN=up"])
                .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"])
                .args(["-addext", "subjectAltName=IP:127.0.0.1,IP:127.0.0.2"])
                .args(["-keyout", "ftp.key", "-out", "laptop/host.pem"])
                .current_dir(at),
        );

        let (ssh, ftp, ftp_data) = (free_port(), free_port(), free_port());
        let here = at.display();
        let sshd = format!(
            "Port {ssh}\nListenAddress 127.0.0.1\nHostKey {here}/hostkey\nUsePAM no\n\
             PidFile none\nSubsystem sftp /usr/lib/openssh/sftp-server\n"
        );
        site.file("sshd_config", sshd, root, 0o600);
        let vsftpd = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={ftp}\nbackground=NO\n\
             anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nlocal_umask=022\n\
             ssl_enable=YES\nrsa_cert_file={here}/laptop/host.pem\n\
             rsa_private_key_file={here}/ftp.key\nsecure_chroot_dir=/run/empty\n\
             pam_service_name=vsftpd\npasv_min_port={ftp_data}\npasv_max_port={ftp_data}\n\
             seccomp_sandbox=NO\nvsftpd_log_file={here}/vsftpd.log\n"
        );
        site.file("vsftpd.conf", vsftpd, root, 0o600);
        let start = |program: &str, options: &[&str], configuration: &str, port| {
            let log = fs::File::create(at.join(format!("{configuration}.log"))).expect("a log");
            let mut server = Command::new("unshare");
            server
                .args(["--mount", "/bin/sh", "-ec", &format!("{MORE}{NAMESPACE}")])
                .arg(program)
                .arg(at)
                .args(options)
                .arg(at.join(configuration))
                .stderr(log);
            Server::start(&mut server, port)
        };
        let host = Self {
            _sshd: start("/usr/sbin/sshd", &["-D", "-e", "-f"], "sshd_config", ssh),
            _vsftpd: start("/usr/sbin/vsftpd", &[], "vsftpd.conf", ftp),
            ssh,
            ftp,
            ftp_data,
            live,
        };
        host.furnish();
        host
    }

    /// What there is on the laptop: the password, and the programs, which note how they were
    /// called.
    fn furnish(&self) {
        let (site, root, here) = (&self.live.site, User::current(), self.laptop());
        let quoted = PASSWORD.replace('\\', "\\\\").replace('"', "\\\"");
        let netrc: String = ["127.0.0.1", "127.0.0.2"]
            .map(|host| format!("machine {host} login alice password \"{quoted}\"\n"))
            .concat();
        site.file("laptop/.netrc", netrc, root, 0o600);
        let ssh_config = format!(
            "Host *\nUserKnownHostsFile {here}/known\nStrictHostKeyChecking accept-new\n\
             LogLevel ERROR\n             IdentitiesOnly yes\nIdentityFile {here}/key\n",
            here = here.display()
        );
        site.file("laptop/ssh_config", ssh_config, root, 0o600);
        site.folder("laptop/bin", root, 0o755);
        site.folder("laptop/tmp", root, 0o755);
        for (name, more) in [("ssh", "-F ssh_config "), ("sftp", ""), ("curl", "")] {
            self.wrap(name, "printf '%s\\n' \"$0 $*\" >>calls", more);
        }
    }

    /// Replaces a program of the laptop by one that first does something else.
    fn wrap(&self, name: &str, first: &str, options: &str) {
        let text = format!("#!/bin/sh\n{first}\nexec /usr/bin/{name} {options}\"$@\"\n");
        let at = format!("laptop/bin/{name}");
        self.live.site.file(&at, text, User::current(), 0o755);
    }

    fn laptop(&self) -> PathBuf {
        self.live.site.path().join("laptop")
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.laptop().join(name), text).expect("write a file");
    }

    /// The file of the targets, with one target.
    fn target(&self, folder: &Folder, host: &str, program: &str, more: &str) {
        let (port, certificate) = match folder.protocol {
            "sftp" => (self.ssh, ""),
            _ => (self.ftp, "certificate = host.pem\n"),
        };
        let Folder {
            protocol,
            remote,
            base,
            ..
        } = folder;
        let web = self.live.mounts[0].port;
        let name = Path::new(program).file_name().expect("a name").display();
        self.write(
            "upload.ini",
            format!(
                "[site]\nprotocol = {protocol}\nhost = {host}\nport = {port}\nuser = alice\n\
                 program_folder = {remote}\ndocument_folder = {remote} ; the same\n\
                 url = http://127.0.0.1:{web}{base}/{name}\n\
                 program = {program}\n{certificate}{more}"
            ),
        );
    }

    fn command(&self, words: &[&str]) -> Command {
        let laptop = self.laptop();
        let path = std::env::var("PATH").expect("PATH");
        let mut command = Command::new(Site::shipped_path("upload"));
        command
            .args(words)
            .env("PATH", format!("{}/bin:{path}", laptop.display()))
            .env("HOME", &laptop)
            .env("TMPDIR", laptop.join("tmp"))
            .current_dir(laptop)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the script, which ends with this code, and returns what it said.
    #[track_caller]
    fn run(&self, words: &[&str], code: i32) -> String {
        told(
            self.command(words).output().expect("run deploy/upload"),
            code,
        )
    }

    fn place(&self, folder: &Folder) -> PathBuf {
        self.live.site.path().join(folder.place)
    }

    fn get(&self, folder: &Folder, path: &str) -> http::Reply {
        let url = format!("{}/{path}", folder.base);
        http::get(self.live.mounts[0].port, &url, &[])
    }
}

#[track_caller]
fn told(out: Output, code: i32) -> String {
    let said = [out.stdout, out.stderr].concat();
    let said = String::from_utf8(said).expect("UTF-8");
    assert_eq!(out.status.code(), Some(code), "{said}");
    assert!(!said.contains("Traceback"), "{said}");
    said
}

/// The files in a folder: bytes, mode and time.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32, i64)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let about = fs::metadata(&path).expect("a file");
        assert_eq!(about.uid(), ALICE.uid, "{}", path.display());
        let name = path.file_name().expect("a name").to_string_lossy();
        let mode = about.permissions().mode() & 0o7777;
        let text = fs::read(&path).expect("a file");
        found.insert(name.into_owned(), (text, mode, about.mtime_nsec()));
    }
    found
}

/// Everything that a site owner does, in the folder of a WordPress site.
#[test]
#[ignore = "needs Apache, vsftpd, sshd and root: run tests/run"]
fn signet_is_uploaded_beside_wordpress_and_removed() {
    let host = Host::start();
    for folder in &FOLDERS {
        let (site, place) = (&host.live.site, host.place(folder));
        let of_wordpress = WORDPRESS.replace("/BASE", folder.base);
        let at = |name: &str| format!("{}/{name}", folder.place);
        // The web server reads it as one of the others, and the group may not.
        site.file(&at(".htaccess"), &of_wordpress, ALICE, 0o604);
        for own in [".htaccess.old", "signet.cgi.new"] {
            site.file(&at(own), "the owner's", ALICE, 0o600);
        }
        let index = version(6).replace("version", "WordPress");
        site.file(&at("index.php"), index, ALICE, 0o755);
        let before = files(&place);
        let program = static_program();
        host.target(folder, "127.0.0.1", program.to_str().expect("UTF-8"), "");

        let said = host.run(&["check", "site"], 1);
        let path = format!("{}/signet.cgi", folder.remote);
        assert!(
            said.contains(&format!("{path}: would be uploaded")),
            "{said}"
        );
        assert_eq!(host.run(&["site", "--dry-run"], 0), said);
        assert!(files(&place) == before, "{said}");

        let said = host.run(&["site"], 0);
        assert!(said.contains(&format!("{path}: uploaded")), "{said}");
        assert!(said.ends_with("answers 200\n"), "{said}");
        let after = files(&place);
        let names: Vec<&str> = after.keys().map(|name| &**name).collect();
        assert_eq!(
            names,
            [
                ".htaccess",
                KEPT,
                ".htaccess.old",
                "index.php",
                "signet.cgi",
                "signet.cgi.new"
            ]
        );
        assert_eq!(after[".htaccess"].1, 0o604);
        let (bytes, mode, _) = &after["signet.cgi"];
        assert!(*bytes == fs::read(&program).expect("the program"));
        assert_eq!(*mode, 0o755);
        let (bytes, mode, _) = &after[KEPT];
        assert_eq!(*bytes, format!("{KEPT_BY}{of_wordpress}").as_bytes());
        assert_eq!(*mode, 0o600);
        for route in ["login", "signet.cgi/login", "signet.cgi"] {
            let page = host.get(folder, route);
            assert!(page.status == 200 && is_ours(&page), "{route}: {page:?}");
        }
        for route in ["", "2026/hello-world/", "login-help"] {
            let page = host.get(folder, route);
            assert_eq!(page.text(), "WordPress 6", "{route}");
        }
        assert_eq!(host.get(folder, KEPT).status, 403);

        let said = host.run(&["site"], 0);
        assert!(said.contains(&format!("{path}: unchanged")), "{said}");
        host.run(&["check", "site"], 0);
        assert!(files(&place) == after, "{said}");

        // As some FTP programs leave it.
        set_mode(&place.join("signet.cgi"), 0o644);
        let said = host.run(&["check", "site"], 1);
        assert!(said.contains("answers 500"), "{said}");
        host.run(&["site"], 0);
        assert_eq!(files(&place)["signet.cgi"].1, 0o755);

        host.run(&["remove", "site", "--dry-run"], 0);
        assert_eq!(files(&place).len(), 6);
        let said = host.run(&["remove", "site"], 0);
        assert!(said.contains(&format!("{path}: deleted")), "{said}");
        let mut left = files(&place);
        let (bytes, mode, _) = left.remove(".htaccess").expect("a file");
        assert_eq!(bytes, of_wordpress.as_bytes());
        assert_eq!(mode, 0o604);
        let mut others = before;
        others.remove(".htaccess");
        assert!(left == others, "{left:?}");
        host.run(&["remove", "site"], 0);
    }
}

/// An author's own program, and lines for it: the second version is at fault.
#[test]
#[ignore = "needs Apache, vsftpd, sshd and root: run tests/run"]
fn a_site_that_answers_with_an_error_gets_everything_back() {
    let host = Host::start();
    for folder in &FOLDERS {
        let at = format!("{}/.htaccess", folder.place);
        host.live.site.file(&at, "", ALICE, 0o604);
        host.target(folder, "127.0.0.1", "hello.cgi", "htaccess = lines\n");
        host.write("hello.cgi", version(1));
        host.write("lines", HANDLER);
        host.run(&["site"], 0);
        let after = files(&host.place(folder));
        assert_eq!(after[KEPT].0, KEPT_BY.as_bytes());
        assert_eq!((after[KEPT].1, after[".htaccess"].1), (0o600, 0o604));
    }
    let [sftp, ftps] = &FOLDERS;
    let exits = "#!/bin/sh\nexit 1\n";
    let second = &*version(2);
    let denied = "Require all denied\n";
    let shown = "<Files hello.cgi>\nSetHandler default-handler\n</Files>\nRewriteEngine On\n";
    let busy = "#!/bin/sh\nprintf 'Status: 503\\nContent-Type: text/plain\\n\\nbusy'\n";
    #[rustfmt::skip]
    let cases = [
        (sftp, "program",   exits,  HANDLER,   "answers 500: the program does not start"),
        (ftps, "program",   exits,  HANDLER,   "answers 500: the program does not start"),
        (sftp, ".htaccess", second, "No such", "forbids a line of .htaccess"),
        (sftp, "denied",    second, denied,    "answers 403: the host does not allow programs"),
        (ftps, "shown",     second, shown,     "sends the program as a file"),
    ];
    for (folder, name, program, lines, words) in cases {
        let place = host.place(folder);
        let before = files(&place);
        host.target(folder, "127.0.0.1", "hello.cgi", "htaccess = lines\n");
        host.write("hello.cgi", program);
        host.write("lines", lines);
        let said = host.run(&["site"], 1);
        assert!(said.contains(words), "{name}: {said}");
        let end = "Everything is as before; the site answers 200.\n";
        assert!(said.ends_with(end), "{name}: {said}");
        let bytes = |files: BTreeMap<String, (Vec<u8>, u32, i64)>| -> Vec<_> {
            let file = |(name, (text, mode, _))| (name, text, mode);
            files.into_iter().map(file).collect()
        };
        assert_eq!(bytes(files(&place)), bytes(before), "{name}: {said}");
        assert_eq!(host.get(folder, "hello.cgi").text(), "version 1", "{name}");
    }

    host.write("lines", HANDLER);
    // It answers itself: its page is for the owner to read.
    host.write("hello.cgi", busy);
    let said = host.run(&["site"], 1);
    assert!(said.contains("answers 503: the program runs"), "{said}");
    assert_eq!(host.get(ftps, "hello.cgi").text(), "busy");

    // The folder cannot be written any more: what was there is not lost.
    host.write("hello.cgi", "#!/bin/sh\nchmod 555 .\nexit 1\n");
    assert_eq!(kept_program(&host.run(&["site"], 1)), busy);

    set_mode(&host.place(ftps), 0o755);
    host.write("hello.cgi", "#!/bin/sh\r\nexit\r\n");
    let said = host.run(&["site"], 1);
    assert!(said.contains("the lines end in CR LF"), "{said}");

    // A fault of the laptop, such as a full disk, when the new program has answered.
    let at = format!("{}/hello.cgi", ftps.place);
    host.live.site.file(&at, version(1), ALICE, 0o755);
    host.write("hello.cgi", exits);
    let breaks = "case \"$*\" in *http_code*)
        [ ! -e asked ] || for file in tmp/upload*/file; do rm $file; mkdir $file; done
        touch asked;; esac";
    host.wrap("curl", breaks, "");
    assert_eq!(kept_program(&host.run(&["site"], 1)), version(1));
}

/// The old program, in the folder where the script says that it is.
#[track_caller]
fn kept_program(said: &str) -> String {
    let (_, kept) = said
        .split_once("The files as they were are in ")
        .expect("a folder");
    let (kept, _) = kept.split_once(": upload them").expect("its end");
    fs::read_to_string(Path::new(kept).join("hello.cgi")).expect("kept")
}

/// Ctrl-C while the site is asked: the new program takes its time. Then again, while the old
/// files are restored; a terminal sends it to all programs that run there.
#[test]
#[ignore = "needs Apache, vsftpd, sshd and root: run tests/run"]
fn an_interrupted_upload_takes_everything_back() {
    let host = Host::start();
    let [sftp, ftps] = &FOLDERS;
    let (slow, rolling) = (host.laptop().join("slow"), host.laptop().join("rolling"));
    for name in ["sftp", "curl"] {
        host.wrap(name, "[ ! -e slow ] || { touch rolling; sleep 0.3; }", "");
    }
    let closing = "case \"$*\" in *'-O exit'*) touch closing; sleep 1;; esac";
    host.wrap("ssh", closing, "-F ssh_config ");
    let send = |upload: &Child, signal| {
        kill_process_group(Pid::from_child(upload), signal).expect("send the signal");
    };
    let start = || {
        let mut command = host.command(&["site"]);
        command.process_group(0).spawn().expect("run deploy/upload")
    };
    for (folder, signal) in [
        (sftp, Signal::INT),
        (ftps, Signal::TERM),
        (sftp, Signal::HUP),
    ] {
        host.target(folder, "127.0.0.1", "hello.cgi", "htaccess = lines\n");
        host.write("hello.cgi", version(1));
        host.write("lines", HANDLER);
        host.run(&["site"], 0);
        let before = files(&host.place(folder));
        host.write("hello.cgi", "#!/bin/sh\ntouch asked\nsleep 5\nexit 1\n");
        host.write("lines", format!("{HANDLER}# new\n"));
        let upload = start();
        let asked = host.place(folder).join("asked");
        wait_until(|| asked.exists());
        fs::write(&slow, "").expect("slow down");
        send(&upload, signal);
        wait_until(|| rolling.exists());
        for again in [Signal::INT, Signal::TERM, Signal::HUP] {
            send(&upload, again);
        }
        let said = told(upload.wait_with_output().expect("its end"), 1);
        assert!(
            said.contains("interrupted\nEverything is as before"),
            "{said}"
        );
        assert_eq!(host.get(folder, "hello.cgi").text(), "version 1");
        fs::remove_file(asked).expect("remove it");
        let text = |files: &BTreeMap<String, (Vec<u8>, u32, i64)>| -> Vec<_> {
            files.values().map(|(text, ..)| text.clone()).collect()
        };
        assert_eq!(text(&files(&host.place(folder))), text(&before), "{said}");
        for mark in [&slow, &rolling] {
            fs::remove_file(mark).expect("remove it");
        }
    }

    // When all is done, there is nothing to interrupt.
    host.write("hello.cgi", version(2));
    let closing = host.laptop().join("closing");
    let _ = fs::remove_file(&closing);
    let upload = start();
    wait_until(|| closing.exists());
    kill_process(Pid::from_child(&upload), Signal::INT).expect("send the signal");
    let said = told(upload.wait_with_output().expect("its end"), 0);
    assert!(said.ends_with("answers 200\n"), "{said}");
    assert_eq!(host.get(sftp, "hello.cgi").text(), "version 2");
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(10));
    }
}

/// Forwards connections to a port of 127.0.0.2 to the same port of 127.0.0.1, and ends each
/// after so many bytes from the client.
struct Cut {
    port: u16,
    is_over: Arc<AtomicBool>,
}

impl Cut {
    fn start(port: u16, limit: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.2", port)).expect("bind");
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        thread::spawn(move || {
            for client in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port)))
                else {
                    continue;
                };
                let pair = (client.try_clone(), server.try_clone());
                let (Ok(to_client), Ok(from_server)) = pair else {
                    continue;
                };
                thread::spawn(move || forward(from_server, to_client, u64::MAX));
                thread::spawn(move || forward(client, server, limit));
            }
        });
        Self { port, is_over }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.2", self.port));
    }
}

fn forward(from: TcpStream, mut to: TcpStream, limit: u64) {
    let copied = io::copy(&mut (&from).take(limit), &mut to);
    // The other direction goes on only if this one ended by itself.
    let end = match copied {
        Ok(count) if count < limit => Shutdown::Write,
        Ok(_) | Err(_) => Shutdown::Both,
    };
    let _ = to.shutdown(end);
    if end == Shutdown::Both {
        let _ = from.shutdown(end);
    }
}

#[test]
#[ignore = "needs Apache, vsftpd, sshd, root and the static program: run tests/run"]
fn an_upload_that_is_cut_off_leaves_the_old_program() {
    let host = Host::start();
    let program = static_program();
    let program = program.to_str().expect("UTF-8");
    for folder in &FOLDERS {
        let place = host.place(folder);
        let at = format!("{}/signet.cgi", folder.place);
        host.live.site.file(&at, version(1), ALICE, 0o755);
        let lines = HANDLER.replace("hello", "signet");
        let at = format!("{}/.htaccess", folder.place);
        host.live.site.file(&at, lines, ALICE, 0o644);
        let before = files(&place);
        host.target(folder, "127.0.0.2", program, "");
        {
            let _cuts: Vec<Cut> = match folder.protocol {
                "sftp" => vec![Cut::start(host.ssh, 1_000_000)],
                _ => vec![
                    Cut::start(host.ftp, u64::MAX),
                    Cut::start(host.ftp_data, 1_000_000),
                ],
            };
            let said = host.run(&["site"], 1);
            let words = format!("{}/signet.cgi cannot be written", folder.remote);
            assert!(said.contains(&words), "{said}");
        }
        let mut after = files(&place);
        // The host may keep what arrived.
        if let Some((part, ..)) = after.remove("signet.cgi.upload-new") {
            assert!(part.len() < 1_000_001, "{}", part.len());
        }
        assert!(after == before);
        assert_eq!(host.get(folder, "signet.cgi").text(), "version 1");

        host.target(folder, "127.0.0.1", program, "");
        host.run(&["site"], 0);
        assert!(!files(&place).contains_key("signet.cgi.upload-new"));
        assert!(is_ours(&host.get(folder, "login")));
    }
}

/// Answers the first question for a password on a terminal.
fn with_password(host: &Host, words: &str) -> String {
    let script = Site::shipped_path("upload");
    let typed = host.command(&[]);
    let mut command = Command::new("script");
    for (name, value) in typed.get_envs() {
        command.env(name, value.expect("a value"));
    }
    let mut child: Child = command
        .args([
            "-qec",
            &format!("{} {words}", script.display()),
            "/dev/null",
        ])
        .current_dir(host.laptop())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run script");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let (mut said, mut buffer) = (String::new(), [0; 1024]);
    let mut is_typed = false;
    loop {
        let count = stdout.read(&mut buffer).expect("read the terminal");
        if count == 0 {
            break;
        }
        said += &String::from_utf8_lossy(&buffer[..count]);
        if !is_typed && said.contains("assword") && said.trim_end().ends_with(':') {
            // It drops what was typed before it asked.
            thread::sleep(Duration::from_millis(200));
            writeln!(stdin, "{PASSWORD}").expect("type it");
            is_typed = true;
        }
    }
    drop(stdin);
    assert!(child.wait().expect("its end").success(), "{said}");
    assert!(is_typed, "{said}");
    said
}

#[test]
#[ignore = "needs Apache, vsftpd, sshd and root: run tests/run"]
fn passwords_are_asked_for_and_are_in_no_argument() {
    let host = Host::start();
    host.write("hello.cgi", version(1));
    host.write("lines", HANDLER);
    fs::remove_file(host.laptop().join(".netrc")).expect("no password here");
    let config = fs::read_to_string(host.laptop().join("ssh_config")).expect("a file");
    let (config, _) = config.split_once("IdentityFile").expect("the key");
    host.write("ssh_config", format!("{config}IdentityFile none\n"));
    for folder in &FOLDERS {
        host.target(folder, "127.0.0.1", "hello.cgi", "htaccess = lines\n");
        let said = with_password(&host, "site");
        assert!(said.contains("answers 200"), "{said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let calls = fs::read_to_string(host.laptop().join("calls")).expect("calls");
    for program in ["ssh", "sftp", "curl"] {
        assert!(calls.contains(&format!("/bin/{program} ")), "{calls}");
    }
    assert!(!calls.contains("word"), "{calls}");
}

/// Faults of the host that stop the upload before it changes anything.
#[test]
#[ignore = "needs Apache, vsftpd, sshd and root: run tests/run"]
fn a_host_that_cannot_be_used_is_not_changed() {
    let host = Host::start();
    host.write("hello.cgi", version(1));
    host.write("lines", HANDLER);
    let [sftp, ftps] = &FOLDERS;
    let target = |folder| host.target(folder, "127.0.0.1", "hello.cgi", "htaccess = lines\n");
    let change = |from: &str, to: &str| {
        let ini = host.laptop().join("upload.ini");
        let text = fs::read_to_string(&ini).expect("a file");
        assert!(text.contains(from), "{text}");
        fs::write(ini, text.replace(from, to)).expect("write it");
    };
    let fails = |words: &str| {
        let said = host.run(&["site"], 1);
        assert!(said.contains(words), "{words}: {said}");
    };

    target(ftps);
    change("certificate = host.pem\n", "");
    fails("curl could not log in to 127.0.0.1 as alice");
    target(ftps);
    change(&host.ftp.to_string(), "1");
    fails("curl could not log in");
    target(sftp);
    change(&host.ssh.to_string(), "1");
    fails("ssh could not log in to alice@127.0.0.1");
    // As a login shell says it of a program in its .bashrc.
    host.wrap("sftp", "echo 'bash: fortune: command not found' >&2", "");
    for folder in &FOLDERS {
        target(folder);
        change("program_folder = ", "program_folder = none/");
        fails("hello.cgi cannot be written");
        target(folder);
        change("url = http://127.0.0.1:", "url = http://127.0.0.1:1");
        fails("nothing was changed");
        // It exists, but alice may not read it.
        let at = format!("{}/.htaccess", folder.place);
        let root = User::current();
        let path = host.live.site.file(&at, "RewriteEngine Off\n", root, 0o600);
        target(folder);
        fails(".htaccess cannot be read");
        assert_eq!(fs::read(&path).expect("a file"), b"RewriteEngine Off\n");
        fs::remove_file(&path).expect("remove it");
        assert_eq!(files(&host.place(folder)), BTreeMap::new());
        // The owner's own file has the name under which the script keeps the old one.
        for name in [".htaccess", KEPT] {
            let at = format!("{}/{name}", folder.place);
            host.live
                .site
                .file(&at, "RewriteEngine Off\n", ALICE, 0o644);
        }
        let before = files(&host.place(folder));
        fails(".htaccess.before-signet is not from this script");
        host.run(&["remove", "site"], 0);
        assert!(files(&host.place(folder)) == before);
    }
}

/// Neither name nor password is sent without TLS.
#[test]
#[ignore = "needs curl and Python: run tests/run"]
fn a_server_without_tls_gets_no_password() {
    let site = Site::new();
    let root = User::current();
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("its address").port();
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a connection");
        let _ = client.write_all(b"220 ready\r\n");
        let mut heard = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(count @ 1..) = client.read(&mut buffer) {
            heard.extend_from_slice(&buffer[..count]);
            let _ = client.write_all(b"500 no\r\n");
        }
        String::from_utf8_lossy(&heard).into_owned()
    });
    site.file(
        ".netrc",
        "machine 127.0.0.1 login alice password secret\n",
        root,
        0o600,
    );
    let ini = format!(
        "[site]\nprotocol = ftps\nhost = 127.0.0.1\nport = {port}\nuser = alice\n\
         program_folder = cgi-bin\nurl = http://127.0.0.1:1/\n"
    );
    site.file("upload.ini", ini, root, 0o600);
    let out = Command::new(Site::shipped_path("upload"))
        .arg("site")
        .env("HOME", site.path())
        .current_dir(site.path())
        .output();
    let said = told(out.expect("run deploy/upload"), 1);
    assert!(said.contains("curl could not log in"), "{said}");
    let heard = server.join().expect("the server");
    assert!(heard.contains("AUTH"), "{heard}");
    assert!(
        !heard.contains("USER") && !heard.contains("secret"),
        "{heard}"
    );
}

const SECTION: &str = "[site]\nprotocol = sftp\nhost = a.example\nuser = you\n\
    program_folder = html\nurl = https://a.example/signet.cgi\n";

#[test]
#[ignore = "needs Python: run tests/run"]
fn a_wrong_file_of_targets_is_explained() {
    let (site, root) = (Site::new(), User::current());
    let with = |line: &str| format!("{SECTION}{line}\n");
    let without = |from: &str, to: &str| SECTION.replace(from, to);
    #[rustfmt::skip]
    let cases = [
        ("[other]\n".into(),                     "has no section [site]; it has: other"),
        ("[site\n".into(),                       "upload.ini cannot be read"),
        (without("user = you\n", ""),            "[site]: user is missing"),
        (without("sftp", "ftp"),                 "protocol is 'ftp'; expected sftp or ftps"),
        (without("https://", ""),                "url is 'a.example/signet.cgi'; expected a URL"),
        (without("html", "a\\\"b"),              "expected a name of letters"),
        (with("program = a\"b.cgi"),             "program is 'a\"b.cgi'; expected a name of"),
        (without("a.example\n", "-oProxyCommand=x\n"), "expected the name of a host"),
        (with("port = ssh"),                     "port is 'ssh'; expected a number"),
        (with("password = secret"),              "this file is no place for passwords"),
        (with("folder = x"),                     "there is no setting folder; the settings are"),
        (with("htaccess = lines"),               "document_folder is missing"),
        (with("document_folder = other"),        "htaccess is missing"),
        (with("document_folder = html\nprogram = own.cgi"), "htaccess is missing"),
    ];
    let run = |words: &[&str], code| {
        let mut command = Command::new(Site::shipped_path("upload"));
        let out = command.args(words).current_dir(site.path()).output();
        told(out.expect("run deploy/upload"), code)
    };
    let said = run(&["site"], 1);
    assert!(said.contains("there is no upload.ini"), "{said}");
    for (text, words) in cases {
        site.file("upload.ini", &text, root, 0o600);
        let said = run(&["site"], 1);
        assert!(said.contains(words), "{words}: {text}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    site.file("upload.ini", without("sftp", "ftps"), root, 0o600);
    let without_terminal = Command::new("setsid")
        .arg("--wait")
        .arg(Site::shipped_path("upload"))
        .arg("site")
        .env("HOME", site.path())
        .current_dir(site.path())
        .stdin(Stdio::null())
        .output();
    let said = told(without_terminal.expect("run deploy/upload"), 1);
    assert!(said.contains("write it into ~/.netrc"), "{said}");
    for words in [
        &[][..],
        &["a", "site"],
        &["check", "site", "x"],
        &["site", "-x"],
    ] {
        let said = run(words, 2);
        assert!(said.starts_with("usage: deploy/upload"), "{said}");
    }
}

/// Where the lines go, in a `.htaccess` as other programs and owners write it.
#[test]
#[ignore = "needs Python: run tests/run"]
fn lines_go_before_a_rule_for_all_urls_and_after_redirects() {
    const CALL: &str = "import importlib.machinery, importlib.util, sys\n\
        sys.dont_write_bytecode = True\n\
        loader = importlib.machinery.SourceFileLoader('upload', sys.argv[1])\n\
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader('upload', loader))\n\
        loader.exec_module(module)\n\
        text = module.with_block(sys.argv[2], 'a.cgi', 'NEW\\n')\n\
        again = module.with_block(text, 'a.cgi', 'NEWER\\n')\n\
        assert again == text.replace('NEW', 'NEWER'), again\n\
        windows = module.with_block(text.replace('\\n', '\\r\\n'), 'a.cgi', 'NEWER\\n')\n\
        assert windows.replace('\\r', '') == again, windows\n\
        assert module.without_block(text, 'a.cgi').strip() == sys.argv[2].strip()\n\
        sys.stdout.write(text)";
    let wordpress = WORDPRESS.replace("/BASE", "");
    let https = "RewriteEngine On\nRewriteCond %{HTTPS} off\n\
        RewriteRule ^(.*)$ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n";
    let slash = "RewriteRule ^ %{REQUEST_URI}/ [L,R=301]\n";
    let forbid = "RewriteRule ^ - [F]\nRewriteRule .* /no.html [F,L]\n";
    let root = "RewriteRule ^$ public/ [L]\n";
    let front = "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(.*)$ index.php?q=$1 [L,QSA]\n";
    let inner = "<IfModule mod_rewrite.c>\nRewriteEngine On\n";
    // What is before, and what is after.
    #[rustfmt::skip]
    let cases: [(&str, String, String); 11] = [
        ("nothing",       "".into(),               "".into()),
        ("no line end",   "Options -Indexes".into(), "".into()),
        ("WordPress",     "".into(),               wordpress.clone()),
        ("HTTPS first",   https.into(),            wordpress.clone()),
        ("only HTTPS",    https.into(),            "".into()),
        ("slash",         slash.into(),            front.into()),
        ("forbidden",     forbid.into(),           front.into()),
        ("root",          root.into(),             front.into()),
        ("in a section",  inner.into(),            format!("{front}</IfModule>\n")),
        ("quoted",        root.into(),             "RewriteRule \"^(.*)$\" \"/index.php\" [L]\n".into()),
        ("all by ^",      root.into(),             "rewriterule ^ index.php [L]\n".into()),
    ];
    for (name, before, after) in cases {
        let out = Command::new("python3")
            .args(["-c", CALL])
            .arg(Site::shipped_path("upload"))
            .arg(format!("{before}{after}"))
            .output();
        let text = told(out.expect("run python3"), 0);
        let gap = if before.is_empty() || before.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let block = "# BEGIN a.cgi, by deploy/upload\nNEW\n# END a.cgi, by deploy/upload\n";
        assert_eq!(text, format!("{before}{gap}{block}{after}"), "{name}");
    }
}
