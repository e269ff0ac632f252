//! Links between documents, to files and to other sites; paths and tests that
//! documents name.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Document, documents, root};

/// `[text](target)`, `![text](target)` and `[name]: target`.
fn links(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    for piece in document.prose.split("](").skip(1) {
        let target = piece.split(')').next().unwrap_or_default();
        found.push(target.split_whitespace().next().unwrap_or_default().into());
    }
    for line in document.prose.lines() {
        if let Some((_, target)) = line.split_once("]: ")
            && line.starts_with('[')
        {
            found.push(target.trim().to_owned());
        }
    }
    found
}

/// The path in the repository that a link in `from` leads to; `None` if it leaves
/// the repository.
fn resolve(from: &Path, target: &str) -> Option<PathBuf> {
    let mut path = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Whether this is the address of a page on another site.
fn is_external(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-';
        host.contains('.')
            && host
                .split('.')
                .all(|part| !part.is_empty() && part.chars().all(letters))
    })
}

#[test]
fn every_link_leads_to_a_file_a_heading_or_another_site() {
    let documents = documents();
    let anchors = |path: &Path| {
        let document = documents.iter().find(|document| document.name == path);
        document.map(|document| &document.anchors)
    };
    let mut wrong = Vec::new();
    for document in &documents {
        for link in links(document) {
            let (target, anchor) = match link.split_once('#') {
                Some((target, anchor)) => (target, Some(anchor)),
                None => (&*link, None),
            };
            let is_right = if target.contains(':') {
                is_external(&link)
            } else {
                let path = match target {
                    "" => Some(document.name.clone()),
                    _ => resolve(&document.name, target),
                };
                path.is_some_and(|path| {
                    root().join(&path).exists()
                        && anchor.is_none_or(|anchor| {
                            anchors(&path).is_some_and(|all| all.iter().any(|a| a == anchor))
                        })
                })
            };
            if !is_right {
                wrong.push(format!("{}: {link}", document.name.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere: {wrong:#?}");
}

#[test]
fn every_document_is_reached_from_the_readme() {
    let documents = documents();
    let mut reached = BTreeSet::new();
    let mut next = vec![PathBuf::from("README.md")];
    while let Some(name) = next.pop() {
        let Some(document) = documents.iter().find(|document| document.name == name) else {
            continue;
        };
        if reached.insert(name.clone()) {
            let targets = links(document);
            let targets = targets.iter().map(|link| link.split('#').next());
            next.extend(targets.filter_map(|target| resolve(&name, target?)));
        }
    }
    let lost = documents.iter().map(|document| document.name.clone());
    let lost: Vec<PathBuf> = lost.filter(|name| !reached.contains(name)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}

/// The README is a landing page.
#[test]
fn the_readme_has_at_most_150_lines() {
    let lines = include_str!("../../../README.md").lines().count();
    assert!(lines <= 150, "{lines} lines");
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut wrong = Vec::new();
    for document in documents() {
        for span in &document.spans {
            let path = span.split([' ', ':']).next().unwrap_or_default();
            let of_the_repository = [
                "src/",
                "tests/",
                "deploy/",
                "templates/",
                ".github/",
                ".ci/",
            ]
            .iter()
            .any(|folder| path.starts_with(folder));
            // The folder `templates` of a site is named so, too.
            if of_the_repository && path != "templates/" && !root().join(path).exists() {
                wrong.push(format!("{}: {span}", document.name.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "paths that do not exist: {wrong:#?}");
}

/// The table of attacks names modules of this suite.
#[test]
fn every_test_that_the_security_document_names_exists() {
    let text = include_str!("../../../.github/SECURITY.md");
    let (_, table) = text.split_once("## Known attacks").expect("a table");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| attack"))
        .collect();
    assert!(rows.len() > 20, "rows: {}", rows.len());
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next();
        let modules: Vec<&str> = cell
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        assert!(!modules.is_empty(), "no test: {row}");
        for module in modules {
            let path = root().join("tests/suite").join(module.replace("::", "/"));
            let exists = path.with_extension("rs").exists() || path.join("mod.rs").exists();
            assert!(exists, "no module {module}: {row}");
        }
    }
}
