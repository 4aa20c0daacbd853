"""What must be known while a request is erased: the last place that holds it, and to go."""

from collections import Counter

from pydantic import ConfigDict, Field

from tasks.core.variants import Section
from tasks.requests.needles import Needle, Needles, pieces
from tasks.requests.request import LISTS, Request

WIDE = ("licenses",)
"""Selectors that say nothing of anybody."""


class Dossier(Section):
    """A request on its way out."""

    model_config = ConfigDict(hide_input_in_errors=True)
    id: str
    models: tuple[str, ...]
    request: Request = Field(repr=False)
    doc_ids: tuple[str, ...] = Field(repr=False, description="what was forgotten")
    texts: dict[str, tuple[str, ...]] = Field(repr=False, description="of each, wherever found")
    renewed: tuple[str, ...] = Field(default=(), description="workspaces that are without it")
    needles: tuple[Needle, ...] = Field(default=(), repr=False)
    quoted: dict[str, int] = Field(default={}, description="needles left out, by kind")

    def sought(self) -> Needles:
        """Everything that could be looked for."""
        names = [
            name
            for field in LISTS
            if field not in (*WIDE, "passages", "doc_ids")
            for name in getattr(self.request, field)
        ]
        texts = [
            *(text for found in self.texts.values() for text in found),
            *self.request.passages,
        ]
        return Needles(
            [
                *(Needle("id", doc_id) for doc_id in (*self.doc_ids, *self.request.doc_ids)),
                *(Needle("selector", name) for name in names),
                *(Needle("text", piece) for text in texts for piece in pieces(text)),
            ]
        )

    def sharpened(self, staying: list[bytes]) -> "Dossier":
        """With the needles that nothing of what is ``staying`` holds."""
        kept, out = self.sought().beside(staying)
        return self.model_copy(
            update={"needles": kept.needles, "quoted": dict(Counter(out))},
        )
