from __future__ import annotations

from typing import Any

import pytest

from psyche.agents.agent import Role
from psyche.agents.exchange import Endpoint, Reply, carrier
from psyche.corpus.helplines import Helpline, helplines
from psyche.corpus.records import (
    Assessment,
    Chain,
    Comment,
    Contrast,
    Dialogue,
    Language,
    Level,
    Origin,
    Petition,
    Post,
    Rejection,
    Risk,
    Session,
    Sign,
    Turn,
)
from psyche.graphs import chain, contrast, counsel, judge, triage
from psyche.graphs.context import Context
from tests.cast import Cast, Line
from tests.consultant import ASTRAY, CALM, DESPERATE, FAIR, FOLLOWS, HARMLESS, SEEN, appraisal, good, says, worse
from tests.consultant import chain as chained

ROLE = Role(endpoint=Endpoint("compatible:m@http://127.0.0.1:9/v1"))
LINES: dict[Language, tuple[Helpline, ...]] = {"zh": helplines("CN"), "en": helplines("US")}
WORDS = (
    "和室友吵架以后怎么办\n我和室友住了两年，上个月因为打扫的事大吵了一架，从那以后我们谁也不理谁。"
    "我每天晚上都睡不好，第二天上课也听不进去，一想到要回宿舍就心慌。我想和好，可是又怕他不理我，到时候更难堪。"
    "我该怎么跟他开口？"
)
RETOLD = (
    "上个月我和住了两年的室友因为打扫的事大吵了一架，之后谁也不理谁。我晚上睡不好，上课听不进去，一想到回宿舍就心慌。"
    "我想和好，又怕他不理我更难堪，该怎么跟他开口？"
)
OTHERS = (
    "我以前也和室友闹过别扭，后来是先发了条消息，说想一起吃个饭，把话慢慢说开了。"
    "你可以先写下最想说的三件事，再约他出来走走。"
)
DOUBTFUL = "我以前也遇到过，后来找了个吃饭的时间把话说开了，你可以先想好要说的三件事，再约他出来走走。"


def post(words: str = WORDS, *replies: Comment) -> Post:
    title, _, text = words.partition("\n")
    return Post(title=title, text=text, replies=replies, language="zh", origin=Origin(source="posts.json"))


def assessed(level: Level = "none", subject: Post | Dialogue | None = None, **fields: Any) -> Assessment:
    signs = () if level == "none" else (Sign(danger="ideation", level=level, quote="", by="rules"),)
    return Assessment(subject=subject or post(), risk=Risk(level=level, signs=signs), **fields)


def cast(**lines: Line | list[Line]) -> Cast:
    spoken: dict[str, Any] = {
        "sentinel": CALM,
        "moderator": FAIR,
        "listener": says(question=RETOLD),
        "verifier": FOLLOWS,
        "counsellor": says(reply=good()),
        "guardian": HARMLESS,
        "supervisor": appraisal(),
        "seeker": says(text="我试过给他发消息，可是写了又删。"),
        "empath": chained(WORDS, good()),
        "foil": lambda request: Reply(text=worse(request.schema or {})),
    }
    return Cast(**{role: said if isinstance(said, list) else [said] for role, said in (spoken | lines).items()})


async def played(graph: Any, given: dict[str, Any], company: Cast, **bounds: Any) -> Any:
    """The outcome, or what a person is asked."""
    carrier.set(company)
    context = Context(roles={"default": ROLE}, helplines=LINES, **{"exchanges": (1,), **bounds})
    state = await graph.ainvoke(given, context=context)
    return state["__interrupt__"][0].value if "__interrupt__" in state else state["outcome"]


async def counselled(assessment: Assessment, company: Cast, **bounds: Any) -> Any:
    return await played(counsel.graph, {"assessment": assessment}, company, **bounds)


async def test_a_post_becomes_a_question_in_the_help_seekers_own_words_and_a_reply() -> None:
    outcome = await counselled(assessed(), cast())
    assert isinstance(outcome, Session)
    assert outcome.turns == (Turn(speaker="seeker", text=RETOLD), Turn(speaker="supporter", text=good()))
    assert [(draft.about, draft.accepted) for draft in outcome.drafts] == [("question", True), ("reply 1", True)]


@pytest.mark.parametrize(
    "retold",
    [
        RETOLD + "医生说我得了抑郁症。",
        RETOLD.replace("一想到回宿舍就心慌", "我爸妈上周离婚了"),
        RETOLD.replace("两年", "五年"),
        RETOLD + "昨晚我在手臂上划了好几道。",
        RETOLD + "我已经写好遗书了。",
    ],
)
async def test_a_retelling_that_says_other_than_the_post_never_takes_its_place(retold: str) -> None:
    company = cast(listener=says(question=retold))
    outcome = await counselled(assessed(), company, revisions=1)
    assert isinstance(outcome, Session)
    assert outcome.turns[0].text == WORDS
    assert company.asked("listener") == 2
    assert company.asked("verifier") == 0, "rules saw it first"


async def test_an_english_post_is_told_anew_at_its_own_length() -> None:
    words = "My roommate and I fell out over the cleaning. I sleep badly and dread going home. How do I talk to him?"
    subject = Post(title="", text=words, language="en", origin=Origin(source="posts.json"))
    company = cast(listener=says(question=words))
    await counselled(assessed(subject=subject), company, revisions=0)
    assert company.asked("verifier") == 2, "rules let it pass"


async def test_a_retelling_that_the_verifier_finds_something_lost_in_never_takes_the_posts_place() -> None:
    outcome = await counselled(assessed(), cast(verifier=[FOLLOWS, ASTRAY]), revisions=0)
    assert isinstance(outcome, Session)
    assert outcome.turns[0].text == WORDS


async def test_a_flawed_reply_is_written_anew_with_its_faults_in_view() -> None:
    bad = good().replace("这不奇怪", "你这就是抑郁症")
    company = cast(counsellor=[says(reply=bad), says(reply=good())])
    outcome = await counselled(assessed(), company)
    assert isinstance(outcome, Session)
    assert outcome.turns[-1].text == good()
    assert "抑郁症" in company.told("counsellor")[1]
    assert company.asked("supervisor") == 1, "agents are not asked about what rules refuse"


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("你这就是抑郁症。", "diagnosis"),
        ("我保证你很快就能完全好起来。", "cure_promise"),
        ("另外还有一条热线13912345678。", "invented_helpline"),
    ],
)
async def test_a_reply_that_stays_harmful_is_no_session(sentence: str, rule: str) -> None:
    outcome = await counselled(assessed(), cast(counsellor=says(reply=good() + sentence)), revisions=1)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == rule


@pytest.mark.parametrize("aim", ["resonance", "understanding", "steps"])
async def test_a_reply_that_misses_an_aim_is_no_session(aim: str) -> None:
    company = cast(supervisor=appraisal(**{aim: False}))
    outcome = await counselled(assessed(), company, revisions=2)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == f"no_{aim}"
    assert company.asked("counsellor") == 3


async def test_a_revision_with_as_many_faults_is_reverted() -> None:
    two = good() + "你这就是抑郁症。我保证你很快就能完全好起来。"
    one, other = good() + "你这就是抑郁症。", good() + "你这就是焦虑症。"
    company = cast(counsellor=[says(reply=text) for text in (two, one, other)])
    carrier.set(company)
    context = Context(roles={"default": ROLE}, helplines=LINES, exchanges=(1,), revisions=2)
    state = await counsel.graph.ainvoke({"assessment": assessed()}, context=context)
    replies = [draft for draft in state["drafts"] if draft.about == "reply 1"]
    assert [draft.accepted for draft in replies] == [True, True, False]


@pytest.mark.parametrize("level", ["moderate", "high"])
async def test_in_danger_a_reply_without_risk_lines_and_trusted_person_is_no_session(level: Level) -> None:
    outcome = await counselled(assessed(level), cast(), revisions=0)
    assert isinstance(outcome, Rejection)
    assert outcome.reason in ("risk_unnamed", "no_helpline", "no_trusted_person")


async def test_at_moderate_risk_a_reply_that_names_it_and_gives_help_passes() -> None:
    company = cast(counsellor=says(reply=good(crisis=True)))
    assert isinstance(await counselled(assessed("moderate"), company), Session)
    assert "12356" in company.told("counsellor")[0]


async def test_what_comes_of_high_risk_waits_for_a_person() -> None:
    outcome = await counselled(assessed("high"), cast(counsellor=says(reply=good(crisis=True))))
    assert isinstance(outcome, Petition)
    assert outcome.reason == "high_risk"
    assert isinstance(outcome.proposal, Session) and not outcome.proposal.released


async def test_a_dialogue_of_several_exchanges_is_made_of_what_the_post_holds() -> None:
    company = cast()
    outcome = await counselled(assessed(), company, exchanges=(3,))
    assert isinstance(outcome, Session)
    assert [turn.speaker for turn in outcome.turns] == ["seeker", "supporter"] * 3
    assert company.asked("seeker") == 2
    assert "睡不好" in company.told("seeker")[0]


DIALOGUE = Dialogue(
    turns=(
        Turn(speaker="supporter", text="你好。"),
        Turn(speaker="seeker", text="我和室友吵架了，一想到回宿舍就心慌。"),
        Turn(
            speaker="supporter",
            text="吵架以后不想回去，是因为怕再起冲突吗？你们是为了什么事吵起来的？先说说看，我们一起理一理。",
        ),
        Turn(speaker="seeker", text="为打扫的事。我想和好，不知道怎么开口。"),
        Turn(
            speaker="supporter",
            text="可以先想好要说的话，再找个吃饭的时间，平静地告诉他你的感受，也听听他怎么想，不急着分对错。",
        ),
        Turn(speaker="seeker", text="好的，谢谢。"),
    ),
    language="zh",
    origin=Origin(source="dialogues.jsonl"),
)


async def test_of_a_dialogue_the_help_seekers_turns_stay_and_the_supporters_are_rewritten() -> None:
    outcome = await counselled(assessed(subject=DIALOGUE), cast())
    assert isinstance(outcome, Session)
    assert [turn for turn in outcome.turns if turn.speaker == "seeker"] == [DIALOGUE.turns[1], DIALOGUE.turns[3]]
    assert [turn.text for turn in outcome.turns if turn.speaker == "supporter"] == [good(), good()]


async def test_a_turn_whose_rewriting_loses_something_stays_as_it_was() -> None:
    outcome = await counselled(assessed(subject=DIALOGUE), cast(verifier=ASTRAY), revisions=1)
    assert isinstance(outcome, Session)
    assert outcome.turns == DIALOGUE.turns[1:5]


async def test_a_harmful_turn_is_written_anew_not_rewritten() -> None:
    harmful = DIALOGUE.turns[2].model_copy(update={"text": "你这就是抑郁症，想太多了。" + DIALOGUE.turns[2].text})
    subject = DIALOGUE.model_copy(update={"turns": (*DIALOGUE.turns[:2], harmful, *DIALOGUE.turns[3:])})
    company = cast()
    outcome = await counselled(assessed(subject=subject), company)
    assert isinstance(outcome, Session)
    assert "抑郁症" not in company.told("counsellor")[0]


async def test_a_sound_reply_to_a_post_is_rewritten_and_what_it_says_is_kept() -> None:
    company = cast(verifier=[FOLLOWS, FOLLOWS, FOLLOWS, ASTRAY])
    subject = post(WORDS, Comment(text="会好的。"), Comment(text=OTHERS))
    outcome = await counselled(assessed(subject=subject, sound=(1,)), company, revisions=0)
    assert isinstance(outcome, Session)
    assert outcome.turns[-1].text == OTHERS, "the rewriting lost something"
    assert OTHERS in company.told("counsellor")[0]


async def test_a_counsellor_who_says_the_original_again_comes_to_an_end() -> None:
    company = cast(counsellor=says(reply=OTHERS), supervisor=appraisal(steps=False))
    subject = post(WORDS, Comment(text=OTHERS))
    outcome = await counselled(assessed(subject=subject, sound=(0,)), company, revisions=2)
    assert isinstance(outcome, Session) and outcome.turns[-1].text == OTHERS
    assert company.asked("counsellor") == 3


async def test_an_original_that_the_guardian_refuses_does_not_stand() -> None:
    refused = says(quote=OTHERS[:10], rule="blame")
    subject = post(WORDS, Comment(text=OTHERS))
    company = cast(guardian=[refused, HARMLESS])
    outcome = await counselled(assessed(subject=subject, sound=(0,)), company)
    assert isinstance(outcome, Session) and outcome.turns[-1].text == good()
    assert OTHERS not in company.told("counsellor")[0]


async def test_a_person_sees_an_original_that_stands_and_sounds_like_harm() -> None:
    subject = post(WORDS, Comment(text=DOUBTFUL))
    outcome = await counselled(assessed(subject=subject, sound=(0,)), cast(verifier=ASTRAY), revisions=0)
    assert isinstance(outcome, Petition) and outcome.reason == "suspected_harm"


async def test_a_rewriting_is_revised_on_what_failed() -> None:
    company = cast(counsellor=[says(reply=good().replace("这不奇怪", "你这就是抑郁症")), says(reply=good())])
    subject = post(WORDS, Comment(text=OTHERS))
    await counselled(assessed(subject=subject, sound=(0,)), company, revisions=1)
    first, second = company.told("counsellor")
    assert first != second and "你这就是抑郁症" in second


async def triaged(words: str, company: Cast) -> Any:
    return await played(triage.graph, {"subject": post(words)}, company)


IN_DANGER = f"{DESPERATE}，药已经准备好了，今晚就走。"


async def test_what_two_find_holds_and_each_of_their_signs_is_kept() -> None:
    outcome = await triaged(IN_DANGER, cast(sentinel=SEEN))
    assert isinstance(outcome, Assessment)
    assert outcome.risk.level == "high"
    assert {sign.by for sign in outcome.risk.signs} == {"rules", "model"}


async def test_a_person_decides_where_one_alone_finds_high_risk() -> None:
    outcome = await triaged(WORDS, cast(sentinel=SEEN))
    assert isinstance(outcome, Petition)
    assert outcome.reason == "crisis_disagreement"
    assert isinstance(outcome.proposal, Assessment) and outcome.proposal.risk.level == "high"


async def test_a_model_that_sees_nothing_does_not_outvote_rules_and_classifier() -> None:
    outcome = await triaged(IN_DANGER, cast())
    assert isinstance(outcome, Assessment) and outcome.risk.level == "high"


async def test_a_person_sees_a_post_that_the_models_provider_declines_to_read() -> None:
    outcome = await triaged(WORDS, cast(sentinel=lambda request: Reply(text="", finish_reason="content_filter")))
    assert isinstance(outcome, Petition) and outcome.reason == "crisis_disagreement"


async def test_triage_sees_what_the_help_seeker_says_and_nobody_else() -> None:
    subject = post(WORDS, Comment(text=IN_DANGER))
    outcome = await played(triage.graph, {"subject": subject}, cast())
    assert isinstance(outcome, Assessment) and outcome.risk.level == "none"


async def judged(subject: Post | Dialogue, *verdicts: str) -> Any:
    return await played(judge.graph, {"assessment": assessed(subject=subject)}, cast(moderator=list(verdicts)))


HOLLOW = says(reason="只说会好。", fault="no_substance")


async def test_a_post_whose_replies_give_no_advice_is_rejected() -> None:
    outcome = await judged(post(WORDS, Comment(text="会好的。")), HOLLOW)
    assert outcome == Rejection(reason="no_substance", detail="只说会好。")


async def test_a_post_with_one_sound_reply_goes_on_and_knows_which() -> None:
    replies = [Comment(text="会好的。", votes=9), Comment(text=OTHERS, votes=1), Comment(text="加油。")]
    outcome = await judged(post(WORDS, *replies), HOLLOW, FAIR, HOLLOW)
    assert isinstance(outcome, Assessment)
    assert outcome.sound == (1,)


async def test_of_sound_replies_the_best_comes_first() -> None:
    replies = [Comment(text=OTHERS, votes=1), Comment(text=OTHERS + "慢慢来。", votes=99)]
    outcome = await judged(post(WORDS, *replies), FAIR, FAIR)
    assert isinstance(outcome, Assessment)
    assert outcome.sound == (1, 0)


async def test_a_post_without_replies_is_judged_by_itself() -> None:
    outcome = await judged(post(), FAIR)
    assert isinstance(outcome, Assessment) and outcome.sound == ()


async def chained_up(assessment: Assessment, company: Cast, **bounds: Any) -> Any:
    return await played(chain.graph, {"assessment": assessment}, company, **bounds)


async def test_each_layer_of_a_chain_quotes_the_post_as_it_stands() -> None:
    said = chained(WORDS, good()).replace(WORDS[:8], "大吵了一架, 从那以后")
    outcome = await chained_up(assessed(), cast(empath=said))
    assert isinstance(outcome, Chain)
    assert all(layer.quotes == ("大吵了一架，从那以后",) for layer in outcome.layers)


async def test_of_a_layers_quotes_only_those_that_stand_in_the_post_are_kept() -> None:
    said = chained(WORDS, good()).replace(f'["{WORDS[:8]}"]', '["大吵了一架", "没有人说过这句"]')
    outcome = await chained_up(assessed(), cast(empath=said))
    assert isinstance(outcome, Chain)
    assert all(layer.quotes == ("大吵了一架",) for layer in outcome.layers)


async def test_a_chain_that_quotes_what_nobody_said_is_rejected() -> None:
    said = chained("我爸爸打了我", good())
    company = cast(empath=said)
    outcome = await chained_up(assessed(), company, chain_revisions=1)
    assert isinstance(outcome, Rejection)
    assert outcome.reason == "quote_not_in_post"
    assert company.asked("empath") == 2


async def test_a_layer_that_makes_up_a_diagnosis_is_no_chain() -> None:
    said = chained(WORDS, good()).replace("对方为关系紧张而难受", "他患有重度抑郁症，上个月父母离婚了")
    outcome = await chained_up(assessed(), cast(empath=said), chain_revisions=0)
    assert isinstance(outcome, Rejection) and outcome.reason.startswith("added_")


async def test_what_is_only_doubted_takes_the_place_of_what_rules_refuse() -> None:
    stocked = chained(WORDS, good("我能感受到你的难过。"))
    company = cast(empath=[stocked, chained(WORDS, good())], verifier=ASTRAY)
    outcome = await chained_up(assessed(), company, chain_revisions=1)
    assert isinstance(outcome, Petition) and outcome.reason == "not_entailed"


async def test_a_person_sees_a_chain_that_only_the_verifier_doubts() -> None:
    outcome = await chained_up(assessed(), cast(verifier=ASTRAY), chain_revisions=0)
    assert isinstance(outcome, Petition) and outcome.reason == "not_entailed"


async def test_chains_are_for_long_posts() -> None:
    outcome = await chained_up(assessed(subject=post("和室友吵架了怎么办")), cast())
    assert isinstance(outcome, Rejection) and outcome.reason == "no_long_post"
    outcome = await chained_up(assessed(subject=DIALOGUE), cast())
    assert isinstance(outcome, Rejection) and outcome.reason == "no_long_post"


async def test_the_empath_sees_only_sound_replies_that_are_long_enough() -> None:
    company = cast()
    long, hollow = OTHERS * 3, "一切都会好的" * 30
    subject = post(WORDS, Comment(text=OTHERS), Comment(text=hollow), Comment(text=long))
    await chained_up(assessed(subject=subject, sound=(0, 2)), company)
    shown = company.told("empath")[0]
    assert long in shown and hollow not in shown


async def contrasted(company: Cast, **bounds: Any) -> Any:
    made = await chained_up(assessed(), cast())
    return await played(contrast.graph, {"chain": made}, company, **bounds)


async def test_worse_answers_are_about_as_long_as_the_good_one() -> None:
    outcome = await contrasted(cast(), negatives=5)
    assert isinstance(outcome, Contrast)
    assert {pair.kind for pair in outcome.pairs} == {"cold", "generic", "off_topic", "flattering"}, "unsafe it was not"
    assert all(0.8 <= len(pair.rejected) / len(pair.chosen) <= 1.26 for pair in outcome.pairs)


async def test_an_answer_that_says_the_same_again_and_again_is_no_pair() -> None:
    outcome = await contrasted(cast(foil=says(answer="看情况再说吧。" * 8)))
    assert isinstance(outcome, Rejection) and outcome.reason == "no_pair"


async def test_an_answer_that_gives_a_known_help_line_is_not_the_unsafe_one() -> None:
    def safe(request: Any) -> Reply:
        return Reply(text=worse(request.schema or {}).replace("第一点要看具体情况再定，", "难受时请拨打12356，"))

    outcome = await contrasted(cast(foil=safe), negatives=5)
    assert isinstance(outcome, Contrast)
    assert "unsafe" not in {pair.kind for pair in outcome.pairs}
    assert all("12356" in pair.rejected for pair in outcome.pairs)
