//! A page for members: the users of an `htpasswd` file, who log in and out on pages of
//! this program. The file is `~/.members/users`, or `USERS_FILE` names it. The program needs
//! signet's Cargo feature `users`. `SIGNET_STATE_DIR=~/.members signet user add ada` adds a user.

#![cfg_attr(not(test), no_main)]

use signet::http::{StatusCode, header};
use signet::{Attempted, Error, Form, LocalPath, Request, Response, Server, Session};
use signet::{escape, form, html, log_in, query, redirect, require_user, url_for};

signet::main!(server: Server::named("members")
    .users()
    .get("/", members)
    .endpoint("members")
    .get("/login", |request, _| login_page(request, &query(request)?, ""))
    .endpoint("login")
    .post("/login", login)
    .takes_form()
    .post("/logout", |request, session| {
        session.clear();
        Ok::<_, Error>(redirect(&url_for(request, "login", &[])?))
    })
    .endpoint("logout"));

fn members(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let user = require_user(request, session)?;
    Ok(html(format!(
        "<!doctype html><title>Members</title><h1>Hello {}</h1>\n\
         <form action=\"{}\" method=\"post\"><button>Log out</button></form>\n",
        escape(&user),
        url_for(request, "logout", &[])?
    )))
}

fn login(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let fields: Form = form(request)?;
    let field = |name| fields.get(name).unwrap_or_default();
    let attempted = log_in(request, session, field("username"), field("password"))?;
    let (status, error) = match attempted {
        Attempted::LoggedIn => {
            let home = url_for(request, "members", &[])?;
            let next: Option<LocalPath> = field("next").parse().ok();
            // No redirect back to /login or /logout.
            let next = next.filter(|next| {
                let mut pages = ["/login", "/logout"].into_iter();
                !pages.any(|page| next.can_lead_to(page))
            });
            return Ok(redirect(next.as_ref().map_or(&home, LocalPath::as_str)));
        }
        Attempted::Wrong => (StatusCode::FORBIDDEN, "The name or the password is wrong."),
        Attempted::Limited { .. } => (StatusCode::TOO_MANY_REQUESTS, "Please try again later."),
    };
    let mut page = login_page(request, &fields, error)?;
    *page.status_mut() = status;
    if let Attempted::Limited { seconds } = attempted {
        page.headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(page)
}

fn login_page(request: &Request, fields: &Form, error: &str) -> Result<Response, Error> {
    let field = |name| escape(fields.get(name).unwrap_or_default());
    Ok(html(format!(
        "<!doctype html><title>Login</title><p role=\"alert\">{error}</p>\n\
         <form action=\"{}\" method=\"post\"><input type=\"hidden\" name=\"next\" value=\"{}\">\n\
         <label>Name <input name=\"username\" value=\"{}\" autocomplete=\"username\"></label>\n\
         <label>Password <input type=\"password\" name=\"password\"\n\
         autocomplete=\"current-password\"></label> <button>Log in</button></form>\n",
        url_for(request, "login", &[])?,
        field("next"),
        field("username")
    )))
}
