"""The SPDX id of a licence file, from the sentences that only that licence has."""

import re
from pathlib import Path

from tasks.data.walk import Skipped, text_of

MAX_BYTES = 200_000
_NAME = re.compile(r"(un)?licen[sc]e|copying", re.IGNORECASE)
_GPL = re.compile(r"^gnu (affero |lesser |library )?general public license version (\d)(\.1)?")


def license_of(folder: Path) -> str | None:
    """The licence of what is in ``folder``: an id, or several joined by OR; null where unknown."""
    files = sorted(path for path in folder.iterdir() if _NAME.match(path.name))
    texts = [text_of(path, MAX_BYTES) for path in files if path.is_file()]
    found = {spdx(text) for text in texts if not isinstance(text, Skipped)}
    known = sorted(name for name in found if name)
    return " OR ".join(known) if known and len(known) == len(found) else None


def spdx(text: str) -> str | None:
    """The id of the licence that ``text`` is; null where it is none of the ones known here.

    The text of a GNU licence does not say "or later", so it is read as "only".
    """
    words = " ".join(re.sub(r"[^\w\s./,]", " ", text.lower()).split())
    if gnu := _GPL.match(words):
        family = {"affero ": "AGPL", "lesser ": "LGPL", "library ": "LGPL"}.get(gnu[1], "GPL")
        return f"{family}-{gnu[2]}{gnu[3] or '.0'}-only"
    if "redistribution and use in source and binary forms" in words:
        return _bsd(words)
    for name, sentence in SENTENCES.items():
        if sentence in words:
            return name
    return None


SENTENCES = {
    "MIT": "permission is hereby granted, free of charge, to any person obtaining a copy of this "
    "software",
    "ISC": "permission to use, copy, modify, and/or distribute this software for any purpose with "
    "or without fee",
    "Apache-2.0": "apache license version 2.0",
    "MPL-2.0": "mozilla public license version 2.0",
    "Unlicense": "this is free and unencumbered software released into the public domain",
}


def _bsd(words: str) -> str | None:
    if "all advertising materials" in words:
        return None
    endorses = re.search(r"neither the names? of|may not be used to endorse", words)
    return "BSD-3-Clause" if endorses else "BSD-2-Clause"
