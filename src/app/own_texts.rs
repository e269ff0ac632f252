//! A site's own texts in the languages of its pages: `translations/de.toml` and so on, in the
//! state folder. Its templates get them by `_()` and `ngettext()`, as with Flask-Babel.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{ErrorKind, Value};
use toml::de::{DeTable, DeValue};

use crate::files::text::{NotText, decode, line_at};
use crate::files::{FileError, join};
use crate::gateway::Language;
use crate::server::Context;

/// The most bytes of a file.
const MAX_FILE: usize = 256 * 1024;

/// The texts of one language, by those in the templates.
#[derive(Debug)]
pub(super) struct OwnTexts {
    language: Language,
    texts: BTreeMap<String, Translation>,
}

#[derive(Debug)]
enum Translation {
    Text(String),
    /// A text for each form that a number needs in the language.
    Forms(Vec<String>),
}

/// Why a file of texts cannot be used.
#[derive(Debug)]
pub(super) enum OwnTextsError {
    File(FileError),
    Mistake {
        path: PathBuf,
        /// From 1.
        line: usize,
        mistake: Mistake,
    },
}

error_texts! { OwnTextsError:
    Self::File(err) => "{err}";
    Self::Mistake { path, line, mistake } => "{}:{line}: {mistake}", path.display();
}

/// A mistake in a file of texts.
#[derive(Debug)]
pub(super) enum Mistake {
    NotText(NotText),
    /// The parser's reason.
    NotToml(String),
    /// Neither a text nor a list of texts.
    NotATranslation,
    /// The list does not have this many texts.
    Forms(usize),
    /// A place has no name, or no `s` or `d` behind it.
    WrongPlace,
    /// The place with this name is not in the text of the templates.
    UnknownPlace(String),
}

error_texts! { Mistake:
    Self::NotText(err) => "{err}";
    Self::NotToml(reason) =>
        "{reason}; each line is \"text in the template\" = \"its translation\", or begins with #";
    Self::NotATranslation => "expected a text in quotes, or a list of texts";
    Self::Forms(1) => "expected a list of one text: this language has no plural";
    Self::Forms(_) => "expected a list of two texts: for one and for several";
    Self::WrongPlace => "expected places such as %(name)s; write %% for a percent sign";
    Self::UnknownPlace(name) => "the text that this translates has no place %({name})s";
}

impl OwnTexts {
    /// Texts as they are in the templates.
    pub(super) fn none(language: Language) -> Self {
        let texts = BTreeMap::new();
        Self { language, texts }
    }

    /// Reads the texts in this language. If there is no file, there are none.
    ///
    /// # Errors
    ///
    /// A file that cannot be used, or a mistake in it.
    pub(super) fn load(context: &Context, language: Language) -> Result<Self, OwnTextsError> {
        let mut texts = BTreeMap::new();
        if let Ok(folder) = context.config.state_folder() {
            let name = format!("translations/{}.toml", language.tag());
            let opened = folder.open_below(Path::new(&name));
            if let Some(opened) = opened.map_err(OwnTextsError::File)? {
                let path = join(folder.path(), &name);
                let bytes = opened.read(MAX_FILE);
                let bytes = bytes.map_err(|err| OwnTextsError::File(FileError::new(&path, err)))?;
                let mistake = |(line, mistake)| OwnTextsError::Mistake {
                    path,
                    line,
                    mistake,
                };
                texts = parse(&bytes, language).map_err(mistake)?;
            }
        }
        Ok(Self { language, texts })
    }

    /// The variables of a site's own templates: `_` and `ngettext`.
    pub(super) fn variables(self) -> Value {
        let own = Arc::new(self);
        let texts = Arc::clone(&own);
        let gettext = move |text: &str, places: Kwargs| texts.gettext(text, &places);
        let ngettext = move |one: &str, several: &str, number: i64, places: Kwargs| {
            own.ngettext(one, several, number, &places)
        };
        Value::from_pairs([
            ("_", Value::from_function(gettext)),
            ("ngettext", Value::from_function(ngettext)),
        ])
    }

    fn gettext(&self, text: &str, places: &Kwargs) -> Result<String, minijinja::Error> {
        let text = match self.texts.get(text) {
            None => text,
            Some(Translation::Text(translation)) => translation,
            Some(Translation::Forms(_)) => {
                let reason = "the translation is a list, which ngettext() takes";
                return Err(minijinja::Error::new(ErrorKind::InvalidOperation, reason));
            }
        };
        fill(text, places, None)
    }

    fn ngettext(
        &self,
        one: &str,
        several: &str,
        number: i64,
        places: &Kwargs,
    ) -> Result<String, minijinja::Error> {
        let text = match self.texts.get(one) {
            None if number == 1 => one,
            None => several,
            Some(Translation::Text(translation)) => translation,
            Some(Translation::Forms(forms)) => {
                let form = forms.get(form(self.language, number));
                form.map_or(several, String::as_str)
            }
        };
        fill(text, places, Some(number))
    }
}

/// The number of forms that numbers need.
fn forms(language: Language) -> usize {
    match language {
        Language::English | Language::German | Language::French | Language::Spanish => 2,
        Language::Chinese => 1,
    }
}

/// The form that this number needs, from 0: the rules of gettext.
fn form(language: Language, number: i64) -> usize {
    match language {
        Language::English | Language::German | Language::Spanish => usize::from(number != 1),
        Language::French => usize::from(number > 1),
        Language::Chinese => 0,
    }
}

/// Parses a file; the mistake is with its line.
fn parse(
    bytes: &[u8],
    language: Language,
) -> Result<BTreeMap<String, Translation>, (usize, Mistake)> {
    let not_text = |err: NotText| (err.line(), Mistake::NotText(err));
    let text = decode(bytes).map_err(not_text)?;
    let line = |offset| line_at(text.as_bytes(), offset);
    let table = DeTable::parse(text).map_err(|err| {
        let offset = err.span().map_or(0, |span| span.start);
        (line(offset), Mistake::NotToml(err.message().to_owned()))
    })?;
    let mut texts = BTreeMap::new();
    for (key, value) in table.into_inner() {
        let line = line(key.span().start);
        let key = key.into_inner().into_owned();
        let translation = translation(&key, value.into_inner(), language);
        texts.insert(key, translation.map_err(|mistake| (line, mistake))?);
    }
    Ok(texts)
}

/// The translation of a text.
fn translation(text: &str, value: DeValue<'_>, language: Language) -> Result<Translation, Mistake> {
    let check = |translation: &str, number: Option<&str>| {
        for part in Parts(translation) {
            let Part::Place(name) = part.ok_or(Mistake::WrongPlace)? else {
                continue;
            };
            let is_known = Parts(text).any(|part| part == Some(Part::Place(name)));
            if !is_known && number != Some(name) {
                return Err(Mistake::UnknownPlace(name.to_owned()));
            }
        }
        Ok(())
    };
    match value {
        DeValue::String(translation) => {
            check(&translation, None)?;
            Ok(Translation::Text(translation.into_owned()))
        }
        DeValue::Array(items) => {
            let mut texts = Vec::new();
            for item in items {
                let DeValue::String(translation) = item.into_inner() else {
                    return Err(Mistake::NotATranslation);
                };
                check(&translation, Some(NUMBER))?;
                texts.push(translation.into_owned());
            }
            match forms(language) {
                wanted if texts.len() == wanted => Ok(Translation::Forms(texts)),
                wanted => Err(Mistake::Forms(wanted)),
            }
        }
        _ => Err(Mistake::NotATranslation),
    }
}

/// The place for the number of `ngettext`.
const NUMBER: &str = "num";

/// A text with its places filled.
fn fill(text: &str, places: &Kwargs, number: Option<i64>) -> Result<String, minijinja::Error> {
    let mut filled = String::with_capacity(text.len());
    for part in Parts(text) {
        let wrong = || {
            let reason = Mistake::WrongPlace.to_string();
            minijinja::Error::new(ErrorKind::InvalidOperation, reason)
        };
        match (part.ok_or_else(wrong)?, number) {
            (Part::Text(text), _) => filled.push_str(text),
            (Part::Place(NUMBER), Some(number)) if !places.has(NUMBER) => {
                filled.push_str(&number.to_string());
            }
            (Part::Place(name), _) => filled.push_str(&places.get::<Value>(name)?.to_string()),
        }
    }
    Ok(filled)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part<'t> {
    Text(&'t str),
    /// The name of a place.
    Place(&'t str),
}

/// The parts of a text, in the format of Python's `%` for names: `%(name)s`, `%(name)d` and
/// `%%`. A part is `None` if a place has another form.
struct Parts<'t>(&'t str);

impl<'t> Iterator for Parts<'t> {
    type Item = Option<Part<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        if let Some(rest) = text.strip_prefix("%(") {
            let place = rest
                .split_once(')')
                .filter(|(name, rest)| !name.is_empty() && rest.starts_with(['s', 'd']));
            self.0 = place.map_or("", |(_, rest)| &rest[1..]);
            return Some(place.map(|(name, _)| Part::Place(name)));
        }
        let length = match text.strip_prefix('%') {
            // A percent sign alone means itself.
            Some(rest) => {
                self.0 = rest.strip_prefix('%').unwrap_or(rest);
                return Some(Some(Part::Text(&text[..1])));
            }
            None => text.find('%').unwrap_or(text.len()),
        };
        self.0 = &text[length..];
        Some(Some(Part::Text(&text[..length])))
    }
}
