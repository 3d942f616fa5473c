from __future__ import annotations

from pathlib import Path

import pytest

from psyche.corpus.errors import RunFileError
from psyche.evaluation.evaluationfile import EvaluationFile, load_evaluation_file

SMALL = """
name = "trial"
[[benchmarks]]
name = "pceb"
path = "pceb"
[candidates.local]
[models.local]
connect = "compatible:m@http://127.0.0.1:9/v1"
[models.large]
connect = "compatible:n@http://127.0.0.1:9/v1"
"""


def load(tmp_path: Path, text: str) -> EvaluationFile:
    path = tmp_path / "evaluation.toml"
    path.write_text(text, "utf-8")
    return load_evaluation_file(path)


def test_the_smallest_file_names_a_benchmark_a_candidate_and_a_model(tmp_path: Path) -> None:
    found = load(tmp_path, SMALL)
    (benchmark,) = found.benchmarks
    assert (benchmark.shots, benchmark.form, benchmark.arrangements, benchmark.sample) == ((0,), "reasoned", 1, None)
    assert found.judge.models == ()
    assert found.model_of("local") == "local"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL.replace("path =", "shot = [5]\npath ="), "unknown key 'benchmarks.0.shot'; did you mean 'shots'?"),
        (SMALL + "[judge]\nmodel = ['large']", "unknown key 'judge.model'; did you mean 'models'?"),
        (SMALL.replace("[candidates.local]", "[candidates.loca]"), "candidates.loca.model: no model is called 'loca'"),
        (SMALL + "[candidates.x]\nmodel = 'larg'", "no model is called 'larg'; did you mean 'large'?"),
        (SMALL + "[candidates.'a b']\nmodel = 'large'", "candidates.a b: letters, digits, dot, dash"),
        (SMALL + "[candidates.large]\nsize = 0", "candidates.large.size: Input should be greater than 0"),
        (SMALL + "[judge]\nmodels = ['larg']", "judge.models: no model is called 'larg'; did you mean 'large'?"),
        (SMALL + "[judge]\nmodels = ['large']\npasses = 0", "judge.passes: Input should be greater than or equal to 1"),
        ("solvers = ['locl']" + SMALL, "solvers: no candidate is called 'locl'; did you mean 'local'?"),
        ("solvers = ['large']" + SMALL, "solvers: no candidate is called 'large'; known: local"),
        (SMALL + "[[benchmarks]]\nname = 'pceb'\npath = 'x'", "benchmarks: two are called 'pceb'; give one a `label`"),
        (SMALL + "[roles.solver]\nmax_tokens = 9", "roles: no agent is called 'solver'; known: candidate, marker"),
        (SMALL.replace('path = "pceb"', 'path = "pceb"\nshots = [21]'), "benchmarks.0.shots.0: Input should be less"),
        (SMALL.replace('path = "pceb"', 'path = "pceb"\nshots = []'), "benchmarks.0.shots: Tuple should have at least"),
        (SMALL.replace('path = "pceb"', 'path = "pceb"\nshots = [0, 0]'), "benchmarks.0.shots: 0 stands there twice"),
        (SMALL + "[judge]\nmodels = ['large', 'large']", "judge.models: large stands there twice; name it once"),
        (SMALL.replace('"trial"', f'"{"模" * 34}"'), "name: longer than 100 bytes"),
        (SMALL.replace('path = "pceb"', 'path = ""'), "benchmarks.0.path: String should have at least 1 character"),
        (SMALL.replace('path = "pceb"', 'path = "pceb"\nform = "letter"'), "benchmarks.0.form: Input should be"),
        (SMALL.replace('"trial"', '"../up"'), "name: letters, digits, dot, dash and underscore only"),
        ("tokens = 'syllables'" + SMALL, "tokens: Input should be 'words' or 'characters'"),
        ("budget = 5" + SMALL, "give models.local.price, or drop the budget"),
        ("name = 'x'\n[models.m]\nconnect = 'x:y'", "benchmarks: is missing"),
        (SMALL.replace("[candidates.local]\n", ""), "candidates: is missing"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key_and_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RunFileError) as error:
        load(tmp_path, text)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'evaluation.toml'}: ")
    assert "\n" not in str(error.value)


def test_a_benchmark_can_be_asked_twice_under_two_labels(tmp_path: Path) -> None:
    again = "[[benchmarks]]\nname = 'pceb'\nlabel = 'pceb-letters'\npath = 'pceb'\nform = 'letters'\n"
    assert [one.label for one in load(tmp_path, SMALL + again).benchmarks] == [None, "pceb-letters"]


def test_two_candidates_can_be_one_model(tmp_path: Path) -> None:
    found = load(tmp_path, SMALL + "[candidates.second]\nmodel = 'local'\n")
    assert found.model_of("second") == "local"


def test_candidates_sample_as_the_paper_has_them_and_judges_have_room_for_their_reasons(tmp_path: Path) -> None:
    found = load(tmp_path, SMALL)
    assert found.candidate("local").sampling(0) == {"temperature": 0.0, "top_p": 0.95, "max_tokens": 1024}
    assert found.judge_role("marker", "large").sampling(0) == {"temperature": 0.0, "top_p": 0.95, "max_tokens": 2048}


def test_what_the_file_says_of_sampling_holds_and_the_rest_is_the_papers(tmp_path: Path) -> None:
    roles = "[roles.default]\ntop_p = 0.8\n[roles.candidate]\nmax_tokens = 4096\n[roles.marker]\ntemperature = 0.3\n"
    found = load(tmp_path, SMALL + roles)
    assert found.candidate("local").sampling(0) == {"temperature": 0.0, "top_p": 0.8, "max_tokens": 4096}
    assert found.judge_role("marker", "large").sampling(0) == {"temperature": 0.3, "top_p": 0.8, "max_tokens": 2048}


def test_a_candidate_and_a_judge_play_their_own_model_whatever_a_role_names(tmp_path: Path) -> None:
    found = load(tmp_path, SMALL + "[roles.default]\nmodel = 'large'\n")
    assert found.candidate("local").endpoint.connect.startswith("compatible:m@")
    assert found.judge_role("marker", "large").endpoint.connect.startswith("compatible:n@")
