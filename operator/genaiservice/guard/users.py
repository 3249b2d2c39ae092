# SPDX-License-Identifier: Apache-2.0
"""The gate that every request of a user passes: verify the claim, decide, keep the count.

`enter` before anything of the request is read, `leave` when its answer has ended. Deciding is done
by guard/core/entry.py; this module brings the claim, the record and the time together. Rule:
whatever cannot be found out is refused with its reason, never taken for an adult in good standing.
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from genaiservice.api.fields import fault
from genaiservice.api.problem import ProblemError, Text
from genaiservice.api.users_config import Missing, Source, StoreKind, UsersConfig
from genaiservice.guard.claims import (
    ClaimSource,
    GatewayClaims,
    KeysUnavailableError,
    NobodyClaims,
    Pseudonyms,
    Reading,
    TokenClaims,
)
from genaiservice.guard.core import entry
from genaiservice.guard.core import presence as use
from genaiservice.guard.core.admission import Admission
from genaiservice.guard.core.denials import denial
from genaiservice.guard.core.ladder import Sanction
from genaiservice.guard.core.user_state import NEW, UserState
from genaiservice.guard.headers import Field
from genaiservice.guard.usage import (
    Down,
    MemoryStore,
    RedisStore,
    StoreDownError,
    UsageStore,
    WatchedStore,
)

SECRET_BYTES: Final = 32
SECRET_FILE_BYTES: Final = 4096

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who is told, for metrics and records. Words of closed sets and pseudonyms only."""

    claim_fault: Callable[[str], None]
    denied: Callable[[str], None]
    reminded: Callable[[str], None]
    sanctioned: Callable[[str, Sanction], None]
    store_failed: Callable[[str], None]


class UserGate:
    def __init__(
        self,
        config: UsersConfig,
        *,
        source: ClaimSource,
        store: UsageStore,
        pseudonyms: Pseudonyms,
        hooks: Hooks,
    ) -> None:
        self._rules = entry.rules_of(config)
        self._pools_strangers = config.identity.missing is Missing.TREAT_AS_MINOR
        self._source = source
        self._store = store
        self._pseudonyms = pseudonyms
        self._hooks = hooks

    @property
    def claim_header(self) -> bytes:
        """Lower case; it is not forwarded to the model. b"" for none."""
        return self._source.header

    @property
    def store_down(self) -> str:
        """Why the shared store does not serve; "" while it does."""
        down = getattr(self._store, "down", Down.UP)
        return str(down.value)

    async def enter(
        self, fields: Iterable[Field], now: datetime, *, peer: str, path: str
    ) -> Admission:
        """`peer`: the address of the connection; `path`: without its query."""
        admission = await self._entered(fields, now, peer, path)
        if admission.error is not None:
            self._hooks.denied(admission.error.code)
        for reminder in admission.reminders:
            self._hooks.reminded(reminder.kind.value)
        return admission

    async def leave(
        self, admission: Admission, now: datetime, *, hits: int, served: bool, seconds: float
    ) -> None:
        """`hits`: blocked prompts of this request; `served`: one reached the model; `seconds`: how
        long its answer took."""
        if not admission.allow or not admission.user or not self._rules.keeps_state:
            return

        def step(state: UserState) -> tuple[UserState, Sanction | None]:
            return entry.leave(
                state, now, hit=hits > 0, served=served, seconds=seconds, rules=self._rules
            )

        try:
            sanction = await self._store.update(admission.user, use.seconds(now), step)
        except StoreDownError as error:
            # The answer is out already; what cannot be counted is told.
            self._hooks.store_failed(error.reason.value)
            return
        if sanction is not None:
            self._hooks.sanctioned(admission.user, sanction)

    async def close(self) -> None:
        await self._store.close()

    async def _entered(
        self, fields: Iterable[Field], now: datetime, peer: str, path: str
    ) -> Admission:
        reading = await self._read(fields, now, peer)
        if reading is None:
            return Admission(error=denial("user_keys_unavailable"))
        claim = reading.claim
        if claim is None:
            self._hooks.claim_fault(reading.fault.value)
        user = claim.user if claim is not None else self._stranger(peer)

        def step(state: UserState) -> tuple[UserState, Admission]:
            return entry.enter(state, user, claim, path, now, self._rules)

        if not user or not self._rules.keeps_state:
            return step(NEW)[1]
        try:
            return await self._store.update(user, use.seconds(now), step)
        except StoreDownError as error:
            self._hooks.store_failed(error.reason.value)
            busy = error.reason is Down.CONTENDED
            code = "user_busy" if busy else "user_state_unavailable"
            return Admission(user=user, error=denial(code))

    async def _read(self, fields: Iterable[Field], now: datetime, peer: str) -> Reading | None:
        try:
            return await self._source.read(fields, now, peer)
        except KeysUnavailableError as error:
            self._hooks.claim_fault(f"keys_{error}")
            return None

    def _stranger(self, peer: str) -> str:
        """Requests of nobody share the limits of their address: more would be limits for none."""
        return self._pseudonyms.of("peer", peer) if self._pools_strangers else ""


def gate_of(
    config: UsersConfig, folder: Path, clock: Callable[[], float], hooks: Hooks
) -> UserGate:
    """The gate as configured; raises ProblemError when a secret cannot be used.

    `folder`: what file names are relative to. `clock`: monotonic seconds.
    """
    identity = config.identity
    key_file = identity.pseudonym_key_file
    keys = _secrets(folder, "users.identity.pseudonymKeyFile", key_file) if key_file else ()
    # Without shared state a key for the life of the process is enough, and safer than a stored one.
    pseudonyms = Pseudonyms(keys[0] if keys else secrets.token_bytes(SECRET_BYTES))
    return UserGate(
        config,
        source=_source(config, folder, pseudonyms, clock),
        store=_store(config, folder, clock),
        pseudonyms=pseudonyms,
        hooks=hooks,
    )


def _source(
    config: UsersConfig, folder: Path, pseudonyms: Pseudonyms, clock: Callable[[], float]
) -> ClaimSource:
    identity = config.identity
    match identity.source:
        case Source.TOKEN:
            from genaiservice.guard.keys import KeySet, fetcher

            token = identity.token
            refresh = float(token.refresh_seconds)
            keys = KeySet(fetcher(token, folder), refresh_seconds=refresh, clock=clock)
            return TokenClaims(identity, keys, pseudonyms)
        case Source.GATEWAY:
            name = identity.gateway.secret_file
            found = _secrets(folder, "users.identity.gateway.secretFile", name) if name else ()
            return GatewayClaims(identity, found, pseudonyms)
        case Source.NOBODY:
            return NobodyClaims()


def _store(config: UsersConfig, folder: Path, clock: Callable[[], float]) -> UsageStore:
    store = config.store
    local = MemoryStore(config.ladder, store.users)
    if store.kind is StoreKind.MEMORY:
        return local
    password = None
    if store.password_file:
        line = _read(folder, "users.store.passwordFile", store.password_file).strip()
        password = line.decode("utf-8", "surrogateescape")
    ca_file = str(folder / store.ca_file) if store.ca_file else None
    shared = RedisStore(store, config.ladder, password=password, ca_file=ca_file)
    return WatchedStore(shared, local, store.when_down, clock)


def _secrets(folder: Path, where: str, name: str) -> tuple[bytes, ...]:
    """The lines of the file, each a secret; the first is the newest."""
    lines = tuple(line.strip() for line in _read(folder, where, name).splitlines() if line.strip())
    if not lines or min(map(len, lines)) < SECRET_BYTES:
        raise ProblemError(
            fault(
                where,
                Text(en="holds a secret that is too short", zh="所含密钥过短"),
                Text(
                    en=f"write lines of {SECRET_BYTES} characters or more, as openssl rand -hex 32",
                    zh=f"每行至少 {SECRET_BYTES} 个字符，可用 openssl rand -hex 32 生成",
                ),
            )
        )
    return lines


def _read(folder: Path, where: str, name: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            return file.read(SECRET_FILE_BYTES)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProblemError(
            fault(
                where,
                Text(
                    en=f"names a file that cannot be read ({reason})",
                    zh=f"所指文件无法读取（{reason}）",
                ),
                Text(en="mount the secret into the guard", zh="请将该密钥挂载到护栏容器"),
            )
        ) from error
