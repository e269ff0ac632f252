#!/bin/sh
# Sends the file $FILE of $SIZE bytes, as little as a CGI program can do.
printf 'Content-Type: application/octet-stream\r\nContent-Length: %s\r\n\r\n' "$SIZE"
exec cat "$FILE"
