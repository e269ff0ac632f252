//! A site's own pages: Jinja files in `TEMPLATES_DIR`, with the variables of
//! the built-in page of the same name and a Flask-like `url_for`.

use std::io;
use std::path::{Component, Path};

use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::BUILT_IN;
use super::page::Page;
use super::texts;
use crate::files::text;
use crate::files::trusted::{Anywhere, TrustedFolder};
use crate::server::Context;

/// Bytes of one file.
const MAX_FILE: usize = 1024 * 1024;

/// Instructions of one page, and what it writes and joins: an endless loop ends
/// here, and a text that grows does so well within a host's 64 MiB.
const FUEL: u64 = 500_000;

/// Why a site's own page could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct TemplateError {
    /// The template with the mistake, which the page may include.
    pub(super) file: String,
    /// From 1; `None`: the file as a whole cannot be used.
    pub(super) line: Option<usize>,
    pub(super) kind: ErrorKind,
    /// For the log only.
    reason: String,
}

impl TemplateError {
    fn new(page: &dyn Page, err: &minijinja::Error) -> Self {
        let place =
            |err: &minijinja::Error| Some((err.name()?.to_owned(), err.line()?, err.kind()));
        let innermost = causes(err).filter_map(place).last();
        let (file, line, kind) = match innermost {
            Some((file, line, kind)) => (file, Some(line), kind),
            None => (page.file().to_owned(), None, err.kind()),
        };
        Self {
            file,
            line,
            kind,
            reason: with_causes(err),
        }
    }
}

/// A site's own page.
pub(super) struct Rendered {
    pub(super) document: String,
    /// The first variable that is undefined and was shown as nothing, as Flask
    /// shows it: file, line and name.
    pub(super) undefined: Option<String>,
}

/// Renders the file in `dir` that stands for `page`; `None` if there is none.
///
/// Files it extends or includes may be the site's own or built in.
pub(super) fn render(
    dir: &Path,
    page: &dyn Page,
    context: &Context,
) -> Result<Option<Rendered>, TemplateError> {
    // Most sites have none: then nothing else is looked at.
    if let Err(err) = std::fs::symlink_metadata(dir.join(page.file()))
        && let io::ErrorKind::NotFound | io::ErrorKind::NotADirectory = err.kind()
    {
        return Ok(None);
    }
    let folder = TrustedFolder::find(dir, context.config.euid(), &Anywhere).map_err(|err| {
        TemplateError {
            file: page.file().to_owned(),
            line: None,
            kind: ErrorKind::TemplateNotFound,
            reason: format!("{}: {err}", page.file()),
        }
    })?;
    render_with(page, context, move |name| match read(&folder, name)? {
        Some(source) => Ok(Some(source)),
        None => Ok(built_in(name)),
    })
    .map(Some)
}

/// Renders the built-in source of `page` by this engine.
#[cfg(test)]
pub(super) fn render_source(page: &dyn Page, context: &Context) -> Result<String, TemplateError> {
    render_with(page, context, |name| Ok(built_in(name))).map(|page| page.document)
}

fn built_in(name: &str) -> Option<String> {
    BUILT_IN
        .iter()
        .find(|(file, _)| *file == name)
        .map(|(_, source)| (*source).to_owned())
}

fn render_with(
    page: &dyn Page,
    context: &Context,
    load: impl Fn(&str) -> Result<Option<String>, minijinja::Error> + Send + Sync + 'static,
) -> Result<Rendered, TemplateError> {
    let mut jinja = Environment::new();
    // Whatever a file is called, what a visitor typed is text.
    jinja.set_auto_escape_callback(|_| AutoEscape::Html);
    // Errors name the variable.
    jinja.set_debug(true);
    jinja.set_fuel(Some(FUEL));
    jinja.set_recursion_limit(50);
    jinja.set_loader(load);
    jinja.add_global("t", Value::from_object(&texts::ENGLISH));
    let urls = context.clone();
    jinja.add_function("url_for", move |endpoint: &str, parameters: Kwargs| {
        url_for(&urls, endpoint, &parameters)
    });
    let mut render = |undefined| {
        jinja.set_undefined_behavior(undefined);
        let template = jinja.get_template(page.file())?;
        template.render(page.variables())
    };
    // In a test (`if`) an undefined variable is no mistake.
    let undefined = match render(UndefinedBehavior::SemiStrict) {
        Ok(document) => {
            return Ok(Rendered {
                document,
                undefined: None,
            });
        }
        Err(err) if is_undefined(&err) => with_causes(&err),
        Err(err) => return Err(TemplateError::new(page, &err)),
    };
    match render(UndefinedBehavior::Lenient) {
        Ok(document) => Ok(Rendered {
            document,
            undefined: Some(undefined),
        }),
        Err(err) => Err(TemplateError::new(page, &err)),
    }
}

/// The error and its causes, as far as they are of templates: first the page's,
/// last that of an included file.
fn causes(err: &minijinja::Error) -> impl Iterator<Item = &minijinja::Error> {
    let first: Option<&(dyn std::error::Error + 'static)> = Some(err);
    std::iter::successors(first, |err| err.source()).filter_map(|err| err.downcast_ref())
}

/// Whether the error, perhaps in an included file, is an undefined variable.
fn is_undefined(err: &minijinja::Error) -> bool {
    causes(err).any(|err| err.kind() == ErrorKind::UndefinedError)
}

/// `url_for('login', next='/x')`.
fn url_for(
    context: &Context,
    endpoint: &str,
    parameters: &Kwargs,
) -> Result<String, minijinja::Error> {
    let mut texts = Vec::new();
    for name in parameters.args() {
        let value: Value = parameters.get(name)?;
        texts.push((name, value.to_string()));
    }
    let parameters: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    context
        .url_for(endpoint, &parameters)
        .map_err(|err| minijinja::Error::new(ErrorKind::InvalidOperation, err.to_string()))
}

/// Reads a file below `folder`; `None` if there is none.
fn read(folder: &TrustedFolder, name: &str) -> Result<Option<String>, minijinja::Error> {
    let refused = |reason: String| {
        minijinja::Error::new(ErrorKind::InvalidOperation, format!("{name}: {reason}"))
    };
    let path = Path::new(name);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside || name.contains('\0') {
        return Err(refused("lies outside the folder".to_owned()));
    }
    let opened = folder.open_below(path);
    let Some(file) = opened.map_err(|err| refused(err.reason()))? else {
        return Ok(None);
    };
    let bytes = file
        .read(MAX_FILE)
        .map_err(|err| refused(err.to_string()))?;
    let source = text::decode(&bytes).map_err(|err| {
        let reason = format!("{name}:{}: {err}", err.line());
        minijinja::Error::new(ErrorKind::InvalidOperation, reason)
    })?;
    Ok(Some(source.to_owned()))
}

/// `index.html:3: what is wrong`, and what caused it.
fn with_causes(err: &minijinja::Error) -> String {
    use std::error::Error;
    let mut text = match (err.name(), err.line()) {
        (Some(name), Some(line)) => format!("{name}:{line}: {}", err.kind()),
        (Some(name), None) => format!("{name}: {}", err.kind()),
        _ => err.kind().to_string(),
    };
    if let Some(detail) = err.detail() {
        text.push_str(": ");
        text.push_str(detail);
    }
    let mut cause = err.source();
    while let Some(inner) = cause {
        text.push_str("; ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
