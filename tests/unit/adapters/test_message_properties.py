"""A message whose properties cannot be read still comes, with the length of its body."""

import struct

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from attune_executor.amqp.message_properties import tolerate_unreadable_properties

CONTENT_TYPE, HEADERS, TIMESTAMP = 1 << 15, 1 << 13, 1 << 6


def deep_table(levels: int) -> bytes:
    table = struct.pack(">I", 0)
    for _ in range(levels):
        entry = b"\x01aF" + table
        table = struct.pack(">I", len(entry)) + entry
    return table


@pytest.fixture(autouse=True)
def tolerant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ContentHeader, "unmarshal", ContentHeader.unmarshal)  # put back afterwards
    tolerate_unreadable_properties()


@pytest.mark.parametrize(
    ("flags", "data"),
    [
        (CONTENT_TYPE, b"\x02\xff\xfe"),
        (TIMESTAMP, struct.pack(">Q", 2**64 - 1)),
        (HEADERS, struct.pack(">I", 4) + b"\x01\xffV\x00"),
        (HEADERS, deep_table(5000)),
    ],
)
def test_what_cannot_be_read_is_left_out(flags: int, data: bytes) -> None:
    header = ContentHeader()
    header.unmarshal(struct.pack(">HHQH", Basic.frame_id, 0, 17, flags) + data)
    assert header.body_size == 17
    assert dict(header.properties) == dict(Basic.Properties())


def test_what_can_be_read_is_read() -> None:
    header = ContentHeader()
    header.unmarshal(struct.pack(">HHQH", Basic.frame_id, 0, 17, CONTENT_TYPE) + b"\x04text")
    assert (header.body_size, header.properties.content_type) == (17, "text")
