"""A task that ends by one of our errors, as Airflow sees it end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from nightloop.errors import NightloopError
from plugins.retries import Stopped


@contextmanager
def stops_with(kind: type[NightloopError], match: str = "") -> Iterator[SimpleNamespace]:
    """Expect a task to stop by an error, as ``pytest.raises`` does for what is raised; ``value`` is the error."""
    caught = SimpleNamespace(value=None)
    with pytest.raises(Stopped) as stopped:
        yield caught
    caught.value = stopped.value.error
    assert isinstance(caught.value, kind) and re.search(match, str(caught.value)), caught.value
    assert stopped.value.code == caught.value.exit_code
