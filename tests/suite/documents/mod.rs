//! The documents: every link leads somewhere, every command works, every example
//! is one that compiles.

mod commands;
mod examples;
mod links;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One Markdown file.
struct Document {
    /// Its path in the repository.
    name: PathBuf,
    blocks: Vec<Block>,
    /// The text without the blocks, code spans emptied.
    prose: String,
    /// Code spans, on one line each.
    spans: Vec<String>,
    /// Its headings, as anchors of links.
    anchors: Vec<String>,
}

/// One fenced block.
struct Block {
    /// What stands behind the fence: a language, then words for the tests.
    info: String,
    text: String,
}

impl Document {
    fn read(name: PathBuf) -> Self {
        let text = fs::read_to_string(root().join(&name)).expect("read a document");
        Self::parse(name, &text)
    }

    fn parse(name: PathBuf, text: &str) -> Self {
        let (mut blocks, mut outside) = (Vec::new(), String::new());
        let mut open: Option<Block> = None;
        let mut anchors: Vec<String> = Vec::new();
        for line in text.lines() {
            let fence = line.trim_start().strip_prefix("```");
            match (fence, &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(info), None) => {
                    let info = info.trim().to_owned();
                    let text = String::new();
                    open = Some(Block { info, text });
                }
                (None, Some(block)) => block.text += &format!("{}\n", line.trim_start()),
                (None, None) => {
                    let heading = line.trim_start_matches('#');
                    if line.starts_with('#') && heading.starts_with(' ') {
                        anchors.push(anchor(heading.trim(), &anchors));
                    }
                    outside += &format!("{line}\n");
                }
            }
        }
        assert!(open.is_none(), "{}: a block without end", name.display());
        // Every other piece between backquotes is a span.
        let pieces: Vec<&str> = outside.split('`').collect();
        let prose: Vec<&str> = pieces.iter().step_by(2).copied().collect();
        let spans = pieces.iter().skip(1).step_by(2);
        let spans = spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
        Self {
            spans: spans.collect(),
            prose: prose.join("``"),
            name,
            blocks,
            anchors,
        }
    }
}

/// The anchor that GitHub gives to a heading. The second heading of the same text
/// gets a number.
fn anchor(heading: &str, earlier: &[String]) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter),
        _ => None,
    });
    let anchor: String = kept.collect();
    let same = |other: &&String| {
        other
            .strip_prefix(&anchor)
            .is_some_and(|rest| rest.trim_start_matches(['-', '0', '1', '2']).is_empty())
    };
    match earlier.iter().filter(same).count() {
        0 => anchor,
        count => format!("{anchor}-{count}"),
    }
}

/// Every Markdown file of the repository.
fn documents() -> Vec<Document> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("list a folder") {
            let entry = entry.expect("list a folder");
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = folder.join(&*name);
            let kind = entry.file_type().expect("look at an entry");
            let hidden = name.starts_with('.') && name != ".github";
            if kind.is_dir() && !hidden && path != Path::new("target") {
                folders.push(path);
            } else if kind.is_file() && name.ends_with(".md") {
                found.push(Document::read(path));
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(found.len() >= 7, "a document is missing");
    found
}

#[test]
fn documents_are_parsed() {
    let text = "# A `b`, c\n\n[x](y) `a\nb`\n\n   ```sh manual\n   ls\n   ```\n# A b c\n";
    let document = Document::parse(PathBuf::from("x.md"), text);
    assert_eq!(document.anchors, ["a-b-c", "a-b-c-1"]);
    assert_eq!(document.spans, ["b", "a b"]);
    let block = &document.blocks[0];
    assert_eq!((&*block.info, &*block.text), ("sh manual", "ls\n"));
    assert!(document.prose.contains("[x](y)"), "{}", document.prose);
}
