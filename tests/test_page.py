"""The page of a report: complete in itself, safe to open, and free of what is personal."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self

import pytest

from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Turn
from psyche.evaluation.items import Choice, Consultation, Essay, Item, Repair
from psyche.evaluation.page import MOST_BYTES, Report, page
from psyche.evaluation.results import Answer
from psyche.evaluation.tables import Cell, Table

HOSTILE = """</script><script>alert(1)</script><img src=x onerror='alert(2)'>"&amp;{{ 7 * 7 }}"""
TABLE = Table("Accuracy", ((Cell("model"), Cell("Avg")),), ((Cell("one"), Cell("52.10")),))
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>A plot</title><script>alert(3)</script></svg>'


class Reader(HTMLParser):
    """What a browser makes of a page: tags with attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    @classmethod
    def of(cls, text: str) -> Self:
        reader = cls()
        reader.feed(text)
        return reader

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def choice(number: int = 1, **other: Any) -> Choice:
    given: dict[str, Any] = {
        "benchmark": "pceb",
        "column": "case single",
        "subject": "case",
        "place": f"mix.json, no. {number}",
        "language": "zh",
        "kind": "single",
        "stem": f"第{number}题",
        "options": {"A": "甲", "B": "乙"},
        "key": AnswerKey(kind="choice", value=("A",)),
    }
    return Choice(**given | other)


def answer(item: Item, **other: Any) -> Answer:
    given: dict[str, Any] = {"candidate": "one", "shots": 0, "status": "read", "text": "答案：A", "chosen": "A"}
    return Answer(item=item.id, **{**given, "standard": 1.0, "elastic": 1.0} | other)


def report(items: Sequence[Item] = (), answers: Sequence[Answer] = (), **other: Any) -> Report:
    given: dict[str, Any] = {
        "title": "A trial",
        "facts": {"seed": "1"},
        "summary": ["One is ahead."],
        "sections": {"Results": [TABLE, "A paragraph."]},
        "plots": [],
        "repairs": {"pceb": [Repair(what="nfkc", place="mix.json, no. 1", detail="⼼")]},
    }
    return Report(items={item.id: item for item in items}, answers=answers, **given | other)


def test_all_parts_of_the_report_are_on_the_page() -> None:
    text = Reader.of(page(report([choice()], [answer(choice())]))).text
    parts = ("A trial", "seed", "One is ahead.", "Results", "52.10", "A paragraph.", "nfkc", "⼼")
    assert all(part in text for part in (*parts, "第1题", "A. 甲", "Key: A", "答案：A", "one, 0-shot: right (A)"))


def test_whatever_a_text_holds_it_stays_text(tmp_path: Path) -> None:
    item = choice(stem=HOSTILE, place=HOSTILE, column=HOSTILE, options={"A": HOSTILE}, case=HOSTILE, analysis=HOSTILE)
    svg = tmp_path / "plot.svg"
    svg.write_text(SVG.replace("A plot", "A plot&quot; onload=&quot;x&lt;script&gt;"), "utf-8")
    table = Table(HOSTILE, ((Cell(HOSTILE),),), ((Cell(HOSTILE), Cell(HOSTILE)),), (HOSTILE,))
    reader = Reader.of(
        page(
            report(
                [item],
                [answer(item, candidate=HOSTILE, text=HOSTILE, chosen=HOSTILE)],
                title=HOSTILE,
                facts={HOSTILE: HOSTILE},
                summary=[HOSTILE],
                sections={HOSTILE: [table, HOSTILE]},
                repairs={HOSTILE: [Repair(what=HOSTILE, place=HOSTILE, detail=HOSTILE)]},
                plots=[svg],
            )
        )
    )
    assert len(reader.named("script")) == 1
    assert [image["src"][:19] for image in reader.named("img")] == ["data:image/svg+xml;"]
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert reader.text.count(HOSTILE) > 15


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    svg = tmp_path / "plot.svg"
    svg.write_text(SVG, "utf-8")
    text = page(report([choice()], [answer(choice())], plots=[svg, tmp_path / "plot.png"]))
    reader = Reader.of(text)
    links = [attributes.get(name, "#") for _, attributes in reader.tags for name in ("src", "href")]
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in links)
    assert "url(" not in text
    assert "@import" not in text
    assert [image["alt"] for image in reader.named("img")] == ["A plot"]


def test_only_its_own_script_and_style_are_let_run() -> None:
    text = page(report())
    policies = [meta for meta in Reader.of(text).named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    policy = policies[0]["content"]
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_every_link_leads_to_one_place() -> None:
    reader = Reader.of(page(report(sections={"Results": [TABLE], "Judges": [TABLE]})))
    names = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(names) == len(set(names))
    links = [link["href"] for link in reader.named("a")]
    assert len(links) == 4
    assert {link.removeprefix("#") for link in links} <= {*names}


def test_tables_have_captions_and_heads_and_can_be_scrolled_by_keyboard() -> None:
    reader = Reader.of(page(report()))
    tables = len(reader.named("table"))
    assert tables == len(reader.named("caption")) == 2
    assert all(head["scope"] for head in reader.named("th"))
    boxes = [box for box in reader.named("div") if box.get("class") == "box"]
    assert [box["tabindex"] for box in boxes] == ["0"] * tables
    assert all(box["aria-label"] for box in boxes)


def test_chinese_texts_are_marked_as_chinese() -> None:
    reader = Reader.of(page(report([choice()], [answer(choice())])))
    assert reader.named("html") == [{"lang": "en"}]
    question, reply = reader.named("details")[1]["lang"], reader.named("div")[-1]["lang"]
    assert (question, reply) == ("zh", "zh")


def test_what_help_seekers_wrote_is_only_on_a_private_page() -> None:
    item = Consultation(
        benchmark="cpsycoune",
        column="family",
        subject="family",
        place="family/1.json",
        language="zh",
        turns=(Turn(speaker="seeker", text="我失眠了"),),
    )
    given = report([item], [answer(item, text="听起来很难受", standard=None, elastic=None, chosen=None)])
    public, private = page(given), page(given, private=True)
    assert "失眠" not in public
    assert "难受" not in public
    assert "Consultations are left out (1)" in public
    assert "seeker: 我失眠了" in private
    assert "听起来很难受" in private
    assert "left out" not in private


def test_answers_not_read_come_before_wrong_ones_and_those_before_right_ones() -> None:
    items = [choice(number) for number in range(30)]
    outcomes: list[dict[str, Any]] = [
        {},
        {"standard": 0.0, "elastic": 0.5, "chosen": "B"},
        {"status": "truncated", "standard": 0.0, "elastic": 0.0, "chosen": None},
    ]
    answers = [answer(item, **outcomes[number % 3]) for number, item in enumerate(items)]
    reader = Reader.of(page(report(items, answers)))
    told = [part["data-outcome"] for part in reader.named("details") if "data-outcome" in part]
    assert told == ["truncated"] * 10 + ["partly right"] * 10 + ["right"] * 10


def test_an_essay_shows_its_reference_and_a_failure_its_reason() -> None:
    item = Essay(
        benchmark="pceb", column="essay", subject="case", place="1", language="zh", stem="简述", reference="要点"
    )
    failed = answer(item, status="failed", text="", chosen=None, standard=None, elastic=None, detail="HTTP 400")
    text = Reader.of(page(report([item], [failed]))).text
    assert all(part in text for part in ("简述", "Reference: 要点", "one, 0-shot: failed", "HTTP 400"))


def test_of_a_long_answer_beginning_and_end_are_shown() -> None:
    text = page(report([choice()], [answer(choice(), text=f"start{'x' * 5000}end")]))
    assert "startx" in text
    assert "xend" in text
    assert "3508 characters left out" in text
    assert "x" * 1001 not in text


def test_a_large_evaluation_stays_a_small_page_that_keeps_the_wrong_answers() -> None:
    items = [choice(number) for number in range(4000)]
    answers = [
        answer(item, text="因为" * 700, candidate=name, standard=float(bool(number % 10)), elastic=1.0)
        for number, item in enumerate(items)
        for name in ("one", "two")
    ]
    text = page(report(items, answers))
    told = re.findall(r'data-outcome="(.*?)"', text)
    assert len(text.encode()) < MOST_BYTES * 1.1
    assert told.count("partly right") == 800
    assert f"{len(told) // 2} of 4000 items" in text


def test_the_filter_follows_the_address(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("needs chromium, which is not installed")
    items = [choice(1), choice(2, column="theory single"), choice(3)]
    answers = [
        answer(item, candidate=name, standard=float(number != 3), elastic=0.0)
        for number, item in enumerate(items, 1)
        for name in ("one", "two")
    ]
    (tmp_path / "page.html").write_text(page(report(items, answers)), "utf-8")

    def shown(wanted: str) -> tuple[list[str], str]:
        """The places of the items that are to be seen, and their number as the page tells it."""
        switches = (
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
            *(
                "--disable-background-networking",
                "--disable-component-update",
                f"--user-data-dir={tmp_path / 'profile'}",
            ),
        )
        address = f"{(tmp_path / 'page.html').as_uri()}#{wanted}"
        command = [browser, *switches, "--dump-dom", address]
        dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
        articles = re.findall(r"<article([^>]*)>.*?no\. (\d)", dom, re.DOTALL)
        (number,) = re.findall(r"<output[^>]*>(\d+)</output>", dom)
        return [place for attributes, place in articles if "hidden" not in attributes], number

    assert sorted(shown("")[0]) == ["1", "2", "3"]
    assert shown("column=pceb%3A+theory+single") == (["2"], "1")
    assert shown("outcome=wrong&candidate=two") == (["3"], "1")
    assert shown("candidate=nobody")[1] == "3", "what the page does not know filters nothing"
