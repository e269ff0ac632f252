//! A tree with hostile names is listed and fetched byte for byte.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use signet::guard::tree::{EntryKind, Found, GuardedPath, Name, Served};

use super::{OPEN_BY, Seen, Site, file, find, listed, see};

/// Every byte that a name can contain, alone and among others, and names that programs
/// often misread.
pub(crate) fn hostile_names() -> BTreeSet<Vec<u8>> {
    let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
    for byte in (1..=255).filter(|byte| !b"/.".contains(byte)) {
        names.insert(vec![byte]);
        names.insert([b"a", &[byte][..], b"z"].concat());
    }
    let others: [&[u8]; 34] = [
        b"-rf",
        b"--help",
        b" leading",
        b"trailing ",
        b"  ",
        b"\ttab\t",
        b"new\nline",
        b"cr\r\nlf",
        b"escape\x1b[31m",
        b"delete\x7f",
        b"\"double\" 'single' `back`",
        b"<script>alert(1)<script>.html",
        b"&amp;",
        b"100%",
        b"%2e%2e",
        b"%00",
        b"%",
        b"a#b?c=d&e",
        b"a;b",
        b"a\\..\\b",
        b"C:",
        b"con",
        b"~",
        b"$HOME",
        b"*",
        b"trailing.",
        b"dots...",
        "größe.txt".as_bytes(),
        "日本語".as_bytes(),
        "\u{202e}txt.exe".as_bytes(),
        "e\u{301}".as_bytes(),
        b"\xff\xfe",
        b"\xc0\xae\xc0\xae",
        b"\xed\xa0\x80",
    ];
    names.extend(others.map(<[u8]>::to_vec));
    names.insert(vec![b'x'; 255]);
    names.insert("é".repeat(127).into_bytes());
    names.insert(vec![0xff; 255]);
    names
}

#[test]
fn hostile_names_are_listed_and_fetched_byte_for_byte() {
    let (site, names) = (Site::new(), hostile_names());
    for name in &names {
        let name = OsStr::from_bytes(name);
        site.write(name, name.as_bytes());
        site.write(
            std::path::Path::new("folders").join(name).join(name),
            name.as_bytes(),
        );
    }
    for open_by in OPEN_BY {
        let folder = site.open(Served::BySite, open_by);
        for name in &names {
            let encoded: String = name.iter().map(|byte| format!("%{byte:02X}")).collect();
            assert_eq!(see(&folder, format!("/{encoded}")), file(name), "{encoded}");
            let path = GuardedPath::parse(format!("/folders/{encoded}/{encoded}").as_bytes());
            let path = path.expect("a path");
            assert_eq!(find(&folder, &path), file(name), "{encoded}");
            assert_eq!(see(&folder, path.encoded()), file(name), "{encoded}");
        }
        let mut all = names.clone();
        all.insert(b"folders".to_vec());
        assert_eq!(listed(&folder, "/"), Vec::from_iter(all));
        assert_eq!(listed(&folder, "/folders/"), Vec::from_iter(names.clone()));
    }
}

#[test]
fn a_listing_shows_what_can_be_fetched() {
    let site = Site::new();
    for name in ["a.html", "run.php", ".htaccess", "sub/file", "x.pl/file"] {
        site.write(name, "12345");
    }
    let changed = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let opened = fs::File::options()
        .write(true)
        .open(site.guarded.join("a.html"));
    opened
        .and_then(|file| file.set_modified(changed))
        .expect("set a time");
    for open_by in OPEN_BY {
        let folder = site.open(Served::BySite, open_by);
        assert_eq!(listed(&folder, "/"), [&b"a.html"[..], b"sub", b"x.pl"]);
        let private = site.open(Served::ByNobodyElse, open_by);
        assert_eq!(
            listed(&private, "/"),
            [&b"a.html"[..], b"run.php", b"sub", b"x.pl"]
        );

        let root = GuardedPath::parse(b"/").expect("a path");
        let Found::Folder(found) = folder.find(&root).expect("no fault") else {
            panic!("not a folder");
        };
        let entry = |name: &[u8]| folder.entry(&found, name).expect("no fault");
        let file = entry(b"a.html").expect("a file");
        assert_eq!(file.kind, EntryKind::File { size: 5 });
        assert_eq!(file.modified, 1_700_000_000);
        let sub = entry(b"sub").expect("a folder");
        assert_eq!(sub.kind, EntryKind::Folder);
        for (entry, names) in [(file, [b"a.html".as_slice()]), (sub, [b"sub"])] {
            assert_eq!(entry.real_names().collect::<Vec<_>>(), names);
        }
        for name in [
            &b""[..],
            b".",
            b"..",
            b".htaccess",
            b"missing",
            b"sub/file",
            b"run.php",
            b"a\0",
        ] {
            assert!(entry(name).is_none(), "{name:?}");
        }
        let names = folder.names(&found).expect("names");
        let mut names: Vec<Name> = names.map(|name| name.expect("a name")).collect();
        names.sort();
        let kinds: Vec<Option<bool>> = names.iter().map(|name| name.is_folder).collect();
        assert_eq!(kinds, [Some(false), Some(true), Some(true)]);
    }
}

/// A folder that was removed, or turned into a file, while it was listed.
#[test]
fn a_folder_that_disappears_is_listed_without_a_fault() {
    let site = Site::new();
    site.write("sub/file", "text");
    for open_by in OPEN_BY {
        site.write("sub/file", "text");
        let folder = site.open(Served::ByNobodyElse, open_by);
        let path = GuardedPath::parse(b"/sub/").expect("a path");
        let Found::Folder(found) = folder.find(&path).expect("no fault") else {
            panic!("not a folder");
        };
        fs::remove_dir_all(site.guarded.join("sub")).expect("remove");
        assert!(folder.entry(&found, b"file").expect("no fault").is_none());
        if let Ok(names) = folder.names(&found) {
            assert_eq!(names.count(), 0);
        }
        assert_eq!(see(&folder, "/sub/"), Seen::Absent);
    }
}

#[test]
fn a_thousand_of_20_000_names_are_read_quickly() {
    let site = Site::new();
    let many = site.guarded.join("many");
    fs::create_dir(&many).expect("mkdir");
    let first = many.join("0");
    fs::write(&first, "").expect("write a file");
    for number in 1..20_000 {
        fs::hard_link(&first, many.join(number.to_string())).expect("link");
    }
    let folder = site.open(Served::ByNobodyElse, OPEN_BY[0]);
    let path = GuardedPath::parse(b"/many/").expect("a path");
    let start = Instant::now();
    let Found::Folder(found) = folder.find(&path).expect("no fault") else {
        panic!("not a folder");
    };
    let names = folder.names(&found).expect("names");
    let mut names: Vec<Vec<u8>> = names.map(|name| name.expect("a name").name).collect();
    names.sort();
    let shown = names
        .iter()
        .take(1000)
        .filter(|name| folder.entry(&found, name).expect("no fault").is_some());
    assert_eq!(shown.count(), 1000);
    assert_eq!(names.len(), 20_000);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}
