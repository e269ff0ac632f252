// What owners of a site read in a browser, in English: what is wrong with the settings, the key,
// files and folders, and what to do about it. The texts are written as in en.rs.

owner_texts! {
    // What to do about a failure.
    make_users = "The owner of this site can upload a file add_users.txt to the state folder, with a line NAME:PASSWORD for each user, wait 10 seconds, and open the login page.";
    no_users = "The users file has no users";
    cookie_elsewhere = "The setting SESSION_COOKIE_PATH does not cover the address of this page, so that no login would last. Remove the setting, or set SESSION_COOKIE_PATH = \"/\".";
    set_application_root = "The administrator can set APPLICATION_ROOT to the path of the login, for example APPLICATION_ROOT = \"/account\" if the login page is /account/login.";
    hidden_by_proxy = "If you came from this very site, it is behind a proxy that hides its address. The web server's error log has both addresses and what to set.";
    no_folder_to_log_out = "“Log out everywhere” needs a state folder, and there is none.";
    template_mistake(file: &str, line: usize, kind: &str) = "The template {file} has a mistake in line {line}: {kind}. The web server's error log has more.";
    text_mistake(file: &str, line: usize, mistake: &str) = "In the file {file}, line {line}: {mistake}.";
    template_unreadable(file: &str) = "The template {file} cannot be used. The web server's error log has the reason.";

    // Why no password can be changed.
    users_of_another(owner: &str, user: &str) = "This program runs as {user}, but only {owner} can change the users file.";
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
    not_utf_8 = "the value is not UTF-8.";
    exposed_password(mode: u32) = "it has a password, and other users of this computer can read the file. In your FTP program or file manager, set the file's permissions to {mode:o}.";
    secret_in_program = "everybody who can read the program knows this secret. Set it in signet.toml or in the environment.";
    no_settings_file = "there is no such file. The variable SIGNET_CONFIG or SSL_SIGNET_CONFIG names it.";
    unreadable_settings = "the file cannot be read by the user that the web server runs this program as. If it holds no key or password, set its permissions to 644 in your FTP program or file manager; otherwise ask your host to give it to that user.";

    // What is wrong with the secret key, and what to do about it.
    weak_setting(reason: &str) = "The setting SECRET_KEY {reason}. Put 64 random letters and digits there, or remove the setting: the program then creates a key itself.";
    weak_variable(reason: &str) = "The variable SIGNET_SECRET_KEY {reason}. Replace its value where it is set (in .htaccess: SetEnv SIGNET_SECRET_KEY) by 64 random letters and digits.";
    weak_file(reason: &str, renewal: &str) = "The secret key {reason}. {renewal}";
    marked_key_file = "The file with the secret key begins with a byte order mark. Save it as plain text without one.";
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
    served = "is in a folder that the web server serves";
    own_files = "holds files of signet itself, which nobody may see";
    temporary = "is in a folder for temporary files, which other users share";
    system = "cannot be read or created";

    // What to do about a file or folder.
    set_permissions(mode: u32) = "In your FTP program or file manager, set its permissions to {mode:o}.";
    set_permissions_or_600(mode: u32) = "In your FTP program or file manager, set its permissions to {mode:o}, or to 600 if it holds a key or password.";
    set_permissions_or_700(mode: u32) = "In your FTP program or file manager, set its permissions to {mode:o}, or to 700 if nobody else has to enter it.";
    make_missing = "Make it, with permissions 700, or correct the setting that names it.";
    give_folder(user: &str) = "Ask your host to make {user} the owner of this folder, or choose another folder.";
    give_file(user: &str) = "Delete it and upload it again, or ask your host to make {user} the owner of this file.";
    upload_smaller = "Upload a smaller file.";
    upload_corrected = "Correct it and upload it again.";
    move_away = "Move it away.";
    replace_link = "Replace it by the file or folder that it leads to.";
    copy = "Copy it, delete it, and give the copy its name.";
    avoid_locks = "Sessions in files need locks: set SESSION_TYPE = \"cookie\" in signet.toml, or SESSION_FILE_DIR to a folder on another disk.";
    try_again = "Try again in a minute.";
    outside_web = "Choose a folder outside the web folders (beside public_html, not in it).";
    outside_own_files = "In GUARD_DIR or GUARD_DIRS, write a folder outside this one.";
    another_folder = "Choose another folder.";
    or_remove_setting(setting: &str) = "Or remove the setting {setting}.";
    check_folder(folder: &str, user: &str) = "Check that the folder “{folder}” exists, belongs to {user} and has permissions 700, and that the disk is not full.";

    // What the doctor finds: first the subjects.
    subject_version = "Version";
    subject_start = "Start";
    subject_address = "Address";
    subject_connection = "Connection";
    subject_cookies = "Cookies";
    subject_clock = "Clock";
    subject_settings = "Settings";
    subject_state_folder = "State folder";
    subject_key = "Secret key";
    subject_sessions = "Sessions";
    subject_users = "Users";
    subject_pages = "Pages";
    subject_guard = "Protected folders";
    subject_limits = "Limits";
    by_cgi = "by CGI";
    by_fastcgi = "by FastCGI";
    in_a_shell = "in a shell";
    started_as_owner(by: &str, user: &str) = "Started {by} as {user}, who owns the program (as with suEXEC).";
    started_as(by: &str, user: &str) = "Started {by} as {user}.";
    started_as_other(by: &str, user: &str, owner: &str) = "Started {by} as {user}, but the program belongs to {owner}. If other sites on this host run as {user} too, they can read the key, the users and the sessions of this site.";
    started_as_root(by: &str) = "Started {by} as root. A fault in the program would then harm the whole computer.";
    address_by_path(base: &str) = "The site begins at {base}. The web server passes the rest of the path.";
    address_by_query(base: &str) = "The site begins at {base}. The path is in the query (?r=/login), as for hosts that do not pass the rest of the path (PATH_INFO). Links have the same form.";
    address_chosen(base: &str) = "The site begins at {base}, but the web server passes no PATH_INFO. signet takes this path from the requested URL, so a visitor can change it. If your site begins at another path, write that one into the lines below.";
    connection_https = "This page came by HTTPS.";
    connection_local = "This page came by HTTP, from this computer.";
    connection_http = "This page came by HTTP: others on the way can read passwords and cookies.";
    proxy_not_trusted(field: &str) = "The request has {field}, so it probably came through a proxy, but TRUST_PROXY is not set. The program then does not know the address of the visitor, or that the visitor uses HTTPS.";
    proxy_is_silent(field: &str) = "TRUST_PROXY is set, but the request has no {field}. If there is no proxy, visitors can send such a field themselves.";
    secure_by_http = "This page came by HTTP, but SESSION_COOKIE_SECURE is true: browsers do not keep the cookie of a login.";
    cookie_unchecked = "Cookies were not tested yet: click the link.";
    cookie_back = "The browser accepts cookies.";
    cookie_lost = "The browser did not send the test cookie back, so nobody can log in.";
    cookie_dropped(setting: &str, site: &str) = "{setting} does not fit this site ({site}): browsers do not keep the cookie, or do not send it back.";
    clock_now(time: &str) = "The clock of this computer says {time}.";
    clock_before_program(now: &str, program: &str) = "The clock of this computer says {now}. The program is from {program}: the clock is wrong.";
    settings_read(name: &str) = "The settings in {name} were read.";
    settings_default = "There is no settings file: all settings have their defaults.";
    settings_unread = "There is a signet.toml beside the program. It is not read there.";
    debug_is_on = "DEBUG is set: error pages show the error log to everybody.";
    fallback_refused = "A key in SECRET_KEY_FALLBACKS is refused. Sessions that were signed with it have ended.";
    folder_used(name: &str, file_system: &str) = "“{name}” is the state folder (file system: {file_system}).";
    folder_will_be_made(name: &str, file_system: &str) = "“{name}” will be the state folder. The first visit of another page creates it (file system: {file_system}).";
    folder_spare(folder: &str) = "Not needed: {folder}.";
    folder_not_used(folder: &str, problem: &str) = "Not used: {folder}. {problem}.";
    disk_full(bytes: u64, files: u64) = "The disk is full: {bytes} bytes and {files} files are free.";
    disk_full_of_bytes(bytes: u64) = "The disk is full: {bytes} bytes are free.";
    key_in_settings = "The secret key is in the settings.";
    key_in_file(name: &str, mode: u32) = "The secret key is in the file “{name}” (permissions {mode:o}). No other user can read it.";
    key_not_yet = "There is no secret key yet. The first visit of another page creates it.";
    sessions_in_cookie = "Sessions are in signed cookies. Visitors can read what is in theirs.";
    sessions_in_files = "Sessions are in files.";
    sessions_in_redis = "Sessions are in Redis, and it answers.";
    redis_unavailable = "Sessions are in Redis, but it cannot be used. Nobody can log in.";
    users_demo = "There is no users file: anybody can log in by any name, and nothing is protected.";
    users_of_other_login = "LOGIN_URL is set: the other program checks logins, and signet reads no users file.";
    users_in_file(name: &str, count: usize) = "Users in the file “{name}”: {count}.";
    users_line(line: usize, problem: &str) = "Line {line} of the users file: {problem}.";
    users_more_lines(count: usize) = "More lines of the users file with problems: {count}.";
    users_readable(mode: u32) = "Every user of this computer can read the password hashes (permissions {mode:o}).";
    users_unchangeable(reason: &str) = "Users cannot change their passwords here. {reason}";
    unknown_doctor = "DOCTOR_USERS has a name that is not in the users file.";
    pages_built_in = "All pages are built in.";
    pages_own(count: usize) = "Own pages, all of which can be shown: {count}.";
    page_undefined = "A template uses a variable that does not exist. Nothing is shown in its place.";
    no_templates_dir = "The folder that TEMPLATES_DIR names does not exist. The built-in pages are shown.";
    guard_nothing = "No folder is protected.";
    guard_folder(url: &str) = "Only logged-in users see the files below {url}.";
    guard_no_users = "A folder is protected, but there is no users file. So nobody sees the folder.";
    guard_served(url: &str) = "The folder of {url} is inside a folder that the web server serves. Only the web server's configuration (.htaccess) protects it.";
    guard_opened(url: &str, count: usize) = "Everybody can see subfolders of {url}: a .htaccess in them has RewriteEngine Off, or RewriteOptions without InheritDownBefore. Such files: {count}.";
    guard_unsearched(url: &str) = "Not all subfolders of {url} were searched (too many, or not readable). A .htaccess there with RewriteEngine Off or RewriteOptions can make a subfolder public.";
    guard_sent(server: &str) = "{server} sends the files (X_SENDFILE). If it is not configured for that, visitors get empty files and their paths.";
    no_limit = "no limit";
    limits_known(memory: &str, file: &str, seconds: &str) = "Limits of a process: memory in MiB: {memory}; size of a file in MiB: {file}; seconds of processor time: {seconds}.";
    limit_memory(mebibytes: u64) = "A process may use {mebibytes} MiB of memory. That is too little for some requests.";
    limit_file(mebibytes: u64) = "A file may have {mebibytes} MiB. That is too little to count all failed logins.";

    // What to do about a finding.
    ask_for_suexec = "Ask your host whether programs can run as your own user (suEXEC).";
    ask_for_another_user = "Ask the administrator to start the program as another user.";
    ask_for_clock = "Ask your host to set the clock.";
    ask_for_limit = "Ask your host for a higher limit.";
    use_htaccess = "On Apache, upload the .htaccess that comes with the program; on nginx, pass PATH_INFO as nginx-fastcgi.conf does. Then open the page again. If neither is possible, nothing has to be done.";
    add_setting(line: &str) = "Add this line to signet.toml: {line}";
    remove_setting(setting: &str) = "Remove or correct the line {setting} in signet.toml, or where the setting is set otherwise.";
    trust_proxy(line: &str) = "If every request comes through the proxy, add this line to signet.toml: {line}";
    switch_on_https = "Switch on HTTPS in the control panel of your host, and open this page by https://.";
    allow_cookies = "Allow cookies for this site in your browser. If you did, correct the findings about cookies, the connection and the settings first.";
    correct_settings = "Download the file, correct it in an editor for plain text, and upload it again.";
    move_settings = "Move it to the state folder, which must not be a web folder.";
    follow_steps = "Follow the steps for your kind of host.";
    make_room = "Delete files that you do not need, or ask your host for more room.";
    check_redis = "Check SESSION_REDIS, and ask your host whether Redis runs.";
    correct_users = "Upload the users file again, into a folder that no visitor can see.";
    correct_users_line = "Download the users file, correct or remove the line, and upload it again.";
    correct_texts = "Correct the file of texts and upload it again, or remove it: then the texts are shown as in the templates.";
    correct_template = "Correct the template and upload it again, or remove it: then the built-in page is shown.";
    correct_groups = "Upload the file of groups again, outside every web folder.";
    move_guarded = "Move the folder out of the web folders (beside public_html), and set GUARD_DIR or GUARD_DIRS to it. Or upload private.htaccess into it, as .htaccess.";
    close_subfolder = "Download each .htaccess, remove the lines with RewriteEngine and RewriteOptions, and upload it again. Or move the folder out of the web folders (beside public_html), and set GUARD_DIR to it.";
    search_subfolders = "Look at the files .htaccess in the subfolders yourself.";

    // The word in doctor.on.
    wrong_word = "That is not the word in doctor.on.";
    doctor_busy = "Another visitor is loading this page. Please reload it in a second.";
    word_readable = "Paths and log texts are hidden: other users can read the word in doctor.on. Set its permissions to 600, or put it into the state folder.";
    word_served = "Paths and log texts are hidden: doctor.on is in a folder that the web server serves, so visitors may read the word in it. Put it into the state folder.";
    word_weak(problem: &str) = "Paths and log texts are hidden: the word in doctor.on {problem}. Use at least 16 random letters and digits.";
    how_to_see_paths = "Paths and log texts are hidden. To see them, write at least 16 random letters and digits into a file doctor.on in the state folder, set its permissions to 600, and type them here.";

    // The page and the command of the doctor.
    doctor_hint = "Is this your site? Put an empty file doctor.on beside the program or into the state folder, and open this address within an hour. It says what is wrong, and what to do:";
    doctor_is_open = "What is wrong, and what to do:";
    doctor = "Doctor";
    doctor_intro = "What is right and wrong with this site, and what to do next.";
    delete_doctor_on = "The file doctor.on opens this page to everybody for an hour. Delete it when you are done.";
    doctor_word = "The word in doctor.on";
    show_paths = "Show paths and log";
    column_state = "State";
    column_subject = "Subject";
    column_finding = "Finding";
    state_good = "good";
    state_warning = "warning";
    state_wrong = "wrong";
    with_ftp = "With FTP:";
    with_shell = "With a shell:";
    check_cookies = "Check whether cookies come back";
    compare_clock = "Compare this time with your clock.";
    clock_agrees = "The clock of your browser agrees.";
    clock_differs = "It differs from the clock of your browser by";
    seconds_of_difference = "seconds. One of the two is wrong. Sessions and limits need the right time: ask your host to set the clock.";
    open_canaries = "Open each of these addresses in a private window. You must see the login or an error. If the file appears, it is not protected.";
    canaries_hidden = "Your browser tried these addresses without a login: none shows the file.";
    canaries_shown = "Your browser tried these addresses without a login, and one shows the file: the folder is not protected.";

    // Steps for hosts of several kinds.
    pass_path_info = "Or, on nginx, pass PATH_INFO:";
    add_to_location = "Add these lines to the location block of this program, beside fastcgi_pass, and reload nginx.";
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
