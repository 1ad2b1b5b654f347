"""The words and phrases by which people ask for no more SMS, for SMS again, or for help. `intent.py` says what counts.

All are written without capitals, accents and apostrophes, as texts are compared. A language is a group of its own, so
that one can be added beside the others: its keywords, its filling words, its phrases and its negations.
"""

from __future__ import annotations

import re

STOP = frozenset(
    # Twilio's own first
    "stop stopall unsubscribe optout "
    "stopp abmelden abbestellen austragen aufhoren "
    "arret arreter arretez desabonner desabonnez desabonnement desinscrire desinscrivez desinscription "
    "parar paren detener".split()
)
"""They mean that anywhere among filling words."""

STOP_ALONE = frozenset(
    "cancel end quit revoke remove cease enough "
    "ende schluss kundigen "
    "fin cesser resilier annuler "
    "baja alto pare cancelar basta".split()
)
"""They mean many things in a sentence: they count alone, or with a polite word."""

START = frozenset(
    "start unstop yes subscribe resume restart optin "
    "anmelden fortsetzen "
    "reprendre recommencer "
    "iniciar reanudar alta empezar".split()
)

HELP = frozenset("help info information hilfe aide ayuda informacion".split())

POLITE = frozenset(
    "please pls plz thanks thank you hi hello hey dear ok okay now again sir madam "
    "bitte danke hallo jetzt sofort wieder "
    "svp sil vous plait te merci bonjour maintenant encore "
    "por favor gracias hola ya ahora de nuevo".split()
)

FILLING = POLITE | frozenset(
    "a all the this these those it me my us i im we your can could would will to want wanna like id need just "
    "must have how do does and from text texts texting message messages messaging msg msgs sms sending send "
    "receiving receive getting get contacting contact writing notifications notification marketing ads spam "
    "spamming everything right really so "
    "ich mich mir mochte will wollen kann konnen sie ihr euch die das den diese diesen alle nachrichten nachricht "
    "newsletter von vom aus zu damit mit dem mal endlich werbung "
    "je jaimerais veux voudrais pouvez pourriez moi mes les des ces tous toutes cela ca envoyer envoi denvoyer "
    "recevoir pub publicite le la "
    "yo quiero quisiera puede pueden mi los las estos mensajes mensaje todo todos enviar recibir enviarme mandar "
    "mandarme publicidad el".split()
)

_WRITE = "(?:te?xt|message|msg|contact|sms|write|spam)"
_MESSAGES = "(?:te?xts?|texting|messages?|messaging|msgs?|sms|spam)"

_PHRASES = (
    # English
    rf"(?<!you )(?<!they )(?<!why )\b(?:dont|do not)(?: \w+)? {_WRITE}(?: to)? (?:me|us)\b",
    rf"\bnever {_WRITE} (?:me|us|this number)(?: ever)? again\b",
    r"\b(?:dont|do not)(?: \w+)? send (?:me|us)?\b.*\b(?:texts?|messages?|sms|msgs?|anything|these|this|more)\b",
    rf"\b(?:dont|do not) want (?:any |to get |to receive |more |these |your )+(?:\w+ ){{0,2}}{_MESSAGES}\b",
    rf"\bno (?:more|further) (?:\w+ ){{0,2}}{_MESSAGES}\b",
    r"\b(?:stop|quit|cease|end) (?:\w+ )?(?:texting|messaging|sending|contacting|writing|spamming|bothering)\b",
    r"\b(?:take|get) me off\b",
    r"\b(?:remove|delete|unsubscribe|erase) (?:me|us|my (?:phone )?number|my details|this number)\b",
    r"\bunsubscribe\b",
    r"\bopt(?:ing|ed)? (?:me |us )?out\b",
    r"\bleave me alone\b",
    r"\b(?:lose|forget) my number\b",
    r"\bwrong number\b",
    # German
    r"\bkeine? (?:weiteren? )?(?:sms|nachrichten?|werbung|mitteilungen)(?: \w+){0,2}(?: mehr)?\b",
    r"\b(?:nicht|nie|niemals) (?:mehr|wieder) (?:\w+ ){0,2}(?:schreiben|kontaktieren|senden|schicken|anschreiben)\b",
    r"\b(?:schreib\w*|schick\w*|send\w+|kontaktier\w+)(?: \w+){1,4} (?:nicht|nichts|nie|keine)\b",
    r"\b(?:hor|horen|hort)(?: sie)?(?: \w+){0,4} auf\b",
    r"\b(?:mich|uns) (?:bitte )?(?:ab|aus)(?:melden|tragen)\b",
    r"\b(?:melden|meldet|tragen|tragt) .*\b(?:ab|aus)$",
    r"\b(?:lasst|lassen sie|lass) mich in ruhe\b",
    r"\bfalsche nummer\b",
    # French
    r"\bne (?:menvoy\w+|mecriv\w+|me contact\w+|me \w+|nous \w+) (?:plus|pas|jamais)\b",
    r"\bplus (?:de |aucun )(?:sms|messages?|textos?|pub|publicites?)\b",
    r"\b(?:arretez|cessez|arrete) (?:de |d)\w+",
    r"\b(?:desabonn\w+|desinscri\w+|retirez|supprimez|enlevez) (?:moi|mon numero)\b",
    r"\bme (?:desabonner|desinscrire)\b",
    r"\b(?:desabonnez|desinscrivez)\b",
    r"\blaissez moi tranquille\b",
    r"\bmauvais numero\b",
    # Spanish
    r"\bno (?:mas|quiero(?: recibir)?(?: mas)?|envien|manden)(?: \w+){0,2} (?:mensajes?|sms|textos?|publicidad)\b",
    r"\bno me (?:escrib\w+|mand\w+|envi\w+|contact\w+|molest\w+)",
    r"\b(?:dejen?|paren?) de (?:escrib|mand|envi|molest|contact)\w+",
    r"\b(?:dar(?:me|nos)|dame|denme|deme) de baja\b",
    r"\b(?:borr|elimin|quit)\w+ mi numero\b|\bborrenme\b|\bquitenme\b",
    r"\bnumero equivocado\b",
)

_NEGATIONS = (
    r"\b(?:dont|do not|never|not|didnt)(?: \w+){0,2} (?:stop|unsubscribe|cancel|quit|end|remove|delete|opt|take)\b",
    r"\b(?:nicht|nie)(?: \w+){0,2} (?:stopp|stoppen|abmelden|abbestellen|austragen|aufhoren|kundigen)\b",
    r"\b(?:horen?|hort)(?: sie)?(?: \w+){0,2} nicht auf\b",
    r"\bne (?:\w+ ){0,2}(?:arretez|arreter|arrete|desabonn\w+|desinscri\w+|supprimez|retirez)(?: \w+){0,2} pas\b",
    r"\bne pas (?:\w+ ){0,2}(?:arreter|desabonner|desinscrire)\b",
    r"\bno (?:\w+ ){0,2}(?:paren?|parar|dejen?|cancelar|darme de baja|den de baja|detener)\b",
)

PHRASES = re.compile("|".join(_PHRASES))
"""They forbid writing wherever in a clause they stand."""

NEGATED = re.compile("|".join(_NEGATIONS))
"""A clause with one of these is no stop, whatever else is in it."""
