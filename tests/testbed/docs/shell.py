"""Command lines out of the shell that documentation shows: what would be run, word by word.

Not a shell: enough of one for examples, which have pipes, redirections, assignments and ``$(…)``, and no control flow.
"""

import re
import shlex
from collections.abc import Iterator

_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)
_REDIRECTIONS = frozenset({">", ">>", "<", "2>"})
_ENDS = frozenset({"|", "||", "&&", ";", "&", "\n"})
_WRAPPERS = {"sudo": 1, "watch": 1}
_WITH_A_VALUE = frozenset({"-n"})


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of each simple command: no assignments before it, no redirections behind it."""
    text = _PROMPT.sub("", text).replace("\\\n", " ")
    for found in _SUBSTITUTION.finditer(text):
        yield from command_lines(found[1])
    for line in text.splitlines():
        yield from _commands(line)


def _commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(_SUBSTITUTION.sub("SUBSTITUTED", line), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    target = False
    for token in lexer:
        if token in _ENDS:
            yield from _command(words)
            words = []
        elif token in _REDIRECTIONS:
            target = True
        elif target:
            target = False
        else:
            words.append(token)
    yield from _command(words)


def _command(words: list[str]) -> Iterator[list[str]]:
    while words and _ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    if words and words[0] == "export":
        return
    if words and words[0] in _WRAPPERS:
        rest = words[1:]
        while rest and rest[0].startswith("-"):
            rest = rest[2:] if rest[0] in _WITH_A_VALUE else rest[1:]
        yield from command_lines(rest[0]) if len(rest) == 1 else _command(rest)
        return
    if words:
        yield words
