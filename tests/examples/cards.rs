//! Cards with things to do: a template with a list of structs, a form that is read into a
//! struct, and a message for the next page. The cards are in the session.

#![cfg_attr(not(test), no_main)]

use serde::{Deserialize, Serialize};
use signet::{Error, Request, Response, Server, Session, context, form, redirect, render, url_for};

signet::main!(server: Server::named("cards")
    .templates(&[("cards.html", include_str!("cards.html"))])
    .get("/", list)
    .endpoint("list")
    .post("/", add)
    .takes_form());

/// A card, and the fields of the form. A form without them gets status 400.
#[derive(Deserialize, Serialize)]
struct Card {
    title: String,
    days: u32,
}

fn list(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let flashes = session.take_flashes();
    let cards = cards(session);
    let days: u32 = cards.iter().map(|card| card.days).sum();
    render(request, "cards.html", context! { cards, flashes, days })
}

fn add(request: &Request, session: &mut Session) -> Result<Response, Error> {
    let card: Card = form(request)?;
    let mut cards = cards(session);
    if card.title.trim().is_empty() || card.days > 365 || cards.len() == 20 {
        session.flash(
            "At most 20 cards, with a title and at most 365 days.",
            "error",
        );
    } else {
        session.flash(&format!("Added: {}", card.title), "message");
        cards.push(card);
        session.insert_as("cards", &cards)?;
    }
    Ok(redirect(&url_for(request, "list", &[])?))
}

fn cards(session: &Session) -> Vec<Card> {
    session.get_or("cards", Vec::new())
}
