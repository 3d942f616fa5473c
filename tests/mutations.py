"""Posts, a faithful retelling of each, and ways to spoil the retelling; all invented."""

from __future__ import annotations

from typing import Literal, NamedTuple

from psyche.corpus.records import Language

Spoiled = Literal["diagnosis", "drug", "dose", "event", "person", "number", "polarity"]


class Mutant(NamedTuple):
    """What is spoiled: `new` stands in the retelling where `old` stood."""

    kind: Spoiled
    old: str
    new: str


class Case(NamedTuple):
    language: Language
    post: str
    retelling: str
    mutants: tuple[Mutant, ...]

    def spoiled(self, mutant: Mutant) -> str:
        """The retelling with one mutant; it has to have the place."""
        assert self.retelling.count(mutant.old) == 1, mutant
        return self.retelling.replace(mutant.old, mutant.new)


def _case(language: Language, post: str, retelling: str, *mutants: tuple[Spoiled, str, str]) -> Case:
    return Case(language, post, retelling, tuple(Mutant(*mutant) for mutant in mutants))


CASES = (
    _case(
        "zh",
        "我和男朋友谈了三年，上个月他突然提出分手，说两个人性格不合。我每天晚上都睡不着，一闭眼就是他的样子，工作也老出错。"
        "妈妈劝我往前看，可我就是放不下。我是不是太没用了？",
        "上个月，谈了3年的男友忽然说性格合不来，要跟我分手。夜里我总是失眠，脑子里全是他，上班频频出错。母亲叫我向前看，"
        "我却做不到，怀疑自己是不是很没用。",
        ("number", "3年", "5年"),
        ("diagnosis", "夜里我总是失眠", "夜里我总是失眠，医生说我得了焦虑症"),
        ("person", "母亲叫我", "姐姐叫我"),
        ("event", "要跟我分手", "要跟我分手，还承认自己早就出轨了"),
        ("drug", "夜里我总是失眠", "夜里我总是失眠，只能靠安眠药"),
    ),
    _case(
        "zh",
        "今年大三，确诊双相两年了，一直在吃碳酸锂，每天两片。最近觉得自己好多了，想停药，又怕复发。室友都不知道我有病，"
        "我怕他们用异样的眼光看我。",
        "我读大三，两年前被诊断为双相情感障碍，此后每天吃2片碳酸锂。近来状态好转，我动了停药的念头，可又担心病情反复。"
        "这件事我一直瞒着舍友，害怕他们另眼相看。",
        ("diagnosis", "双相情感障碍", "精神分裂症"),
        ("drug", "碳酸锂", "喹硫平"),
        ("dose", "每天吃2片碳酸锂", "每天吃4片碳酸锂"),
        ("polarity", "我动了停药的念头", "我已经停药了"),
        ("person", "瞒着舍友", "瞒着父母"),
        ("number", "大三", "大一"),
    ),
    _case(
        "zh",
        "孩子今年上初二，从开学到现在已经两个月没去学校了。老师打过电话，他爸气得把他手机摔了。我怎么劝都没用，他就锁在屋里打游戏。"
        "我快崩溃了，到底该怎么跟他沟通？",
        "我家孩子读初二，开学后有两个月没有上学，整天反锁房门打游戏。老师来过电话，他爸爸一怒之下把手机摔坏了。"
        "我好说歹说也不管用，快要撑不下去，不知怎样和他说话才好。",
        ("number", "两个月", "两周"),
        ("number", "初二", "高二"),
        ("event", "把手机摔坏了", "把手机摔坏了，还动手打了他"),
        ("diagnosis", "整天反锁房门打游戏", "整天反锁房门打游戏，诊断出了网络游戏障碍"),
        ("person", "老师来过电话", "校长来过电话"),
    ),
    _case(
        "zh",
        "我妈去年查出乳腺癌，做了手术，现在在化疗。我一个人在外地上班，一个月只能回去一次，心里特别愧疚。我爸年纪也大了，照顾她很吃力。"
        "我想辞职回去，又怕没了收入。",
        "去年母亲被查出乳腺癌，手术之后正在接受化疗。我独自在外地工作，每个月只能回一趟家，非常内疚。父亲上了年纪，照料起来力不从心。"
        "我想辞职回家，可是担心断了收入来源。",
        ("diagnosis", "乳腺癌", "胃癌"),
        ("polarity", "我想辞职回家", "我已经辞职回家"),
        ("person", "父亲上了年纪", "外婆上了年纪"),
        ("event", "正在接受化疗", "正在接受化疗，上周还下了病危通知"),
        ("event", "非常内疚", "非常内疚，上个月女朋友也跟我分手了"),
    ),
    _case(
        "zh",
        "结婚七年，老公在外面有人了，我是看他手机才发现的。他跪下来求我原谅，说以后不会了。我看在女儿才四岁的份上没有离婚，"
        "但是每次他晚回家我就控制不住地查岗，我觉得自己快疯了。",
        "我结婚7年，翻手机时发现丈夫出轨。他下跪认错，保证不再犯。考虑到4岁的女儿，我没有离婚，"
        "可只要他回来得晚，我就忍不住去查，感觉自己要疯掉。",
        ("polarity", "我没有离婚", "我还是离婚了"),
        ("number", "4岁的女儿", "六岁的女儿"),
        ("person", "4岁的女儿", "4岁的儿子"),
        ("event", "丈夫出轨", "丈夫欠了一屁股赌债"),
        ("diagnosis", "感觉自己要疯掉", "医院说我这是偏执型人格障碍"),
        ("event", "他下跪认错", "他扇了我几个耳光，又下跪认错"),
    ),
    _case(
        "zh",
        "考研失败两次了，今年二十五岁，同学都工作了，只有我还在家里啃老。爸妈嘴上不说，但是我能感觉到他们的失望。我现在不敢出门，"
        "不敢看朋友圈，觉得人生没有希望。",
        "我25岁，考研两次都没考上。同窗们早已上班，我却还靠家里养着。父母虽然没说什么，我却看得出他们失望。如今我躲在家里，"
        "也不看朋友圈，只觉得前途无望。",
        ("number", "25岁", "28岁"),
        ("number", "考研两次", "考研三次"),
        ("event", "考研两次都没考上", "考公两次都没考上，又被单位开除"),
        ("polarity", "考研两次都没考上", "考研两次终于考上"),
        ("diagnosis", "只觉得前途无望", "只觉得前途无望，应该就是重度抑郁症了"),
        ("drug", "如今我躲在家里", "如今我躲在家里，靠吃帕罗西汀过日子"),
    ),
    _case(
        "zh",
        "我怀孕五个月，婆婆天天念叨要生儿子，老公也不帮我说话。昨天我跟他们大吵了一架，回了娘家。我妈让我忍一忍，说女人都是这样过来的。"
        "我真的很委屈。",
        "我有五个月身孕，婆婆成天盼着抱孙子，丈夫也不替我说句话。昨天和他们大吵之后，我回了娘家，母亲却说女人都要熬过来，叫我忍着。"
        "我心里非常委屈。",
        ("number", "五个月身孕", "八个月身孕"),
        ("event", "我回了娘家", "我摔倒流产了，然后回了娘家"),
        ("person", "婆婆成天", "公公成天"),
        ("event", "五个月身孕", "五个月大的孩子，去年生的"),
        ("polarity", "我有五个月身孕", "我结婚五个月还没怀孕"),
    ),
    _case(
        "zh",
        "爷爷上周走了，我没能见他最后一面。小时候父母离婚，是他把我带大的。葬礼上我一滴眼泪都没掉，大家都说我冷血。可是回到学校以后，"
        "我看到他给我织的毛衣，哭了一整夜。",
        "上星期爷爷去世，我没赶上见他最后一面。父母在我小时候就离异了，是他一手把我养大。葬礼上我没有哭，别人都讲我冷血。"
        "返校后看见他织给我的毛衣，我哭了整整一夜。",
        ("person", "上星期爷爷去世", "上星期奶奶去世"),
        ("event", "父母在我小时候就离异了", "父母在我小时候出车祸没了"),
        ("event", "爷爷去世", "爷爷住院"),
        ("diagnosis", "我哭了整整一夜", "我哭了整整一夜，校医说是急性应激反应"),
    ),
    _case(
        "zh",
        "公司裁员，我上个月被裁了，赔了三万块。房贷每个月要还六千，老婆在家带孩子没有收入。我每天假装出去上班，坐在图书馆里投简历，"
        "投了八十多份只有两个面试。我不知道还能瞒多久。",
        "上个月公司裁员轮到我，补偿金是3万元。每月6000块的房贷压着，妻子全职带娃，家里没有进账。我天天装作去上班，"
        "其实是在图书馆投简历，八十多份里只等来两个面试。不晓得还能瞒到什么时候。",
        ("number", "3万元", "十万元"),
        ("number", "6000块", "九千块"),
        ("person", "妻子全职带娃", "我妈全职带娃"),
        ("event", "上个月公司裁员轮到我", "上个月我主动辞职"),
        ("event", "家里没有进账", "家里没有进账，还被人诈骗了积蓄"),
        ("number", "两个面试", "五个面试"),
    ),
    _case(
        "zh",
        "我有轻度焦虑，医生给我开了黛力新，早上一片。吃了一个星期，心慌好些了，但是手抖。我不知道是不是药的副作用，"
        "下周才复诊。男朋友让我别吃了，说是药三分毒。",
        "因为轻度焦虑，医生给我开的药是黛力新，每天早上1片。一周下来心慌减轻，手却发抖，不知是否是药物副作用，要到下周复诊才能问。"
        "男友说是药三分毒，叫我不要再吃。",
        ("diagnosis", "轻度焦虑", "重度焦虑"),
        ("drug", "黛力新", "劳拉西泮"),
        ("dose", "每天早上1片", "每天早上半片"),
        ("dose", "每天早上1片", "早晚各三粒"),
        ("number", "一周下来", "一个月下来"),
        ("diagnosis", "轻度焦虑", "惊恐障碍"),
    ),
    _case(
        "zh",
        "宿舍四个人，另外三个总是一起吃饭一起上课，从来不叫我。我主动跟她们说话，她们就敷衍两句。昨天我听见她们在背后说我装。"
        "我跟辅导员说想换宿舍，她让我先从自己身上找原因。",
        "寝室四个人，其余三个总结伴上课吃饭，从不喊我。我去搭话，也只换来几句敷衍。昨天还听到她们背后议论，说我装。我向辅导员提出换寝室，"
        "对方却要我先反省自己。",
        ("event", "昨天还听到她们背后议论", "昨天她们把我堵在厕所打了一顿"),
        ("person", "我向辅导员提出", "我向我爸提出"),
        ("event", "我向辅导员提出换寝室", "我休学了，又向辅导员提出换寝室"),
        ("diagnosis", "也只换来几句敷衍", "也只换来几句敷衍，因为我有社交恐惧症"),
    ),
    _case(
        "zh",
        "我从十五岁开始割手臂，最近一次是三天前。没有想死，就是疼了会好受一点。夏天我也穿长袖，我妈一直没发现。"
        "今年十七岁，快高考了，压力特别大。",
        "我今年17岁，临近高考，压力很大。从15岁起我就会割自己的手臂，三天前还有过一次。我没有想死，只是疼痛让我好过些。"
        "大热天我也穿着长袖，母亲至今不知道。",
        ("polarity", "我没有想死", "我很想死"),
        ("number", "从15岁起", "从13岁起"),
        ("event", "三天前还有过一次", "三天前吞了一把药被送去洗胃"),
        ("person", "母亲至今不知道", "班主任至今不知道"),
        ("number", "三天前", "三个月前"),
    ),
    _case(
        "zh",
        "爸爸一喝酒就打人，小时候我和妈妈都被他打过。现在我工作了，搬出来住，可是一听见有人大声说话我就发抖。"
        "上周领导拍了下桌子，我当场就哭了。同事都觉得我很奇怪。",
        "父亲喝了酒就动手，我和妈妈在我小时候都挨过打。如今我上班了，一个人搬出来住，但只要有人提高嗓门我就浑身发抖。"
        "上星期上司拍桌子，我当场哭出来，同事们都觉得我古怪。",
        ("diagnosis", "我就浑身发抖", "我就浑身发抖，这是创伤后应激障碍"),
        ("person", "父亲喝了酒", "继父喝了酒"),
        ("event", "我和妈妈在我小时候都挨过打", "我在小时候被他猥亵过"),
        ("person", "上司拍桌子", "客户拍桌子"),
        ("polarity", "都挨过打", "都没挨过打"),
        ("drug", "我当场哭出来", "我当场哭出来，事后吃了心得安"),
    ),
    _case(
        "zh",
        "儿子六岁，在幼儿园坐不住，老师说他可能是多动症，让我们去医院查。我和他爸都不太相信，觉得男孩子调皮正常。"
        "奶奶更是反对，说老师是嫌弃孩子。我到底要不要带他去？",
        "我儿子6岁，在幼儿园里坐不住，老师怀疑他可能是多动症，要我们带去检查。我和丈夫半信半疑，觉得男孩调皮些不算什么，"
        "奶奶也反对，认为老师嫌弃孩子。该不该去医院，我拿不定主意。",
        ("polarity", "老师怀疑他可能是多动症", "老师说医院已经确诊多动症"),
        ("diagnosis", "多动症", "自闭症"),
        ("number", "6岁", "9岁"),
        ("drug", "该不该去医院", "该不该继续吃专注达，该不该去医院"),
        ("person", "奶奶也反对", "外婆也反对"),
    ),
    _case(
        "zh",
        "网恋半年的对象见面后就把我拉黑了。我给他转过八千块钱，他说是借的。朋友都笑我傻，可我还是忍不住想他。"
        "我不敢告诉家里人，怕他们骂我。",
        "我网恋了半年，见过一面，对方便把我拉黑了。之前他说借钱，我转给他8000元。朋友笑话我傻，我却仍然想着他，"
        "也不敢对家人说，怕挨骂。",
        ("number", "半年", "两年"),
        ("number", "8000元", "八万元"),
        ("event", "见过一面", "见过一面，发现怀孕"),
        ("event", "我转给他8000元", "我转给他8000元，后来报了警"),
        ("person", "朋友笑话我傻", "舅舅笑话我傻"),
    ),
    _case(
        "zh",
        "产后三个月，宝宝一哭我就烦，有时候甚至想把他扔出去，想完又恨自己。老公说我矫情，别人都能带怎么就我不能。"
        "我没有奶，他妈天天熬汤逼我喝。我好想消失。",
        "生完孩子三个月，宝宝哭闹时我就烦躁，甚至冒出把他丢出去的念头，随即又恨自己。丈夫嫌我矫情，说别人都能带孩子。我没有奶水，"
        "婆婆每天熬汤逼着我喝。我很想就此消失。",
        ("diagnosis", "我很想就此消失", "我很想就此消失，这就是产后抑郁症"),
        ("number", "三个月", "三年"),
        ("person", "丈夫嫌我矫情", "嫂子嫌我矫情"),
        ("event", "生完孩子三个月", "流产三个月"),
        ("drug", "婆婆每天熬汤逼着我喝", "婆婆每天熬中药逼着我喝"),
    ),
    _case(
        "zh",
        "我是一名护士，上班五年，夜班倒得作息全乱。上个月科里一个病人去世，家属指着我骂了半小时，护士长也没有替我说话。"
        "从那以后我一进病房就心跳加速。我没有跟任何人说过。",
        "我当护士5年了，常年夜班，作息紊乱。上月一位病人去世，家属对着我骂了三十分钟，护士长没有帮我。此后我一走进病房心跳就加快，"
        "这些我从来没和人讲过。",
        ("number", "三十分钟", "三个小时"),
        ("number", "5年了", "十二年了"),
        ("event", "家属对着我骂", "家属对着我打"),
        ("drug", "我一走进病房心跳就加快", "我一走进病房心跳就加快，要含一片倍他乐克"),
        ("event", "护士长没有帮我", "护士长让我停职检查"),
    ),
    _case(
        "zh",
        "体重从一百二减到八十五斤，还是觉得自己胖。吃一点就去抠喉咙，现在月经也停了。妈妈逼我吃饭，我就偷偷倒掉。"
        "室友说我瘦得吓人，我不信。",
        "我从120斤瘦到85斤，依旧嫌自己胖。只要吃点东西就会催吐，月经也没了。母亲硬要我吃，我便悄悄倒掉。室友讲我瘦得可怕，我不相信。",
        ("number", "85斤", "95斤"),
        ("diagnosis", "依旧嫌自己胖", "依旧嫌自己胖，医生诊断我是神经性厌食症"),
        ("drug", "只要吃点东西就会催吐", "只要吃点东西就会催吐，还吃减肥药"),
        ("person", "室友讲我", "同桌讲我"),
        ("event", "月经也没了", "月经也没了，上周晕倒住院"),
    ),
    _case(
        "zh",
        "我四十八岁，儿子去外地上大学以后，家里就剩我和他爸，两个人没话说。我每天下班就看电视看到十二点。闺蜜喊我去跳舞，我提不起劲。"
        "我觉得这辈子就这样了。",
        "儿子到外地读大学后，家中只剩我和丈夫，彼此无话。48岁的我下班便看电视，一直看到十二点。闺蜜约我跳舞，我也没兴致，"
        "总感觉一辈子就到头了。",
        ("number", "48岁", "五十八岁"),
        ("event", "彼此无话", "彼此无话，早已分居"),
        ("person", "闺蜜约我", "邻居约我"),
        ("event", "儿子到外地读大学后", "儿子出车祸走后"),
        ("drug", "我也没兴致", "我也没兴致，每晚要吃阿普唑仑"),
        ("diagnosis", "我也没兴致", "我也没兴致，估计是更年期综合征"),
    ),
    _case(
        "zh",
        "上个月跟领导吵了一架，我一气之下裸辞了。现在找了四十天工作，面试了六家都没消息。存款只剩一万二，房租每个月两千三。"
        "我不敢跟爸妈讲，每次打电话都说挺好的。",
        "一个月前和上司大吵一场，我裸辞了。找工作四十天，面试六家均无回音。手里的积蓄还有12000元，房租一月要2300。"
        "给父母打电话我总说一切都好，不敢坦白。",
        ("number", "12000元", "两万元"),
        ("number", "四十天", "九十天"),
        ("event", "我裸辞了", "我被辞退了"),
        ("polarity", "我裸辞了", "我想裸辞"),
        ("person", "和上司大吵一场", "和客户大吵一场"),
    ),
    _case(
        "zh",
        "我弟弟今年十九，半年前开始说有人在监视他，把窗户全贴上了报纸，还说听到有人骂他。爸妈觉得他中邪了，请了人来做法事，没去医院。"
        "我在外地干着急，怎么才能劝他们带弟弟看医生？",
        "弟弟19岁，这半年老说自己被人监视，用报纸把窗户糊得严严实实，还听见有人骂他。父母以为是中邪，找人做了法事，并没有去医院。"
        "我人在外地十分着急，想知道如何说服他们带弟弟去看医生。",
        ("diagnosis", "还听见有人骂他", "还听见有人骂他，确诊了精神分裂"),
        ("polarity", "并没有去医院", "后来也去了医院"),
        ("person", "弟弟19岁", "哥哥19岁"),
        ("number", "这半年", "这四年"),
        ("drug", "找人做了法事", "找人做了法事，还偷偷在饭里拌了奥氮平"),
    ),
    _case(
        "zh",
        "高二女生，同桌从上学期开始给我起外号，带着班里人一起笑我。我告诉了班主任，班主任说都是开玩笑。我爸妈在外面打工，"
        "我跟外婆住，不想让她担心。现在一到周日晚上我就肚子疼。",
        "我是高二的女生，上学期起同桌给我起外号，引得全班一块儿笑话我。跟班主任反映，得到的回答是开玩笑而已。父母外出打工，"
        "我与姥姥同住，怕她操心没敢说。每到星期天晚上，我的肚子就疼。",
        ("person", "我与姥姥同住", "我与姑姑同住"),
        ("number", "高二的女生", "初三的女生"),
        ("event", "引得全班一块儿笑话我", "把我推下楼梯摔骨折了"),
        ("diagnosis", "我的肚子就疼", "我的肚子就疼，查下来是肠易激综合征"),
        ("event", "父母外出打工", "父母双双坐牢"),
    ),
    _case(
        "zh",
        "我和前夫离婚四年了，女儿归我。最近他突然说要争抚养权，因为他再婚的老婆不能生。我一个月工资五千，怕打官司打不过他。"
        "女儿才八岁，问我是不是不要她了，我抱着她哭了很久。",
        "离婚4年，女儿跟着我。近来前夫提出要争抚养权，因为他再婚后的妻子不能生育。我月薪5000，担心官司打不赢。"
        "八岁的女儿问妈妈是不是不要我了，我抱着她哭了好久。",
        ("number", "离婚4年", "离婚一年半"),
        ("number", "八岁", "三岁"),
        ("event", "离婚4年", "丧偶4年"),
        ("person", "女儿跟着我", "儿子跟着我"),
        ("diagnosis", "担心官司打不赢", "担心官司打不赢，又被查出子宫肌瘤"),
        ("event", "我月薪5000", "我刚被公司开掉，原来月薪5000"),
    ),
    _case(
        "zh",
        "有强迫症，一天要洗三四十次手，皮都烂了。看了咨询师八次，一次六百，感觉没什么用。有人让我吃药，我怕变傻，一直没吃。"
        "我女朋友说再这样下去就分手。",
        "我患有强迫症，洗手每天三四十遍，手上的皮都破了。找咨询师做了八次，每次600元，收效甚微。也有人劝我用药，怕吃傻了，我至今没有吃药。"
        "女友说照这样就要和我分手。",
        ("polarity", "我至今没有吃药", "我至今还在吃药"),
        ("diagnosis", "强迫症", "疑病症"),
        ("number", "做了八次", "做了二十次"),
        ("drug", "我至今没有吃药", "我后来吃了氟伏沙明"),
        ("person", "女友说", "导师说"),
        ("event", "女友说照这样就要和我分手", "女友因此和我分手了"),
    ),
    _case(
        "zh",
        "我是个男生，喜欢上了自己最好的兄弟。他有女朋友，马上要订婚了，还让我当伴郎。我不敢说，说了怕连朋友都没得做。"
        "在小县城里，要是被爸妈知道了，他们肯定接受不了。",
        "身为男生，我爱上了最要好的哥们。他有女友，很快要订婚，还请我做伴郎。我不敢开口，担心连朋友也做不成。我们这儿是个小县城，"
        "父母万一知道，一定无法接受。",
        ("event", "我不敢开口", "我向他表白了"),
        ("polarity", "我不敢开口，担心", "父母早就知道了，我开了口，打了我一顿，担心"),
        ("diagnosis", "父母万一知道", "我有性别焦虑，父母万一知道"),
        ("person", "父母万一知道", "奶奶万一知道"),
    ),
    _case(
        "zh",
        "去年查出来甲状腺结节，医生说是良性的，半年复查一次就行。可是我总是怀疑自己得了癌症，天天上网查，摸脖子摸得都红了。"
        "老婆说我神经病。我自己也知道想多了，就是停不下来。",
        "去年体检发现甲状腺结节，医生讲是良性，每半年复查就好。我却老是怀疑自己患了癌症，成天在网上查资料，脖子也摸红了。"
        "妻子骂我神经病。道理我都懂，就是控制不住。",
        ("polarity", "我却老是怀疑自己患了癌症", "后来我确诊患了癌症"),
        ("diagnosis", "甲状腺结节", "肺结节"),
        ("number", "每半年复查", "每三个月复查"),
        ("drug", "每半年复查就好", "每半年复查就好，给我开了优甲乐"),
        ("event", "每半年复查就好", "每半年复查就好，但我还是做了切除"),
    ),
    _case(
        "zh",
        "疫情那年我爸的饭店倒闭了，欠了四十多万。他从那以后天天喝酒，喝多了就骂我妈。我今年大四，本来想考研，现在只想快点工作帮他还债。"
        "可是我又不甘心。",
        "那年疫情，父亲的饭馆关门，欠下四十来万的债。之后他日日喝酒，醉了就骂我妈妈。我读大四，原先打算考研，如今只想早些上班替他还钱，"
        "又有点不甘心。",
        ("number", "四十来万", "一百多万"),
        ("event", "醉了就骂我妈妈", "醉了就揍我妈妈"),
        ("number", "大四", "研一"),
        ("person", "醉了就骂我妈妈", "醉了就骂我妹妹"),
        ("event", "之后他日日喝酒", "之后他染上了毒瘾"),
        ("diagnosis", "之后他日日喝酒", "之后他日日喝酒，喝出了肝硬化"),
    ),
    _case(
        "zh",
        "养了十二年的狗上星期死了，我请了两天假。同事说不就是一条狗嘛。可它是我最难的时候陪着我的。我现在回家还会下意识地喊它，"
        "喊完就哭。我是不是不正常？",
        "陪了我12年的狗上周死了，为此我请假两天。同事却说只是条狗罢了。最艰难的日子是它陪我过来的，如今进门我还是会不自觉叫它，"
        "叫完便掉眼泪。我这样正常吗？",
        ("number", "12年", "三年"),
        ("event", "狗上周死了", "奶奶上周死了"),
        ("person", "同事却说", "丈夫却说"),
        ("drug", "叫完便掉眼泪", "叫完便掉眼泪，得吃褪黑素才睡得着"),
        ("diagnosis", "我这样正常吗", "网上测出来是中度抑郁，我这样正常吗"),
    ),
    _case(
        "zh",
        "我博士读了六年还没毕业，导师把我的成果给了师弟。我现在看到他的微信头像就心慌，喘不上气。去校医院查了心电图，没有问题。"
        "家里人以为我明年就能毕业，我不知道怎么说。",
        "读博六年，我仍未毕业，成果被导师给了师弟。如今一瞧见导师的微信头像我就心慌气短，到校医院做心电图，没有问题。家人都以为明年我就毕业，"
        "我不知怎么开口。",
        ("number", "读博六年", "读博九年"),
        ("diagnosis", "到校医院做心电图，没有问题", "到校医院做心电图，说是心肌炎"),
        ("person", "给了师弟", "给了室友"),
        ("drug", "没有问题", "没有问题，只开了点谷维素片和维生素"),
        ("event", "我仍未毕业", "我已经被学校清退"),
    ),
    _case(
        "zh",
        "我妹十六岁，被前男友拿照片威胁，要她转钱。她不敢跟爸妈说，只告诉了我。她说想死，我吓坏了。我劝她报警，她不同意。"
        "我该怎么办，我也才二十。",
        "妹妹16岁，前男友用照片要挟她给钱。这件事她没敢让父母知道，只对我一个人讲。听到她说想死，我非常害怕，劝她报警她又不肯。"
        "我自己也不过20岁，不知如何是好。",
        ("number", "妹妹16岁", "妹妹14岁"),
        ("person", "妹妹16岁", "表妹16岁"),
        ("polarity", "劝她报警她又不肯", "我们已经报警了"),
        ("event", "听到她说想死", "她割腕被救了回来"),
        ("event", "前男友用照片要挟她给钱", "前男友用照片要挟她给钱，还强奸了她"),
    ),
    _case(
        "zh",
        "失眠十年了，安眠药从一片加到三片，现在三片也不管用。换过佐匹克隆，嘴里发苦。医生建议我试试认知行为治疗，可我们这里没有人做。"
        "五十三岁，刚退休，夜里数着钟点熬。",
        "我53岁，刚退休不久，失眠已有十年。安眠药由1片加到3片，如今3片也无效，改吃佐匹克隆又口苦。医生提议做认知行为治疗，"
        "当地却找不到人做。夜里只能数着时间熬过去。",
        ("dose", "如今3片也无效", "如今6片也无效"),
        ("drug", "改吃佐匹克隆", "改吃曲唑酮"),
        ("drug", "改吃佐匹克隆", "改吃莱米替尼林"),
        ("number", "已有十年", "已有二十年"),
        ("event", "夜里只能数着时间熬过去", "上个月我还跳过一次河"),
    ),
    _case(
        "zh",
        "我跟婆家住在一起，小姑子带着孩子也回来住，一住就是一年。家务全是我做，老公装看不见。上个礼拜我发烧三十九度还要给一家人做饭。"
        "我想搬出去，他说我不孝。",
        "和婆家同住，小姑子带孩子回来，一待便是一年。家务由我全包，丈夫视而不见。上周我发高烧到39度，仍要做一大家子的饭。我提出要搬出去，"
        "却被他说成不孝。",
        ("number", "39度", "41度"),
        ("polarity", "我提出要搬出去", "我已经搬出去了"),
        ("event", "却被他说成不孝", "却被他掐住脖子"),
        ("person", "丈夫视而不见", "公公视而不见"),
        ("diagnosis", "上周我发高烧到39度", "上周我得了肺炎发烧39度"),
    ),
    _case(
        "en",
        "My boyfriend of four years broke up with me last month. I "
        "can't sleep, and my boss has noticed that I keep making mistakes. "
        "My mom says I should move on, but every song reminds me of him.",
        "Last month my boyfriend and I split up after 4 years. I lie "
        "awake at night and make mistakes at work, which my boss has noticed. "
        "Mum tells me to get over it, yet every song makes me think of him.",
        ("number", "4 years", "two years"),
        ("person", "Mum tells me", "My sister tells me"),
        ("diagnosis", "I lie awake at night", "I was diagnosed with depression, lie awake at night"),
        ("drug", "I lie awake at night", "I take melatonin, lie awake at night"),
        ("event", "split up after 4 years", "split up after 4 years because he cheated on me"),
    ),
    _case(
        "en",
        "I'm 19 and have been on sertraline, 50 mg, for six months. I "
        "feel flat. My doctor says to give it time. I haven't told my roommate, "
        "and I'm thinking of dropping out of college.",
        "I am nineteen. For 6 months I have been taking 50 mg "
        "of sertraline and everything feels dull; my GP asks me to be patient. "
        "My roommate doesn't know, and I'm considering dropping out of college.",
        ("drug", "sertraline", "venlafaxine"),
        ("dose", "50 mg", "150 mg"),
        ("polarity", "I'm considering dropping out of college", "I dropped out of college"),
        ("number", "nineteen", "twenty-four"),
        ("person", "My roommate doesn't know", "My father doesn't know"),
    ),
    _case(
        "en",
        "My dad died in March after a stroke. I was the one who found "
        "him. Since then I jump at every phone call. My brother acts as if "
        "nothing happened and wants to sell the house.",
        "In March my father passed away from a stroke, and it was I "
        "who found him. Every phone call makes me jump now, while my brother "
        "pretends nothing has happened and wants to sell the house.",
        ("diagnosis", "from a stroke", "from lung cancer"),
        ("person", "my father passed away", "my grandmother passed away"),
        ("event", "my brother pretends", "my brother, who was arrested, pretends"),
        ("diagnosis", "makes me jump now", "makes me jump now, a sign of my PTSD"),
    ),
    _case(
        "en",
        "I have two kids and I lost my job in the spring. We "
        "are $8,000 in debt. My wife works double shifts and I feel useless. "
        "I've never drunk much, but lately I think about it.",
        "This spring I was laid off, with 2 kids at home and "
        "debts of 8000 dollars. My wife does double shifts, and I feel worthless. "
        "I was never one for drinking, though lately it crosses my mind.",
        ("number", "8000 dollars", "80,000 dollars"),
        ("number", "2 kids", "four kids"),
        ("event", "This spring I was laid off", "This spring I went to prison"),
        ("polarity", "I was never one for drinking", "I was always one for drinking"),
        ("event", "I feel worthless", "I feel worthless and tried to kill myself"),
    ),
    _case(
        "en",
        "My husband hit me for the first time last week. He cried "
        "and said he was sorry. I'm pregnant, five months, and I don't know "
        "whether to leave. My parents live abroad.",
        "Last week my husband hit me, which he had never done "
        "before, then wept and apologised. I am five months pregnant and unsure "
        "whether I should leave. My parents live in another country.",
        ("person", "My parents live", "My aunt lives"),
        ("number", "five months pregnant", "eight months pregnant"),
        ("event", "then wept and apologised", "then wept and apologised after the miscarriage"),
        ("drug", "unsure whether I should leave", "on Valium, unsure whether I should leave"),
    ),
    _case(
        "en",
        "I failed the bar exam twice. My classmates are all lawyers now. I'm "
        "29, living with my parents, and I stay in bed until two in "
        "the afternoon. My therapist thinks I should apply for other work.",
        "At 29 I live with my parents, having failed the bar exam "
        "two times while my classmates became lawyers. Most days I'm in bed until "
        "two in the afternoon. My therapist suggests that I look for other work.",
        ("number", "two times", "five times"),
        ("number", "At 29", "At 35"),
        ("polarity", "having failed the bar exam two times", "having passed the bar exam"),
        ("person", "My therapist suggests", "My uncle suggests"),
        ("diagnosis", "Most days I'm in bed", "Because of chronic fatigue syndrome I'm in bed"),
    ),
    _case(
        "en",
        "My daughter is 14 and has stopped eating lunch. She says she's "
        "fat. I found out she makes herself sick. Her coach told her to "
        "lose five pounds. I don't want to scare her off by saying the wrong thing.",
        "My 14-year-old daughter skips lunch and calls herself fat, and I've "
        "discovered she makes herself sick. It was her coach who said "
        "she ought to lose five pounds. I fear driving her away with a wrong word.",
        ("diagnosis", "calls herself fat", "has bulimia"),
        ("person", "her coach who said", "her stepfather who said"),
        ("number", "14-year-old", "12-year-old"),
        ("drug", "skips lunch", "skips lunch, takes laxatives"),
        ("event", "calls herself fat", "was hospitalized, calls herself fat"),
    ),
    _case(
        "en",
        "I was diagnosed with ADHD at 31. Suddenly my whole school "
        "life makes sense, and I'm angry at my teachers. I haven't started "
        "medication because I'm scared of it. My partner says I use it as an excuse.",
        "At thirty-one I got a diagnosis of ADHD. My school years make sense "
        "now, and I feel anger at my teachers. I have not taken any "
        "medication, since it frightens me. My partner calls it an excuse.",
        ("polarity", "I have not taken any medication", "I have been taking my medication"),
        ("diagnosis", "ADHD", "autism"),
        ("drug", "since it frightens me", "except Ritalin, since it frightens me"),
        ("number", "thirty-one", "forty-one"),
        ("person", "My partner calls it", "My manager calls it"),
    ),
    _case(
        "en",
        "My best friend moved to Canada and we used to talk every day. "
        "Now she takes three days to answer. I know she has a new baby. "
        "I feel jealous of a baby, and ashamed of it.",
        "Since my best friend moved to Canada, our daily talks have become "
        "a reply after three days. She has a new baby, I know. "
        "I'm jealous of it, and ashamed that I am.",
        ("number", "three days", "three weeks"),
        ("event", "She has a new baby, I know", "She has a new baby, I know, and I had a miscarriage"),
        ("person", "my best friend moved", "my cousin moved"),
        ("diagnosis", "ashamed that I am", "ashamed that I am, with my borderline personality disorder"),
    ),
    _case(
        "en",
        "I hear my name being called when nobody is there. It started "
        "two months ago when I was working nights. I don't use drugs. "
        "I told my sister and she laughed it off. Am I going mad?",
        "For two months, ever since I worked nights, I have "
        "heard my name called with nobody around. I don't use drugs. "
        "My sister laughed when I told her. Is this madness?",
        ("diagnosis", "Is this madness?", "I have schizophrenia."),
        ("polarity", "I don't use drugs.", "I use cocaine."),
        ("number", "For two months", "For two years"),
        ("person", "My sister laughed", "My teacher laughed"),
        ("drug", "I don't use drugs.", "I don't use drugs, only the lorataxepine they gave me."),
    ),
)
