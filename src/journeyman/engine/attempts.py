"""What a worker does with an attempt: the same as a person's terminal does."""

from journeyman.attempt.host import Host
from journeyman.attempt.run import run_attempt
from journeyman.engine.activities import Run


def runner(host: Host) -> Run:
    """Runs attempts on `host`; the outcome is the verdict."""

    async def run(attempt_id: str) -> str:
        result = await run_attempt(host, attempt_id)
        return result.verdict

    return run
