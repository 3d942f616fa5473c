"""Quotes: where the words that a model says it read really stand."""

from __future__ import annotations

import unicodedata


def standing(text: str, quote: str) -> str:
    """The words of a text that a quote means, as they stand there; nothing where it says what the text does not.

    Punctuation, white space, width and case make no difference.
    """
    plain, places = _plain(text)
    wanted, _ = _plain(quote)
    found = plain.find(wanted) if wanted else -1
    return text[places[found] : places[found + len(wanted) - 1] + 1] if found >= 0 else ""


def _plain(text: str) -> tuple[str, list[int]]:
    """Letters and digits alone, and where in the text each of them comes from."""
    kept = [
        (folded, place)
        for place, char in enumerate(text)
        for folded in unicodedata.normalize("NFKC", char).casefold()
        if folded.isalnum()
    ]
    return "".join(char for char, _ in kept), [place for _, place in kept]
