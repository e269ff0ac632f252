//! Jinja templates: those of the program, and those of a site's owner in
//! `TEMPLATES_DIR`, which replace them. Both have a Flask-like `url_for`.

use std::io;
use std::path::{Component, Path};

use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use super::context::Context;
use super::failure::Error;
use super::reply::{escape, html};
use super::{Request, Response};
use crate::files::trusted::{Anywhere, TrustedFolder};
use crate::files::{join, text};
use crate::gateway::log;

/// Bytes of one file.
const MAX_FILE: usize = 1024 * 1024;

/// The limit of a page: template instructions, and pieces of text that they write. It
/// ends endless loops, and keeps a text that grows well below 64 MiB, the memory limit
/// of some hosts.
const FUEL: u64 = 500_000;

/// Why a template could not be rendered.
#[derive(Debug)]
pub(crate) struct TemplateError {
    /// The template with the mistake, which the page may include.
    pub(crate) file: String,
    /// From 1; `None` if the complete file cannot be used.
    pub(crate) line: Option<usize>,
    pub(crate) kind: ErrorKind,
    /// For the log only.
    reason: String,
}

error_texts! { TemplateError:
    Self { reason, .. } => "{reason}";
}

impl TemplateError {
    fn new(file: &str, err: &minijinja::Error) -> Self {
        let place =
            |err: &minijinja::Error| Some((err.name()?.to_owned(), err.line()?, err.kind()));
        let innermost = causes(err).filter_map(place).last();
        let (file, line, kind) = match innermost {
            Some((file, line, kind)) => (file, Some(line), kind),
            None => (file.to_owned(), None, err.kind()),
        };
        Self {
            file,
            line,
            kind,
            reason: with_causes(err),
        }
    }
}

/// Renders a Jinja template as a page, as Flask's `render_template` does.
///
/// The template is the file `file` in the owner's `TEMPLATES_DIR`, if it exists;
/// otherwise the template of this name from [`Server::templates`]. Files that it
/// extends or includes are found in the same way. Values are escaped for HTML, whatever
/// the file is called. `url_for('show', id=7)` calls [`url_for`](super::url_for).
/// `{{ value|tojson }}` is JSON for a script or for an attribute in single quotes, as in
/// Flask. Flask's `request`, `session` and `get_flashed_messages` are not there: pass what a
/// template needs as variables. A file in `TEMPLATES_DIR` has at most 1 MiB. A page that needs
/// more than 500 000 instructions of the template engine is an error with status 500.
///
/// The variables are those of [`context!`](crate::context), or the fields of a struct or
/// the keys of a map that serde can serialize. Values can be lists and structs, too:
///
/// ```
/// use signet::{Error, Request, Response, Server, Session, context, render};
///
/// #[derive(serde::Serialize)]
/// struct Note {
///     title: &'static str,
///     done: bool,
/// }
///
/// fn list(request: &Request, session: &mut Session) -> Result<Response, Error> {
///     let notes = vec![Note { title: "Milk & honey", done: true }];
///     let flashes = session.take_flashes();
///     render(request, "notes.html", context! { notes, flashes, title => "Notes" })
/// }
///
/// let server = Server::named("notes")
///     .templates(&[(
///         "notes.html",
///         "<h1>{{ title }}</h1>\
///          {% for flash in flashes %}<p>{{ flash.message }}</p>{% endfor %}\
///          {% for note in notes %}<li>{{ note.title }}{% if note.done %}: done{% endif %}{% endfor %}",
///     )])
///     .get("/", list);
/// let page = signet::testing::Client::new(&server).get("/");
/// assert_eq!(page.text(), "<h1>Notes</h1><li>Milk &amp; honey: done");
/// ```
///
/// An undefined variable is rendered as nothing, as in Flask; the log names file, line
/// and variable.
///
/// # Errors
///
/// Status 500 if there is no such template, if it contains a mistake, or if a variable
/// cannot be serialized. The log names file and line.
///
/// [`Server::templates`]: super::Server::templates
#[doc(alias = "render_template")]
pub fn render(request: &Request, file: &str, variables: impl Serialize) -> Result<Response, Error> {
    render_in(Context::of(request), file, variables)
}

/// As [`render`], for the request of this context.
pub(super) fn render_in(
    context: &Context,
    file: &str,
    variables: impl Serialize,
) -> Result<Response, Error> {
    render_value(context, file, Value::from(Serde(variables)))
}

fn render_value(context: &Context, file: &str, variables: Value) -> Result<Response, Error> {
    let own = own_folder(context, file, "")?;
    let rendered = render_from(own, context, file, &variables)?;
    Ok(html(shown(context, rendered)))
}

/// Variables for [`render`]: names, and values of any type that serde can serialize.
/// `name` alone is short for `name => name`.
///
/// ```
/// let visitor = "Ada";
/// let variables = signet::context! {
///     visitor,
///     scores => vec![3, 5, 8],
///     best => signet::context! { score => 8, day => "Monday" },
/// };
/// ```
#[macro_export]
macro_rules! context {
    ($($name:ident $(=> $value:expr)?),* $(,)?) => {
        $crate::Variables::new([
            $((stringify!($name), $crate::Variables::value(&$crate::context!(@ $name $($value)?)))),*
        ])
    };
    (@ $name:ident) => { $name };
    (@ $name:ident $value:expr) => { $value };
}

/// The variables that [`context!`](crate::context) makes.
#[derive(Clone, Debug)]
pub struct Variables(Value);

impl Variables {
    #[doc(hidden)]
    pub fn new<const N: usize>(variables: [(&'static str, Value); N]) -> Self {
        Self(Value::from_pairs(variables))
    }

    #[doc(hidden)]
    pub fn value(value: &(impl Serialize + ?Sized)) -> Value {
        Value::from(Serde(value))
    }
}

impl Serialize for Variables {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Renders the owner's file that replaces a template of the program; `None` if there
/// is no such file.
///
/// # Errors
///
/// The file cannot be rendered, or there are no variables. The program's own template is not
/// used instead, so that the owner sees the mistake.
pub(crate) fn render_own(
    context: &Context,
    file: &str,
    variables: impl FnOnce() -> Result<Value, Error>,
) -> Result<Option<String>, Error> {
    let own = own_folder(context, file, file)?;
    if own.is_none() {
        return Ok(None);
    }
    let rendered = render_from(own, context, file, &variables()?)?;
    Ok(Some(shown(context, rendered)))
}

/// As [`render_own`], but an undefined variable is returned and not logged.
///
/// # Errors
///
/// The file cannot be rendered.
#[cfg(feature = "program")]
pub(crate) fn render_own_from(
    context: &Context,
    file: &str,
    variables: &Value,
) -> Result<Option<Rendered>, TemplateError> {
    match own_folder(context, file, file)? {
        None => Ok(None),
        own => render_from(own, context, file, variables).map(Some),
    }
}

/// The owner's folder of templates; `None` if it does not exist, or does not have `name`.
/// Most sites have no such folder: then nothing else is checked.
fn own_folder(
    context: &Context,
    file: &str,
    name: &str,
) -> Result<Option<TrustedFolder>, TemplateError> {
    if let Some(dir) = context.config.missing_templates_dir() {
        log(format_args!(
            "TEMPLATES_DIR {} is not a folder; the built-in pages are shown",
            dir.display()
        ));
    }
    let Some(dir) = context.config.templates_dir() else {
        return Ok(None);
    };
    if let Err(err) = std::fs::symlink_metadata(join(&dir, name))
        && let io::ErrorKind::NotFound | io::ErrorKind::NotADirectory = err.kind()
    {
        return Ok(None);
    }
    let folder = TrustedFolder::find(&dir, context.config.euid(), &Anywhere);
    folder.map(Some).map_err(|err| TemplateError {
        file: file.to_owned(),
        line: None,
        kind: ErrorKind::TemplateNotFound,
        reason: format!("{file}: {err}"),
    })
}

/// The document. An undefined variable is logged and, with `DEBUG`, named at its end.
fn shown(context: &Context, rendered: Rendered) -> String {
    let mut document = rendered.document;
    if let Some(undefined) = rendered.undefined {
        let note = format!("{undefined}; nothing is shown in its place");
        log(&note);
        if context.config.debug {
            document.push_str(&format!("\n<pre>{}</pre>\n", escape(&note)));
        }
    }
    document
}

/// A template as a document.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) document: String,
    /// The first undefined variable, which was rendered as nothing, as in Flask: file,
    /// line and name.
    pub(crate) undefined: Option<String>,
}

/// Renders a template, and each that it includes: from the owner's folder `own`, or, if
/// that does not have it, from the templates of the program.
pub(crate) fn render_from(
    own: Option<TrustedFolder>,
    context: &Context,
    file: &str,
    variables: &Value,
) -> Result<Rendered, TemplateError> {
    let mut jinja = Environment::new();
    // HTML is escaped whatever the name of a file is: values can be a visitor's input.
    jinja.set_auto_escape_callback(|_| AutoEscape::Html);
    // Errors name the variable.
    jinja.set_debug(true);
    jinja.set_fuel(Some(FUEL));
    jinja.set_recursion_limit(50);
    let of_program = context.templates;
    jinja.set_loader(move |name| {
        let own = own.as_ref().map(|folder| read(folder, name)).transpose()?;
        let find = || of_program.iter().find(|(file, _)| *file == name);
        Ok(own.flatten().or_else(|| Some(find()?.1.to_owned())))
    });
    let urls = context.clone();
    jinja.add_function("url_for", move |endpoint: &str, parameters: Kwargs| {
        url_for(&urls, endpoint, &parameters)
    });
    let mut render = |undefined| {
        jinja.set_undefined_behavior(undefined);
        jinja.get_template(file)?.render(variables)
    };
    // In `if`, an undefined variable is not a mistake.
    let undefined = match render(UndefinedBehavior::SemiStrict) {
        Ok(document) => {
            return Ok(Rendered {
                document,
                undefined: None,
            });
        }
        Err(err) if is_undefined(&err) => with_causes(&err),
        Err(err) => return Err(TemplateError::new(file, &err)),
    };
    match render(UndefinedBehavior::Lenient) {
        Ok(document) => Ok(Rendered {
            document,
            undefined: Some(undefined),
        }),
        Err(err) => Err(TemplateError::new(file, &err)),
    }
}

/// The error and those of its causes that are errors of templates: first that of the
/// page, last that of an included file.
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

/// The error as `index.html:3: reason`, and its causes.
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
