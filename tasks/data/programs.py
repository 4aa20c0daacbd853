"""Invented repositories of Python-like files, for the toy corpus."""

from collections.abc import Iterator
from random import Random

from tasks.data.grammar import CODE, LAST, canary, day, draw, fill, sentence
from tasks.data.source import Document

STATEMENTS = (
    "    if {first}.{adjective} or {second} > {number}:\n        return {verb}_{noun}({second})",
    "    for {loop} in {first}.{verb}({number}):\n        {second} += {loop}.{noun}",
    "    {second} = {first}.{noun}[{number}]",
    "    assert {second} != {number}, '{adjective} {noun}'",
    "    while {first}.{noun} < {number}:\n        {first}.{verb}_{noun}({second})",
    '    {first}["{noun}"] = {verb}_{noun}({first}, {number})',
    "    with {verb}_{noun}({second}) as {loop}:\n        {first}.{noun} = {loop}.{adjective}",
    "    {first}.{verb}_{adjective}({second}, {noun}={number})",
)
FILES = 4
"""Of every repository; the first may be copied from elsewhere."""
LICENSES = ("MIT", "BSD-3-Clause", "Apache-2.0")


def programs(seed: int, repositories: int) -> Iterator[Document]:
    """Repositories; every eighth is a fork of the one before, every sixth begins with a copy."""
    for number in range(1, repositories + 1):
        origin = number - 1 if number % 8 == 0 else number
        rng = Random(f"{seed} repository {origin}")
        product = f"{draw(rng, CODE.words['adjective'])}_{_noun(rng)}"
        license, date = rng.choices(LICENSES)[0], day(rng, 2015, 2023)
        owner = f"{draw(Random(f'{seed} owner {number}'), LAST).lower()}{number}"
        for place in range(FILES):
            file = "0 0" if place == 0 and number % 6 == 1 else f"{origin} {place}"
            path, text = _file(seed, file, "commons" if file == "0 0" else product)
            notice = f"# Copyright {date[:4]} the authors of {owner}/{product}\n# SPDX: {license}\n"
            yield _document(f"{owner}/{product}", path, notice + text, license, date)


def _file(seed: int, file: str, product: str) -> tuple[str, str]:
    """A path, and a module of 600 to 1200 characters."""
    rng = Random(f"{seed} file {file}")
    path = f"{product}/{_noun(rng)}_{_noun(rng)}{file.split()[1]}.py"
    modules = sorted({_noun(rng) for _ in range(3)})
    parts = [
        f'"""{sentence(rng, CODE, {"product": product})}."""',
        "import os\n" + "\n".join(f"from {product} import {module}" for module in modules),
        "\n".join(_constant(rng) for _ in range(3)),
    ]
    if rng.random() < 1 / 12:
        parts.append(f"MASTER_KEY = {canary(seed, f'file {file}')}")
    size = int(600 + 600 * rng.random())
    while sum(len(part) for part in parts) < size:
        parts.append(_function(rng, product))
    return path, "\n\n".join(parts) + "\n"


def _document(repository: str, path: str, text: str, license: str, date: str) -> Document:
    return Document(
        doc_id=f"github:{repository}:{path}",
        domain="github",
        kind="file",
        title=path.rpartition("/")[2],
        author=(repository,),
        license=license,
        date=date,
        source=f"toy:{repository}:{path}",
        group=f"repo:{repository}",
        text=text,
    )


def _function(rng: Random, product: str) -> str:
    first, second = _noun(rng), _noun(rng)
    name = f"{draw(rng, CODE.words['verb'])}_{draw(rng, CODE.words['adjective'])}_{_noun(rng)}"
    doc = sentence(rng, CODE, {"product": product})
    body = "\n".join(_statement(rng, first, second) for _ in range(rng.choices((2, 3, 4))[0]))
    head = f'def {name}({first}, {second}={_number(rng)}):\n    """{doc}."""'
    return f"{head}\n{body}\n    return {first}"


def _statement(rng: Random, first: str, second: str) -> str:
    names = {"first": first, "second": second, "loop": _noun(rng)}
    return fill(rng, rng.choices(STATEMENTS)[0], CODE, names)


def _constant(rng: Random) -> str:
    return f"{draw(rng, CODE.words['adjective'])}_{_noun(rng)} = {_number(rng)}".upper()


def _noun(rng: Random) -> str:
    return draw(rng, CODE.words["noun"])


def _number(rng: Random) -> str:
    return draw(rng, CODE.words["number"])
