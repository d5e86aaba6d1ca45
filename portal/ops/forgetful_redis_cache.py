"""A cache in Redis that counts as empty while Redis does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger("portal.cache")

WAIT_S: Final = 1
"""How long a call waits for Redis, to connect and to answer."""
PAUSE_S: Final = 5
"""After a failure this process asks nothing for so long, so that a page waits once at most."""


class ForgetfulRedisCache(RedisCache):
    """As Django's; while Redis does not answer, nothing is there and nothing is kept."""

    silent_until: ClassVar[float] = 0.0  # of the process: Django makes one cache a thread

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        bounds = {"socket_connect_timeout": WAIT_S, "socket_timeout": WAIT_S}
        super().__init__(server, {**params, "OPTIONS": bounds | params.get("OPTIONS", {})})

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The value; `default` while Redis does not answer."""
        return self._ask(default, super().get, key, default, version)

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        """Keep it, if Redis answers."""
        self._ask(None, super().set, key, value, *args, **kwargs)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether it was not there; so it is while Redis does not answer."""
        return bool(self._ask(True, super().add, key, value, *args, **kwargs))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Forget it; False while Redis does not answer."""
        return bool(self._ask(False, super().delete, key, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether it is there; False while Redis does not answer."""
        return bool(self._ask(False, super().has_key, key, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Count on.

        Raises:
            ValueError: it is not there, as while Redis does not answer.
        """
        counted = self._ask(None, super().incr, key, delta, version)
        if counted is None:
            raise ValueError(f"Key '{key}' not found")
        return int(counted)

    def _ask(self, instead: Any, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() < type(self).silent_until:
            return instead
        try:
            return call(*args, **kwargs)
        except RedisError as error:
            type(self).silent_until = time.monotonic() + PAUSE_S
            log.warning("the cache does not answer: %s", type(error).__name__)
            return instead
