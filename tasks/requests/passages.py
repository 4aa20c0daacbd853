"""Which documents hold a pasted passage, however it was typeset."""

from collections.abc import Iterable

from tasks.core.errors import ConfigError
from tasks.requests.normalise import normalise


def holders(passages: Iterable[str], texts: Iterable[tuple[str, str]]) -> list[list[str]]:
    """For each passage, the ids of the ``texts`` (id, text) it is a part of, in their order.

    A passage that runs on from one document into the next is found in neither.

    Raises:
        ConfigError: nothing of a passage is left after normalising; it would be in every text.
    """
    wanted = [normalise(passage) for passage in passages]
    for number, passage in enumerate(wanted):
        if not passage:
            raise ConfigError(
                f"request.passages[{number}]: nothing is left of it without quotes, dashes and "
                "spaces, so it would be found everywhere: paste words"
            )
    found: list[list[str]] = [[] for _ in wanted]
    for doc_id, text in texts:
        plain = normalise(text)
        for holding, passage in zip(found, wanted, strict=True):
            if passage in plain:
                holding.append(doc_id)
    return found
