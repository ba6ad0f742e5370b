"""Whatever is sent, the service answers, and never by a fault of its own; `benchmarks.serving` sends far more."""

import re

import pytest
from hypothesis import HealthCheck, settings

from .fuzzing import fuzz_api, fuzz_socket


@pytest.fixture
def whole(service):
    yield
    assert service.process.poll() is None
    text = "".join(service.lines)
    assert "Traceback" not in text
    assert not re.search(r'"fault": "(?!the caller left)', text)


@pytest.mark.slow
def test_rubbish_through_the_api_is_answered(service, whole):
    effort = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)

    statuses = fuzz_api(service.address, effort)

    with service.client() as client:
        taking_bodies = [path for path, item in client.get("/openapi.json").json()["paths"].items() if "post" in item]
    assert sum(statuses.values()) >= 2 * effort.max_examples * len(taking_bodies) > 0
    assert {status for status in statuses if status >= 500} <= {503, 507}


@pytest.mark.slow
def test_rubbish_through_a_socket_is_answered_or_cut_off(service, whole):
    statuses = fuzz_socket(service.address, 300, seed=0)

    assert {status for status in statuses if status >= 500} <= {503}
    assert statuses[200] > 0
