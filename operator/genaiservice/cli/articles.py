# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - one article a line reads like the table that it is
"""The 24 articles of the Interim Measures in our own words, and where the official text stands.

A paraphrase helps to find the way and is no legal text: what counts is the official publication.
"""

from typing import Final

from genaiservice.api.problem import Text

OFFICIAL: Final = "https://www.cac.gov.cn/2023-07/13/c_1690898327029107.htm"
NAME: Final = Text(
    en="Interim Measures for the Management of Generative AI Services",
    zh="《生成式人工智能服务管理暂行办法》",
)


def _text(en: str, zh: str) -> Text:
    return Text(en=en, zh=zh)


ARTICLES: Final[dict[int, Text]] = {
    1: _text("Says why the Measures exist and on which laws they rest; asks nothing of a provider.", "说明制定目的和上位法依据；对提供者没有直接要求。"),
    2: _text("Covers services that generate content for the public in mainland China. Research and internal use that is not offered to that public stays outside; news, film and arts keep their own rules.", "适用于向境内公众提供内容生成的服务；未向境内公众提供的研发和内部应用不在其内；新闻、影视、文艺等另有规定的从其规定。"),
    3: _text("Supervision is meant to be tolerant, prudent and graded by risk; asks nothing of a provider yet.", "确立包容审慎、分类分级的监管原则；目前对提供者没有直接要求。"),
    4: _text("Keep prohibited content out, guard against discrimination, respect intellectual property, trade secrets and the rights of people, and make the service more transparent, accurate and reliable.", "不得生成违法内容；防止歧视；尊重知识产权、商业秘密与他人权益；提高透明度、准确性和可靠性。"),
    5: _text("Encourages good applications and cooperation; asks nothing of a provider.", "鼓励创新应用与协作；对提供者没有直接要求。"),
    6: _text("Encourages home-grown base technology and trusted chips, software and data; asks nothing of a provider.", "鼓励基础技术自主创新和安全可信的芯片、软件、数据；对提供者没有直接要求。"),
    7: _text("Train only with data and base models of lawful origin, with respect for intellectual property and personal information, and work on the quality of the data.", "训练须使用来源合法的数据和基础模型，不侵害知识产权，个人信息须有合法依据，并提升数据质量。"),
    8: _text("Where data are labelled by people: clear rules for it, sampled checks of the quality, and training for those who do it.", "进行数据标注的，须有清晰可操作的规则、抽样质检，并培训标注人员。"),
    9: _text("The provider answers for the content and for personal information, and has an agreement with its registered users.", "提供者承担内容生产者和个人信息处理者的责任，并与注册用户签订服务协议。"),
    10: _text("Publish for whom, where and for what the service is meant, guide users, and keep minors from dependence.", "公开适用人群、场合和用途，引导使用，防止未成年人过度依赖或沉迷。"),
    11: _text("Protect inputs and usage records: collect no more than needed, keep and share nothing unlawfully, and answer requests of people about their data in time.", "保护输入信息和使用记录：不多收、不违法留存或提供，并及时处理个人的查阅、更正、删除等请求。"),
    12: _text("Label generated pictures, video and other content as the deep synthesis rules ask. Labels that people see and those in metadata: Labelling Measures and GB 45438-2025.", "按照《深度合成规定》对图片、视频等生成内容进行标识；显式标识与隐式标识的要求见《标识办法》和 GB 45438-2025。"),
    13: _text("Keep the service safe, stable and continuously available to its users.", "提供安全、稳定、持续的服务，保障用户正常使用。"),
    14: _text("On illegal content: stop generating and sending it, remove it, improve the model and report. On misuse by a user: warn, restrict, suspend or end the service, keep records and report.", "发现违法内容要停止生成和传输、消除、整改模型并报告；用户违法使用的，要警示、限制、暂停或终止服务，保存记录并报告。"),
    15: _text("Have a complaint channel that is easy to find, publish how and how fast complaints are handled, and handle them in time.", "设置便捷的投诉举报入口，公布处理流程和反馈时限，并及时处理反馈。"),
    16: _text("Divides the work among the authorities; asks nothing of a provider.", "规定各主管部门的职责；对提供者没有直接要求。"),
    17: _text("Services that can shape public opinion or mobilise people need a security assessment under the national rules, and an algorithm filing, with changes and cancellation, under the algorithm rules.", "具有舆论属性或者社会动员能力的服务，须按国家有关规定开展安全评估，并按照《算法推荐规定》履行算法备案和变更、注销备案手续。"),
    18: _text("Users may complain to the authorities; a provider must not hide that way.", "使用者有权向主管部门投诉举报；提供者不应隐藏该途径。"),
    19: _text("Cooperate with inspections: explain sources, size and kinds of training data, labelling rules and the mechanism, and give the support that is asked for.", "配合监督检查：说明训练数据来源、规模、类型、标注规则和机制机理，并提供必要支持。"),
    20: _text("Services from outside the mainland that break the rules can be blocked by technical measures.", "对来自境外、不符合规定的服务，有关部门可采取技术措施处置。"),
    21: _text("Breaches are punished under the laws named; an authority may order rectification and suspension, which must be obeyed.", "违反规定的依法处罚；主管部门可责令改正、责令暂停提供服务，提供者须执行。"),
    22: _text("Defines the terms: who offers a model by an interface is a provider, too.", "界定用语：以可编程接口提供服务的，同样是提供者。"),
    23: _text("Obtain the licences that other laws ask for; foreign investment follows its own rules.", "依法应取得行政许可的须取得许可；外商投资须符合相关规定。"),
    24: _text("In force since 2023-08-15.", "自 2023 年 8 月 15 日起施行。"),
}  # fmt: skip
