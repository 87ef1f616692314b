"""Nothing is asked at a door: what comes in is checked, and goes where it belongs."""

from typing import Any

from services.kernel.question import Question

QUESTIONS: tuple[Question[Any, Any], ...] = ()
