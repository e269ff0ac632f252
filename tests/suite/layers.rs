//! The layers of the source: a file imports only from layers below its own, and
//! no files import one another in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The layers from the top down. Those in one row do not know each other.
const LAYERS: [&[&str]; 11] = [
    &["main"],
    &["cli"],
    &["app"],
    &["lib", "testing", "process"],
    &["guard"],
    &["users"],
    &["server"],
    &["config"],
    &["gateway", "session"],
    &["files"],
    &["log"],
];

/// A module by its path below the crate: `["session", "store"]`.
type Module = Vec<String>;

/// The paths that a file imports, each with its line: `use` lines and paths that
/// begin with `crate`, of which the tests inside the file are no part.
fn imports(text: &str) -> Vec<Module> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let mut statements: Vec<String> = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let before = rest[..at].rsplit('\n').next().unwrap_or_default().trim();
        let begins_a_line = before.is_empty() || before.starts_with("pub");
        rest = &rest[at + 4..];
        if begins_a_line && let Some((statement, after)) = rest.split_once(';') {
            statements.push(statement.split_whitespace().collect());
            rest = after;
        }
    }
    let mut paths: Vec<String> = statements.iter().flat_map(|tree| branches(tree)).collect();
    // `$crate` is in macros, which are expanded in other programs.
    let lines = code
        .lines()
        .filter(|line| !line.trim().starts_with("//") && !line.contains("$crate"));
    for line in lines {
        for part in line.split("crate::").skip(1) {
            let end = part.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            paths.push(format!("crate::{}", &part[..end.unwrap_or(part.len())]));
        }
    }
    let segments = |path: &String| path.split("::").map(str::to_owned).collect();
    paths.iter().map(segments).collect()
}

/// The paths in a tree of `use`: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn branches(tree: &str) -> Vec<String> {
    let Some((stem, inner)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.extend(
                    branches(&inner[start..at])
                        .iter()
                        .map(|path| format!("{stem}{path}")),
                );
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// The files below `src` by module, with their texts.
pub(crate) fn modules() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src") {
            let path = entry.expect("src").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path
                    .strip_prefix(&root)
                    .expect("below src")
                    .with_extension("");
                let mut module: Module = name
                    .iter()
                    .map(|part| part.to_str().expect("UTF-8").to_owned())
                    .collect();
                if module.last().is_some_and(|last| last == "mod") {
                    module.pop();
                }
                found.insert(module, fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    found
}

/// The module that defines what the path `import` in the file `from` means: through
/// re-exports of the modules on the way.
fn target(
    modules: &BTreeMap<Module, String>,
    from: &Module,
    import: &[String],
    depth: usize,
) -> Option<Module> {
    let (mut at, rest): (Module, &[String]) = match import.first()?.as_str() {
        "crate" | "signet" => (Module::new(), &import[1..]),
        "self" => (from.clone(), &import[1..]),
        "super" => {
            let ups = import.iter().take_while(|part| *part == "super").count();
            (
                from[..from.len().checked_sub(ups)?].to_vec(),
                &import[ups..],
            )
        }
        first => {
            let child = [from.as_slice(), &[first.to_owned()]].concat();
            modules.contains_key(&child).then_some(())?;
            (from.clone(), import)
        }
    };
    for (number, part) in rest.iter().enumerate() {
        let child = [at.as_slice(), std::slice::from_ref(part)].concat();
        if modules.contains_key(&child) {
            at = child;
            continue;
        }
        let file = match at.is_empty() {
            true => vec!["lib".to_owned()],
            false => at.clone(),
        };
        let exported = imports(&modules[&file])
            .into_iter()
            .find(|path| path.last() == Some(part));
        return match exported {
            Some(path) if depth > 0 && number + 1 == rest.len() => {
                target(modules, &at, &path, depth - 1).or(Some(file))
            }
            _ => Some(file),
        };
    }
    Some(if at.is_empty() {
        vec!["lib".to_owned()]
    } else {
        at
    })
}

/// Which file imports from which, without those from a file's own folder upwards
/// and downwards: a folder's `mod.rs` and the files in it are one subject.
fn edges() -> BTreeSet<(Module, Module)> {
    let modules = modules();
    let mut edges = BTreeSet::new();
    for (from, text) in &modules {
        for import in imports(text) {
            if let Some(to) = target(&modules, from, &import, 4)
                && !to.starts_with(from)
                && !from.starts_with(&to)
            {
                edges.insert((from.clone(), to));
            }
        }
    }
    assert!(edges.len() > 100, "imports were not found");
    edges
}

fn layer(module: &Module) -> usize {
    let at = LAYERS
        .iter()
        .position(|row| row.contains(&module[0].as_str()));
    at.unwrap_or_else(|| panic!("{} is in no layer", module[0]))
}

#[test]
fn imports_point_downwards() {
    let upwards: Vec<String> = edges()
        .iter()
        .filter(|(from, to)| from[0] != to[0] && layer(from) >= layer(to))
        .map(|(from, to)| format!("{} imports from {}", from.join("::"), to.join("::")))
        .collect();
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let edges = edges();
    let reaches = |from: &Module, wanted: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            if at == wanted {
                return true;
            }
            if seen.insert(at) {
                next.extend(
                    edges
                        .iter()
                        .filter(|(from, _)| from == at)
                        .map(|(_, to)| to),
                );
            }
        }
        false
    };
    let circle: Vec<String> = edges
        .iter()
        .filter(|(from, to)| reaches(to, from))
        .map(|(from, to)| format!("{} imports from {}", from.join("::"), to.join("::")))
        .collect();
    assert!(circle.is_empty(), "{}", circle.join("\n"));
}
