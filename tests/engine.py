# SPDX-License-Identifier: Apache-2.0
"""A real model server, llama.cpp, with a model small enough to be made by a test.

The model has no attention to speak of: each token is followed by one certain other, so that what
it says is known, while tokens, templates, calls of tools, grammars, streams and counts are the
engine's own. Of Ollama's API it speaks nothing. It runs as a process:
`python -m tests.engine FOLDER PORT [embeds]`.
"""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.guard_process import free_port
from tests.wait import eventually

CALL = '<tool_call>\n{"name": "look", "arguments": {"at":'
SAYINGS: dict[str, tuple[str, ...]] = {
    "甲": tuple("今天气很好"),
    "乙": tuple("前言说违禁样本后面话"),
    "丙": tuple("请看粗俗词汇吧"),
    "丁": ('{"say":"', "您好", '"}'),
    "戊": ('{"say": "', "瞧违", "禁样", "本呢", '" }'),
    "己": (CALL + ' "', "花园", '"}}\n</tool_call>'),
    "庚": (CALL + '"', "哦违禁", "样本呀", '" }}\n</tool_call>'),
}
"""The last character of a prompt -> the tokens that the model says to it. No token stands twice."""
WIDTH = 512
TEMPLATE = (
    "{% if tools %}{% for tool in tools %}{{ tool | tojson }}{% endfor %}"
    '<tool_call>\n{"name": <name>, "arguments": <object>}\n</tool_call>{% endif %}'
    "{% for message in messages %}{% for call in message.tool_calls or [] %}"
    '<tool_call>\n{"name": "{{ call.function.name }}", "arguments": '
    "{{ call.function.arguments | tojson }}}\n</tool_call>"
    "{% endfor %}{{ message.content }}{% endfor %}"
)
"""The engine learns from it how calls of tools are written."""


def write_model(path: Path) -> None:
    import gguf
    import numpy as np

    words = sorted({word for asked, said in SAYINGS.items() for word in (asked, *said)})
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    place = {token: at for at, token in enumerate(tokens)}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(8)
    writer.add_head_count_kv(8)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // 8)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(words)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    embedding = np.zeros((len(tokens), WIDTH), np.float32)
    output = np.zeros((len(tokens), WIDTH), np.float32)
    for at in range(len(tokens)):
        embedding[at, at] = 1.0
        output[2, at] = 0.1  # what leads nowhere ends
    for asked, said in SAYINGS.items():
        for before, after in zip((asked, *said), (*said, "</s>"), strict=True):
            output[place[after], place[before]] = 1.0
    square = np.zeros((WIDTH, WIDTH), np.float32)
    tensors: dict[str, Any] = {
        "token_embd.weight": embedding,
        "output.weight": output,
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.attn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_gate.weight": np.zeros((32, WIDTH), np.float32),
        "blk.0.ffn_up.weight": np.zeros((32, WIDTH), np.float32),
        "blk.0.ffn_down.weight": np.zeros((WIDTH, 32), np.float32),
        **{f"blk.0.attn_{name}.weight": square for name in ("q", "k", "v", "output")},
    }
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Engine:
    """Starts when entered, and answers; ends with the context."""

    def __init__(self, folder: Path, *, embeds: bool = False) -> None:
        """`embeds`: gives vectors instead of answers; the engine does one or the other."""
        self.folder = folder
        self._embeds = ["embeds"] if embeds else []
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._log = (self.folder / "engine.log").open("wb")
        command = [sys.executable, "-m", "tests.engine", str(self.folder), str(self.port)]
        command += self._embeds
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        try:
            eventually(self._up, within=60)
        except AssertionError as error:
            self.__exit__(None, None, None)
            raise AssertionError((self.folder / "engine.log").read_text()[-3000:]) from error
        return self

    def _up(self) -> bool:
        return (self.folder / "up").exists()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(10)
        self._log.close()


def main(folder: Path, port: int, *, embeds: bool) -> None:
    import xllamacpp

    model = folder / "tiny.gguf"
    write_model(model)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = 2048
    params.n_parallel = 2
    params.n_predict = 32
    params.warmup = False
    if embeds:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.sampling.temp = 0.0
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    (folder / "up").write_text(server.listening_address)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), embeds="embeds" in sys.argv[3:])
