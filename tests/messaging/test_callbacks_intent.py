"""What people mean who answer an SMS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.callbacks.intent import Intent, intent_of

SENTENCES: dict[Intent, str] = {
    "stop": """
        STOP
        stop
        Stop.
        StopAll
        stop all
        UNSUBSCRIBE
        Cancel
        end
        QUIT
        revoke
        OPTOUT
        opt out
        Opt-out please
        Stop please
        please STOP!!!
        ok stop
        stop it
        Hi, please stop. Thanks, Ada
        No! Stop
        STOP 🛑
        ＳＴＯＰ
        could you please stop
        I want to stop
        I want you to stop texting me
        stop texting me
        STOP SENDING ME MESSAGES
        Why won't you stop texting me
        quit texting me
        please don't text me
        Please don’t text me anymore
        do not contact me
        Dont message me ever again
        never text me again
        don't send me any more of these
        I don't want any more messages
        I do not want to receive texts
        no more texts please
        How do I stop these messages?
        how can i unsubscribe
        take me off your list
        Remove me from this list please
        remove my number
        lose my number
        leave me alone
        Wrong number
        Stopp
        abmelden
        Ich möchte mich abmelden
        bitte keine SMS mehr
        Bitte keine Nachrichten mehr schicken
        Bitte nicht mehr schreiben
        Schreiben Sie mir nicht mehr
        Hören Sie bitte auf
        Lasst mich in Ruhe
        ARRÊT
        Arrêtez s'il vous plaît
        arretez de m'écrire
        Ne m'envoyez plus de SMS
        plus de messages svp
        désabonnez-moi
        je veux me désabonner
        alto
        BAJA
        Por favor parar
        No más mensajes
        no me escriban más
        dejen de escribirme
        quiero darme de baja
        basta ya
    """,
    "start": """
        START
        start
        Start!
        Unstop
        YES
        yes please
        start again please
        anmelden
        iniciar
    """,
    "help": """
        HELP
        help me
        Help please
        help?
        INFO
        Hilfe
        aide
        ayuda por favor
    """,
    "none": """
        don't stop
        please do not stop
        Don't stop texting me
        never stop
        the bus stop is closed
        I'll stop by tomorrow
        Where is the next stop?
        nonstop flight
        can't stop laughing
        cancel my order
        when does it end?
        The movie has no end
        I'll be at the end of the street
        quit my job yesterday
        Remove the blue one from my order
        I did not unsubscribe
        please do not unsubscribe me
        bitte nicht abmelden
        Hören Sie nicht auf
        Ne me désabonnez pas
        n'arrêtez pas
        no me den de baja
        no paren
        you never text me back
        why don't you text me
        don't call me, text me
        text me
        yes, but when does the sale start?
        when do you start?
        ja
        oui
        I need help with my order
        I cannot help you
        the information is wrong
        Thanks!
        ok
        what is this?
        Call me
        👍
        1
    """,
}


@pytest.mark.parametrize(
    ("text", "intent"),
    [(line.strip(), intent) for intent, lines in SENTENCES.items() for line in lines.strip().splitlines()],
)
def test_an_sms_is_read_as_people_mean_it(text: str, intent: Intent) -> None:
    assert intent_of(text) == intent


@pytest.mark.parametrize("text", ["", "   ", "\n", "...", "’"])
def test_an_empty_sms_wants_nothing(text: str) -> None:
    assert intent_of(text) == "none"


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert intent_of(text) in ("stop", "start", "help", "none")


@given(
    st.lists(st.sampled_from(["don't", "stop", "please", "send", "me", "ne", "plus", "no", "nicht", ","]), max_size=400)
)
def test_a_long_text_is_read_in_no_time(words: list[str]) -> None:
    assert intent_of(" ".join(words)) in ("stop", "none")
