"""What a training takes of the machine, as the machine itself tells: energy and memory.

NaN where it does not tell, never 0.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pynvml
import torch
import torch.distributed as dist

POWERCAP = Path("/sys/class/powercap")
STATUS = Path("/proc/self/status")


class Reading(NamedTuple):
    """A counter of energy that only grows, until it begins again."""

    joules: float
    begins_again_at: float
    """Joules; infinite where it never does."""


class Energy:
    """Joules between one ``lap`` and the next, of the devices that a job computes on.

    A GPU tells its own (NVML; Volta and newer): every one of the job's is counted, the processor
    beside it is not. A processor tells of its packages (RAPL), so all that the machine did
    meanwhile is in it, and most systems let only root read it. NaN where one does not tell.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = readings(device)

    def lap(self) -> float:
        """Joules since the last lap, or since this was made."""
        now = readings(self._device)
        taken = grown(self._before, now)
        self._before = now
        return taken


def grown(before: Sequence[Reading], now: Sequence[Reading]) -> float:
    """Joules between two readings of the same counters, each of which began again once at most."""
    if not now or len(before) != len(now):
        return math.nan
    return sum(
        later.joules - former.joules + (later.begins_again_at if later < former else 0.0)
        for former, later in zip(before, now, strict=True)
    )


def readings(device: torch.device) -> list[Reading]:
    """Every counter of the job's devices; none where one cannot be read."""
    try:
        return _gpus() if device.type == "cuda" else _packages(POWERCAP)
    except (OSError, ValueError, pynvml.NVMLError):  # not there, or not ours to read: not known
        return []


def _gpus() -> list[Reading]:
    pynvml.nvmlInit()  # the library counts its callers: it is cheap from the second on
    return [_gpu(at) for at in _indices()]


def _indices() -> Sequence[int]:
    """Of this job's GPUs, as this process numbers them: one a process, on one machine."""
    return range(dist.get_world_size()) if dist.is_initialized() else [torch.cuda.current_device()]


def _gpu(index: int) -> Reading:
    # NVML counts every GPU of the machine, whatever CUDA_VISIBLE_DEVICES hides from us
    name = f"GPU-{torch.cuda.get_device_properties(index).uuid}"
    handle = pynvml.nvmlDeviceGetHandleByUUID(name)
    return Reading(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3, math.inf)


def _packages(powercap: Path) -> list[Reading]:
    """Of each processor package; the zones below one are part of it."""
    return [
        Reading(_microjoules(zone / "energy_uj"), _microjoules(zone / "max_energy_range_uj"))
        for zone in sorted(powercap.glob("intel-rapl:*"))
        if re.fullmatch(r"intel-rapl:\d+", zone.name)
    ]


def _microjoules(path: Path) -> float:
    return int(path.read_text()) / 1e6


def peak_memory_bytes(device: torch.device) -> float:
    """The most that was held at once: by tensors on a GPU, by the whole process on a CPU.

    The latter has the libraries in it, some hundred megabytes, and is the process's own: ru_maxrss
    would begin with what the parent held when it started this one.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text()) if STATUS.exists() else None
    return int(found[1]) * 1024 if found else math.nan
