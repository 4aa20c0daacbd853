"""Corpora through DVC: ingest, clean, find duplicates, count."""

from prefect import flow

from flows.config import RunConfig
from tasks.core.record import Record
from tasks.curate import curate


@flow(flow_run_name="{config.source.name}")
def curation(config: RunConfig) -> Record:
    """Curate every domain of the source.

    Args:
        config: The event; only its source and curation sections are read.
    """
    return curate(config.source, config.curation)
