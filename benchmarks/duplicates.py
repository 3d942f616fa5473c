"""Near-duplicates: what finding them costs, and how many pairs are found.

    python benchmarks/duplicates.py                     # 210,000 questions, all that is installed, in one run
    python benchmarks/duplicates.py --million 2         # ours alone, on disk
    python benchmarks/duplicates.py --labels            # recall and precision on the labelled pairs

datasketch and datatrove are compared where they are installed (pip install datasketch; pip install datatrove==0.10.1,
best in a copy of the environment). Each variant runs in a process of its own, so that peak memory is its own. Questions
are made up: about 120 Chinese characters, one in ten a copy of an earlier one with one to six characters changed.
Recall is the share of pairs whose true Jaccard similarity, found by brute force among the first 1,500 questions, is at
least 0.7 or 0.8, and that end up in one cluster.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import random
import resource
import string
import struct
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from psyche.corpus.duplicates import Index, clusters
from psyche.corpus.keys import AnswerKey
from psyche.corpus.records import Origin, Question
from psyche.corpus.signatures import Wording, folded

SAMPLE = 1500
LENGTH = 120
COPIES = 0.1
PERMUTATIONS, THRESHOLD, NGRAM = 128, 0.7, 5
LABELS = Path(__file__).parent / "labels" / "duplicates.jsonl"


def wordings(count: int) -> Iterator[Wording]:
    """Made-up questions; pieces of two to four characters recur as words do, so that n-grams are shared."""
    chance = random.Random(1)
    sizes = chance.choices((2, 2, 3, 4), k=20_000)
    words = ["".join(chr(chance.randrange(0x4E00, 0x6E00)) for _ in range(size)) for size in sizes]
    recent: list[str] = []
    for number in range(count):
        if recent and chance.random() < COPIES:
            text = list(chance.choice(recent))
            for _ in range(chance.randint(1, 6)):
                text[chance.randrange(len(text))] = chr(chance.randrange(0x4E00, 0x6E00))
            made = "".join(text)
        else:
            made = "".join(chance.choices(words, k=LENGTH * 4 // 11))
            recent = [*recent[-999:], made]
        yield Wording(f"q{number:08}", made)


def shingles(text: str, ngram: int = NGRAM) -> set[str]:
    kept = folded(text)
    return {kept[start : start + ngram] for start in range(max(1, len(kept) - ngram + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def ours(count: int, directory: Path) -> list[list[str]]:
    """One run, and a second one with a hundredth more questions."""
    print(f"  {'ours: first run':28}", end="", flush=True)
    groups = _ours(wordings(count), directory)
    print(f"  {'ours: 1% more':28}", end="", flush=True)
    _ours((wording._replace(id=f"n{wording.id}") for wording in wordings(count // 100)), directory)
    return groups


def _ours(made: Iterable[Wording], directory: Path) -> list[list[str]]:
    started = time.perf_counter()
    with Index(directory, permutations=PERMUTATIONS, threshold=THRESHOLD, ngram=NGRAM) as index:
        index.add(made)
        signed = time.perf_counter()
        groups = list(index.clusters())
    clustered = time.perf_counter()
    size = sum(path.stat().st_size for path in directory.iterdir()) / 2**20
    print(
        f"signatures {signed - started:.1f} s, clusters {clustered - signed:.1f} s, on disk {size:,.0f} MiB", flush=True
    )
    return groups


def datasketch_signatures(count: int, directory: Path) -> list[list[str]]:
    """The signatures alone."""
    from datasketch import MinHash

    blank = MinHash(num_perm=PERMUTATIONS, seed=1)
    for wording in wordings(count):
        blank.copy().update_batch([gram.encode() for gram in shingles(wording.text)])
    return []


def datasketch_lsh(count: int, directory: Path) -> list[list[str]]:
    """As its documentation has it: everything is inserted, everything is queried, with the bands that it chooses."""
    from datasketch import MinHash, MinHashLSH

    lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    blank = MinHash(num_perm=PERMUTATIONS, seed=1)
    signed = []
    for name, text, _ in wordings(count):
        made = blank.copy()
        made.update_batch([gram.encode() for gram in shingles(text)])
        lsh.insert(name, made)
        signed.append((name, made))
    return joined((name, other) for name, made in signed for other in lsh.query(made))


def datatrove(count: int, directory: Path) -> list[list[str]]:
    """Signatures and buckets on disk, with characters for words and bands as ours; pairs are joined here."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupSignature
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Characters:
        language = "zh"

        def word_tokenize(self, text: str) -> list[str]:
            return list(text)

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    WordTokenizer.register(Characters)
    hashing = HashConfig(hash_fc="sha1")
    config = MinhashConfig(n_grams=NGRAM, num_buckets=25, hashes_per_bucket=5, hash_config=hashing)
    signatures, buckets = str(directory / "signatures"), str(directory / "buckets")
    documents = (Document(text=folded(text), id=name) for name, text, _ in wordings(count))
    MinhashDedupSignature(output_folder=signatures, config=config, language=Characters()).run(documents)
    for rank in range(config.num_buckets):
        step = MinhashDedupBuckets(input_folder=signatures, output_folder=buckets, config=config)
        step.run(rank=rank, world_size=config.num_buckets)
    found = (row for path in Path(buckets).glob("*.dups") for row in struct.iter_unpack("<4I", path.read_bytes()))
    return joined((f"q{one:08}", f"q{other:08}") for _, one, _, other in found)


def joined(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = name = parent[above]
        return name

    for one, other in pairs:
        parent[root(one)] = root(other)
    groups = defaultdict(list)
    for name in list(parent):
        groups[root(name)].append(name)
    return list(groups.values())


def recall(groups: list[list[str]]) -> str:
    sample = [(wording.id, shingles(wording.text)) for wording in wordings(SAMPLE)]
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    hits, truth = dict.fromkeys((0.7, 0.8), 0), dict.fromkeys((0.7, 0.8), 0)
    for (one, grams), (other, others) in itertools.combinations(sample, 2):
        similarity = jaccard(grams, others)
        for bound in truth:
            truth[bound] += similarity >= bound
            hits[bound] += similarity >= bound and group_of.get(one, one) == group_of.get(other, other)
    return ", ".join(f"{hits[bound]} of {truth[bound]} at {bound}" for bound in truth)


def measured(variant: Callable[[int, Path], list[list[str]]], count: int) -> None:
    """Run a variant in this process, and print what it took."""
    with tempfile.TemporaryDirectory() as directory:
        started, used = time.perf_counter(), time.process_time()
        try:
            groups = variant(count, Path(directory))
        except ImportError as error:
            print(f"{variant.__name__:30}left out: {error.name} is not installed")
            return
        seconds, used = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{variant.__name__:30}{seconds:7.1f} s {used:7.1f} s of processor {seconds / count * 1e6:7.1f} µs a question"
        f" {peak:6.2f} GiB  {recall(groups) if groups else ''}",
        flush=True,
    )


def labelled(threshold: float, ngram: int) -> None:
    """Recall and precision by kind; what is wrong at the default setting is printed."""
    kinds: dict[str, list[bool]] = defaultdict(list)
    same: dict[str, bool] = {}
    misses = []
    for line in LABELS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        same[pair["kind"]] = pair["same"]
        kinds[pair["kind"]].append(together(pair["one"], pair["other"], threshold, ngram))
        if kinds[pair["kind"]][-1] != pair["same"]:
            misses.append(f"  {pair['kind']}: {pair['one']['stem']} | {pair['other']['stem']}")
    print(f"threshold {threshold}, n-grams of {ngram}")
    for kind, found in kinds.items():
        print(f"  {kind:30} {'same' if same[kind] else 'different':10}{sum(found):4} of {len(found)} held together")
    right = sum(sum(found) for kind, found in kinds.items() if same[kind])
    wrong = sum(sum(found) for kind, found in kinds.items() if not same[kind])
    wanted = sum(len(found) for kind, found in kinds.items() if same[kind])
    print(f"  recall {right / wanted:.3f}, precision {right / (right + wrong):.3f}")
    if (threshold, ngram) == (THRESHOLD, NGRAM):
        print("\n".join(misses))


def together(one: dict[str, Any], other: dict[str, Any], threshold: float, ngram: int) -> bool:
    pair = [Wording.of(question(one, 1)), Wording.of(question(other, 2))]
    return len(list(clusters(pair, permutations=PERMUTATIONS, threshold=threshold, ngram=ngram))) == 1


def question(side: dict[str, Any], number: int) -> Question:
    return Question(
        kind="single",
        case=side["case"],
        stem=side["stem"],
        options=dict(zip(string.ascii_uppercase, side["options"], strict=False)),
        key=AnswerKey(kind="choice", value=("A",)),
        language="zh",
        origin=Origin(source=f"labels {number}"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=210_000)
    parser.add_argument("--million", type=int)
    parser.add_argument("--labels", action="store_true")
    given = parser.parse_args()
    if given.labels:
        for threshold, ngram in itertools.product((0.5, 0.6, 0.7, 0.8), (3, 4, 5)):
            labelled(threshold, ngram)
        return
    variants = [ours] if given.million else [ours, datasketch_signatures, datasketch_lsh, datatrove]
    count = given.million * 10**6 if given.million else given.questions
    print(f"{count:,} questions, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    for variant in variants:
        process = multiprocessing.get_context("spawn").Process(target=measured, args=(variant, count))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
