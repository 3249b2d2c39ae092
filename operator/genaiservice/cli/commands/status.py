# SPDX-License-Identifier: Apache-2.0
"""`genaictl status`: why a service in the cluster waits, and who has to do what."""

from rich.console import Console

from genaiservice.api.jsontree import Json, lookup
from genaiservice.api.problem import Lang, Text
from genaiservice.cli import render

NOT_JUDGED = Text(
    en="not judged yet: is the operator running? (kubectl -n genai-system get pods)",
    zh="尚未核查：operator 是否在运行？（kubectl -n genai-system get pods）",
)


def allowed(body: Json) -> bool:
    return bool(lookup(body, "status", "rollout", "allowed", default=False))


def show(console: Console, body: Json, lang: Lang) -> None:
    name = f"{lookup(body, 'metadata', 'namespace')}/{lookup(body, 'metadata', 'name')}"
    status = lookup(body, "status", default={})
    render.headline(console, name, allowed(body), lang)
    if not status:
        render.line(console, "!", NOT_JUDGED.in_(lang))
        return
    render.conditions(console, lookup(status, "conditions", default=[]), lang)
    render.findings(console, lookup(status, "findings", default=[]), lang)
    render.notice(console, str(lookup(status, "rulePack", "version", default="?")), lang)
