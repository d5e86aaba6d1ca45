"""The stories of DESIGN in real Chromium, against the running house.

They live in modules of their own and are gathered here, so that pytest-xdist (`--dist loadfile`)
gives all of them to one worker and the house is started once.
"""

from __future__ import annotations

import pytest

from tests.canary.silence import *  # noqa: F403
from tests.stack.running import *  # noqa: F403
from tests.stories.admin import *  # noqa: F403
from tests.stories.agent import *  # noqa: F403
from tests.stories.auditor import *  # noqa: F403
from tests.stories.command_line import *  # noqa: F403
from tests.stories.escalating import *  # noqa: F403
from tests.stories.member import *  # noqa: F403
from tests.stories.operator import *  # noqa: F403
from tests.stories.passkeys import *  # noqa: F403
from tests.stories.trail import *  # noqa: F403

pytestmark = [pytest.mark.stack, pytest.mark.browser]
