# SPDX-License-Identifier: Apache-2.0
"""What `--help` says in Chinese: of each verb by its path, of each option by its English words.

The English words stand at the verbs themselves; a test holds that none is missing here. Lines are
broken by hand (`\\b`), since click breaks at blanks only.
"""

import copy
from typing import Final

import click

ABOUT: Final = "查看 GenAIService：离线核查文件，说明服务为何在等、由谁处理。"
VERBS: Final = {
    "check": """无需集群，核查清单：operator 会如何判定，应如何处理。

    \b
    FILE：YAML 或 JSON 文件、目录，或以 - 表示标准输入（helm template、kustomize build 的输出）。
    退出码：0 允许上线，1 不予上线，2 输入有误。""",
    "completion": '输出命令补全脚本：eval "$(genaictl completion bash)"。',
    "deadlines": """列出接下来的期限：FILE 中的服务；未给出文件时为集群中的服务。

    \b
    退出码：0 已列出，2 输入有误，3 无法连接集群。""",
    "doctor": """检查集群是否具备门控所需的条件。

    \b
    退出码：0 全部具备，1 有缺失，3 无法连接集群。""",
    "explain": """说明某项要求、某一条款或某个字段的内容，并附示例。

    \b
    SUBJECT：IM-17-1，条款（17、第十七条），或字段（filings[].number）。""",
    "init": """写出完整且带注释的清单；随后由 check 说明需要替换的内容。

    \b
    绝不覆盖已有文件。退出码：0 已写入，2 输入有误。""",
    "label": "查看生成合成内容的标识。",
    "label inspect": """读取并核对图片、音频、视频与文档中的 AIGC 元数据。

    \b
    退出码：0 每个文件恰有一个有效标识（给出 --producer 时为本服务的标识），1 有文件不满足，
    2 有文件无法读取。""",
    "log": "查看护栏的决策日志。",
    "log verify": """核验哈希链：发现被删除、更改、移动或重复的行。

    \b
    给出日志及其轮转文件，顺序不限（decisions.log*）；- 表示标准输入，如
    kubectl logs POD -c genai-guard | genaictl log verify -，其他输出会被跳过。
    退出码：0 完整，1 不完整，2 文件无法读取或不是决策日志。""",
    "plan": """显示应用清单后，核查结论与对象会有哪些变化。

    \b
    退出码：0 允许上线，1 不予上线，2 输入有误，3 无法连接集群。""",
    "policy": "无需集群，查看审核策略与词库。",
    "policy lint": """检查策略与词库的问题，并按风险类别统计词条。

    \b
    FILE：ModerationPolicy 及其 ConfigMap 的清单，或每行一个词条的词库。
    退出码：0 正常，1 词条少于标准所列数量，2 无法使用。""",
    "policy test": """说明护栏会如何处理一段文本及其原因。

    \b
    文本不会外传：由护栏自身的匹配器在本机审核。
    退出码：0 放行（可能有遮盖），1 阻断，2 输入有误。""",
    "policy pack": """为不经 operator 运行的护栏写出策略文件。

    \b
    FILE：同 lint，合计一个策略。运行中的护栏会自行加载新文件。
    退出码：0 已写入，2 无法使用（--to 处的文件保持不变）。""",
    "report": """为集群中名为 NAME 的服务，或文件中的服务（-f），写出报告。

    \b
    HTML 可直接打印，CSV 可用表格软件打开，JSON 可供日后比较。
    退出码：0 已写出，2 输入有误，3 无法连接集群；核查结果见报告。""",
    "rules": "查看规则包。",
    "rules diff": """说明哪些服务在规则包 NEW 下的核查结论与 OLD 不同。

    \b
    规则包可以是要求文件的目录、源码目录或发行版的 wheel 文件；省略 NEW 时为本版本自带的规则包。
    服务取自文件（-f），否则取自集群。
    退出码：0 没有服务因此不予上线，1 有，2 输入有误，3 无法连接集群。""",
    "status": """说明服务 NAME 为何在等、由谁处理、何时到期。

    \b
    退出码：0 允许上线，1 不予上线，2 没有该服务，3 无法连接集群。""",
    "version": "工具与规则包的版本。",
}
OPTIONS: Final = {
    "Default: the locale (LANG).": "默认取系统区域设置（LANG）。",
    "Judge as of this day (YYYY-MM-DD, Asia/Shanghai); default: today.": (
        "按该日核查（YYYY-MM-DD，北京时间）；默认今天。"
    ),
    "Of the cluster: every namespace.": "集群中的所有命名空间。",
    "Only the next N days.": "仅列出接下来 N 天。",
    "Default: ~/.kube/config.": "默认 ~/.kube/config。",
    "Context of the kubeconfig.": "kubeconfig 中的上下文。",
    "Default: that of the context.": "默认取上下文中的命名空间。",
    "Kind of service; asked when absent.": "服务类型；未给出时询问。",
    "Name of the GenAIService; asked when absent.": "GenAIService 的名称；未给出时询问。",
    "Where to write; default: standard output.": "写入位置；默认标准输出。",
    "Our provider code of 27 characters.": "本服务的 27 位服务提供者编码。",
    "A head of an earlier look: must be there.": "先前核验所得的链首，必须存在。",
    "File, folder or -.": "文件、目录或 -。",
    "Against an empty namespace, without a cluster.": "与空命名空间比较，无需集群。",
    "Default: the one of the running guards.": "默认取正在运行的护栏的镜像。",
    "The text to try; without it, - among the files reads it from stdin.": (
        "要试的文本；未给出时，文件中的 - 表示从标准输入读取。"
    ),
    "What to write: policy.json.gz, or policy.json to read it; replaced at once.": (
        "写入的文件：policy.json.gz，或便于阅读的 policy.json；一次性替换。"
    ),
    "Judge a file, without a cluster.": "核查文件，无需集群。",
    "An earlier report (JSON) to compare with.": "用于比较的先前报告（JSON）。",
    "Stay, and show every change.": "持续显示每次变化。",
}


def in_chinese(command: click.Command, path: str) -> click.Command:
    """A copy of the verb, and of those below it, with Chinese words."""
    told = copy.copy(command)
    told.help = VERBS.get(path, command.help)
    told.params = [option(one) for one in command.params]
    if isinstance(told, click.Group) and isinstance(command, click.Group):
        told.commands = {
            name: in_chinese(one, f"{path} {name}") for name, one in command.commands.items()
        }
    return told


def option(one: click.Parameter) -> click.Parameter:
    if not isinstance(one, click.Option) or one.help is None:
        return one
    told = copy.copy(one)
    told.help = OPTIONS.get(one.help, one.help)
    return told
