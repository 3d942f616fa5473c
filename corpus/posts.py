"""Type IV sources: what help-seekers wrote and what was replied, in tables of a post or of a reply a row."""

from __future__ import annotations

import html
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from psyche.corpus.adverts import without_adverts
from psyche.corpus.cleaning import clean
from psyche.corpus.decoding import LIMIT
from psyche.corpus.headings import POSTS, Headings
from psyche.corpus.records import Comment, Language, Origin, Post, Reject
from psyche.corpus.tables import Row, grouped, once, read_rows, rejected

WANTED = ("title", "text")
"""What makes a row a post."""

_TAG = re.compile(
    r"</?(?:p|br|div|span|a|img|b|i|u|em|strong|font|li|ul|ol|h[1-6]|blockquote|table|tr|td)\b[^<>]*>", re.IGNORECASE
)
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h[1-6]|/tr)\b[^<>]*>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_BETWEEN = re.compile(r"[,，、;；|/\s]+")
_YES = {"1", "true", "yes", "y", "是", "专业", "认证", "已认证"}
_NO = {"0", "false", "no", "n", "否", "非专业", "未认证"}


def read_posts(
    path: Path, *, origin: Origin, language: Language, counts: Counter[str], columns: Mapping[str, str] = {}
) -> Iterator[Post | Reject]:
    """The posts of a table with their replies; `columns` says what it calls `title`, `text`, `reply`, `votes` …

    Rows with the same `post` or, without one, the same title and text are one post: wherever they stand in a file of up
    to `LIMIT` bytes, one after another in a larger one. Rejects have the reasons `empty_post`, `malformed_item`,
    `malformed_line` and `duplicate_in_file`.
    """
    rows = read_rows(path, origin.source, Headings(POSTS, WANTED, columns))
    groups = grouped(rows, _key, anywhere=path.stat().st_size <= LIMIT)
    return once(((group[0], _post(group, origin, language, counts)) for group in groups), origin)


def _key(row: Row) -> object:
    """What rows of one post have in common; a row that is no reply to a post stands for itself."""
    item = row.value
    if row.problem or not isinstance(item, Mapping) or not isinstance(item.get("reply"), str):
        return row.place
    return str(item.get("post") or (item.get("title"), item.get("text")))


def _post(rows: Sequence[Row], origin: Origin, language: Language, counts: Counter[str]) -> Post | Reject:
    first = rows[0]
    item = {"text": first.value} if isinstance(first.value, str) else first.value
    if first.problem:
        return rejected(first, "malformed_line", first.problem, origin)
    if problem := _malformed(item):
        return rejected(first, "malformed_item", problem, origin)
    title, text = (tidy(item.get(name) or "", counts) for name in ("title", "text"))
    if not title and not text:
        return rejected(first, "empty_post", "no words left after cleaning", origin)
    given = itertools.chain.from_iterable(_given(row.value) for row in rows if isinstance(row.value, Mapping))
    replies = [_comment(reply, counts) for reply in given]
    return Post(
        title=title,
        text="" if text == title else text,
        topics=topics_of(item, counts),
        replies=tuple(reply for reply in replies if reply.text),
        language=language,
        origin=origin,
    )


def _malformed(item: Any) -> str | None:
    """What is wrong with a post's fields, if anything."""
    if not isinstance(item, Mapping):
        return "neither text nor an object with a `title` or `text`"
    for name in WANTED:
        if not isinstance(item.get(name), str | None):
            return f"`{name}` is no text"
    replies = item.get("replies")
    if not isinstance(replies, list | str | None):
        return "`replies` is no list"
    if isinstance(replies, list) and not all(isinstance(_said(reply), str) for reply in replies):
        return "`replies` holds something without a text"
    return None


def _given(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The replies of a row: its own, and those in its list."""
    if isinstance(item.get("reply"), str):
        yield item
    replies = item.get("replies") or []
    for reply in [replies] if isinstance(replies, str) else replies:
        yield {**(reply if isinstance(reply, Mapping) else {}), "reply": _said(reply)}


def _said(reply: Any) -> Any:
    """The words of a reply in a list, be it text or an object."""
    return reply.get("reply", reply.get("text")) if isinstance(reply, Mapping) else reply


def _comment(reply: Mapping[str, Any], counts: Counter[str]) -> Comment:
    votes = str(reply.get("votes", "")).strip()
    said = str(reply.get("professional", "")).strip().casefold()
    return Comment(
        text=tidy(reply["reply"], counts),
        votes=int(votes) if re.fullmatch(r"[0-9]{1,9}", votes) else None,
        professional=True if said in _YES else False if said in _NO else None,
    )


def topics_of(item: Mapping[str, Any], counts: Counter[str]) -> tuple[str, ...]:
    """Topic, sub-topic and keywords, each once; keywords in one text stand between commas or spaces."""
    named: list[Any] = []
    for name in ("topic", "subtopic", "keywords"):
        value = item.get(name) or []
        named += value if isinstance(value, list) else _BETWEEN.split(value) if isinstance(value, str) else []
    return tuple(dict.fromkeys(topic for name in named if isinstance(name, str) and (topic := clean(name, counts))))


def tidy(text: str, counts: Counter[str]) -> str:
    """Cleaned text without tags and adverts."""
    bare = _TAG.sub("", _BREAK.sub("\n", text))
    if bare != text:
        counts["html_tag"] += 1
    return without_adverts(clean(_ENTITY.sub(lambda entity: html.unescape(entity[0]), bare), counts), counts)
