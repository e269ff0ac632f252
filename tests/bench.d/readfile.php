<?php
header('Content-Type: application/octet-stream');
header('Content-Length: ' . getenv('SIZE'));
readfile(getenv('FILE'));
