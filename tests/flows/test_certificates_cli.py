"""``lethe certificate`` as it is typed: what goes where, and the exit codes."""

import json
import sys

import pytest
from securesystemslib.signer import CryptoSigner

from flows.__main__ import main
from tasks.certificates import envelope
from tasks.core.settings import Settings


@pytest.fixture
def lethe(monkeypatch, capfd):
    """Runs a command in this process; exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lethe", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def file(tmp_path):
    """An envelope of somebody else's."""
    path = tmp_path / "certificate.json"
    path.write_bytes(envelope.signed(b"{}", CryptoSigner.generate_ed25519()))
    return path


def test_the_key_is_made_shown_in_public_and_never_in_private(lethe):
    code, out, err = lethe("certificate", "key", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["pem"].startswith("-----BEGIN PUBLIC KEY-----")
    private = Settings().signing_path.read_text()
    assert "PRIVATE KEY" in private
    assert not any(line in out + err for line in private.splitlines())
    assert lethe("certificate", "key")[1] == f"{told['pem']}# fingerprint {told['fingerprint']}\n"


def test_a_check_that_fails_is_exit_code_3(lethe, file):
    lethe("certificate", "key")
    code, out, _ = lethe("certificate", "verify", file)
    assert code == 3
    assert out.startswith("FAILED signature: made with key ")
    assert out.count("\n") == 1


def test_what_cannot_be_read_is_exit_code_2_and_one_line(lethe, file):
    lethe("certificate", "key")
    file.write_text("once upon a time")
    for command in ("verify", "show"):
        code, out, err = lethe("certificate", command, file)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert "is no certificate" in err


def test_without_a_public_key_it_is_asked_for_and_none_is_made(lethe, file):
    code, _, err = lethe("certificate", "verify", file)
    assert code == 2
    assert "is no Ed25519 public key in PEM" in err
    assert not Settings().signing_path.exists()


def test_a_key_that_others_may_read_is_refused(lethe):
    lethe("certificate", "key")
    Settings().signing_path.chmod(0o644)
    code, out, err = lethe("certificate", "key")
    assert (code, out) == (2, "")
    assert "has mode 644 and may be read by others" in err
