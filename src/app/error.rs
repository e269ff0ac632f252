//! The text of error pages: the only place that chooses it.
//!
//! A visitor reads a sentence and a number. Under this number, the owner finds the
//! reason in the error log (and on the page, with `DEBUG`). The page also says what the
//! owner can do, even with nothing but FTP.

use std::borrow::Cow;

use http::StatusCode;

use super::advice::{self, Advice};
use super::doctor::{self, DoctorFile};
use super::page;
use super::remedy::{Remedy, Steps};
use super::response;
use super::texts::{FOR_OWNERS, Texts};
use super::unread::unread_settings;
use crate::config::KeyError;
use crate::gateway::log;
use crate::guard::answer::NoLoginAddress;
use crate::guard::user::NoPasswords;
use crate::server::{self, CrossOrigin, DroppedCookie, Error, Failure, Response};
use crate::session::SaveError;
use crate::session::store::StoreError;
use crate::users::AccountsError;

page::page! {
    ErrorPage, "error.html", minijinja::context! {},
    status: u16,
    // The status in words: Not Found.
    reason: &'a str,
    // A sentence for visitors.
    message: &'a str,
    // What the owner should do, in English, as all that follows.
    fix: &'a str,
    // Lists of steps, for several kinds of hosts.
    remedies: &'a [Steps],
    // The number of the reason in the error log.
    error_id: &'a str,
    // The reason, only with `DEBUG`.
    detail: &'a str,
    // How the owner opens the doctor's page, and its URL.
    doctor_hint: &'a str,
    doctor: &'a str
}

/// The text of an error page.
struct Words {
    /// A sentence for visitors.
    message: Cow<'static, str>,
    /// What the owner should do.
    fix: String,
    /// Lists of steps, for several kinds of hosts.
    remedies: &'static [Remedy],
}

/// The error page: the site's own, if it exists and can be rendered.
pub(super) fn page(error: &server::ErrorPage<'_>) -> Result<Response, Error> {
    let context = error.context;
    let (t, advice) = (Texts::of(context), Advice::new(context));
    let words = words(error.failure, t, &advice);
    let status = error.status().as_u16();
    let is_fault = !error.id().is_empty();
    let file = is_fault.then(|| doctor_file(error)).flatten();
    let is_known = file.as_ref().is_some_and(|file| file.knows(context));
    let known = is_known.then(|| error.failure.detail()).flatten();
    let (doctor_hint, doctor) = match (&file, error.status()) {
        (Some(_), _) => (
            FOR_OWNERS.doctor_is_open,
            context.mount.url_for(doctor::PATH),
        ),
        (None, StatusCode::SERVICE_UNAVAILABLE) => {
            (FOR_OWNERS.doctor_hint, context.mount.url_for(doctor::PATH))
        }
        (None, _) => ("", String::new()),
    };
    let page = ErrorPage {
        status,
        reason: &(t.error_heading)(status, error.reason_phrase()),
        message: &words.message,
        fix: &words.fix,
        remedies: &advice.in_order(words.remedies),
        error_id: error.id(),
        detail: known.as_deref().unwrap_or(error.detail()),
        doctor_hint,
        doctor: &doctor,
    };
    if !page.error_id.is_empty()
        && let Some(path) = unread_settings(context.config.settings_file())
    {
        log(format_args!(
            "{} is not read: settings are in signet.toml in the state folder, or where \
             SIGNET_CONFIG names a file",
            path.display()
        ));
    }
    Ok(response::response(&page, context).unwrap_or_else(|err| {
        if let Some(reason) = err.0.reason() {
            log(reason);
        }
        response::built_in_response(&page, context)
    }))
}

/// The file `doctor.on` that works at the moment. If the settings cannot be used, the state
/// folder is looked for as far as they can be read.
fn doctor_file(error: &server::ErrorPage<'_>) -> Option<DoctorFile> {
    let context = error.context;
    match matches!(error.failure, Failure::Config(_)) {
        true => DoctorFile::of(context, &doctor::survey(context).config),
        false => DoctorFile::of(context, &context.config),
    }
}

fn words(failure: &Failure, t: &Texts, advice: &Advice) -> Words {
    let for_owner = &FOR_OWNERS;
    let mut words = Words {
        message: sentence_for(failure.status(), t).into(),
        fix: String::new(),
        remedies: &[],
    };
    match failure {
        Failure::ErrorDocument(_)
        | Failure::Status(_)
        | Failure::LoginRequired(_)
        | Failure::NotFound
        | Failure::MethodNotAllowed(_)
        | Failure::Request(_)
        | Failure::Body(_)
        | Failure::Form(_)
        | Failure::Query(_)
        | Failure::Save(SaveError::TooDeep | SaveError::Random(_))
        | Failure::Response(_)
        | Failure::ReplacedSession => {}
        Failure::CrossOrigin(err) => {
            words.message = t.from_another_site.into();
            match err {
                CrossOrigin::Told(_) => {}
                CrossOrigin::Differs { .. } => for_owner.hidden_by_proxy.clone_into(&mut words.fix),
            }
        }
        Failure::Forbidden { user, .. } => words.message = (t.forbidden)(user).into(),
        Failure::Unreadable(err) => {
            words.message = t.unreadable_file.into();
            words.fix = advice.file(err);
        }
        Failure::Handler(err) => {
            if let Some(err) = err.downcast_ref() {
                words.fix = advice.template(err);
            } else if let Some(err) = err.downcast_ref() {
                words.fix = advice.own_texts(err);
            }
        }
        Failure::Unavailable(err) => {
            words.message = t.out_of_order.into();
            if let Some(err) = err.downcast_ref() {
                words.message = match err {
                    AccountsError::Empty { .. } => t.empty_users,
                    AccountsError::Place(_)
                    | AccountsError::File(_)
                    | AccountsError::NamedMissing(_)
                    | AccountsError::Missing(_)
                    | AccountsError::Marker(_) => t.no_users,
                }
                .into();
                words.fix = advice.accounts(err);
            } else if let Some(err) = err.downcast_ref() {
                words.message = t.no_groups.into();
                words.fix = advice.groups(err);
            } else if let Some(err) = err.downcast_ref() {
                words.message = t.no_file.into();
                words.fix = advice.file(err);
            } else if err.is::<DroppedCookie>() {
                words.message = t.not_ready.into();
                for_owner.cookie_elsewhere.clone_into(&mut words.fix);
            } else if err.is::<NoPasswords>() {
                words.message = t.nothing_protected.into();
                for_owner.make_users.clone_into(&mut words.fix);
            } else if err.is::<NoLoginAddress>() {
                words.message = t.no_login_address.into();
                for_owner.set_application_root.clone_into(&mut words.fix);
            }
        }
        Failure::Config(err) => words.fix = advice.settings(err),
        Failure::Key(KeyError::StateDir(err)) => {
            (words.fix, words.remedies) =
                advice.folder(err, for_owner.secret_key, Remedy::FOR_THE_KEY);
        }
        Failure::Key(err) => words.fix = advice.key(err),
        Failure::StateDir(err) => {
            (words.fix, words.remedies) =
                advice.folder(err, for_owner.sessions, Remedy::FOR_SESSIONS);
        }
        Failure::Save(SaveError::NoRevocations) => {
            for_owner.no_folder_to_log_out.clone_into(&mut words.fix);
            words.remedies = Remedy::FOR_A_FOLDER;
        }
        Failure::Save(SaveError::Cookie(_)) => words.message = t.too_large_for_cookie.into(),
        Failure::Store(err) | Failure::Save(SaveError::Store(err)) => match err {
            StoreError::TooLarge(_) => words.message = t.too_large_to_store.into(),
            StoreError::File(file) if !advice::may_pass(file) => {
                (words.message, words.fix) = (t.no_sessions.into(), advice.file(file));
            }
            StoreError::Unavailable(_)
            | StoreError::File(_)
            | StoreError::Refused { .. }
            | StoreError::Damaged { .. }
            | StoreError::IdInUse => words.message = t.store_unavailable.into(),
        },
    }
    words
}

fn sentence_for(status: StatusCode, t: &Texts) -> &'static str {
    match status.as_u16() {
        400 => t.not_understood,
        404 => t.no_page,
        405 => t.wrong_method,
        408 => t.too_slow,
        411 => t.no_length,
        413 => t.request_too_large,
        414 => t.address_too_long,
        415 => t.wrong_form,
        503 => t.not_ready,
        _ if status.is_server_error() => t.went_wrong,
        _ => t.refused,
    }
}

/// Pages to render in tests.
#[cfg(test)]
#[rustfmt::skip]
pub(super) fn examples() -> [&'static dyn page::Page; 2] {
    let steps = [Remedy::KeyInHtaccess, Remedy::SystemFolder].map(|remedy| remedy.steps(0));
    let remedies = Vec::from(steps).leak();
    [
        &ErrorPage { status: 404, reason: "Not Found", message: "m", fix: "", remedies: &[], error_id: "", detail: "", doctor_hint: "", doctor: "" },
        Box::leak(Box::new(ErrorPage { status: 503, reason: "R", message: "m", fix: "f", remedies, error_id: "1a", detail: "<d>\n", doctor_hint: "h", doctor: "/a?r=/<b>&" })),
    ]
}
