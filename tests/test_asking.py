from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import orjson

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint
from psyche.corpus.records import QuestionKind, Turn
from psyche.evaluation.answers import Form
from psyche.evaluation.asking import Ask, Setting, asks
from psyche.evaluation.exemplars import Exemplars
from psyche.evaluation.items import Consultation, Essay, Item
from tests.exam_items import choice, question

ROLE = Role(endpoint=Endpoint(connect="compatible:m@http://127.0.0.1:9/v1"), temperature=0.0, max_tokens=1024)
GROUPS: list[tuple[str, QuestionKind]] = [
    (subject, kind) for subject in ("记忆", "情绪") for kind in ("single", "multiple")
]


def exemplars(items: Sequence[Item], analysis: str = "") -> Exemplars:
    pool = [
        question(f"{subject}{kind}{n}", subject, kind, analysis=analysis) for subject, kind in GROUPS for n in range(6)
    ]
    return Exemplars(pool, items, seed=1)


def asked(
    items: Sequence[Item], *shots: int, form: Form = "reasoned", arrangements: int = 1, analysis: str = ""
) -> list[Ask]:
    setting = Setting(form, shots or (0,), arrangements, exemplars(items, analysis))
    return list(asks("m", ROLE, items, setting))


def shown(ask: Ask) -> bytes:
    """All that goes before the item itself."""
    return orjson.dumps(ask.request.messages[:-1])


def last(ask: Ask) -> str:
    return str(ask.request.messages[-1]["content"])


MIXED = [choice(f"{n}{subject}{kind}", subject, kind) for n in range(3) for subject, kind in GROUPS]


def test_requests_that_share_exemplars_share_every_byte_before_the_item_and_come_together() -> None:
    made = asked(MIXED, 0, 5)
    assert len(made) == 2 * len(MIXED)
    five = [ask for ask in made if ask.shots == 5]
    runs = [prefix for prefix, _ in groupby(five, shown)]
    assert len(runs) == len(set(runs)) == len(GROUPS)
    assert all(len(ask.request.messages) == 1 + 2 * 5 + 1 for ask in five)


def test_candidates_are_asked_the_same_in_whatever_order_the_items_are_read() -> None:
    one, other = (asked(items, 0, 5, arrangements=2) for items in (MIXED, MIXED[::-1]))
    assert [(ask.item.id, ask.request.key) for ask in one] == [(ask.item.id, ask.request.key) for ask in other]


def test_a_request_samples_as_the_candidate_is_told_to() -> None:
    (ask,) = asked(MIXED[:1])
    assert ask.request.sampling == {"temperature": 0.0, "max_tokens": 1024}
    assert ask.request.schema is None
    assert ask.candidate == "m"


def test_without_exemplars_an_item_is_all_that_follows_the_instructions() -> None:
    (ask,) = asked(MIXED[:1])
    assert [message["role"] for message in ask.request.messages] == ["system", "user"]
    assert all(option in last(ask) for option in MIXED[0].options.values())


def test_an_exemplar_is_answered_in_the_form_that_is_asked_for() -> None:
    reasoned, letters = (asked(MIXED[:1], 1, form=form, analysis="先快后慢。") for form in ("reasoned", "letters"))
    assert reasoned[0].request.messages[2]["content"] == "<think>\n先快后慢。\n</think>\n\n答案：A"
    assert letters[0].request.messages[2]["content"] == "A"
    assert asked(MIXED[:1], 1)[0].request.messages[2]["content"] == "答案：A"


def test_arrangements_show_each_option_at_each_place_once_and_keep_its_own_letter() -> None:
    item = MIXED[0]
    made = asked([item], arrangements=8)
    assert [ask.arrangement for ask in made] == [0, 1, 2, 3], "it has no more than options"
    for ask in made:
        for place, letter in ask.own.items():
            assert f"\n{place}. {item.options[letter]}" in last(ask)
    for letter in "ABCD":
        assert {place for ask in made for place, own in ask.own.items() if own == letter} == set("ABCD")


def test_an_item_whose_options_speak_of_others_is_asked_in_the_printed_order_alone() -> None:
    item = choice("x", A="感觉", B="知觉", C="记忆", D="以上都是")
    (ask,) = asked([item], arrangements=4)
    assert ask.own == dict(zip("ABCD", "ABCD", strict=True))


ESSAY = Essay(
    benchmark="exam",
    column="essay",
    subject="咨询",
    place="1",
    language="zh",
    case="男，20岁。",
    stem="初步判断是什么？",
    reference="一般心理问题。",
)
CONSULTATION = Consultation(
    benchmark="talk",
    column="Sleep",
    subject="Sleep",
    place="1",
    language="zh",
    turns=(
        Turn(speaker="seeker", text="睡不好。"),
        Turn(speaker="supporter", text="多久了？"),
        Turn(speaker="seeker", text="一个月。"),
    ),
)


def test_essays_and_consultations_are_asked_once_without_exemplars() -> None:
    made = asked([ESSAY, CONSULTATION, MIXED[0]], 0, 5, arrangements=4)
    for item in (ESSAY, CONSULTATION):
        (ask,) = (ask for ask in made if ask.item is item)
        assert (ask.shots, ask.arrangement) == (0, 0)


def test_an_essay_shows_its_case_and_not_its_reference() -> None:
    (ask,) = asked([ESSAY])
    assert ESSAY.case in last(ask) and ESSAY.stem in last(ask)
    assert ESSAY.reference not in str(ask.request.messages)


def test_a_consultation_is_a_chat_that_ends_with_the_help_seeker() -> None:
    (ask,) = asked([CONSULTATION])
    assert [(message["role"], message["content"]) for message in ask.request.messages[1:]] == [
        ("user", "睡不好。"),
        ("assistant", "多久了？"),
        ("user", "一个月。"),
    ]
