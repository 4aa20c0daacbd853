"""``lethe certificate``: check a certificate, read it, and show the key that signs them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.terminal import FAILED, Json, answer, as_yaml, only_answers_on_stdout

certificate = typer.Typer(no_args_is_help=True, help="Certificates of what was forgotten.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="a certificate.json")]


@certificate.command()
def verify(
    file: File,
    key: Annotated[
        str, typer.Option(help="public key in PEM; the one of this installation unless given")
    ] = "",
    as_json: Json = False,
) -> None:
    """Check signature, model, evidence, figures and data; exit code 3 where one does not hold."""
    from tasks.certificates.keys import public, public_path
    from tasks.core.settings import Settings
    from tasks.verify import verified

    with only_answers_on_stdout():
        trusted = public(Path(key) if key else public_path(Settings().signing_path))
        checks = [check._asdict() for check in verified(file, trusted)]
    holds = all(check["holds"] for check in checks)
    answer({"holds": holds, "checks": checks}, _lines, as_json)
    if not holds:
        raise typer.Exit(FAILED)


@certificate.command()
def show(file: File, as_json: Json = False) -> None:
    """What a certificate says, whoever signed it; nothing is checked."""
    from tasks.certificates.statement import decoded
    from tasks.verify import opened

    said = decoded(opened(file).payload, str(file))
    answer(said.model_dump(mode="json"), as_yaml, as_json)


@certificate.command()
def key(as_json: Json = False) -> None:
    """The public key for whoever is to check certificates; it is made on first use."""
    from tasks.certificates.keys import public_path, signer
    from tasks.core.settings import Settings

    path = Settings().signing_path
    told = {
        "fingerprint": signer(path).public_key.keyid,
        "file": str(public_path(path)),
        "pem": public_path(path).read_text(),
    }
    answer(told, lambda one: f"{one['pem']}# fingerprint {one['fingerprint']}", as_json)


def _lines(result: dict[str, Any]) -> str:
    return "\n".join(
        f"{'holds ' if check['holds'] else 'FAILED'} {check['name']}: {check['message']}"
        for check in result["checks"]
    )
