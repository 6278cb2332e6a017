"""One check, in a process of its own: the question on standard input, the answer on standard output.

The answer is one line of JSON and then the picture's bytes. Limits are set before anything heavy is loaded.
"""

import json
import os
import resource
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

MEBIBYTE = 1024 * 1024


def main() -> int:
    asked = json.load(sys.stdin)
    _limit(asked["memory_mib"], asked["cpu_seconds"], asked["output_mib"])
    answer = _answer(asked)
    sys.stdout.buffer.write(json.dumps(answer["said"], allow_nan=True).encode() + b"\n")
    sys.stdout.buffer.write(answer["png"])
    sys.stdout.buffer.flush()
    return 0


def _limit(memory_mib: int, cpu_seconds: int, output_mib: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * MEBIBYTE,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output_mib * MEBIBYTE,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415

    from bot.catalog.config import Limits, Model  # noqa: PLC0415
    from bot.checks.answering import answer  # noqa: PLC0415
    from bot.checks.known import Known  # noqa: PLC0415
    from bot.checks.refusals import refusal  # noqa: PLC0415
    from bot.checks.registry import Question  # noqa: PLC0415
    from bot.core.errors import BotError  # noqa: PLC0415
    from bot.data import open_model  # noqa: PLC0415

    os.environ.update(asked["secrets"])
    where, _, name = asked["params_type"].partition(":")
    params = getattr(import_module(where), name).model_validate(asked["params"])
    model = Model.model_validate(asked["model"])
    limits = Limits.model_validate(asked["limits"])
    try:
        question = Question(
            params=params,
            model=model,
            rows=open_model(model, Path(asked["base"]), limits),
            at=datetime.fromisoformat(asked["at"]),
            known=TypeAdapter(Known).validate_python(asked["known"]),
            now=datetime.fromisoformat(asked["now"]) if asked["now"] else None,
        )
        result = answer(import_module(asked["room"]).run, question)
    except BotError as error:
        result = refusal(error)
    return {"said": result.as_json(), "png": result.png or b""}


if __name__ == "__main__":
    sys.exit(main())
