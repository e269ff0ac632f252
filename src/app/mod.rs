//! The program signet: its pages, their data, and its error page.

mod account;
mod advice;
mod asked;
mod attempt;
pub(crate) mod dates;
pub(crate) mod doctor;
mod error;
mod files;
mod handlers;
mod listing;
mod own_texts;
mod page;
mod password;
mod remedy;
mod response;
mod sessions;
mod texts;
mod unread;
mod username;

use http::Method;
use minijinja::Value;

use self::page::page;
use crate::guard;
use crate::server::{Context, Server};

/// The table of pages. A row has the path, relative to the URL path of the program; the
/// methods; the handler, whose name is also the endpoint, as in Flask; whether the body
/// of a POST must be a form; the file of the template, and the data for it.
macro_rules! pages {
    ($($path:literal [$($method:ident),+] $handler:ident $($takes_form:ident)? =>
        $file:literal $name:ident { $($field:ident: $type:ty),* })+) => {
        $(page!($name, $file, shared_variables(), $($field: $type),*);)+

        /// The program signet as a server.
        pub fn server() -> Server<'static> {
            Server::named("signet")
                $(
                    .route($path, const { &[$(Method::$method),+] }, handlers::$handler)
                    .endpoint(stringify!($handler))
                    $(.$takes_form())?
                )+
                // https://w3c.github.io/webappsec-change-password-url/
                .get("/.well-known/change-password", handlers::change_password)
                .check("/auth", guard::answer::auth)
                .authorizer(guard::answer::authorizer)
                .files(files::files)
                .templates(BUILT_IN)
                .check_login(crate::users::check_login())
                .error_page(error::page)
                .hidden(doctor::PATH, doctor::takes_word, doctor::doctor)
        }

        /// The files of `templates/` that a site can replace: name and source.
        pub(crate) const BUILT_IN: &[(&str, &str)] = &[
            ("base.html", include_str!("../../templates/base.html")),
            ("error.html", include_str!("../../templates/error.html")),
            ("listing.html", include_str!("../../templates/listing.html")),
            $(($file, include_str!(concat!("../../templates/", $file))),)+
            ("style.css", include_str!("../../templates/style.css")),
        ];

        /// The templates of pages, each with two sets of variables: nothing, and some text
        /// everywhere.
        fn pages_to_try(context: &Context) -> Vec<(&'static str, [Value; 2])> {
            vec![
                error::ErrorPage::to_try(context),
                Listing::to_try(context),
                $($name::to_try(context)),+
            ]
        }

        /// The paths of the pages.
        #[cfg(test)]
        pub(crate) const PATHS: &[&str] = &[$($path),+];

        /// The variables of all pages in the table, with empty values: a template may
        /// include the template of another page.
        fn shared_variables() -> Value {
            minijinja::context! { $(..$name::default().own_variables()),+ }
        }
    };
}

// Its URLs are those of protected folders, not a row's.
page! {
    Listing, "listing.html", shared_variables(),
    username: &'a str,
    // Whether the login is signet's own.
    can_log_out: bool,
    // The name of the folder.
    title: &'a str,
    // Links to the folders above it: text and url.
    has_above: bool,
    above: &'a [listing::Link],
    // Links that sort: text, url, and sort, a value of aria-sort.
    columns: &'a [listing::Column],
    // Files and folders: name, url, is_folder, size, changed, changed_iso.
    has_rows: bool,
    rows: &'a [listing::Row],
    // The URLs of the pages before and after this one, or nothing; which page it is, if there
    // are several.
    previous: &'a str,
    following: &'a str,
    position: &'a str
}

pages! {
    "/" [GET] index => "index.html"
        // `files`: the URL of the files of `GUARD_DIR`, or nothing.
        // `can_log_out`: whether the login is signet's own. `everywhere`: whether the button "Log out everywhere" works.
        // `message`: the result of the last click on it, or of a change of the password.
        // `password_change`: whether the user has a password and can change it.
        // `session_list`: whether the user's sessions are on a page.
        Index { username: &'a str, files: &'a str, everywhere: bool, message: &'a str, password_change: bool, can_log_out: bool, session_list: bool }
    "/login" [GET, POST] login takes_form => "login.html"
        // `next`: the page to return to. `remember`: the initial state of the box.
        Login { username: &'a str, error: &'a str, next: &'a str, has_password: bool, remember: bool, demo_note: bool }
    "/logout" [GET, POST] logout => "logout.html"
        Logout { username: &'a str }
    "/password" [GET, POST] password takes_form => "password.html"
        // `error`: about the old password. `new_error`: about the new one. `problem`: that no
        // password can be changed. `fix`: why, for the owner of the site. `fewest`: characters of
        // a new password.
        ChangePassword { username: &'a str, error: &'a str, new_error: &'a str, problem: &'a str, fix: &'a str, fewest: u16 }
    "/sessions" [GET, POST] sessions takes_form => "sessions.html"
        // `message`: the result of the last click. `others`: whether there are other sessions.
        // `note`: what the last use means. `most`: how many a list can have, if it is full.
        Sessions { sessions: &'a [sessions::Row], message: &'a str, others: bool, note: &'a str, most: u16 }
}

#[cfg(test)]
mod tests {
    use super::page::Page;
    use super::*;
    use crate::gateway::Language;
    use crate::server::render_from;
    use base64::Engine;
    use sha2::Digest;

    /// Each template has a row in the table of pages, or is part of a page.
    #[test]
    fn every_template_can_be_replaced() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".html") || name.ends_with(".css"))
            .collect();
        files.sort();
        let mut built_in: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        built_in.sort();
        assert_eq!(built_in, files);
    }

    fn context() -> Context {
        context_in(Language::English)
    }

    /// The context of a visitor with this language.
    fn context_in(language: Language) -> Context {
        let vars = [
            ("SCRIPT_NAME", "/a b&c"),
            ("PATH_INFO", "/"),
            ("HTTP_ACCEPT_LANGUAGE", language.tag()),
        ];
        server().context_of(vars.into_iter().collect())
    }

    #[rustfmt::skip]
    const PAGES: [&dyn Page; 12] = [
        &Index { username: "", files: "", everywhere: true, message: "<b>&", password_change: false, can_log_out: true, session_list: false },
        &Index { username: "zq'\"><b>&{{7*7}}", files: "/a?r=/files/&<b>", everywhere: true, message: "", password_change: true, can_log_out: true, session_list: true },
        &Index { username: "ada", files: "/files/", everywhere: false, message: "", password_change: true, can_log_out: true, session_list: true },
        &Index { username: "ada", files: "", everywhere: false, message: "", password_change: false, can_log_out: false, session_list: false },
        &Login { username: "", error: "", next: "", has_password: false, remember: false, demo_note: true },
        &Login { username: "zq'\"><b>&", error: "no", next: "/a?b=<b>&", has_password: true, remember: true, demo_note: false },
        &Logout { username: "ada" },
        &ChangePassword { username: "zq'\"><b>&", error: "no", new_error: "", problem: "", fix: "", fewest: 8 },
        &ChangePassword { username: "ada", error: "", new_error: "<b>&", problem: "", fix: "", fewest: 8 },
        &ChangePassword { username: "ada", error: "", new_error: "", problem: "<b>&", fix: "<b>&", fewest: 8 },
        &Sessions { sessions: &[], message: "", others: false, note: "<b>&", most: 0 },
        &Sessions { sessions: ROWS, message: "<b>&", others: true, note: "", most: 100 },
    ];

    const ROWS: &[sessions::Row] = &[
        sessions::Row {
            number: 1,
            handle: String::new(),
            since: String::new(),
            used: String::new(),
            is_own: true,
        },
        sessions::Row {
            number: 2,
            handle: String::new(),
            since: String::new(),
            used: String::new(),
            is_own: false,
        },
    ];

    fn listings() -> [&'static dyn Page; 2] {
        let hostile = "zq'\"><b>&{{7*7}}";
        let above = vec![listing::Link {
            text: hostile.to_owned(),
            url: "/files/%3Cb%3E?a&b".to_owned(),
        }];
        let columns = vec![listing::Column {
            text: "Name",
            url: "?by=name&order=down".to_owned(),
            sort: "ascending",
        }];
        let row = |is_folder| listing::Row {
            name: hostile.to_owned(),
            url: "/files/'&".to_owned(),
            is_folder,
            size: if is_folder {
                String::new()
            } else {
                "1.2 kB".to_owned()
            },
            changed: "2026-01-01 00:00".to_owned(),
            changed_iso: "2026-01-01T00:00:00Z".to_owned(),
        };
        let full = Listing {
            username: hostile,
            can_log_out: true,
            title: hostile,
            has_above: true,
            above: above.leak(),
            columns: columns.leak(),
            has_rows: true,
            rows: vec![row(true), row(false)].leak(),
            previous: "/files/?page=1&a=<b>",
            following: "/files/?page=3",
            position: "page 2 of 3",
        };
        [
            Box::leak(Box::new(full)),
            &Listing {
                username: "ada",
                title: "Files",
                ..EMPTY
            },
        ]
    }

    const EMPTY: Listing<'_> = Listing {
        username: "",
        can_log_out: false,
        title: "",
        has_above: false,
        above: &[],
        columns: &[],
        has_rows: false,
        rows: &[],
        previous: "",
        following: "",
        position: "",
    };

    /// Entities have several spellings; the two engines choose different ones.
    fn decoded(document: &str) -> String {
        let mut text = document.to_owned();
        for (spelling, c) in [
            ("&#60;", "<"),
            ("&lt;", "<"),
            ("&#62;", ">"),
            ("&gt;", ">"),
            ("&#34;", "\""),
            ("&quot;", "\""),
            ("&#39;", "'"),
            ("&#x27;", "'"),
            ("&#x2f;", "/"),
            ("&#38;", "&"),
            ("&amp;", "&"),
        ] {
            text = text.replace(spelling, c);
        }
        text
    }

    fn examples() -> impl Iterator<Item = &'static dyn Page> {
        PAGES.into_iter().chain(error::examples()).chain(listings())
    }

    /// A page that is missing in the examples would not be tested here.
    #[test]
    fn the_examples_have_every_page() {
        let mut named: Vec<&str> = examples().map(Page::file).collect();
        named.dedup();
        let parts = ["base.html", "style.css"];
        let mut files: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        files.retain(|name| !parts.contains(name));
        named.sort_unstable();
        files.sort_unstable();
        assert_eq!(named, files);
    }

    #[test]
    fn both_engines_render_the_built_in_sources_alike() {
        let contexts = Language::ALL.map(context_in);
        for (page, context) in examples().flat_map(|page| contexts.iter().map(move |c| (page, c))) {
            let own = render_from(None, context, page.file(), &page.variables(context))
                .unwrap()
                .document;
            assert_eq!(
                decoded(&page.built_in(context)),
                decoded(&own),
                "{}",
                page.file()
            );
            assert!(
                !own.contains("<b>") && !page.built_in(context).contains("<b>"),
                "{}",
                page.file()
            );
        }
    }

    #[test]
    fn the_policy_has_the_hashes_of_style_and_script_on_every_page() {
        for page in examples() {
            let document = page.built_in(&context());
            let own = response::policy_of(page.file());
            let own = own.to_str().unwrap();
            for (element, policies) in [
                ("style", &[own][..]),
                ("script", &[own, response::SITE_POLICY]),
            ] {
                let (_, rest) = document.split_once(&format!("<{element}>")).unwrap();
                let (text, _) = rest.split_once(&format!("</{element}>")).unwrap();
                let digest = sha2::Sha256::digest(text);
                let want = base64::engine::general_purpose::STANDARD.encode(digest);
                for policy in policies {
                    assert!(
                        policy.contains(&format!("'sha256-{want}'")),
                        "{element}: {want}"
                    );
                }
                assert_eq!(document.matches(&format!("<{element}")).count(), 1);
            }
            assert!(!document.contains(" style="));
        }
    }
}
