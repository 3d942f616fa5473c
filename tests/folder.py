"""One folder with sources of every kind in every format, and with damaged ones among them, made on the fly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Dialogue, Origin, Passage, Post, Question, Record, Topic
from tests import material, paper, tables
from tests.material import Blocks

KINDS: Mapping[str, type[Record]] = {
    "book/a.md": Passage,
    "book/b.txt": Passage,
    "book/c.html": Passage,
    "book/d.epub": Passage,
    "book/e.docx": Passage,
    "book/f.pptx": Passage,
    "book/g.pdf": Passage,
    "book/h scanned.pdf": Passage,
    "book/i.png": Passage,
    "bank/a.json": Question,
    "bank/b.jsonl": Question,
    "bank/c.csv": Question,
    "bank/d.xlsx": Question,
    "paper/a.docx": Question,
    "paper/b.pdf": Question,
    "posts/a.jsonl": Post,
    "posts/b.csv": Post,
    "posts/c.xlsx": Post,
    "dialogues/alpaca.json": Dialogue,
    "dialogues/labelled.txt": Dialogue,
    "dialogues/messages.json": Dialogue,
    "dialogues/sharegpt.jsonl": Dialogue,
    "dialogues/turns.csv": Dialogue,
    "子领域.txt": Topic,
}
"""What each good file gives."""

DAMAGED: Mapping[str, tuple[str, bytes]] = {
    "bad/bare.pdf": ("damaged", b"%PDF-1.7\nnothing more"),
    "bad/cut.docx": ("damaged", material.docx([(0, "焦虑" * 50)])[:500]),
    "bad/elf.docx": ("neither what its name says", b"\x7fELF" + bytes(range(256))),
    "bad/empty.csv": ("empty", b""),
    "bad/locked.pdf": ("remove the password", material.encrypted_pdf()),
    "bad/noise.txt": ("binary", bytes(range(256)) * 9),
    "bad/old.doc": ("save it as docx", b"\xd0\xcf\x11\xe0" + bytes(99)),
    "bad/picture.png": ("save it anew", b"\x89PNG\r\n\x1a\nrubbish"),
    "bad/table.csv": ("set `kind`", "甲,乙\n1,2\n".encode()),
    "bad/torn.json": ("not valid JSON", b'[{"question": "?"'),
    "bad/unknown.xyz": ("neither what its name says", b"?"),
}
"""Files that give nothing, each with a part of what is told of it."""

_WORDS = ["记忆", "感知", "动机", "情绪", "意志", "人格", "依恋", "归因", "自我"]
_SAID = [("我最近总是睡不着。", "多久了？"), ("三个月了。", "辛苦了，我们慢慢谈。")]


def fill(folder: Path) -> None:
    """Write all of these files."""
    files = {**dict(_books()), **dict(_papers()), **dict(_dialogues())}
    files |= {name: content for name, (_, content) in DAMAGED.items()}
    files["子领域.txt"] = "发展心理学\n人格心理学\n".encode()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for place, suffix in enumerate(("a.json", "b.jsonl", "c.csv", "d.xlsx")):
        _table(folder / "bank" / suffix, [_row(_question(number)) for number in range(3 * place, 3 * place + 3)])
    for place, suffix in enumerate(("a.jsonl", "b.csv", "c.xlsx")):
        text = f"{_WORDS[place]}变差已经三个月了，上课走神，什么都做不好。"
        _table(folder / "posts" / suffix, [{"标题": "怎么办", "内容": text, "回复": "先别着急。", "点赞数": "3"}])


def _table(path: Path, rows: tables.Table) -> None:
    path.parent.mkdir(exist_ok=True)
    tables.written(path, rows)


def _question(number: int) -> Question:
    """Its right option begins with 正."""
    word = hashlib.sha256(str(number).encode()).hexdigest()
    options = {letter: f"误{word[8 * place :][:8]}" for place, letter in enumerate("ABCD")} | {"B": f"正{word[:8]}"}
    key = AnswerKey(kind="choice", value=("B",))
    stem = f"概念{word[40:52]}指的是什么？"
    return Question(kind="single", stem=stem, options=options, key=key, language="zh", origin=Origin(source=""))


def _row(question: Question) -> Mapping[str, str]:
    options = {f"选项{letter}": text for letter, text in question.options.items()}
    return {"题目": question.stem, **options, "答案": str(question.key)}


def _books() -> Iterator[tuple[str, bytes]]:
    blocks: list[Blocks] = [[(1, f"第一章 {word}"), (0, _paragraph(word))] for word in _WORDS]
    yield "book/a.md", material.markdown(blocks[0]).encode()
    yield "book/b.txt", _paragraph(_WORDS[1]).encode("gb18030")
    yield "book/c.html", material.html(blocks[2]).encode()
    yield "book/d.epub", material.epub([blocks[3]])
    yield "book/e.docx", material.docx(blocks[4])
    yield "book/f.pptx", material.pptx([(_WORDS[5], _paragraph(_WORDS[5]), "")])
    yield "book/g.pdf", material.pdf(material.typeset(blocks[6]))
    yield "book/h scanned.pdf", material.pdf([material.scan(_paragraph(_WORDS[7]))])
    yield "book/i.png", material.image(material.scan(_paragraph(_WORDS[8])))


def _paragraph(word: str) -> str:
    return f"{word}是心理学研究的对象之一，它受经验的影响，也影响人怎样行动。" * 4


def _papers() -> Iterator[tuple[str, bytes]]:
    for name, start in (("paper/a.docx", 20), ("paper/b.pdf", 30)):
        text = paper.written([_question(number) for number in range(start, start + 4)], paper.Layout())
        lines: Blocks = [(0, line) for line in text.splitlines()]
        content = material.docx(lines) if name.endswith("docx") else material.pdf(material.typeset(lines))
        yield name, content


def _dialogues() -> Iterator[tuple[str, bytes]]:
    """The same talk in every form; in one file a second time, with one side of it alone."""
    first, (asked, answered) = _SAID
    turns = [(side, text) for pair in _SAID for side, text in zip(("user", "assistant"), pair, strict=True)]
    messages = [{"role": side, "content": text} for side, text in turns]
    forms: dict[str, object] = {
        "alpaca.json": [{"instruction": asked, "input": "", "output": answered, "history": [first]}],
        "messages.json": [{"messages": messages}, {"messages": messages[::2]}],
        "sharegpt.jsonl": {"conversations": [{"from": side, "value": text} for side, text in turns]},
    }
    for name, form in forms.items():
        yield f"dialogues/{name}", json.dumps(form, ensure_ascii=False).encode()
    labelled = "".join(f"来访者：{question}\n咨询师：{reply}\n" for question, reply in _SAID)
    yield "dialogues/labelled.txt", labelled.encode()
    rows = "".join(f"1,{side},{text}\n" for side, text in turns)
    yield "dialogues/turns.csv", f"会话编号,角色,内容\n{rows}".encode()
