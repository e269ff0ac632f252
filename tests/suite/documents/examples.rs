//! Examples in documents that no other test compiles or renders.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use signet::config::SETTINGS;

use super::{documents, root};
use crate::support::{Cgi, StateDir};
use crate::templates::PAGES;

const DEPLOY: &str = include_str!("../../../deploy/README.md");
const TESTS: &str = include_str!("../../README.md");

/// RFC 3875, 4.2: at most CONTENT_LENGTH bytes are the body.
#[test]
#[rustfmt::skip]
fn a_body_ends_after_content_length_bytes() {
    let cases = [
        // name        length  body                  status
        ("exact",      "14",   "username=admin",     303),
        ("cut short",  "14",   "username",           400),
        ("no number",  "1e3",  "",                   400),
    ];
    for (name, length, body, status) in cases {
        let request = Cgi::post("/login", body).var("CONTENT_LENGTH", length);
        assert_eq!(request.run().response().status, status, "{name}");
    }
}

/// tests/README.md shows the test above.
#[test]
fn the_example_of_a_test_is_one() {
    let (_, example) = TESTS.split_once("```rust,ignore\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    let source = include_str!("examples.rs").replace("#[rustfmt::skip]\n", "");
    assert!(source.contains(example), "{example}");
}

/// The templates of pages that only users with passwords have.
const FOR_USERS: [&str; 2] = ["password.html", "sessions.html"];

/// The table in deploy/README.md lists the variables of each template, all of
/// them: an undefined one would be logged.
#[test]
fn every_variable_of_a_template_is_defined() {
    let rows = DEPLOY
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains(".html`"));
    let rows: Vec<&str> = rows
        .filter(|line| line.matches(" | ").count() == 1)
        .collect();
    let mut described = BTreeSet::new();
    for row in rows {
        let (templates, variables) = row.split_once(" | ").expect("two columns");
        let words = |cell: &str| -> Vec<String> {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        let source: String = words(variables)
            .iter()
            .map(|name| format!("{{{{ {name} }}}}"))
            .collect();
        for template in words(templates) {
            // The demo has not all pages. Each page has the variables of all.
            let shown = match FOR_USERS.contains(&&*template) {
                true => "index.html",
                false => &template,
            };
            let state = StateDir::new();
            state.write(&format!("templates/{shown}"), &source, 0o644);
            let page = PAGES.iter().find(|(name, _, _)| *name == shown);
            let (name, request, _) = page.unwrap_or_else(|| panic!("no page has {template}"));
            let out = request().state(&state).run();
            assert_eq!(out.errors(), "", "{template}: {source}");
            described.insert(*name);
        }
    }
    // The setting has a list of the templates, too.
    let setting = SETTINGS.iter().find(|row| row.name == "TEMPLATES_DIR");
    let about = setting.expect("the setting").about;
    for (name, _, _) in PAGES {
        assert!(
            described.contains(name),
            "deploy/README.md lacks the variables of {name}"
        );
        assert!(
            about.contains(name),
            "the row TEMPLATES_DIR in table.rs lacks {name}"
        );
    }
}

/// Whoever copies a file of deploy/ reads first what it is for, where it goes and what
/// to change in it.
#[test]
fn every_file_to_copy_says_what_for_where_to_and_what_to_change() {
    for folder in ["deploy", "deploy/apache"] {
        for entry in fs::read_dir(root().join(folder)).expect("list a folder") {
            let path = entry.expect("list a folder").path();
            if !path.is_file() || path.extension().is_some_and(|end| end == "md") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a text");
            let start = |line: &str| line.trim_start_matches(['#', ' ', '"']).to_owned();
            let lines = text.lines().take(20).map(start);
            let labels = lines.filter_map(|line| {
                let label = line.split_once(':')?.0;
                ["Purpose", "Copy to", "Change"]
                    .iter()
                    .find(|known| **known == label)
            });
            let labels: Vec<&&str> = labels.collect();
            assert_eq!(
                labels,
                [&"Purpose", &"Copy to", &"Change"],
                "{}",
                path.display()
            );
        }
    }
}

/// rustdoc compiles the programs of the two documents that `src/lib.rs` includes; no
/// other document has one, except the test above.
#[test]
fn every_program_in_a_document_is_compiled() {
    let compiled = ["README.md", "tests/examples/README.md"];
    let library = include_str!("../../../src/lib.rs");
    for document in compiled {
        assert!(library.contains(&format!("include_str!(\"../{document}\")")));
    }
    let others = documents();
    let others = others
        .iter()
        .filter(|document| compiled.iter().all(|name| document.name != Path::new(name)));
    let blocks = others.flat_map(|document| &document.blocks);
    let rust = blocks.filter(|block| block.info.starts_with("rust"));
    let rust: Vec<&str> = rust.map(|block| &*block.text).collect();
    assert!(
        rust.len() == 1 && TESTS.contains("```rust,ignore\n"),
        "{rust:?}"
    );
}
