"""The embedded model's download, with a progress bar."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from journeyman.models.local.progress import Progress as Step
from journeyman.models.local.weights import ensure_weights


async def fetch_model(cache: Path) -> Path:
    """The checked model file in `cache`; what is missing is fetched, what is there is kept."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    shown = ""
    with Progress(*columns, console=console, transient=True) as bar:
        job = bar.add_task("Looking for the embedded model", total=None)

        def on_progress(step: Step) -> None:
            nonlocal shown
            if not console.is_terminal and step.text != shown:
                shown = step.text
                console.print(shown, highlight=False)
            bar.update(job, description=step.text, completed=step.done, total=step.total or None)

        file = await ensure_weights(cache, on_progress=on_progress)
    console.print(f"The embedded model is ready: {file}", highlight=False, soft_wrap=True)
    return file
