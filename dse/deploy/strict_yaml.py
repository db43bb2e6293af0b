"""YAML files that people write: a key that is there twice is a mistake, and every mistake names its
line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import DeployError

if TYPE_CHECKING:
    import yaml

_TOO_DEEP = "nested too deeply"


def read_yaml(path: Path) -> Any:
    """The content of ``path``, of plain Python types. DeployError, naming file, and line where it
    is known, if it cannot be read, is no YAML, or has a key twice in one mapping."""
    import yaml

    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        if root is None:
            return None
        _check_keys(root, path)
        return loader.construct_document(root)
    except OSError as error:
        raise DeployError(f"cannot read: {error.strerror or error}", where=path) from error
    except UnicodeDecodeError as error:
        raise DeployError("is not UTF-8", where=path) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or "not YAML"
        raise DeployError(str(problem), where=path, line=line) from error
    except RecursionError as error:
        raise DeployError(_TOO_DEEP, where=path) from error
    except (ValueError, OverflowError) as error:  # of a number or date that Python does not have
        raise DeployError(f"a value cannot be read: {error}", where=path) from error


def _check_keys(root: yaml.Node, path: Path) -> None:
    import yaml

    seen: set[int] = set()
    left: list[tuple[yaml.Node, str]] = [(root, "")]
    while left:
        node, place = left.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += [(item, f"{place}{index}.") for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            keys: set[tuple[str, str]] = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue  # to be refused, since it cannot be a key of a dict
                if (key.tag, key.value) in keys:
                    line = key.start_mark.line + 1
                    raise DeployError(f"{place}{key.value} is there twice", where=path, line=line)
                keys.add((key.tag, key.value))
                left.append((value, f"{place}{key.value}."))
