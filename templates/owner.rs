// What owners of a site read in a browser, in English: what is wrong with the settings, the key,
// files and folders, and what to do about it. The texts are written as in en.rs.

owner_texts! {
    // What to do about a failure.
    make_users = "The owner of this site can upload a file add_users.txt to the state folder, with a line NAME:PASSWORD for each user, wait 10 seconds, and open the login page.";
    set_application_root = "The administrator can set APPLICATION_ROOT to the path of the login, for example APPLICATION_ROOT = \"/account\" if the login page is /account/login.";
    hidden_by_proxy = "If you came from this very site, it is behind a proxy that hides its address. The web server's error log has both addresses and what to set.";
    no_folder_to_log_out = "“Log out everywhere” needs a folder, and there is none.";
    template_mistake(file: &str, line: usize, kind: &str) = "The template {file} has a mistake in line {line}: {kind}. The web server's error log has more.";
    template_unreadable(file: &str) = "The template {file} cannot be used. The web server's error log has the reason.";

    // Why no password can be changed.
    users_of_another(owner: &str, user: &str) = "This program runs as the user {user}, but only {owner} can change the users file.";
    users_read_only(mode: u32) = "The users file is read-only (permissions {mode:o}).";

    // Where a mistake in the settings is, and what it is.
    at_place(place: &str, mistake: &str) = "{place}: {mistake}";
    in_environment(variable: &str) = "In the environment (SetEnv or the like), {variable}";
    some_variable = "a variable whose name begins with SIGNET_";
    in_program(line: usize) = "In the program's own settings, line {line}";
    in_file(file: &str) = "In the settings file {file}";
    line_number(line: usize) = ", line {line}";
    setting_name(setting: &str) = ", setting {setting}";
    for_example(line: &str) = " For example: {line}";
    similar_setting(name: &str) = "there is no such setting. Did you mean {name}?";
    no_such_setting = "there is no such setting. deploy/README.md has the list of all settings.";
    not_toml = "this line is not valid TOML";
    utf_16 = "is not UTF-8 but UTF-16, or not text: save the file as UTF-8";
    not_utf_8 = "is not UTF-8 but another encoding, such as Latin-1: save the file as UTF-8";
    exposed_password(mode: u32) = "it has a password, and other users of this computer can read the file. In your FTP program or file manager, set the file's permissions to {mode:o}.";
    secret_in_program = "everybody who can read the program knows this secret. Set it in signet.toml or in the environment.";
    expected_text = "expected text in quotes";
    expected_path = "expected an absolute path, which begins with /";
    expected_bool = "expected true or false";
    expected_proxy = "expected true, false or \"forwarded\"";
    expected_integer(least: u64, most: u64) = "expected a whole number from {least} to {most}";
    expected_list = "expected a list of texts in quotes";
    expected_table = "expected a table of texts in quotes";
    expected_url_prefix = "expected URL paths such as \"/private\": not \"/\", no empty or dot segments, no encoded slash, backslash or control character";
    expected_one_prefix = "expected each URL path once";
    expected_word(list: &str) = "expected {list}";
    or = "or";
    expected_cookie_name(most: usize) = "expected a cookie name: up to {most} letters, digits and !#$%&'*+-.^_`|~";
    expected_host_name = "expected a host name such as example.org (in ASCII, xn-- for other letters)";
    no_ip_address = "expected a host name, not an IP address; without this setting the cookie works there";
    expected_dot = "expected a host name with a dot in it; without this setting the cookie works at one host";
    expected_cookie_path(most: usize) = "expected a path that begins with /, percent-encoded, without ; and dot segments, up to {most} bytes";
    expected_rules = "expected paths with lists of users and @groups";
    expected_rule_path = "expected a path that begins with / and has no empty names and none that begin with a dot";
    write_percent = "write %25 for a percent sign in a path";
    rule_twice = "two rules have the same path; make one of them";
    setting_in_section = "a setting stands below the line in brackets; move it above that line";
    expected_member = "expected the name of a user, or @ and the name of a group";
    expected_root = "expected a path such as \"/\" or \"/app\": no empty or dot segments, no encoded slash, backslash or control character";
    expected_login_url = "expected the path of a page on this host, such as \"/account/login\", without scheme and host";
    expected_languages = "expected one or more of \"en\", \"de\", \"zh\", \"fr\" and \"es\", each once";
    expected_key_prefix(most: usize) = "expected up to {most} bytes without control characters";
    redis_scheme = "expected redis://HOST:PORT/DATABASE or unix:///PATH?db=DATABASE";
    redis_tls(word: &str) = "{word} asks for TLS, which is not supported: use redis:// on a private network or through a tunnel (stunnel), or unix://";
    redis_host = "the address has no valid host name";
    redis_port = "the address has no valid port: expected HOST:PORT";
    redis_path = "the address has no absolute path: expected unix:///PATH";
    redis_database = "the address has no valid database: expected a number, as in redis://HOST/1 or ?db=1";
    redis_login = "the address has a user or password that is not percent-encoded text";
    redis_unescaped = "the address has an @ after a /, ? or #: in a user or password write them as %2F, %3F, %23";
    redis_option(name: &str) = "the address has the option {name:?}, which is not supported: remove it (supported are db, username, password)";
    redis_fragment = "the address has a part after #, which is not supported: remove it";
    two_same_sites = "cannot be set together with SESSION_COOKIE_OMIT_SAMESITE";
    prefix_needs_http_only = "this prefix needs SESSION_COOKIE_HTTPONLY, which is set to false";
    prefix_needs_secure = "this prefix needs SESSION_COOKIE_SECURE, which is set to false";
    host_prefix_with_domain = "the __Host- prefix allows no SESSION_COOKIE_DOMAIN";
    host_prefix_with_path = "the __Host- prefix allows no SESSION_COOKIE_PATH but \"/\"";
    needs_secure = "cannot be false with SESSION_COOKIE_SAMESITE \"None\" or SESSION_COOKIE_PARTITIONED";
    state_dir_in_itself = "the file in the state folder cannot choose the folder. Remove the line; to use another folder, write SetEnv SIGNET_STATE_DIR /home/you/signet in .htaccess";
    guard_outside_cookie = "browsers would not send the cookie of the login to all of these addresses. Set SESSION_COOKIE_PATH = \"/\"";
    guard_above_program = "signet itself is below one of these addresses. Choose one that does not contain the login page. If none does, set APPLICATION_ROOT to the address of signet, without scheme and host";
    rule_outside_guard = "no protected folder has one of these paths. Paths begin with /files, if GUARD_DIR is set, or with a path of GUARD_DIRS";
    group_without_file = "groups, such as @staff, need the setting GROUPS_FILE";
    no_sections = "remove the line in brackets: only settings that are tables have one";
    quote_path = "put the path before the = in straight quotes";
    setting_twice = "this setting stands twice in the file; remove one of the lines";
    write_a_list = "in a list, put each text in straight quotes and a comma between two texts";
    write_equals_sign = "each line is NAME = VALUE, or begins with #";
    write_a_value = "a value is missing after the =";
    write_same_site_none = "write \"None\" in straight quotes; without the line, it is \"Lax\"";
    none_is_default = "to leave the setting at its default, remove the line";
    write_an_integer = "expected a whole number, digits only";
    write_lower_case = "write true or false in lower case";
    write_a_bool = "write true or false";
    write_straight_quotes = "text must be in straight quotes: NAME = \"text\"";
    one_on_each_line = "write one setting on each line; is a quotation mark missing?";
    write_quotes = "text must be in quotes: NAME = \"text\"";
    no_settings_file = "there is no such file. The variable SIGNET_CONFIG or SSL_SIGNET_CONFIG names it.";
    unreadable_settings = "the file cannot be read by the user that the web server runs this program as. If it holds no key or password, set its permissions to 644 in your FTP program or file manager; otherwise ask your host to give it to that user.";

    // What is wrong with the secret key, and what to do about it.
    weak_setting(reason: &str) = "The setting SECRET_KEY {reason}. Put 64 random letters and digits there, or remove the setting: the program then creates a key itself.";
    weak_variable(reason: &str) = "The variable SIGNET_SECRET_KEY {reason}. Replace its value where it is set (in .htaccess: SetEnv SIGNET_SECRET_KEY) by 64 random letters and digits.";
    weak_file(reason: &str, renewal: &str) = "The secret key {reason}. {renewal}";
    marked_key_file = "The file with the secret key begins with a byte order mark. Save it as plain text without one.";
    empty_key = "is empty";
    short_key(bytes: usize, least: usize) = "has {bytes} bytes, fewer than {least}";
    published_key = "is a published example key";
    placeholder_key = "is a placeholder, not a random key";
    path_as_key = "is a path or a URL, not a key (SECRET_KEY_FILE takes a path)";
    pattern_as_key = "is a pattern: a run, a repetition, or few different characters";
    marked_key = "begins with a byte order mark";
    exposed_key = "The settings file holds a secret key, but other users of this computer can read it. In your FTP program or file manager, set the file's permissions to 600.";
    exposed_key_in_script = "The settings script holds a secret key, but other users of this computer can read it. Remove the line SECRET_KEY (the program then creates a key file itself), or set the script's permissions to 700.";
    renew_own_key = "Delete the file secret_key; the program creates a new key at the next visit. (Everybody has to log in again.)";
    renew_named_key = "Write 64 random letters and digits into the file that the setting SECRET_KEY_FILE names, or remove the setting.";
    renew_retired_keys = "Delete the file retired_keys. (Whoever logged in before the key was last replaced has to log in again.)";
    known_key(renewal: &str) = "Other users may know the key by now. To replace it: {renewal}";
    key_file(problem: &str, advice: &str) = "The file with the secret key cannot be used. {problem}. {advice}";
    no_random = "This computer gives no random numbers for a secret key. Ask your host.";

    // Which folder cannot be used.
    secret_key = "its secret key";
    sessions = "its sessions";
    users = "its users";
    groups_missing = "The file of groups that the setting GROUPS_FILE names does not exist. Upload it again, or remove the setting.";
    named_users_missing = "The users file that the setting USERS_FILE names does not exist. Upload it again, or remove the setting.";
    users_missing = "The users file does not exist any more. Upload it again. If nobody needs a password any more, delete the file users.seen in the state folder: then anybody can log in by any name.";
    tried_folders(purpose: &str, list: &str) = "None of the folders that were tried for {purpose} can be used: {list}.";
    named_folder(purpose: &str, setting: &str, problem: &str) = "The folder for {purpose}, which the setting {setting} names, cannot be used. {problem}";
    in_state_directory = "the folder in $STATE_DIRECTORY";
    in_xdg_state_home = "signet in $XDG_STATE_HOME";
    in_home = ".signet in the home folder";
    tried(folder: &str, problem: &str) = "{folder} ({problem})";

    // What is wrong with a file or folder.
    file_problem(name: &str, problem: &str) = "“{name}” {problem}";
    missing = "does not exist";
    of_another_user = "belongs to another user than the one this program runs as";
    writable(mode: u32) = "can be written by other users of this computer (permissions {mode:o})";
    readable(mode: u32) = "can be read by other users of this computer (permissions {mode:o})";
    own_unreadable(mode: u32) = "cannot be read by this program: its permissions ({mode:o}) are too strict";
    unreadable(mode: u32) = "cannot be read by this program: it belongs to another user, and its permissions ({mode:o}) are too strict";
    not_a_folder = "is not a folder";
    not_a_file = "is not a regular file";
    link = "is a symbolic link";
    hard_link = "has a second name (a hard link)";
    file_too_large(limit: usize) = "is larger than {limit} bytes";
    no_locks = "is on a file system without file locks";
    in_use = "is in use by other requests";
    served = "is where the web server shows files to everybody";
    own_files = "holds files of signet itself, which nobody may see";
    temporary = "is in a folder for temporary files, which other users share";
    system = "cannot be read or created";

    // What to do about a file or folder.
    set_permissions(mode: u32) = "In your FTP program or file manager, set its permissions to {mode:o}.";
    set_permissions_or_600(mode: u32) = "In your FTP program or file manager, set its permissions to {mode:o}, or to 600 if it holds a key or password.";
    set_permissions_or_700(mode: u32) = "In your FTP program or file manager, set its permissions to {mode:o}, or to 700 if nobody else has to enter it.";
    move_away = "Move it away.";
    replace_link = "Replace it by the file or folder that it leads to.";
    copy = "Copy it, delete it, and give the copy its name.";
    avoid_locks = "Sessions in files need locks: set SESSION_TYPE = \"cookie\" in signet.toml, or SESSION_FILE_DIR to a folder on another disk.";
    try_again = "Try again in a minute.";
    outside_web = "Choose a folder outside the web folders (beside public_html, not in it).";
    outside_own_files = "In GUARD_DIR or GUARD_DIRS, write a folder outside this one.";
    another_folder = "Choose another folder.";
    or_remove_setting(setting: &str) = "Or remove the setting {setting}.";
    check_folder(folder: &str, user: &str) = "Check that the folder “{folder}” exists, belongs to the user {user} and has permissions 700, and that the disk is not full.";

    // Steps for hosts of several kinds.
    open_again = "Open this page again.";
    key_without_suexec = "If your host runs programs as the web server's user (without suEXEC), give the key in .htaccess:";
    generate_key = "Have a password generator make 64 random letters and digits. They are the key.";
    add_key = "Add this line, with the key in the place of the last word, to the file .htaccess in the folder of the program. Make the file if there is none.";
    protect_key = "Set the permissions of .htaccess to 644. The risk: programs of other sites on this host run as the same user, can read the file, and can then log in here as anybody. With suEXEC they cannot; ask your host for it.";
    sessions_without_suexec = "If your host runs programs as the web server's user (without suEXEC), sessions cannot be kept in files:";
    remove_session_type = "Remove the settings SESSION_TYPE and SESSION_OVERFLOW: sessions are then kept in signed cookies.";
    folder_with_suexec = "If your host runs programs as your own user (with suEXEC), choose a folder:";
    make_folder = "Make a folder signet outside the web folders (beside public_html, not in it), with permissions 700.";
    make_settings = "Make a text file signet.toml in it, with permissions 600 and this line. The path is that of the folder.";
    add_path = "Add this line to the file .htaccess in the folder of the program. Make the file if there is none. The path is that of the text file.";
    folder_of_system = "If you administer this server:";
    make_system_folder = "Make this folder as root. It belongs to the user that runs the program.";
}
