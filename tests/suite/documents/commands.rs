//! Commands in documents: `sh` blocks are run. Blocks marked `manual`, which need
//! root, a server or minutes, and commands in the text are compared with what the
//! programs accept.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{documents, root};
use crate::support::{StateDir, copy_program, tested_program};

/// Names that stand for signet in commands.
const NAMES: [&str; 3] = ["signet", "./signet.cgi", "./login.cgi"];

/// Programs of others that can be run anywhere.
const HARMLESS: [&str; 7] = ["chmod", "cp", "export", "mkdir", "mv", "tar", "umask"];

/// Programs of others that need root, a server or a network.
const OTHERS: [&str; 9] = [
    "a2enmod",
    "a2ensite",
    "apt-get",
    "cargo",
    "install",
    "lighttpd",
    "rm",
    "systemctl",
    "useradd",
];

/// The words of each simple command in `text`.
fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text
        .replace("\\\n", " ")
        .replace("$(", "\n")
        .replace(['(', ')'], "\n");
    let lines = text.lines().map(|line| line.split(" #").next());
    let lines = lines.map(|line| line.unwrap_or_default());
    let lines = lines.filter(|line| !line.starts_with('#'));
    let parts = lines.flat_map(|line| line.split(['|', ';', '&']));
    let commands = parts.map(|part| {
        let part = part.split(" > ").next().unwrap_or_default();
        let words = part.split_whitespace().map(str::to_owned);
        words
            .skip_while(|word| word.contains('=') && !word.starts_with('-'))
            .collect::<Vec<_>>()
    });
    commands.filter(|words| !words.is_empty()).collect()
}

/// What `signet WORDS --help` prints; `None` if there is no such command.
fn help(words: &[String]) -> Option<String> {
    let output = Command::new(tested_program())
        .args(words)
        .arg("--help")
        .env_clear()
        .output()
        .expect("run signet");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    output.status.success().then_some(text)
}

/// Why signet does not accept these words.
fn fault_of_signet(words: &[String]) -> Option<String> {
    let mut known = 0;
    let mut text = help(&[])?;
    while text.contains("\nCommands:")
        && let Some(word) = words.get(known)
        && !word.starts_with('-')
    {
        known += 1;
        match help(&words[..known]) {
            Some(next) => text = next,
            None => {
                return Some(format!(
                    "signet has no command {}",
                    words[..known].join(" ")
                ));
            }
        }
    }
    let options = words.iter().filter(|word| word.starts_with("--"));
    let mut options = options.map(|word| word.split(['=', '>']).next().unwrap_or_default());
    let unknown = options.find(|option| {
        let mut words = text.split(|c: char| c.is_whitespace() || "[]<>,.=".contains(c));
        !words.any(|word| word == *option)
    })?;
    Some(format!("no option {unknown}"))
}

/// Why a script of this repository does not accept these words.
fn fault_of_script(script: &str, words: &[String]) -> Option<String> {
    let path = root().join(script);
    let Ok(about) = fs::metadata(&path) else {
        return Some("no such file".to_owned());
    };
    if !about.is_file() || about.permissions().mode() & 0o100 == 0 {
        return Some("not executable".to_owned());
    }
    let text = fs::read_to_string(&path).expect("a script");
    let mut parts = String::new();
    if let Ok(folder) = fs::read_dir(path.with_extension("d")) {
        for part in folder {
            let part = part.expect("an entry").path();
            parts += &fs::read_to_string(part).unwrap_or_default();
        }
    }
    let is_placeholder = |word: &str| {
        let capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "[]=.".contains(c);
        word.chars().all(capitals)
    };
    // A script names itself beside its arguments; in Python they stand in quotes.
    let usage = text.lines().filter(|line| line.contains(script));
    let usage: Vec<&str> = usage
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || "|[]\"',".contains(c)))
        .collect();
    let is_known = |word: &str| {
        let quoted = format!("\"{word}\"");
        word == "--help" || is_placeholder(word) || usage.contains(&word) || parts.contains(&quoted)
    };
    // `--bin NAME` is also `--bin counter`.
    let is_value = |at: usize| {
        let mut pairs = usage.windows(2);
        at > 0 && pairs.any(|pair| pair[0] == words[at - 1] && is_placeholder(pair[1]))
    };
    let mut numbered = words.iter().enumerate();
    let (_, unknown) = numbered.find(|(at, word)| !is_known(word) && !is_value(*at))?;
    Some(format!("it does not know {unknown}"))
}

fn fault_of_cargo(words: &[String]) -> Option<String> {
    let after = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1)
    };
    let (Some(command), rest) = (words.first(), words.iter().position(|word| word == "--")) else {
        return Some("no command".to_owned());
    };
    if ![
        "build", "clippy", "doc", "fmt", "new", "package", "run", "test",
    ]
    .contains(&&**command)
    {
        return Some(format!("no command {command}"));
    }
    if let Some(example) = after("--example") {
        let path = root().join(format!("tests/examples/{example}.rs"));
        return (!path.exists()).then(|| format!("no example {example}"));
    }
    if let Some(filter) = words.iter().find(|word| word.ends_with("::")) {
        let module = root()
            .join("tests/suite")
            .join(filter.trim_end_matches(':'));
        let exists = module.with_extension("rs").exists() || module.join("mod.rs").exists();
        return (!exists).then(|| format!("no module {filter}"));
    }
    match rest {
        Some(at) if command == "run" => fault_of_signet(&words[at + 1..]),
        _ => None,
    }
}

/// Why the command does not exist.
fn fault(words: &[String]) -> Option<String> {
    let (program, words) = words.split_first()?;
    // From the folder of another package beside this one.
    match program.trim_start_matches("../signet/") {
        name if NAMES.contains(&name) => fault_of_signet(words),
        "cargo" => fault_of_cargo(words),
        script if script.starts_with("deploy/") || script.starts_with("tests/") => {
            fault_of_script(script, words)
        }
        name if HARMLESS.contains(&name) || OTHERS.contains(&name) => None,
        name => Some(format!("unknown program {name}")),
    }
}

/// `(usage, description)` of each command below `words` that has no further commands.
fn described(words: &[String]) -> Vec<(String, String)> {
    let text = help(words).expect("a command");
    if let Some((_, list)) = text.split_once("\nCommands:\n") {
        let lines = list.lines().take_while(|line| !line.is_empty());
        let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        let names = names.filter(|name| !name.is_empty() && *name != "help");
        let below = names.map(|name| [words, &[name.to_owned()]].concat());
        return below.flat_map(|words| described(&words)).collect();
    }
    let about = text.lines().next().unwrap_or_default().to_owned();
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let options = text.lines().filter_map(|line| {
        let name = line.trim_start().split("  ").next()?;
        (name.starts_with("--")).then(|| format!("[{name}]"))
    });
    let options: Vec<String> = options.collect();
    let usage = usage.expect("a usage");
    // A bar would end the cell of the table.
    let usage = usage
        .replace("[OPTIONS]", &options.join(" "))
        .replace('|', " or ");
    vec![(usage, about)]
}

/// A change of the commands is a change of the table in deploy/README.md.
#[test]
fn readme_lists_every_command() {
    let readme = include_str!("../../../deploy/README.md");
    let (_, rest) = readme
        .split_once("`readme_lists_every_command` -->\n")
        .expect("the table");
    let (table, _) = rest.split_once("<!-- /commands -->").expect("its end");
    let mut wanted = String::from("\n| command | what it does |\n|---|---|\n");
    for (usage, about) in described(&[]) {
        wanted += &format!("| `{usage}` | {about} |\n");
    }
    wanted += "\n";
    assert!(
        table == wanted,
        "the table in deploy/README.md should be:\n{wanted}"
    );
}

fn is_harmless(words: &[String]) -> bool {
    words
        .first()
        .is_some_and(|name| NAMES.contains(&&**name) || HARMLESS.contains(&&**name))
}

/// Every command in a block or in the text is one that its program accepts; the
/// comments of the files in `deploy/` count as text.
#[test]
fn every_command_exists() {
    let mut all: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    let is_command = |span: &&String| {
        let first = span.split(' ').next().unwrap_or_default();
        let script = first.starts_with("deploy/") || first == "tests/run" || first == "tests/bench";
        span.contains(' ') && (NAMES.contains(&first) || script || first == "cargo")
    };
    for document in documents() {
        let name = document.name.display().to_string();
        let spans = document.spans.iter().filter(is_command);
        let blocks = document
            .blocks
            .iter()
            .filter(|block| block.info.starts_with("sh"));
        let texts = spans.chain(blocks.map(|block| &block.text));
        all.extend(
            texts
                .flat_map(|text| commands(text))
                .map(|words| (name.clone(), words)),
        );
    }
    for folder in ["deploy", "deploy/apache"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if !path.is_file() {
                continue;
            }
            let name = path.display().to_string();
            let text = fs::read_to_string(&path).expect("a text");
            let text = text.replace("\n# ", " ").replace('\n', " \n");
            let spans = text.split('`').skip(1).step_by(2).map(str::to_owned);
            let spans: Vec<String> = spans.filter(|span| !span.contains('\n')).collect();
            let spans = spans.iter().filter(is_command);
            all.extend(
                spans
                    .flat_map(|text| commands(text))
                    .map(|words| (name.clone(), words)),
            );
        }
    }
    assert!(all.len() > 20, "{all:?}");
    let faults = all.iter().filter_map(|(name, words)| {
        let fault = fault(words)?;
        Some(format!("{name}: {}: {fault}", words.join(" ")))
    });
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The blocks of each document, one after the other, on a site that somebody has
/// visited, in a folder where `deploy/build` has made the program.
#[test]
fn every_block_that_can_be_run_works() {
    let mut count = 0;
    for document in documents() {
        let name = document.name.display();
        let home = StateDir::new();
        let folder = home.path();
        home.write(
            ".signet/signet.toml",
            "SESSION_OVERFLOW = \"filesystem\"\n",
            0o600,
        );
        for copy in ["bin/signet", "target/signet.cgi", "signet.cgi"] {
            let path = folder.join(copy);
            fs::create_dir_all(path.parent().expect("a folder")).expect("make a folder");
            copy_program(tested_program(), path);
        }
        run(
            folder,
            "signet request POST /login --form username=ada",
            "the first visit",
        );
        for block in &document.blocks {
            let words: Vec<&str> = block.info.split(' ').collect();
            match words[..] {
                ["sh"] => {
                    run(folder, &block.text, &format!("{name}: {}", block.text));
                    count += 1;
                }
                ["sh", "manual"] => assert!(
                    !commands(&block.text).iter().all(|words| is_harmless(words)),
                    "{name}: this block can be run: {}",
                    block.text
                ),
                ["" | "bash" | "console" | "shell", ..] | ["sh", ..] => {
                    panic!(
                        "{name}: mark this block as sh, text or a language: {}",
                        block.text
                    )
                }
                _ => {}
            }
        }
    }
    assert!(count >= 5, "only {count} blocks");
}

fn run(home: &Path, script: &str, name: &str) {
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", home.join("bin").display()),
        )
        .env("SIGNET_STATE_DIR", home.join(".signet"))
        .output()
        .expect("run sh");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
}

#[test]
fn commands_that_do_not_exist_are_found() {
    for (text, is_right) in [
        ("signet key new", true),
        ("signet key rotate # nobody is logged out", true),
        (
            "X=$(signet key new) ./login.cgi sessions revoke --user ada",
            true,
        ),
        ("signet sessions revoke --user=ada", true),
        ("cargo run -q -- key new", true),
        ("deploy/serve 8081 && cp a b > c", true),
        ("(umask 077; signet key new)", true),
        ("signet keys new", false),
        ("signet key renew", false),
        ("X=$(signet key renew) signet key new", false),
        ("(umask 077; signet key renew)", false),
        ("signet key new \\\n  --to x", false),
        ("signet sessions revoke --us ada", false),
        ("cargo run -q -- key renew", false),
        ("cargo run --example nothing", false),
        ("cargo test --test suite nothing::", false),
        ("deploy/start", false),
        ("deploy/machines file", false),
        ("tests/bench --quick", false),
        ("deploy/build && sgnet key new", false),
    ] {
        let faults: Vec<String> = commands(text)
            .iter()
            .filter_map(|words| fault(words))
            .collect();
        assert_eq!(faults.is_empty(), is_right, "{text}: {faults:?}");
    }
}
