"""The texts of the two messages, and a plain layout for a project that has none."""

from __future__ import annotations

from lifecycle.expectations import scalar
from lifecycle.language.map import Map
from lifecycle.starter.idea import Idea, intents

_OPENINGS = {
    "before": "It is good that you found us.",
    "core": "It is good to have you with us.",
    "after": "It is good to have you with us.",
    None: "It is good to have you with us.",
}
_LAPSED = "It was good to have you with us, and the door is open."


def messages(idea: Idea, map_: Map) -> dict[str, str]:
    """Both templates by their path in the project."""
    stage = map_.stages[idea.stage]
    first = intents(map_, idea.stage, "education", "information", "welcome")
    second = intents(map_, idea.stage, "reminder", "education", "information")
    about = {"topic": scalar(idea.topic), "layout": idea.layout, "stage": " ".join(stage.for_.split())}
    about["opening"] = _LAPSED if stage.lapsed else _OPENINGS[stage.side]
    if idea.channel == "sms":
        return {
            f"templates/{idea.first}.sms.txt": _SMS.format(**about, intent=first, text=_FIRST_TEXT),
            f"templates/{idea.second}.sms.txt": _SMS.format(**about, intent=second, text=_SECOND_TEXT),
        }
    return {
        f"templates/{idea.first}.email.mjml": _FIRST.format(**about, intent=first),
        f"templates/{idea.second}.email.mjml": _SECOND.format(**about, intent=second),
    }


def layout() -> str:
    """What every e-mail looks like, with its foot: why it came, the way out, and the postal address."""
    return _LAYOUT


_FRONT = """\
topic: {topic}
# What it is for. The map forbids some intents in some stages; this stage is for: {stage}
intent: {intent}
"""

_MAIL = (
    _FRONT
    + """\
# Where the name is not known it reads "Hello there".
defaults: {{customer.first_name: there}}
sample: {{customer: {{first_name: Ada}}}}
---
{{% extends "{layout}" %}}
"""
)

_FIRST = (
    """\
---
# Your own words go here: the subject, the line that mailboxes show after it, and the text below.
subject: One good next step
preheader: It takes five minutes, and you can stop at any time.
"""
    + _MAIL
    + """\
{{% block title %}}One good next step{{% endblock %}}
{{% block content %}}
<mj-text>Hello {{{{ customer.first_name }}}},</mj-text>
<mj-text>{opening} If you have five minutes this week, the page below shows what to do next, and what you get
out of it.</mj-text>
<mj-button href="https://example.com/next-step">Show me the next step</mj-button>
<mj-text>Have you got a question? Answer this message, and a person will read it.</mj-text>
<mj-text>{{{{ company }}}}</mj-text>
{{% endblock %}}
"""
)

_SECOND = (
    """\
---
# One reminder, shorter than the first message, for those who did not find the time.
subject: Still one good next step
preheader: A short reminder, and the only one.
"""
    + _MAIL
    + """\
{{% block title %}}Still one good next step{{% endblock %}}
{{% block content %}}
<mj-text>Hello {{{{ customer.first_name }}}},</mj-text>
<mj-text>Not long ago we wrote to you about a next step. In case that message got lost among others, here it
is again.</mj-text>
<mj-button href="https://example.com/next-step">Show me the next step</mj-button>
<mj-text>If this is not the time, you need do nothing: we will not remind you again.</mj-text>
<mj-text>{{{{ company }}}}</mj-text>
{{% endblock %}}
"""
)

_SMS = (
    """\
---
# Your own words go below. Up to 160 plain characters cost one text message; keep the last sentence.
"""
    + _FRONT
    + """\
---
{{{{ company }}}}: {text} https://example.com/next Reply STOP to opt out
"""
)
_FIRST_TEXT = "here is one good next step, and it takes five minutes:"
_SECOND_TEXT = "a short reminder, and the only one. Your next step:"

_LAYOUT = """\
<mjml lang="{{ language }}">
  <mj-head>
    <mj-title>{{ subject }}</mj-title>
    <mj-preview>{{ preheader }}</mj-preview>
    <mj-attributes>
      <mj-all font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" />
      <mj-text font-size="17px" line-height="1.6" color="#222222" />
      <mj-button font-size="17px" color="#ffffff" background-color="#1f4f8a" border-radius="6px" align="left" />
      <mj-class name="small" font-size="14px" line-height="1.5" color="#555555" />
    </mj-attributes>
  </mj-head>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>
          <h1 style="margin: 0; font-size: 25px; line-height: 1.3;">{% block title %}{{ subject }}{% endblock %}</h1>
        </mj-text>
        {% block content %}{% endblock %}
      </mj-column>
    </mj-section>
    <mj-section>
      <mj-column>
        <mj-text mj-class="small">You get this message from {{ company }}.</mj-text>
        {% if unsubscribe_url %}
        <mj-text mj-class="small">
          <a href="{{ unsubscribe_url }}">Unsubscribe</a> &#183;
          <a href="{{ preferences_url }}">Choose what we send you</a>
        </mj-text>
        {% endif %}
        {% if postal_address %}
        <mj-text mj-class="small">{{ postal_address }}</mj-text>
        {% endif %}
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
