"""Ways to have a model go on with a document: text forgotten under one may come back under another.

A prompt is made of token ids, so that what is given of the document is exactly so many of its
tokens; only where its letters are changed is it read anew.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from tasks.core.variants import Variant

Ids = Sequence[int]

CONTINUATIONS = "continuations.parquet"
"""A row of numbers per document, prompt and draw."""

PLAIN, SAMPLED = "plain", "sampled"
"""The prompt all others are held against; and what stands for a prompt's name where the plain one
was gone on from by drawing."""


class Reader(NamedTuple):
    """A tokenizer, as far as prompts need it; it adds no special token."""

    encode: Callable[[str], list[int]]
    decode: Callable[[Ids], str]


class Prompt(Variant):
    """What is put before a model that is to go on with a document."""

    def start(self, tokens: int, given: int) -> int:
        """Where in a document of ``tokens`` the ``given`` begin."""
        return 0

    @abstractmethod
    def ids(self, given: Ids, title: str, reader: Reader) -> list[int]:
        """The prompt for the ``given`` tokens of a document with this title."""


class Plain(Prompt):
    """The beginning of the document as it stands."""

    name: Literal["plain"] = "plain"

    def ids(self, given: Ids, title: str, reader: Reader) -> list[int]:
        return [*given]


class Later(Prompt):
    """A stretch from further on in the document, as it stands."""

    name: Literal["later"] = "later"
    share: float = Field(default=0.5, gt=0, lt=1, description="of the document that is skipped")

    def start(self, tokens: int, given: int) -> int:
        """No further than leaves as much to be found as is given, where there is as much."""
        return min(int(self.share * tokens), max(tokens - 2 * given, 0))

    def ids(self, given: Ids, title: str, reader: Reader) -> list[int]:
        return [*given]


class Instructed(Prompt):
    """An instruction, then the beginning."""

    name: Literal["instructed"] = "instructed"
    instruction: str = Field(
        default="Go on with this text, word for word: ", min_length=1, max_length=1000
    )

    def ids(self, given: Ids, title: str, reader: Reader) -> list[int]:
        return [*reader.encode(self.instruction), *given]


class Titled(Prompt):
    """The document's title, a blank line, then the beginning."""

    name: Literal["titled"] = "titled"

    def ids(self, given: Ids, title: str, reader: Reader) -> list[int]:
        return [*reader.encode(f"{title}\n\n" if title else ""), *given]


class UpperCase(Prompt):
    """The beginning in capitals."""

    name: Literal["upper_case"] = "upper_case"

    def ids(self, given: Ids, title: str, reader: Reader) -> list[int]:
        return reader.encode(reader.decode(given).upper())


class Spaced(Prompt):
    """The beginning with every space doubled."""

    name: Literal["spaced"] = "spaced"

    def ids(self, given: Ids, title: str, reader: Reader) -> list[int]:
        return reader.encode(reader.decode(given).replace(" ", "  "))
