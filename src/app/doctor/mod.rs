//! The doctor says what is right and wrong with a site, and what to do next: on the page
//! `/doctor` and by `signet doctor`. Both show the same findings.

mod access;
mod canary;
mod examine;
mod finding;
mod htaccess;
mod page;
mod words;

use std::path::Path;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use self::examine::Case;
use self::finding::{Clock, Cookies, Finding, Guard};
use self::page::Page;
use self::words::{FindingTexts, Words};
use super::advice::Advice;
use super::texts::{ENGLISH, FOR_OWNERS};
use crate::config::{Config, ServedFolders, Survey};
use crate::gateway::{Interface, MetaVariables, ProcessInput, Started};
use crate::server::{Context, Error, Failure, Form, Request, Response, form, query};
use crate::session::Session;
use crate::session::cookie;

pub(super) use self::access::DoctorFile;
pub(crate) use self::finding::State;

/// The path of the page.
pub(super) const PATH: &str = "/doctor";

/// The field of the query in the second step of the check of cookies.
const AGAIN: &str = "cookie";

/// The end of the name of the cookie that is checked, after that of the session's.
const TEST: &str = "_test";

/// A row of the table of findings.
pub(crate) struct Row {
    pub(crate) subject: &'static str,
    pub(crate) words: Words,
    check: Check,
}

/// Who asks for the page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Visitor {
    /// A user of `DOCTOR_USERS`, or a browser in which the word was typed before.
    Known,
    /// Somebody who typed the word.
    TypedWord,
    /// Somebody who typed another word. Nothing is examined for them.
    TypedAnother,
    /// Anybody else.
    Stranger,
    /// A stranger while another one loads the page. Nothing is examined for them.
    NotAlone,
}

/// What the visitor or the visitor's browser checks.
enum Check {
    Nothing,
    /// The second step of the check of cookies.
    Cookies,
    /// The clock.
    Clock,
    /// Whether one of these URLs shows a file without a login.
    Canaries(Vec<String>),
}

impl Row {
    fn new(finding: Finding, texts: &FindingTexts) -> Self {
        let (subject, words) = (texts.subject(&finding), texts.words(&finding));
        let check = match finding {
            Finding::Cookies(Cookies::Unchecked | Cookies::Lost) => Check::Cookies,
            Finding::Clock(Clock::Now(_)) => Check::Clock,
            // The URLs contain a file name: only for those who may see paths.
            Finding::Guard(Guard::Served { canaries, .. })
                if texts.has_paths && !canaries.is_empty() =>
            {
                Check::Canaries(canaries)
            }
            Finding::Version
            | Finding::Start(_)
            | Finding::Address(_)
            | Finding::Connection(_)
            | Finding::Cookies(Cookies::Back | Cookies::Dropped(_))
            | Finding::Clock(Clock::BeforeProgram { .. })
            | Finding::Settings(_)
            | Finding::StateFolder(_)
            | Finding::Key(_)
            | Finding::Sessions(_)
            | Finding::Users(_)
            | Finding::Pages(_)
            | Finding::Guard(_)
            | Finding::Limits(_) => Check::Nothing,
        };
        Self {
            subject,
            words,
            check,
        }
    }
}

fn rows(case: Case<'_>, has_paths: bool) -> Vec<Row> {
    let config = Arc::clone(&case.survey.config);
    let advice = Advice {
        euid: config.euid(),
    };
    let texts = FindingTexts {
        advice,
        config,
        has_paths,
    };
    let findings = case.examine().into_iter();
    findings.map(|finding| Row::new(finding, &texts)).collect()
}

/// The findings of a command, which sees everything but a request. `script` is the settings
/// script that was started.
pub(crate) fn report(input: &ProcessInput, script: Option<&Path>) -> Vec<Row> {
    let environment = Arc::new(input.vars.clone());
    let served = ServedFolders::default();
    let survey = Survey::new(&environment, script, &served, input.euid);
    let server = super::server();
    let mut context = server.context_of(MetaVariables::default());
    context.now = input.now;
    context.started = Started::before(environment, script);
    let case = Case {
        survey: &survey,
        context: &context,
        by: Interface::CommandLine,
        pages: super::pages_to_try(&context),
        max_search: examine::LONG_SEARCH,
        cookies: None,
    };
    rows(case, true)
}

/// All that is known about the settings of a request.
pub(super) fn survey(context: &Context) -> Survey {
    let started = &context.started;
    let served = access::served(context);
    let environment = started.environment(&context.vars);
    let script = started.script.as_deref();
    let survey = Survey::new(&environment, script, &served, context.config.euid());
    // Reuses the Redis connection: an unreachable Redis is tried once.
    survey.config.keep_connections_of(&context.config);
    survey
}

/// Whether the page takes a word.
pub(super) fn takes_word(context: &Context) -> bool {
    DoctorFile::of(context, &survey(context).config).is_some()
}

/// The page; status 404 for visitors who may not see it.
pub(super) fn doctor(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let survey = survey(context);
    let file = DoctorFile::of(context, &survey.config);
    let is_user = is_doctor_user(&survey, context, session);
    if !is_user && file.is_none() && !access::has_nothing_to_protect(&survey) {
        return Err(Failure::NotFound.into());
    }
    let visitor = match &file {
        Some(file) if request.method() == Method::POST => {
            let form: Form = form(request)?;
            match file.is_word(form.get("word").unwrap_or_default()) {
                true => Visitor::TypedWord,
                false => Visitor::TypedAnother,
            }
        }
        Some(file) if is_user || file.knows(context) => Visitor::Known,
        Some(file) if !file.is_alone() => Visitor::NotAlone,
        None if is_user => Visitor::Known,
        Some(_) | None => Visitor::Stranger,
    };
    let has_paths = matches!(visitor, Visitor::Known | Visitor::TypedWord);
    let rows = match visitor {
        Visitor::TypedAnother | Visitor::NotAlone => Vec::new(),
        Visitor::Known | Visitor::TypedWord | Visitor::Stranger => {
            rows(case(request, &survey, has_paths), has_paths)
        }
    };

    let t = &FOR_OWNERS;
    let url = context.mount.url_for(PATH);
    let separator = if url.contains('?') { '&' } else { '?' };
    let page = Page {
        t: &ENGLISH,
        owner: t,
        url: &url,
        again: &format!("{url}{separator}{AGAIN}=1"),
        home: &context.mount.url_for("/"),
        rows: &rows,
        now: context.now,
        has_file: file.is_some(),
        takes_word: file.as_ref().is_some_and(DoctorFile::has_word) && !has_paths,
        error: match visitor {
            Visitor::TypedAnother => t.wrong_word,
            Visitor::Known | Visitor::TypedWord | Visitor::Stranger | Visitor::NotAlone => "",
        },
        note: &match (visitor, &file) {
            (Visitor::Known | Visitor::TypedWord, _) => String::new(),
            (Visitor::NotAlone, _) => t.doctor_busy.to_owned(),
            (Visitor::Stranger | Visitor::TypedAnother, Some(file)) => file.note(),
            (Visitor::Stranger | Visitor::TypedAnother, None) => t.how_to_see_paths.to_owned(),
        },
    };
    let mut response = page.response();
    set_status(&mut response, visitor);
    let known = file.filter(|_| visitor == Visitor::TypedWord);
    let word_cookie = known.and_then(|file| file.cookie(context));
    for line in test_cookie(context).into_iter().chain(word_cookie) {
        if let Ok(line) = HeaderValue::try_from(line) {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
    }
    Ok(response)
}

/// What the page examines.
fn case<'c>(request: &'c Request, survey: &'c Survey, has_paths: bool) -> Case<'c> {
    let context = Context::of(request);
    let fields: Form = query(request).unwrap_or_default();
    Case {
        survey,
        context,
        by: context.interface,
        pages: super::pages_to_try(context),
        max_search: match has_paths {
            true => examine::LONG_SEARCH,
            false => examine::SHORT_SEARCH,
        },
        cookies: Some(match (has_test_cookie(context), fields.get(AGAIN)) {
            (true, _) => Cookies::Back,
            (false, Some(_)) => Cookies::Lost,
            (false, None) => Cookies::Unchecked,
        }),
    }
}

/// Sets the status of the page.
fn set_status(response: &mut Response, visitor: Visitor) {
    match visitor {
        Visitor::TypedAnother => *response.status_mut() = StatusCode::FORBIDDEN,
        Visitor::NotAlone => {
            let second = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, second);
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        }
        Visitor::Known | Visitor::TypedWord | Visitor::Stranger => {}
    }
}

/// Whether a user of `DOCTOR_USERS` is logged in with a password.
fn is_doctor_user(survey: &Survey, context: &Context, session: &Session) -> bool {
    let config: &Config = &survey.config;
    // Opening the session would create a missing key.
    let can_tell = !config.doctor_users.is_empty()
        && survey.mistakes.is_empty()
        && config.login_url.is_none()
        && config.existing_keys(context.now).is_ok();
    let is_listed = |name: &str| config.doctor_users.iter().any(|listed| listed == name);
    can_tell && session.proved_username().is_some_and(is_listed)
}

/// Whether the cookie of the first step came back.
fn has_test_cookie(context: &Context) -> bool {
    let name = context.config.cookie.beside(TEST).name;
    let mut headers = context.vars.all("HTTP_COOKIE");
    headers.any(|header| cookie::values_of(&name, header).next().is_some())
}

/// The `Set-Cookie` value of the first step, with the attributes of the session's cookie.
fn test_cookie(context: &Context) -> Option<String> {
    let settings = context.config.cookie.beside(TEST);
    cookie::line(&settings, context.cookie_scope(), "1".to_owned(), None).ok()
}
