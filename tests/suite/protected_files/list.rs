//! The list of a protected folder.

use std::fs;

use super::{ada, beside, links, state, write};
use crate::support::html::unescape;

/// A site's own template of the list gets a thousand names.
#[test]
fn the_list_can_be_replaced() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/long");
    fs::create_dir(&folder).unwrap();
    for number in 0..1000 {
        write(&folder, format!("<{number:04}>").as_bytes(), "");
    }
    let source = include_str!("../../../templates/listing.html").replace("<h1>", "<h1>Ours: ");
    state.write("templates/listing.html", source, 0o644);
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    let page = client.get("/files/long/");
    assert_eq!(page.status, 200, "{}", page.log);
    assert_eq!(page.log, "");
    assert!(page.text().contains("Ours: "));
    assert_eq!(page.text().matches("&lt;0999&gt;").count(), 1);
    assert_eq!(page.text().matches("<tr><td>").count(), 1000);
}

/// Each link leads to the file whose name it shows, whatever the name is.
#[test]
fn hostile_names_are_listed_and_fetched_byte_for_byte() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/hostile");
    fs::create_dir(&folder).unwrap();
    let long = [b'l'; 255];
    let names: [&[u8]; 18] = [
        b"zq'\"><b>&.txt",
        b"a b",
        b" a",
        b"a ",
        b"-rf",
        b"%41",
        b"100%",
        b"a?b=c#d",
        b"a;b,c",
        b"\\..\\x",
        b"javascript:alert(1)",
        b"a\nb",
        b"\x01\x7f",
        "\u{202e}txt.exe".as_bytes(),
        "ü 語".as_bytes(),
        b"caf\xe9\xff",
        b"{{7*7}}",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        write(&folder, name, &number.to_string());
    }
    write(&folder, b".hidden", "hidden");
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    let page = client.get("/files/hostile/");
    assert_eq!(page.status, 200, "{}", page.log);
    let text = page.text();
    assert!(!text.contains("<b>") && text.contains("{{7*7}}") && !text.contains('\u{202e}'));
    let links = links(&text);
    assert_eq!(links.len(), names.len(), "{text}");
    let mut fetched: Vec<usize> = Vec::new();
    for (url, shown) in &links {
        assert!(url.bytes().all(|b| b.is_ascii_graphic()), "{url}");
        let file = client.get(url);
        assert_eq!(file.status, 200, "{url} {shown}");
        fetched.push(file.text().parse().unwrap());
    }
    fetched.sort_unstable();
    assert_eq!(fetched, Vec::from_iter(0..names.len()));
    for shown in [
        "zq'\"><b>&.txt",
        "a\\nb",
        "\\u{1}\\u{7f}",
        "\\u{202e}txt.exe",
        "caf\u{fffd}\u{fffd}",
    ] {
        assert!(
            links.iter().any(|(_, text)| text == shown),
            "{shown}: {links:?}"
        );
    }
}

#[test]
fn a_list_is_sorted_by_each_column_both_ways() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/sorted");
    fs::create_dir(&folder).unwrap();
    for (name, size, age) in [("B.txt", 1, 3), ("a.txt", 2000, 1), ("c.txt", 30, 2)] {
        write(&folder, name.as_bytes(), &"x".repeat(size));
        let file = fs::File::options()
            .write(true)
            .open(folder.join(name))
            .unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 - age * 60);
        file.set_modified(time).unwrap();
    }
    fs::create_dir(folder.join("z")).unwrap();
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    #[rustfmt::skip]
    let cases = [
        ("",                       "z/ a.txt B.txt c.txt"),
        ("?by=name&order=up",      "z/ a.txt B.txt c.txt"),
        ("?by=name&order=down",    "z/ c.txt B.txt a.txt"),
        ("?by=size&order=up",      "z/ B.txt c.txt a.txt"),
        ("?by=size&order=down",    "z/ a.txt c.txt B.txt"),
        ("?by=changed&order=up",   "z/ B.txt c.txt a.txt"),
        ("?by=changed&order=down", "z/ a.txt c.txt B.txt"),
        ("?by=<b>&order=x&page=-1", "z/ a.txt B.txt c.txt"),
        ("?by=%FF",                "z/ a.txt B.txt c.txt"),
    ];
    for (query, want) in cases {
        let page = client.get(&format!("/files/sorted/{query}")).text();
        let shown: Vec<String> = links(&page).into_iter().map(|(_, text)| text).collect();
        assert_eq!(shown.join(" "), want, "{query}");
    }
    let page = client.get("/files/sorted/?by=size&order=up").text();
    let page = unescape(&page);
    for text in [
        "aria-sort=\"ascending\"><a href=\"/files/sorted/?by=size&order=down\">",
        "aria-sort=\"none\"><a href=\"/files/sorted/?by=name&order=up\">",
        "<td>2.0 kB</td>",
        "<td>30 B</td>",
        "<time datetime=\"2023-11-14T22:12:20Z\">2023-11-14 22:12</time>",
        "<a href=\"/files/\"><bdi>Files</bdi></a>",
        "Logged in as ada",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[test]
fn a_long_list_has_pages_of_a_thousand_names() {
    let (server, state) = (signet::app::server(), state());
    let folder = beside(&state, "private/long");
    fs::create_dir(&folder).unwrap();
    for number in 0..2100 {
        write(&folder, format!("{number:04}").as_bytes(), "");
    }
    let mut client = ada(&server, &state).setting("GUARD_LISTING", "true");
    let mut seen = Vec::new();
    let mut url = "/files/long/?by=name&order=down".to_owned();
    for number in 1..=3 {
        let page = unescape(&client.get(&url).text());
        assert!(page.contains(&format!("page {number} of 3")), "{url}");
        seen.extend(links(&page).into_iter().map(|(_, text)| text));
        let next = page.split("rel=\"next\" href=\"").nth(1);
        match (number, next) {
            (3, None) => {}
            (_, Some(next)) => next.split('"').next().unwrap().clone_into(&mut url),
            (_, None) => panic!("no next page: {page}"),
        }
    }
    let wanted: Vec<String> = (0..2100)
        .rev()
        .map(|number| format!("{number:04}"))
        .collect();
    assert_eq!(seen, wanted);
    assert_eq!(links(&client.get("/files/long/?page=99").text()).len(), 100);
}
