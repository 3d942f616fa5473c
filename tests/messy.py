"""Strings full of what cleaning and splitting stumble over, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

fragments = st.sampled_from(
    [
        *"心理⼼⻓Ａa7,:;!?()，：；！？（）“”。…①^_TQ.-<>'\" \n\r\u3000\u00a0\u200b\ufe0f\u0301😀",
        *"/²|[]︵°♂干后台里著於繫髮\u200d\u2028\0\ud83d\ue000ﾟ",
        *(
            "://",
            "www.",
            "https",
            "(╯°□°)╯︵ ┻━┻",
            "^_^",
            ":-)",
            "e.g. ",
            "🇨🇳",
            "<|",
            "|>",
            "</s>",
            "[INST]",
            "--",
            "...",
        ),
    ]
)
messy = st.one_of(st.text(), st.lists(fragments).map("".join))
