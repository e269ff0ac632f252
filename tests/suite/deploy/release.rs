//! The archives of a release, which `tests/run` has made by deploy/release.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::static_program;
use crate::support::StateDir;

fn run(command: &mut Command) -> Output {
    let out = command.output().expect("run it");
    assert!(out.status.success(), "{command:?}: {out:?}");
    out
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn archive(ending: &str) -> PathBuf {
    let name = format!(
        "target/release-archives/signet-{}-linux-x86_64{ending}",
        env!("CARGO_PKG_VERSION")
    );
    root().join(name)
}

/// The archive, unpacked: the folder and the names of its files.
fn unpacked(command: &[&str], ending: &str) -> (StateDir, BTreeSet<PathBuf>) {
    let folder = StateDir::new();
    run(Command::new(command[0])
        .args(&command[1..])
        .arg(archive(ending))
        .current_dir(folder.path()));
    let names = files(&folder.path().join("signet"), Path::new(""));
    (folder, names)
}

fn files(folder: &Path, name: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder.join(name)).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = name.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => found.append(&mut files(folder, &name)),
            false => _ = found.insert(name),
        }
    }
    found
}

#[test]
#[ignore = "needs the release archives: run tests/run"]
fn both_archives_have_the_same_files() {
    let (zip, in_zip) = unpacked(&["unzip", "-q"], ".zip");
    let (tar, in_tar) = unpacked(&["tar", "-xf"], ".tar.gz");
    assert_eq!(in_zip, in_tar);
    for name in in_zip {
        let [zip, tar] = [&zip, &tar].map(|folder| folder.path().join("signet").join(&name));
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o7777;
        let wanted = match name.extension().is_some_and(|ending| ending == "cgi") {
            true => 0o755,
            false => 0o644,
        };
        assert_eq!([mode(&zip), mode(&tar)], [wanted; 2], "{}", name.display());
        let read = |path: &Path| fs::read(path).expect("a file");
        assert!(read(&zip) == read(&tar), "{}", name.display());
    }
    let program = zip.path().join("signet/signet.cgi");
    assert!(fs::read(program).expect("it") == fs::read(static_program()).expect("it"));
}

/// What README.txt names is there, and everything that is there is named or lies in a
/// folder that is named.
#[test]
#[ignore = "needs the release archives: run tests/run"]
fn the_readme_of_the_archive_names_its_files() {
    let (folder, names) = unpacked(&["unzip", "-q"], ".zip");
    let readme = fs::read_to_string(folder.path().join("signet/README.txt")).expect("a file");
    assert!(readme.contains(env!("CARGO_PKG_VERSION")), "{readme}");
    for name in names {
        let below = name.strip_prefix("more").unwrap_or(&name);
        let word = match below.components().count() {
            1 => below.to_str(),
            _ => below.iter().next().and_then(|first| first.to_str()),
        };
        let word = word.expect("UTF-8");
        assert!(
            matches!(word, ".htaccess" | "README.txt") || readme.contains(word),
            "README.txt does not name {}",
            name.display()
        );
    }
    let (_, list) = readme
        .split_once("not shown to visitors\n")
        .expect("a list");
    let named = list
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split("  ").next());
    for name in named.filter(|name| !name.is_empty()) {
        let path = folder.path().join("signet/more").join(name);
        assert!(path.exists(), "there is no {name}");
    }
    assert!(folder.path().join("signet/more/servers/Caddyfile").exists());
    for line in readme.lines() {
        // In English, on one screen.
        assert!(line.len() <= 90, "{line}");
    }
    assert!(readme.lines().count() <= 45);
}

#[test]
#[ignore = "needs the release archives: run tests/run"]
fn the_sums_are_those_of_the_archives() {
    let folder = root().join("target/release-archives");
    run(Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(folder));
}

/// Each crate that Cargo links is in the bill of materials, with the sum of Cargo.lock,
/// and its licence is in licences.txt.
#[test]
#[ignore = "needs the release archives: run tests/run"]
fn bill_and_licences_name_every_crate() {
    let (folder, _) = unpacked(&["unzip", "-q"], ".zip");
    let more = folder.path().join("signet/more");
    let bill = fs::read(more.join("sbom.cdx.json")).expect("a file");
    let bill: Value = serde_json::from_slice(&bill).expect("JSON");
    let licences = fs::read_to_string(more.join("licences.txt")).expect("a file");
    let tree = run(Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--prefix=none",
            "--edges=normal,no-proc-macro",
        ])
        .args(["--format={p}", "--target=x86_64-unknown-linux-musl"])
        .current_dir(root()));
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    let wanted: BTreeSet<String> = tree
        .lines()
        .filter(|line| !line.starts_with("signet-cgi "))
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some(format!(
                "{}@{}",
                words.next()?,
                words.next()?.strip_prefix('v')?
            ))
        })
        .collect();
    assert!(wanted.len() > 40, "{tree}");
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("a file");
    let components = bill["components"].as_array().expect("a list");
    let mut named = BTreeSet::new();
    for component in components {
        let text = |key: &str| component[key].as_str().expect("text");
        named.insert(format!("{}@{}", text("name"), text("version")));
        assert_eq!(
            text("purl"),
            format!("pkg:cargo/{}@{}", text("name"), text("version"))
        );
        let sum = component["hashes"][0]["content"].as_str().expect("a sum");
        assert!(lock.contains(sum), "{component}");
        assert!(
            component["licenses"][0]["expression"].is_string(),
            "{component}"
        );
        let line = format!("\n{} {}: ", text("name"), text("version"));
        assert!(licences.contains(&line), "{line}");
    }
    assert_eq!(named, wanted);
    for words in [
        "MIT License",
        "Apache License",
        "AFFERO GENERAL PUBLIC LICENSE",
    ] {
        assert!(licences.contains(words), "{words}");
    }
}

/// The schema is that of CycloneDX's own Python library.
#[test]
#[ignore = "needs the release archives and PyPI: run tests/run"]
fn the_bill_of_materials_has_the_form_of_cyclonedx() {
    const CHECK: &str = "import sys\n\
        from cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        sys.exit(JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read()))";
    let (folder, _) = unpacked(&["unzip", "-q"], ".zip");
    run(Command::new(root().join("target/venv/bin/python"))
        .args(["-c", CHECK])
        .arg(folder.path().join("signet/more/sbom.cdx.json")));
}

/// A checkout in another folder, with Cargo's crates in another folder, at another time.
#[test]
#[ignore = "needs the release archives: run tests/run"]
fn a_second_build_elsewhere_has_the_same_bytes() {
    let (checkout, home) = (StateDir::new(), StateDir::new());
    for part in [
        ".cargo",
        "Cargo.toml",
        "Cargo.lock",
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "deploy",
        "src",
        "templates",
        "tests",
    ] {
        run(Command::new("cp")
            .arg("-R")
            .arg(root().join(part))
            .arg(checkout.path()));
    }
    let cargo_home = std::env::var("CARGO_HOME").map_or_else(
        |_| PathBuf::from(std::env::var("HOME").expect("HOME")).join(".cargo"),
        PathBuf::from,
    );
    for part in ["registry", "config.toml"] {
        if cargo_home.join(part).exists() {
            symlink(cargo_home.join(part), home.path().join(part)).expect("link");
        }
    }
    run(Command::new(checkout.path().join("deploy/release")).env("CARGO_HOME", home.path()));
    for ending in [".zip", ".tar.gz"] {
        let ours = archive(ending);
        let name = ours.strip_prefix(root()).expect("below it");
        let second = fs::read(checkout.path().join(name)).expect("made");
        assert!(fs::read(&ours).expect("made") == second, "{ending}");
    }
}
