"""Values that try to become markup, and what a program sees of a message: its tags and their attributes."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import strategies as st

VALUES = [
    "<script>alert(1)</script>", "</a><img src=x onerror=alert(1)>", '" onclick="alert(1)', "' onclick='alert(1)",
    " onclick=alert(1) ", "x onerror=alert(1)", '"><svg/onload=alert(1)>', "'><b>", "--><script>x</script><!--",
    "<![endif]--><b>", "]]><b>", "</title><script>x</script>", "</style><b>", "</mj-text><mj-raw><b></b></mj-raw>",
    "</textarea><b>", "<!--", "-->", "<![CDATA[<b>]]>", "&quot; onclick=&quot;x", "&#34; onclick=&#34;x", "&lt;b&gt;",
    "&amp;lt;b&amp;gt;", '\\" onclick=x', "`", "{{ customer.x }}", "{% if 1 %}", "\r\nBcc: x@example.com", "\x00<b>",
    "\u2028<b>", "\u00a0onclick=x", "＜b＞", "<b", "b>", "=", "/", "/>", "&", "&#x3c;b&#x3e;", "<%=x%>", "<?php x ?>",
    '\ufffe"\uffff onclick=x', "<plaintext>", "<base href=//x>", "ſcript", "<a\x0bhref=x>",
]  # fmt: skip


def values() -> st.SearchStrategy[str]:
    """Hostile values, and texts put together of their parts."""
    parts = st.one_of(st.sampled_from(VALUES), st.sampled_from(list("<>\"'&=/ \n\t;:-!`{}%#")), st.text(max_size=3))
    return st.one_of(st.sampled_from(VALUES), st.lists(parts, min_size=1, max_size=6).map("".join))


class Seen(HTMLParser):
    """Every tag of a document with the names of its attributes, in their order; Outlook's comments are read too."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", ()))
        if data.startswith("[if"):
            self.tags += Seen(data.partition(">")[2].rpartition("<")[0]).tags

    def handle_decl(self, decl: str) -> None:
        self.tags.append(("declaration", ()))

    def unknown_decl(self, data: str) -> None:
        self.tags.append(("declaration", ()))

    def handle_pi(self, data: str) -> None:
        self.tags.append(("instruction", ()))


def seen(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """The tags of a document."""
    return Seen(html).tags
