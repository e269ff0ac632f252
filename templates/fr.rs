// What visitors read in a browser, in French. en.rs says how texts are written; the types of
// places are there only. Before a colon, ? or ; there is a space that does not break a line.

texts! {
    templates {
        language = "fr";
        direction = "ltr";
        welcome = "Bienvenue";
        logged_in_as = ["Connecté en tant que ", ""];
        not_logged_in = "Non connecté";
        you_are_not_logged_in = "Vous n’êtes pas connecté";
        click_to_log_in = "cliquez ici pour vous connecter";
        click_to_log_out = "cliquez ici pour vous déconnecter";
        log_out_everywhere = "Se déconnecter partout";
        log_in = "Connexion";
        login_button = "Se connecter";
        your_name = "Votre nom";
        password = "Mot de passe";
        stay_logged_in = "Rester connecté";
        demo_note = "Démonstration : n’importe quel nom est accepté.";
        log_out = "Se déconnecter";
        log_out_question = "Se déconnecter ?";
        change_password = "Changer le mot de passe";
        old_password = "Ancien mot de passe";
        new_password = "Nouveau mot de passe";
        new_password_again = "Confirmation du nouveau mot de passe";
        password_rule = ["Au moins ", " caractères, quels qu’ils soient."];
        ends_other_logins = "Vous restez connecté ici. Vous serez déconnecté dans tous les autres navigateurs.";
        your_sessions = "Vos sessions ouvertes";
        this_browser = "Ce navigateur";
        logged_in_since = ["Connecté depuis le ", ""];
        last_used = ["Dernière utilisation le ", ""];
        end_session = "Fermer cette session";
        end_other_sessions = "Fermer toutes les autres sessions";
        most_sessions = ["Les ", " dernières sessions sont affichées. Le bouton ci-dessous ferme aussi toutes les autres."];
        back = "retour";
        to_first_page = "vers la page d’accueil";
        files = "Fichiers";
        folders_above = "Dossiers parents";
        empty_folder = "Ce dossier est vide.";
        pages = "Pages";
        previous_page = "précédente";
        next_page = "suivante";
        error_number = ["Erreur ", ", numéro ", ""];
    }

    // A list of files.
    protected_files = "Fichiers";
    column_name = "Nom";
    column_size = "Taille";
    column_changed = "Modifié (UTC)";
    decimal(whole, tenth) = "{whole},{tenth}";
    bytes(number) = "{number} o";
    kilobytes(number) = "{number} ko";
    megabytes(number) = "{number} Mo";
    gigabytes(number) = "{number} Go";
    terabytes(number) = "{number} To";
    page_of(number, last) = "page {number} sur {last}";

    // What came of a click on "Log out everywhere".
    logged_out_everywhere = "Vous êtes déconnecté partout.";
    logged_out_here_only = "Vous êtes déconnecté dans ce navigateur seulement. La déconnexion des autres navigateurs est impossible pour le moment.";

    // What came of a change of the password.
    password_changed = "Votre mot de passe a été changé. Vous êtes déconnecté dans tous les autres navigateurs.";
    no_new_password = "Veuillez saisir deux fois votre nouveau mot de passe.";
    different_passwords = "Les deux nouveaux mots de passe sont différents. Veuillez saisir deux fois le même.";
    short_password(number, fewest) = {
        0 | 1 => "Le nouveau mot de passe comporte {number} caractère. Veuillez en utiliser au moins {fewest}.",
        _ => "Le nouveau mot de passe comporte {number} caractères. Veuillez en utiliser au moins {fewest}."
    };
    long_new_password(bytes) = "Le nouveau mot de passe est trop long. Veuillez utiliser au plus {bytes} caractères, moins s’il contient des lettres accentuées ou d’autres caractères absents de l’anglais.";
    common_password = "Le nouveau mot de passe est l’un des plus courants, que les pirates essaient en premier. Veuillez en choisir un autre.";
    name_as_password = "Le nouveau mot de passe est votre nom. Veuillez en choisir un autre.";
    unusable_password = "Le nouveau mot de passe contient des caractères non autorisés.";
    no_password_change = "Votre mot de passe ne peut pas être changé ici pour le moment. Veuillez demander un autre mot de passe au responsable de ce site.";

    // The list of a user's sessions.
    moment(year, month, day, hour, minute) = "{day:02}/{month:02}/{year} à {hour:02}:{minute:02} UTC";
    early_last_use(time) = "Une session a pu être utilisée jusqu’à {time} après la dernière utilisation affichée.";
    last_change = "La dernière utilisation affichée est la dernière modification de la session. La session a pu être utilisée par la suite.";
    session_ended = "La session est fermée.";
    session_gone = "Cette session était déjà fermée.";
    other_sessions_ended = "Toutes les autres sessions sont fermées.";

    // What is wrong with a login.
    no_name = "Veuillez saisir votre nom.";
    no_password = "Veuillez saisir votre mot de passe.";
    long_password(bytes) = "Ce mot de passe est trop long. Un mot de passe comporte au plus {bytes} caractères.";
    wrong_old_password = "L’ancien mot de passe est incorrect. Respectez les majuscules et les minuscules.";
    wrong_login = "Le nom ou le mot de passe est incorrect. Respectez les majuscules et les minuscules.";
    wait_for_login(time) = "Trop de tentatives de connexion. Veuillez réessayer dans {time}.";
    seconds(number) = { 0 | 1 => "{number} seconde", _ => "{number} secondes" };
    minutes(number) = { 0 | 1 => "{number} minute", _ => "{number} minutes" };
    hours(number) = { 0 | 1 => "{number} heure", _ => "{number} heures" };
    days(number) = { 0 | 1 => "{number} jour", _ => "{number} jours" };
    two_names = "Le formulaire contenait deux noms ; veuillez en saisir un seul.";
    long_name(letters) = "Ce nom est trop long. Veuillez utiliser au plus {letters} caractères.";
    control_characters = "Ce nom contient des caractères non autorisés.";

    // The heading of an error page, and one sentence for each status.
    error_heading(status, phrase) = {
        400 => "Requête incorrecte",
        401 => "Connexion requise",
        403 => "Accès refusé",
        404 => "Page introuvable",
        405 => "Méthode non autorisée",
        408 => "Délai d’attente dépassé",
        411 => "Longueur manquante",
        413 => "Requête trop volumineuse",
        414 => "Adresse trop longue",
        415 => "Format non pris en charge",
        500 => "Erreur interne",
        503 => "Momentanément indisponible",
        _ => "Erreur : {phrase}"
    };
    not_understood = "La requête n’a pas été comprise.";
    from_another_site = "La requête provenait d’un autre site et a été refusée.";
    no_page = "Il n’y a pas de page à cette adresse.";
    wrong_method = "Cette page ne peut pas être utilisée ainsi.";
    too_slow = "La requête n’est pas arrivée à temps.";
    no_length = "La requête n’indiquait pas sa longueur.";
    request_too_large = "La requête est trop volumineuse.";
    address_too_long = "L’adresse est trop longue.";
    wrong_form = "Le formulaire a été envoyé d’une façon que cette page ne sait pas lire.";
    refused = "La requête a été refusée.";
    went_wrong = "Une erreur s’est produite sur ce site.";
    not_ready = "Ce site n’est pas encore prêt.";

    // Sentences for failures that the status does not tell.
    too_large_for_cookie = "C’est trop pour un cookie. Rien n’a été modifié ; ce qui était enregistré est toujours là.";
    too_large_to_store = "C’est trop pour être enregistré. Rien n’a été modifié ; ce qui était enregistré est toujours là.";
    forbidden(user) = "Vous êtes connecté en tant que {user}, et ce compte n’a pas le droit d’ouvrir cette page. Pour utiliser un autre compte, déconnectez-vous d’abord. Pour obtenir l’accès, adressez-vous au responsable de ce site.";
    unreadable_file = "Impossible d’afficher ce contenu : ce site n’a pas le droit de le lire.";
    no_file = "Ce fichier ne peut pas être affiché pour le moment. Veuillez réessayer plus tard.";
    out_of_order = "Cette page ne peut pas être affichée pour le moment. Si vous étiez connecté, vous l’êtes toujours.";
    no_groups = "Cette page ne peut pas être affichée pour le moment : ce site ne peut pas lire sa liste de groupes. Si vous étiez connecté, vous l’êtes toujours.";
    no_users = "Personne ne peut se connecter pour le moment : ce site ne peut pas lire sa liste d’utilisateurs. Si vous étiez connecté, vous l’êtes toujours.";
    empty_users = "Personne ne peut encore se connecter : le fichier des utilisateurs de ce site ne contient aucun utilisateur.";
    nothing_protected = "Cette page est protégée, mais n’importe qui peut se connecter ici sous n’importe quel nom. C’est pourquoi elle n’est pas affichée.";
    no_login_address = "Cette page est protégée, mais son serveur web ne sait pas où se trouve la page de connexion.";
    no_sessions = "Ce site ne peut pas enregistrer de sessions pour le moment.";
    store_unavailable = "Les données que ce site conserve à votre sujet sont inaccessibles pour le moment. Rien n’est perdu ; veuillez réessayer dans une minute.";
}
