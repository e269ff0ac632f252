#!/home/alice/bin/signet
# Purpose:  settings of one site as a CGI or FastCGI script: the first line names the
#           program, the rest is a settings file (TOML). It works under suEXEC, which
#           removes variables that .htaccess sets. One program can serve many sites.
# Copy to:  the folder for CGI programs, for example as login.cgi; mode 700 or 755,
#           owned by you, not writable by anybody else, lines that end in LF.
# Change:   the path of the program in the first line, STATE_DIR, and the settings.
#
# Leave SECRET_KEY out: signet creates a key file.

STATE_DIR = "/home/alice/.signet"
PERMANENT_SESSION_LIFETIME = 86400
SESSION_PERMANENT = true
