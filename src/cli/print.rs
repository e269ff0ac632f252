//! `signet print`: the files that are built into the program.

use clap::CommandFactory;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use super::server_files::Site;
use super::{Arguments, Failure, manual, print};
use crate::app::BUILT_IN;
use crate::config::SETTINGS;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// A .htaccess for a shared host with Apache
    Htaccess(Site),
    /// A configuration for lighttpd
    Lighttpd(Site),
    /// A configuration for lighttpd, by FastCGI
    LighttpdFastcgi(Site),
    /// A .htaccess for a folder on Apache whose files only logged-in users see
    PrivateHtaccess,
    /// A configuration for Apache with mod_fcgid, which starts the program
    Fcgid,
    /// A configuration for Apache with mod_proxy_fcgi, in front of `signet fastcgi`
    ProxyFcgi,
    /// A configuration for nginx, in front of `signet fastcgi`
    Nginx(Site),
    /// A configuration for lighttpd, which shows files to logged-in visitors only
    LighttpdAuthorizer,
    /// A configuration for nginx, which shows files to logged-in visitors only
    NginxAuth,
    /// A configuration for Apache, which shows files to logged-in visitors only
    Authorizer,
    /// A configuration for Caddy, which shows files to logged-in visitors only
    Caddy,
    /// A systemd service that runs `signet fastcgi`
    Systemd,
    /// A systemd socket for that service, which stays open during a restart
    SystemdSocket,
    /// A signet.toml with all settings, each commented out
    Toml,
    /// The built-in pages as Jinja templates, to change them
    ///
    /// Your own pages are read from TEMPLATES_DIR, or from the folder templates in the
    /// state folder. To change a built-in page:
    /// signet print templates index.html > ~/.signet/templates/index.html
    Templates {
        /// One of the files; if it is left out, all are printed
        #[arg(value_parser = template_names())]
        name: Option<String>,
    },
    /// A CGI script that tells why signet.cgi in the same folder does not start
    Probe,
    /// A Python module for Flask applications that share signet's login
    Flask,
    /// The manual page: all commands and settings
    ///
    /// To read it: signet print man | man -l -
    Man,
    /// Completions for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Htaccess(site) => print(site.htaccess().as_bytes()),
        Command::Lighttpd(site) => print(site.lighttpd().as_bytes()),
        Command::LighttpdFastcgi(site) => print(site.lighttpd_fastcgi().as_bytes()),
        Command::PrivateHtaccess => print(include_bytes!("../../deploy/apache/private.htaccess")),
        Command::Fcgid => print(include_bytes!("../../deploy/apache/fcgid.conf")),
        Command::LighttpdAuthorizer => {
            print(include_bytes!("../../deploy/lighttpd-authorizer.conf"))
        }
        Command::NginxAuth => print(include_bytes!("../../deploy/nginx-auth.conf")),
        Command::Authorizer => print(include_bytes!("../../deploy/apache/authorizer.conf")),
        Command::Caddy => print(include_bytes!("../../deploy/Caddyfile")),
        Command::ProxyFcgi => print(include_bytes!("../../deploy/apache/proxy-fcgi.conf")),
        Command::Nginx(site) => print(site.nginx().as_bytes()),
        Command::Systemd => print(include_bytes!("../../deploy/signet.service")),
        Command::SystemdSocket => print(include_bytes!("../../deploy/signet.socket")),
        Command::Toml => print(toml().as_bytes()),
        Command::Templates { name } => print(templates(name.as_deref()).as_bytes()),
        Command::Probe => print(include_bytes!("../../deploy/probe.cgi")),
        Command::Flask => print(include_bytes!("../../deploy/flask_signet.py")),
        Command::Man => print(manual::page().as_bytes()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "signet", &mut script);
            print(&script)
        }
    }
}

fn template_names() -> PossibleValuesParser {
    let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    names.into()
}

/// The source of the built-in file `name`, or of all files, each below a line with its
/// name.
fn templates(name: Option<&str>) -> String {
    let wanted = |file: &&(&str, &str)| name.is_none_or(|name| name == file.0);
    let files = BUILT_IN.iter().filter(wanted);
    files
        .map(|(file, source)| match name {
            Some(_) => (*source).to_owned(),
            None => format!("==> {file} <==\n{source}"),
        })
        .collect()
}

/// All settings as comments, with description and default.
fn toml() -> String {
    let mut text = String::from(
        "# Settings of signet. To change one, remove the # before its name.\n\
         # Without a users file (USERS_FILE), the login page accepts any name without a\n\
         # password, and protects nothing.\n",
    );
    for setting in SETTINGS {
        text.push_str(&format!(
            "\n# {}\n# Default: {}\n#{} = {}\n",
            setting.prose(),
            setting.default,
            setting.name,
            setting.example
        ));
    }
    text
}
