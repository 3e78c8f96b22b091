"""A typed client of the service: `AsyncClient`, and `Client` for programs without an event loop.

with Client("http://127.0.0.1:8700") as client:
    view = client.submit(TaskCreate(prompt="Fix the failing test", repository="https://host/shop.git"))
    for change in client.events(view.task.id):
        ...
"""

from journeyman.client.asynchronous import AsyncClient
from journeyman.client.synchronous import Client
from journeyman.client.transport import Times
from journeyman.core.api.tasks import TaskCreate

__all__ = ["AsyncClient", "Client", "TaskCreate", "Times"]
