"""The instances file: every mistake is named with its fix, and the last good list stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from enforcement.gateways import instances
from enforcement.gateways.actor_entry_for_gateway_log import actor_ref
from enforcement.gateways.instances import InstancesRefused, fleet, load

GOOD = (
    '[[instance]]\nname = "edge-1"\nbase_url = "https://edge.example/"\ngateway_token_file = "t"\n'
)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_relative_files_lie_beside_the_instances_file(tmp_path: Path) -> None:
    (made,) = load(write(tmp_path / "i.toml", GOOD + 'audit_db = "/var/lib/dc/audit.db"\n'))
    assert made.gateway_token_file == tmp_path / "t"
    assert made.base_url == "https://edge.example" and not made.demo
    assert made.audit_db == Path("/var/lib/dc/audit.db") and made.hmac_key_file is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[instance]\n", "not TOML"),
        ("[instance]\nname = 'x'\n", "with two brackets"),
        ("[[gateway]]\nname = 'x'\n", "'gateway' is not known"),
        (GOOD + GOOD, "'edge-1' is used twice"),
        (GOOD.replace("edge-1", "edge 1"), "letters, digits, dot"),
        (GOOD.replace("https://edge", "https://me:pw@edge"), "no credentials"),
        (GOOD.replace("https:", "ftp:"), "write http://HOST:PORT"),
        (GOOD.replace('base_url = "https://edge.example/"', ""), "base_url: Field required"),
        (GOOD + 'webhook_secret = "s"\n', "webhook_secret: Extra inputs are not permitted"),
        ("name = 3\n" + GOOD.replace("edge-1", "é"), "instance 1 (é): name"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InstancesRefused) as refused:
        load(write(tmp_path / "i.toml", text))
    assert says in str(refused.value)
    assert "me:pw" not in str(refused.value)


def test_a_file_that_breaks_keeps_the_last_good_list(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.VAR_DIR = tmp_path
    assert fleet() == instances.Fleet()
    (tmp_path / "demo").mkdir()
    path = write(tmp_path / "demo" / "instances.toml", GOOD)
    assert [i.name for i in fleet().instances] == ["edge-1"] and not fleet().problem
    write(path, "broken [")
    assert [i.name for i in fleet().instances] == ["edge-1"] and "not TOML" in fleet().problem
    write(path, GOOD.replace("edge-1", "edge-7"))
    assert [i.name for i in fleet().instances] == ["edge-7"] and not fleet().problem


def test_a_configured_file_wins_over_the_demo(tmp_path: Path, settings: LazySettings) -> None:
    path = write(tmp_path / "mine.toml", GOOD)
    settings.ENV = settings.ENV.model_copy(update={"DEFENSECLAW_INSTANCES_FILE": path})
    assert fleet().path == path
    path.unlink()
    assert "cannot be read" in fleet().problem


@pytest.mark.parametrize(
    ("sub", "ref"),
    [
        ("auth0|65f0aa11", "operator:auth0/65f0aa11"),
        ("samlp|corp|ada@x.example", "operator:samlp/corp/ada_x.example"),
        ("", "cli:auth0-ata"),
    ],
)
def test_subjects_are_written_in_the_alphabet_that_gateways_keep(sub: str, ref: str) -> None:
    assert actor_ref(sub) == ref
