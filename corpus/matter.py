"""What of a book is no content: contents, indexes, reference lists, prefaces and imprints, by title and by form.

The forms are ones that running text hardly takes, and several lines in a row must have one: a page of content that is
lost costs more than a list that stays.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from psyche.corpus.text import HAN

_TITLE = re.compile(
    r"(?:(?:相关|关联)(?:条目|词条|链接|阅读|页面|主题)|(?:主要)?参考(?:文献|书目|资料)?(?:[与和及].{0,4}(?:阅读|来源))?"
    r"|(?:延伸|扩展|继续)阅读|外部链接|(?:(?:总|自|代|作者|译者?|再版|第.{1,3}版|丛书)?(?:前言|序言?))|(?:出版|编写)说明|后记|跋"
    r"|(?:图表?|插图|表格)?目录|(?:名词|主题|术语|人名)?索引|致谢|鸣谢|版权.*|(?:内容|作者)简介|编委会.*"
    r"|references?|bibliography|works cited|see also|further reading|external links|preface.*|foreword"
    r"|(?:table of )?contents|list of (?:figures|tables)|(?:subject |author |name )?index|copyright.*|dedication"
    r"|acknowledge?ments?|about the authors?|suggested reading.*"
    r"|(?:review|critical thinking|personal application) questions?)\W*",
    re.IGNORECASE,
)
_PAGE = r"[(（]?(?:\d{1,4}|[ivxl]{1,6})[)）]?"
_NUMBERED = (
    r"(?:第\S{1,4}(?:[编篇章节讲课]|部分|单元)|(?:Chapter|Section|Part|Unit|Lesson)\s+\w+|\d{1,2}(?:\.\d{1,2}){0,3}\.?"
    r"|[一二三四五六七八九十]{1,3}、)"
)
_PLACES = r"\d{1,4}(?:\s?[-–—~]\s?\d{1,4})?"
_AUTHOR = (
    r"(?:[A-Z][^\s,]*(?:\s[^\s,]+){0,3}, (?:[A-Z]\.|et al)|[A-Z][^()]{1,120}\((?:\d{4}|n\.d)"
    rf"|[{HAN}·]{{2,12}}[,，、.．(（ ])"
)
_FORMS = {
    "leaders": (re.compile(rf".{{1,80}}?(?:\.{{4,}}|…{{2,}}|·{{3,}}|(?:\s[.·]){{3,}}|_{{4,}})[\s.…·]*{_PAGE}"), 3),
    "titles": (re.compile(rf"{_NUMBERED}\s*\S.{{0,60}}?\s{_PAGE}"), 5),
    "index": (re.compile(rf"[^\d\W][^。！？；.!?;]{{0,60}}?[,，\s]\s*{_PLACES}(?:\s*[,，、]\s*{_PLACES})*"), 5),
    "references": (re.compile(rf"(?:\[\d{{1,3}}\]|\d{{1,3}}[.、．)])?\s*{_AUTHOR}.*"), 3),
}
_SOURCE = re.compile(
    r"\[[JMCDNRSPZ](?:/OL)?\]|[(（](?:\d{4}[a-z]?|n\.d\.)(?:[,/、][^()（）]{1,20})?[)）][.．。,，]|出版社[,，.．]\s*\d{4}"
    r"|(?:19|20)\d\d[,，;；]\s*\d+\s*[(（]\d+[)）]\s*[,，:：]\s*\d+|\bdoi\b"
)
_SEVERAL = re.compile(rf"{_PLACES}\s*[,，、]\s*{_PLACES}$|\d\s?[-–—~]\s?\d+$")
_IMPRINT = re.compile(
    r"(?P<isbn>ISBN)|(?P<rights>版权所有|[翻侵][印权]必究|all rights reserved)|(?P<copyright>©|copyright)"
    r"|(?P<catalogue>CIP|在版编目|Library of Congress)|(?P<paper>印张|印数|开本|字数)|(?P<price>定价)"
    r"|(?P<staff>责任(?:编辑|校对)|封面设计)|(?P<print>版次|印次|次印刷|printed in|first published)"
    r"|(?P<publisher>出版发行|出版社)",
    re.IGNORECASE,
)
_ENOUGH_MARKS = 3
_MOST = 0.8
_LONGEST_LINE = 600
_LONGEST_ENTRY = 120


def is_title_of_none(title: str) -> bool:
    """Whether what stands under this heading is no content."""
    return bool(_TITLE.fullmatch(title.strip()))


def is_entry(line: str) -> bool:
    """Whether a line is one of a table of contents or an index."""
    return _form(line) in ("leaders", "titles", "index")


def without_content(blocks: Sequence[str]) -> list[bool]:
    """For each of consecutive blocks whether its form is that of contents, an index, references or an imprint."""
    verdicts: list[bool] = []
    for form, group in itertools.groupby(blocks, key=_form_of_block):
        run = list(group)
        verdicts += [form is not None and _holds(form, run)] * len(run)
    return verdicts


def _form_of_block(block: str) -> str | None:
    """The form of nearly all of its lines."""
    lines = block.split("\n")
    forms = [_form(line) for line in lines if line.strip()]
    for form in _FORMS:
        if forms.count(form) > _MOST * len(forms):
            return form
    return "imprint" if len(block) <= _LONGEST_LINE and _IMPRINT.search(block) else None


def _form(line: str) -> str | None:
    line = line.strip().lstrip("-*+• ")
    for form, (pattern, _) in _FORMS.items():
        longest = _LONGEST_LINE if form == "references" else _LONGEST_ENTRY
        if len(line) <= longest and pattern.fullmatch(line) and (form != "references" or _SOURCE.search(line)):
            return form
    return None


def _holds(form: str, blocks: Sequence[str]) -> bool:
    """Whether there are enough lines; titles must go up in pages, and an index must have more than one somewhere."""
    text = "\n".join(blocks)
    if form == "imprint":
        return len({mark.lastgroup for mark in _IMPRINT.finditer(text)}) >= _ENOUGH_MARKS
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if form == "titles":
        pages = [int(found[0]) for line in lines if (found := re.search(r"\d+(?=\D?$)", line))]
        if pages != sorted(pages):
            return False
    if form == "index" and not any(_SEVERAL.search(line) for line in lines):
        return False
    return len(lines) >= _FORMS[form][1]
