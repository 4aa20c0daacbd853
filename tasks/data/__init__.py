"""Where texts come from, how they are cleaned, split and read, one source per file."""

from typing import TYPE_CHECKING

from tasks.core.variants import discover, tagged
from tasks.data.source import Source

SOURCES = discover(Source, __name__)

if TYPE_CHECKING:
    AnySource = Source
else:
    AnySource = tagged(SOURCES)
