// The tutorial's index and login in Go, for tests/bench: the standard library's
// CGI, and a cookie with the user's name and an HMAC.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/http/cgi"
	"os"
	"strings"
)

func sign(name string) string {
	mac := hmac.New(sha256.New, []byte(os.Getenv("KEY")))
	mac.Write([]byte(name))
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(name)) + "." + encode(mac.Sum(nil))
}

func username(r *http.Request) (string, bool) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return "", false
	}
	encoded, _, _ := strings.Cut(cookie.Value, ".")
	name, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !hmac.Equal([]byte(sign(string(name))), []byte(cookie.Value)) {
		return "", false
	}
	return string(name), true
}

func site(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.Method == http.MethodPost {
		http.SetCookie(w, &http.Cookie{
			Name: "session", Value: sign(r.PostFormValue("username")), Path: "/", HttpOnly: true,
		})
		http.Redirect(w, r, os.Getenv("SCRIPT_NAME"), http.StatusSeeOther)
	} else if name, found := username(r); found {
		fmt.Fprint(w, "Logged in as ", html.EscapeString(name))
	} else {
		fmt.Fprint(w, "You are not logged in")
	}
}

func main() {
	if err := cgi.Serve(http.HandlerFunc(site)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
