"""A certificate of a real event, registered in a real MLflow and asked for in a real ledger."""

import json

from tasks import ledger
from tasks.certify import certified


def test_time(answered):
    deletion, version = answered
    record = certified.fn(deletion, version, ledger.head())
    print(record.path, [p.stat().st_size for p in record.path.iterdir()])
    import base64
    e = json.loads((record.path / "certificate.json").read_text())
    print(json.dumps(json.loads(base64.b64decode(e["payload"])), indent=1)[:6000])
    (record.path / "certificate.html").rename("/tmp/h/certificate.html")
    from tasks.verify import verified
    from tasks.certificates import keys
    from tasks.core.settings import Settings
    for c in verified(record.path / "certificate.json", keys.public(keys.public_path(Settings().signing_path))):
        print(c)
    assert 0
