//! The doctor says what is right and wrong with a site, and what to do next: on the page
//! `/doctor` and by `signet doctor`. Both show the same findings.

mod canary;
mod door;
mod examine;
mod finding;
mod htaccess;
mod page;
mod words;

use std::path::Path;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use self::door::Tried;
use self::examine::Case;
use self::finding::{Clock, Cookies, Finding, Guard};
use self::page::Page;
use self::words::Speech;
use super::advice::Advice;
use super::remedy::Steps;
use super::texts::{ENGLISH, FOR_OWNERS};
use crate::config::{Config, ServedFolders, Survey};
use crate::gateway::{Interface, MetaVariables, ProcessInput, Started};
use crate::server::{Context, Error, Failure, Form, Request, Response, form, query};
use crate::session::cookie;
use crate::session::{Session, USERNAME, Value};

pub(super) use self::door::Door;
pub(crate) use self::finding::State;

/// The path of the page.
pub(super) const PATH: &str = "/doctor";

/// The field of the query in the second step of the check of cookies.
const AGAIN: &str = "cookie";

/// The end of the name of the cookie that is checked, after that of the session's.
const TEST: &str = "_test";

/// A finding in words.
pub(crate) struct Row {
    pub(crate) state: State,
    pub(crate) subject: &'static str,
    /// What it means.
    pub(crate) text: String,
    /// The next step with FTP, or nothing.
    pub(crate) ftp: String,
    /// The next step with a shell, or nothing: a command.
    pub(crate) shell: String,
    /// Paths, or the text of the log; nothing for visitors who may not see them.
    pub(crate) detail: String,
    /// Lists of steps, for several kinds of hosts.
    pub(crate) remedies: Vec<Steps>,
    check: Check,
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
    fn new(finding: Finding, speech: &Speech) -> Self {
        let words = speech.words(&finding);
        let (state, subject) = (finding.state(), speech.subject(&finding));
        let detail = match speech.has_paths {
            true => words.detail,
            false => String::new(),
        };
        let check = match finding {
            Finding::Cookies(Cookies::Unchecked | Cookies::Lost) => Check::Cookies,
            Finding::Clock(Clock::Now(_)) => Check::Clock,
            // The URLs contain a file name: only for those who may see paths.
            Finding::Guard(Guard::Served { canaries, .. })
                if speech.has_paths && !canaries.is_empty() =>
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
            state,
            subject,
            text: words.text,
            ftp: words.ftp,
            shell: words.shell,
            detail,
            remedies: words.remedies,
            check,
        }
    }
}

fn rows(case: Case<'_>, has_paths: bool) -> Vec<Row> {
    let config = Arc::clone(&case.survey.config);
    let advice = Advice {
        t: &FOR_OWNERS,
        euid: config.euid(),
    };
    let speech = Speech {
        advice,
        config,
        has_paths,
    };
    let findings = case.examine().into_iter();
    findings.map(|finding| Row::new(finding, &speech)).collect()
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
        cookies: None,
    };
    rows(case, true)
}

/// All that is known about the settings of a request.
pub(super) fn survey(context: &Context) -> Survey {
    let (vars, started) = (&context.vars, &context.started);
    let served = match context.interface {
        Interface::FastCgi => ServedFolders::of_fastcgi(vars),
        Interface::Cgi | Interface::CommandLine => ServedFolders::of_cgi(vars),
    };
    let environment = started.environment(vars);
    let script = started.script.as_deref();
    let survey = Survey::new(&environment, script, &served, context.config.euid());
    // Reuses the Redis connection: an unreachable Redis is tried once.
    survey.config.keep_connections_of(&context.config);
    survey
}

/// Whether the page takes a word.
pub(super) fn takes_word(context: &Context) -> bool {
    Door::of(context, &survey(context).config).is_some()
}

/// The page; status 404 for visitors who may not see it.
pub(super) fn doctor(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let context = Context::of(request);
    let t = &FOR_OWNERS;
    let survey = survey(context);
    let door = Door::of(context, &survey.config);
    let is_user = is_doctor_user(&survey, context, session);
    if !is_user && door.is_none() && !door::has_nothing_to_protect(&survey) {
        return Err(Failure::NotFound.into());
    }
    let mut typed = None;
    if request.method() == Method::POST
        && let Some(door) = &door
    {
        let form: Form = form(request)?;
        let word = form.get("word").unwrap_or_default();
        typed = Some(door.try_word(&survey.config, word));
    }
    let knows_word =
        typed == Some(Tried::Right) || door.as_ref().is_some_and(|door| door.knows(context));
    let has_paths = is_user || knows_word;

    let fields: Form = query(request).unwrap_or_default();
    let case = Case {
        survey: &survey,
        context,
        by: context.interface,
        pages: super::pages_to_try(context),
        cookies: Some(match (has_test_cookie(context), fields.get(AGAIN)) {
            (true, _) => Cookies::Back,
            (false, Some(_)) => Cookies::Lost,
            (false, None) => Cookies::Unchecked,
        }),
    };
    let url = context.mount.url_for(PATH);
    let separator = if url.contains('?') { '&' } else { '?' };
    let again = format!("{url}{separator}{AGAIN}=1");
    let takes_word = door.as_ref().is_some_and(Door::has_word) && !has_paths;
    let page = Page {
        t: &ENGLISH,
        owner: t,
        url: &url,
        again: &again,
        home: &context.mount.url_for("/"),
        rows: &rows(case, has_paths),
        now: context.now,
        has_file: door.is_some(),
        takes_word,
        error: match typed {
            Some(Tried::Wrong) => t.wrong_word,
            Some(Tried::Later) => t.word_later,
            Some(Tried::Right) | None => "",
        },
        note: match &door {
            Some(_) if has_paths => "",
            Some(door) => door.note(t),
            None => t.how_to_see_paths,
        },
    };
    let mut response = page.response();
    let headers = response.headers_mut();
    let word_cookie = door
        .filter(|_| typed == Some(Tried::Right))
        .and_then(|door| door.cookie(context));
    for line in test_cookie(context).into_iter().chain(word_cookie) {
        if let Ok(line) = HeaderValue::try_from(line) {
            headers.append(header::SET_COOKIE, line);
        }
    }
    match typed {
        Some(Tried::Wrong) => *response.status_mut() = StatusCode::FORBIDDEN,
        Some(Tried::Later) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        }
        Some(Tried::Right) | None => {}
    }
    Ok(response)
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
    can_tell
        && session.has_password()
        && matches!(session.get(USERNAME), Some(Value::String(name)) if is_listed(name))
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
