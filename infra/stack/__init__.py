"""PostgreSQL, an S3 store, Prefect, MLflow and a worker on one machine, under one supervisor.

``python -m infra.stack up`` starts what is not up, ``down`` waits for runs and stops everything,
``status`` shows it. The same commands start the same services in containers (infra/compose.yaml).
"""
