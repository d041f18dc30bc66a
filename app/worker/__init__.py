"""The worker: takes up runs and brings them to their end."""

from app.worker.process import Worker, http_guard

__all__ = ["Worker", "http_guard"]
