"""Energy by hand-made counters, and memory by a process that really takes some."""

import math
import subprocess
import sys

import pytest
import torch

from tasks.training import meter
from tasks.training.meter import Energy, Reading, grown, peak_memory_bytes, readings

CPU = torch.device("cpu")


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    """Two packages, the first with a zone of its own below it, as Linux shows them."""
    for name, used in (("intel-rapl:0", 5e6), ("intel-rapl:0:0", 4e6), ("intel-rapl:1", 70e6)):
        zone = tmp_path / name
        zone.mkdir()
        (zone / "energy_uj").write_text(f"{used:.0f}\n")
        (zone / "max_energy_range_uj").write_text("100000000\n")
    monkeypatch.setattr(meter, "POWERCAP", tmp_path)
    return tmp_path


def test_the_energy_of_a_processor_is_that_of_its_packages_between_two_laps(powercap):
    energy = Energy(CPU)
    (powercap / "intel-rapl:0" / "energy_uj").write_text("8000000\n")
    (powercap / "intel-rapl:0:0" / "energy_uj").write_text("9000000\n")
    assert energy.lap() == pytest.approx(8 - 5)  # the zone below is part of its package
    (powercap / "intel-rapl:1" / "energy_uj").write_text("71500000\n")
    assert energy.lap() == pytest.approx(71.5 - 70)


def test_a_counter_that_began_again_has_gone_on():
    assert grown([Reading(95.0, 100.0)], [Reading(3.0, 100.0)]) == pytest.approx(5 + 3)


def test_without_a_counter_the_energy_is_not_known(powercap, monkeypatch):
    monkeypatch.setattr(meter, "POWERCAP", powercap / "nothing")
    assert math.isnan(Energy(CPU).lap())


def test_a_counter_that_may_not_be_read_leaves_the_whole_unknown(powercap):
    energy = Energy(CPU)
    (powercap / "intel-rapl:1" / "energy_uj").unlink()
    assert readings(CPU) == []
    assert math.isnan(energy.lap())


def test_the_peak_of_a_process_is_its_own_and_not_its_parents():
    held = torch.ones(2**26)  # 256 MiB, touched, in this process
    asks = (
        "import torch; from tasks.training.meter import peak_memory_bytes as peak;"
        "cpu = torch.device('cpu'); before = peak(cpu); x = torch.ones(2**25); print(before, peak(cpu))"
    )
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert after - before == pytest.approx(2**27, rel=0.1)  # 128 MiB
    assert before < peak_memory_bytes(CPU) - held.nbytes / 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_tells_of_what_it_took():
    energy = Energy(torch.device("cuda"))
    one = torch.randn(8192, 8192, device="cuda")
    for _ in range(200):
        one = one @ one / 8192
    torch.cuda.synchronize()
    assert energy.lap() > 1
