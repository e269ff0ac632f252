<?php
// The tutorial's index and login, for tests/bench; php.ini as in the distribution
// except for the folder of the sessions.
session_save_path(getenv('STORE'));
session_start();
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    session_regenerate_id(true);
    $_SESSION['username'] = $_POST['username'];
    header('Location: ' . $_SERVER['SCRIPT_NAME'], true, 303);
} elseif (isset($_SESSION['username'])) {
    echo 'Logged in as ', htmlspecialchars($_SESSION['username']);
} else {
    echo 'You are not logged in';
}
