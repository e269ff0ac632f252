// What visitors read in a browser, in German. en.rs says how texts are written; the types of
// places are there only. A length of time, {time}, is in the dative.

texts! {
    templates {
        language = "de";
        direction = "ltr";
        welcome = "Willkommen";
        logged_in_as = ["Angemeldet als ", ""];
        not_logged_in = "Nicht angemeldet";
        you_are_not_logged_in = "Sie sind nicht angemeldet";
        click_to_log_in = "hier klicken, um sich anzumelden";
        click_to_log_out = "hier klicken, um sich abzumelden";
        log_out_everywhere = "Überall abmelden";
        log_in = "Anmelden";
        login_button = "Anmelden";
        your_name = "Ihr Name";
        password = "Passwort";
        stay_logged_in = "Angemeldet bleiben";
        demo_note = "Demo: Jeder Name wird angenommen.";
        log_out = "Abmelden";
        log_out_question = "Abmelden?";
        change_password = "Passwort ändern";
        old_password = "Altes Passwort";
        new_password = "Neues Passwort";
        new_password_again = "Neues Passwort wiederholen";
        password_rule = ["Mindestens ", " beliebige Zeichen."];
        ends_other_logins = "Sie bleiben hier angemeldet. In allen anderen Browsern werden Sie abgemeldet.";
        your_sessions = "Wo Sie angemeldet sind";
        this_browser = "Dieser Browser";
        logged_in_since = ["Angemeldet seit ", ""];
        last_used = ["Zuletzt benutzt: ", ""];
        end_session = "Diese Sitzung beenden";
        end_other_sessions = "Alle anderen Sitzungen beenden";
        most_sessions = ["Die letzten ", " Sitzungen werden angezeigt. Die Schaltfläche darunter beendet auch alle weiteren."];
        back = "zurück";
        to_first_page = "zur Startseite";
        files = "Dateien";
        folders_above = "Übergeordnete Ordner";
        empty_folder = "Dieser Ordner ist leer.";
        pages = "Seiten";
        previous_page = "vorherige";
        next_page = "nächste";
        error_number = ["Fehler ", ", Nummer ", ""];
    }

    // A list of files.
    protected_files = "Dateien";
    column_name = "Name";
    column_size = "Größe";
    column_changed = "Geändert (UTC)";
    decimal(whole, tenth) = "{whole},{tenth}";
    bytes(number) = "{number} B";
    kilobytes(number) = "{number} kB";
    megabytes(number) = "{number} MB";
    gigabytes(number) = "{number} GB";
    terabytes(number) = "{number} TB";
    page_of(number, last) = "Seite {number} von {last}";

    // What came of a click on "Log out everywhere".
    logged_out_everywhere = "Sie sind überall abgemeldet.";
    logged_out_here_only = "Sie sind nur in diesem Browser abgemeldet. In anderen Browsern können Sie im Moment nicht abgemeldet werden.";

    // What came of a change of the password.
    password_changed = "Ihr Passwort wurde geändert. In allen anderen Browsern sind Sie abgemeldet.";
    no_new_password = "Bitte geben Sie Ihr neues Passwort zweimal ein.";
    different_passwords = "Die beiden neuen Passwörter sind verschieden. Bitte geben Sie zweimal dasselbe ein.";
    short_password(number, fewest) = "Das neue Passwort hat nur {number} Zeichen. Bitte verwenden Sie mindestens {fewest}.";
    long_new_password(bytes) = "Das neue Passwort ist zu lang. Bitte verwenden Sie höchstens {bytes} Zeichen, weniger, wenn Umlaute oder andere Zeichen darunter sind, die es im Englischen nicht gibt.";
    common_password = "Das neue Passwort ist eines der häufigsten, die Angreifer zuerst ausprobieren. Bitte wählen Sie ein anderes.";
    name_as_password = "Das neue Passwort ist Ihr Name. Bitte wählen Sie ein anderes.";
    unusable_password = "Das neue Passwort enthält Zeichen, die nicht verwendet werden können.";
    no_password_change = "Ihr Passwort kann hier im Moment nicht geändert werden. Bitte lassen Sie sich von den Betreibern dieser Website ein anderes Passwort geben.";

    // The list of a user's sessions.
    moment(year, month, day, hour, minute) = "{day:02}.{month:02}.{year}, {hour:02}:{minute:02} UTC";
    early_last_use(time) = "Eine Sitzung kann innerhalb von {time} nach der angezeigten letzten Benutzung noch benutzt worden sein.";
    last_change = "Als letzte Benutzung wird die letzte Änderung der Sitzung angezeigt. Die Sitzung kann danach noch benutzt worden sein.";
    session_ended = "Die Sitzung ist beendet.";
    session_gone = "Diese Sitzung war bereits beendet.";
    other_sessions_ended = "Alle anderen Sitzungen sind beendet.";

    // What is wrong with a login.
    no_name = "Bitte geben Sie Ihren Namen ein.";
    no_password = "Bitte geben Sie Ihr Passwort ein.";
    long_password(bytes) = "Dieses Passwort ist zu lang. Passwörter haben höchstens {bytes} Zeichen.";
    wrong_old_password = "Das alte Passwort ist falsch. Achten Sie auf Groß- und Kleinschreibung.";
    wrong_login = "Der Name oder das Passwort ist falsch. Achten Sie auf Groß- und Kleinschreibung.";
    wait_for_login(time) = "Zu viele Anmeldeversuche. Bitte versuchen Sie es in {time} noch einmal.";
    seconds(number) = { 1 => "einer Sekunde", _ => "{number} Sekunden" };
    minutes(number) = { 1 => "einer Minute", _ => "{number} Minuten" };
    hours(number) = { 1 => "einer Stunde", _ => "{number} Stunden" };
    days(number) = { 1 => "einem Tag", _ => "{number} Tagen" };
    two_names = "Das Formular enthielt zwei Namen; bitte geben Sie nur einen ein.";
    long_name(letters) = "Dieser Name ist zu lang. Bitte verwenden Sie höchstens {letters} Zeichen.";
    control_characters = "Dieser Name enthält Zeichen, die nicht verwendet werden können.";

    // The heading of an error page, and one sentence for each status.
    error_heading(status, phrase) = {
        400 => "Ungültige Anfrage",
        401 => "Anmeldung erforderlich",
        403 => "Zugriff verweigert",
        404 => "Seite nicht gefunden",
        405 => "Methode nicht erlaubt",
        408 => "Zeitüberschreitung der Anfrage",
        411 => "Längenangabe fehlt",
        413 => "Anfrage zu groß",
        414 => "Adresse zu lang",
        415 => "Nicht unterstütztes Format",
        500 => "Interner Fehler",
        503 => "Vorübergehend nicht verfügbar",
        _ => "Fehler: {phrase}"
    };
    not_understood = "Die Anfrage konnte nicht verstanden werden.";
    from_another_site = "Die Anfrage kam von einer anderen Website und wurde abgelehnt.";
    no_page = "Unter dieser Adresse gibt es keine Seite.";
    wrong_method = "Diese Seite kann so nicht benutzt werden.";
    too_slow = "Die Anfrage kam nicht rechtzeitig an.";
    no_length = "In der Anfrage stand nicht, wie lang sie ist.";
    request_too_large = "Die Anfrage ist zu groß.";
    address_too_long = "Die Adresse ist zu lang.";
    wrong_form = "Diese Seite kann Formulare nicht lesen, die auf diese Art gesendet werden.";
    refused = "Die Anfrage wurde abgelehnt.";
    went_wrong = "Auf dieser Website ist etwas schiefgegangen.";
    not_ready = "Diese Website ist noch nicht bereit.";

    // Sentences for failures that the status does not tell.
    too_large_for_cookie = "Das ist zu viel für ein Cookie. Es wurde nichts geändert; was vorher gespeichert war, ist noch da.";
    too_large_to_store = "Das ist zu viel, um gespeichert zu werden. Es wurde nichts geändert; was vorher gespeichert war, ist noch da.";
    forbidden(user) = "Sie sind als {user} angemeldet, und dieses Konto darf diese Seite nicht öffnen. Um ein anderes Konto zu benutzen, melden Sie sich zuerst ab. Zugang erhalten Sie von den Betreibern dieser Website.";
    unreadable_file = "Das kann nicht angezeigt werden, weil diese Website es nicht lesen darf.";
    no_file = "Diese Datei kann im Moment nicht angezeigt werden. Bitte versuchen Sie es später noch einmal.";
    out_of_order = "Diese Seite kann im Moment nicht angezeigt werden. Wenn Sie angemeldet waren, sind Sie es noch.";
    no_groups = "Diese Seite kann im Moment nicht angezeigt werden: Diese Website kann ihre Liste der Gruppen nicht lesen. Wenn Sie angemeldet waren, sind Sie es noch.";
    no_users = "Im Moment kann sich niemand anmelden: Diese Website kann ihre Liste der Benutzer nicht lesen. Wenn Sie angemeldet waren, sind Sie es noch.";
    empty_users = "Noch kann sich niemand anmelden: Die Benutzerdatei dieser Website enthält keine Benutzer.";
    nothing_protected = "Diese Seite ist geschützt, aber hier kann sich jeder mit beliebigem Namen anmelden. Deshalb wird sie nicht angezeigt.";
    no_login_address = "Diese Seite ist geschützt, aber ihr Webserver weiß nicht, wo man sich anmeldet.";
    no_sessions = "Diese Website kann im Moment keine Sitzungen speichern.";
    store_unavailable = "Was diese Website über Sie gespeichert hat, ist im Moment nicht erreichbar. Es ist nichts verloren; bitte versuchen Sie es in einer Minute noch einmal.";
}
