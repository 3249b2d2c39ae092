# SPDX-License-Identifier: Apache-2.0
"""Users before a real guard: tokens, minors, misuse, and a store that two guards share."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from genaiservice.api.users_config import Token
from genaiservice.guard.core.presence import SHANGHAI
from genaiservice.guard.keys import MOST_BYTES, FetchError, fetcher
from tests.forward import forwarding
from tests.guard_process import TERM, Guard, Raw, chat, policy
from tests.redis_server import RedisServer
from tests.upstream import Call, Gate, Upstream, streaming
from tests.wait import eventually

KEY = ec.generate_private_key(ec.SECP256R1())
WHO = "canary-user-5d21c7"
"""No output of the guard may hold it."""
BAND_TERM = "少年禁词"


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the guard under test has the real clock


def token(user: str = WHO, *, key: Any = KEY, **more: Any) -> str:
    at = int(now().timestamp())
    claims = {"iss": "test", "aud": "chat", "sub": user, "exp": at + 600, "iat": at, **more}
    return jwt.encode(claims, key, "ES256", headers={"kid": "k"})


def hours_from_now(hours: int) -> str:
    return (now().astimezone(SHANGHAI) + timedelta(hours=hours)).strftime("%H:%M")


AWAKE = {"start": hours_from_now(8), "end": hours_from_now(10)}
NIGHT = {"start": hours_from_now(-2), "end": hours_from_now(2)}


def users(**more: Any) -> dict[str, Any]:
    return {
        "identity": {
            "missing": "Refuse",
            "token": {
                "jwksFile": "keys.json",
                "issuer": "test",
                "audience": "chat",
                "algorithms": ["ES256"],
            },
            "pseudonymKeyFile": "pseudonym",
        },
        "minors": minors(),
        "contentPolicies": [{"name": "teens", "file": "teens.json"}],
        **more,
    }


def minors(**more: Any) -> dict[str, Any]:
    band = {"band": "12to16", "dailyMinutes": 60, "contentPolicy": "teens"}
    return {
        "policy": "Allowed",
        "ageSignal": "VerifiedId",
        "bands": [band],
        "curfew": AWAKE,
        **more,
    }


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(streaming("今天", "天气")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepared(tmp_path)


def prepared(folder: Path) -> Path:
    key = {**json.loads(ECAlgorithm.to_jwk(KEY.public_key())), "kid": "k"}
    (folder / "keys.json").write_text(json.dumps({"keys": [key]}))
    (folder / "pseudonym").write_text("p" * 64)
    (folder / "teens.json").write_text(
        json.dumps({**policy(TERM, BAND_TERM), "name": "teens"}, ensure_ascii=False)
    )
    return folder


def guarded(folder: Path, upstream: Upstream, **more: Any) -> Guard:
    return Guard(folder, upstream.url, users=users(**more))


Answered = tuple[int, dict[str, str], bytes]


def ask(guard: Guard, text: str = "你好", bearer: str | None = None) -> Answered:
    headers = {"Content-Type": "application/json"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    request = urllib.request.Request(  # noqa: S310 - the guard's own address
        f"{guard.url}/chat/completions", data=chat(text), headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - same
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def code(answered: Answered) -> str:
    if answered[0] == 200:
        return "ok"
    error: dict[str, Any] = json.loads(answered[2])["error"]
    assert error["message"]
    assert error["message_zh"]
    return str(error["code"])


def is_suspended(guard: Guard, bearer: str) -> bool:
    return code(ask(guard, bearer=bearer)) == "account_suspended"


def is_idle(guard: Guard) -> bool:
    return guard.metric("genai_guard_open_requests") == 0


ADULT = {"age_band": "adult"}
MINOR = {"age_band": "12to16"}


def test_only_who_is_known_reaches_the_model_and_the_model_learns_nobody(
    folder: Path, upstream: Upstream
) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    with guarded(folder, upstream) as guard:
        before = len(upstream.calls)
        for bearer in (None, "x", token(**ADULT, key=stranger), token(**ADULT, exp=1), token()):
            answered = ask(guard, bearer=bearer)
            assert (answered[0], code(answered)) == (401, "user_unknown")
            assert answered[1]["WWW-Authenticate"] == "Bearer"
        assert len(upstream.calls) == before
        assert code(ask(guard, bearer=token(**ADULT))) == "ok"
        assert len(upstream.calls) == before + 1
        assert "authorization" not in upstream.calls[-1].headers
        assert WHO not in repr(upstream.calls[-1].headers)
        assert guard.metric('genai_guard_user_claim_faults_total{fault="signature"}') == 1
        assert guard.metric('genai_guard_user_claim_faults_total{fault="expired"}') == 1
        everything = guard.log() + guard.admin("/metrics")[1] + guard.admin("/readyz")[1]
        everything += (folder / "decisions.log").read_text()
        assert WHO not in everything
        assert "Traceback" not in everything


def test_the_list_of_models_needs_no_user(folder: Path, upstream: Upstream) -> None:
    with (
        guarded(folder, upstream) as guard,
        urllib.request.urlopen(f"{guard.url}/models", timeout=10) as answer,  # noqa: S310 - same
    ):
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/messages", "/v1/anything"])
def test_no_other_path_leads_past_the_gate(folder: Path, upstream: Upstream, path: str) -> None:
    with guarded(folder, upstream) as guard:
        before = len(upstream.calls)
        with Raw(guard) as raw:
            raw.post(path, chat())
            assert b" 401 " in raw.until(b"user_unknown")
        assert len(upstream.calls) == before


def test_minors_are_not_served_at_night_and_adults_are(folder: Path, upstream: Upstream) -> None:
    with guarded(folder, upstream, minors=minors(curfew=NIGHT)) as guard:
        answered = ask(guard, bearer=token(**MINOR))
        assert (answered[0], code(answered)) == (403, "minors_curfew")
        assert 3600 < int(answered[1]["Retry-After"]) <= 7200
        assert code(ask(guard, bearer=token(**ADULT))) == "ok"


def test_a_budget_that_is_spent_refuses_the_next_request(folder: Path, upstream: Upstream) -> None:
    bands = [{"band": "12to16", "dailyMinutes": 1}]
    with guarded(folder, upstream, minors=minors(bands=bands)) as guard:
        assert code(ask(guard, bearer=token(**MINOR))) == "ok"
        assert code(ask(guard, bearer=token(**MINOR))) == "minors_budget"
        assert code(ask(guard, bearer=token("another", **MINOR))) == "ok"
        assert guard.metric('genai_guard_user_denials_total{code="minors_budget"}') == 1


def test_the_content_policy_of_the_band_screens_minors_alone(
    folder: Path, upstream: Upstream
) -> None:
    with guarded(folder, upstream) as guard:
        prompt = f"说说{BAND_TERM}"
        before = len(upstream.calls)
        ask(guard, prompt, token(**MINOR))
        assert len(upstream.calls) == before
        assert code(ask(guard, prompt, token(**ADULT))) == "ok"
        assert len(upstream.calls) == before + 1


def test_without_the_policy_of_the_band_minors_wait_and_adults_do_not(
    folder: Path, upstream: Upstream
) -> None:
    (folder / "teens.json").write_text("{")
    with guarded(folder, upstream) as guard:
        assert code(ask(guard, bearer=token(**MINOR))) == "policy_not_loaded"
        assert code(ask(guard, bearer=token(**ADULT))) == "ok"


def test_a_reminder_comes_as_header_and_comment_and_clients_read_on(
    folder: Path, upstream: Upstream
) -> None:
    with guarded(folder, upstream, minors=minors(breakReminderMinutes=1)) as guard:
        status, headers, body = ask(guard, bearer=token(**MINOR))
        assert status == 200
        assert headers["Genai-Reminder"] == "break; minutes=1"
        assert "Genai-Use-Ends" in headers
        assert body.startswith(": 您已连续使用 1 分钟".encode())
        assert "Genai-Reminder" not in ask(guard, bearer=token(**MINOR))[1]
        client = openai.OpenAI(base_url=guard.url, api_key=token("another", **MINOR), max_retries=0)
        with client:
            stream = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "你好"}], stream=True
            )
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text.endswith("今天天气")


def test_misuse_climbs_the_ladder_and_is_recorded_by_pseudonym(
    folder: Path, upstream: Upstream
) -> None:
    ladder = {"steps": ["Warn", "Suspend"], "consecutiveHits": 2, "dailyHits": 0}
    with guarded(folder, upstream, ladder=ladder) as guard:
        bearer = token(**ADULT)
        for _ in range(2):
            ask(guard, TERM, bearer)
        answered = ask(guard, bearer=bearer)
        assert code(answered) == "ok"
        assert answered[1]["Genai-Reminder"] == "warning"
        for _ in range(2):
            ask(guard, TERM, bearer)
        answered = ask(guard, bearer=bearer)
        assert (answered[0], code(answered)) == (403, "account_suspended")
        assert code(ask(guard, bearer=token("another", **ADULT))) == "ok"
        records = eventually(lambda: len(guard.decisions("sanction")) == 2) and guard.decisions(
            "sanction"
        )
        assert [(line["step"], line["cause"], line["hits"]) for line in records] == [
            ("Warn", "consecutive", 2),
            ("Suspend", "consecutive", 2),
        ]
        assert len({line["user"] for line in records}) == 1
        assert WHO not in (folder / "decisions.log").read_text()


def test_two_guards_share_what_they_count_and_close_while_the_store_is_gone(
    tmp_path: Path, upstream: Upstream
) -> None:
    for name in ("one", "two", "redis"):
        (tmp_path / name).mkdir()
    with RedisServer(tmp_path / "redis") as server:
        shared = {
            "store": {
                "kind": "Redis",
                "url": server.url,
                "passwordFile": server.password_file,
                "timeoutSeconds": 5,
            },
            "ladder": {"steps": ["Suspend"], "consecutiveHits": 2},
        }
        with (
            guarded(prepared(tmp_path / "one"), upstream, **shared) as one,
            guarded(prepared(tmp_path / "two"), upstream, **shared) as two,
        ):
            bearer = token(**ADULT)
            for guard in (one, two):
                ask(guard, TERM, bearer)
                # A hit is counted behind its answer. Before it is, no other request: one that is
                # served in between would end the row of hits.
                eventually(partial(is_idle, guard))
            for guard in (one, two):
                assert is_suspended(guard, bearer)
            server.kill()
            answered = ask(one, bearer=token("another", **ADULT))
            assert (answered[0], code(answered)) == (503, "user_state_unavailable")
            assert one.metric("genai_guard_user_store_down") == 1
            assert one.readiness()["users"] == {"storeDown": "store_unreachable"}
            assert one.readiness()["ready"]
            server.start()
            eventually(lambda: code(ask(one, bearer=token("another", **ADULT))) == "ok")
            assert code(ask(one, bearer=bearer)) == "account_suspended"
            assert one.metric("genai_guard_user_store_down") == 0


def test_a_demoted_primary_closes_until_the_address_leads_to_the_new_one(
    tmp_path: Path, upstream: Upstream
) -> None:
    for name in ("one", "old", "new"):
        (tmp_path / name).mkdir()
    with (
        RedisServer(tmp_path / "old") as old,
        RedisServer(tmp_path / "new") as new,
        forwarding(old.port) as address,
    ):
        store = {"kind": "Redis", "url": address.url, "passwordFile": old.password_file}
        more = {
            "store": store | {"timeoutSeconds": 5},
            "ladder": {"steps": ["Suspend"], "consecutiveHits": 2},
        }
        with guarded(prepared(tmp_path / "one"), upstream, **more) as guard:
            bearer = token(**ADULT)
            for _ in range(2):
                ask(guard, TERM, bearer)
                eventually(partial(is_idle, guard))
            assert is_suspended(guard, bearer)
            new.follow(old)
            new.promote()
            old.follow(new)
            answered = ask(guard, TERM, token("another", **ADULT))
            assert (answered[0], code(answered)) == (503, "user_state_unavailable")
            assert guard.metric("genai_guard_user_store_down") == 1
            assert guard.readiness()["users"] == {"storeDown": "store_refused"}
            address.target = new.port
            eventually(lambda: code(ask(guard, bearer=token("another", **ADULT))) == "ok")
            assert guard.metric("genai_guard_user_store_down") == 0
            assert code(ask(guard, bearer=bearer)) == "account_suspended"


def test_degraded_serves_on_while_the_store_is_gone_and_says_so(
    tmp_path: Path, upstream: Upstream
) -> None:
    for name in ("one", "redis"):
        (tmp_path / name).mkdir()
    with RedisServer(tmp_path / "redis") as server:
        store = {
            "kind": "Redis",
            "url": server.url,
            "passwordFile": server.password_file,
            "whenDown": "Degraded",
            "timeoutSeconds": 5,
        }
        bands = [{"band": "12to16", "dailyMinutes": 1}]
        more = {"store": store, "minors": minors(bands=bands)}
        with guarded(prepared(tmp_path / "one"), upstream, **more) as guard:
            assert code(ask(guard, bearer=token(**MINOR))) == "ok"
            eventually(partial(is_idle, guard))
            server.kill()
            assert code(ask(guard, bearer=token(**MINOR))) == "minors_budget"
            assert code(ask(guard, bearer=token("another", **MINOR))) == "ok"
            assert guard.metric("genai_guard_user_store_down") == 1
            server.start()
            eventually(lambda: code(ask(guard, bearer=token("third", **MINOR))) == "ok")
            assert code(ask(guard, bearer=token("another", **MINOR))) == "minors_budget"


def test_a_store_that_answers_too_slowly_is_told_apart_and_found_again(
    tmp_path: Path, upstream: Upstream
) -> None:
    for name in ("one", "redis"):
        (tmp_path / name).mkdir()
    with RedisServer(tmp_path / "redis") as server:
        store = {
            "kind": "Redis",
            "url": server.url,
            "passwordFile": server.password_file,
            "timeoutSeconds": 0.5,
        }
        with guarded(prepared(tmp_path / "one"), upstream, store=store) as guard:
            bearer = token(**MINOR)
            eventually(lambda: code(ask(guard, bearer=bearer)) == "ok")
            # What that request used is counted after its answer, in this user's turn.
            eventually(partial(is_idle, guard))
            server.freeze()
            before = len(upstream.calls)
            assert code(ask(guard, bearer=bearer)) == "user_state_unavailable"
            assert guard.readiness()["users"] == {"storeDown": "store_timeout"}
            assert len(upstream.calls) == before
            server.thaw()
            eventually(lambda: code(ask(guard, bearer=bearer)) == "ok")
            eventually(lambda: guard.metric("genai_guard_open_requests") == 0)
            assert "Traceback" not in guard.log()


def test_a_secret_that_cannot_be_used_ends_the_start_with_its_reason(
    folder: Path, upstream: Upstream
) -> None:
    (folder / "pseudonym").write_text("short")
    guarded(folder, upstream)  # writes the configuration
    ended = subprocess.run(
        [sys.executable, "-m", "genaiservice", "guard", "--config", str(folder / "guard.json")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "users.identity.pseudonymKeyFile: holds a secret that is too short" in ended.stderr
    assert "密钥过短" in ended.stderr
    assert "Traceback" not in ended.stderr


# -- keys by HTTP


async def redirect(call: Call) -> None:
    await call.answer(302, "text/html", b"", "Location: http://127.0.0.1:1/")


async def missing(call: Call) -> None:
    await call.answer(404, "text/html", b"no")


async def large(call: Call) -> None:
    await call.answer(200, "application/json", b" " * (MOST_BYTES + 1))


async def cut(call: Call) -> None:
    call.cut()


async def good(call: Call) -> None:
    await call.answer(200, "application/json", b'{"keys": []}')


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (redirect, "not_status_200"),
        (missing, "not_status_200"),
        (large, "too_large"),
        (cut, "unreachable"),
        (good, ""),
    ],
)
async def test_keys_are_fetched_within_bounds(script: Any, word: str) -> None:
    with Upstream(script) as server:
        fetch = fetcher(Token(jwks_url=f"{server.url}/jwks", timeout_seconds=5), Path())
        if word:
            with pytest.raises(FetchError, match=word):
                await fetch()
        else:
            assert await fetch() == b'{"keys": []}'


async def test_keys_that_never_come_are_given_up_in_time() -> None:
    gate = Gate()

    async def hang(call: Call) -> None:
        await call.begin_stream()
        await gate.wait()

    with Upstream(hang) as server:
        fetch = fetcher(Token(jwks_url=f"{server.url}/jwks", timeout_seconds=0.2), Path())
        began = time.monotonic()
        with pytest.raises(FetchError, match="timeout"):
            await fetch()
        assert time.monotonic() - began < 5
        gate.open()
