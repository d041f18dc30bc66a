from tests.worker.conftest import bench, client, concurrency, process, settings, trace

__all__ = ["bench", "client", "concurrency", "process", "settings", "trace"]
