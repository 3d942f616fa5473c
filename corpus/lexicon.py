"""The words that names of people and places are told by, and the words that a text is made of."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

import rjieba

SURNAMES = (
    "王李张刘陈杨赵吴徐孙胡朱郭林罗郑梁谢宋唐韩邓冯曹彭肖潘袁蔡蒋杜魏苏吕丁沈姚卢崔钟谭汪范廖贾韦邱侯邹熊孟秦阎薛"
    "尹倪汤滕殷毕郝邬傅龚葛庞邢覃翟詹窦祁缪岳骆耿聂焦涂柯阮褚娄戚芦蔺靳裴翁臧闵佟冉鲍卞顾莫黎贺赖武颜童梅邵严陶戴"
    "夏霍符鲁景卓尚何曾高黄周余叶程董田陆孔钱闫荆蒲蓝费庄郁纪瞿谷甄柴章喻冀佘郜苟裘樊桑隋闻敖栾鄢牟仲伍岑奚鹿屈冼"
    "狄寇匡郎巫谌楚蒙丘麻戈褟逄郄郗亓仝储卿厉宓尉巩巴庾廉柏桓濮宦邰竺籍胥荀茅蔚谯辜"
    "逯邝鄂酆钮隆雍鞠须饶卜占农印宛恽惠扈晁昝栗殳汝湛滑璩"
)
"""The commonest surnames."""
EVERYDAY = (
    "马于任方石段雷江史龙万易常文洪尤白康毛牛安温时成边连关水云古车单花全包左施许应封项路金华柳乐平向年明祝宁苗甘"
    "游冷艾齐季辛房解欧凌宫席盛池党沙师申支晏仇"
)
"""Surnames that are everyday words as well."""
COMPOUND = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|司徒|令狐|宇文|长孙|夏侯|端木"
"""Surnames of two characters, as a pattern."""
GIVEN = (
    "芳娟敏静婷丽娜雯琳琪瑶萱涵怡妍颖倩洁莉玲燕霞艳梅兰英珍秀慧淑芬雪蓉菲茜薇欣悦雅佳嘉妮媛媚嫣莹莎蕾蓓蕊婕婉娇娅"
    "璇琦瑾玥珊瑜璐伟强磊军洋勇杰涛超斌浩鹏辉刚峰健宇轩昊梓睿泽晨俊铭鑫博凯楠彬炜烨煜翔坤毅昕旭晖彦瀚宸辰奕骏栋霖"
    "沐诺皓腾勋豪钧锋锐川帆帅庆志海森松柏祥荣宏伦妤彤凤桂菊芸芝琴岚虹晴曦熙羽航朗恺骁珂恒韬逸翰哲筱昱岩琛瑞舒嫚婧"
    "娴苒菀蔓薏汐沁漪滢潇澜淼萍蓝茹荷莲萌曼晗璟珺芮沅泓锦铮钰骥麟黛岑淳煊炯祺禾薛芷苓蕙"
)
"""Characters that hardly occur but in given names."""
POSSIBLE = (
    "小晓子一思雨天心语然安宁依可欢乐月星竹露冰玉宝金成德忠义良友仁信礼智学永世家国少士若如诗梦夏秋冬阳新立民卫胜"
    "利正启中远达清源江河山石水木火之其亦同方圆默言希望念文建明华平东春生林贵福光龙飞云红知鸣浅真雁归果糖豆青苗丹"
    "君昌顺全兴旺发喜大勤丰振传承继书画音韵琰遥遇鹿尔洛牧野南北西栀柠桐枫杨楚乔素招娣弟铁柱根仙巧银翠香爱改存树贤"
    "孝先耀祖道万长亮宜初尧舜禹唯维景致朝暮辞予以怀凝霜梁柒芹满澈屿舟渡熠硕实扬墨纯纪蕴绮翎茉湘滨镇湖阿"
)
"""Characters that given names share with other words."""
ORDINARY = (
    "您性期型类症差未却完某既刚提弄撑堵邀聊夜内级笔室卡灯洗劝试图迫槽热冷异错任何式量度力法品员者界味声事业务局部队伍组团体系统告诉绳值友谊行测富连"
    "的了在是我你他她它们不也就都还要会去来说看给跟和把被让这那有没上下里外前后间时候年日点分个只条件次回些什么怎"
    "谁哪很太更最好坏多高低短快慢早晚旧老人妈爸哥姐妹爷奶叔姨舅姑孩女男儿夫妻婆公师朋吃喝睡玩走跑站坐躺打骂哭笑叫"
    "喊问答听讲谈写读背考做干活买卖花用拿放送带接找想恨怕气急烦累病痛死过到从向往对于为因所但而或比等及与又再才已"
    "经曾将能该应必得着起出进开关住离合变当作像似话事情钱车房门课班校题网机号手脚头脸眼嘴身体药医院店厂路地面边处"
    "种样位名第每各另别自己本部总共几二三四五六七八九十百千两半零工加吗呢吧啊呀哦嗯哈啦嘛拉推转换陪约见教管理越觉"
    "感受由按照除非并且虽请求帮救逼催骗交留停退婚抱亲摸碰撞摔扔砸抢偷躲藏逃赶追待守护顾养产"
)
"""Characters that are words of their own more often than part of a name."""
NO_SURNAMES = (
    "男女老小大新好坏的这那是找问看当对请跟和给让被叫了个位名各每该本原我你他她它咱们俺美语文数英化物政历地体音专"
    "主副正总谁哪等做像有没去到科班校院全见约换骂打陪说听几两多双在从与同为用把前后假真旧向时应师连单成会过下受按"
    "令或但吃怕次教年明又再还就都很太只常才却已因以所而且将得着"
)
"""Characters that stand before a title and are no surnames: 女老师, 好医生."""
TITLES = (
    "老师|医生|大夫|主任|教授|护士长?|同学|师傅|经理|警官|律师|院长|校长|园长|主管|[局处科组班店队厂]长"
    "|学[长姐弟妹]|师[兄姐弟妹]|先生|女士|小姐|太太|阿姨|叔叔|奶奶|爷爷|大爷|大妈|大[哥姐]|姑娘|咨询师|治疗师"
    "|辅导员|教练|老板|某|总(?![是之体算会共结有得])|导(?![致师弹])|工(?![作厂地资人会业头])"
)
"""What follows a surname, as a pattern."""
NO_NICKNAMES = (
    "小[三丑两中事于产企众伙侄便偷公写包区升半卖县叔号吃名品哥团圈块型城声外夫女妹姐姑姨娃婶子孙学孩宝小屋山"
    "岛巷幅床店康弟心情成手报数日时朋本桌楼段气河测游点熊爱片牛狗猫班瓶生男白盒看票程米红组结绿羊老考脾腿"
    "舅船菜蓝视说课象费路车部镇门队院题额饭马高鬼鱼鸟鸡鸭麦黄黑]"
    "|阿[Q们伯公叔司哥奶妈妹姐姑姨婆嫂富尔弟德戈拉斯普根爷爸片甘立米联胶舅莫訇里飘]"
    "|老[万全公关包向安师常年应成文方时水江白石花路车金马高]"
)
"""What looks like 小X, 阿X or 老X and is a word, as a pattern."""
FAMOUS = (
    "三毛|任正非|何炅|余华|余秀华|刘强东|刘德华|华晨宇|古龙|史铁生|周国平|周杰伦|周深|孔子|孙悟空|孙燕姿|岳云鹏"
    "|岳晓东|席慕蓉|庄子|弗洛伊德|张国荣|张学友|张德芬|张文宏|张桂梅|张爱玲|易烊千玺|曹雪芹|曾国藩|曾奇峰|朴树"
    "|李佳琦|李子勋|李宗盛|李清照|李玫瑾|李白|李诞|李雪琴|杜甫|杨幂|杨笠|林俊杰|林黛玉|梁静茹|樊登|武志红"
    "|毕淑敏|毛不易|汪涵|沈腾|王一博|王菲|王阳明|琼瑶|白居易|祥林嫂|罗大佑|罗杰斯|罗永浩|罗翔|老子|肖战|胡歌"
    "|苏东坡|苏炳添|苏轼|荣格|莫言|董宇辉|董明珠|蔡徐坤|薛之谦|薛宝钗|许三多|许巍|许知远|诸葛亮|谷爱凌|贾宝玉"
    "|贾玲|赵丽颖|路遥|邓紫棋|郎平|金庸|钟南山|阿德勒|陈奕迅|陶渊明|雷军|马云|马化腾|马斯洛|高启强|鲁迅"
)
"""Whom everybody knows, as a pattern."""
ENGLISH = (
    "Alex|Alice|Amy|Andy|Anna|Bella|Ben|Betty|Bob|Cathy|Cindy|Coco|Daisy|Daniel|David|Emily|Emma|Eric|Eva|Frank"
    "|Grace|Helen|Henry|Iris|Ivy|Jack|James|Jane|Jason|Jenny|Jerry|Jessica|Jim|John|Judy|Julia|Karen|Kate|Kelly"
    "|Ken|Kevin|Leo|Lily|Linda|Lisa|Lucas|Lucy|Luna|Maggie|Mandy|Mary|Max|Mia|Michael|Mike|Nancy|Nina|Olivia"
    "|Paul|Peter|Rachel|Robert|Rose|Ruby|Ryan|Sam|Sandy|Sara|Sarah|Sophia|Stella|Steven|Sunny|Susan|Tina|Tom"
    "|Tony|Tracy|Vicky|Vivian|Wendy|William|Yuki|Zoe"
)
"""English given names, as a pattern."""
KIN = (
    "男朋?友|女朋?友|前任|老[公婆]|[前妻丈]夫|妻子?|爱人|护士|护工|师傅|战友|兄弟|嫂子|弟媳|带教|代表|患者|我"
    "|俺|对象|未婚[夫妻]|儿子?|女儿|闺女|闺蜜|同桌|[室舍网]友|同[事学]|朋友|发小|哥们|弟弟?|妹妹?|哥哥?|姐姐?"
    "|我[妈爸]|母亲|父亲|[叔舅姑姨]|侄[子女儿]|外甥女?|孙[子女]|班[主长]任?|上司|领导|老板|咨询师|医生|导师"
    "|老师|搭档|邻居|婆婆|公公|岳[父母]|老伴|老[大二三幺]|孩子|娃|[、@]"
)
"""Who is named next, as a pattern."""
STOPS = (
    "一 一个 一家 一所 一间 丈夫 上 上了 上班 下 不 与 两 两个 之前 也 了 于 亲戚 人在 人家 什么 今天 今年 从 "
    "他 他们 他家 以前 任何 任教 任职 任职于 会 但 但是 位于 住 住在 住院 你 你们 你家 俺 俺们 做 儿子 元 入职 "
    "全 公公 关于 再 几 几个 出 出院 分到 别人 到 到了 前 前年 医生 单位 卖 去 去了 去年 去过 又 及 叔叔 只 "
    "只有 只能 叫 可以 可是 号 各 同事 同学 后 后来 咱 咱们 哥 哥哥 哪 哪个 哪家 喺 回 回到 因为 在 地 地址 坐 "
    "坐在 块 复诊 外公 外婆 外婆家 外面 大家 女儿 女友 女朋友 奶奶 奶奶家 她 她们 她家 如果 妈 妈妈 妹 妹妹 "
    "妻子 姐 姐姐 姑姑 姓 姓名 姥姥 姥姥家 姥爷 婆婆 孩子 它 实习 室友 家里 对 对方 对面 就 就职 就读 就读于 "
    "岁 岳母 岳父 工作 已经 带 带到 带去 带我去 干 年 建议 弟 弟弟 张 当 往 很多 得 念 想 我 我们 我们家 我妈 "
    "我家 我爸 或 房子 所以 所有 才 打工 找 把 押 拉 拉到 拿 挂 挂了 挂号 换 换了 换到 推荐 搬到 整个 整条 "
    "旁边 日 昨天 是 最近 月 有没有 朋友 条 来 来到 来自 某 某个 检查 楼上 楼下 母亲 每 每个 每家 毕业 毕业于 "
    "没 没有 治疗 点 然后 父亲 爷爷 爷爷家 爸 爸爸 现在 用 由 男友 男朋友 的 目前 目标 直到 直接 看 看过 着 "
    "确诊 离 离开 等 管 管着 给 老公 老婆 老师 考 考上 考入 考研 考进 而 联系 自己 舅舅 被 要 认识 让 许多 说 "
    "读 谁 调 调到 走 走到 赶到 跑 跑到 跟 路过 跳槽 跳槽到 躲在 转 转到 转去 转学 转院 过 还 这 这个 这家 "
    "这所 进 进了 退休 送 送到 送去 送进 通过 那 那个 那家 那所 都 门口 闺蜜 阿姨 附近 隔壁 面试"
)
"""Words that the name of a place does not go on before, in a row."""
SORTS = (
    "重点|普通|[公私国民][立办]|专科|综合|[三二][级甲]|正规|当地|[本外老]地|本市|国[内外]|最?好|大型?|小型?|新"
    "|老家?|旧|名牌|全国|[一二三]本|985|211|双一流|双非|本科|精神病?科?|心理学?|神经|妇产科?|口腔|宠物"
    "|[中西]医?|[校社]|[国私外央企民]企?|国有|互联网|[外内]贸|上市|广告|装修|保险|贷款|网贷|搬家|软件|快递|外卖"
    "|家政|中介|旅游|游戏|知名|[总分子母]|老年|寄宿|国际|双语|培训|艺术|体育|职业|技术|高[等级]|[初中]等|全日制"
    "|电视|函授|成人|贵族|农村|乡[村镇下]|[县省城]城?里|镇上|村里|[东南西北城两]|步行|商业|美食|网上|早餐|水果"
    "|[衣鞋]|小吃|连锁|五?星级|便利|大众|汽车|专业|[医法商文理工]|[第高初]|个体|一般|性"
    "|[几两一二三四五六七八九十]+[家所间个]|[茶西快]|义务|家庭|学前|应试|素质|在线|线上|安全|爱国|正经"
    "|[上进念读]|高科|开|发|寄|收|取|送|做|住|叫|点|电子|食品|服装|玩具|建筑|物流|机械|房产|金融|会计师?|律师"
    "|[一二三]流|私人|顶尖|医科|盲人|聋哑|本科|[Tt][Oo][Pp]|初创|外包|人力|信息|同一|那种|这种|[一两三几]线|地"
    "|[男女]子?|网红|[,]"
)
"""What makes a sort of institution and no name, as a pattern."""


class Words:
    """The words of the dictionary that a text is made of, with their parts of speech."""

    def __init__(self, text: str) -> None:
        """`edges` are where each word begins, and where the last one ends."""
        self.words: list[tuple[str, str]] = rjieba.tag(text, hmm=False)
        self.edges = list(accumulate((len(word) for word, _ in self.words), initial=0))

    def at(self, place: int) -> int:
        """The number of the first word that begins at a place or behind it."""
        return bisect_left(self.edges, place)

    def edge(self, place: int) -> bool:
        """Whether a word begins or the text ends at a place."""
        first = self.at(place)
        return first < len(self.edges) and self.edges[first] == place

    def cut(self, start: int, end: int) -> bool:
        """Whether no word goes on across the borders of a stretch."""
        return self.edge(start) and self.edge(end)

    def tag(self, start: int, end: int) -> str:
        """The part of speech of a stretch of several characters that is one word, else nothing."""
        first = self.at(start)
        one = end - start > 1 and self.edges[first : first + 2] == [start, end]
        return self.words[first][1] if one else ""
