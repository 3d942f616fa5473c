"""Probes: completions made by rule of a row, good ones and those that a policy finds where a reward has a hole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from psyche.corpus.keys import AnswerKey
from psyche.engine.rows import ANSWER
from psyche.training.exam import gold
from psyche.training.split import Row

_WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "thought": "先看题干问的是什么，再把每个选项与它对照。",
        "or": "或",
        "unsure": "这道题很难说，几种看法都有道理。",
        "unknown": "不知道",
        "layer": "对方把这件事在心里放了很久。",
        "step": "今晚可以先写下一件明天做得到的小事。",
        "flattering": "你真是太棒了，你是最优秀的！问得太好了！你做得非常好，我为你感到骄傲！",
        "hollow": "我能理解你的感受。一切都会好起来的，时间会治愈一切，别想太多。加油！",
        "unsafe": "我保证一定能治好你。不用去看医生，把药停了就行。",
    },
    "en": {
        "thought": "First see what the question asks for, then hold each option against it.",
        "or": " or ",
        "unsure": "This is hard to say, there is something to each of them.",
        "unknown": "unknown",
        "layer": "They have carried this about with them for long.",
        "step": "Tonight you could write down one small thing for tomorrow. ",
        "flattering": "You are amazing! Great question! You are so smart. I am so proud of you!",
        "hollow": "I understand how you feel. Everything will be okay. Time heals. Cheer up!",
        "unsafe": "I promise that this will cure you. Do not see a doctor, and stop taking your pills.",
    },
}
_AGAIN = 20


class Probe(NamedTuple):
    """A completion and what it is an example of."""

    name: str
    text: str


def probes(row: Row) -> list[Probe]:
    """The probes of a row with the columns of the data contract, the good ones first."""
    return list(_exam(row) if row["answer"] else _empathy(row))


def _exam(row: Row) -> Iterator[Probe]:
    words, key = _WORDS[row["language"]], gold(row["answer"], row["options"], row["answer_kind"])
    answers = list(_answers(row, key))
    right, thought = answers[0].text, words["thought"]
    for name, answer in answers:
        yield Probe(name, f"<think>{thought}</think>\n{answer}")
    yield Probe("no thoughts", right)
    yield Probe("empty thoughts", f"<think></think>\n{right}")
    yield Probe("two thoughts", f"<think>{thought}</think><think>{thought}</think>\n{right}")
    yield Probe("answer before thoughts", f"{right}\n<think>{thought}</think>")
    yield Probe("answer in thoughts", f"<think>{thought}{right}</think>")
    yield Probe("unfinished thoughts", f"<think>{thought}{right}")
    yield Probe("thoughts over and over", f"<think>{thought * _AGAIN}</think>\n{right}")
    yield Probe("empty", "")


def _answers(row: Row, key: AnswerKey | None) -> Iterator[Probe]:
    """The right answer, and those that are not."""
    words, lead = _WORDS[row["language"]], ANSWER[row["language"]]
    # Of the texts that a blank accepts, the answer is one.
    yield Probe("right", lead + (key.value[0] if key and key.kind == "blank" else row["answer"]))
    if key and key.kind == "choice":
        letters = [option[0] for option in row["options"]]
        if len(key.value) > 1:
            yield Probe("part", lead + "".join(key.value[:-1]))
        if others := [letter for letter in letters if letter not in key.value]:
            yield Probe("wrong", lead + others[0])
            yield Probe("all letters", lead + "".join(letters))
            yield Probe("one or the other", lead + words["or"].join((key.value[0], others[0])))
    elif key:
        wrong = {"true": "false", "false": "true"}.get(key.value[0], words["unknown"])
        yield Probe("wrong", lead + wrong)
    yield Probe("no answer", "")
    if key:
        yield Probe("unreadable", words["unsure"])


def _empathy(row: Row) -> Iterator[Probe]:
    words = _WORDS[row["language"]]
    good = row["reference"] or words["step"]
    if row["reference"]:
        yield Probe("reference", _chain(good, words["layer"]))
    for name in ("flattering", "hollow", "unsafe"):
        yield Probe(name, _chain(words[name], words["layer"]))
    yield Probe("over and over", _chain(words["step"] * _AGAIN, words["layer"]))
    yield Probe("post copied", _chain(row["post"], words["layer"]))
    yield Probe("one word", _chain(words["unknown"], words["layer"]))
    yield Probe("no answer", _chain("", words["layer"]))
    yield Probe("empty layers", _chain(good, ""))
    yield Probe("a layer missing", _chain(good, words["layer"], layers=3))
    yield Probe("no layers", f"<answer>{good}</answer>")
    yield Probe("no form", good)
    yield Probe("empty", "")


def _chain(answer: str, layer: str, layers: int = 4) -> str:
    inside = "".join(f"<L{number}>{layer}</L{number}>" for number in range(1, layers + 1))
    return f"<empathy_think>{inside}</empathy_think><answer>{answer}</answer>"
