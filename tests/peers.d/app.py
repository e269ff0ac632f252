"""The site of tests/peers in Flask: with Flask's own cookie, or, where STORE names
a folder, with files by Flask-Session."""

import os
from datetime import timedelta
from wsgiref.handlers import CGIHandler

from flask import Flask, current_app, request, session

app = Flask(__name__)
app.config.update(
    SECRET_KEY="a key for this comparison only",
    PERMANENT_SESSION_LIFETIME=timedelta(seconds=int(os.environ["LIFETIME"])),
)
if "STORE" in os.environ:
    from cachelib.file import FileSystemCache
    from flask_session import Session

    app.config["SESSION_TYPE"] = "cachelib"
    app.config["SESSION_CACHELIB"] = FileSystemCache(os.environ["STORE"])
    Session(app)


def hold():
    """A slow request stops here, with its session read, until it is told to go on."""
    path = request.headers.get("X-Hold")
    if path:
        with open(path + ".read", "w") as announced:
            announced.write("\n")
        with open(path + ".go") as told:
            told.readline()


@app.post("/login")
def login():
    # Flask-Session's protection against session fixation, which the site has to call.
    if "renew" in request.form:
        current_app.session_interface.regenerate(session)
    session["username"] = request.form["username"]
    return ""


@app.post("/logout")
def logout():
    session.clear()
    return ""


@app.get("/set")
def set_values():
    session.get("username")
    hold()
    session.update(request.args.to_dict())
    return ""


@app.get("/get")
def get_values():
    lines = [f"{key}={session[key]}\n" for key in session if key != "_permanent"]
    hold()
    return "".join(lines)


@app.post("/many")
def many():
    """The cookies of `count` visitors, each of whom has stored something."""
    cookies = []
    for number in range(int(request.form["count"])):
        client = app.test_client()
        client.get(f"/set?number={number}")
        cookies.append(client.get_cookie("session").value)
    return "\n".join(cookies)


@app.post("/alive")
def alive():
    """How many of the cookies lead to what was stored."""
    count = 0
    for cookie in request.form["cookies"].split():
        client = app.test_client()
        client.set_cookie("session", cookie)
        count += client.get("/get").text.startswith("number=")
    return str(count)


CGIHandler().run(app)
