//! `signet print man`: one manual page for all commands and settings.

use clap::CommandFactory;
use clap::builder::StyledStr;
use roff::{Inline, Roff, bold, roman};

use super::Arguments;
use crate::config::SETTINGS;

/// The page in roff, with the macros of man(7).
pub(super) fn page() -> String {
    let mut signet = Arguments::command().disable_help_subcommand(true);
    signet.build();
    let about = signet.get_about().map(ToString::to_string);
    let source = signet.render_version();
    let mut page = Roff::new();
    page.control("TH", ["signet", "1", "", source.trim_end()]);
    // Hyphenation would split the names of settings.
    page.control("nh", []);
    page.control("SH", ["NAME"]);
    let about = about.unwrap_or_default();
    page.text([roman(format!("signet - {}", about.trim_end_matches('.')))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold(usage(&signet))]);
    page.control("SH", ["DESCRIPTION"]);
    text(&mut page, signet.get_long_about(), "PP");
    page.control("SH", ["OPTIONS"]);
    options(&mut page, &signet);
    page.control("SH", ["COMMANDS"]);
    page.text([roman("Each command has the option --help, too.")]);
    commands(&mut page, &signet);
    settings(&mut page);
    page.control("SH", ["EXIT STATUS"]);
    page.text([roman(
        "0: the command did what it says. 1: it failed. 2: the arguments are wrong.",
    )]);
    page.render()
}

/// A subsection for each command below `group` that has no further commands.
fn commands(page: &mut Roff, group: &clap::Command) {
    for command in group.get_subcommands() {
        if command.has_subcommands() {
            commands(page, command);
            continue;
        }
        page.control("SS", [&*usage(command)]);
        let about = command.get_long_about().or(command.get_about());
        text(page, about, "PP");
        options(page, command);
    }
}

/// What a person types, such as `signet key new [OPTIONS]`.
fn usage(command: &clap::Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage: ").to_owned()
}

/// A paragraph for each argument and option. `--help` is described once, for the program.
fn options(page: &mut Roff, command: &clap::Command) {
    let is_root = command.get_version().is_some();
    for argument in command.get_arguments() {
        if argument.get_id() == "help" && !is_root {
            continue;
        }
        let short = argument.get_short().map(|short| format!("-{short}, "));
        let name = format!("{}{argument}", short.unwrap_or_default());
        page.control("TP", []);
        page.text([bold(name)]);
        let about = argument.get_long_help().or(argument.get_help());
        text(page, about, "IP");
        let values = argument.get_possible_values();
        let values: Vec<_> = values.iter().map(|value| value.get_name().into()).collect();
        let defaults = argument.get_default_values().iter();
        let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
        for (label, list) in [("Values", values), ("Default", defaults)] {
            if !list.is_empty() && argument.get_action().takes_values() {
                page.control("br", []);
                page.text([roman(format!("{label}: {}.", list.join(", ")))]);
            }
        }
    }
}

/// A paragraph for each setting.
fn settings(page: &mut Roff) {
    page.control("SH", ["SETTINGS"]);
    page.text(spans(
        "A setting is a line `NAME = VALUE` in the file `signet.toml`, in TOML, or a variable \
         `SIGNET_NAME` in the environment, which overrides the file. The file is in the state \
         folder (see STATE_DIR), or where the variable SIGNET_CONFIG says. `signet print toml` \
         prints a file with an example of each setting.",
    ));
    for setting in SETTINGS {
        page.control("TP", []);
        page.text([bold(setting.name)]);
        page.text(spans(&setting.prose()));
        page.control("br", []);
        page.text(spans(&format!("Default: {}.", setting.default)));
    }
}

/// The lines of a description; `pause` is the macro between two paragraphs.
fn text(page: &mut Roff, about: Option<&StyledStr>, pause: &str) {
    let about = about.map(ToString::to_string).unwrap_or_default();
    for line in about.lines() {
        if line.is_empty() {
            page.control(pause, []);
        } else {
            page.text(spans(line));
        }
    }
}

/// What is between backquotes is bold.
fn spans(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 0 { roman(part) } else { bold(part) });
    parts.collect()
}
