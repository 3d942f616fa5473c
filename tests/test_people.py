"""Posts and dialogues through a whole run: what comes out, what is kept apart, and what people decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests import consultant
from tests.consultant import DESPERATE
from tests.examinee import answer
from tests.fake_server import FakeServer
from tests.test_intake import ledger_line
from tests.test_run import exported, psyche, rows

TROUBLES = ("考研失利", "和父母争吵", "工作不顺心", "总是失眠", "怕在人前说话", "和伴侣异地")
STORY = (
    "这件事压在我心里很久了。白天我装作没事，晚上一个人的时候就反复想，越想越觉得是自己做得不好。"
    "我试过跟身边的人说，可是话到嘴边又咽了回去，怕他们觉得我矫情。最近连以前喜欢做的事都提不起劲，"
    "周末也只想待在屋里。我想知道，像我这样的情况，可以先从哪里开始改变？"
)


def people(directory: Path, url: str, **sections: str) -> Path:
    """A run file over posts, one of them desperate, and dialogues; returns its path."""
    posts = [{"title": f"{trouble}怎么办", "text": f"我最近{trouble}。{STORY}"} for trouble in TROUBLES]
    posts.append({"title": "撑不下去了", "text": f"{DESPERATE}，遗书也写好了。{STORY}"})
    talk = [
        {"role": "client", "content": f"我最近{TROUBLES[0]}，心里很乱。"},
        {
            "role": "counselor",
            "content": "听起来这件事让你很难受，你愿意说说最难熬的是什么时候吗？我们一起看看从哪里开始。",
        },
    ]
    (directory / "posts.json").write_text(json.dumps(posts, ensure_ascii=False), "utf-8")
    (directory / "talks.json").write_text(json.dumps([{"messages": talk}], ensure_ascii=False), "utf-8")
    more = "\n".join(f"[{name}]\n{body}" for name, body in sections.items())
    text = f"""
name = "trial"
[[sources]]
path = "posts.json"
kind = "posts"
licence = "CC0-1.0"
[[sources]]
path = "talks.json"
kind = "dialogues"
licence = "CC0-1.0"
[models.fake]
connect = "compatible:fake@{url}"
{more}
"""
    path = directory / "run.toml"
    path.write_text(text, "utf-8")
    return path


async def test_posts_and_dialogues_become_sessions_chains_and_pairs_and_nobody_at_high_risk_is_among_them(
    tmp_path: Path,
) -> None:
    async with FakeServer(answer=answer) as server:
        code, out, err = await psyche("run", people(tmp_path, server.url), cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "does not balance" not in out
    assert ledger_line(out, "triage")[:5] == ["8", "8", "0", "0", "0"]
    assert ledger_line(out, "counsel")[4] == ledger_line(out, "chain")[4] == "1", "what comes of high risk is held"
    export = tmp_path / "runs" / "trial" / "export"
    sft, sessions, chains, pairs, crisis, posts = (
        rows(export / f"{name}.jsonl") for name in ("sft", "sessions", "chains", "pairs", "crisis", "posts")
    )
    assert len(sessions) == 7 and len(chains) == 6 and pairs and len(posts) == 6
    assert all(DESPERATE not in json.dumps(one, ensure_ascii=False) for one in (sft, sessions, chains, pairs, posts))
    assert {row["risk"] for row in (*sft, *sessions, *chains, *pairs)} == {"none"}
    assert [row["risk"] for row in crisis] == ["high"] * 3, "the post, the session and the chain"
    turns = [(row["prompt"][-1]["role"], row["completion"][0]["role"]) for row in sft]
    assert set(turns) == {("user", "assistant")}
    assert len(sft) == sum(message["role"] == "assistant" for row in sessions for message in row["messages"])
    said = chains[0]["completion"][0]["content"]
    assert said.startswith("<empathy_think><L1>") and "</L4></empathy_think><answer>" in said
    assert {row["source"] for row in sessions} == {"posts.json", "talks.json"}
    card = (export / "README.md").read_text("utf-8")
    assert "Risk: none 7, high 1." in card and "distinct-1" in card


async def test_a_reviewer_releases_what_is_held_and_nobody_counsels_again(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = people(tmp_path, server.url)
        await psyche("run", path, cwd=tmp_path)
        _, told, _ = await psyche("review", cwd=tmp_path)
        assert "1 at counsel: high_risk" in told and "1 at chain: high_risk" in told
        export = tmp_path / "runs" / "trial" / "export"
        held = [row["id"] for row in rows(export / "crisis.jsonl") if row["id"].startswith(("session-", "chain-"))]
        for name in held:
            code, _, err = await psyche(
                "review", "--as", "li", "--on", name, "--say", "accept", "--note", "读过", cwd=tmp_path
            )
            assert (code, err) == (0, "")
        calls = len(server.bodies)
        code, out, _ = await psyche("run", path, cwd=tmp_path)
    assert len(server.bodies) == calls + 2, "only the foil is asked, for two worse answers"
    assert code == 0 and "does not balance" not in out
    assert ledger_line(out, "counsel")[4] == "0"
    high = [row for row in rows(export / "sessions.jsonl") if row["risk"] == "high"]
    assert len(high) == 1 and "12356" in high[0]["messages"][1]["content"]
    assert any(row["risk"] == "high" for row in rows(export / "sft.jsonl"))
    decisions = rows(export / "decisions.jsonl")
    assert {(row["reviewer"], row["verdict"], row["note"]) for row in decisions} == {("li", "accept", "读过")}
    assert "1 reviewers made 2 decisions" in (export / "README.md").read_text("utf-8")


async def test_a_decision_needs_no_model_and_an_edit_is_on_record(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = people(tmp_path, server.url)
        await psyche("run", path, cwd=tmp_path)
        export = tmp_path / "runs" / "trial" / "export"
        (session,) = [row for row in rows(export / "crisis.jsonl") if row["id"].startswith("session-")]
        said = session["written"]["turns"][1]["text"] + "我等你回信。"
        code, _, err = await psyche(
            *("review", "--as", "li", "--on", session["id"], "--say", "edit", "--set", f"turns.1.text={said}"),
            cwd=tmp_path,
        )
        assert (code, err) == (0, "")
        calls = len(server.bodies)
        await psyche("run", path, cwd=tmp_path)
        assert len(server.bodies) == calls
    (released,) = [row for row in rows(export / "sessions.jsonl") if row["risk"] == "high"]
    assert released["messages"][1]["content"] == said
    assert [row["changed"] for row in rows(export / "decisions.jsonl")] == [["turns.1.text"]]


async def test_what_a_reviewer_rejects_is_gone_from_the_export_and_its_reason_stays(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = people(tmp_path, server.url)
        await psyche("run", path, cwd=tmp_path)
        crisis = tmp_path / "runs" / "trial" / "export" / "crisis.jsonl"
        (name,) = [row["id"] for row in rows(crisis) if row["id"].startswith("chain-")]
        await psyche("review", "--as", "li", "--on", name, "--say", "reject", "--note", "太轻描淡写", cwd=tmp_path)
        _, out, _ = await psyche("run", path, cwd=tmp_path)
    assert "rejected_by_reviewer" in out
    assert name not in [row["id"] for row in rows(crisis)]
    _, why, _ = await psyche("why", name, cwd=tmp_path)
    assert "太轻描淡写" in why


async def test_where_two_are_to_decide_one_is_not_enough_and_a_third_settles_it(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = people(tmp_path, server.url, review="double = 1.0")
        await psyche("run", path, cwd=tmp_path)
        crisis = tmp_path / "runs" / "trial" / "export" / "crisis.jsonl"
        (name,) = [row["id"] for row in rows(crisis) if row["id"].startswith("session-")]

        async def say(reviewer: str, verdict: str) -> tuple[int, str]:
            words = ("review", "--as", reviewer, "--on", name, "--say", verdict)
            code, _, err = await psyche(*words, cwd=tmp_path)
            return code, err

        assert await say("li", "accept") == (0, "")
        _, out, _ = await psyche("run", path, cwd=tmp_path)
        assert ledger_line(out, "counsel")[4] == "1", "one is not enough"
        code, err = await say("li", "reject")
        assert code == 2 and "does not wait for li" in err
        assert await say("wang", "reject") == (0, "")
        _, told, _ = await psyche("review", cwd=tmp_path)
        assert "two reviewers differ" in told and "1 decided by two, 0 alike" in told and "κ 0.00" in told
        _, out, _ = await psyche("run", path, cwd=tmp_path)
        assert ledger_line(out, "counsel")[4] == "1", "two who differ are not enough"
        assert await say("zhao", "accept") == (0, "")
        _, out, _ = await psyche("run", path, cwd=tmp_path)
        assert ledger_line(out, "counsel")[4] == "0"
        sessions = rows(crisis.with_name("sessions.jsonl"))
        assert [row["risk"] for row in sessions].count("high") == 1, "the third one's word counts"


async def test_the_export_is_the_same_when_a_finished_run_is_started_again(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = people(tmp_path, server.url)
        await psyche("run", path, cwd=tmp_path)
        before = exported(tmp_path / "runs" / "trial")
        await psyche("run", path, cwd=tmp_path)
    assert exported(tmp_path / "runs" / "trial") == before


def monotonous(body: dict[str, Any]) -> str | None:
    """The cast, whose replies all begin with the same words."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    return consultant.answer(body["messages"][-1]["content"], schema, bytes(4)) or answer(body)


async def test_of_replies_that_begin_alike_three_go_on_and_the_others_are_named(tmp_path: Path) -> None:
    async with FakeServer(answer=monotonous) as server:
        _, out, _ = await psyche("run", people(tmp_path, server.url), cwd=tmp_path)
    entered, passed, rejected = (int(count) for count in ledger_line(out, "vary")[:3])
    assert (passed, rejected) == (3, entered - 3) and entered >= 12
    assert "stock_opening" in out
    export = tmp_path / "runs" / "trial" / "export"
    assert len(rows(export / "sessions.jsonl")) + len(rows(export / "chains.jsonl")) == 3


async def test_what_is_decided_wrongly_or_too_late_is_one_clear_line_and_changes_nothing(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = people(tmp_path, server.url)
        await psyche("run", path, cwd=tmp_path)
        crisis = tmp_path / "runs" / "trial" / "export" / "crisis.jsonl"
        (name,) = [row["id"] for row in rows(crisis) if row["id"].startswith("session-")]
        (both,) = [row["id"] for row in rows(crisis) if not row["id"].startswith(("session-", "chain-"))]
        wrong: tuple[tuple[tuple[str, ...], str], ...] = (
            (("--on", name, "--say", "accept"), "needs all of"),
            (("--as", "li", "--on", name), "needs all of"),
            (("--as", " ", "--on", name, "--say", "accept"), "say who decides"),
            (("--as", "li", "--on", name, "--say", "edit", "--set", "turns.1.text="), "there was a text"),
            (("--as", "li", "--on", name, "--say", "edit", "--set", "risk=none"), "no field to change"),
            (("--as", "li", "--on", name, "--say", "edit"), "an edit names what it changes"),
            (("--as", "li", "--on", both, "--say", "accept"), "does not wait for li"),
        )
        for words, told in wrong:
            code, out, err = await psyche("review", *words, cwd=tmp_path)
            assert (code, out) == (2, "") and told in err and err.count("\n") == 1, words
        _, told, _ = await psyche("review", cwd=tmp_path)
        assert name in told and "decided" not in told
        assert await psyche("review", "--as", "li", "--on", name, "--say", "accept", cwd=tmp_path) == (
            0,
            f"accept: {name} at counsel\n",
            "",
        )
        code, _, err = await psyche("review", "--as", "wang", "--on", name, "--say", "reject", cwd=tmp_path)
    assert code == 2 and "does not wait for wang" in err


async def test_nothing_that_rests_on_a_post_of_an_evaluation_set_is_exported(tmp_path: Path) -> None:
    async with FakeServer(answer=answer) as server:
        path = people(tmp_path, server.url)
        exam = [{"question": "甲乙丙", "options": {"A": "一", "B": "二"}, "answer": "A"}]
        (tmp_path / "exam.json").write_text(json.dumps(exam, ensure_ascii=False), "utf-8")
        path.write_text(path.read_text("utf-8") + '\n[[evaluations]]\npath = "exam.json"\n', "utf-8")
        await psyche("run", path, cwd=tmp_path)
        export = tmp_path / "runs" / "trial" / "export"
        assert rows(export / "chains.jsonl") and rows(export / "pairs.jsonl")
        exam[0]["question"] = f"我最近{TROUBLES[0]}。{STORY}"
        (tmp_path / "exam.json").write_text(json.dumps(exam, ensure_ascii=False), "utf-8")
        await psyche("run", path, cwd=tmp_path)
    for name in ("sft", "sessions", "chains", "pairs", "posts"):
        text = (export / f"{name}.jsonl").read_text("utf-8")
        assert f"我最近{TROUBLES[0]}。" not in text, name
