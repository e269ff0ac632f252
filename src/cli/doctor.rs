//! `signet doctor`.

use super::site;
use super::{Failure, print};
use crate::app::doctor::{self, State};
use crate::gateway::ProcessInput;

pub(super) fn run(input: &ProcessInput) -> Result<(), Failure> {
    site::check_doctor(input)?;
    let rows = doctor::report(input, site::script(input));
    let width = rows.iter().map(|row| row.subject.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    // Names of files may have control characters, which would change the terminal.
    let mut line = |line: String| {
        for character in line.chars() {
            match character.is_control() && character != '\n' {
                true => text.extend(character.escape_default()),
                false => text.push(character),
            }
        }
        text.push('\n');
    };
    for row in &rows {
        let state = match row.words.state {
            State::Good => "good",
            State::Warning => "warning",
            State::Wrong => "wrong",
        };
        line(format!(
            "{state:7}  {:width$}  {}",
            row.subject, row.words.text
        ));
        let indent = " ".repeat(7 + 2 + width + 2);
        let more = [
            ("", &row.words.detail),
            ("with FTP: ", &row.words.ftp),
            ("with a shell: ", &row.words.shell),
        ];
        for (label, text) in more.into_iter().filter(|(_, text)| !text.is_empty()) {
            line(format!("{indent}{label}{text}"));
        }
        for steps in &row.words.remedies {
            line(format!("{indent}{}", steps.title));
            for step in &steps.steps {
                line(format!("{indent}- {}", step.text));
                if !step.line.is_empty() {
                    line(format!("{indent}  {}", step.line));
                }
            }
        }
    }
    print(text.as_bytes())?;
    let is_wrong = |row: &&doctor::Row| row.words.state == State::Wrong;
    match rows.iter().filter(is_wrong).count() {
        0 => Ok(()),
        wrong => Err(Failure::new(format_args!("{wrong} wrong: see above"))),
    }
}
