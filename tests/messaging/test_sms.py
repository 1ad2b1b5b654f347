"""Segments: GSM-7 160 alone and 153 each, UCS-2 70 alone and 67 each."""

from __future__ import annotations

import pytest

from messaging.sms import Size, size_of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", Size("GSM-7", 0, 1)),
        ("a" * 160, Size("GSM-7", 160, 1)),
        ("a" * 161, Size("GSM-7", 161, 2)),
        ("a" * 306, Size("GSM-7", 306, 2)),
        ("a" * 307, Size("GSM-7", 307, 3)),
        ("€" * 80, Size("GSM-7", 160, 1)),
        ("€" * 81, Size("GSM-7", 162, 2)),
        ("a" * 152 + "€" + "a" * 152, Size("GSM-7", 306, 3)),
        ("àéñ£@\n", Size("GSM-7", 6, 1)),
        ("^{}\\[~]|", Size("GSM-7", 16, 1)),
        ("ç", Size("UCS-2", 1, 1)),
        ("я" * 70, Size("UCS-2", 70, 1)),
        ("я" * 71, Size("UCS-2", 71, 2)),
        ("я" * 134, Size("UCS-2", 134, 2)),
        ("я" * 135, Size("UCS-2", 135, 3)),
        ("🎉" * 35, Size("UCS-2", 70, 1)),
        ("🎉" * 36, Size("UCS-2", 72, 2)),
        ("🎉" * 67, Size("UCS-2", 134, 3)),
        ("`", Size("UCS-2", 1, 1)),
    ],
)
def test_what_a_text_comes_to(text: str, size: Size) -> None:
    assert size_of(text) == size
