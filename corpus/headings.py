"""What the columns and keys of a table are called: by us, by others, and by the run file."""

from __future__ import annotations

import difflib
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from psyche.corpus.errors import InputError
from psyche.corpus.options import LETTERS

Names = Mapping[str, str]
"""Our names, each with those of others: lower case, without spaces or punctuation, one space between two."""

BANK: Names = {
    "question": "题目 题干 问题 试题 题目内容 试题内容 questiontext stem",
    "answer": "答案 正确答案 参考答案 标准答案 correctanswer",
    "options": "选项 备选答案 备选项 choices",
    "analysis": "解析 分析 答案解析 试题解析 explanation",
    "question_type": "题型 题目类型 试题类型 type",
    "subject_name": "科目 学科 章节 知识点 subject chapter",
    "case": "案例 案例介绍 材料 背景 vignette",
    **{letter: f"选项{letter} {letter}选项 option{letter}".lower() for letter in LETTERS},
}
POSTS: Names = {
    "post": "postid 帖子id 帖子编号 问题id 问题编号 questionid qid",
    "title": "标题 题目 问题 question questiontitle",
    "text": "内容 正文 描述 问题描述 帖子内容 description content body",
    "topic": "话题 分类 主题 类别 一级分类 topics category",
    "subtopic": "子话题 子分类 小类 二级分类 subtopics subcategory",
    "keywords": "关键词 标签 tags",
    "replies": "answers comments responses 回复列表",
    "reply": "回复 回答 评论 回复内容 回答内容 评论内容 answer answertext response comment",
    "votes": "点赞数 点赞 赞同数 赞 likes upvotes votecount",
    "professional": "专业 是否专业 专业认证 认证 isprofessional certified",
}
DIALOGUES: Names = {
    "dialogue": "dialogueid dialogid conversationid sessionid 对话id 会话id 对话编号 会话编号",
    "speaker": "role from 说话人 说话者 发言人 角色",
    "text": "content value utterance 内容 文本 话语 发言",
    "turns": "messages conversations conversation dialog 对话 对话内容",
    "history": "历史",
    "topic": "话题 主题 分类 topics category",
}


class Headings:
    """The names of a table: `columns`, ours to theirs, comes before `names`; `wanted` makes it one of its kind."""

    def __init__(self, names: Names, wanted: Iterable[str], columns: Mapping[str, str]) -> None:
        self._columns = columns
        self._chosen = {theirs: ours for ours, theirs in columns.items()}
        self._known = {name: ours for ours, theirs in names.items() for name in (folded(ours), *theirs.split())}
        self._wanted = dict.fromkeys(wanted)

    def ours(self, name: str) -> str:
        """Our name of a column; one that we know none for keeps its own."""
        known = self._chosen.get(name) or self._known.get(folded(name), name)
        return name if known in self._columns and name not in self._chosen else known

    def named(self, value: Any) -> Any:
        """A value with our names in its mappings; of two columns that mean the same, the second keeps its own."""
        if isinstance(value, list):
            return [self.named(part) for part in value]
        if not isinstance(value, Mapping):
            return value
        result: dict[str, Any] = {}
        for name, part in value.items():
            ours = self.ours(name)
            result[name if ours in result or (ours != name and ours in value) else ours] = self.named(part)
        return result

    def fit(self, columns: Iterable[str]) -> bool:
        """Whether one of the columns is wanted."""
        return any(self.ours(name) in self._wanted for name in columns)

    def check(self, source: str, columns: Sequence[str]) -> None:
        """InputError where a column that the run file names is not there, or none is wanted."""
        listed = f"the columns are {textwrap.shorten(', '.join(columns), 200) or 'none'}"
        if not any(name in self._chosen or folded(name) in self._known for name in columns):
            # A first row that is no heading may be somebody's post.
            listed = f"none of its {len(columns)} columns has a name that is known; a table needs a row of headings"
        for ours, theirs in self._columns.items():
            if theirs not in columns:
                near = difflib.get_close_matches(theirs, columns, 1)
                meant = f"; did you mean {near[0]!r}?" if near else ""
                raise InputError(f"{source}: no column {theirs!r} for `{ours}`; {listed}{meant}")
        if not self.fit(columns):
            wanted = textwrap.shorten(" or ".join(f"`{name}`" for name in self._wanted), 80, placeholder=" …")
            raise InputError(f"{source}: {listed}; say in `columns` which one is {wanted}")


def columns_of(value: Any) -> Iterator[str]:
    """Every name in the mappings of a value, however deep."""
    if isinstance(value, Mapping):
        yield from value
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from columns_of(part)


@lru_cache(4096)
def folded(name: str) -> str:
    """A name in lower case without spaces and punctuation."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).casefold())
