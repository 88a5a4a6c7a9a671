"""No planted credential leaves the cluster in an archive, wherever it stands."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_operator.ctl.incident.redaction import MASK, LineRedactor, redact_object, redact_text

WORD = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789_", min_size=10, max_size=30).map("Zq".__add__)
"""Begins with letters that no other text here has, and is one word."""
PHRASE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x85\u2028\u2029"), min_size=6, max_size=40).map(
    lambda text: f"Zq{text}"
)
NAMES = st.sampled_from(
    [
        "password",
        "PASSWORD",
        "db_password",
        "client-secret",
        "AWS_SECRET_ACCESS_KEY",
        "api_key",
        "apiKey",
        "access_token",
        "refreshToken",
        "private_key",
        "sessionid",
        "Cookie",
        "credentials",
        "passwd",
    ]
)
SCHEMES = st.sampled_from(["postgres", "postgresql+asyncpg", "amqp", "amqps", "https", "redis"])
BEFORE = st.sampled_from(["", "2026-12-01T00:00:00Z ", "connecting: ", '{"event": "x", "n": 1, ', "a=b, "])
AFTER = st.sampled_from(["", " failed", ", n=1", ' "}', "; retrying"])

LINES: dict[str, Callable[[str, str, str], str]] = {
    "a URL's password": lambda _, scheme, secret: f"{scheme}://attune:{secret}@db.example:5432/attune",
    "a URL's password with an @": lambda _, scheme, secret: f"{scheme}://attune:a@{secret}@db.example/attune",
    "a URL's token for a user": lambda _, scheme, secret: f"{scheme}://{secret}@db.example/attune",
    "a query": lambda name, scheme, secret: f"GET {scheme}://db.example/x?a=b&{name}={secret}&c=d",
    "an assignment": lambda name, _, secret: f"{name}={secret}",
    "an arrow": lambda name, _, secret: f"{name} => {secret}",
    "a bearer": lambda _, __, secret: f"Authorization: Bearer {secret}",
    "a lower-case bearer": lambda _, __, secret: f"sent bearer {secret}",
    "basic authorization": lambda _, __, secret: f"authorization=Basic {secret}==",
    "headers of Python": lambda _, __, secret: f"{{'Authorization': 'Token {secret}', 'n': 1}}",
    "a flag": lambda name, _, secret: f"run --{name.replace('_', '-')} {secret} --loud",
    "a flag with =": lambda name, _, secret: f"run --{name}={secret}",
    "a JWT": lambda _, __, secret: f"token eyJhbGciOiJSUzI1NiJ9.{secret}.{secret}",
    "a DSN": lambda _, __, secret: f"host=db user=attune password={secret} dbname=attune",
    "YAML": lambda name, _, secret: f"  {name}: {secret} and more",
}


@pytest.mark.parametrize("form", LINES)
def test_words_in_logs(form: str) -> None:
    @given(NAMES, SCHEMES, WORD, BEFORE, AFTER)
    def holds(name: str, scheme: str, secret: str, before: str, after: str) -> None:
        line = redact_text(before + LINES[form](name, scheme, secret) + after)
        assert secret not in line
        assert MASK in line

    holds()


@given(NAMES, PHRASE, st.integers(0, 2))
def test_json_in_logs_however_often_it_is_quoted(name: str, secret: str, depth: int) -> None:
    text = json.dumps({"event": "x", name: secret, "n": 1}, ensure_ascii=False)
    for _ in range(depth):
        text = json.dumps({"body": text}, ensure_ascii=False)
    redacted = redact_text(text)
    shown = json.dumps(secret, ensure_ascii=False)[1:-1]
    assert "Zq" not in redacted, (shown, redacted)
    if depth == 0:
        assert json.loads(redacted.replace(MASK, f'"{MASK}"'))["n"] == 1


@given(st.lists(WORD, min_size=1, max_size=5), st.booleans())
def test_private_keys_over_several_lines(body: list[str], ended: bool) -> None:
    lines = ["it began", "x -----BEGIN RSA PRIVATE KEY-----", *body]
    lines += ["-----END RSA PRIVATE KEY----- y", "it ended"] if ended else []
    redact = LineRedactor()
    text = "\n".join(map(redact, lines))
    assert not any(line in text for line in body)
    assert text.startswith("it began")
    assert text.endswith("it ended") is ended
    assert not any(line in redact_text("\n".join(lines)) for line in body)


VALUES = st.recursive(PHRASE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3))


def leaves(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
    return [leaf for item in inner for leaf in leaves(item)]


@given(NAMES, VALUES)
def test_objects_by_the_names_of_their_fields(name: str, value: Any) -> None:
    planted = {"metadata": {"name": "x"}, "spec": {"inner": [{name: value, "kept": "yes"}]}}
    redacted = redact_object(planted)
    assert not set(leaves(redacted)) & set(leaves(value))
    assert redacted["metadata"] == {"name": "x"}
    assert redacted["spec"]["inner"][0]["kept"] == "yes"


@given(PHRASE, PHRASE)
def test_environments_keep_names_and_references_and_no_value(secret: str, other: str) -> None:
    reference = {"secretKeyRef": {"name": "attune-database", "key": "url"}}
    planted = {
        "env": [{"name": "HARMLESS", "value": secret}, {"name": "URL", "valueFrom": reference}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"env": [{"value": secret}]})},
        "managedFields": [{"x": secret}],
        "args": ["--pool", "a", "--password", other, "--slots", "3"],
        "environment": {"PATH": secret},
    }
    redacted = redact_object(planted)
    assert not {secret, other} & set(leaves(redacted["env"]))
    assert redacted["env"] == [{"name": "HARMLESS", "value": MASK}, {"name": "URL", "valueFrom": reference}]
    assert redacted["args"][::2] == ["--pool", "--password", "--slots"]
    assert redacted["args"][1::2] == ["a", MASK, "3"]
    assert redacted["annotations"] == {}
    assert redacted["environment"] == {"PATH": MASK}
    assert "managedFields" not in redacted


def test_what_names_a_secret_is_kept() -> None:
    pod = {
        "volumes": [{"name": "tls", "secret": {"secretName": "attune-tls", "defaultMode": 288}}],
        "imagePullSecrets": [{"name": "registry"}],
        "automountServiceAccountToken": False,
    }
    assert redact_object(pod) == pod


@pytest.mark.parametrize(
    "line",
    [
        "notify_completion execution=17 action=core.echo",
        '{"event": "turn committed", "shard": 3, "seconds": 0.004}',
        "GET https://attune.example/api/v1/executions?status=running 200",
        "2026-12-01T00:00:00Z CompletionListener: 3 reports",
        'attune_queue_length{action="core.echo"} 17',
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    assert redact_text(line) == line
