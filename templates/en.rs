// What visitors read in a browser, in English. What only owners of a site read is in owner.rs.
//
// A text is `name = "text";`, or `name(place: type) = "text with {place}";`, where {hour:02} has
// two digits. Texts that depend on the first place are `{ 1 => "one", _ => "{number}" }`. A list
// has the text before, between and after what a template puts there. The compiler refuses a text
// that is missing, a place that is unknown, and < > & " in the texts of templates. It warns of a
// text that nothing shows and of a place that is missing.

texts! {
    // Texts of templates, also of a site's own: {{ t.welcome }}, {{ t.logged_in_as[0] }}.
    templates {
        language = "en";
        direction = "ltr";
        welcome = "Welcome";
        logged_in_as = ["Logged in as ", ""];
        not_logged_in = "Not logged in";
        you_are_not_logged_in = "You are not logged in";
        click_to_log_in = "click here to log in";
        click_to_log_out = "click here to log out";
        log_out_everywhere = "Log out everywhere";
        log_in = "Log in";
        login_button = "Login";
        your_name = "Your name";
        password = "Password";
        stay_logged_in = "Stay logged in";
        demo_note = "Demo: any name is accepted.";
        log_out = "Log out";
        log_out_question = "Log out?";
        change_password = "Change password";
        old_password = "Old password";
        new_password = "New password";
        new_password_again = "New password again";
        password_rule = ["At least ", " characters of any kind."];
        ends_other_logins = "You stay logged in here. All other browsers are logged out.";
        your_sessions = "Where you are logged in";
        this_browser = "This browser";
        logged_in_since = ["Logged in since ", ""];
        last_used = ["Last used ", ""];
        end_session = "End this session";
        end_other_sessions = "End all other sessions";
        most_sessions = ["The last ", " sessions are shown. The button below ends all others, too."];
        back = "back";
        to_first_page = "to the first page";
        files = "Files";
        folders_above = "Folders above";
        empty_folder = "This folder is empty.";
        pages = "Pages";
        previous_page = "previous";
        next_page = "next";
        error_number = ["Error ", ", number ", ""];
    }

    // A list of files: the first folder, columns, sizes, and which page of several it is.
    protected_files = "Files";
    column_name = "Name";
    column_size = "Size";
    column_changed = "Changed (UTC)";
    decimal(whole: u64, tenth: u64) = "{whole}.{tenth}";
    bytes(number: &str) = "{number} B";
    kilobytes(number: &str) = "{number} kB";
    megabytes(number: &str) = "{number} MB";
    gigabytes(number: &str) = "{number} GB";
    terabytes(number: &str) = "{number} TB";
    page_of(number: usize, last: usize) = "page {number} of {last}";

    // What came of a click on "Log out everywhere".
    logged_out_everywhere = "You are logged out everywhere.";
    logged_out_here_only = "You are logged out in this browser only. Other browsers could not be logged out at the moment.";

    // What came of a change of the password.
    password_changed = "Your password is changed. All other browsers are logged out.";
    no_new_password = "Please type your new password twice.";
    different_passwords = "The two new passwords differ. Please type the same one twice.";
    short_password(number: usize, fewest: usize) = {
        1 => "The new password has 1 character. Please use at least {fewest}.",
        _ => "The new password has {number} characters. Please use at least {fewest}."
    };
    long_new_password(bytes: usize) = "The new password is too long. Please use at most {bytes} letters, fewer if it has other than English letters, digits and signs.";
    common_password = "The new password is one of the most common ones, which attackers try first. Please use another.";
    name_as_password = "The new password is your name. Please use another.";
    unusable_password = "The new password has characters that cannot be used.";
    no_password_change = "Your password cannot be changed here at the moment. Please ask the owner of this site for another password.";

    // The list of a user's sessions.
    moment(year: i32, month: u8, day: u8, hour: u8, minute: u8) = "{year}-{month:02}-{day:02}, {hour:02}:{minute:02} UTC";
    early_last_use(time: &str) = "A session may have been used up to {time} later than its last use says.";
    last_change = "The last use is the last change of a session. It may have been used later.";
    session_ended = "The session has ended.";
    session_gone = "That session had ended before.";
    other_sessions_ended = "All other sessions have ended.";

    // What is wrong with a login.
    no_name = "Please type your name.";
    no_password = "Please type your password.";
    long_password(bytes: usize) = "That password is too long. Passwords have at most {bytes} letters.";
    wrong_old_password = "The old password is wrong. Upper and lower case matter.";
    wrong_login = "The name or the password is wrong. Upper and lower case matter.";
    wait_for_login(time: &str) = "Too many attempts to log in. Please try again in {time}.";
    seconds(number: u64) = { 1 => "a second", _ => "{number} seconds" };
    minutes(number: u64) = { 1 => "a minute", _ => "{number} minutes" };
    hours(number: u64) = { 1 => "an hour", _ => "{number} hours" };
    days(number: u64) = { 1 => "a day", _ => "{number} days" };
    two_names = "The form had two names; please type one.";
    long_name(letters: usize) = "That name is too long. Please use at most {letters} letters.";
    control_characters = "That name has characters that cannot be used.";

    // The heading of an error page, and one sentence for each status.
    error_heading(_status: u16, phrase: &str) = "{phrase}";
    not_understood = "The request could not be understood.";
    from_another_site = "The request came from another site and was refused.";
    no_page = "There is no page at this address.";
    wrong_method = "This page cannot be used that way.";
    too_slow = "The request did not arrive in time.";
    no_length = "The request did not say how long it is.";
    request_too_large = "The request is too large.";
    address_too_long = "The address is too long.";
    wrong_form = "The form was sent in a way this page does not read.";
    refused = "The request was refused.";
    went_wrong = "Something went wrong on this site.";
    not_ready = "This site is not ready yet.";

    // Sentences for failures that the status does not tell.
    too_large_for_cookie = "This is too much to keep in a cookie. Nothing was changed; what was stored before is still there.";
    too_large_to_store = "This is too much to keep. Nothing was changed; what was stored before is still there.";
    forbidden(user: &str) = "You are logged in as {user}, and this account may not open this page. To use another account, log out first. To get access, ask the owner of this site.";
    unreadable_file = "This cannot be shown, because this site may not read it.";
    no_file = "This file cannot be shown at the moment. Please try again later.";
    out_of_order = "This page cannot be shown at the moment. If you were logged in, you still are.";
    no_groups = "This page cannot be shown at the moment: this site cannot read its list of groups. If you were logged in, you still are.";
    no_users = "Nobody can log in at the moment: this site cannot read its list of users. If you were logged in, you still are.";
    empty_users = "Nobody can log in yet: the users file of this site has no users.";
    nothing_protected = "This page is protected, but anybody can log in here by any name. So it is not shown.";
    no_login_address = "This page is protected, but its web server does not know where to log in.";
    no_sessions = "This site cannot keep sessions at the moment.";
    store_unavailable = "What this site remembers about you cannot be reached at the moment. Nothing is lost; please try again in a minute.";
}
