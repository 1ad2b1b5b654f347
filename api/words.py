"""What the pages say, in each language. A new language is one more row; nothing else names one.

`{company}`, `{topic}` and `{channel}` are filled in. Customers are told plainly what has happened and what will not
happen, and nobody is asked to reconsider.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lifecycle.language.map import Topic


class Words(NamedTuple):
    """One language. `everything` stands for a topic where no single one is known."""

    language: str
    stop_heading: str
    stop_question: str
    stop_button: str
    stopped_heading: str
    stopped: str
    choose_more: str
    preferences_heading: str
    preferences_intro: str
    save_button: str
    stop_all_heading: str
    stop_all: str
    stop_all_button: str
    saved: str
    requested: str
    stopped_all: str
    confirm_heading: str
    confirm_question: str
    confirm_button: str
    confirmed: str
    confirmed_again: str
    confirm_expired: str
    bad_link_heading: str
    bad_link: str
    later_heading: str
    later: str
    everything: str
    channels: Mapping[str, str]


_ENGLISH = Words(
    language="en",
    stop_heading="Unsubscribe",
    stop_question="Do you want no more messages about “{topic}” by {channel}?",
    stop_button="Unsubscribe",
    stopped_heading="You are unsubscribed",
    stopped="{company} will send you no more messages about “{topic}” by {channel}.",
    choose_more="Choose what else you want to receive",
    preferences_heading="What you receive",
    preferences_intro="Choose what {company} may write to you about.",
    save_button="Save",
    stop_all_heading="Nothing at all",
    stop_all="Messages about your orders and your account may still come.",
    stop_all_button="Stop everything",
    saved="Your choice is saved, and counts from now on.",
    requested="We have sent you a message: please confirm by the link in it what you have just chosen.",
    stopped_all="{company} will send you no more of all this.",
    confirm_heading="Please confirm",
    confirm_question="May {company} write to you, as you asked for?",
    confirm_button="Yes, I confirm",
    confirmed="Thank you, this is confirmed.",
    confirmed_again="This was confirmed before; there is nothing left to do.",
    confirm_expired="This link is too old. Please sign up again.",
    bad_link_heading="This link does not work",
    bad_link="It is incomplete or was changed, and nothing has happened. Please open it again from the message, or "
    "copy all of it.",
    later_heading="Please try again",
    later="This cannot be done at the moment, and nothing has changed. Please try again in a few minutes.",
    everything="everything but your orders and your account",
    channels={"email": "e-mail", "sms": "SMS"},
)

_GERMAN = Words(
    language="de",
    stop_heading="Abmelden",
    stop_question="Möchten Sie keine Nachrichten über „{topic}“ per {channel} mehr erhalten?",
    stop_button="Abmelden",
    stopped_heading="Sie sind abgemeldet",
    stopped="{company} schickt Ihnen keine Nachrichten über „{topic}“ per {channel} mehr.",
    choose_more="Auswählen, was Sie sonst erhalten möchten",
    preferences_heading="Was Sie erhalten",
    preferences_intro="Wählen Sie aus, worüber {company} Ihnen schreiben darf.",
    save_button="Speichern",
    stop_all_heading="Gar nichts",
    stop_all="Nachrichten zu Ihren Bestellungen und Ihrem Konto können weiterhin kommen.",
    stop_all_button="Alles abbestellen",
    saved="Ihre Auswahl ist gespeichert und gilt ab sofort.",
    requested="Wir haben Ihnen eine Nachricht geschickt: Bitte bestätigen Sie Ihre Auswahl mit dem Link darin.",
    stopped_all="{company} schickt Ihnen nichts mehr davon.",
    confirm_heading="Bitte bestätigen Sie",
    confirm_question="Darf {company} Ihnen schreiben, wie Sie es gewünscht haben?",
    confirm_button="Ja, ich bestätige",
    confirmed="Vielen Dank, das ist bestätigt.",
    confirmed_again="Das haben Sie schon bestätigt; es ist nichts weiter zu tun.",
    confirm_expired="Dieser Link ist zu alt. Bitte melden Sie sich noch einmal an.",
    bad_link_heading="Dieser Link funktioniert nicht",
    bad_link="Er ist unvollständig oder wurde verändert, und es ist nichts geschehen. Bitte öffnen Sie ihn noch einmal "
    "aus der Nachricht, oder kopieren Sie ihn ganz.",
    later_heading="Bitte versuchen Sie es noch einmal",
    later="Das geht im Augenblick nicht, und es hat sich nichts geändert. Bitte versuchen Sie es in einigen Minuten "
    "noch einmal.",
    everything="alles außer Ihren Bestellungen und Ihrem Konto",
    channels={"email": "E-Mail", "sms": "SMS"},
)

_FRENCH = Words(
    language="fr",
    stop_heading="Se désabonner",
    stop_question="Voulez-vous ne plus recevoir de messages sur « {topic} » par {channel} ?",
    stop_button="Me désabonner",
    stopped_heading="Vous êtes désabonné",
    stopped="{company} ne vous enverra plus de messages sur « {topic} » par {channel}.",
    choose_more="Choisir ce que vous souhaitez encore recevoir",
    preferences_heading="Ce que vous recevez",
    preferences_intro="Choisissez les sujets sur lesquels {company} peut vous écrire.",
    save_button="Enregistrer",
    stop_all_heading="Plus rien",
    stop_all="Les messages concernant vos commandes et votre compte peuvent encore arriver.",
    stop_all_button="Tout arrêter",
    saved="Votre choix est enregistré et vaut dès maintenant.",
    requested="Nous vous avons envoyé un message : confirmez votre choix avec le lien qu’il contient.",
    stopped_all="{company} ne vous enverra plus rien de tout cela.",
    confirm_heading="Veuillez confirmer",
    confirm_question="{company} peut-elle vous écrire, comme vous l’avez demandé ?",
    confirm_button="Oui, je confirme",
    confirmed="Merci, c’est confirmé.",
    confirmed_again="C’était déjà confirmé ; il n’y a plus rien à faire.",
    confirm_expired="Ce lien est trop ancien. Veuillez vous inscrire à nouveau.",
    bad_link_heading="Ce lien ne fonctionne pas",
    bad_link="Il est incomplet ou a été modifié, et rien ne s’est passé. Ouvrez-le à nouveau depuis le message, ou "
    "copiez-le en entier.",
    later_heading="Veuillez réessayer",
    later="Ce n’est pas possible pour le moment, et rien n’a changé. Veuillez réessayer dans quelques minutes.",
    everything="tout, sauf vos commandes et votre compte",
    channels={"email": "e-mail", "sms": "SMS"},
)

_SPANISH = Words(
    language="es",
    stop_heading="Darse de baja",
    stop_question="¿Quiere dejar de recibir mensajes sobre «{topic}» por {channel}?",
    stop_button="Darme de baja",
    stopped_heading="Se ha dado de baja",
    stopped="{company} no le enviará más mensajes sobre «{topic}» por {channel}.",
    choose_more="Elegir qué más quiere recibir",
    preferences_heading="Lo que recibe",
    preferences_intro="Elija sobre qué puede escribirle {company}.",
    save_button="Guardar",
    stop_all_heading="Nada más",
    stop_all="Aún pueden llegarle mensajes sobre sus pedidos y su cuenta.",
    stop_all_button="Parar todo",
    saved="Su elección está guardada y vale desde ahora.",
    requested="Le hemos enviado un mensaje: confirme su elección con el enlace que contiene.",
    stopped_all="{company} no le enviará nada más de todo esto.",
    confirm_heading="Confirme, por favor",
    confirm_question="¿Puede {company} escribirle, como usted pidió?",
    confirm_button="Sí, confirmo",
    confirmed="Gracias, está confirmado.",
    confirmed_again="Ya estaba confirmado; no queda nada por hacer.",
    confirm_expired="Este enlace es demasiado antiguo. Suscríbase de nuevo, por favor.",
    bad_link_heading="Este enlace no funciona",
    bad_link="Está incompleto o fue modificado, y no ha pasado nada. Ábralo otra vez desde el mensaje, o cópielo "
    "entero.",
    later_heading="Inténtelo de nuevo",
    later="Ahora mismo no es posible, y nada ha cambiado. Inténtelo de nuevo en unos minutos.",
    everything="todo, salvo sus pedidos y su cuenta",
    channels={"email": "correo electrónico", "sms": "SMS"},
)

LANGUAGES: Mapping[str, Words] = {one.language: one for one in (_ENGLISH, _GERMAN, _FRENCH, _SPANISH)}


def words_for(*languages: str | None) -> Words:
    """The first of these languages that the pages speak (`de-AT` is spoken as `de`), else English."""
    for language in languages:
        base = (language or "").replace("_", "-").partition("-")[0].lower()
        if base in LANGUAGES:
            return LANGUAGES[base]
    return _ENGLISH


def name_of(topic: Topic, key: str, language: str) -> str:
    """What a topic is called in a language: its own name there, else its description, else its key."""
    for tag, name in topic.names.items():
        if tag.partition("-")[0].lower() == language:
            return name
    return topic.description or key.replace("_", " ").capitalize()
