// What visitors read in a browser, in Spanish. en.rs says how texts are written; the types of
// places are there only.

texts! {
    templates {
        language = "es";
        direction = "ltr";
        welcome = "Le damos la bienvenida";
        logged_in_as = ["Sesión iniciada como ", ""];
        not_logged_in = "Sesión no iniciada";
        you_are_not_logged_in = "No ha iniciado sesión";
        click_to_log_in = "haga clic aquí para iniciar sesión";
        click_to_log_out = "haga clic aquí para cerrar sesión";
        log_out_everywhere = "Cerrar sesión en todas partes";
        log_in = "Iniciar sesión";
        login_button = "Iniciar sesión";
        your_name = "Su nombre";
        password = "Contraseña";
        stay_logged_in = "Mantener la sesión iniciada";
        demo_note = "Demostración: se acepta cualquier nombre.";
        log_out = "Cerrar sesión";
        log_out_question = "¿Cerrar sesión?";
        change_password = "Cambiar contraseña";
        old_password = "Contraseña antigua";
        new_password = "Contraseña nueva";
        new_password_again = "Repita la contraseña nueva";
        password_rule = ["Al menos ", " caracteres de cualquier tipo."];
        ends_other_logins = "Aquí la sesión sigue iniciada. En los demás navegadores se cerrará.";
        your_sessions = "Sus sesiones iniciadas";
        this_browser = "Este navegador";
        logged_in_since = ["Sesión iniciada el ", ""];
        last_used = ["Último uso el ", ""];
        end_session = "Cerrar esta sesión";
        end_other_sessions = "Cerrar todas las demás sesiones";
        most_sessions = ["Se muestran las últimas ", " sesiones. El botón de abajo cierra también todas las demás."];
        back = "volver";
        to_first_page = "a la página de inicio";
        files = "Archivos";
        folders_above = "Carpetas superiores";
        empty_folder = "Esta carpeta está vacía.";
        pages = "Páginas";
        previous_page = "anterior";
        next_page = "siguiente";
        error_number = ["Error ", ", número ", ""];
    }

    // A list of files.
    protected_files = "Archivos";
    column_name = "Nombre";
    column_size = "Tamaño";
    column_changed = "Modificado (UTC)";
    decimal(whole, tenth) = "{whole},{tenth}";
    bytes(number) = "{number} B";
    kilobytes(number) = "{number} kB";
    megabytes(number) = "{number} MB";
    gigabytes(number) = "{number} GB";
    terabytes(number) = "{number} TB";
    page_of(number, last) = "página {number} de {last}";

    // What came of a click on "Log out everywhere".
    logged_out_everywhere = "Se ha cerrado la sesión en todas partes.";
    logged_out_here_only = "Se ha cerrado la sesión solo en este navegador. En este momento no se puede cerrar en los demás.";

    // What came of a change of the password.
    password_changed = "Se ha cambiado su contraseña. Se ha cerrado la sesión en los demás navegadores.";
    no_new_password = "Escriba su contraseña nueva dos veces.";
    different_passwords = "Las dos contraseñas nuevas son distintas. Escriba dos veces la misma.";
    short_password(number, fewest) = {
        1 => "La contraseña nueva tiene 1 carácter. Use al menos {fewest}.",
        _ => "La contraseña nueva tiene {number} caracteres. Use al menos {fewest}."
    };
    long_new_password(bytes) = "La contraseña nueva es demasiado larga. Use como máximo {bytes} caracteres, o menos si contiene letras con tilde, eñes u otros caracteres que no existen en inglés.";
    common_password = "La contraseña nueva es una de las más comunes, que los atacantes prueban primero. Use otra.";
    name_as_password = "La contraseña nueva es su nombre. Use otra.";
    unusable_password = "La contraseña nueva tiene caracteres que no se pueden usar.";
    no_password_change = "En este momento no se puede cambiar aquí su contraseña. Pida otra contraseña al responsable de este sitio.";

    // The list of a user's sessions.
    moment(year, month, day, hour, minute) = "{day:02}/{month:02}/{year}, {hour:02}:{minute:02} UTC";
    early_last_use(time) = "Una sesión puede haberse usado hasta {time} después del último uso que se muestra.";
    last_change = "Como último uso se muestra el último cambio de la sesión. La sesión puede haberse usado después.";
    session_ended = "La sesión se ha cerrado.";
    session_gone = "Esa sesión ya estaba cerrada.";
    other_sessions_ended = "Se han cerrado todas las demás sesiones.";

    // What is wrong with a login.
    no_name = "Escriba su nombre.";
    no_password = "Escriba su contraseña.";
    long_password(bytes) = "Esa contraseña es demasiado larga. Las contraseñas tienen como máximo {bytes} caracteres.";
    wrong_old_password = "La contraseña antigua no es correcta. Tenga en cuenta las mayúsculas y las minúsculas.";
    wrong_login = "El nombre o la contraseña no son correctos. Tenga en cuenta las mayúsculas y las minúsculas.";
    wait_for_login(time) = "Demasiados intentos de iniciar sesión. Inténtelo de nuevo dentro de {time}.";
    seconds(number) = { 1 => "un segundo", _ => "{number} segundos" };
    minutes(number) = { 1 => "un minuto", _ => "{number} minutos" };
    hours(number) = { 1 => "una hora", _ => "{number} horas" };
    days(number) = { 1 => "un día", _ => "{number} días" };
    two_names = "El formulario tenía dos nombres; escriba uno solo.";
    long_name(letters) = "Ese nombre es demasiado largo. Use como máximo {letters} caracteres.";
    control_characters = "Ese nombre tiene caracteres que no se pueden usar.";

    // The heading of an error page, and one sentence for each status.
    error_heading(status, phrase) = {
        400 => "Solicitud incorrecta",
        401 => "Hay que iniciar sesión",
        403 => "Acceso denegado",
        404 => "Página no encontrada",
        405 => "Método no permitido",
        408 => "Tiempo de espera agotado",
        411 => "Falta la longitud",
        413 => "Solicitud demasiado grande",
        414 => "Dirección demasiado larga",
        415 => "Formato no admitido",
        500 => "Error interno",
        503 => "No disponible por el momento",
        _ => "Error: {phrase}"
    };
    not_understood = "No se ha podido entender la solicitud.";
    from_another_site = "La solicitud procedía de otro sitio y ha sido rechazada.";
    no_page = "No hay ninguna página en esta dirección.";
    wrong_method = "Esta página no se puede usar de ese modo.";
    too_slow = "La solicitud no ha llegado a tiempo.";
    no_length = "La solicitud no indicaba su longitud.";
    request_too_large = "La solicitud es demasiado grande.";
    address_too_long = "La dirección es demasiado larga.";
    wrong_form = "El formulario se ha enviado de un modo que esta página no puede leer.";
    refused = "La solicitud ha sido rechazada.";
    went_wrong = "Algo ha fallado en este sitio.";
    not_ready = "Este sitio todavía no está listo.";

    // Sentences for failures that the status does not tell.
    too_large_for_cookie = "Es demasiado para una cookie. No se ha cambiado nada; lo que estaba guardado sigue ahí.";
    too_large_to_store = "Es demasiado para guardarlo. No se ha cambiado nada; lo que estaba guardado sigue ahí.";
    forbidden(user) = "Ha iniciado sesión como {user}, y esta cuenta no puede abrir esta página. Para usar otra cuenta, cierre antes la sesión. Para obtener acceso, diríjase al responsable de este sitio.";
    unreadable_file = "Esto no se puede mostrar, porque este sitio no tiene permiso para leerlo.";
    no_file = "En este momento no se puede mostrar este archivo. Inténtelo de nuevo más tarde.";
    out_of_order = "En este momento no se puede mostrar esta página. Si había iniciado sesión, sigue iniciada.";
    no_groups = "En este momento no se puede mostrar esta página: este sitio no puede leer su lista de grupos. Si había iniciado sesión, sigue iniciada.";
    no_users = "En este momento nadie puede iniciar sesión: este sitio no puede leer su lista de usuarios. Si había iniciado sesión, sigue iniciada.";
    empty_users = "Todavía nadie puede iniciar sesión: el archivo de usuarios de este sitio no contiene usuarios.";
    nothing_protected = "Esta página está protegida, pero aquí cualquiera puede iniciar sesión con cualquier nombre. Por eso no se muestra.";
    no_login_address = "Esta página está protegida, pero su servidor web no sabe dónde se inicia sesión.";
    no_sessions = "En este momento este sitio no puede guardar sesiones.";
    store_unavailable = "En este momento no se puede acceder a lo que este sitio ha guardado sobre usted. No se ha perdido nada; inténtelo de nuevo dentro de un minuto.";
}
