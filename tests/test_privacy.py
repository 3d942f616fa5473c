from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche.corpus.privacy import find, mask
from psyche.corpus.times import age_band, season


def found(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for kind, start, end in find(text)]


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        ("phone", "打我电话13912345678吧", "13912345678"),
        ("phone", "电话 139 1234-5678", "139 1234-5678"),
        ("phone", "手机：１３９１２３４５６７８。", "１３９１２３４５６７８"),
        ("phone", "我号码一三九一二三四五六七八", "一三九一二三四五六七八"),
        ("phone", "记一下幺三九一二三四五六七八", "幺三九一二三四五六七八"),
        ("phone", "+86 13912345678 找我", "+86 13912345678"),
        ("phone", "家里座机010-65123456", "010-65123456"),
        ("id_number", "身份证11010519491231002X", "11010519491231002X"),
        ("id_number", "编号11010519491231002X没有提示", "11010519491231002X"),
        ("id_number", "110105 19491231 0021写错一位", "110105 19491231 0021"),
        ("id_number", "老的号码130503670401001", "130503670401001"),
        ("bank_card", "打到6222021234567890128", "6222021234567890128"),
        ("bank_card", "卡号是 6222 0212 3456 7890 123", "6222 0212 3456 7890 123"),
        ("email", "邮箱 xiao.yu_88@example.com，", "xiao.yu_88@example.com"),
        ("email", "写信到 someone at example 点 com", "someone at example 点 com"),
        ("email", "mail me at gmail dot com please", "me at gmail dot com"),
        ("wechat", "加我微信：moonlight_07", "moonlight_07"),
        ("wechat", "➕薇 abcd1234", "abcd1234"),
        ("wechat", "VX是qingtian99", "qingtian99"),
        ("wechat", "微信随时可以聊 qt_2020a", "qt_2020a"),
        ("qq", "QQ：1234567890", "1234567890"),
        ("wechat", "同蹲，lantern_77a，谢谢", "lantern_77a"),
        ("qq", "加我QQ1234567890", "1234567890"),
        ("qq", "QQ1234567890一直在", "1234567890"),
        ("qq", "Q群主号1234567890", "1234567890"),
        ("phone", "家里0510-8123 456", "0510-8123 456"),
        ("qq", "扣扣号一二三四五六七八", "一二三四五六七八"),
        ("weibo", "微博@爱吃鱼的云 看我", "爱吃鱼的云"),
    ],
)
def test_numbers_and_accounts_are_found_however_they_are_written(kind: str, text: str, secret: str) -> None:
    assert found(text) == [(kind, secret)]


@pytest.mark.parametrize(
    "text",
    [
        "难受的时候可以打12356、110或120",
        "全国热线：010-82951332，二十四小时",
        "考了587分，全省排名12034",
        "吃了20天药，一天75mg，花了1280.50元",
        "SDS标准分63，DSM-5和ICD-11里都有",
        "微信上聊了3个小时，QQ也删了",
        "订单尾号2024，一共18999块",
        "弗洛伊德、罗杰斯和周杰伦都说过",
        "老公和小孩睡了，阿姨在老家，小时候的小事",
        "高兴和安静，白天到黄昏，于是常常小心",
        "男老师和女医生都在，语文老师和班主任老师也在",
        "去医院看医生，从学校到公司，考大学，上重点高中",
        "走马路，有误区，人生之路，在小区里",
        "三年前，上周一，晚上11点，十几岁，二十多岁，大二",
        "18岁以下不能办卡，3.5小时，成绩7.27分",
        "一小部分人其中学到了很多",
        "爸爸妈妈天天吵架，男朋友劈腿被我抓到了",
        "老师您好，谢谢，道理我全懂",
        "家庭教育和学校教育，在网吧打游戏，在家上班，在外地工作",
        "最好在石家庄或者线上",
        "You can rest at night. Then try again.",
        "There is no hurry at all. That is fine.",
    ],
)
def test_what_is_nobody_s_is_left(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("我叫苏婉清，室友赵一鸣总是吵", ["苏婉清", "赵一鸣"]),
        ("王老师和李建国医生都说没事", ["王", "李建国"]),
        ("小雅跟阿坤分手了，老魏劝过", ["小雅", "阿坤", "老魏"]),
        ("强哥和婷姐带我去的", ["强哥", "婷姐"]),
        ("闺女豆豆刚满月，佳佳三岁", ["豆豆", "佳佳"]),
        ("欧阳雪梅是我同事", ["欧阳雪梅"]),
        ("同事Kelly和Kevin", ["Kelly", "Kevin"]),
        ("老人姓葛，他叫江屿。", ["葛", "江屿"]),
        ("我老婆桂兰确诊了，闺蜜安然劝我", ["桂兰", "安然"]),
        ("一个老乡石头打电话，工友老憨也来", ["石头", "老憨"]),
        ("跟小林、阿伟和大鹏一起，和俊熙在一起", ["小林", "阿伟", "大鹏", "俊熙"]),
        ("张扬：你别这样", ["张扬"]),
        ("姓名：霍远，收款人：于波", ["霍远", "于波"]),
        ("那个叫“半截铅笔”的网友", ["半截铅笔"]),
        ("等你。爱你的冬冬", ["冬冬"]),
        ("室友Meera和Zhang Wei", ["Meera", "Zhang Wei"]),
    ],
)
def test_names_are_found_in_every_form(text: str, names: list[str]) -> None:
    assert [secret for kind, secret in found(text) if kind == "name"] == names


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        ("school", "我在南京师范大学读书", "南京师范大学"),
        ("school", "考不上附中怎么办", "附中"),
        ("school", "在昆工读研", "昆工"),
        ("school", "考上了湖南师大", "湖南师大"),
        ("school", "在蓝翔学挖掘机", "蓝翔"),
        ("hospital", "去一附院看病", "一附院"),
        ("school", "转到城关中学了", "城关中学"),
        ("hospital", "去了市精神卫生中心", "市精神卫生中心"),
        ("hospital", "在同康医院看的", "同康医院"),
        ("employer", "从红星轴承厂内退", "红星轴承厂"),
        ("employer", "在顺程物流上班", "顺程物流"),
        ("employer", "在华为上班", "华为"),
        ("employer", "在优衣库打工", "优衣库"),
        ("employer", "进了Norvale上班", "Norvale"),
        ("employer", "我在无声咖啡做店员", "无声咖啡"),
        ("employer", "我妈在县供销社上班", "县供销社"),
        ("address", "我住竹园4栋517", "竹园4栋517"),
        ("address", "住在滨江区浦沿街道杨家墩小区6幢", "滨江区浦沿街道杨家墩小区6幢"),
        ("address", "我家3栋2单元501", "3栋2单元501"),
    ],
)
def test_places_begin_where_their_names_begin(kind: str, text: str, secret: str) -> None:
    assert found(text) == [(kind, secret)]


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        ("age", "我23岁", "23岁"),
        ("age", "孩子才三岁半", "三岁半"),
        ("age", "今年19，大一", "19"),
        ("age", "我四十九了", "四十九"),
        ("age", "95后，单身", "95后"),
        ("date", "2021年7月27日走的", "2021年7月27日"),
        ("date", "去年3月5号", "3月5号"),
        ("date", "生日是六月初三", "六月初三"),
        ("date", "2023.10.9复查", "2023.10.9"),
        ("date", "上个月15号", "15号"),
        ("date", "从10/22开始", "10/22"),
        ("date", "生日Jan 23那天", "Jan 23"),
    ],
)
def test_ages_and_days_are_found(kind: str, text: str, secret: str) -> None:
    assert secret in [secret for kind_found, secret in found(text) if kind_found == kind]


def test_a_name_that_was_told_once_is_found_where_nothing_points_at_it() -> None:
    title, text = mask(["我叫苏婉清", "苏婉清苏婉清，又是婉清"]).texts
    assert "婉清" not in title + text


def test_an_institution_that_was_told_once_is_found_where_nothing_points_at_it() -> None:
    title, text = mask(["我在优衣库上班", "优衣库的人都好，除了优衣库的领导"]).texts
    assert "优衣库" not in title + text


def test_a_mention_at_the_end_of_a_text_is_as_long_as_the_name() -> None:
    # Beside a longer name, which the text has no room for.
    assert find("在优衣库上班，考到城关中学，优衣库")[-1] == ("employer", 14, 17)


def test_the_same_original_has_the_same_surrogate_in_all_texts_of_a_post() -> None:
    masked = mask(["王老师不喜欢我", "我叫苏婉清，王老师打我", "苏婉清你好，打13912345678或139-1234-5678"])
    told = {secret.original: secret.surrogate for secret in masked.secrets}
    assert masked.texts[0].count(told["王"]) == 1 == masked.texts[1].count(told["王"])
    assert told["苏婉清"] in masked.texts[1] and told["苏婉清"] in masked.texts[2]
    assert told["13912345678"] == told["139-1234-5678"] == "【电话】"


def test_different_originals_have_different_surrogates() -> None:
    text = "赵老师、钱老师、孙老师、李老师，电话13912345678和13812345678，从红星轴承厂到东方轴承厂"
    masked = mask([text])
    instead = [secret.surrogate for secret in masked.secrets]
    assert len(instead) == len(set(instead))
    assert {"【电话】", "【电话2】", "甲厂", "乙厂"} <= set(instead)


def test_surrogates_have_the_form_of_what_they_stand_for() -> None:
    told = {
        secret.original: secret.surrogate for secret in mask(["我叫苏婉清，小雅和强哥在城关中学，豆豆也在"]).secrets
    }
    assert len(told["苏婉清"]) == 3
    assert told["小雅"].startswith("小") and told["强哥"].endswith("哥")
    assert told["豆豆"][0] == told["豆豆"][1]
    assert told["城关中学"] == "某中学"


def test_the_choice_does_not_depend_on_the_original() -> None:
    assert mask(["我叫苏婉清，很难过"]).texts == mask(["我叫江立新，很难过"]).texts


def test_another_post_has_other_surrogates() -> None:
    names = {mask([f"我叫苏婉清，难过了{days}天"]).secrets[0].surrogate for days in range(100, 120)}
    assert len(names) > 10


def test_the_choice_is_the_same_in_every_process() -> None:
    code = "from psyche.corpus.privacy import mask; print(ascii(mask(['我叫苏婉清，王老师和小雅']).texts))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {ascii(mask(["我叫苏婉清，王老师和小雅"]).texts).encode() + b"\n"}


def test_a_result_shows_no_original() -> None:
    masked = mask(["我叫苏婉清，电话13912345678"])
    assert "苏婉清" not in repr(masked) and "13912345678" not in repr(masked)
    assert {secret.original for secret in masked.secrets} == {"苏婉清", "13912345678"}


def test_bands_of_age_show_who_is_a_minor() -> None:
    bands = [age_band(f"{years}岁") for years in range(100)]
    assert not set(bands[:18]) & set(bands[18:])
    assert (bands[9], bands[14], bands[17], bands[18]) == ("不到十岁", "十四五岁", "十六七岁", "十八九岁")
    assert (age_band("四十九"), age_band("三岁半"), age_band("95后")) == ("四十八九岁", "不到十岁", "90后")


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2021年7月27日", "某年夏天"),
        ("2023.10.9", "某年秋天"),
        ("20050308", "某年春天"),
        ("3月5号", "春天"),
        ("十二月三十一日", "冬天"),
        ("腊月二十三", "冬天"),
        ("六月初三", "夏天"),
        ("7.27", "夏天"),
        ("27号", "月底"),
        ("三号", "月初"),
    ],
)
def test_a_day_becomes_a_season_or_a_third_of_the_month(day: str, said: str) -> None:
    assert season(day) == said


pieces = st.sampled_from(
    [
        *"我叫姓在和，。 \n王苏小阿老哥姐岁年月日号13０一十大学中路区村店行某甲【】@",
        *("苏婉清", "王老师", "小雅", "豆豆", "强哥", "城关中学", "南京师范大学", "同康医院", "红星轴承厂", "顺程物流"),
        *(
            "滨江区浦沿街道",
            "6幢2单元",
            "今年",
            "23岁",
            "十四五岁",
            "2021年7月27日",
            "7.27",
            "三月初三",
            "95后",
            "生日",
        ),
        *(
            "13912345678",
            "11010519491231002X",
            "微信",
            "QQ",
            "abc_123",
            "微博",
            "a@b.com",
            "Kelly",
            "某大学",
            "【电话】",
        ),
    ]
)
texts = st.lists(st.one_of(st.lists(pieces, max_size=25).map("".join), st.text(max_size=30)), max_size=3)


@given(texts)
def test_masking_what_is_masked_changes_nothing(posts: list[str]) -> None:
    once = mask(posts)
    again = mask(once.texts)
    assert again.texts == once.texts
    assert again.secrets == ()


@given(st.lists(pieces, max_size=40).map("".join))
def test_spans_are_in_order_and_lie_apart(text: str) -> None:
    last = 0
    for kind, start, end in find(text):
        assert kind and last <= start < end <= len(text)
        last = end


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "一",
        "王",
        "小",
        "我叫",
        "王老师",
        "a",
        "a.",
        "@",
        "微信",
        "q",
        "区",
        "号",
        "省",
        "1号",
        "大学",
        "年1月",
        "苏婉清",
        "在",
        "在优",
        "同学",
        "店",
        "a_",
        "1/",
        "【",
    ],
)
def test_a_long_text_takes_linear_time(piece: str) -> None:
    find(piece * (65536 // len(piece)))


def test_the_labelled_posts_keep_their_figures() -> None:
    root = Path(__file__).parents[1]
    command = [sys.executable, "benchmarks/privacy.py"]
    table = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if row.startswith("| all ")]
    assert rows
    for _, _, found_share, _, precision, leaked in rows:
        assert float(found_share.strip("%")) > 80
        assert float(precision.strip("%")) > 90
        assert float(leaked.strip("%")) < 20


def test_real_posts_are_masked_once_and_for_all(shared_data: Path) -> None:
    for line in (shared_data / "posts" / "posts.json").read_text("utf-8").splitlines():
        once = mask([line]).texts
        assert mask(once).texts == once, "a post changes at the second time"
