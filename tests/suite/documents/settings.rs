//! The table of settings in deploy/README.md.

use signet::config::SETTINGS;

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
