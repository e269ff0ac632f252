//! Media types of files, compared with those of real web servers.

use std::fmt::Write as _;

use super::servers::{apache, lighttpd, site};
use crate::live::apache::server_user;
use crate::support::http::{self, Server};

/// Ends of names of files that people put into a folder, without those for which the
/// servers and `mime_guess` have different old names.
const ENDS: &str = "7z aac apk atom avi avif bin bmp css csv doc docx epub flac gif gz heic htm \
    html ics jar jpeg jpg js json jxl kml kmz log m4a m4v md mjs mkv mov mp3 mp4 mpeg odp ods odt \
    oga ogg ogv opus otf pdf png ppt pptx ps rar rtf sqlite svg svgz tar tif tiff torrent ttf txt \
    vcf vtt wasm webm webmanifest webp woff woff2 xhtml xls xlsx xml xsl xspf xz zip zst";

#[test]
#[ignore = "needs lighttpd and Apache: run tests/run"]
fn types_are_those_of_lighttpd_or_apache() {
    let site = site();
    let names: Vec<String> = ENDS
        .split_whitespace()
        .map(|end| format!("a.{end}"))
        .collect();
    for name in &names {
        site.file(&format!("htdocs/{name}"), "x", server_user(), 0o644);
    }
    let (lighttpd, apache) = (lighttpd(&site), apache(&site));
    let kind = |server: &Server, base: &str, name: &str| {
        let url = format!("{base}/{name}");
        let reply = http::request(server.port, "HEAD", &url, &[], b"");
        assert_eq!(reply.status, 200, "{name}");
        // lighttpd writes no space before a parameter.
        reply
            .header("Content-Type")
            .unwrap_or_default()
            .replace("; ", ";")
    };
    let mut faults = String::new();
    for name in names {
        let ours = kind(&lighttpd, "/worker", &name);
        let peers = [kind(&lighttpd, "", &name), kind(&apache, "", &name)];
        if !peers.contains(&ours) {
            let _ = writeln!(faults, "{name}: {ours:?}, not one of {peers:?}");
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
