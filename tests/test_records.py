from __future__ import annotations

import pytest
from pydantic import ValidationError

from psyche.corpus.records import Origin, Passage, Topic


def passage(text: str = "遗忘先快后慢。") -> Passage:
    return Passage(text=text, language="zh", origin=Origin(source="page.md"))


def test_equal_content_has_one_id_and_other_content_or_origin_another() -> None:
    assert passage().id == passage().id
    assert passage("别的。").id != passage().id
    moved = passage().model_copy(update={"origin": Origin(source="other.md")})
    assert moved.id != passage().id


def test_a_copy_does_not_inherit_the_id() -> None:
    original = passage()
    assert original.id
    assert original.model_copy(update={"text": "别的。"}).id == passage("别的。").id


def test_an_id_survives_the_way_to_disk_and_back() -> None:
    assert Passage.model_validate_json(passage().model_dump_json()).id == passage().id


def test_records_of_different_kinds_have_different_ids() -> None:
    origin = Origin(source="t.txt")
    assert Topic(name="记忆", language="zh", origin=origin).id.startswith("topic-")


def test_records_are_frozen_and_take_no_unknown_field() -> None:
    with pytest.raises(ValidationError):
        passage().text = "改。"
    with pytest.raises(ValidationError):
        Passage(text="x", language="zh", origin=Origin(source="p"), extra=1)  # type: ignore[call-arg]
