"""The plain text part: readable, with its links, without what HTML hides."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.text import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One\n  two</p><p>Three<br>four</p>", "One two\n\nThree\nfour"),
        (
            'See <a href="https://e.com/?a=1&amp;b=2">our <b>list</b></a>, please',
            "See our list (https://e.com/?a=1&b=2), please",
        ),
        ("<a href='https://e.com/'>https://e.com</a>", "https://e.com"),
        ('<a href="mailto:a@e.com">a@e.com</a> <a href="mailto:a@e.com">write</a>', "a@e.com write (a@e.com)"),
        ('<a href="#top">Up</a> <a>plain</a> <a href="https://e.com"></a>', "Up plain"),
        ('<a href="https://e.com"><img src="x.png" alt="Shop"></a>', "Shop (https://e.com)"),
        ('<img src="logo.png" alt="Logo"><p>Text</p>', "Text"),
        ("<ul><li>a</li><li>b</li></ul><ol><li>x</li><li>y</li></ol>", "- a\n- b\n\n1. x\n2. y"),
        ("<table><tr><th>Item</th><th>Price</th></tr><tr><td>Pen</td><td>3</td></tr></table>", "Item | Price\nPen | 3"),
        (
            '<table role="presentation"><tr><td>Left</td><td> right</td></tr><tr><td>x</td></tr></table>',
            "Left right\n\nx",
        ),
        ('<div style="display:none">hidden</div><div style="DISPLAY : NONE">too</div>seen', "seen"),
        ('<div style="max-height:0;mso-hide:all">hidden <b>x</b></div>seen', "seen"),
        ("<span hidden>no</span><div style='overflow:hidden'>yes</div>", "yes"),
        ("<head><title>T</title><style>p > a {}</style></head><body>x</body>", "x"),
        ("<script>if (a < b) {}</script>x<!-- c --><!--[if mso]><b>no</b><![endif]-->y", "xy"),
        ("<!--[if !mso]><!--><p>yes</p><!--<![endif]-->", "yes"),
        ("&lt;b&gt; &amp; &nbsp; &copy;\u200c\u034f", "<b> & ©"),
        ("a<hr>b", "a\n\nb"),
        ("1 < 2 </b> <p>open", "1 < 2\n\nopen"),
    ],
)
def test_html_reads_as_text(html: str, text: str) -> None:
    assert text_of(html) == text + "\n"


def test_nothing_comes_to_nothing() -> None:
    assert text_of("") == text_of("<p> </p>") == ""


@given(
    st.lists(
        st.sampled_from(
            ["<a href='", "</a>", "<p>", "<!--", "-->", "x", "<li>", "</ul>", '"', "<td", ">", "&#", "<br/>"]
        )
    )
)
def test_any_html_has_a_text(parts: list[str]) -> None:
    text_of("".join(parts))


@pytest.mark.parametrize("part", ["<a href='", "<p ", '<b x="', "<!--", "<div><p>", "<", "&#1"])
def test_broken_html_takes_no_longer(part: str) -> None:
    begin = time.process_time()
    text_of(part * 20_000)
    assert time.process_time() - begin < 2
