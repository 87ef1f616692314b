from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from local.model.server import ModelStandIn
from tests.local.model.worlds import KEY, QUESTION, rules


@pytest.fixture
async def stand_in() -> AsyncIterator[ModelStandIn]:
    async with ModelStandIn(key=KEY, questions={QUESTION: rules}) as running:
        running.turn(differs=0)
        yield running


@pytest.fixture
async def client(stand_in: ModelStandIn) -> AsyncIterator[AsyncOpenAI]:
    plain = DefaultAsyncHttpxClient(verify=False)  # reading certificates costs more than the test
    async with AsyncOpenAI(
        base_url=stand_in.base_url, api_key=KEY, max_retries=0, timeout=5, http_client=plain
    ) as connected:
        yield connected
