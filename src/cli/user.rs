//! `signet user`: the users file.

use std::os::unix::fs::MetadataExt;

use super::site::{self, Subject};
use super::{Failure, count, note, print};
use super::{rules, terminal};
use crate::config::Config;
use crate::files::shared::{Content, Patience, SharedFile};
use crate::gateway::ProcessInput;
use crate::users::file::{Entry, UsersFile};
use crate::users::hash::PasswordHash;
use crate::users::name::Username;
use crate::users::new_password::check_new;
use crate::users::password::Password;
use crate::users::store::{self, StoreError};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a user
    ///
    /// Asks twice for the password: at least 8 characters, and none of the most common
    /// passwords. The users file is created, mode 0600, if it does not
    /// exist: from then on only its users can log in.
    Add(Named),
    /// Give a user another password
    ///
    /// Asks twice for it: at least 8 characters, and none of the most common passwords.
    Passwd(Named),
    /// Remove a user
    Remove {
        /// The user's name
        #[arg(value_parser = Username::new)]
        name: Username,
    },
    /// List the users
    ///
    /// One line for each: the name, and the kind and cost of the hash. A weak hash is
    /// replaced when its user changes the password; a refused one lets nobody log in.
    List,
    /// Check the users file and the rules of who may open what, or a user's password
    Check {
        /// Check this user's password; without a name, report all problems
        #[arg(value_parser = Username::new)]
        name: Option<Username>,
        /// Read the password from standard input
        #[arg(long, requires = "name")]
        stdin: bool,
    },
}

/// The user of a command, and where the password comes from.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The user's name: upper and lower case differ; no colon
    #[arg(value_parser = Username::new)]
    name: Username,
    /// Read the password from standard input
    #[arg(long)]
    stdin: bool,
}

pub(super) fn run(command: Command, input: &ProcessInput) -> Result<(), Failure> {
    let config = site::settings(input, Subject::Users)?;
    let file = file(&config)?;
    match command {
        Command::Add(user) => add(&file, &user),
        Command::Passwd(user) => change(&file, &user),
        Command::Remove { name } => remove(&file, &name),
        Command::List => list(&file),
        Command::Check { name: None, .. } => check(&file, &config),
        Command::Check {
            name: Some(name),
            stdin,
        } => verify(&file, &name, stdin),
    }
}

fn file(config: &Config) -> Result<SharedFile, Failure> {
    config.users_file().map_err(Failure::new)
}

/// What is in the file.
///
/// # Errors
///
/// It cannot be read, or does not exist.
fn read(file: &SharedFile) -> Result<Content, Failure> {
    let content = store::read(file).map_err(Failure::new)?;
    content.ok_or_else(|| {
        Failure::new(format_args!("{} does not exist", file.path().display()))
            .hint("signet user add NAME creates it")
    })
}

fn failure(err: StoreError) -> Failure {
    let failure = Failure::new(&err);
    match err {
        StoreError::Exists { .. } => {
            failure.hint("signet user passwd NAME gives a user another password")
        }
        StoreError::Unknown { .. } => failure.hint("signet user list shows the names"),
        StoreError::Change(_) | StoreError::Edit(_) | StoreError::Superseded { .. } => failure,
    }
}

/// The user of this name.
fn find(content: &Content, name: &Username) -> Result<Entry, Failure> {
    let unknown = || failure(StoreError::Unknown { name: name.clone() });
    UsersFile::find_in(&content.bytes, name.as_str()).ok_or_else(unknown)
}

/// Asks twice for a new password, or reads it from standard input.
fn new_password(from_stdin: bool) -> Result<Password, Failure> {
    if from_stdin {
        return terminal::from_stdin();
    }
    let password = terminal::ask("New password")?;
    let again = terminal::ask("The same again")?;
    match password.as_typed() == again.as_typed() {
        true => Ok(password),
        false => Err(Failure::new(
            "the two passwords differ; nothing was changed",
        )),
    }
}

fn new_hash(user: &Named) -> Result<PasswordHash, Failure> {
    let password = new_password(user.stdin)?;
    check_new(&password, user.name.as_str())
        .map_err(|err| Failure::new(format_args!("{err}; nothing was changed")))?;
    PasswordHash::make(&password).map_err(Failure::new)
}

fn add(file: &SharedFile, user: &Named) -> Result<(), Failure> {
    let name = &user.name;
    // Before anybody types a password.
    file.check_changeable(Patience::Long, 0)
        .map_err(Failure::new)?;
    let content = store::read(file).map_err(Failure::new)?;
    if let Some(content) = &content
        && let Some(other) = UsersFile::find_in(&content.bytes, name.as_str())
    {
        let (name, line) = (name.clone(), other.line);
        return Err(failure(StoreError::Exists { name, line }));
    }
    store::add(file, name, &new_hash(user)?).map_err(failure)?;
    let path = file.path().display();
    note(match content {
        Some(_) => format!("added {:?} to {path}", name.as_str()),
        None => format!("created {path} with the user {:?}", name.as_str()),
    });
    Ok(())
}

fn change(file: &SharedFile, user: &Named) -> Result<(), Failure> {
    let name = &user.name;
    file.check_changeable(Patience::Long, 0)
        .map_err(Failure::new)?;
    find(&read(file)?, name)?;
    let hash = new_hash(user)?;
    store::change(file, Patience::Long, name, &hash).map_err(failure)?;
    note(format_args!("changed the password of {:?}", name.as_str()));
    Ok(())
}

fn remove(file: &SharedFile, name: &Username) -> Result<(), Failure> {
    read(file)?;
    store::remove(file, name).map_err(failure)?;
    let path = file.path().display();
    note(format_args!("removed {:?} from {path}", name.as_str()));
    Ok(())
}

fn list(file: &SharedFile) -> Result<(), Failure> {
    let users = UsersFile::parse(&read(file)?.bytes);
    let names: Vec<String> = users
        .users()
        .map(|user| user.name.as_str().escape_debug().to_string())
        .collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (name, user) in names.iter().zip(users.users()) {
        let hash = match &user.hash {
            Ok(hash) if hash.is_weak() => format!("{} (weak)", hash.work()),
            Ok(hash) => hash.work().to_string(),
            Err(refused) => format!("refused: {refused}"),
        };
        text.push_str(&format!("{name:width$}  {hash}\n"));
    }
    print(text.as_bytes())?;
    note(count(names.len(), "user"));
    Ok(())
}

/// Reports all problems of the file and of the rules of who may open what.
fn check(file: &SharedFile, config: &Config) -> Result<(), Failure> {
    let content = read(file)?;
    let (users, path) = (UsersFile::parse(&content.bytes), file.path().display());
    for problem in users.problems() {
        note(format_args!("{path}: {problem}"));
    }
    for user in users.users() {
        if let Ok(hash) = &user.hash
            && hash.is_weak()
        {
            note(format_args!(
                "{path}: line {}: {} is weak; it is replaced when the user changes the password",
                user.line,
                hash.work(),
            ));
        }
    }
    let mode = content.meta.mode();
    if mode & 0o004 != 0 {
        note(format_args!(
            "{path}: every user of this machine can read the hashes (mode {:04o}): chmod 640, or \
             600 if no other program uses the file",
            mode & 0o7777
        ));
    }
    if config.password_change
        && let Err(err) = file.check_changeable(Patience::Long, 0)
    {
        note(format_args!(
            "users cannot change their passwords at /password: {err}; PASSWORD_CHANGE = false \
             removes the page"
        ));
    }
    let of_rules = rules::problems(config, &users);
    for problem in &of_rules {
        note(problem);
    }
    match users.problems().len() + users.more_problems() + of_rules.len() {
        0 => {
            let users = count(users.users().len(), "user");
            print(format!("{path} is good: {users}\n").as_bytes())
        }
        problems => Err(Failure::new(count(problems, "problem"))),
    }
}

/// Whether a password is the user's.
fn verify(file: &SharedFile, name: &Username, from_stdin: bool) -> Result<(), Failure> {
    let user = find(&read(file)?, name)?;
    let refused = |err| {
        let (path, line) = (file.path().display(), user.line);
        Failure::new(format_args!("{path}: line {line}: {err}"))
    };
    let hash = user.hash.as_ref().map_err(refused)?;
    let password = match from_stdin {
        true => terminal::from_stdin()?,
        false => terminal::ask("Password")?,
    };
    match hash.verify(&password).map_err(Failure::new)? {
        true => print(format!("this is the password of {:?}\n", name.as_str()).as_bytes()),
        false => Err(Failure::new(format_args!(
            "this is not the password of {:?}",
            name.as_str()
        ))),
    }
}
