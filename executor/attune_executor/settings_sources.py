"""Where settings come from: the configuration file, and the environment over it, each brought into one spelling first.

The runbook writes the API's rate limit both under ``api`` and on its own. A variable's name has no dots, so that an
action that the file declares is named in one with underscores.
"""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from attune_executor.configuration import ConfigurationError, variable_part

_Keys: TypeAlias = dict[str, Any]

SHORT_RATE_LIMITS: Final = "rate_limits"
_RATE_LIMIT_VARIABLES: Final = ("attune__rate_limits", "attune__api__rate_limits")
_ACTION_VARIABLES: Final = "attune__policies__actions__"


class _StrictLoader(yaml.CSafeLoader):
    """YAML in which a key that occurs twice is a mistake: the first one's section would silently be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise ConfigurationError(
                    f"{key.value} stands twice, in lines {seen[key.value]} and {line}: write what is under it together"
                )
            if isinstance(key, yaml.ScalarNode):
                seen[key.value] = line
        return super().construct_mapping(node, deep)


def read_file(file: Path) -> _Keys:
    """The keys of a configuration file; none of an empty one.

    Raises:
        ConfigurationError: it cannot be read, is not YAML, or is ambiguous.
    """
    try:
        data: Any = yaml.load(file.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 - a SafeLoader of our own
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration file {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigurationError(f"{file} has no sections: begin with a line such as `executor:`")
    return _rate_limits_under_api(_section(data))


def _rate_limits_under_api(data: _Keys) -> _Keys:
    if SHORT_RATE_LIMITS not in data:
        return data
    rest = {key: value for key, value in data.items() if key != SHORT_RATE_LIMITS}
    api = _section(rest.get("api"))
    if rest.get("api") and not api:
        return rest  # which the model refuses
    place = f"api.{SHORT_RATE_LIMITS}"
    merged = _merge(api.get(SHORT_RATE_LIMITS) or {}, data[SHORT_RATE_LIMITS] or {}, place)
    return {**rest, "api": {**api, SHORT_RATE_LIMITS: merged}}


def _merge(one: Any, other: Any, place: str) -> Any:
    """Both together; they may say the same, and nothing contrary."""
    left, right = _section(one), _section(other)
    if left or right:
        common = {key: _merge(left[key], right[key], f"{place}.{key}") for key in left.keys() & right.keys()}
        return {**left, **right, **common}
    if one != other:
        raise ConfigurationError(
            f"{place} and {place.removeprefix('api.')} say different things: leave one of them out"
        )
    return one


def _section(value: Any) -> _Keys:
    """The keys of what may be a section; none of anything else."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - the model checks them


class Environment(EnvSettingsSource):
    """Variables, with the file's actions to recognise those that they name.

    Raises:
        ConfigurationError: a variable names no action of the file, or contradicts another variable.
    """

    def __init__(self, settings: type[BaseSettings], file: Mapping[str, Any]) -> None:
        super().__init__(settings)
        actions = [str(ref) for ref in _section(_section(file.get("policies")).get("actions"))]
        variables: dict[str, str | None] = {}
        for name, value in self.env_vars.items():
            canonical = _canonical(name, actions)
            if variables.setdefault(canonical, value) != value:
                raise ConfigurationError(
                    f"{canonical.upper()} is set in two spellings that say different things: leave one of them out"
                )
        self.env_vars = variables

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """A list or a section, from JSON; anything else is left to the model, which names the key that it refuses."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _canonical(name: str, actions: list[str]) -> str:
    """The name of a variable, in lower case, as the model spells its place."""
    short, full = _RATE_LIMIT_VARIABLES
    if name == short or name.startswith(f"{short}__"):
        return full + name.removeprefix(short)
    if not name.startswith(_ACTION_VARIABLES):
        return name
    action, separator, key = name.removeprefix(_ACTION_VARIABLES).partition("__")
    matching = [ref for ref in actions if action in {variable_part(ref), ref.lower()}]
    if len(matching) == 1:
        return f"{_ACTION_VARIABLES}{matching[0]}{separator}{key}"
    if "." in action and not matching:
        return name
    raise ConfigurationError(
        f"{name.upper()}: "
        + (
            f"{' and '.join(matching)} are both written so in a variable: set it in the file"
            if matching
            else "no action of the configuration file is written so: declare it under policies.actions first"
        )
    )
