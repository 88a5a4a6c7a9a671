"""Masks credentials in logs and objects, so that an archive can be sent to whoever is asked for help. Pure.

It masks too much rather than too little: what stands after a name like `password`, whatever a URL has before its `@`,
every value of an environment variable.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

MASK: Final = "[REDACTED]"

_NAME: Final = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|token|credential|api[-_.]?key|cookie|session[-_.]?id|dsn"
    r"|(?:private|access|signing|encryption)[-_.]?key)"
)
_SENSITIVE: Final = re.compile(_NAME, re.IGNORECASE)
_AUTHORIZATION: Final = re.compile(r"authorization", re.IGNORECASE)

_REFERENCES: Final = frozenset(
    {
        "automountserviceaccounttoken",
        "imagepullsecrets",
        "secretkeyref",
        "secretname",
        "secretref",
        "serviceaccounttoken",
        "token_audiences",
    }
)
"""Keys of Kubernetes' objects and of the settings that name a credential and do not hold it."""
_DROPPED: Final = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})
"""What repeats an object, with its values in places where nothing tells what they are."""
_ENVIRONMENTS: Final = frozenset({"env", "environment"})
_COMMANDS: Final = frozenset({"args", "command"})

_KEY_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_KEY_BEGINS: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_KEY_ENDS: Final = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY-----")

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"?|' + r"'(?:[^'\\]|\\.)*'?"
_RULES: Final = (
    # Of a URL everything between the scheme and the last @ of the word: passwords may have an @ of their own.
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s\"'<>]*@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"(authorization\\*[\"']?\s*[:=,]\s*)[^\r\n]*", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}\b"), MASK),
    # JSON within JSON: \"password\": \"…\".
    (
        re.compile(rf"({_NAME}[\w.-]*(\\+)[\"']\s*:\s*)\\+\"(?:(?!\\+\").)*(?:\\+\")?", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    # password=…, "password": "…", password: … to the end of the line, where it has no quotes.
    (re.compile(rf"({_NAME}[\w.-]*[\"']?\s*[:=]>?\s*)(?:{_QUOTED})", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(rf"({_NAME}[\w.-]*[\"']?\s*=>?\s*)(?![\"'\[])[^\s&;,]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(rf"({_NAME}[\w.-]*[\"']?\s*:\s*)(?![\"'\[])[^\r\n,}}]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(rf"(--?[\w-]*{_NAME}[\w-]*\s+)[^\s-]\S*", re.IGNORECASE), rf"\1{MASK}"),
)


def redact_text(text: str) -> str:
    """``text`` without credentials."""
    text = _KEY_BLOCK.sub(MASK, text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines of a log without credentials; a private key is masked over all its lines."""
    redact = LineRedactor()
    for line in lines:
        yield redact(line)


class LineRedactor:
    """Masks line by line, and remembers whether a private key has begun and not ended."""

    def __init__(self) -> None:
        self._in_key = False

    def __call__(self, line: str) -> str:
        """The line without credentials."""
        if self._in_key:
            end = _KEY_ENDS.search(line)
            if end is None:
                return MASK
            self._in_key = False
            return MASK + redact_text(line[end.end() :])
        last = max((begin.end() for begin in _KEY_BEGINS.finditer(line)), default=None)
        self._in_key = last is not None and _KEY_ENDS.search(line, last) is None
        return redact_text(line)


def redact_object(value: Any) -> Any:
    """An object of the Kubernetes API, or any JSON, without credentials."""
    match value:
        case str():
            return redact_text(value)
        case Mapping():
            return _redact_mapping(cast("Mapping[str, Any]", value))
        case Sequence():
            return [redact_object(item) for item in cast("Sequence[Any]", value)]
        case _:
            return value


def _redact_mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _redact_entry(key, value) for key, value in mapping.items() if key not in _DROPPED}


def _redact_entry(key: str, value: Any) -> Any:
    if key in _ENVIRONMENTS:
        return _redact_environment(value)
    if key in _COMMANDS and isinstance(value, list):
        return _redact_command([str(word) for word in cast("list[Any]", value)])
    if key.lower() in _REFERENCES or _names_a_secret(key, value):
        return redact_object(value)
    if _SENSITIVE.search(key) or _AUTHORIZATION.search(key):
        return _masked(value)
    return redact_object(value)


def _names_a_secret(key: str, value: Any) -> bool:
    """Whether it is a volume that names a Secret."""
    return key == "secret" and isinstance(value, Mapping) and "secretName" in value


def _redact_environment(value: Any) -> Any:
    """Names and references are kept, values never."""
    if isinstance(value, Mapping):
        return _masked(cast("Any", value))
    if not isinstance(value, list):
        return _masked(value)
    entries: list[Any] = []
    for entry in cast("list[Any]", value):
        if isinstance(entry, Mapping):
            variable = cast("Mapping[str, Any]", entry)
            kept = {name: redact_object(content) for name, content in variable.items() if name != "value"}
            entries.append({**kept, **({"value": MASK} if "value" in variable else {})})
        else:
            entries.append(_masked(entry))
    return entries


def _redact_command(words: Sequence[str]) -> list[str]:
    """Words of a command line; what follows a flag such as --password is masked."""
    result: list[str] = []
    after_flag = False
    for word in words:
        flag = word.startswith("-") and _SENSITIVE.search(word) is not None
        result.append(MASK if after_flag and not word.startswith("-") else redact_text(word))
        after_flag = flag and "=" not in word
    return result


def _masked(value: Any) -> Any:
    """Every value masked, names kept."""
    match value:
        case None | bool():
            return value
        case Mapping():
            return {name: _masked(content) for name, content in cast("Mapping[str, Any]", value).items()}
        case str():
            return MASK
        case Sequence():
            return [_masked(item) for item in cast("Sequence[Any]", value)]
        case _:
            return MASK
