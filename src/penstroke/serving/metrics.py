"""Metrics of the service for Prometheus."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector


class Metrics:
    """The metrics that ``/metrics`` returns."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        name = "penstroke"
        self.requests = Counter(f"{name}_requests", "Requests.", ["route", "status"], registry=own)
        self.seconds = Histogram(
            f"{name}_request_seconds", "Time of a request.", ["route"], registry=own,
            buckets=(0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        )  # fmt: skip
        self.answers = Counter(f"{name}_answers", "Answers.", ["prediction"], registry=own)
        self.unsure = Counter(f"{name}_unsure_answers", "Unsure answers.", registry=own)
        self.calls = Histogram(
            f"{name}_call_rows", "Rows in one call of the model.", registry=own,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        )  # fmt: skip
        self.waiting = Gauge(f"{name}_rows_inside", "Rows that are waiting or being answered.", registry=own)
        self.model = Gauge(f"{name}_model", "1 for the model that serves.", ["version"], registry=own)
        self.refused = Counter(f"{name}_models_refused", "New models that could not be loaded.", registry=own)
        self.lost = Counter(f"{name}_rows_lost", "Answered rows that could not be stored.", registry=own)
        self._of_request = cache(self._find_metrics)

    def count_request(self, route: str, status: str, seconds: float) -> None:
        """Count a request."""
        requests, times = self._of_request(route, status)
        requests.inc()
        times.observe(seconds)

    def _find_metrics(self, route: str, status: str) -> tuple[Counter, Histogram]:
        return self.requests.labels(route, status), self.seconds.labels(route)
