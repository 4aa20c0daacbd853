"""The certificate of a deletion as a page: what the signed file says, for people.

One HTML file that needs no other, no script and no network.
"""

from collections.abc import Mapping
from typing import Any

from tasks.pages import certified, words
from tasks.pages.page import environment


def html(statement: Mapping[str, Any], key: str, digest: str) -> str:
    """The page of an in-toto ``statement`` as JSON has it; every string is escaped.

    Args:
        statement: What is certified.
        key: Fingerprint of the key that signed it.
        digest: SHA-256 of the signed file.
    """
    said = statement["predicate"]
    title = certified.TITLES[said["status"]]
    subjects = statement["subject"]
    return (
        environment()
        .get_template("certificate.html.jinja")
        .render(
            said=said,
            title=title,
            summary=certified.summary(said),
            good=said["status"] != "revoked" and said["judged"]["passed"],
            files={
                kind: [one for one in subjects if one["name"].startswith(f"{kind}/")]
                for kind in ("model", "data")
            },
            key=key,
            digest=digest,
            words=words,
            page=certified,
        )
    )
