//! `signet print`: the files that come with the program, from inside it.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Arguments, Failure, print};
use crate::config::SETTINGS;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// A .htaccess for a shared host with Apache
    Htaccess,
    /// A configuration for lighttpd
    Lighttpd,
    /// The same by FastCGI
    LighttpdFastcgi,
    /// FastCGI for an Apache of your own: mod_fcgid, which starts the program
    Fcgid,
    /// FastCGI for an Apache of your own: mod_proxy_fcgi, before `signet fastcgi`
    ProxyFcgi,
    /// FastCGI for nginx, before `signet fastcgi`
    Nginx,
    /// A service of systemd that runs `signet fastcgi`
    Systemd,
    /// A signet.toml with every setting, all commented out
    Toml,
    /// The manual page
    Man,
    /// Completions for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Htaccess => print(include_bytes!("../../deploy/apache/.htaccess")),
        Command::Lighttpd => print(include_bytes!("../../deploy/lighttpd.conf")),
        Command::LighttpdFastcgi => print(include_bytes!("../../deploy/lighttpd-fastcgi.conf")),
        Command::Fcgid => print(include_bytes!("../../deploy/apache/fcgid.conf")),
        Command::ProxyFcgi => print(include_bytes!("../../deploy/apache/proxy-fcgi.conf")),
        Command::Nginx => print(include_bytes!("../../deploy/nginx-fastcgi.conf")),
        Command::Systemd => print(include_bytes!("../../deploy/signet.service")),
        Command::Toml => print(toml().as_bytes()),
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command())
                .render(&mut page)
                .map_err(Failure::new)?;
            print(&page)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "signet", &mut script);
            print(&script)
        }
    }
}

/// Every setting as a comment, with what it does and its default.
fn toml() -> String {
    let mut text =
        String::from("# Settings of signet. Each line that sets something is commented out.\n");
    for setting in SETTINGS {
        text.push_str(&format!(
            "\n# {}\n# Default: {}\n#{} = {}\n",
            setting.about, setting.default, setting.name, setting.example
        ));
    }
    text
}
