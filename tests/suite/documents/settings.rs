//! The table of settings in deploy/README.md, and the names of settings in all texts.

use std::collections::BTreeSet;
use std::fs;

use signet::config::SETTINGS;

use super::root;

/// A change of the list is a change of that table.
#[test]
fn readme_lists_every_setting() {
    let readme = include_str!("../../../deploy/README.md");
    let start = readme.find("`readme_lists_every_setting` -->\n").unwrap();
    let start = start + readme[start..].find('\n').unwrap() + 1;
    let end = readme.find("<!-- /settings -->").unwrap();
    let mut table = String::from("\n| setting | default | what it does |\n|---|---|---|\n");
    for setting in SETTINGS {
        let code = |text: &str| match text.contains(' ') && !text.starts_with('"') {
            true => text.to_owned(),
            false => format!("`{}`", text.trim_matches('`')),
        };
        table.push_str(&format!(
            "| `{}` | {} | {} |\n",
            setting.name,
            code(setting.default),
            setting.about
        ));
    }
    table.push('\n');
    assert!(
        readme[start..end] == table,
        "the table in deploy/README.md should be:\n{table}"
    );
}

/// Words in capitals, such as `SIGNET_SECRET_KEY`, but not the mere prefix `SIGNET_`.
fn capitals(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(move |letter: char| !is_part(letter));
    words.filter(|word| {
        let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        word.bytes().all(|byte| is_capital(byte) || byte == b'_') && !word.ends_with('_')
    })
}

/// A name that begins like a setting is one, so that a setting that was renamed or removed
/// is found in each document, file to copy, page for owners and comment that names it.
#[test]
fn every_setting_that_a_text_names_exists() {
    // Variables of services, of systemd and of recorded environments; a constant of Apache.
    let others = [
        "SIGNET_SERVICE_HOST",
        "SIGNET_PORT_80_TCP",
        "STATE_DIRECTORY",
        "SESSION_CONFIG",
        "MAX_STRING_LEN",
    ];
    let first = |name: &str| name.split('_').next().unwrap_or_default().to_owned();
    let beginnings: BTreeSet<String> = SETTINGS.iter().map(|row| first(row.name)).collect();
    let is_setting = |name: &str| SETTINGS.iter().any(|row| row.name == name);
    let (mut texts, mut source) = (Vec::new(), String::new());
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("list a folder") {
            let path = entry.expect("list a folder").path();
            let name = path.strip_prefix(root()).expect("a path here");
            let name = name.to_string_lossy().into_owned();
            if path.is_dir() {
                let hidden = name.starts_with('.') && name != ".github";
                folders.extend((!hidden && name != "target").then_some(path));
                continue;
            }
            let code = name.starts_with("src/");
            let shown = name.starts_with("deploy/") || name == "templates/owner.rs";
            if !(code || shown || name.ends_with(".md")) {
                continue;
            }
            // Pictures are not text.
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let comments = |line: &&str| line.trim_start().starts_with("//");
            match code {
                true => texts.push((name, text.lines().filter(comments).collect::<String>())),
                false => texts.push((name, text.clone())),
            }
            source += if code { &text } else { "" };
        }
    }
    let is_constant = |name: &str| {
        source.contains(&format!("const {name}:")) || source.contains(&format!("static {name}:"))
    };
    let (mut count, mut wrong) = (0, Vec::new());
    for (file, text) in &texts {
        for word in capitals(text).filter(|word| !others.contains(word)) {
            let name = word.trim_start_matches("REDIRECT_");
            let name = name.strip_prefix("SSL_").unwrap_or(name);
            let is_right = match name.strip_prefix("SIGNET_") {
                Some(name) => is_setting(name) || name == "CONFIG",
                None => {
                    let alike = name.contains('_') && beginnings.contains(&first(name));
                    !alike || is_setting(name) || is_constant(name)
                }
            };
            if !is_right {
                wrong.push(format!("{file}: {word}"));
            }
            count += usize::from(is_setting(name));
        }
    }
    assert!(wrong.is_empty(), "no setting has these names: {wrong:#?}");
    assert!(count > 200, "{count}");
}
