//! `GUARD_USERS`: which users and groups may open which paths.

use percent_encoding::percent_decode_str;

/// A user or a group in a rule: `alice`, or `@staff`, as in sudoers and in the access
/// files of Subversion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Member {
    /// A user's name.
    User(String),
    /// The name of a group of `GROUPS_FILE`, without the `@`.
    Group(String),
}

impl Member {
    /// Reads a name of a rule; `None` if it is empty or contains a control character.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, kind): (&str, fn(String) -> Self) = match text.strip_prefix('@') {
            Some(group) => (group, Self::Group),
            None => (text, Self::User),
        };
        let is_name = !name.is_empty() && !name.contains(char::is_control);
        is_name.then(|| kind(name.to_owned()))
    }

    /// As it is written in a rule.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::User(name) => name.clone(),
            Self::Group(name) => format!("@{name}"),
        }
    }
}

/// Who may open a path and everything below it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessRule {
    /// The path as it is written in the settings.
    pub path: String,
    /// The path's names, percent-decoded.
    names: Vec<Vec<u8>>,
    /// Who may open it; nobody if there are none.
    pub members: Vec<Member>,
}

/// Why a rule of `GUARD_USERS` is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AccessRuleError {
    /// The setting is not a table of lists.
    NotATable,
    /// The path does not begin with a slash, or cannot be the path of a file that is
    /// shown.
    Path,
    /// It has a `%` that does not begin a percent-encoded byte.
    Percent,
    /// Another rule has the same path.
    Twice,
    /// A member is empty or contains a control character.
    Member,
}

error_texts! { AccessRuleError:
    Self::NotATable => "expected a table of paths, each with a list of users and @groups";
    Self::Path =>
        "expected a path that begins with / and has no empty names and none that begin with a dot";
    Self::Percent => "write %25 for a percent sign in a path";
    Self::Twice => "two rules have the same path; make one of them";
    Self::Member => "expected the name of a user, or @ and the name of a group";
}

impl AccessRule {
    /// Whether it is for the path of these names, for one above it or one below it.
    pub fn meets(&self, names: &[&[u8]]) -> bool {
        self.names.iter().zip(names).all(|(a, b)| a == b)
    }

    fn parse(path: &str, members: &[&str]) -> Result<Self, AccessRuleError> {
        let relative = path.strip_prefix('/').ok_or(AccessRuleError::Path)?;
        let relative = relative.strip_suffix('/').unwrap_or(relative);
        let names: Result<_, _> = match relative {
            "" => Ok(Vec::new()),
            relative => relative.split('/').map(decoded).collect(),
        };
        let members = members.iter().map(|text| Member::parse(text));
        Ok(Self {
            path: path.to_owned(),
            names: names?,
            members: members
                .collect::<Option<_>>()
                .ok_or(AccessRuleError::Member)?,
        })
    }
}

/// A name in a path, percent-decoded.
fn decoded(name: &str) -> Result<Vec<u8>, AccessRuleError> {
    let mut escapes = name.split('%').skip(1);
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(is_escape) {
        return Err(AccessRuleError::Percent);
    }
    let name: Vec<u8> = percent_decode_str(name).collect();
    match name.is_empty() || name.starts_with(b".") || name.contains(&b'/') || name.contains(&0) {
        true => Err(AccessRuleError::Path),
        false => Ok(name),
    }
}

/// The rules of `GUARD_USERS`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccessRules(Vec<AccessRule>);

impl AccessRules {
    /// Reads paths with their members.
    ///
    /// # Errors
    ///
    /// Every [`AccessRuleError`], with the path of the rule.
    pub fn parse<'t>(table: &[(&'t str, Vec<&str>)]) -> Result<Self, (AccessRuleError, &'t str)> {
        let mut rules: Vec<AccessRule> = Vec::new();
        for (path, members) in table {
            let rule = AccessRule::parse(path, members).and_then(|rule| {
                match rules.iter().any(|other| other.names == rule.names) {
                    true => Err(AccessRuleError::Twice),
                    false => Ok(rule),
                }
            });
            rules.push(rule.map_err(|err| (err, *path))?);
        }
        Ok(Self(rules))
    }

    /// The rule for the path of these names, decoded: that with the longest path which is
    /// this path or a folder above it. `None`: every user may open it.
    pub fn find(&self, names: &[&[u8]]) -> Option<&AccessRule> {
        let applies = |rule: &&AccessRule| {
            rule.names.len() <= names.len() && rule.names.iter().zip(names).all(|(a, b)| a == b)
        };
        let rules = self.0.iter().filter(applies);
        rules.max_by_key(|rule| rule.names.len())
    }

    /// All rules, in the order of their paths.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &AccessRule> {
        self.0.iter()
    }
}
