"""The worker: takes up runs and brings them to their end."""

from app.worker.process import Worker

__all__ = ["Worker"]
