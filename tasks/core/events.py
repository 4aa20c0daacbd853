"""Names of the events that Lethe emits; what an automation can listen for."""

GATE_FAILED = "lethe.gate.failed"
"""A model failed its gate; payload: event, what is tried next, ids of requests."""

REGRESSION = "lethe.regression"
"""What serves may know what was forgotten, or is not what was promoted; payload: champion, kinds of
findings, versions they are about."""

REQUEST_DUE = "lethe.request.due"
"""An open request is due soon, or late; payload: id, status, models, whole days left."""
