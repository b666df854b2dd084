"""Edits of what computes: scripts, helper modules, data, constraints and installed versions."""

from __future__ import annotations

import re
import shutil

from proofs.world import Runs, World, kind
from small_checkout import write

# -- scripts


@kind("script")
def drawing_code(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.append(f"gallery/tiny/plot_{name}.py", f'axes.set_title("Title {number}")\n')
    return Runs(drew=[name])


@kind("script")
def comment_of_a_script(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.append(f"gallery/tiny/plot_{name}.py", f"# remark {number}\n")
    return Runs(drew=[name])


@kind("script")
def text_of_a_script(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"^Measures one thing.*$", f"Measures one thing, {number}.")
    return Runs(drew=[name])


@kind("script")
def title_of_a_script(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    title = f"Example {number:05}"
    world.change(f"gallery/tiny/plot_{name}.py", r"^Example .*\n=+$", f"{title}\n{'=' * len(title)}")
    return Runs(drew=[name])


@kind("script")
def experiments_body(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"^    more = ", f"    size += {number}\n    more = ")
    return Runs([name], [name])


@kind("script")
def experiments_parameter(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"size=\d+", f"size={number + 10}")
    return Runs([name], [name])


@kind("script")
def evidence_of_a_claim(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r'f"the total is', f'f"the total, {number}, is')
    return Runs([name], [name])


@kind("script")
def experiments_comment(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"^    more = ", f"    # remark {number}\n\n    more = ")
    return Runs(drew=[name])


@kind("script")
def experiments_docstring(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r'"""Sum of.*"""', f'"""Sum of all outputs, {number}."""')
    return Runs(drew=[name])


@kind("script")
def experiments_limit(world: World, number: int) -> Runs:
    """How long it may take does not change what it finds."""
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"seconds=\d+", f"seconds={200 + number}")
    return Runs(drew=[name])


# -- helper modules


@kind("helper")
def code_of_a_shared_module(world: World, number: int) -> Runs:
    world.change("seqdocs/models/shared.py", r"^FACTOR = .*$", f"FACTOR = {number}.5")
    names = world.everybody()
    return Runs(names, names, world.cells(names))


@kind("helper")
def comment_of_a_shared_module(world: World, number: int) -> Runs:
    world.change("seqdocs/models/shared.py", r"  # .*$", f"  # of all of them, {number}")
    return Runs()


@kind("helper")
def docstring_of_a_shared_module(world: World, number: int) -> Runs:
    world.change(
        "seqdocs/models/shared.py", r'""".* times .*"""', f'"""A value times the factor, {number}."""'
    )
    return Runs()


@kind("helper")
def first_line_of_a_module(world: World, number: int) -> Runs:
    """The list of all modules shows it as well."""
    world.change(f"seqdocs/models/{world.pick()}.py", r'\A""".*"""', f'"""Computation number {number}."""')
    return Runs()


@kind("helper")
def code_of_a_module(world: World, number: int) -> Runs:
    name = world.pick()
    world.append(f"seqdocs/models/{name}.py", f"\n\nMORE_{number} = {number}\n")
    return Runs(world.users(name), world.users(name), world.cells([name]))


@kind("helper")
def new_function_in_a_module(world: World, number: int) -> Runs:
    name = world.pick()
    text = f'\n\ndef also_{number}() -> int:\n    """Return {number}."""\n    return {number}\n'
    world.append(f"seqdocs/models/{name}.py", text)
    return Runs(world.users(name), world.users(name), world.cells([name]))


@kind("helper")
def module_imports_a_new_one(world: World, number: int) -> Runs:
    name = world.pick()
    write(world.path(f"seqdocs/models/deep{number}.py"), f'"""Deeper, {number}."""\n\nDEPTH = {number}\n')
    old = r"^from seqdocs\.models\.\w+ import"
    found = re.search(old, world.path(f"seqdocs/models/{name}.py").read_text("utf8"), re.M)
    assert found
    new = f"from seqdocs.models.deep{number} import DEPTH as D{number}  # noqa: F401\n{found[0]}"
    world.change(f"seqdocs/models/{name}.py", old, new)
    return Runs(world.users(name), world.users(name), world.cells([name]))


@kind("helper")
def module_that_nobody_uses(world: World, number: int) -> Runs:
    write(
        world.path(f"seqdocs/models/unused{number % 3}.py"),
        f'"""Unused, {number}."""\n\nNOTHING = {number}\n',
    )
    return Runs()


# -- data


@kind("data")
def content_of_a_data_file(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    write(world.path(f"gallery/tiny/{name}.txt"), f"{number}\n")
    return Runs([name], [name])


@kind("data")
def data_file_that_nobody_reads(world: World, number: int) -> Runs:
    write(world.path("gallery/tiny/other.txt"), f"{number}\n")
    return Runs()


@kind("data")
def data_file_touched(world: World, number: int) -> Runs:
    world.path(f"gallery/tiny/{world.pick()}.txt").touch()
    return Runs()


# -- constraints and installed versions


@kind("constraints")
def line_of_constraints(world: World, number: int) -> Runs:
    """Pins say what to install; what counts is what is installed."""
    world.append("constraints.txt", f"something=={number}\n")
    return Runs()


def install(world: World, name: str, version: str) -> None:
    """Let a package have another version, by its metadata."""
    for old in world.path("installed").glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    write(world.path(f"installed/{name}-{version}.dist-info/METADATA"), text)


@kind("constraints")
def installed_tool(world: World, number: int) -> Runs:
    """Any package may decide how a page looks, but no experiment computes with it."""
    install(world, "sometool", f"1.{number}")
    return Runs(drew=world.everybody(), cells=world.cells(world.terms))


@kind("constraints")
def installed_numpy(world: World, number: int) -> Runs:
    install(world, "numpy", f"99.{number}")
    return Runs(world.everybody(), world.everybody(), world.cells(world.terms))
