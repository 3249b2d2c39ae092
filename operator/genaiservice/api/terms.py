# SPDX-License-Identifier: Apache-2.0
"""Term lists: bytes of a file or a ConfigMap key in, terms and what is wrong with them out.

One term per line, UTF-8, blanks around it do not count, `#` starts a comment line. `problems`
make a list unusable, `notes` do not. No message quotes a term: a list is itself sensitive, and
messages travel to logs and status.
"""

import gzip
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Final, Literal

from genaiservice.api.problem import Problem, ProblemError, Text

LIST_BYTES: Final = 8 * 1024 * 1024
TERM_CHARACTERS: Final = 256
SHOWN: Final = 20
"""Problems and notes listed of each kind; the rest is counted in a last one."""
LOOKS_LIMIT: Final = 3_000_000
"""Notes are help, not safety: a list made of near repeats is not compared to its end."""
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermList:
    terms: tuple[str, ...]
    """In the order of the file, each once; empty when there are problems."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def decode(data: bytes, encoding: Literal["plain", "gzip"] | str) -> bytes:
    """The bytes of a list as stored; raises `ProblemError` for gzip that is broken or a bomb."""
    if encoding == "plain":
        return data
    if encoding != "gzip":
        raise ProblemError(_UNKNOWN_ENCODING)
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as packed:
            plain = packed.read(LIST_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise ProblemError(_NOT_GZIP) from None
    if len(plain) > LIST_BYTES:
        raise ProblemError(_too_large(""))
    return plain


def parse_terms(data: bytes, where: str) -> TermList:
    """The terms in `data`; `where` names the source in messages (`ConfigMap/terms[list.txt]`)."""
    if len(data) > LIST_BYTES:
        return TermList(terms=(), problems=(_too_large(where),))
    try:
        text = data.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return TermList(terms=(), problems=(_not_utf8(f"{where}:{line}"),))
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    lines = [(number, term) for number, term in lines if term and not term.startswith("#")]
    if not lines:
        return TermList(terms=(), problems=(_empty(where),))
    problems = tuple(_shorten(_unusable(lines, where), where))
    if problems:
        return TermList(terms=(), problems=problems)
    first: dict[str, int] = {}
    notes: list[Problem] = []
    for number, term in lines:
        if term in first:
            notes.append(_duplicate(f"{where}:{number}", first[term]))
        else:
            first[term] = number
    notes = _shorten(notes, where) + _shorten(_contained(first, where), where)
    return TermList(terms=tuple(first), notes=tuple(notes))


def _unusable(lines: list[tuple[int, str]], where: str) -> list[Problem]:
    problems = []
    for number, term in lines:
        if len(term) > TERM_CHARACTERS:
            problems.append(_too_long(f"{where}:{number}", len(term)))
        elif sum(map(str.isalnum, term)) < 2:
            # Blanks and signs may be ignored in matching: what is left must be two characters.
            problems.append(_too_short(f"{where}:{number}"))
    return problems


def _contained(first: dict[str, int], where: str) -> list[Problem]:
    """Notes on terms that contain another: the shorter one is met first."""
    lengths: dict[str, set[int]] = {}
    for term in first:
        lengths.setdefault(term[:2], set()).add(len(term))
    notes = []
    looked = 0
    for term, number in first.items():
        inner = 0
        for start in range(len(term) - 1):
            for length in lengths.get(term[start : start + 2], ()):
                looked += 1
                if length < len(term) and start + length <= len(term):
                    inner = inner or first.get(term[start : start + length], 0)
        if inner:
            notes.append(_contains(f"{where}:{number}", inner))
        if looked > LOOKS_LIMIT:
            break
    return notes


def _shorten(problems: list[Problem], where: str) -> list[Problem]:
    more = len(problems) - SHOWN
    if more <= 0:
        return problems
    last = problems[0]
    rest = Problem(
        what=Text(en=f"{more} more of this kind", zh=f"另有 {more} 处同类问题"),
        why=last.why,
        next=last.next,
        where=where,
    )
    return [*problems[:SHOWN], rest]


_UNKNOWN_ENCODING: Final = Problem(
    what=Text(en="the encoding is not known", zh="编码方式未知"),
    why=Text(en="a list is stored plain or gzip", zh="词表以 plain 或 gzip 存放"),
    next=Text(en="set encoding to plain or gzip", zh="请将 encoding 设为 plain 或 gzip"),
    where="encoding",
)
_NOT_GZIP: Final = Problem(
    what=Text(en="the bytes are not a complete gzip file", zh="数据不是完整的 gzip 文件"),
    why=Text(en="encoding is gzip", zh="encoding 为 gzip"),
    next=Text(
        en="pack the list again with gzip and store it under binaryData, or set encoding: plain",
        zh="请重新用 gzip 压缩并存入 binaryData，或设置 encoding: plain",
    ),
)


def _too_large(where: str) -> Problem:
    return Problem(
        what=Text(en="the list is larger than 8 MiB", zh="词表超过 8 MiB"),
        why=Text(en="a list is read whole into memory", zh="词表会整体读入内存"),
        next=Text(en="remove terms or split the list", zh="请删减词条或拆分词表"),
        where=where,
    )


def _not_utf8(where: str) -> Problem:
    return Problem(
        what=Text(en="the list is not UTF-8 from this line on", zh="词表自此行起不是 UTF-8"),
        why=Text(
            en="a term read in a wrong encoding would never be met", zh="编码错误的词条永远不会命中"
        ),
        next=Text(
            en="save the file as UTF-8 (from GBK: iconv -f gb18030 -t utf-8)",
            zh="请以 UTF-8 保存（GBK 可用 iconv -f gb18030 -t utf-8 转换）",
        ),
        where=where,
    )


def _empty(where: str) -> Problem:
    return Problem(
        what=Text(en="the list holds no term", zh="词表中没有词条"),
        why=Text(
            en="an empty list would screen nothing and look as if it did",
            zh="空词表不起任何审核作用，却看似有效",
        ),
        next=Text(
            en="add one term per line, or remove the source", zh="请每行写一个词条，或删除该来源"
        ),
        where=where,
    )


def _too_long(where: str, size: int) -> Problem:
    return Problem(
        what=Text(en=f"the term has {size} characters", zh=f"该词条有 {size} 个字符"),
        why=Text(en=f"at most {TERM_CHARACTERS} are held back", zh=f"最多 {TERM_CHARACTERS} 个"),
        next=Text(
            en="write the part that matters; check that terms stand on lines of their own",
            zh="请只写关键部分，并检查是否每行一个词条",
        ),
        where=where,
    )


def _too_short(where: str) -> Problem:
    return Problem(
        what=Text(
            en="the term has fewer than two letters, digits or Chinese characters",
            zh="该词条不足两个文字（字母、数字或汉字）",
        ),
        why=Text(en="it would stop ordinary text", zh="会误拦正常文本"),
        next=Text(en="write a longer term or remove it", zh="请写更长的词条或将其删除"),
        where=where,
    )


def _duplicate(where: str, line: int) -> Problem:
    return Problem(
        what=Text(en=f"the same term as on line {line}", zh=f"与第 {line} 行重复"),
        why=Text(en="it counts once", zh="只计一次"),
        next=Text(en="remove one of the lines", zh="可删除其中一行"),
        where=where,
    )


def _contains(where: str, line: int) -> Problem:
    return Problem(
        what=Text(en=f"the term contains the one on line {line}", zh=f"包含第 {line} 行的词条"),
        why=Text(en="the shorter one is met wherever this is", zh="命中本词处必先命中较短的词"),
        next=Text(en="the longer line may go", zh="可删除较长的一行"),
        where=where,
    )
