<?php
// The site of tests/peers in PHP: sessions as in the manual, php.ini as in the
// distribution except for the folder and the lifetime.
session_save_path(getenv('STORE'));
ini_set('session.gc_maxlifetime', getenv('LIFETIME'));

// A slow request stops here, with its session read, until it is told to go on.
function hold(): void
{
    $path = $_SERVER['HTTP_X_HOLD'] ?? '';
    if ($path !== '') {
        file_put_contents("$path.read", "\n");
        fgets(fopen("$path.go", 'r'));
    }
}

header('Content-Type: text/plain');
switch ($_SERVER['PATH_INFO']) {
    case '/login':
        session_start();
        // PHP's protection against session fixation, which the site has to call.
        if (isset($_POST['renew'])) {
            session_regenerate_id(true);
        }
        $_SESSION['username'] = $_POST['username'];
        break;
    case '/logout':
        session_start();
        $_SESSION = [];
        setcookie(session_name(), '', 1, '/');
        session_destroy();
        break;
    case '/set':
        session_start();
        hold();
        foreach ($_GET as $key => $value) {
            $_SESSION[$key] = $value;
        }
        break;
    case '/get':
        session_start();
        hold();
        foreach ($_SESSION as $key => $value) {
            echo "$key=$value\n";
        }
        break;
    case '/many': // the ids of this many visitors, each of whom has stored something
        for ($number = 0; $number < $_POST['count']; $number++) {
            session_id(session_create_id());
            session_start(['use_cookies' => 0]);
            $_SESSION = ['number' => "$number"];
            $ids[] = session_id();
            session_write_close();
        }
        echo implode("\n", $ids);
        break;
    case '/alive': // how many of these ids lead to what was stored
        $count = 0;
        foreach (explode(' ', $_POST['cookies']) as $id) {
            session_id($id);
            session_start(['use_cookies' => 0]);
            $count += isset($_SESSION['number']);
            session_write_close();
        }
        echo $count;
        break;
    default:
        http_response_code(404);
}
