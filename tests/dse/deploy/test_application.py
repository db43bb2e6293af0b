"""app.yaml: what is wrong with one is said in a line that names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dse.deploy.application import read_application
from dse.deploy.node.messages import MOST_BYTES, encode
from dse.errors import DeployError
from tests.dse.deploy.fard_apps import write_adders, write_obedient

FORM = "up to 40 letters, digits, dots, hyphens and underscores, a letter or digit first"


def changed(folder: Path, old: str, new: str) -> Path:
    """An application of one task with a line changed."""
    write_obedient(folder, "wait")
    path = folder / "app.yaml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(DeployError) as error:
        read_application(folder)
    said = str(error.value)
    assert said.startswith(f"{folder / 'app.yaml'}:")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        ("2020-01-01", "", "a date; expected text (in quotes)"),
        ("2020-01-01 12:00:00", "", "a datetime; expected"),
        ("!!binary aGVsbG8=", "", "a bytes; expected"),
        ("!!set {a, b}", "", "a set; expected"),
        (".nan", "", "nan is no number"),
        ("[1, {x: -.inf}]", ".1.x", "-inf is no number"),
        ("{x: {y: [1.0, .inf]}}", ".x.y.1", "inf is no number"),
        ("1.0e+400", "", "inf is no number"),
        ("{1: 2}", "", "the key 1 is no text"),
        ("0x" + "f" * 20, "", "a number of more than 64 bits"),
        ("[" * 60 + "]" * 60, ".0.0.0", "nested more than 50 deep"),
        ("&a [*a]", ".0.0.0", "nested more than 50 deep"),
    ],
)
def test_a_configuration_that_cannot_be_told(
    tmp_path: Path, value: str, key: str, reason: str
) -> None:
    said = refusal(changed(tmp_path / "app", "order: wait", f"order: {value}"))
    assert f"tasks.0.config.order{key}" in said
    assert reason in said


def test_a_configuration_of_very_many_values(tmp_path: Path) -> None:
    """Ten aliases of ten aliases of ... take no room in the file."""
    lines = ["l0: &l0 [x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    config = "order: wait\n    " + "\n    ".join(lines)
    said = refusal(changed(tmp_path / "app", "order: wait", config))
    assert "tasks.0.config: more than 100000 values" in said


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("order: wait", "order: " + "[" * 5000, "nested too deeply"),
        ("order: wait", "order: 2020-13-45", "a value cannot be read"),
        ("order: wait", "order: " + "9" * 5000, "a value cannot be read"),
        ("order: wait", "order: wait\n    order: end", "tasks.0.config.order is there twice"),
        ("cpu_quota: 10", "cpu_quota: 10\n  cpu_quota: 11", "tasks.0.cpu_quota is there twice"),
        ("app_name: obedient", "app_name: a\napp_name: b", ":2: app_name is there twice"),
        ("order: wait", "{a: 1}: 2", "unhashable"),
        ("app_name: obedient", "app_name: obedient\nfolder: /", "folder: is no key of it"),
    ],
)
def test_what_is_no_application_file(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert reason in refusal(changed(tmp_path / "app", old, new))


@pytest.mark.parametrize("value", ["yes", "true", "2.0", "1.5", "'2'", "0x0", "[1]", "null"])
def test_counts_are_whole_numbers(tmp_path: Path, value: str) -> None:
    said = refusal(changed(tmp_path / "app", "task_count: 1", f"task_count: {value}"))
    assert "tasks.0.task_count: Input should be" in said


@pytest.mark.parametrize("name", ["-a", "a b", "ä", "a/b", '"a\\n"', "''", "a" * 41])
def test_names_have_their_form_in_words(tmp_path: Path, name: str) -> None:
    said = refusal(changed(tmp_path / "app", "task_name: worker", f"task_name: {name}"))
    assert "tasks.0.task_name: " in said
    assert said.endswith(FORM)


@pytest.mark.parametrize(
    "path", ["../code/main.py", "/etc/hostname", "../../x.py", '"a\\0b"', "''", "x" * 201]
)
def test_a_program_lies_in_its_folder(tmp_path: Path, path: str) -> None:
    """Only that folder is copied: what is beside it would not be found on the board."""
    said = refusal(changed(tmp_path / "app", "main_file: main.py", f"main_file: {path}"))
    assert "tasks.0.main_file: " in said
    assert said.endswith("a relative path of at most 200 characters without ..")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    for index, file in enumerate(("other.py", "x" * 200 + "", "main.py/x")):
        said = refusal(changed(tmp_path / str(index), "main_file: main.py", f"main_file: {file}"))
        assert f"tasks.0.main_file: code/{file} is not in the folder" in said


@pytest.mark.parametrize("manifest", ["x", "'" + "0" * 63 + "'", "A" * 64, "12"])
def test_a_manifest_is_a_sha256(tmp_path: Path, manifest: str) -> None:
    folder = write_adders(tmp_path / "app", [1])
    with (folder / "app.yaml").open("a") as file:
        file.write(f"manifest: {manifest}\n")
    assert "app.yaml: manifest: " in refusal(folder)


@given(
    st.dictionaries(
        st.text().map(lambda key: "k" + key),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**64 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_what_is_accepted_can_be_told(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("app")
    write_obedient(folder / "app", "wait")
    content = yaml.safe_load((folder / "app" / "app.yaml").read_text())
    content["tasks"][0]["config"] = config
    (folder / "app" / "app.yaml").write_text(yaml.safe_dump(content))
    (task,) = read_application(folder / "app").tasks
    assert task.config == config
    assert len(encode("event", data=task.config)) < MOST_BYTES
