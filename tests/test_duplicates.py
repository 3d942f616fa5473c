from __future__ import annotations

import random
import string
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche.corpus.banks import read_bank
from psyche.corpus.duplicates import Index, clusters
from psyche.corpus.errors import BusyError, InputError, StorageError
from psyche.corpus.keys import AnswerKey
from psyche.corpus.linking import bands
from psyche.corpus.records import Origin, Question
from psyche.corpus.signatures import Wording

STEM = "求助者近三个月来心里烦躁，看什么都不顺眼，认为丈夫不理解她，经常和丈夫吵架。该求助者的问题属于"


def question(stem: str, *options: str) -> Question:
    return Question(
        kind="single",
        stem=stem,
        options=dict(zip(string.ascii_uppercase, options, strict=False)),
        key=AnswerKey(kind="choice", value=("A",)),
        language="zh",
        origin=Origin(source="bank.json"),
    )


def test_the_order_of_options_makes_no_difference() -> None:
    assert Wording.of(question(STEM, "甲", "乙")).text == Wording.of(question(STEM, "乙", "甲")).text
    assert Wording.of(question(STEM, "甲", "乙")).text != Wording.of(question(STEM, "甲", "丙")).text


def grouped(pairs: Iterable[tuple[str, str]], **bounds: Any) -> list[list[str]]:
    return list(clusters((Wording(*pair) for pair in pairs), **bounds))


VIGNETTES = (STEM, "来访者，男，二十岁，大学二年级，近半年来反复洗手，明知没有必要却控制不住，为此十分苦恼。")


def test_different_questions_on_one_vignette_are_kept_apart() -> None:
    asked = ["该求助者的主要症状有哪些？", "对该求助者首选的测验是什么？"]
    assert list(clusters(Wording(str(n), text, VIGNETTES[0]) for n, text in enumerate(asked))) == [["0"], ["1"]]


def test_one_question_on_different_vignettes_is_kept_apart_and_on_one_is_a_duplicate() -> None:
    asked = [Wording("a", "该求助者的主要症状有哪些？", VIGNETTES[0]), Wording("b", "该求助者的主要症状有哪些？")]
    asked += [
        Wording("c", "该求助者主要症状有哪些？", VIGNETTES[1]),
        Wording("d", "该求助者的主要症状有哪些", VIGNETTES[0]),
    ]
    assert list(clusters(asked)) == [["a", "d"], ["b"], ["c"]]


def test_near_duplicates_form_one_group_and_others_their_own() -> None:
    texts = [("c", STEM + "什么？"), ("a", STEM), ("b", "下列哪一项是巴甫洛夫的经典条件反射实验的正确描述？")]
    assert grouped(texts) == [["a", "c"], ["b"]]


def test_width_case_space_and_punctuation_make_no_difference() -> None:
    assert grouped([("a", "DSM-5 的诊断标准有哪些"), ("b", "ｄｓｍ 5，的诊断标准？有哪些！")]) == [["a", "b"]]


def test_texts_shorter_than_an_ngram_are_compared_whole() -> None:
    texts = [("a", "移情"), ("b", "共情"), ("c", "移 情。"), ("d", ""), ("e", "？")]
    assert grouped(texts) == [["a", "c"], ["b"], ["d", "e"]]


def test_half_the_ngrams_in_common_are_too_few() -> None:
    left = "求助者近三个月来心里烦躁，见到谁都想发火，经常和丈夫吵架，夜里睡得很浅。该求助者的问题属于"
    right = left[: len(left) // 2] + "下列关于气质类型的说法中，正确的一项是多血质的人活泼好动"
    assert grouped([("a", left), ("b", right)]) == [["a"], ["b"]]
    assert grouped([("a", left), ("b", right)], threshold=0.1, permutations=256) == [["a", "b"]]


@given(
    st.lists(st.sampled_from([STEM, STEM + "？？", STEM[5:], "移情", "共情是什么", "气质类型有哪几种"])), st.randoms()
)
def test_the_order_of_the_questions_makes_no_difference(texts: list[str], chance: random.Random) -> None:
    pairs = [(f"{place:03}", text) for place, text in enumerate(texts)]
    groups = grouped(pairs)
    assert sorted(name for group in groups for name in group) == [name for name, _ in pairs]
    chance.shuffle(pairs)
    assert grouped(pairs) == groups


def test_traditional_characters_make_no_difference_to_stem_and_options() -> None:
    simplified = question("弗洛伊德认为人格由哪几个部分组成", "本我、自我和超我", "意识和无意识", "内倾与外倾")
    traditional = question("弗洛伊德認為人格由哪幾個部分組成", "意識和無意識", "本我、自我和超我", "內傾與外傾")
    assert len(list(clusters(map(Wording.of, (simplified, traditional))))) == 1


@pytest.mark.parametrize("other", [STEM.replace("属于", "不属于"), STEM.replace("三个", "3个")])
def test_a_negation_or_a_figure_keeps_questions_apart(other: str) -> None:
    assert grouped([("a", STEM), ("b", other)]) == [["a"], ["b"]]


@pytest.mark.parametrize("other", ["12. " + STEM, "第 3 题" + STEM, STEM + "（　　）11-381"])
def test_the_number_of_a_question_or_page_makes_no_difference(other: str) -> None:
    assert grouped([("a", STEM + "（　　）"), ("b", other)]) == [["a", "b"]]


@pytest.mark.parametrize(("permutations", "threshold"), [(128, 0.5), (128, 0.7), (128, 0.9), (256, 0.7), (64, 1.0)])
def test_bands_miss_few_pairs_at_the_threshold_and_fit_the_signature(permutations: int, threshold: float) -> None:
    count, rows = bands(permutations, threshold)
    assert count * rows <= permutations
    assert (1 - threshold**rows) ** count <= 0.03


def test_too_few_permutations_are_refused() -> None:
    with pytest.raises(ValueError, match="Too few permutation"):
        bands(1, 0.5)


WORDINGS = st.lists(
    st.builds(
        Wording,
        st.integers(0, 99).map(str),
        st.sampled_from([STEM, STEM + "请问", STEM[4:], STEM[: len(STEM) // 2], "移情", "移情。", ""]),
        st.sampled_from(["", VIGNETTES[0], VIGNETTES[0] + "好", VIGNETTES[1]]),
    ),
    unique_by=lambda wording: wording.id,
    max_size=12,
)


@settings(max_examples=30)
@given(WORDINGS, st.integers(0, 12))
def test_adding_in_two_goes_is_adding_in_one(wordings: list[Wording], cut: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        for part in (wordings[:cut], wordings[cut:]):
            with Index(Path(directory)) as index:
                index.add(part)
        with Index(Path(directory)) as index:
            assert index.ids == [wording.id for wording in wordings]
            assert list(index.clusters()) == list(clusters(wordings))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), min_size=2, max_size=12), st.randoms())
def test_clear_pairs_are_grouped_as_brute_force_groups_them(
    kinds: list[tuple[int, int]], chance: random.Random
) -> None:
    """Texts of one family differ in their last character at most, those of two families share nothing."""
    texts = [(family, "".join(chr(0x4E00 + 97 * family + place) for place in range(90))) for family, _ in kinds]
    pairs = [
        (f"{place:02}", text + chr(0x9000 + tail))
        for place, ((_, text), (_, tail)) in enumerate(zip(texts, kinds, strict=True))
    ]
    families: dict[int, list[str]] = {}
    for (name, _), (family, _) in zip(pairs, kinds, strict=True):
        families.setdefault(family, []).append(name)
    chance.shuffle(pairs)
    assert grouped(pairs) == sorted(families.values())


def test_a_known_id_is_not_read_again_and_ids_keep_their_order(tmp_path: Path) -> None:
    with Index(tmp_path) as index:
        index.add([Wording("b", STEM), Wording("a", "移情")])
    stored = (tmp_path / "signatures.u32").read_bytes()
    with Index(tmp_path) as index:
        index.add([Wording("a", STEM), Wording("c", STEM), Wording("c", "共情")])
        assert index.ids == ["b", "a", "c"]
        assert list(index.clusters()) == [["a"], ["b", "c"]]
        assert list(index.clusters({"a", "c"})) == [["a"], ["c"]]
    assert (tmp_path / "signatures.u32").read_bytes().startswith(stored)


def test_a_removed_id_is_in_no_cluster_and_its_signature_is_gone(tmp_path: Path) -> None:
    with Index(tmp_path) as index:
        index.add([Wording("a", STEM, VIGNETTES[0])])
        index.remove({"a", "unknown"})
        assert not any((tmp_path / "signatures.u32").read_bytes())
    with Index(tmp_path) as index:
        assert not index.ids
        assert not list(index.clusters())
        index.add([Wording("b", STEM), Wording("a", STEM)])
        assert list(index.clusters()) == [["a", "b"]]


@pytest.mark.parametrize("name", ["ids.txt", "signatures.u32"])
@pytest.mark.parametrize("lost", [1, 7, 600])
def test_what_a_kill_left_half_written_is_added_anew(tmp_path: Path, name: str, lost: int) -> None:
    wordings = [Wording(f"question-{number}", f"{STEM}第{number}题") for number in range(40)]
    with Index(tmp_path) as index:
        index.add(wordings)
        whole = list(index.clusters())
    path = tmp_path / name
    with path.open("r+b") as file:
        file.truncate(max(0, path.stat().st_size - lost))
    with Index(tmp_path) as index:
        assert len(index.ids) < 40
        index.add(wordings)
        assert list(index.clusters()) == whole


def test_an_index_of_other_settings_is_refused_and_another_threshold_is_not(tmp_path: Path) -> None:
    with Index(tmp_path) as index:
        index.add([Wording("a", STEM), Wording("b", STEM[: len(STEM) * 3 // 4])])
        assert list(index.clusters()) == [["a"], ["b"]]
    with pytest.raises(InputError, match=r'parameters.json: has .*"ngram": 5.*; use these settings, or remove'):
        Index(tmp_path, ngram=4)
    with Index(tmp_path, threshold=0.5) as index:
        assert list(index.clusters()) == [["a", "b"]]


def test_one_process_at_a_time_has_an_index_open(tmp_path: Path) -> None:
    with Index(tmp_path), pytest.raises(BusyError, match="another process has this index open"):
        Index(tmp_path)
    Index(tmp_path).close()


def test_an_id_with_white_space_is_refused(tmp_path: Path) -> None:
    with Index(tmp_path) as index, pytest.raises(InputError, match="white space"):
        index.add([Wording("a\nb", STEM)])


def test_a_directory_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        Index(tmp_path / "file")


@pytest.mark.timeout(60)
def test_thousands_of_one_template_are_one_group_in_linear_time() -> None:
    variants = [(f"{number:05}", STEM * 3 + chr(0xAC00 + number)) for number in range(11_000)]
    assert [len(group) for group in grouped(variants)] == [11_000]


def test_copies_of_real_questions_with_a_word_added_are_found(shared_data: Path) -> None:
    (path,) = (shared_data / "pceb/theory/single/simulation").glob("*.json")
    records = read_bank(path, origin=Origin(source="bank"), language="zh", counts=Counter())
    whole = [record for record in records if isinstance(record, Question)][:100]
    pairs = [(record.id, Wording.of(record).text) for record in whole]
    pairs += [(f"copy-{name}", "请问" + text) for name, text in pairs if len(text) > 45]
    groups = grouped(pairs)
    together = {name for group in groups for name in group if f"copy-{name}" in group}
    assert len(together) == len(pairs) - len(whole) > 10
