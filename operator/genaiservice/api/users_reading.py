# SPDX-License-Identifier: Apache-2.0
"""Reading `users` of guard.json, with every fault told and none guessed away.

Rule: what would lift a protection by an oversight is a fault: an adult by silence, a token without
issuer or audience, a key that clients know, a band whose content policy is not there.
"""

import ipaddress
import re
from collections.abc import Collection
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from genaiservice.api import users_config as users
from genaiservice.api.fields import MISSING, Fields, fault
from genaiservice.api.problem import Problem, Text
from genaiservice.api.users_config import (
    Band,
    MinorsPolicy,
    Missing,
    Source,
    Step,
    StoreKind,
    UsersConfig,
)

ALGORITHMS: Final = frozenset(
    f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)
) | {"EdDSA"}
CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
Word = TypeVar("Word", bound=StrEnum)


def read_users(read: Fields) -> UsersConfig:
    config = UsersConfig(
        identity=_identity(read.child("identity")),
        minors=_minors(read.child("minors")),
        agreement_version=read.text("agreementVersion", "", most=32),
        real_name=_real_name(read.child("realName")),
        ladder=_ladder(read.child("ladder")),
        store=_store(read.child("store")),
        idle_minutes=read.integer("idleMinutes", 5, least=1, most=60),
        reminder_minutes=read.integer("reminderMinutes", 0, least=0, most=1440),
        content_policies=_content_policies(read),
    )
    read.end()
    _check_whole(read, config)
    return config


def _identity(read: Fields) -> users.Identity:
    identity = users.Identity(
        source=read.choice("source", Source.TOKEN),
        missing=read.choice("missing", Missing.TREAT_AS_MINOR),
        age_gate=read.boolean("ageGate", False),
        token=_token(read.child("token")),
        gateway=_gateway(read.child("gateway")),
        claims=_claims(read.child("claims")),
        pseudonym_key_file=read.text("pseudonymKeyFile", "", most=1024),
    )
    read.end()
    if identity.source is Source.TOKEN:
        _check_token(read, identity.token)
    if identity.source is Source.GATEWAY:
        gateway = identity.gateway
        if not gateway.secret_file and not gateway.addresses:
            _object(
                read,
                "gateway",
                ("trusts a header that anybody can send", "信任任何人都能发送的请求头"),
                ("name secretFile, addresses, or both", "请填写 secretFile、addresses 或两者"),
            )
    return identity


def _token(read: Fields) -> users.Token:
    token = users.Token(
        header=_header(read, "Authorization"),
        jwks_file=read.text("jwksFile", "", most=1024),
        jwks_url=read.text("jwksUrl", "", most=2048),
        algorithms=read.texts("algorithms", most=10, check=_algorithm_fault)
        or users.Token().algorithms,
        issuer=read.text("issuer", "", most=512),
        audience=read.text("audience", "", most=512),
        leeway_seconds=read.integer("leewaySeconds", 30, least=0, most=300),
        refresh_seconds=read.integer("refreshSeconds", 300, least=10, most=86400),
        timeout_seconds=read.number("timeoutSeconds", 2, least=0.05, most=30),
    )
    read.end()
    return token


def _check_token(read: Fields, token: users.Token) -> None:
    if bool(token.jwks_file) == bool(token.jwks_url):
        _object(
            read,
            "token",
            ("needs the issuer's keys from one place", "须从一处取得签发方公钥"),
            ("write either jwksFile or jwksUrl", "请填写 jwksFile 或 jwksUrl 之一"),
        )
    for key in ("issuer", "audience"):
        if not getattr(token, key):
            _object(
                read,
                f"token.{key}",
                ("is missing", "缺失"),
                ("write what the tokens of this service say", "请填写本服务凭据中的值"),
                ("a token made for another service must not pass here", "其他服务的凭据不得通用"),
            )
    if token.jwks_url and not _safe_url(token.jwks_url):
        _object(
            read,
            "token.jwksUrl",
            ("is not a safe address for keys", "不是可安全获取公钥的地址"),
            ("write https://… without user name", "请填写不含用户名的 https:// 地址"),
            ("who can change the keys on their way can be anybody", "公钥被篡改即可冒充任何人"),
        )


def _gateway(read: Fields) -> users.Gateway:
    gateway = users.Gateway(
        header=_header(read, "X-Genai-User"),
        secret_file=read.text("secretFile", "", most=1024),
        addresses=read.texts("addresses", most=64, check=_network_fault),
        max_age_seconds=read.integer("maxAgeSeconds", 60, least=1, most=3600),
    )
    read.end()
    return gateway


def _claims(read: Fields) -> users.ClaimNames:
    names = users.ClaimNames()
    claims = users.ClaimNames(
        user=read.text("user", names.user, most=128) or names.user,
        age=read.text("age", names.age, most=128) or names.age,
        agreement=read.text("agreement", names.agreement, most=128),
        real_name=read.text("realName", names.real_name, most=128),
        guardian=read.text("guardian", names.guardian, most=128),
        persona=read.text("persona", names.persona, most=128),
    )
    read.end()
    return claims


def _minors(read: Fields) -> users.Minors:
    minors = users.Minors(
        policy=read.choice("policy", MinorsPolicy.PROHIBITED),
        age_signal=read.choice("ageSignal", users.AgeSignal.NONE),
        bands=tuple(_band(entry) for entry in read.children("bands", most=5)),
        break_reminder_minutes=read.integer("breakReminderMinutes", 30, least=1, most=1440),
        curfew=_curfew(read.child("curfew")),
        guardian_override=read.boolean("guardianOverride", False),
        exit_needs_guardian=read.boolean("exitNeedsGuardian", True),
        refused_personas=read.texts("refusedPersonas", most=64),
    )
    read.end()
    if len({limits.band for limits in minors.bands}) < len(minors.bands):
        _object(
            read,
            "bands",
            ("names a band twice", "同一年龄段出现两次"),
            ("keep one entry a band", "每个年龄段保留一项"),
        )
    if minors.policy is not MinorsPolicy.PROHIBITED and not minors.bands:
        _object(
            read,
            "bands",
            ("names no band, though minors are served", "允许未成年人使用却未列年龄段"),
            (
                "list the bands with their limits, or write policy Prohibited",
                "请列出各年龄段及限制，或将 policy 设为 Prohibited",
            ),
        )
    return minors


def _band(read: Fields) -> users.BandLimits:
    read.value("band", MISSING)
    band = read.choice("band", Band.UNDER_3)
    usual = users.MINUTES_FROM_16 if band is Band.FROM_16 else users.MINUTES_UNDER_16
    limits = users.BandLimits(
        band=band,
        daily_minutes=read.integer("dailyMinutes", usual, least=0, most=1440),
        content_policy=read.text("contentPolicy", "", most=253),
    )
    read.end()
    return limits


def _curfew(read: Fields) -> users.Curfew:
    usual = users.Curfew()
    times = []
    for key, default in (("start", usual.start), ("end", usual.end)):
        text = read.text(key, default, most=16)
        if not CLOCK.fullmatch(text):
            read.report(
                key,
                Text(en="is not a time of day", zh="不是一天中的时间"),
                Text(en=f'write HH:MM, for example "{default}"', zh=f"请写成 HH:MM，如 {default}"),
            )
            text = default
        times.append(text)
    if times[0] == times[1]:
        read.report(
            "end",
            Text(en="equals start, which names no time span", zh="与 start 相同，无法确定时段"),
            Text(en="write two different times", zh="请填写不同的时间"),
        )
    read.end()
    return users.Curfew(start=times[0], end=times[1])


def _real_name(read: Fields) -> users.RealName:
    asked = users.RealName(
        required=read.boolean("required", False), paths=read.texts("paths", most=64)
    )
    read.end()
    return asked


def _ladder(read: Fields) -> users.Ladder:
    steps = [_word(Step, step) for step in read.texts("steps", most=4, check=_step_fault)]
    ladder = users.Ladder(
        steps=tuple(step for step in steps if step is not None),
        first=read.choice("first", Step.WARN),
        consecutive_hits=read.integer("consecutiveHits", 3, least=0, most=100_000),
        daily_hits=read.integer("dailyHits", 10, least=0, most=100_000),
        restrict_minutes=read.integer("restrictMinutes", 60, least=1, most=525_600),
        restrict_seconds_between=read.integer("restrictSecondsBetween", 10, least=1, most=3600),
        suspend_hours=read.integer("suspendHours", 24, least=1, most=87_600),
        forgive_days=read.integer("forgiveDays", 30, least=0, most=3650),
    )
    read.end()
    if ladder.steps and not ladder.consecutive_hits and not ladder.daily_hits:
        _object(
            read,
            "steps",
            ("can never be reached: both thresholds are 0", "两个阈值均为 0，永远不会触发"),
            ("write consecutiveHits or dailyHits", "请填写 consecutiveHits 或 dailyHits"),
        )
    return ladder


def _store(read: Fields) -> users.Store:
    store = users.Store(
        kind=read.choice("kind", StoreKind.MEMORY),
        url=read.text("url", "", most=1024),
        password_file=read.text("passwordFile", "", most=1024),
        ca_file=read.text("caFile", "", most=1024),
        prefix=read.text("prefix", users.Store().prefix, most=64),
        when_down=read.choice("whenDown", users.WhenDown.CLOSED),
        timeout_seconds=read.number("timeoutSeconds", 0.1, least=0.01, most=5),
        connections=read.integer("connections", 16, least=1, most=256),
        users=read.integer("users", 100_000, least=1, most=10_000_000),
    )
    read.end()
    if store.kind is StoreKind.REDIS and not _store_url(store.url):
        read.report(
            "url",
            Text(en="is not an address of the store", zh="不是存储的地址"),
            Text(
                en="write redis://host:6379/0 or rediss://…, an address that follows the primary "
                "(Sentinel and Cluster are not supported); the password goes into passwordFile",
                zh="请填写 redis://host:6379/0 或 rediss://…，且为随主节点切换的地址"
                "（不支持 Sentinel 与 Cluster）；口令写入 passwordFile 所指文件",
            ),
        )
    return store


def _content_policies(read: Fields) -> tuple[users.ContentPolicy, ...]:
    found = []
    for entry in read.children("contentPolicies", most=8):
        found.append(
            users.ContentPolicy(name=entry.text("name", most=253), file=entry.text("file"))
        )
        entry.end()
    return tuple(found)


def _check_whole(read: Fields, config: UsersConfig) -> None:
    identity, minors = config.identity, config.minors
    excluded = minors.policy is MinorsPolicy.PROHIBITED and identity.age_gate
    if identity.missing is Missing.TREAT_AS_ADULT and not excluded:
        _object(
            read,
            "identity.missing",
            ("takes everybody for an adult who says nothing", "将未表明身份者一律视为成年人"),
            (
                "write TreatAsMinor or Refuse; TreatAsAdult needs policy Prohibited and ageGate",
                "请改为 TreatAsMinor 或 Refuse；TreatAsAdult 须 policy 为 Prohibited 且有 ageGate",
            ),
            ("minors are to be protected (Art. 10)", "须保护未成年人（《暂行办法》第十条）"),
        )
    known = {policy.name for policy in config.content_policies}
    for index, limits in enumerate(minors.bands):
        if limits.content_policy and limits.content_policy not in known:
            _object(
                read,
                f"minors.bands[{index}].contentPolicy",
                ("names a policy that contentPolicies lacks", "所指策略不在 contentPolicies 中"),
                ("add the policy or correct the name", "请补充该策略或更正名称"),
            )
    if config.store.kind is StoreKind.REDIS and not identity.pseudonym_key_file:
        _object(
            read,
            "identity.pseudonymKeyFile",
            ("is missing, though replicas share the state", "缺失，而各副本共享状态"),
            (
                "name a file with 32 random bytes or more, the same for all replicas",
                "请指定含至少 32 字节随机数的文件，各副本相同",
            ),
        )


def _header(read: Fields, default: str) -> str:
    name = read.text("header", default, most=64)
    if HEADER.fullmatch(name):
        return name
    read.report(
        "header",
        Text(en="is not the name of a header", zh="不是请求头名称"),
        Text(en=f"write for example {default}", zh=f"例如 {default}"),
    )
    return default


def _safe_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    sound = bool(host) and parts.username is None and url.isascii() and url.isprintable()
    return sound and (parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL_HOSTS))


def _store_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and parts.scheme in ("redis", "rediss") and parts.password is None


def _word(kind: type[Word], text: str) -> Word | None:
    return next((word for word in kind if word.value == text), None)


def _unknown(key: str, text: str, known: Collection[str]) -> Problem:
    return fault(
        key,
        Text(en=f"holds {text[:40]!r}", zh=f"含“{text[:40]}”"),
        Text(en=f"known: {', '.join(sorted(known))}", zh=f"可用：{'、'.join(sorted(known))}"),
    )


def _algorithm_fault(name: str) -> Problem | None:
    if name in ALGORITHMS:
        return None
    # `none` and HS256 with a public key are the two classic ways to forge a token.
    return _unknown("users.identity.token.algorithms", name, ALGORITHMS)


def _step_fault(name: str) -> Problem | None:
    known = [step.value for step in Step]
    return None if name in known else _unknown("users.ladder.steps", name, known)


def _network_fault(text: str) -> Problem | None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return fault(
            "users.identity.gateway.addresses",
            Text(en=f"holds {text[:40]!r}", zh=f"含“{text[:40]}”"),
            Text(
                en="write an address or a network as 10.0.0.0/8",
                zh="请填写地址或网段，如 10.0.0.0/8",
            ),
        )
    return None


def _object(
    read: Fields,
    key: str,
    what: tuple[str, str],
    next_: tuple[str, str],
    why: tuple[str, str] = ("", ""),
) -> None:
    texts: list[Any] = [Text(en=en, zh=zh) for en, zh in (what, next_, why)]
    read.report(key, *texts)
