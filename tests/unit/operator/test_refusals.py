"""What the Kubernetes API means by an answer other than success."""

import pytest

from attune_operator.refusals import Refusal, RefusalKind, refused


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, RefusalKind.UNAUTHORIZED),
        (403, RefusalKind.FORBIDDEN),
        (404, RefusalKind.NOT_FOUND),
        (409, RefusalKind.CONFLICT),
        (422, RefusalKind.OTHER),
        (500, RefusalKind.OTHER),
    ],
)
def test_its_kind_and_the_servers_own_sentence(status: int, kind: RefusalKind) -> None:
    body = b'{"kind": "Status", "message": "pods \\"one\\" is not what you think"}'
    assert Refusal.of(status, body) == (kind, status, 'pods "one" is not what you think')
    assert refused(status)
    assert not refused(201)


@pytest.mark.parametrize(
    "body", [b"<html>a proxy" + b"." * 1000, b"[]", b'"text"', b'{"no": "message"}', b"\xff\xfe", b""]
)
def test_what_is_not_the_servers_is_shown_as_it_begins(body: bytes) -> None:
    assert Refusal.of(502, body).reason == body[:200].decode(errors="replace")
