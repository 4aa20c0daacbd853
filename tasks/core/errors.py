"""
Every error we raise on purpose; each message is one line that says what, where and what to do.

* LetheError
  - ConfigError      the run or the request was described wrongly; fix it, do not retry
  - DataError        a source, a split or an expectation is not what was promised
  - ModelError       weights or a tokenizer are missing, unsafe, or do not fit together
  - DivergedError    training produced a loss that is not finite
  - ProcessError     the process that computes weights died
  - BusyError        another run holds what this one needs
  - StorageError     the disk is full, or may not be written
  - RegistryError    what the registry gives back is not what was logged
  - CertificateError a certificate cannot be read, or is not as it was written
  - GateError        nothing that was tried passes the gate; the evidence is kept
  - AuditError       the model that serves may know what was forgotten, or is not what was promoted
"""


class LetheError(Exception):
    """Base class: catch this to catch everything Lethe raises on purpose."""


class ConfigError(LetheError):
    """The run or the request was described wrongly. Retrying cannot help."""


class DataError(LetheError):
    """A source, a split or an expectation is not what was promised."""


class ModelError(LetheError):
    """Weights or a tokenizer are missing, unsafe, or do not fit together."""


class DivergedError(LetheError):
    """Training produced a loss that is not finite; the step was not applied."""

    @classmethod
    def at(cls, step: int, loss: float) -> "DivergedError":
        """The error of a loss at a step."""
        return cls(f"loss became {loss} at step {step}: lower learning_rate or max_grad_norm")


class ProcessError(LetheError):
    """The process that computes weights died."""


class BusyError(LetheError):
    """Another run holds what this one needs."""


class StorageError(LetheError):
    """The disk is full, or may not be written."""


class RegistryError(LetheError):
    """What the registry gives back is not what was logged."""


class CertificateError(LetheError):
    """A certificate cannot be read, or is not as it was written."""


class GateError(LetheError):
    """Nothing that was tried passes the gate; the evidence of every try is kept."""


class AuditError(LetheError):
    """The model that serves may know what was forgotten, or is not what was promoted."""
