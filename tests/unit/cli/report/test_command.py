# SPDX-License-Identifier: Apache-2.0
"""`genaictl report -f`: from the command line to the file, and what is said when it cannot be."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from genaiservice.api.jsontree import MutableJson, merge_patch
from genaiservice.cli.main import app
from tests.unit.cli.report.pages import subject

DAY = "2026-11-25"


def run(*arguments: str, input_: str | None = None) -> Result:
    return CliRunner().invoke(app, ["report", *arguments], input=input_)


def manifest(folder: Path, *services: MutableJson) -> str:
    path = folder / "chat.yaml"
    # A real manifest brings no uid, generation or version; those are given by the API server.
    bodies = [merge_patch(subject().body, {"metadata": NO_SERVER, **one}) for one in services]
    path.write_text("---\n".join(yaml.safe_dump(one, allow_unicode=True) for one in bodies))
    return str(path)


NO_SERVER: MutableJson = {"uid": None, "generation": None, "resourceVersion": None}


@pytest.mark.parametrize(
    ("form", "begins"),
    [("html", b"<!doctype html>"), ("csv", b"\xef\xbb\xbfNamespace,"), ("json", b"{\n")],
)
def test_each_form_is_written_to_standard_output_and_to_a_file(
    tmp_path: Path, form: str, begins: bytes
) -> None:
    file, out = manifest(tmp_path, {}), tmp_path / "out"
    given = ("-f", file, "--format", form, "--lang", "en", "--as-of", DAY)
    shown, kept = run(*given), run(*given, "--out", str(out))
    assert (shown.exit_code, kept.exit_code, kept.output) == (0, 0, "")
    assert shown.stdout_bytes == out.read_bytes()
    assert out.read_bytes().startswith(begins)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chat.yaml", "out"]


def test_a_report_of_today_tells_what_changed_since_one_of_then(tmp_path: Path) -> None:
    file, then = manifest(tmp_path, {}), tmp_path / "then.json"
    run("-f", file, "--format", "json", "--as-of", "2026-11-20", "--out", str(then))
    file = manifest(tmp_path, {"spec": {"guard": {"killSwitch": True}}})
    told = run("-f", file, "--format", "json", "--as-of", DAY, "--since", str(then))
    changes = json.loads(told.stdout)["changes"]
    assert changes["since"] == "2026-11-20"
    assert [row["title"]["en"] for row in changes["rows"]] == ["Rollout"]


def test_the_service_that_is_meant_is_taken_of_many(tmp_path: Path) -> None:
    file = manifest(tmp_path, {}, {"metadata": {**NO_SERVER, "name": "image"}})
    told = run("image", "-f", file, "--format", "json", "--as-of", DAY)
    assert json.loads(told.stdout)["service"]["name"] == "image"


def test_a_manifest_is_read_from_standard_input(tmp_path: Path) -> None:
    text = Path(manifest(tmp_path, {})).read_text()
    told = run("-f", "-", "--format", "json", "--as-of", DAY, input_=text)
    assert json.loads(told.stdout)["source"] == {"kind": "file", "place": ""}


def test_what_the_api_server_would_refuse_is_in_the_report(tmp_path: Path) -> None:
    file = manifest(tmp_path, {"spec": {"workload": {"managed": {"replicas": "two"}}}})
    tree = json.loads(run("-f", file, "--format", "json", "--as-of", DAY).stdout)
    assert [one["where"] for one in tree["refused"]] == ["spec.workload.managed.replicas"]
    assert tree["outcome"]["allowed"] is False


def test_a_placeholder_keeps_the_rollout_refused(tmp_path: Path) -> None:
    provider = {"provider": {"legalName": "<registered name>"}}
    file = manifest(tmp_path, {"spec": {"compliance": provider}})
    tree = json.loads(run("-f", file, "--format", "json", "--as-of", DAY).stdout)
    assert [one["where"] for one in tree["refused"]] == ["spec.compliance.provider.legalName"]
    assert tree["outcome"]["allowed"] is False


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "no service was named"),
        (("-f", "{folder}/absent.yaml"), "absent.yaml"),
        (("-f", "{folder}/empty.yaml"), "0 of the services"),
        (("-f", "{file}"), "2 of the services"),
        (("other", "-f", "{file}"), "Found: chat, image"),
        (("chat", "-n", "elsewhere", "-f", "{file}"), "0 of the services"),
        (("chat", "-f", "{file}", "--since", "{folder}/absent.json"), "--since"),
        (("chat", "-f", "{file}", "--since", "{folder}"), "--since"),
        (("chat", "-f", "{file}", "--since", "{file}"), "is no JSON document"),
        (("chat", "-f", "{file}", "--out", "{folder}/absent/out.html"), "--out"),
        (("chat", "-f", "{file}", "--out", "{folder}"), "--out"),
        (("chat", "-f", "{file}", "--as-of", "2025-02-30"), "is no day"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    file = manifest(tmp_path, {}, {"metadata": {**NO_SERVER, "name": "image"}})
    (tmp_path / "empty.yaml").touch()
    given = [one.format(folder=tmp_path, file=file) for one in arguments]
    ended = run(*given, "--lang", "en")
    assert ended.exit_code == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chat.yaml", "empty.yaml"]
