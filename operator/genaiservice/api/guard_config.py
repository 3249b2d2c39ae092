# SPDX-License-Identifier: Apache-2.0
"""The guard's configuration file: what the operator renders and the guard parses.

Everything but `upstream.url` and `policyFile` has a default, so that the guard also runs alone on
a laptop. Values only: reading files and the environment is the business of each process.
"""

from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from genaiservice.api import label_config, names, recording_config
from genaiservice.api.detector_config import (
    USUAL_WINDOW,
    Detector,
    DetectorWindow,
    read_detectors,
    read_window,
)
from genaiservice.api.fields import Fields, fault
from genaiservice.api.label_config import MediaLabels
from genaiservice.api.problem import Problem, ProblemError, Text
from genaiservice.api.recording_config import Recording, read_recording
from genaiservice.api.users_config import UsersConfig
from genaiservice.api.users_reading import read_users

_OWN_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})
DIRECTIVE_FILE: Final = f"{names.PATH_DIRECTIVE}/{names.FILE_DIRECTIVE}"


class Screening(StrEnum):
    """Block: acts. Observe: counts and records, changes nothing. Off: does not look."""

    BLOCK = "Block"
    OBSERVE = "Observe"
    OFF = "Off"


class LabelMode(StrEnum):
    PREFIX = "Prefix"
    SUFFIX = "Suffix"
    OFF = "Off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRef:
    namespace: str = "default"
    name: str = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    host: str = "0.0.0.0"
    port: int = names.GUARD_PORT
    admin_port: int = names.GUARD_ADMIN_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """`url` may carry a path prefix (`http://127.0.0.1:8000/base`), which precedes every path.

    With https the certificate is checked against the system's authorities (`SSL_CERT_FILE`).
    """

    url: str
    connect_timeout_seconds: float = 5
    first_byte_timeout_seconds: float = 60
    between_bytes_timeout_seconds: float = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    request_body_bytes: int = 10 * 1024 * 1024
    concurrent_requests: int = 1000
    drain_seconds: float = 30
    queue_seconds: float = 0.5
    """How long a request may wait for one of the concurrent places before it gets 429."""
    header_seconds: float = 10
    """How long a client may take for the head of a request."""
    comment_seconds: float = 15
    """A stream of events that is silent for so long gets a comment; 0 sends none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screens:
    input: Screening = Screening.BLOCK
    output: Screening = Screening.BLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The explicit label in the text of an answer (Measures for Labelling, Art. 4)."""

    mode: LabelMode = LabelMode.PREFIX
    text: str = "本内容由人工智能生成"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """`otlp_endpoint` is the base address of an OTLP/HTTP receiver; None sends nothing."""

    otlp_endpoint: str | None = None
    sample_ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    """Relative file names are relative to the folder of the configuration file.

    `paths`: further paths that pass unscreened. `decision_log`: a file, "-" for standard output.
    `users`: None where the service knows no users. `media`: None where no files are labelled.
    """

    upstream: Upstream
    policy_file: str
    service: ServiceRef = ServiceRef()
    listen: Listen = Listen()
    paths: tuple[str, ...] = ()
    limits: Limits = Limits()
    screening: Screens = Screens()
    label: Label = Label()
    directive_file: str = DIRECTIVE_FILE
    complaint_url: str = ""
    decision_log: str = "-"
    record: Recording = recording_config.DEFAULT
    telemetry: Telemetry = Telemetry()
    users: UsersConfig | None = None
    media: MediaLabels | None = None
    detectors: tuple[Detector, ...] = ()
    detector_window: DetectorWindow = USUAL_WINDOW


def parse(tree: Any) -> GuardConfig:
    """The configuration in `tree`; raises ProblemError with every fault found."""
    problems: list[Problem] = []
    root = Fields(tree, "", problems)
    config = GuardConfig(
        upstream=_upstream(root.child("upstream")),
        policy_file=root.text("policyFile"),
        service=_service(root.child("service")),
        listen=_listen(root.child("listen")),
        paths=root.texts("paths", most=64, check=_path_fault),
        limits=_limits(root.child("limits")),
        screening=_screens(root.child("screening")),
        label=_label(root.child("label")),
        directive_file=root.text("directiveFile", DIRECTIVE_FILE),
        complaint_url=_complaint_url(root),
        decision_log=root.text("decisionLog", "-"),
        record=read_recording(root.child("record")),
        telemetry=_telemetry(root.child("telemetry")),
        users=_users(root),
        media=_media(root),
        detectors=_detectors(root),
        detector_window=read_window(root.child("detectorWindow")),
    )
    _refuse_itself(root, config)
    root.end()
    if problems:
        raise ProblemError(*problems)
    return config


def render(config: GuardConfig) -> dict[str, Any]:
    """The JSON of `config`, every field written out; `parse(render(c)) == c`.

    But for what came later and stands at its default: a guard of before it can then still restart.
    """
    rendered: dict[str, Any] = _render(config)
    for later in ("users", "media"):
        if rendered[later] is None:
            del rendered[later]
    if not config.detectors:
        del rendered["detectors"], rendered["detectorWindow"]
    for detector in rendered.get("detectors", ()):
        if detector["caFile"] is None:
            del detector["caFile"]
    limits, usual = rendered["limits"], _render(Limits())
    for later in ("queueSeconds", "headerSeconds", "commentSeconds"):
        if limits[later] == usual[later]:
            del limits[later]
    return rendered


def _render(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(field.name): _render(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_render(entry) for entry in value]
    return value.value if isinstance(value, StrEnum) else value


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _users(root: Fields) -> UsersConfig | None:
    """Absent or null: the guard knows no users, and nothing is asked of them."""
    return None if root.value("users", None) is None else read_users(root.child("users"))


def _media(root: Fields) -> MediaLabels | None:
    """Absent or null: the guard labels no files, so none that needs a label leaves."""
    given = root.value("media", None) is not None
    return label_config.read(root.child("media")) if given else None


def _detectors(root: Fields) -> tuple[Detector, ...]:
    detectors = read_detectors(root)
    for index, detector in enumerate(detectors):
        if detector.url:
            _check_url(
                root,
                f"detectors[{index}].url",
                detector.url,
                schemes=("https", "http"),
                query=False,
            )
    return detectors


def _service(read: Fields) -> ServiceRef:
    service = ServiceRef(
        namespace=read.text("namespace", "default", most=63),
        name=read.text("name", "local", most=63),
    )
    read.end()
    return service


def _listen(read: Fields) -> Listen:
    listen = Listen(
        host=read.text("host", "0.0.0.0", most=255),
        port=read.integer("port", names.GUARD_PORT, least=0, most=65535),
        admin_port=read.integer("adminPort", names.GUARD_ADMIN_PORT, least=0, most=65535),
    )
    if listen.port == listen.admin_port and listen.port != 0:
        read.report(
            "adminPort",
            Text(
                en=f"is {listen.admin_port}, like port", zh=f"与 port 相同（{listen.admin_port}）"
            ),
            Text(en="give the two listeners different ports", zh="请为两个监听端口取不同的值"),
            Text(
                en="metrics and probes must not stand on the port that clients reach",
                zh="指标与探针不得与客户端共用端口",
            ),
        )
    read.end()
    return listen


def _upstream(read: Fields) -> Upstream:
    url = read.text("url")
    if url:
        _check_url(read, "url", url, schemes=("http", "https"), query=False)
    upstream = Upstream(
        url=url.rstrip("/"),
        connect_timeout_seconds=read.number("connectTimeoutSeconds", 5, least=0.05, most=300),
        first_byte_timeout_seconds=read.number(
            "firstByteTimeoutSeconds", 60, least=0.05, most=3600
        ),
        between_bytes_timeout_seconds=read.number(
            "betweenBytesTimeoutSeconds", 60, least=0.05, most=3600
        ),
    )
    read.end()
    return upstream


def _refuse_itself(root: Fields, config: GuardConfig) -> None:
    """An upstream that is the guard would ask itself until every place is taken."""
    try:
        parts = urlsplit(config.upstream.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return  # told already
    own = {config.listen.port: "listen.port", config.listen.admin_port: "listen.adminPort"}
    if port in own and (parts.hostname or "") in _OWN_HOSTS:
        root.report(
            "upstream.url",
            Text(en=f"is this guard itself ({own[port]})", zh=f"指向护栏自身（{own[port]}）"),
            Text(
                en="write the address of the model server, or another port for the guard",
                zh="请填写模型服务的地址，或为护栏另选端口",
            ),
        )


def _limits(read: Fields) -> Limits:
    usual = Limits()
    limits = Limits(
        request_body_bytes=read.integer(
            "requestBodyBytes", 10 * 1024 * 1024, least=1024, most=1024**3
        ),
        concurrent_requests=read.integer("concurrentRequests", 1000, least=1, most=100_000),
        drain_seconds=read.number("drainSeconds", 30, least=0, most=3600),
        queue_seconds=read.number("queueSeconds", usual.queue_seconds, least=0, most=60),
        header_seconds=read.number("headerSeconds", usual.header_seconds, least=0.1, most=300),
        comment_seconds=read.number("commentSeconds", usual.comment_seconds, least=0, most=3600),
    )
    read.end()
    return limits


def _screens(read: Fields) -> Screens:
    screens = Screens(
        input=read.choice("input", Screening.BLOCK), output=read.choice("output", Screening.BLOCK)
    )
    read.end()
    return screens


def _label(read: Fields) -> Label:
    label = Label(
        mode=read.choice("mode", LabelMode.PREFIX), text=read.text("text", Label().text, most=256)
    )
    if label.mode is not LabelMode.OFF and not label.text.strip():
        read.report(
            "text",
            Text(en="is empty", zh="为空"),
            Text(
                en="write the label that users read, or set label.mode to Off",
                zh="请填写用户可见的标识文字，或将 label.mode 设为 Off",
            ),
        )
    read.end()
    return label


def _complaint_url(root: Fields) -> str:
    url = root.text("complaintUrl", "", most=2048)
    if url:
        _check_url(root, "complaintUrl", url, schemes=("https", "http"), query=True)
    return url


def _telemetry(read: Fields) -> Telemetry:
    endpoint = read.value("otlpEndpoint", None)
    if endpoint is not None:
        endpoint = read.text("otlpEndpoint", "", most=2048)
        _check_url(read, "otlpEndpoint", endpoint, schemes=("http", "https"), query=False)
    telemetry = Telemetry(
        otlp_endpoint=endpoint or None,
        sample_ratio=read.number("sampleRatio", 1.0, least=0, most=1),
    )
    read.end()
    return telemetry


def _check_url(read: Fields, key: str, url: str, *, schemes: tuple[str, ...], query: bool) -> None:
    """Reports what is wrong with a URL; never shows it, since it may hold a password."""
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, sound = urlsplit(""), False
    clean = url.isascii() and url.isprintable() and not any(sign in url for sign in ' "<>\\')
    if sound and clean and parts.scheme in schemes and (query or not parts.query + parts.fragment):
        if parts.username is None and parts.password is None:
            return
        read.report(
            key,
            Text(en="holds a user name or password", zh="包含用户名或密码"),
            Text(
                en="remove it; clients send their own Authorization header",
                zh="请删除；客户端自带 Authorization 头",
            ),
        )
        return
    example = f"{schemes[0]}://host:port" if not query else "https://example.cn/complaints"
    read.report(
        key,
        Text(en="is not an address that can be used", zh="不是可用的地址"),
        Text(
            en=f"write {' or '.join(schemes)} as in {example}"
            + ("" if query else ", without query or fragment"),
            zh=f"请使用 {' 或 '.join(schemes)}，例如 {example}"
            + ("" if query else "，不带查询参数与片段"),
        ),
    )


def _path_fault(path: str) -> Problem | None:
    plain = path.isascii() and path.isprintable() and not any(sign in path for sign in ' ?#*"\\')
    if path.startswith("/") and plain and len(path) <= 1024:
        return None
    return fault(
        "paths",
        Text(en=f"{path[:60]!r} is not an exact path", zh=f"“{path[:60]}”不是确切的路径"),
        Text(
            en="write it as /v1/embeddings, without query or wildcard",
            zh="请写成 /v1/embeddings 的形式，不带查询参数与通配符",
        ),
    )
