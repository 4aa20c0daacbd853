import json, importlib.util
from pathlib import Path


def test_write(issued):
    spec = importlib.util.spec_from_file_location("tc", Path(__file__).with_name("test_certify.py"))
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    told = m.masked(json.loads(m.payload(issued.file)))
    p = told["predicate"]
    p["software"] = sorted(p["software"])
    p["measured"]["further"] = {r: sorted(f) for r, f in p["measured"]["further"].items()}
    m.GOLDEN.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    Path("/tmp/h/certificate.html").write_bytes(
        (issued.record.path / "certificate.html").read_bytes()
    )
