"""The folder of messages: what is no message is dropped, what is one arrives once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu.connection import Connection

from portal.broker import Transport
from tests.stack.running import litter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folders of a process that has bound nothing yet."""
    Transport.global_state.clear()  # type: ignore[no-untyped-call]
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def queue(folder: Path) -> Iterator[Any]:
    """The queue of a worker that just started on the folder."""
    with connect(folder) as connection, connection.SimpleQueue("ata") as opened:
        yield opened


def connect(folder: Path) -> Any:
    """A connection as Celery makes it from our settings."""
    return Connection(  # type: ignore[no-untyped-call]
        "filesystem://localhost",
        transport="portal.broker:Transport",
        transport_options={
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "control_folder": str(folder / "control"),
        },
    )


def test_settings_choose_this_transport(settings: Any) -> None:
    assert settings.CELERY_BROKER_TRANSPORT == "portal.broker:Transport"


def test_a_message_arrives_once_whatever_lies_beside_it(queue: Any, folder: Path) -> None:
    litter(folder / "queue")
    queue.put({"run": 1})
    message = queue.get(timeout=20)
    message.ack()
    assert message.payload == {"run": 1}
    with pytest.raises(Empty):
        queue.get(block=False)
    assert (folder / "queue" / "notes.txt").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"7", b"[1, 2]", b'[["a"]]'])
def test_bindings_that_cannot_be_read_are_made_anew(folder: Path, content: bytes) -> None:
    (folder / "control" / "ata.exchange").write_bytes(content)
    with connect(folder) as connection, connection.SimpleQueue("ata") as queue:
        queue.put("x")
        assert queue.get(timeout=20).payload == "x"
        (folder / "control" / "ata.exchange").write_bytes(content)
        queue.put("y")
        assert queue.get(timeout=20).payload == "y"


def test_a_message_under_way_is_not_seen_half_written(queue: Any, folder: Path) -> None:
    (folder / "queue" / "1_0.ata.msg.part").write_text('{"body": "half')
    with pytest.raises(Empty):
        queue.get(block=False)
    assert (folder / "queue" / "1_0.ata.msg.part").exists()
