"""Strings full of what cleaning and splitting stumble over, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

fragments = st.sampled_from(
    [
        *"心理⼼⻓Ａa7,:;!?()，：；！？（）“”。…①^_TQ.-<>'\" \n\r\u3000\u00a0\u200b\ufe0f\u0301😀",
        *("://", "www.", "https", "(╯°□°)╯︵ ┻━┻", "^_^", ":-)", "e.g. ", "🇨🇳"),
    ]
)
messy = st.one_of(st.text(), st.lists(fragments).map("".join))
