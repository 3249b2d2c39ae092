# SPDX-License-Identifier: Apache-2.0
"""One streamed question through the unmodified `openai` client, shown as it arrives."""

import secrets

import openai

from hack.story.model import MODEL
from hack.story.narrator import Narrator

FORBIDDEN_TERM = "违禁样本"


def ask(narrator: Narrator, base_url: str, question: str) -> str:
    """Prints the pieces as they come; the id of the trace that the question began."""
    trace = secrets.token_hex(16)
    narrator.say(f"openai client asks: {question}", f"openai 客户端提问：{question}")
    with openai.OpenAI(base_url=base_url, api_key="demo", max_retries=0, timeout=20) as client:
        stream = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": question}],
            stream=True,
            extra_headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
        )
        text, finish = "", None
        for chunk in stream:
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
                finish = chunk.choices[0].finish_reason or finish
    narrator.output(f"  {text}")
    narrator.output(f"  finish_reason: {finish}")
    leaked = max(n for n in range(len(FORBIDDEN_TERM) + 1) if FORBIDDEN_TERM[:n] in text)
    if finish == "content_filter":
        narrator.fact(
            f"{leaked} characters of the blocked term left the guard",
            f"被阻断词语有 {leaked} 个字符离开护栏",
        )
    return trace
