from __future__ import annotations

import io
import itertools
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.cli.rank import rank_command, read_order
from psyche.corpus.errors import InputError, StorageError
from psyche.corpus.records import Turn
from psyche.evaluation.items import Consultation
from psyche.evaluation.material import RANKINGS, Material, read_material
from psyche.evaluation.ranking import PEOPLE, append_ranking, lineup, lots, ranks, wins
from psyche.evaluation.results import Answer, Verdict

REPLIES = {"one": "听起来你很辛苦。", "two": "多喝热水。", "three": "<think>他难过。</think>\n我们一起想想办法。"}


def consultation(place: str) -> Consultation:
    return Consultation(
        benchmark="talks",
        column="work",
        subject="",
        place=place,
        language="zh",
        turns=(Turn(speaker="seeker", text=f"第{place}位：最近工作不顺。"),),
    )


ITEMS = {item.id: item for item in map(consultation, "甲乙丙丁")}
FIRST, SECOND, *_ = ITEMS


def answer(candidate: str, item: str, text: str) -> Answer:
    return Answer(candidate=candidate, item=item, shots=0, status="read" if text else "failed", text=text)


ANSWERED = [answer(candidate, item, text) for item in ITEMS for candidate, text in REPLIES.items()]


def verdict(item: str, scores: dict[str, float], judge: str = "judge", passing: int = 0) -> Verdict:
    return Verdict(task="ranking", judge=judge, item=item, passing=passing, scores=scores)


def won(*verdicts: Verdict) -> dict[tuple[str, str], float]:
    return {(figure.candidate, figure.metric): figure.value for figure in wins(ITEMS, verdicts, seed=1)}


def test_wins_are_shares_of_rankings_and_ties_share_what_they_win() -> None:
    found = won(
        verdict(FIRST, {"a": 1, "b": 2, "c": 3}),
        verdict(SECOND, {"a": 2.5, "b": 1, "c": 2.5}),
    )
    assert found == {
        ("a", "win1"): 0.5,  # all of the first, nothing of the second
        ("a", "win2"): 0.75,  # all of the first, with c one place for two of the second
        ("a", "rank"): 1.75,
        ("b", "win1"): 0.5,
        ("b", "win2"): 1.0,
        ("b", "rank"): 1.5,
        ("c", "win1"): 0.0,
        ("c", "win2"): 0.25,
        ("c", "rank"): 2.75,
    }


def test_passes_are_averaged_before_judges_and_judges_before_items() -> None:
    a_first, b_first = {"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 1.0}
    found = won(
        verdict(FIRST, a_first, "x", 0),
        verdict(FIRST, b_first, "x", 1),
        verdict(FIRST, b_first, "y"),
        verdict(SECOND, a_first, "x"),
    )
    assert found["a", "win1"] == (0.25 + 1) / 2


def test_rankings_that_lack_a_candidate_and_those_of_people_are_not_mixed_with_others() -> None:
    whole, part = verdict(FIRST, {"a": 1, "b": 2, "c": 3}), verdict(SECOND, {"c": 1, "b": 2})
    person = verdict(FIRST, {"a": 2, "b": 1}, "li").model_copy(update={"by": "person"})
    found = list(wins(ITEMS, [whole, part, person], seed=1))
    assert {figure.n for figure in found} == {1}
    assert {(figure.subset, figure.metric, figure.value) for figure in found if figure.candidate == "a"} == {
        *(("", metric, 1.0) for metric in ("win1", "win2", "rank")),
        (PEOPLE, "win1", 0.0),
        (PEOPLE, "rank", 2.0),
    }


def test_candidates_that_never_met_in_one_ranking_have_no_figures() -> None:
    assert won(verdict(FIRST, {"a": 1, "b": 2}), verdict(SECOND, {"b": 1, "c": 2})) == {}


orders = st.lists(st.lists(st.sampled_from("abcd"), min_size=4, max_size=4, unique=True), min_size=1, max_size=4)


@given(orders, st.data())
def test_the_wins_of_all_candidates_add_up_whatever_ties(given_orders: list[list[str]], data: st.DataObject) -> None:
    verdicts = []
    for item, order in zip(ITEMS, given_orders, strict=False):
        cuts = sorted(data.draw(st.sets(st.integers(1, 3))))
        tiers = [order[start:end] for start, end in itertools.pairwise([0, *cuts, 4])]
        verdicts.append(verdict(item, ranks(tiers)))
    totals: defaultdict[str, float] = defaultdict(float)
    for figure in wins(ITEMS, verdicts, seed=1):
        totals[figure.metric] += figure.value
        assert figure.low is not None and figure.high is not None
        assert figure.low <= figure.value + 1e-9 and figure.value <= figure.high + 1e-9
    assert totals == pytest.approx({"win1": 1, "win2": 2, "win3": 3, "rank": 10})


def test_ranks_of_a_tier_are_the_mean_of_its_places() -> None:
    assert ranks([["b"], ["a", "d"], [], ["c"]]) == {"b": 1, "a": 2.5, "d": 2.5, "c": 4}


def test_a_lineup_is_the_judges_own_and_its_reverse_undoes_every_place() -> None:
    names = ["a", "b", "c", "d"]
    shown = lineup("item", names, "li")
    assert shown == lineup("item", reversed(names), "li") and sorted(shown) == names
    assert lineup("item", names, "li", reverse=True) == shown[::-1]
    firsts = Counter(lineup(f"item {number}", names, "li")[0] for number in range(400))
    assert all(60 < firsts[name] < 140 for name in names)
    assert {tuple(lineup("item", names, judge)) for judge in ("li", "wang", "zhao")} != {tuple(shown)}


def test_only_consultations_with_two_replies_can_be_ranked_and_thoughts_are_no_reply() -> None:
    silent = [answer("one", FIRST, "好的。"), answer("two", FIRST, ""), answer("three", FIRST, "<think>我想")]
    assert lots(ITEMS, silent) == []
    (lot,) = lots(ITEMS, [*silent[1:], answer("one", FIRST, REPLIES["three"]), answer("four", FIRST, "嗯。")])
    assert lot.replies == {"one": "我们一起想想办法。", "four": "嗯。"}
    assert lot.absent == ("three", "two")


@given(
    st.permutations(range(1, 6)),
    st.lists(st.sampled_from((" ", "=", " = ", "，", "、", " > ")), min_size=4, max_size=4),
)
def test_an_order_is_read_as_it_is_written(numbers: Sequence[int], marks: list[str]) -> None:
    said = "".join(f"{number}{mark}" for number, mark in zip(numbers, [*marks, ""], strict=True))
    expected = [[numbers[0]]]
    for number, mark in zip(numbers[1:], marks, strict=True):
        if "=" in mark:
            expected[-1].append(number)
        else:
            expected.append([number])
    assert read_order(said, 5) == expected


@pytest.mark.parametrize("said", ["", "1", "1 2 2", "1 2 4", "0 1 2", "1 2 3 3", "1 = = 2 3", "=1 2 3", "a b c", "123"])
def test_what_is_no_order_is_told_in_a_line(said: str) -> None:
    with pytest.raises(InputError, match="name each of 1 to 3 once"):
        read_order(said, 3)


def test_circled_and_full_width_numbers_are_numbers() -> None:
    assert read_order(" ③ ＝１　2 ", 3) == [[3, 1], [2]]


class Terminal:
    """What a person types, and what they see."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._directory, self._monkeypatch, self._capsys = directory, monkeypatch, capsys

    def rank(self, *typed: str, reviewer: str = "li") -> str:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        rank_command(self._directory, reviewer)
        return self._capsys.readouterr().out

    @property
    def kept(self) -> list[Verdict]:
        return [one for one in read_material(self._directory).verdicts if one.by == "person"]


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    Material({}, ITEMS, tuple(ANSWERED), ()).write(tmp_path)
    return Terminal(tmp_path, monkeypatch, capsys)


def test_a_person_ranks_replies_without_knowing_whose_they_are(terminal: Terminal) -> None:
    out = terminal.rank("2 1 3", "1=2 3", "q")
    assert "最近工作不顺。" in out and "① " in out and "③ " in out and "3 of 4" in out
    assert not any(name in out for name in ("one", "two", "three", "他难过"))
    first, second = terminal.kept
    assert (first.judge, first.by, first.task, first.candidate) == ("li", "person", "ranking", "")
    assert first.shown == tuple(lineup(first.item, REPLIES, "li"))
    assert [first.scores[name] for name in first.shown] == [2, 1, 3]
    assert [second.scores[name] for name in second.shown] == [1.5, 1.5, 3]


def test_whoever_stops_goes_on_where_they_stopped_and_is_asked_again_what_they_skipped(terminal: Terminal) -> None:
    terminal.rank("1 2 3", "s", "1 2 3", "q")
    assert len(terminal.kept) == 2
    out = terminal.rank("1 2 3", "1 2 3")
    assert "1 of 2" in out and "of 4" not in out
    assert {one.item for one in terminal.kept} == set(ITEMS)
    assert "nothing waits for li" in terminal.rank()
    assert "1 of 4" in terminal.rank("q", reviewer="wang")


def test_a_slip_is_told_and_asked_about_again_and_the_end_of_input_is_the_end(terminal: Terminal) -> None:
    out = terminal.rank("1 2 [/x]", "1 2", "3 2 1")
    assert out.count("name each of 1 to 3 once") == 2 and "[/x]" in out
    assert len(terminal.kept) == 1


def test_two_people_see_other_orders(terminal: Terminal) -> None:
    for reviewer in ("li", "wang"):
        terminal.rank(*["1 2 3"] * 4, reviewer=reviewer)
    shown = [[one.shown for one in terminal.kept if one.judge == judge] for judge in ("li", "wang")]
    seen = [[one.item for one in terminal.kept if one.judge == judge] for judge in ("li", "wang")]
    assert shown[0] != shown[1] and seen[0] != seen[1]


def test_who_gave_no_reply_is_not_shown_and_is_last(tmp_path: Path, terminal: Terminal) -> None:
    silent = [answer(name, item, "") for item in ITEMS for name in ("four", "five")]
    Material({}, ITEMS, (*ANSWERED, *silent), ()).write(tmp_path)
    terminal.rank("1 2 3", "q")
    (kept,) = terminal.kept
    assert {name: kept.scores[name] for name in ("four", "five")} == {"four": 4.5, "five": 4.5}
    assert len(kept.shown) == 3


def test_what_was_ranked_without_a_candidate_waits_again_with_it(tmp_path: Path, terminal: Terminal) -> None:
    terminal.rank("1 2 3", "q")
    Material({}, ITEMS, (*ANSWERED, *(answer("four", item, "会好的。") for item in ITEMS)), ()).write(tmp_path)
    assert "1 of 4" in terminal.rank("q")


def test_a_reply_cannot_command_the_terminal(tmp_path: Path, terminal: Terminal) -> None:
    loud = [one.model_copy(update={"text": f"\x1b[2J{one.text}"}) for one in ANSWERED]
    Material({}, ITEMS, tuple(loud), ()).write(tmp_path)
    out = terminal.rank("q")
    assert "\x1b" not in out and "[2J" in out


def test_rankings_of_what_is_no_longer_there_do_not_count(tmp_path: Path, terminal: Terminal) -> None:
    terminal.rank("1 2 3", "1 2 3", "q")
    first, second = terminal.kept
    left = {name: ITEMS[name] for name in ITEMS if name != first.item}
    Material({}, left, tuple(one for one in ANSWERED if one.item in left), ()).write(tmp_path)
    assert terminal.kept == [second]
    other = [one.model_copy(update={"text": f"{one.text}吧"}) if one.candidate == "two" else one for one in ANSWERED]
    Material({}, ITEMS, tuple(other), ()).write(tmp_path)
    assert terminal.kept == [], "these replies nobody has seen"
    Material({}, ITEMS, tuple(one for one in ANSWERED if one.candidate != "two"), ()).write(tmp_path)
    assert terminal.kept == []


@pytest.mark.parametrize("reviewer", ["", " ", "li\n", "\ud83d"])
def test_a_reviewer_has_a_name_that_can_be_written_down(terminal: Terminal, reviewer: str) -> None:
    with pytest.raises(InputError, match="say who ranks"):
        terminal.rank("1 2 3", reviewer=reviewer)
    assert terminal.kept == []


def test_a_ranking_that_cannot_be_kept_is_told_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / RANKINGS
    append_ranking(path, verdict(FIRST, {"a": 1, "b": 2}))
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        append_ranking(path, verdict(SECOND, {"a": 1, "b": 2}))
    assert path.read_bytes() == before
    with pytest.raises(StorageError, match=RANKINGS):
        append_ranking(tmp_path / "missing" / RANKINGS, verdict(FIRST, {"a": 1, "b": 2}))
