//! Server configurations for a program of another name, or at another URL path:
//! the files of `deploy/` with other names in them.

use std::str::FromStr;

use crate::config::ProgramName;

/// A program and where its pages are.
#[derive(Debug, clap::Args)]
pub(super) struct Site {
    /// The program's file, NAME.cgi: a CGI program made with this library
    ///
    /// Without this and --mount, the file is printed as it is in deploy/.
    #[arg(long, value_name = "FILE")]
    program: Option<Program>,
    /// The URL path of its pages: /, or a path such as /guestbook
    #[arg(long, value_name = "PATH")]
    mount: Option<Mount>,
}

/// The name of a program's file without `.cgi`.
#[derive(Clone, Debug)]
struct Program(String);

impl FromStr for Program {
    type Err = String;

    fn from_str(file: &str) -> Result<Self, String> {
        match file.strip_suffix(".cgi") {
            Some(name) if ProgramName::is_valid(name) => Ok(Self(name.to_owned())),
            _ => Err("expected a name of up to 64 letters, digits, - and _, and .cgi".to_owned()),
        }
    }
}

/// A URL path without a slash at its end: empty for the whole site.
#[derive(Clone, Debug)]
struct Mount(String);

impl FromStr for Mount {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, String> {
        let is_plain = |name: &str| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
            !matches!(name, "" | "." | "..") && name.bytes().all(is_plain)
        };
        let names = path.strip_prefix('/');
        match names.map(|names| names.strip_suffix('/').unwrap_or(names)) {
            _ if path == "/" => Ok(Self(String::new())),
            Some(names) if names.split('/').all(is_plain) => Ok(Self(format!("/{names}"))),
            _ => Err("expected / or a path such as /guestbook, of letters, digits and -_.~".into()),
        }
    }
}

/// A text that is changed part by part.
struct Text(String);

impl Text {
    /// Replaces a part, which occurs.
    fn put(&mut self, part: &str, new: &str) {
        debug_assert!(self.0.contains(part), "{part} in {}", self.0);
        self.0 = self.0.replace(part, new);
    }

    /// Replaces signet's name, but for `signet.toml`, which every program has.
    fn name(&mut self, name: &str) {
        let mut parts = self.0.split("signet");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let kept = [".toml", "\\.toml"];
            text.push_str(match kept.iter().any(|end| part.starts_with(end)) {
                true => "signet",
                false => name,
            });
            text.push_str(part);
        }
        self.0 = text;
    }
}

impl Site {
    fn is_default(&self) -> bool {
        self.program.is_none() && self.mount.is_none()
    }

    fn name(&self) -> &str {
        self.program.as_ref().map_or("signet", |program| &program.0)
    }

    fn mount(&self) -> &str {
        self.mount.as_ref().map_or("", |mount| &mount.0)
    }

    /// The URL path of its first page.
    fn root(&self) -> &str {
        match self.mount() {
            "" => "/",
            mount => mount,
        }
    }

    /// A file of `deploy/` for it: with its name, then with the parts that `change`
    /// replaces, in which that name may occur, too.
    fn adapted(&self, shipped: &str, change: impl FnOnce(&mut Text)) -> String {
        let mut text = Text(shipped.to_owned());
        if !self.is_default() {
            text.name(self.name());
            change(&mut text);
        }
        text.0
    }

    /// `deploy/apache/.htaccess` for it.
    pub(super) fn htaccess(&self) -> String {
        let shipped = include_str!("../../deploy/apache/.htaccess");
        self.adapted(shipped, |text| {
            let mount = self.mount();
            text.put(
                "http://host/login, or http://host/folder/login",
                &format!("http://host{mount}/"),
            );
            text.put(
                "that folder, as .htaccess",
                "the folder with this URL, as .htaccess",
            );
            text.put(
                "/login and others    its pages; if this is the folder of the whole site, password\n\
                 #                        managers find /password by /.well-known/change-password",
                "/page and others     its pages",
            );
            text.put("\"/\" or \"/folder\"", &format!("\"{}\"", self.root()));
            let name = self.name();
            text.put(
                &format!("use /{name}.cgi/login"),
                &format!("use {mount}/{name}.cgi/"),
            );
        })
    }

    /// `deploy/lighttpd.conf` for it.
    pub(super) fn lighttpd(&self) -> String {
        let shipped = include_str!("../../deploy/lighttpd.conf");
        self.adapted(shipped, |text| {
            text.put(
                "as the whole site: http://host/login",
                &format!("at http://host{}/", self.mount()),
            );
            text.put(
                "alias.url  = ( \"\"",
                &format!("alias.url  = ( \"{}\"", self.mount()),
            );
            text.put("\"mod_alias\"", "\"mod_access\", \"mod_alias\"");
            text.put(
                "\ncgi.assign",
                &format!("\n{}cgi.assign", self.nothing_else()),
            );
            self.separate_state(text);
        })
    }

    /// `deploy/lighttpd-fastcgi.conf` for it.
    pub(super) fn lighttpd_fastcgi(&self) -> String {
        let shipped = include_str!("../../deploy/lighttpd-fastcgi.conf");
        self.adapted(shipped, |text| {
            let mount = self.mount();
            text.put(
                "\n#           http://host/login, or http://host/app/login",
                &format!("\n#           http://host{mount}/"),
            );
            text.put(" MOUNT=/ PORT", " PORT");
            text.put(
                "Replace env.SITE,\n#           env.MOUNT and env.PORT",
                "Replace env.SITE\n#           and env.PORT",
            );
            text.put(
                "# MOUNT                     / for the whole site, or a path such as /app\n",
                "",
            );
            text.put(
                "# /app and all URLs below it, but not /apple.\n",
                &self.nothing_else(),
            );
            text.put(
                "\"^\" + env.MOUNT + \"((?<=/)|/|$)\"",
                &format!("\"{}\"", self.urls()),
            );
            text.put("env.MOUNT =>", &format!("\"{}\" =>", self.root()));
            text.put("\"mod_fastcgi\"", "\"mod_access\", \"mod_fastcgi\"");
            text.put(
                "/state/fastcgi.sock",
                &format!("/state/{}.sock", self.name()),
            );
            self.separate_state(text);
        })
    }

    /// `deploy/nginx-fastcgi.conf` for it: a location with all parameters in it.
    pub(super) fn nginx(&self) -> String {
        let shipped = include_str!("../../deploy/nginx-fastcgi.conf");
        if self.is_default() {
            return shipped.to_owned();
        }
        let (name, mount) = (self.name(), self.mount());
        // Other locations by a regular expression would take some of its URLs.
        let modifier = if mount.is_empty() { "" } else { "^~ " };
        let (_, parameters) = shipped.split_once("\n\n").unwrap_or_default();
        let parameters: String = parameters
            .lines()
            .map(|line| match line {
                "" => "\n".to_owned(),
                line => format!("  {line}\n"),
            })
            .collect();
        format!(
            "# Purpose:  nginx in front of {name}, by FastCGI: http://host{mount}/\n\
             # Copy to:  /etc/nginx/{name}.conf, and write into the server block of your site:\n\
             #             include /etc/nginx/{name}.conf;\n\
             # Change:   the socket, if it is elsewhere. For example, these commands make the\n\
             #           state folder, and start two workers on the socket:\n\
             #             install -d -m 700 -o www-data /var/lib/{name} /run/{name}\n\
             #             spawn-fcgi -s /run/{name}/socket -u www-data -U www-data -F 2 \\\n\
             #               -- /srv/{name}.cgi\n\
             #\n\
             # Only nginx's user may connect to the socket: {name} trusts its peer to be the web\n\
             # server, including REMOTE_ADDR and HTTPS.\n\n\
             location {modifier}{mount}/ {{\n  fastcgi_split_path_info (?s)^({})(/.*)$;\n  \
             fastcgi_pass unix:/run/{name}/socket;\n\n{parameters}}}\n",
            regex(mount)
        )
    }

    /// A regular expression for its URLs, but not for those that only begin so.
    fn urls(&self) -> String {
        match self.mount() {
            "" => "^/".to_owned(),
            mount => format!("^{}(/|$)", regex(mount)),
        }
    }

    /// Lines for lighttpd that refuse all other URLs.
    fn nothing_else(&self) -> String {
        format!(
            "# The folder of the program is not shown. Leave this out if you copy single lines.\n\
             $HTTP[\"url\"] !~ \"{}\" {{ url.access-deny = ( \"\" ) }}\n",
            self.urls()
        )
    }

    /// Two programs in the same state folder would accept each other's sessions.
    fn separate_state(&self, text: &mut Text) {
        if self.name() != "signet" {
            text.put("\"/state\"", &format!("\"/state/{}\"", self.name()));
            let folder = format!("SITE/state/{}", self.name());
            text.put(
                "SITE/state                the",
                &format!("{folder:<25} the"),
            );
        }
    }
}

/// A path as a regular expression.
fn regex(path: &str) -> String {
    path.replace('.', "\\.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::PATHS;

    const REWRITE: &str = include_str!("../../deploy/lighttpd-rewrite.conf");

    /// The names in a pattern such as `^/(login|logout)(/|$)`.
    fn names<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
        let (_, rest) = text.split_once(before).expect(before);
        let (names, _) = rest.split_once(after).expect(after);
        names.split('|').collect()
    }

    fn sites() -> [Site; 3] {
        let site = |name: &str, mount: &str| Site {
            program: Some(Program(name.to_owned())),
            mount: Some(Mount(mount.to_owned())),
        };
        let shipped = Site {
            program: None,
            mount: None,
        };
        [shipped, site("guestbook", ""), site("guestbook", "/a/b")]
    }

    /// lighttpd shows its page for 404 at the path of a page that the pattern lacks.
    #[test]
    fn lighttpd_rewrite_has_every_page() {
        let before = "\"/cgi-bin/signet.cgi/$1\",\n  \"^/(";
        let known = names(
            REWRITE,
            before,
            ")(\\?.*)?$\" => \"/cgi-bin/signet.cgi/$1$2\"",
        );
        // Those of protected files are no pages.
        let known = known.iter().filter(|name| !name.starts_with("files("));
        let known: Vec<String> = known.map(|name| name.replace('\\', "")).collect();
        let others = [PATHS, &["/.well-known/change-password", "/doctor"]].concat();
        for path in others.iter().filter(|path| **path != "/") {
            assert!(
                known
                    .iter()
                    .any(|name| name == path.trim_start_matches('/')),
                "deploy/lighttpd-rewrite.conf: url.rewrite-repeat-if-not-file lacks {path}"
            );
        }
        assert_eq!(
            known.len(),
            others.len() - 1,
            "{known:?}: one of these names is not the path of a page"
        );
    }

    /// The other files send every URL below the program's to it.
    #[test]
    fn the_other_files_pass_on_every_page() {
        for site in sites() {
            let (name, mount) = (site.name(), site.mount());
            for (text, rule) in [
                (
                    site.htaccess(),
                    format!("\nRewriteRule ^(.+)$ {name}.cgi/$1 "),
                ),
                (
                    site.nginx(),
                    match mount {
                        "" => "location / {\n".to_owned(),
                        mount => format!("location ^~ {mount}/ {{\n"),
                    },
                ),
                (site.lighttpd(), format!("\nalias.url  = ( \"{mount}\" => ")),
            ] {
                assert!(text.contains(&rule), "no {rule:?} in {text}");
            }
        }
    }

    /// What is in folders of signet is refused below the document root, and no page is.
    #[test]
    fn no_page_is_in_a_refused_folder() {
        let mut texts: Vec<(String, &str)> = vec![(REWRITE.to_owned(), "=~ \"^/(")];
        texts.extend(sites().map(|site| (site.htaccess(), "RewriteRule ^(")));
        for (text, before) in texts {
            for name in names(&text, before, ")/") {
                let folder = format!("/{name}/");
                let inside = PATHS.iter().find(|path| path.starts_with(&folder));
                assert_eq!(inside, None, "{folder} is refused in {text}");
            }
        }
    }
}
