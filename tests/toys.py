"""Toy splits that a tiny model can learn: an exam with a rule, pairs of replies, chains. All words are made up here."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from psyche.prompts.prompt import load

Row = dict[str, Any]

# The rule: each of these words belongs to one school, and the schools' letters never change.
SCHOOLS = {
    "A": ("行为主义", "强化"),
    "B": ("精神分析", "潜意识"),
    "C": ("人本主义", "自我实现"),
    "D": ("认知学派", "图式"),
}
OPTIONS = [f"{letter}. {school}" for letter, (school, _) in SCHOOLS.items()]
OPENINGS = ("请看", "提到", "讲起", "说到")
ENDINGS = ("出自哪一派？", "是谁的主张？", "归在哪里？", "该选哪项？")
THOUGHTS = ("先认出概念，再想流派。", "这题考查流派。", "逐项比较四个选项。")

# Four clauses of the same length each way, so that neither length nor frame tells a kind reply from a cold one.
KIND = ("我愿意慢慢听你讲", "先歇一歇再想办法", "难受是有缘由的啊", "咱们一起理一理吧")
COLD = ("你就是自己找的事", "哭闹从来没有用处", "多余的话少说为妙", "忍着不就完了没事")
FRAMES = ("说到{post}，{one}，{other}。", "{post}嘛，{one}，{other}。", "你讲的是{post}，{one}，{other}。")
FRAMES_ELSEWHERE = ("至于{post}，{one}，{other}。", "关于{post}这件事，{one}，{other}。")
POSTS = ("跟室友吵架", "考试没考好", "被领导批评", "失眠好几天", "和父母冷战", "分手之后", "找不到工作", "总是走神")
POSTS_ELSEWHERE = ("搬到新城市", "被朋友误会", "比赛输了", "怕当众讲话")


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def exam(*, elsewhere: bool = False) -> Iterator[Row]:
    """`grpo` rows with one right letter each; `elsewhere` has beginnings and ends that never meet in the others."""
    for (first, opening), (last, ending) in product(enumerate(OPENINGS), enumerate(ENDINGS)):
        if (first == last) is elsewhere:
            yield from (_item(f"{opening}“{word}”{ending}", letter) for letter, (_, word) in SCHOOLS.items())


def guesses() -> Iterator[Row]:
    """`sft` rows in good form for the exam, in which every letter follows every question once: a form, no more."""
    dice = random.Random(0)
    for row, letter in product(exam(), SCHOOLS):
        text = f"<think>{dice.choice(THOUGHTS)}</think>\n\n答案：{letter}"
        yield {"id": f"{row['id']}{letter}", "prompt": row["prompt"], "completion": said(text), "language": "zh"}


def solutions(count: int) -> list[Row]:
    """`sft` rows, each with a reasoning of its own and the right letter."""
    found = []
    for number, row in enumerate(list(exam())[:: 48 // count]):
        school = SCHOOLS[row["answer"]][0]
        text = f"<think>第{number}题：{row['id']}由此看，应当是{school}。</think>\n\n答案：{row['answer']}"
        found.append({"id": row["id"], "prompt": row["prompt"], "completion": said(text), "language": "zh"})
    return found


def pairs(*, elsewhere: bool = False) -> Iterator[Row]:
    """`pairs` rows, a kind reply above a cold one.

    `elsewhere` shares no post, no frame and no combination of clauses with the others; the clauses are the same.
    """
    posts, frames = (POSTS_ELSEWHERE, FRAMES_ELSEWHERE) if elsewhere else (POSTS, FRAMES)
    for number, (post, frame, (one, other)) in enumerate(product(posts, frames, _combined(elsewhere))):
        kind, cold = (said(frame.format(post=post, one=clauses[one], other=clauses[other])) for clauses in (KIND, COLD))
        yield {"id": f"{post}/{number}", "prompt": [_user(_told(post))], "chosen": kind, "rejected": cold} | _ZH


def chains() -> Iterator[Row]:
    """`chains` rows whose answers are as often cold as kind: the form, and no manners."""
    dice = random.Random(0)
    drawn = product(POSTS, FRAMES, _combined(False), (KIND, COLD))
    for number, (post, frame, (one, other), clauses) in enumerate(drawn):
        layers = (f"因{post}难受", "觉得没有出路", "想被理解", dice.choice(("先听", "先说")))
        thought = "".join(f"<L{number}>{layer}</L{number}>" for number, layer in enumerate(layers, 1))
        answer = frame.format(post=post, one=clauses[one], other=clauses[other])
        text = f"<empathy_think>{thought}</empathy_think><answer>{answer}</answer>"
        prompt = load("empathiser", "zh").messages(words=_told(post))
        yield {"id": f"{post}/{number}", "prompt": prompt, "completion": said(text), "made_of": post} | _ZH


def texts(*splits: Iterable[Row]) -> list[str]:
    """All that stands in rows, for a tokenizer to learn."""
    return [message["content"] for rows in splits for row in rows for column in row.values() for message in _of(column)]


_ZH = {"language": "zh"}


def _of(column: Any) -> list[Mapping[str, str]]:
    return [part for part in column if isinstance(part, dict)] if isinstance(column, list) else []


def _combined(elsewhere: bool) -> list[tuple[int, int]]:
    both = [(one, other) for one, other in product(range(4), repeat=2) if one != other]
    return [pair for pair in both if (sum(pair) % 4 == 3) is elsewhere]


def _item(stem: str, letter: str) -> Row:
    prompt = [{"role": "system", "content": "先思考，再作答。"}, _user("\n".join((stem, *OPTIONS)))]
    return {"id": stem, "prompt": prompt, "answer": letter, "answer_kind": "choice", "options": OPTIONS} | _ZH


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _told(post: str) -> str:
    return f"最近{post}，我心里一直很乱，不知道该怎么办。"
