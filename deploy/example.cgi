#!/home/alice/bin/signet
# A CGI script that is its own settings: the first line names the program,
# which may lie anywhere; the rest is TOML. Works under suEXEC, where settings
# from .htaccess do not arrive, and lets one program serve many sites.
#
# Mode 700 or 755, owned by you, writable by nobody else, lines ending in LF.
# A SECRET_KEY does not belong here: leave it to the key file.

STATE_DIR = "/home/alice/.signet"
PERMANENT_SESSION_LIFETIME = 86400
SESSION_PERMANENT = true
