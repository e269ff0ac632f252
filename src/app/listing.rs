//! The page with the names in a protected folder.

use std::fmt::Write;

use minijinja::{Value, context};
use time::OffsetDateTime;

use super::Listing;
use super::asked::{Asked, joined, unusable};
use super::page::Variable;
use super::response::response;
use super::texts::Texts;
use crate::guard::listing::{self, Key, Order};
use crate::guard::tree::{Entry, EntryKind, GuardedFolder, GuardedSubfolder};
use crate::server::{Error, Form, Request, Response, query};

/// A link.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) text: String,
    pub(super) url: String,
}

/// The head of a column: a link that sorts by it.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) text: &'static str,
    pub(super) url: String,
    /// The value of `aria-sort`.
    pub(super) sort: &'static str,
}

/// A file or folder.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) is_folder: bool,
    /// Of a file, in units such as kB.
    pub(super) size: String,
    /// When it was last changed (UTC): for people, and as ISO 8601.
    pub(super) changed: String,
    pub(super) changed_iso: String,
}

impl Variable for &[Link] {
    fn value(&self) -> Value {
        let links = self.iter();
        links
            .map(|link| context! { text => link.text.as_str(), url => link.url.as_str() })
            .collect()
    }

    fn example() -> Self {
        &[]
    }
}

impl Variable for &[Column] {
    fn value(&self) -> Value {
        let columns = self.iter();
        columns
            .map(|column| context! { text => column.text, url => column.url.as_str(), sort => column.sort })
            .collect()
    }

    fn example() -> Self {
        &[]
    }
}

impl Variable for &[Row] {
    fn value(&self) -> Value {
        let rows = self.iter().map(|row| {
            context! {
                name => row.name.as_str(), url => row.url.as_str(), is_folder => row.is_folder, size => row.size.as_str(),
                changed => row.changed.as_str(), changed_iso => row.changed_iso.as_str()
            }
        });
        rows.collect()
    }

    fn example() -> Self {
        &[]
    }
}

/// What the query asks for.
#[derive(Clone, Copy)]
struct View {
    order: Order,
    number: usize,
}

impl View {
    fn of(request: &Request) -> Self {
        let fields: Form = query(request).unwrap_or_default();
        let is = |name, value| fields.get(name) == Some(value);
        let key = match fields.get("by") {
            Some("size") => Key::Size,
            Some("changed") => Key::Changed,
            Some(_) | None => Key::Name,
        };
        let number = fields.get("page").and_then(|page| page.parse().ok());
        Self {
            order: Order {
                key,
                is_down: is("order", "down"),
            },
            number: number.unwrap_or(1),
        }
    }

    /// The URL of this view of the folder at `url`, which may have a query.
    fn url(self, url: &str) -> String {
        let by = match self.order.key {
            Key::Name => "name",
            Key::Size => "size",
            Key::Changed => "changed",
        };
        let order = if self.order.is_down { "down" } else { "up" };
        let sign = if url.contains('?') { '&' } else { '?' };
        let mut url = format!("{url}{sign}by={by}&order={order}");
        if self.number > 1 {
            let _ = write!(url, "&page={}", self.number);
        }
        url
    }
}

/// The list of the names in `folder`, for which `asked` asks.
pub(super) fn page(
    request: &Request,
    asked: &Asked<'_>,
    tree: &GuardedFolder,
    folder: &GuardedSubfolder,
) -> Result<Response, Error> {
    let t = Texts::of(asked.context);
    let view = View::of(request);
    let list = listing::page(tree, folder, view.order, view.number);
    let list = list.map_err(unusable)?;
    let below = joined(asked.path.names());
    let url = asked.folder_url();
    let number = |number: usize| match (1..=list.last).contains(&number) {
        true => View { number, ..view }.url(&url),
        false => String::new(),
    };
    let (title, above) = above(asked, t);
    let mut rows = Vec::with_capacity(list.names.len());
    for name in &list.names {
        // One after the other: an entry keeps its folder open.
        let entry = tree.entry(folder, name).map_err(unusable)?;
        if let Some(entry) = entry
            && asked.lists(folder, name, &entry)?
        {
            rows.push(row(asked, &below, name, &entry, t));
        }
    }
    let page = Listing {
        username: &asked.user,
        can_log_out: asked.context.config.login_url.is_none(),
        title: &title,
        has_above: !above.is_empty(),
        above: &above,
        columns: &columns(view.order, &url, t),
        has_rows: !rows.is_empty(),
        rows: &rows,
        previous: &number(list.number - 1),
        following: &number(list.number + 1),
        position: &match list.last {
            1 => String::new(),
            last => (t.page_of)(list.number, last),
        },
    };
    response(&page, asked.context)
}

/// The name of the folder that is asked for, and links to those above it.
fn above(asked: &Asked<'_>, t: &Texts) -> (String, Vec<Link>) {
    let names = asked.path.names();
    let text = |depth: usize| match depth.checked_sub(1).and_then(|at| names.get(at)) {
        Some(name) => shown(name),
        None => t.protected_files.to_owned(),
    };
    let link = |depth: usize| Link {
        text: text(depth),
        url: asked.url_of(&[&joined(&names[..depth])[..], b"/"].concat()),
    };
    (text(names.len()), (0..names.len()).map(link).collect())
}

fn columns(order: Order, url: &str, t: &Texts) -> Vec<Column> {
    let column = |(key, text)| {
        let is_sorted = order.key == key;
        // A click on the column that is sorted turns the order around.
        let is_down = is_sorted && !order.is_down;
        Column {
            text,
            url: View {
                order: Order { key, is_down },
                number: 1,
            }
            .url(url),
            sort: match (is_sorted, order.is_down) {
                (false, _) => "none",
                (true, false) => "ascending",
                (true, true) => "descending",
            },
        }
    };
    let columns = [
        (Key::Name, t.column_name),
        (Key::Size, t.column_size),
        (Key::Changed, t.column_changed),
    ];
    columns.map(column).into()
}

fn row(asked: &Asked<'_>, below: &[u8], name: &[u8], entry: &Entry, t: &Texts) -> Row {
    let (is_folder, size) = match entry.kind {
        EntryKind::Folder => (true, String::new()),
        EntryKind::File { size } => (false, bytes(size, t)),
    };
    let end: &[u8] = if is_folder { b"/" } else { b"" };
    let (changed, changed_iso) = dates(entry.modified);
    Row {
        name: shown(name),
        url: asked.url_of(&[below, b"/", name, end].concat()),
        is_folder,
        size,
        changed,
        changed_iso,
    }
}

/// A name as text. Bytes that are not UTF-8 become a replacement character; characters that
/// cannot be seen or that turn the direction of writing around are written as escapes.
fn shown(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for c in String::from_utf8_lossy(name).chars() {
        let is_hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        match is_hidden {
            true => text.extend(c.escape_default()),
            false => text.push(c),
        }
    }
    text
}

/// A size in decimal units, with one digit after the point below 10.
fn bytes(size: u64, t: &Texts) -> String {
    const KILO: u64 = 1000;
    let units = [
        (t.terabytes, KILO.pow(4)),
        (t.gigabytes, KILO.pow(3)),
        (t.megabytes, KILO.pow(2)),
        (t.kilobytes, KILO),
    ];
    match units.into_iter().find(|(_, unit)| size >= *unit) {
        Some((text, unit)) => {
            let (whole, tenth) = (size / unit, size % unit / (unit / 10));
            text(&match whole < 10 {
                true => (t.decimal)(whole, tenth),
                false => whole.to_string(),
            })
        }
        None => (t.bytes)(&size.to_string()),
    }
}

/// A time in Unix seconds, in UTC: for people, and as ISO 8601.
fn dates(seconds: i64) -> (String, String) {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return (String::new(), String::new());
    };
    let (year, month, day) = time.to_calendar_date();
    let month = u8::from(month);
    let (hour, minute, second) = time.to_hms();
    let date = format!("{year:04}-{month:02}-{day:02}");
    (
        format!("{date} {hour:02}:{minute:02}"),
        format!("{date}T{hour:02}:{minute:02}:{second:02}Z"),
    )
}
